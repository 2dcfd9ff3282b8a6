"""Brings a point back in place of what is live: everything around the swap itself, which is `cutover`'s.

`place` is where a tree stands and what it is called meanwhile · `mounts` and `users` what a computer tells of it ·
`patterns` which names are meant · `preflight` what must be so before anything is done · `foreseen` what would change ·
`staging` puts a tree beside the live one · `around` the site's own commands · `safety` the backup before · `order` the
effects of the cutover · `kept` what stays of the old state, and its end · `job` the plan of all that. Open `job` first.
"""
