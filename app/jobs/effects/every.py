"""The table of all effects, as a staging plan writes them down and reads them again."""

from __future__ import annotations

from typing import Union

import msgspec

from app.foundation.words import Text, text
from app.jobs.effects.commands import RunCommand
from app.jobs.effects.effect import Happened, World
from app.jobs.effects.mysql import ChangePrograms, DropTables, LockAccounts, SwapTables, UnlockAccounts
from app.jobs.effects.mysql_dump import TakeDump
from app.jobs.effects.owning import GiveOwning, MakeFolder
from app.jobs.effects.paths import ClearPaths, ExchangePaths, KeepLive, RemoveTree, RenamePath, ReplaceFile
from app.jobs.effects.postgresql import CloseDatabase, DropDatabase, OpenDatabase, SwapDatabases
from app.jobs.effects.sqlite import PutDatabase, RemoveStaged
from app.jobs.effects.syncing import BackUpPresent, SyncTree
from app.jobs.effects.trading import TradePlaces


class TakenBack(msgspec.Struct, frozen=True, tag="taken-back"):
    """Another effect, backwards: doing it undoes that one."""

    effect: AnyEffect

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Take back: {step}", step=self.effect.title)

    async def do(self, world: World) -> None:
        """Undoes the other."""
        await self.effect.undo(world)

    async def undo(self, world: World) -> None:
        """Does the other again."""
        await self.effect.do(world)

    async def happened(self, world: World) -> Happened:
        """The other answer."""
        return _OTHER[await self.effect.happened(world)]


_OTHER = {
    Happened.YES: Happened.NO,
    Happened.NO: Happened.YES,
    Happened.HALF: Happened.HALF,
    Happened.UNCLEAR: Happened.UNCLEAR,
}

Removal = DropDatabase | DropTables | RemoveStaged
"""What removes a database that was staged."""

DatabaseExchange = SwapDatabases | SwapTables | PutDatabase
"""What puts one database in another's place; each can be asked what it keeps, and what takes it back."""

AnyEffect = Union[  # noqa: UP007  a name that TakenBack refers to before it is made
    ExchangePaths, RenamePath, ReplaceFile, KeepLive, ClearPaths, RemoveTree, TradePlaces, GiveOwning, MakeFolder,
    RunCommand, CloseDatabase, SwapDatabases, OpenDatabase, DropDatabase, TakeDump, LockAccounts, ChangePrograms,
    SwapTables, UnlockAccounts, DropTables, PutDatabase, RemoveStaged, BackUpPresent, SyncTree, TakenBack
]  # fmt: skip

DECISIVE = (ExchangePaths, RenamePath, DatabaseExchange, SyncTree)
"""Those whose facts tell whether the site is the old one or the new one."""

LEAVES_NO_TRACE = (RunCommand, ClearPaths, KeepLive, RemoveTree, TakeDump, Removal, BackUpPresent)
"""Those that a site is not different by, once it is over: there is nothing to take back later."""


def is_decisive(effect: AnyEffect) -> bool:
    """Whether its fact tells which of the two the site is."""
    return isinstance(effect.effect if isinstance(effect, TakenBack) else effect, DECISIVE)
