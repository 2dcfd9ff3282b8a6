"""How the tables came to be: one numbered file per change in `versions`, run in order.

`HEAD` is the newest version, known here so that a start needs not look through the scripts (a test compares them).
`env` is where Alembic enters.
"""

HEAD = "0002"
