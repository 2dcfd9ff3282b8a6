"""What to do, in which order: one file per job, reading like the story a technician would tell.

`plan` is the vocabulary (Plan, Step, Ctx) · `sources/` has one driver per kind of source · `backup` is the main job ·
`repositories` opens the site's repository wherever restic runs, `ways` leads there · `manifest` is what the backup
writes last · `points` finds recovery points again · `browse` looks into them and saves out, `saving` does so as a run ·
`catalogue/` is what this computer keeps of all that · `compare` says what is different between two · `restore/`
brings one back elsewhere, `swap/` in place of what is live, by `effects/` that `cutover/` carries out, takes back and
recovers · `retention/` lets old ones go · `verify/` proves that they restore · `check/` reads the repository itself
and repairs it · `health/` judges how a site stands · `look/` proposes what to back up, `extending` adds it ·
`runbook/` is printed for people, `kit/` for the day when this computer is gone · `unlock` removes locks of the dead ·
`editing` changes settings as forms do, `trying` tries their connections · `repository_state` is what a repository's
page shows · `new_password` gives it another password.
Records, locks, secrets, timing and cancelling are the runner's (`runs`); no job knows them. Open `backup` first.
"""
