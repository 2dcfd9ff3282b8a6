"""The window: the only room that knows Qt.

`application` opens it · `bridge` is the one way to the engine and back · `page_task` makes a page's coroutine safe ·
`main_window` is the frame · `pages/` one file or folder per page · `widgets/` what pages are made of · `models/` rows
for lists · `theme` how it looks · `defects` what nobody caught · `ending` the system's wish to end · `garbage` why it
is collected in one thread.
No page touches records, keyring, files or a process: it asks through the bridge. Open `application` first.
"""
