"""The window: the only room that knows Qt.

`application` opens it · `bridge` is the one way to the engine and back · `page_task` makes a page's coroutine safe ·
`main_window` is the frame · `pages/` one file or folder per page, each as `pages/page` asks · `widgets/` what pages
are made of · `models/` rows for lists · `theme` how it looks, by a `stylesheet` · `adding` the ways in which a site
comes here · `recoveries` restores that stopped in the middle · `finder` finds anything, of `findables` · `help` ·
`asking` for the vault's passphrase · `only_window` one for each data folder, as it was `remembered` · `tray` ·
`defects` what nobody caught · `ending` the system's wish to end · `garbage` why it is collected in one thread.
No page touches records, keyring, files or a process: it asks through the bridge. Open `application` first.
"""
