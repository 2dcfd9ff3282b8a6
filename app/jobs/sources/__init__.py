"""One driver per kind of source: how it is captured into the repository, and how a database is brought back as new.

`driver` says what all have in common, `loading` what those have that can be brought back (`…_loading` is one kind
each) · `kinds` is the table of them · `postgresql_swapping` puts a database beside the live one and says what takes it
into its place (`postgresql_filling` and `postgresql_way` are what it shares with loading) · `private_file` a password
on disk for a moment · `read_again` finds a dump that lacks its end · the other files are one kind each.
"""
