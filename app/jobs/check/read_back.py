"""Reads again what a backup has added, so that what arrived damaged is known the same day.

restic names every file of a repository by the hash of its content. In a folder of this computer the files that were
not there before are read from the disk, past what the system still has in memory; from anywhere else restic fetches
the new packs. No restic can be told to check just these.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.words import text
from app.jobs.check.damage import Damage, in_words
from app.jobs.check.job import Checker, CheckState
from app.jobs.check.marks import ADDED, CheckMark, check_marks, known_damage
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.repositories import OpenRepository
from app.settings.model import Site
from app.tools.restic import packs
from app.tools.restic.check import Findings
from app.tools.restic.folder import folder_of
from app.tools.restic.output import Snapshot

STEP = "read-back"
AT_ONCE = 2
"""So many restics fetch packs: while one begins another reads."""


@dataclass
class ReadBackState:
    """What there was before the backup: the files or packs of the repository, and the damage that was known."""

    before: frozenset[str] = frozenset()
    damage: Sequence[CheckMark] = ()


async def look_before(
    repository: OpenRepository, blocking: Blocking, snapshots: Iterable[Snapshot], state: ReadBackState
) -> None:
    """Remembers what the repository holds, where what is added will be read back."""
    state.damage = known_damage(check_marks(snapshots))
    if repository.site.check.read_back:
        state.before = frozenset(await _there(repository, blocking))


async def _there(repository: OpenRepository, blocking: Blocking) -> Mapping[str, int]:
    """The files of the repository's folder with their sizes, or its packs where it is elsewhere."""
    folder = folder_of(repository.site.repository.address, blocking)
    if folder is not None:
        return await folder.written()
    return dict.fromkeys(await packs.packs(repository.restic.session), 0)


async def read_back(ctx: Ctx, checker: Checker, state: ReadBackState) -> None:
    """Reads what was added, and raises `backup.arrived-damaged` when something of it is not what was written.

    Raises `backup.repository-damaged` when damage was known before: what is new leans on it.
    """
    if checker.site.check.read_back:
        await _read_added(ctx, checker, state)
    if state.damage:
        raise _known_damage(checker.site, state.damage)


async def _read_added(ctx: Ctx, checker: Checker, state: ReadBackState) -> None:
    repository = await checker.repository(ctx)
    there = await _there(repository, checker.blocking)
    added = {name: size for name, size in there.items() if name not in state.before}
    broken = await _that_count(repository, await _damaged_of(ctx, repository, checker.blocking, added))
    if broken:
        raise await _explained(ctx, checker, broken)


async def _damaged_of(ctx: Ctx, repository: OpenRepository, blocking: Blocking, added: Mapping[str, int]) -> list[str]:
    """Those of the added files that do not hold what their names say."""
    pace = Pace(STEP, ctx.emit)
    folder = folder_of(repository.site.repository.address, blocking)
    if folder is not None:
        return await _read_files(folder.is_well, added, pace)
    return await _fetch(repository, list(added), pace)


async def _that_count(repository: OpenRepository, broken: Sequence[str]) -> Sequence[str]:
    """Without packs that no index names: half of a pack is left where the way to the repository broke off, it is in no
    snapshot, and the next prune removes it. Where an index cannot be read all of them count.
    """
    packs_broken = {name.rpartition("/")[2] for name in broken if name.startswith("data/")}
    if not packs_broken:
        return broken
    try:
        named = await packs.named_in_an_index(repository.restic.session, packs_broken)
    except UserError:
        return broken
    return [name for name in broken if not name.startswith("data/") or name.rpartition("/")[2] in named]


async def _read_files(is_well: Callable[[str], Awaitable[bool]], added: Mapping[str, int], pace: Pace) -> list[str]:
    done, total, broken = 0, sum(added.values()), []
    for number, (name, size) in enumerate(added.items(), 1):
        if not await is_well(name):
            broken.append(name)
        done += size
        pace.tell(done, total, files=number, total_files=len(added))
    return broken


async def _fetch(repository: OpenRepository, added: Sequence[str], pace: Pace) -> list[str]:
    broken: list[str] = []
    done = 0
    left = iter(added)

    async def fetch() -> None:
        nonlocal done
        for pack in left:
            well, _ = await packs.is_well(repository.restic.session, pack)
            broken.extend([] if well else [f"data/{pack}"])
            done += 1
            pace.tell_files(done, len(added))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(fetch())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return broken


async def _explained(ctx: Ctx, checker: Checker, broken: Sequence[str]) -> UserError:
    """Finds out what is hit, writes it down here and in the repository, and says it."""
    state = CheckState()
    await checker.look(ctx, state)
    state.result = await checker.judged(ctx, _findings(broken), ADDED, state)
    with contextlib.suppress(UserError):  # damage may keep the mark from being written; the result is noted here then
        await checker.note(ctx, state)
    damage = state.result.damage
    assert damage is not None, "something is damaged"
    return _arrived_damaged(checker.site, damage, broken)


def _findings(broken: Sequence[str]) -> Findings:
    """What a check would say of these files."""
    names: dict[str, list[str]] = {"data": [], "index": [], "snapshots": []}
    for path in broken:
        kind, _, rest = path.partition("/")
        names[kind].append(rest.rpartition("/")[2])
    found = tuple(names["data"])
    return Findings(
        packs=found,
        whole_packs=found,
        snapshots=tuple(names["snapshots"]),
        index=bool(names["index"]),
        said=tuple(broken),
    )


def _arrived_damaged(site: Site, damage: Damage, broken: Sequence[str]) -> UserError:
    return UserError(
        text("What this backup wrote is damaged in the repository: {count} files.", count=len(broken)),
        text("This point does not count as complete; older ones are as they were. What is hit stands below."),
        text(
            "Look at the disk or the link to the repository, then at what a repair would do:"
            " overwinter repo repair {site} --preview",
            site=site.name,
        ),
        "backup.arrived-damaged",
        "\n".join([*map(str, in_words(damage)), "", *broken]),
    )


def _known_damage(site: Site, damage: Sequence[CheckMark]) -> UserError:
    return UserError(
        text("The repository is damaged, as a check found on {day}.", day=f"{damage[-1].time:%Y-%m-%d}"),
        text("This backup may lean on what is damaged, so it does not count as complete before that is repaired."),
        text("Look at what a repair would do: overwinter repo repair {site} --preview", site=site.name),
        "backup.repository-damaged",
    )
