"""What the frame asks of a page."""

from __future__ import annotations

import asyncio
from typing import Protocol

from app.foundation.errors import Problem


class SitePage(Protocol):
    """One page of the window for the site that is chosen; made once, shown again and again."""

    tasks: dict[str, asyncio.Task[None]]

    def show_error(self, error: Problem) -> None:
        """Shows what went wrong, in its place on the page."""

    def show_site(self, site: str) -> None:
        """Another site is chosen (its name, "" for none); what it holds is read only when the page is visible."""

    def site_changed(self) -> None:
        """Something of the shown site changed (a run ended, settings were saved): it is read anew when visible."""
