"""Removes what a dead restore left, wherever it stands."""

from __future__ import annotations

from app.foundation.errors import UserError
from app.foundation.words import text
from app.jobs.plan import Ctx
from app.jobs.restore.folder import KIND as FOLDER
from app.jobs.restore.folder import remove_folder
from app.jobs.restore.unfinished import SHADOW, STAGE, Unfinished
from app.jobs.sources.driver import Equipment
from app.jobs.sources.kinds import LOADERS, SWAPS
from app.jobs.sources.loading import Order
from app.jobs.sources.sqlite_swapping import folder_beside
from app.settings.model import Site


async def remove_left(ctx: Ctx, site: Site, equipment: Equipment, left: Unfinished) -> None:
    """Removes it where it is there. Raises `UserError` when its source is unknown, or its server does not answer."""
    if left.kind in (FOLDER, STAGE):
        await remove_folder(ctx, left)
        return
    kinds = [kind.value for kind in SWAPS] if left.kind == SHADOW else [left.kind]
    source = next((one for one in site.sources if one.name == left.source and one.kind.value in kinds), None)
    if source is None:
        raise _source_gone(left)
    if left.kind == SHADOW:
        await SWAPS[source.kind](
            Order(source, None, equipment, source.database, left.run, beside=folder_beside(site, source))
        ).remove(ctx)
        return
    await LOADERS[source.kind](Order(source, None, equipment, left.name, left.run)).remove(ctx)


def _source_gone(left: Unfinished) -> UserError:
    return UserError(
        text("A restore that died has left a database that is not whole ({name}).", name=left.name),
        text("It was not removed: its source {source} is not in the site's settings any more.", source=left.source),
        text("Look for it on its server, and remove it by hand."),
        "restore.left-behind",
        f"run {left.run}",
    )
