"""The Dashboard: how the chosen site stands, at one glance.

`page` reads and arranges · `band` is what can be brought back to when · `facts` are the cards below it · `growth` draws
what each day added.
"""
