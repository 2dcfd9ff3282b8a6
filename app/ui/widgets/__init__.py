"""The small parts that pages are put together from: the log view, cards, badges, lists, the strip of running work.

A widget is told what to show and says what was pressed; it reads no store and starts nothing. Open `log_view` first.
"""
