"""How a site stands, put together from what is remembered of it. Nothing here is asked for; all of it loads fast."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.foundation.errors import Problem
from app.foundation.words import Language
from app.jobs.catalogue.listed import list_file
from app.jobs.catalogue.listed import remembered as read_listed
from app.jobs.health.inventory import Inventory, inventory_of
from app.jobs.health.judgement import Health, health_of
from app.jobs.health.memory import Known, Remembered, SizeSample, read_remembered
from app.jobs.health.notices import Notice
from app.jobs.health.verdict import Verdict, verdict_of
from app.jobs.kit.state import KitState
from app.records.run import Run
from app.settings.places import Places


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """How a site stands. `away` is why its repository could not be read the last time; None when it could.

    `unread` is how many of the `notices` nobody has seen yet; `seen` is until when they were.
    """

    site: str
    title: str
    health: Health
    kit: KitState
    verdict: Verdict
    inventory: Inventory | None = None
    away: Problem | None = None
    runs: tuple[Run, ...] = ()
    notices: tuple[Notice, ...] = ()
    unread: int = 0
    seen: datetime
    samples: tuple[SizeSample, ...] = ()


def overview_of(
    known: Known,
    remembered: Remembered,
    inventory: Inventory | None,
    now: datetime,
    language: Language,
    *,
    away: Problem | None = None,
) -> Overview:
    """How the site stands by what is known of it here and what was read of its repository last, judged by `now`."""
    site = known.site
    health = health_of(site, inventory, now, readable=away is None)
    return Overview(
        site=site.name,
        title=site.title or site.name,
        health=health,
        kit=known.kit,
        verdict=verdict_of(health, known.kit, now, language),
        inventory=inventory,
        away=away,
        runs=known.runs,
        notices=known.notices,
        unread=sum(notice.at > remembered.seen for notice in known.notices),
        seen=remembered.seen,
        samples=remembered.samples,
    )


def as_it_was(places: Places, site: str, now: datetime, language: Language) -> Overview | None:
    """How the site stood when the program was last here, judged by `now`; what worked then is not said to work now.

    Reads two files of the cache, and blocks meanwhile.
    """
    remembered = read_remembered(places.overviews, site)
    known = remembered.known
    if known is None:
        return None
    listed = read_listed(list_file(places.catalogue, site), known.site.repository.address)
    inventory = None if listed is None else inventory_of(listed.snapshots, known.site, listed.read)
    ended = tuple(run for run in known.runs if run.closed is not None)
    return overview_of(msgspec.structs.replace(known, runs=ended), remembered, inventory, now, language)
