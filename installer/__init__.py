"""Sets a machine up for Overwinter with nothing but Python's standard library; `bootstrap.py` is the way in.

Here: the virtual environment, the outside programs, the check run. Not here: anything of the program itself
(nothing in this folder imports `app`, and `app` imports nothing from here). Open `bootstrap.py` first.
"""
