"""Sets a machine up for Overwinter with nothing but Python's standard library; `bootstrap.py` is the way in.

Here: the virtual environment, the outside programs, the check run. Not here: anything of the program itself
(nothing in this folder imports `app`, and `app` imports nothing from here). `catalogues` is no part of setting up: it
is run by hand where the development packages are. Open `bootstrap.py` first.
"""
