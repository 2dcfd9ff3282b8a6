"""Carries a staged restore into the live site, takes it back on any error, and puts a site right after a death.

`plan` is what is written down before the first change, `names` where things stand, `shelf` where plans are kept, here
and beside the target · `forward` does the effects in order, and undoes them in reverse · `recover` decides by what is
found where the way leads, forward or back · `undo` takes a finished restore back later · `ending` is what follows when
the site is whole again. What an effect is, is in `jobs.effects`. Open `plan` first, then `forward`.
"""
