"""Restores a recovery point: elsewhere first, beside everything that is there.

`choice` is what is asked for · `contents` what a point holds · `listing` what its files are, and whether they stand
as they should · `checks` what must be so before anything is done · `unfinished` what a restore leaves while it works,
so that it is found and removed should it die · `folder` puts sources into a folder · `database` makes a new database ·
`job` is the plan of both · `put_aside` and `tables_aside` drop old databases when their time is over. How each kind of
database is loaded is with the sources (`sources.loading`). Open `job` first.
"""
