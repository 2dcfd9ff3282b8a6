"""Disks with repositories on them that come and go while the window is open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.foundation.errors import Problem
from app.foundation.words import Language, text
from app.ui.bridge import Bridge
from app.ui.page_task import page_task
from app.ui.pages.run_watch import RunWatch
from app.ui.widgets.disk_banner import DiskBanner

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.jobs.disks import SiteDisk


class DiskWatch(QObject):
    """Notices them, and offers the backup when one has come.

    Signals:
        changed: the disk of these sites has come or gone; carries a list of their names.
        failed: something went wrong meanwhile; carries a `Problem`.
    """

    changed = Signal(object)
    failed = Signal(object)

    def __init__(self, bridge: Bridge, language: Language, watch: RunWatch, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._bridge = bridge
        self._watch = watch
        self._before: dict[str, bool] | None = None
        self._come: list[SiteDisk] = []
        self.banner = DiskBanner(language)
        self.banner.backup_asked.connect(self._back_up)

    def show_error(self, error: Problem) -> None:
        """Something went wrong in a task."""
        self.failed.emit(error)

    @page_task
    async def look_out(self) -> None:
        """Notices every disk that comes or goes, as long as the window is open."""
        async for disks in self._bridge.each(lambda app: app.disks.changes()):
            self._take(disks)

    def _take(self, disks: Sequence[SiteDisk]) -> None:
        before, self._before = self._before, {one.site: one.here for one in disks}
        if before is None:  # what was here when the window opened has not come
            return
        moved = [one.site for one in disks if before.get(one.site, True) is not one.here]
        if moved:
            self.changed.emit(moved)
        come = [one for one in disks if one.here and before.get(one.site) is False]
        if come:
            self._tell(come)
        elif any(not self._before.get(one.site, False) for one in self._come):
            self.banner.hide()

    def _tell(self, come: list[SiteDisk]) -> None:
        label = come[0].label
        self._come = [one for one in come if one.label == label]
        titles = ", ".join(one.title for one in self._come)
        what = text("The disk {disk} is plugged in.", disk=label)
        self.banner.show_come(what, text("The backups of {sites} are on it.", sites=titles))

    def _back_up(self) -> None:
        for one in self._come:
            self._launch(one.site)

    def _launch(self, site: str) -> None:
        self._watch.launch(site, lambda app: app.back_up(site), self.failed.emit)
