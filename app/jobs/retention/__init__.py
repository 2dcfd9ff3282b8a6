"""Which old recovery points go, and how they go.

`decision` is the policy, a pure function of what is known · `removal` lets points go, whole, and looks whether they are
gone · `job` is the run that does both, by itself or at the end of a backup · `keep` protects one point and
`deletion` removes one, by hand. Open `decision` first.
"""
