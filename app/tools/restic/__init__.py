"""restic: the program that keeps the snapshots.

`program` finds a fit one · `output` is what it says, typed · `errors` is what its exit codes and words mean ·
`brought` takes ours to a host that has none · `session` starts it with the password on its standard input · `way`
leads it to a repository that is served from here · `repository` is what it can be asked to do (open this first) ·
`keys` are the passwords that open it · `difference` compares two snapshots · `names` writes file names as restic's
patterns and trees do · `preflight` finds an unreachable repository in seconds, where restic itself tries for a
quarter of an hour.
"""
