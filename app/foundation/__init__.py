"""What every room stands on, one file each; each file imports only those named before it.

`words` sentences that can be translated · `errors` the only errors a person sees · `redact` removes every known
secret from text · `blocking` the only door from the engine's loop to code that blocks · `events` what a run tells.

Nothing here knows a site, a program or a window. Open `errors` first.
"""
