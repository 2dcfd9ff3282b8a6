"""To whom restored files are given where an account has another number than at the backup, as on a rebuilt server."""

from __future__ import annotations

from app.foundation.errors import Problem, Refused
from app.foundation.words import Text, text
from app.hosts.host import Host
from app.jobs.accounts import Accounts, Moved, accounts_of, moved
from app.jobs.manifest import SourceEntry
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED, Unchecked
from app.jobs.restore.choice import RestoreChoice
from app.jobs.restore.listing import Reading, Sums
from app.jobs.restore.setting import RestoreState, Setting, root_of
from app.tools.found import version_numbers

BY_NAME_SINCE = (0, 19)
"""The restic that gives files to accounts by their names."""


async def reading_on(host: Host, entry: SourceEntry, choice: RestoreChoice) -> Reading:
    """How a tree is read that is to stand on that host."""
    windows = (await host.facts()).system == "windows"
    gone = await _moved(host, entry) if choice.by_name else Moved()
    return Reading(root_of(entry), modes=not windows, moved=gone)


async def concerned(host: Host, entry: SourceEntry, expected: Sums) -> Moved:
    """The owners of its files that have another number there, or none."""
    return (await _moved(host, entry)).among(expected.owners)


async def _moved(host: Host, entry: SourceEntry) -> Moved:
    return moved(_then(entry), await accounts_of(host))


def _then(entry: SourceEntry) -> Accounts:
    return entry.tree.accounts if entry.tree is not None else Accounts()


async def expect_owners(setting: Setting, entry: SourceEntry, name: str, state: RestoreState, ctx: Ctx) -> None:
    """Raises `Unchecked` `restore.owners-moved` where numbers would give files to others; where names are to decide,
    `Refused` for an account that is not there, and for a restic that cannot."""
    if not state.readings[entry.source].owners:
        return  # they are this account's in any case
    found = await concerned(ctx.host(name), entry, state.expected[entry.source])
    if not found:
        return
    if not setting.choice.by_name:
        problem = owners_moved(entry, ctx.host(name), found)
        raise Unchecked(problem.what, problem.means, problem.next, problem.code, problem.detail)
    if found.is_missing_any:
        raise _not_there(entry, ctx.host(name), found)
    version = (await setting.repository(ctx, name, state)).version
    if version_numbers(version) < BY_NAME_SINCE:
        raise _too_old(ctx.host(name), version)


def owners_moved(entry: SourceEntry, host: Host, found: Moved) -> Problem:
    """Who would get files of another."""
    return Problem(
        text("Files of {source} belong to accounts that have other numbers on {host}.", source=entry.source,
             host=host.name),
        text("By their numbers they would go to whoever has them now, or to nobody."),
        text("Give them to the accounts of the same names: --owners names"),
        "restore.owners-moved",
        _lines(found.told(_then(entry))),
    )  # fmt: skip


def _not_there(entry: SourceEntry, host: Host, found: Moved) -> Refused:
    return Refused(
        text("Files of {source} belong to accounts that are not on {host}.", source=entry.source, host=host.name),
        UNCHANGED,
        text("Make these accounts there, then restore again."),
        "restore.owner-missing",
        _lines(found.told(_then(entry))),
    )


def _too_old(host: Host, version: str) -> Refused:
    return Refused(
        text("The restic {version} on {host} cannot give files to accounts by their names.", version=version,
             host=host.name),
        UNCHANGED,
        text("Install restic 0.19 or newer there."),
        "restore.owners-unsupported",
    )  # fmt: skip


def _lines(told: list[Text]) -> str:
    return "\n".join(map(str, told))
