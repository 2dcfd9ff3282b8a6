"""restic: the program that keeps the snapshots.

`program` finds a fit one · `output` is what it says, typed · `errors` is what its exit codes and words mean ·
`session` starts it with the password on its standard input · `repository` is what it can be asked to do (open this
first) · `names` writes file names as restic's patterns and trees do · `preflight` finds an unreachable repository in
seconds, where restic itself tries for a quarter of an hour.
"""
