"""SQLite: a copy of a live database as it was in one moment, looked at before it counts; and the way back into it.

`programs` finds what can open a database on a host (Python, or the `sqlite3` program) and how each is told ·
`copying` makes the copy and says what it holds (open this first) · `putting` puts a copy into a live database ·
`errors` is what SQLite's refusals mean.
"""
