"""How a database of a point takes the place of the live one, whatever kind it is: what a driver of that brings.

A driver puts it beside the live one (or, where nothing can stand beside, makes it ready elsewhere), and then says in
effects what puts it in its place. Each of these is done, undone, and asked for its fact, as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.foundation.errors import Problem
from app.jobs.cutover.plan import Kept
from app.jobs.effects.every import AnyEffect, Removal
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.checks import Check


class StagedDatabase(Protocol):
    """A database that is ready to take the live one's place, as effects."""

    @property
    def host(self) -> str:
        """The host that it is reached from."""

    @property
    def prepare(self) -> Sequence[AnyEffect]:
        """First of all, while the site is up: nothing of the site is changed."""

    @property
    def close(self) -> Sequence[AnyEffect]:
        """Before anything of the site is exchanged: nobody is in it any more, nor gets in."""

    @property
    def exchange(self) -> Sequence[AnyEffect]:
        """The exchange; one of these is of `every.DatabaseExchange`, and decides."""

    @property
    def open(self) -> Sequence[AnyEffect]:
        """When everything is exchanged: everybody gets in again."""

    @property
    def remove(self) -> Removal:
        """Removes what was staged, where it is not to take the place."""

    @property
    def kept(self) -> Sequence[Kept]:
        """What stays of the old one afterwards."""

    @property
    def problems(self) -> Sequence[Problem]:
        """What could not be kept, for a person to know."""


class DatabaseSwap(Protocol):
    """One database of a point on its way to the live one's place."""

    @property
    def staged(self) -> str:
        """The name of ours that it has meanwhile."""

    @property
    def target(self) -> str:
        """What it takes the place of, for a person."""

    def checks(self) -> list[Check]:
        """What is to be looked at, before and again in the run; none changes anything."""

    async def exists(self, ctx: Ctx) -> bool:
        """Whether there is a live one."""

    async def load(self, ctx: Ctx, dump: str, pace: Pace) -> None:
        """Makes it, of the dump that stands at that path of the source's host."""

    async def compare(self, ctx: Ctx) -> None:
        """Counts what was made; raises `UserError` `restore.other-counts` when the manifest says otherwise."""

    async def settle(self, ctx: Ctx) -> StagedDatabase:
        """Finds out what it takes to put it in its place; may be asked again, such as on another day."""

    async def remove(self, ctx: Ctx) -> None:
        """Removes what was staged, whatever it holds. Nothing there is success."""
