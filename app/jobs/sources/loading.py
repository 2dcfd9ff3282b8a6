"""How a database of a point is brought back as a new one, whatever kind it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

import msgspec

from app.foundation.errors import Problem, Refused, UserError
from app.foundation.words import text
from app.jobs.manifest import SourceEntry
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Equipment
from app.settings.model import Source

LOOK_EVERY = 1.0
"""Seconds between two looks at how far a load is."""

NEARBY = ("localhost", "127.", "::1", "/")
"""How servers on the source's own host are named."""


class Order(msgspec.Struct, frozen=True):
    """A database that is to be brought back as `name`, on the server of its source, by the run `run`.

    `entry` is what the manifest says of it; None where it is only to be removed. `globals` is what pg_dumpall wrote of
    the server, where missing roles may be made from it. `beside` is the folder for files that stand beside a database
    which is one; "" is its own.
    """

    source: Source
    entry: SourceEntry | None
    equipment: Equipment
    name: str
    run: str
    globals: str = ""
    beside: str = ""


class Loader(Protocol):
    """One database of a point on its way to a new name.

    Until `place` it stands under a name of ours (`staged`), or is marked as ours; `remove` takes that away again.
    """

    @property
    def staged(self) -> str:
        """The name of ours that it has meanwhile."""

    async def check(self, ctx: Ctx) -> None:
        """Raises `Refused` when the server cannot take it: name, rights, roles, versions. Changes nothing."""

    async def check_room(self, ctx: Ctx) -> None:
        """Raises `Refused` when the server's disk cannot take it, `UserError` when that cannot be known."""

    async def load(self, ctx: Ctx, dump: str, pace: Pace) -> None:
        """Makes it and loads the dump that stands at that path of the source's host."""

    async def compare(self, ctx: Ctx) -> None:
        """Counts what was loaded; raises `UserError` `restore.other-counts` when the manifest says otherwise."""

    async def place(self, ctx: Ctx) -> Sequence[Problem]:
        """Gives it what belongs to it, and its name; gives what could not be kept."""

    async def remove(self, ctx: Ctx) -> None:
        """Removes what is not placed: only what is known to be ours. Nothing there is success."""


async def while_telling(
    work: Coroutine[Any, Any, None], look: Callable[[], Awaitable[int]], total: int, pace: Pace
) -> None:
    """Does `work`, and tells by the size that `look` sees how far it is; `total` was the size at the backup."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            pace.tell(min(await look(), total), total)

    telling = asyncio.create_task(tell())
    try:
        await work
    finally:
        telling.cancel()
        await asyncio.wait({telling})
        if not telling.cancelled():
            telling.exception()  # how far it is could not be told, no more


def nearby(source: Source) -> bool:
    """Whether its database server is on its own host, so that the server's folders are that host's."""
    return (source.server or NEARBY[-1]).startswith(NEARBY)


def name_taken(name: str) -> Refused:
    """Something has that name."""
    return Refused(
        text("There is a database {name} already.", name=name),
        text("Nothing was changed, and what is in it is untouched."),
        text("Choose a name that is free."),
        "restore.database-exists",
    )


def other_counts(name: str, wrong: Sequence[str]) -> UserError:
    """What was loaded is not what the manifest says of the dump."""
    return UserError(
        text("What was loaded into {name} is not what the point holds: {first}", name=name, first=wrong[0]),
        text("It was removed again; all other databases are as they were."),
        text("Verify the point, and restore another one."),
        "restore.other-counts",
        "\n".join(wrong),
    )
