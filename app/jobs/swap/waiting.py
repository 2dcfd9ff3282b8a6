"""What stands staged and waits for its cutover, which another run does: it is noted in the audit log, and taken away
when nobody has come for it.
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta

import msgspec

from app.foundation.errors import Refused
from app.foundation.words import text
from app.jobs.effects.effect import World
from app.jobs.effects.every import Removal
from app.jobs.restore.unfinished import end
from app.jobs.swap.setting import SwapSetting, SwapState
from app.records.site_records import SiteRecords

STAGED, OVER = "restore-staged", "restore-staged-over"
WAITS = timedelta(days=7)


class Stage(msgspec.Struct, frozen=True):
    """The folder of ours that a tree is staged in."""

    host: str
    path: str


class Waiting(msgspec.Struct, frozen=True):
    """What the run `run` has staged of a point."""

    run: str
    point: str
    sources: tuple[str, ...]
    stages: tuple[Stage, ...]
    shadows: tuple[Removal, ...]
    made: datetime


async def let_wait(setting: SwapSetting, state: SwapState, records: SiteRecords) -> None:
    """Notes what waits; from then on the end of the run leaves it where it is."""
    waiting = Waiting(
        run=setting.run,
        point=setting.base.contents.point.id,
        sources=tuple(entry.source for entry in setting.base.entries),
        stages=tuple(Stage(tree.host, tree.stage) for tree in state.staged.values()),
        shadows=tuple(one.remove for one in state.databases.values()),
        made=datetime.now(UTC),
    )
    content = msgspec.json.encode(waiting).decode()
    await records.add_audit(getpass.getuser(), STAGED, {"run": setting.run, "staged": content})
    for unfinished in list(state.begun):
        await end(records, unfinished)
        del state.begun[unfinished]


async def all_waiting(records: SiteRecords) -> list[Waiting]:
    """What was staged and neither swapped in nor taken away, oldest first."""
    found: dict[str, Waiting] = {}
    for entry in await records.audit((STAGED, OVER)):
        if entry.what == STAGED:
            found[entry.fields["run"]] = msgspec.json.decode(entry.fields["staged"], type=Waiting)
        else:
            found.pop(entry.fields["run"], None)
    return list(found.values())


async def waiting_of(records: SiteRecords, run: str) -> Waiting:
    """What that run has staged, by its id or its beginning. Raises `Refused` `restore.not-staged`."""
    found = [one for one in await all_waiting(records) if run and one.run.startswith(run)]
    if len(found) != 1:
        raise _not_staged(run)
    return found[0]


async def no_longer(records: SiteRecords, run: str) -> None:
    """It is swapped in, or taken away."""
    await records.add_audit(getpass.getuser(), OVER, {"run": run})


async def remove_forgotten(world: World, now: datetime) -> list[str]:
    """Removes what nobody came for in a week; gives the names."""
    removed: list[str] = []
    for waiting in await all_waiting(world.ctx.records):
        if now - waiting.made < WAITS:
            continue
        for stage in waiting.stages:
            await world.ctx.host(stage.host).remove_tree(stage.path)
        for shadow in waiting.shadows:
            await shadow.do(world)
        removed += [*(stage.path for stage in waiting.stages), *(shadow.name for shadow in waiting.shadows)]
        await no_longer(world.ctx.records, waiting.run)
    return removed


def expect_same(waiting: Waiting, setting: SwapSetting) -> None:
    """What was staged is what is meant now. Raises `Refused` `restore.staged-other`."""
    meant = tuple(entry.source for entry in setting.base.entries)
    if (waiting.point, waiting.sources) != (setting.base.contents.point.id, meant):
        raise _other(waiting)


def _not_staged(run: str) -> Refused:
    return Refused(
        text("Nothing that a run {run} has staged waits for its cutover.", run=run),
        text("Nothing was changed."),
        text("Stage it first (--stage-only), and give the id of that run."),
        "restore.not-staged",
    )


def _other(waiting: Waiting) -> Refused:
    return Refused(
        text(
            "The run {run} has staged other things: {sources} of the point {point}.",
            run=waiting.run[:8],
            sources=", ".join(waiting.sources),
            point=waiting.point[:8],
        ),
        text("Nothing was changed."),
        text("Give that point and the same --scope."),
        "restore.staged-other",
    )
