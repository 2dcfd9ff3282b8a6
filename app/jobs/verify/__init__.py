"""Proves that a recovery point restores: each source is brought back for a moment, compared, and thrown away.

`job` is the run · `proof` is what it says of a source, and when it may say that the data is wrong · `kinds` is the
table of who proves what: `postgresql`, `mysql`, `sqlite`, `files`, `statements` · `attempts` tries one place after the
other, `streaming` leads a dump into one, `room` is whether it fits · `throwaways` is everything that has to go again ·
`report` is what stays: the mark in the repository and the log. Open `job` first.
"""
