"""What happened: runs with their steps and items, who holds a site, the audit log.

`site_records` is the only way to rows of a site · `across_sites` says on which sites something works · `runs`, `locks`
and `audit` are its rows · `owners` says which process works on a run and whether it still lives · `cleaned` takes
secrets out of what is recorded. What a site is lives in `settings`, what a run does in `jobs`. Open `site_records`
first.
"""
