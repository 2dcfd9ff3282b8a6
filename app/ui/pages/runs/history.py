"""The question for a site's runs, which the Runs page and the field that finds anything put to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.runs.history import PastRun


async def history(app: Overwinter, site: str) -> list[PastRun]:
    """The runs of a site, as far as this computer knows them."""
    from app.runs.history import history_of  # noqa: PLC0415  the window is painted before the runs' room is loaded

    records, inventory = app.records(site), await app.overviews.inventory(site)
    points = () if inventory is None else inventory.points
    return history_of(await records.runs(), await records.tallies(), points)
