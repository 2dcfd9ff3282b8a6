"""The Snapshots page: recovery points on the left, on the right what is in the one that is chosen.

`page` is the whole of it (open this first) · `filter_bar` says which points are meant · `point_head` is the chosen one
and what can be done with it · `files_tab`, `databases_tab`, `compare_tab` and `details_tab` show it, `preview` a file
in it · `dialogs` ask before a point is kept or deleted · `asking` is what is asked of the engine.
"""
