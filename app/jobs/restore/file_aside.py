"""What a SQLite database held before another content was put into it: a file that stays until its time is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from app.foundation.errors import Refused
from app.foundation.words import text
from app.hosts.host import FileKind
from app.jobs.cutover.plan import Kept, StagingPlan
from app.jobs.effects.effect import World
from app.jobs.effects.sqlite import PutDatabase
from app.jobs.restore.put_aside import too_young
from app.tools.sqlite.putting import names_beside


class FileAside(msgspec.Struct, frozen=True):
    """The file `name` on `host`, which has what `live` held until that time."""

    host: str
    name: str
    live: str
    since: datetime

    async def size(self, world: World) -> int | None:
        """The bytes that it takes; None where it is gone."""
        found = await world.ctx.host(self.host).stat(self.name)
        return None if found is None else found.size

    async def drop(self, world: World, keep: timedelta, now: datetime) -> bool:
        """Removes it when its time is over; False where it was gone already.

        Raises `Refused` `aside.too-young`, `aside.needed`; then nothing is changed.
        """
        host, age = world.ctx.host(self.host), now - self.since
        if age < keep:
            raise too_young(self.name, keep - age)
        found = await host.stat(self.name)
        if found is None or found.kind is not FileKind.FILE:
            return False
        if await host.stat(self.live) is None:
            raise _needed(self)
        for path in names_beside(self.name):
            await host.remove_tree(path)
        return True


def sqlite_aside(plan: StagingPlan, kept: Kept) -> FileAside | None:
    """What that is, where one of the plan's effects has put content into a SQLite database."""
    for effect in plan.effects:
        if isinstance(effect, PutDatabase) and effect.kept == kept.name:
            return FileAside(effect.host, kept.name, effect.path, plan.made)
    return None


def _needed(aside: FileAside) -> Refused:
    return Refused(
        text("There is no {live} any more; {name} may be the last of it.", live=aside.live, name=aside.name),
        text("Nothing was changed."),
        text("Look which database the site uses, and remove the old one by hand when it is not needed."),
        "aside.needed",
    )
