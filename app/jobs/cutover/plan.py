"""The staging plan: everything that a cutover will do, with the facts by which it is told how far it came.

It is written once, before the first change, and never again: what happened is asked of the world. It holds the site's
description of that day, so that whoever finds it can reach the hosts, and names of secrets, never a secret.
"""

from __future__ import annotations

import enum
import json
from datetime import UTC, datetime

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.jobs.effects.commands import RunCommand
from app.jobs.effects.every import AnyEffect, is_decisive
from app.jobs.effects.syncing import SyncTree
from app.settings.command import CommandWhen
from app.settings.model import THIS_COMPUTER, Site

FORMAT = 1
LARGEST = 64 * 1024 * 1024


class State(enum.Enum):
    """Which of the two a site is."""

    OLD = "old"
    NEW = "new"


class Spot(msgspec.Struct, frozen=True):
    """A file on a host that holds the plan while it is unfinished; no two plans can stand there.

    It is written in the folder `by` first, such as the stage: what a death leaves there goes with it.
    """

    host: str
    path: str
    by: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Something old that stays for a while: a tree with its inode, or a source's database with its number."""

    host: str
    name: str
    fact: int
    source: str = ""


class StagingPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What will be done, in order.

    `effects` up to `settled` are rolled back when one of them fails; those after it (smoke checks) change nothing. When
    the site is the new one for good `when_new` follows, when it is the old one `when_old`: what is cleared away then.
    `kept` is what stays of the old state. `bypass` is the maintenance token, made for this run.
    """

    run: str
    kind: str
    site: Site
    point: str
    effects: tuple[AnyEffect, ...]
    spots: tuple[Spot, ...]
    choice: str = ""
    when_new: tuple[AnyEffect, ...] = ()
    when_old: tuple[AnyEffect, ...] = ()
    kept: tuple[Kept, ...] = ()
    bypass: str = ""
    made: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
    format: int = FORMAT

    @property
    def decisive(self) -> tuple[int, ...]:
        """The numbers of the effects whose facts tell whether the site is the old one or the new one."""
        return tuple(number for number, effect in enumerate(self.effects) if is_decisive(effect))

    @property
    def is_in_place(self) -> bool:
        """Whether a tree is changed where it stands: then it needs the repository, and no old state stays of it."""
        return any(isinstance(effect, SyncTree) for effect in self.effects)

    @property
    def settled(self) -> int:
        """How many effects there are before the smoke checks."""
        return sum(not _is_smoke(effect) for effect in self.effects)

    def __post_init__(self) -> None:
        """Smoke checks come last, whatever the builder says: nothing behind them would be rolled back."""
        if any(_is_smoke(effect) for effect in self.effects[: self.settled]):
            raise ValueError("a smoke check stands before what it checks")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that are needed, this computer first: there is a spot on each."""
        return tuple(dict.fromkeys((THIS_COMPUTER, *(spot.host for spot in self.spots))))


def _is_smoke(effect: AnyEffect) -> bool:
    return isinstance(effect, RunCommand) and effect.when is CommandWhen.SMOKE


def encode(plan: StagingPlan) -> bytes:
    """As it is written down; names that are no text survive as their escapes."""
    return json.dumps(msgspec.to_builtins(plan), indent=1).encode() + b"\n"


def decode(content: bytes) -> StagingPlan:
    """As it was written down. Raises `restore.plan-newer`, `restore.plan-unreadable`."""
    try:
        found = json.loads(content)
        if msgspec.convert(found, _Format).format > FORMAT:
            raise _newer()
        return msgspec.convert(found, StagingPlan)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _unreadable(str(error)) from error


class _Format(msgspec.Struct, frozen=True):
    format: int


def _newer() -> UserError:
    return UserError(
        text("The staging plan of the unfinished restore was written by a newer Overwinter."),
        text("Nothing was changed: this one does not know all that it says."),
        text("Update Overwinter, then recover again."),
        "restore.plan-newer",
    )


def _unreadable(why: str) -> UserError:
    return UserError(
        text("The staging plan of the unfinished restore cannot be read."),
        text("Nothing was changed: how far the restore came cannot be told without it."),
        text("The same plan stands beside the target; see the detail for what is wrong with this one."),
        "restore.plan-unreadable",
        why,
    )
