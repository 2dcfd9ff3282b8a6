"""What to do, in which order: one file per job, reading like the story a technician would tell.

`plan` is the vocabulary (Plan, Step, Ctx) · `sources/` has one driver per kind of source · `backup` is the main job ·
`repositories` opens the site's repository wherever restic runs, `ways` leads there · `manifest` is what the backup
writes last · `points` finds recovery points again · `browse` looks into them and saves out · `retention/` lets
old ones go · `verify/` proves that they restore · `kit/` is for the day when this computer is gone · `unlock` removes
locks of the dead · `look/` proposes what a site should back up on a host, `extending` adds it to the site · `runbook/`
is the document that brings the site back.
Records, locks, secrets, timing and cancelling are the runner's (`runs`); no job knows them. Open `backup` first.
"""
