"""The database under everything that is remembered, and files that last.

`tables` are all tables · `engine` opens the database and is the way to it: many readers, one writer · `sqlite` and
`postgresql` are the two kinds of it, `backend` what they have in common · `versions` brings an older one up to date,
by the scripts in `migrations` · `extract` writes one site's rows out · `clock` is the database's own time · `sealed`
keeps secrets in files · `durable` writes files that survive a power cut.
What rows mean is not known here (`settings`, `records`). Open `engine` first.
"""
