"""One driver per kind of source: how it is captured into the repository.

`driver` says what all have in common · `kinds` is the table of them · `private_file` a password on disk for a moment ·
`read_again` finds a dump that lacks its end · the other files are one kind each.
"""
