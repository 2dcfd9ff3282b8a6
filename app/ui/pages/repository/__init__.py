"""The Repository page: what the repository is and holds, who works with it, who can open it, how well it is known.

`repository_page` is the page: it asks, counts, unlocks, checks · `panels` are its cards · `share_bar` shows how far the
reading of everything is.
"""
