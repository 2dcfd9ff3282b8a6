"""A look at a host: what is there that a site should back up, as uses of presets with their values.

`job` is the whole look · `walk` goes through folders, bounded, and `clues` says what a folder's names tell ·
`laravel`, `python_services`, `broker`, `compose` and `databases` read what was found · `proposals` fits it into a site.
Nothing is written and nothing is started there but `head` on what may be a database; links are not followed, other
file systems not entered. Open `job` first.
"""
