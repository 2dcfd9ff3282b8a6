"""One driver per kind of source: how it is captured into the repository, and how a database is brought back as new.

`driver` says what all have in common, `loading` what those have that can be brought back (`…_loading` is one kind
each), `swapping` what those have that can take the live one's place (`…_swapping`) · `kinds` is the table of them ·
`postgresql_filling` and `postgresql_way` are what loading and swapping share · `private_file` a password on disk for a
moment · `read_again` finds a dump that lacks its end · the other files are one kind each.
"""
