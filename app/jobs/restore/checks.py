"""What must be so before anything is done: the same list for a dry run and for the restore itself.

A check passes, fails, or could not be made. One that could not be made is neither: it needs a person's own word, as
does what an account cannot keep.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Collection, Sequence

import msgspec

from app.foundation.errors import Problem, Refused, UserError, as_problem
from app.foundation.words import Size, Text, text
from app.hosts.host import Host
from app.jobs.plan import Ctx

ROOM_TO_SPARE = 2 * 1024**3
"""Bytes that stay free beside what is expected."""


UNCHANGED = text("Nothing was changed.")


TITLES = {
    "point": text("The point is whole"),
    "root": text("The place is there"),
    "folder": text("The folder is empty"),
    "apart": text("Nothing stands in the way in the tree"),
    "mount": text("The tree can be moved"),
    "containers": text("No container holds the tree"),
    "writable": text("This account may write there"),
    "region": text("It is known what may be changed"),
    "changes": text("It is known what would change"),
    "in-place": text("It can be changed where it stands"),
    "ownership": text("Owners and rights can be kept"),
    "owners": text("The owners are known"),
    "users": text("No program works in the tree"),
    "unfinished": text("No other restore is unfinished"),
    "identity": text("Point, repository and host belong together"),
    "space": text("There is room enough"),
    "dump-space": text("There is room for the dump"),
    "battery": text("The battery lasts"),
    "commands": text("The site's commands are there"),
    "software": text("The software fits the data"),
    "database": text("The database server takes it"),
    "database-identity": text("It is the server that was backed up"),
    "database-space": text("The server has room enough"),
    "database-sessions": text("Who is in the database can be asked to leave"),
    "database-replication": text("Nothing else follows the database"),
    "database-closed": text("The database is open"),
    "database-restoring": text("No other load is under way"),
    "database-accounts": text("Its accounts can be kept out"),
    "database-definers": text("What runs in it has its accounts"),
    "database-dump-space": text("There is room for a dump of what is live"),
    "database-grants": text("Rights on its routines can be given again"),
    "database-inside": text("No database stands in the tree"),
    "database-keys": text("No other database leads into it"),
    "database-programs": text("What runs in it can be made again"),
}
"""What each check looks at, by its key."""


class Verdict(enum.Enum):
    """What a check came to."""

    PASS = "pass"
    FAIL = "fail"
    UNCHECKED = "unchecked"


class Judged(msgspec.Struct, frozen=True):
    """What one check came to; `why` says what is wrong, or why it could not be made. One that is open may be
    `acceptable`: a person's word is enough."""

    key: str
    verdict: Verdict
    why: Problem | None = None
    acceptable: bool = False


class Check(msgspec.Struct, frozen=True):
    """One thing that must be so. `run` raises `Refused` when it is not, any other error when that cannot be known:
    `Unchecked` where a person may know better."""

    key: str
    run: Callable[[Ctx], Awaitable[None]]


class Unchecked(UserError):
    """It could not be made, or needs a person's word."""


async def judged(ctx: Ctx, checks: Sequence[Check]) -> list[Judged]:
    """What all of them come to; none changes anything."""
    return [await _judged(ctx, check) for check in checks]


async def _judged(ctx: Ctx, check: Check) -> Judged:
    try:
        await check.run(ctx)
    except Refused as refused:
        return Judged(check.key, Verdict.FAIL, refused.problem)
    except UserError as error:
        return Judged(check.key, Verdict.UNCHECKED, error.problem, isinstance(error, Unchecked))
    return Judged(check.key, Verdict.PASS)


def demand(found: Sequence[Judged], accepted: Collection[str]) -> None:
    """Raises `Refused` for the first that fails, then for the first that is open and not among those accepted."""
    for one in sorted(found, key=lambda one: one.verdict is not Verdict.FAIL):
        if one.why is not None and not (one.acceptable and one.key in accepted):
            raise _refused(one.why, one.key if one.acceptable else "")


def _refused(why: Problem, key: str) -> Refused:
    how = text("{next} To go on without: --accept {check}", next=why.next, check=key) if key else why.next
    return Refused(why.what, why.means, how, why.code, why.detail)


def unknowable(error: UserError) -> Unchecked:
    """A check that could not be made, because of this."""
    found = as_problem(error)
    return Unchecked(
        found.what,
        text("Whether the restore can be done is not known; nothing was changed."),
        found.next,
        found.code,
        found.detail,
    )


async def expect_room(host: Host, path: str, expected: int, estimate: Text) -> None:
    """Raises `Refused` `restore.no-room` unless the disk of `path` takes what is expected, and something to spare.

    `estimate` says where the expectation comes from.
    """
    needed = expected * 115 // 100 + ROOM_TO_SPARE
    free = await host.free_space(path)
    if free < needed:
        raise Refused(
            text(
                "{path} on {host} needs {needed} free, and has {free}.",
                path=path,
                host=host.name,
                needed=Size(needed),
                free=Size(free),
            ),
            text("Nothing was changed. {size} are expected ({estimate}).", size=Size(expected), estimate=estimate),
            text("Free space there, or choose another place."),
            "restore.no-room",
        )
