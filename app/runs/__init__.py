"""Do it once: carries a Plan out, tells what happens, and closes its record exactly once, whatever happens.

`runner` is the story · `context` is what a step acts through · `files` are a run's event file and log on disk ·
`feed` replays and follows a run, ours or another process's · `engine` makes the loop all this works on.
What is done is not known here (that is `jobs`). Open `runner` first.
"""
