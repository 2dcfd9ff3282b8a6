"""What every effect has in common: it is done, undone, and can be asked whether it happened.

An effect is a frozen `msgspec.Struct` with a tag, and everything in it is resolved: names of hosts, absolute paths,
inodes, hashes, numbers of databases, names of secrets (never a secret). So it survives JSON, and whoever finds it
written down can go on with it, or back, without the site's settings of that day.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.foundation.errors import Problem, UserError
from app.foundation.words import Text, text
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Equipment
from app.jobs.sync.note import KeptTree, Saved
from app.tools.restic.tree import Tree


class Happened(enum.Enum):
    """What the world says of an effect. `UNCLEAR`: what stands there fits neither before nor after; `HALF`: a part of
    it has happened, and it is known that all of it can be done again."""

    YES = "yes"
    NO = "no"
    HALF = "half"
    UNCLEAR = "unclear"


class Saving(Protocol):
    """The site's repository, for effects that need it."""

    async def tree(self, ctx: Ctx, host: str, snapshot: str) -> Tree:
        """A snapshot as that host reaches it."""

    async def back_up(self, ctx: Ctx, run: str, trees: Sequence[KeptTree]) -> Mapping[str, Saved]:
        """Backs sources up, all of them, for the cutover `run` that is unfinished; by source.

        Raises `restore.no-safety-backup`.
        """


@dataclass(frozen=True)
class World:
    """What effects act through: hosts, secrets by name, events, and what drivers work with on this computer.

    `repository` is the site's, where a plan has an effect that needs it.
    """

    ctx: Ctx
    equipment: Equipment
    repository: Saving | None = None

    @property
    def saving(self) -> Saving:
        """The site's repository."""
        if self.repository is None:
            raise ValueError("nobody has opened the repository")
        return self.repository


class Effect(Protocol):
    """One change. Its methods raise `UserError` for what a person must know.

    A lost answer says nothing of whether it happened: `happened` is asked afterwards, never assumed.
    """

    @property
    def title(self) -> Text:
        """What it does, as a step of a run is named."""

    async def do(self, world: World) -> None:
        """Makes it so. It may have happened already, or a part of it: its own fact is asked first.

        Raises `effect.unclear` where that fact fits neither.
        """

    async def undo(self, world: World) -> None:
        """Makes it as it was before; likewise where nothing, or a part, has happened."""

    async def happened(self, world: World) -> Happened:
        """Asks the world, never a memory. Raises when the world does not answer, which is neither yes nor no."""


def unclear(title: Text, found: str) -> UserError:
    """What stands there fits neither before nor after; `found` says what that is, for the technical detail."""
    return UserError(
        text("What is there now fits neither the old nor the new state: {step}", step=title),
        text("Nothing more was changed. Somebody or something else has been at work there."),
        text("Look at the detail, put the thing that is named there in its place by hand, then recover again."),
        UNCLEAR,
        found,
    )


UNCLEAR = "effect.unclear"


def is_unclear(problem: Problem) -> bool:
    """Whether a problem says that an effect's fact fits neither state."""
    return problem.code == UNCLEAR
