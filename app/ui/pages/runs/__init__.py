"""The Runs page: what was done on the chosen site, by whatever computer, and each run with its past. Open `page`."""
