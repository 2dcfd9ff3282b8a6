"""Overwinter: backs a greenhouse up, proves that it restores, puts it back, revives its nodes.

Data walks through the rooms in this order, and each room imports only from its left:

    foundation ← store ← settings ← records ← hosts ← tools ← jobs ← runs ← demo ← assembly ← cli | ui

Open `assembly` to see what is built at a start, `jobs/backup.py` to read the main story.
"""

__version__ = "0.1.0"
