"""Do it once: carries a Plan out, tells what happens, and closes its record exactly once, whatever happens.

`runner` launches and knows the runs · `work` is the story of one · `context` is what a step acts through · `hold` is
what a run holds meanwhile: `site_lock` here, a `lease` on servers · `recovery` clears away after runs that died ·
`files` are a run's event file and log on disk · `feed` replays and follows a run, ours or another process's, `remains`
is what its record tells without them · `engine` makes the loop all this works on.
What is done is not known here (that is `jobs`). Open `runner` first, then `work`.
"""
