"""Two things change places, also where it takes three steps and dies between any of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts.file_errors import no_exchange, unwritable
from app.hosts.host import Host
from app.hosts.local import LocalHost
from app.jobs.effects.effect import Happened, World
from app.jobs.effects.trading import TradePlaces
from app.jobs.sources.driver import Equipment
from app.runs.context import RunContext
from tests.real.capturing import NO_RECORDS, no_records
from tests.running import run

if sys.platform == "win32":
    pytest.skip("inodes as POSIX has them", allow_module_level=True)

pytestmark = pytest.mark.spec("R6", "R8")


class Stubborn:
    """A host that exchanges nothing in one step, and fails after so many renames."""

    def __init__(self, host: Host, renames: int, *, exchanges: bool) -> None:
        self._host = host
        self._renames = renames
        self._exchanges = exchanges

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    async def exchange(self, path: str, target: str) -> None:
        if not self._exchanges:
            raise no_exchange(path, "")
        await self._host.exchange(path, target)

    async def rename(self, path: str, target: str) -> None:
        if not self._renames:
            raise unwritable(path, "enough")
        self._renames -= 1
        await self._host.rename(path, target)


class Trade:
    """A live tree and the one that was put aside, with something in it that goes over."""

    def __init__(self, folder: Path) -> None:
        self.old, self.live = folder / "old", folder / "live"
        for tree, said in ((self.old, "kept"), (self.live, "stand-in")):
            (tree / "logs").mkdir(parents=True)
            (tree / "logs" / "log").write_text(said)
        self.effect = TradePlaces(
            host="this-computer",
            kept=str(self.old),
            old=self.old.stat().st_ino,
            path=str(self.old / "logs"),
            other=str(self.live / "logs"),
            aside=str(self.old / ".logs.aside"),
            first=(self.old / "logs").stat().st_ino,
            second=(self.live / "logs").stat().st_ino,
        )

    def world(self, renames: int = 9, *, exchanges: bool = False) -> World:
        """Through a host that stops after so many renames."""
        blocking = Blocking()
        host = cast("Host", Stubborn(LocalHost(blocking, self.old.parent / "scratch"), renames, exchanges=exchanges))
        context = RunContext("0" * 8, {"this-computer": host}, {}, lambda _event: None, NO_RECORDS)
        return World(context, Equipment(blocking, {}, "", no_records))

    @property
    def said(self) -> tuple[str, str]:
        """What stands in the old tree and in the live one."""
        return (self.old / "logs" / "log").read_text(), (self.live / "logs" / "log").read_text()


def test_both_change_places_in_one_step_and_back(tmp_path: Path) -> None:
    trade = Trade(tmp_path)

    async def story() -> None:
        world = trade.world(0, exchanges=True)
        try:
            assert await trade.effect.happened(world) is Happened.NO
            await trade.effect.do(world)
            await trade.effect.do(world)
            assert await trade.effect.happened(world) is Happened.YES
            assert trade.said == ("stand-in", "kept")
            await trade.effect.undo(world)
            await trade.effect.undo(world)
            assert trade.said == ("kept", "stand-in")
            trade.old.rename(tmp_path / "elsewhere")
            assert await trade.effect.happened(world) is Happened.NO
            await trade.effect.undo(world)
            with pytest.raises(UserError) as raised:
                await trade.effect.do(world)
            assert raised.value.code == "effect.unclear"
        finally:
            world.equipment.blocking.close()

    run(story())


@pytest.mark.parametrize("dies_after", [0, 1, 2])
@pytest.mark.parametrize("onward", [True, False])
def test_three_steps_that_die_on_the_way_are_ended_or_taken_back(
    tmp_path: Path, dies_after: int, *, onward: bool
) -> None:
    trade = Trade(tmp_path)

    async def story() -> None:
        dying, sound = trade.world(dies_after), trade.world()
        try:
            with pytest.raises(UserError):
                await trade.effect.do(dying)
            assert await trade.effect.happened(sound) is Happened.NO
            await (trade.effect.do(sound) if onward else trade.effect.undo(sound))
            assert trade.said == (("stand-in", "kept") if onward else ("kept", "stand-in"))
            assert {path.name for path in trade.old.iterdir()} == {"logs"}
        finally:
            dying.equipment.blocking.close()
            sound.equipment.blocking.close()

    run(story())


def test_where_the_new_tree_has_not_come_yet_there_is_nothing_to_take_back(tmp_path: Path) -> None:
    """Two trees that cannot be exchanged in one step: the old one is put aside, and nothing in its place."""
    trade = Trade(tmp_path)
    trade.live.rename(tmp_path / "staged")

    async def story() -> None:
        world = trade.world()
        try:
            await trade.effect.undo(world)
            assert await trade.effect.happened(world) is Happened.NO
            with pytest.raises(UserError) as raised:
                await trade.effect.do(world)
            assert raised.value.code == "effect.unclear"
            assert (trade.old / "logs" / "log").read_text() == "kept"
        finally:
            world.equipment.blocking.close()

    run(story())
