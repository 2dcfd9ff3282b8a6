"""The report of a restore: what a technician hands over. `contents` what is in it · `paper` the same as PDF."""
