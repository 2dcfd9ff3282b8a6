"""Whether the repository's data is well, share by share; what damage hits; and its repair.

`marks` is what checks leave in the repository, `job` the check itself, `damage` what it explains, `repair` the way
back, and `read_back` the part of a backup that reads again what it wrote.
"""
