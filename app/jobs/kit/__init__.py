"""The recovery kit: a sealed file and a printed page from which an empty computer gets a site back.

`make` seals a kit and `trial` tests one, each a run · `opening` brings a site here from a kit · `page` is what the
printed page says, with `typed` (commands that can be typed from paper) and `drawn` (the page as PDF) · `state` is what
there is to remind of, read from the audit log. The file itself is `settings.kit`. Open `make` first.
"""
