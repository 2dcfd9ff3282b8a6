"""What a verification says of each source, and when it may say that the data is wrong.

FAIL only when it is: what was read differs from what the backup took, or cannot be read in. Whatever keeps us from
looking is UNCHECKED, which is neither red nor green.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from app.foundation.errors import Problem, UserError
from app.foundation.words import Text, text
from app.jobs.manifest import SourceEntry
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.repositories import OpenRepository, Repositories
from app.jobs.sources.driver import Equipment
from app.jobs.ways import Ways
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site, Source
from app.tools.mysql import restore as mysql
from app.tools.postgres import restore as postgres
from app.tools.restic.tree import Tree


class Verdict(enum.Enum):
    """What a verification found."""

    PASS = "pass"
    FAIL = "fail"
    UNCHECKED = "unchecked"


class Shown(msgspec.Struct, frozen=True):
    """What a proof that passed rests on: where it was made, and how much was compared (tables, rows, files, bytes…)."""

    where: Text
    compared: Mapping[str, int]


class Proof(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found of one source; `error` says why it did not pass. `seconds` is how long it took."""

    source: str
    kind: str
    snapshot: str
    verdict: Verdict
    seconds: float
    where: Text | None = None
    compared: Mapping[str, int] = {}
    error: Problem | None = None


@dataclass(frozen=True)
class Proving:
    """One source of a point that is to be proven, and what that is done with.

    `source` is what the site says of it today; None when it says nothing of it any more.
    """

    site: Site
    run: str
    entry: SourceEntry
    source: Source | None
    repositories: Repositories
    equipment: Equipment
    ways: Ways
    pace: Pace

    async def repository(self, ctx: Ctx, host: str) -> OpenRepository:
        """The repository as it is reached from that host."""
        return await self.repositories.open_on(
            ctx.host(host),
            ctx.host(THIS_COMPUTER),
            self.site,
            ctx.secret(REPOSITORY_PASSWORD),
            scratch=await ctx.scratch(host),
            ways=self.ways,
        )

    async def tree(self, ctx: Ctx, host: str = THIS_COMPUTER) -> Tree:
        """What is in the source's snapshot, read on that host."""
        return (await self.repository(ctx, host)).restic.tree(self.entry.snapshot)

    @property
    def password_name(self) -> str:
        """The name of the source's secret."""
        return f"source:{self.entry.source}:password"

    def knows_host(self, name: str) -> bool:
        """Whether the site still has that host."""
        return name == THIS_COMPUTER or any(host.name == name for host in self.site.hosts)


class WrongDataError(UserError):
    """The data is not as it was when it was backed up."""


WRONG_DATA = frozenset(
    {
        "manifest.unreadable",
        "restic.damaged",
        "restic.data-missing",
        "restic.no-such-snapshot",
        "restic.no-such-path",
        "sqlite.damaged",
        "sqlite.not-a-database",
        postgres.DUMP_DAMAGED,
        postgres.DATA_REFUSED,
        mysql.DUMP_DAMAGED,
    }
)
"""Errors that say that what was backed up cannot be read, whoever asks."""


def is_wrong(error: BaseException) -> bool:
    """Whether an error says that the data is wrong, and not that it could not be looked at."""
    return isinstance(error, WrongDataError) or (isinstance(error, UserError) and error.code in WRONG_DATA)


def differs(source: str, lines: list[str]) -> WrongDataError:
    """What was restored is not what was backed up."""
    return WrongDataError(
        text("{source} does not come back as it was: {first}", source=source, first=lines[0]),
        text("This recovery point must not be relied on for {source}.", source=source),
        text("Verify an older point, and make a new backup."),
        "verify.differs",
        "\n".join(lines),
    )


def other_database(source: str, expected: str, found: str) -> WrongDataError:
    """The dump is of another database than the one that was to be backed up."""
    return WrongDataError(
        text("The dump of {source} is of another database: {found}.", source=source, found=found),
        text("The database {expected} is not in this recovery point.", expected=expected),
        text("See which program makes the dump, and make a new backup."),
        "verify.other-database",
        f"{expected} was to be dumped, {found} was",
    )


def lacks_end(source: str, detail: str) -> WrongDataError:
    """Half a dump."""
    return WrongDataError(
        text("The dump of {source} lacks its end.", source=source),
        text("This recovery point must not be relied on for {source}.", source=source),
        text("Verify an older point, and make a new backup."),
        "verify.truncated",
        detail,
    )


def failed(source: str, why: Problem) -> Problem:
    """How a proof that failed is told."""
    return msgspec.structs.replace(
        why, means=text("{source} cannot be restored from this recovery point as it was.", source=source)
    )


def unchecked(source: str, why: Problem) -> Problem:
    """How a proof that could not be made is told."""
    return msgspec.structs.replace(
        why,
        what=text("{source} could not be verified: {why}", source=source, why=why.what),
        means=text("What was backed up is in the repository; whether it restores is not known."),
    )


def no_counts(source: str) -> UserError:
    """An old manifest, or another program's."""
    return UserError(
        text("The manifest does not say what the dump of {source} should hold.", source=source),
        text("There is nothing to compare with."),
        text("Make a new backup with this version, and verify that."),
        "verify.no-counts",
    )


def table_differences(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """How the rows of tables that were restored differ from those that were backed up, a line for each table."""
    return [
        f"{table}: {_rows(expected.get(table))} backed up, {_rows(found.get(table))} restored"
        for table in sorted(expected.keys() | found.keys())
        if expected.get(table) != found.get(table)
    ]


def _rows(count: int | None) -> str:
    return "no such table" if count is None else f"{count} rows"
