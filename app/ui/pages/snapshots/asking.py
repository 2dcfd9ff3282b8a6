"""What the Snapshots page asks of the engine, and what it has it start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from datetime import date

    from app.assembly import Overwinter
    from app.jobs.catalogue.dumps import Dump
    from app.runs.runner import Launched

PREVIEWED = 256 * 1024
"""So many bytes of a file are shown."""


async def verify(app: Overwinter, site: str, point: str) -> Launched:
    """Starts the verification of a point."""
    from app.jobs.verify.job import VerifyChoice  # noqa: PLC0415  the engine's thread loads it, not the window's

    return await app.runner.launch(await app.plan_verify(site, VerifyChoice(point)))


async def check(app: Overwinter, site: str) -> Launched:
    """Starts the check of the next share of the repository."""
    from app.jobs.check.job import CheckChoice  # noqa: PLC0415  likewise

    return await app.runner.launch(await app.plan_check(site, CheckChoice()))


async def keep(app: Overwinter, site: str, point: str, until: date, reason: str) -> Launched:
    """Starts the run that keeps a point to the end of a day."""
    from app.jobs.retention.keep import KeepChoice  # noqa: PLC0415  likewise

    return await app.runner.launch(await app.plan_keep(site, KeepChoice(point, until, reason)))


async def delete(app: Overwinter, site: str, point: str, typed: str) -> Launched:
    """Starts the deletion of a point, for which this was typed."""
    return await app.runner.launch(await app.plan_deletion(site, point, typed))


async def phrase(_app: Overwinter, site: str, point: str) -> str:
    """What has to be typed to delete a point."""
    from app.jobs.retention.deletion import phrase_of  # noqa: PLC0415  likewise

    return phrase_of(site, point)


async def save(app: Overwinter, site: str, snapshot: str, paths: tuple[str, ...], target: str) -> Launched:
    """Starts the run that saves files and folders."""
    from app.jobs.saving import SaveChoice  # noqa: PLC0415  likewise

    return await app.runner.launch(await app.plan_save(site, SaveChoice(snapshot, paths, target)))


async def export(app: Overwinter, site: str, point: str, folder: str) -> Launched:
    """Starts the restore of a whole point into a folder of this computer that is not there yet."""
    from app.jobs.restore.choice import BOTH, Folder, RestoreChoice  # noqa: PLC0415  likewise
    from app.settings.model import THIS_COMPUTER  # noqa: PLC0415  likewise

    choice = RestoreChoice(point, (BOTH,), Folder(folder, THIS_COMPUTER), accepted=("ownership",))
    return await app.runner.launch(await app.plan_restore(site, choice))


async def head(app: Overwinter, site: str, snapshot: str, path: str) -> bytes:
    """The beginning of a file; one byte more than is shown where there is more."""
    repository = await app.catalogue.opened(site, snapshot)
    return await repository.tree(snapshot).head(path, PREVIEWED + 1)


async def known_dumps(app: Overwinter, site: str, point: str) -> list[Dump]:
    """The databases of a point as the list knows them, also while the repository is away."""
    from app.jobs.catalogue.dumps import dumps_of_members  # noqa: PLC0415  likewise

    return dumps_of_members(await app.catalogue.members(site, point))


async def counted_dumps(app: Overwinter, site: str, point: str) -> list[Dump]:
    """The databases of a point with what was counted in them, by its manifest."""
    from app.jobs.catalogue.dumps import dumps_of  # noqa: PLC0415  likewise
    from app.jobs.restore.contents import read_contents  # noqa: PLC0415  likewise

    return dumps_of(await read_contents(await app.repository(site), point))


async def details(app: Overwinter, site: str, point: str) -> str:
    """Everything the list knows of a point, as JSON that people can read."""
    listed = await app.catalogue.known(site)
    row = next((one for one in listed.rows if one.point.id == point), None) if listed is not None else None
    snapshots = await app.catalogue.snapshots_of(site, point)
    said = {"point": row.point if row is not None else None, "snapshots": snapshots}
    return msgspec.json.format(msgspec.json.encode(said), indent=2).decode()
