"""What effects on trees and files do on every kind of host, whoever has done a part of it before."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts.file_errors import no_exchange
from app.hosts.host import Host
from app.jobs.cutover.names import kept_tree, plan_beside, stage_folder
from app.jobs.cutover.plan import Spot, StagingPlan, State
from app.jobs.cutover.shelf import Shelf, found_on_hosts, spots_for
from app.jobs.effects.effect import Happened, World
from app.jobs.effects.paths import ExchangePaths, RemoveTree, ReplaceFile
from app.jobs.sources.driver import Equipment
from app.runs.context import LoggedHost, RunContext
from app.settings.model import Repository, Site
from tests.contracts.hosts import HOSTS, Place
from tests.running import run

if sys.platform == "win32":
    pytest.skip("renames of folders as POSIX has them", allow_module_level=True)

pytestmark = pytest.mark.spec("R8", "H2")

RUN = "0123456789abcdef" * 2


class NoExchange(LoggedHost):
    """A host whose file system cannot exchange two names in one step."""

    async def exchange(self, path: str, target: str) -> None:
        """It cannot."""
        raise no_exchange(path, target)


def world_of(place: Place, blocking: Blocking, kind: type[LoggedHost] = LoggedHost) -> World:
    """What effects on that host act through; the host is called `server`."""

    async def log(_piece: bytes) -> None:
        pass

    async def no_records(_site: str, _path: str) -> dict[str, int]:
        return {}

    hosts = {"server": kind(place.patient, RUN, log)}
    context = RunContext(RUN, hosts, {}, lambda _event: None, None)  # type: ignore[arg-type, unused-ignore]  # no effect asks for them
    return World(context, Equipment(blocking, {}, sys.executable, no_records))


Story = Callable[[World, str], Awaitable[None]]


def told(kind: str, folder: Path, story: Story, host: type[LoggedHost] = LoggedHost) -> None:
    """Tells the story on a fresh host of that kind."""

    async def tell() -> None:
        blocking = Blocking()
        try:
            async with HOSTS[kind](folder) as place:
                await story(world_of(place, blocking, host), place.folder)
        finally:
            blocking.close()

    run(tell())


def make_folders(*paths: str) -> None:
    """Every host here is this computer."""
    for path in paths:
        Path(path).mkdir(parents=True)


async def two_trees(host: Host, folder: str) -> ExchangePaths:
    """A live one, a staged one, and the effect that exchanges them."""
    root = Path(f"{folder}/live теплица")
    staged = Path(stage_folder(str(root), RUN)) / root.name
    for path, version in ((root, b"old"), (staged, b"new")):
        make_folders(str(path))
        await host.write_durably(f"{path}/version", version)
    old, new = await host.stat(str(root)), await host.stat(str(staged))
    assert old is not None
    assert new is not None
    kept = kept_tree(str(root), RUN)
    return ExchangePaths(host="server", live=str(root), staged=str(staged), kept=kept, old=old.inode, new=new.inode)


@pytest.mark.parametrize("host", [LoggedHost, NoExchange])
@pytest.mark.parametrize("kind", sorted(HOSTS))
def test_an_exchange_goes_on_from_wherever_the_trees_stand(kind: str, host: type[LoggedHost], tmp_path: Path) -> None:
    async def story(world: World, folder: str) -> None:
        there = world.ctx.host("server")
        effect = await two_trees(there, folder)
        stage = str(Path(effect.staged).parent)

        async def put_aside() -> None:
            await there.rename(effect.live, effect.kept)

        async def put_in_place() -> None:
            await there.rename(effect.staged, effect.live)

        async def put_back() -> None:
            await there.rename(effect.live, effect.staged)

        async def nothing() -> None:
            pass

        async def expect(happened: Happened, version: bytes) -> None:
            assert await effect.happened(world) is happened
            assert await there.read(f"{effect.live}/version") == version

        for before in (nothing, put_aside):
            await expect(Happened.NO, b"old")
            await before()
            assert await effect.happened(world) is Happened.NO
            for _ in range(2):
                await effect.do(world)
                await expect(Happened.YES, b"new")
            assert await there.read(f"{effect.kept}/version") == b"old"
            await (put_back() if before is put_aside else nothing())
            for _ in range(2):
                await effect.undo(world)
                await expect(Happened.NO, b"old")
            assert await there.read(f"{effect.staged}/version") == b"new"
        await put_aside()
        await effect.undo(world)
        await expect(Happened.NO, b"old")
        await RemoveTree(host="server", path=stage).do(world)
        await expect(Happened.NO, b"old")
        with pytest.raises(UserError, match=r"effect\.unclear"):
            await effect.do(world)

    told(kind, tmp_path, story, host)


@pytest.mark.parametrize("kind", sorted(HOSTS))
def test_a_file_is_replaced_and_put_back(kind: str, tmp_path: Path) -> None:
    async def story(world: World, folder: str) -> None:
        there = world.ctx.host("server")
        path, source, kept = (f"{folder}/{name}" for name in ("broker.conf", "new one", "old one"))
        await there.write_durably(path, b"old", 0o640)
        await there.write_durably(source, b"new", 0o604)
        before, after = (sha256(content).hexdigest() for content in (b"old", b"new"))
        effect = ReplaceFile(host="server", path=path, source=source, kept=kept, before=before, after=after)
        for _ in range(2):
            await effect.do(world)
            assert await effect.happened(world) is Happened.YES
        found = await there.stat(path)
        assert found is not None
        assert (await there.read(path), found.mode) == (b"new", 0o604)
        for _ in range(2):
            await effect.undo(world)
            assert await effect.happened(world) is Happened.NO
        found = await there.stat(path)
        assert found is not None
        assert (await there.read(path), found.mode) == (b"old", 0o640)

    told(kind, tmp_path, story)


@pytest.mark.spec("B6")
@pytest.mark.parametrize("kind", sorted(HOSTS))
def test_a_plan_beside_the_target_is_one_at_a_time_and_found_by_others(kind: str, tmp_path: Path) -> None:
    async def story(world: World, folder: str) -> None:
        host_of = world.ctx.host
        there, root = host_of("server"), f"{folder}/live"
        by = stage_folder(root, RUN)
        make_folders(by, f"{folder}/one laptop", f"{folder}/another")
        spots = await spots_for(RUN, "north-house", [("server", root)], ["server"], host_of)
        assert spots == (Spot("server", plan_beside(root), by),)
        mine = a_plan(RUN, spots)
        first, second = Shelf(there, f"{folder}/one laptop"), Shelf(there, f"{folder}/another")
        await first.place(mine, host_of)
        with pytest.raises(UserError) as refused:
            await second.place(a_plan("f" * 32, spots), host_of)
        assert refused.value.code == "restore.unfinished"
        assert RUN[:8] in str(refused.value.problem.what)
        assert await second.unfinished("north-house") is None
        assert await found_on_hosts(spots, host_of) == mine
        assert await first.unfinished("north-house") == mine
        await second.settle(mine, State.NEW, host_of)
        assert await found_on_hosts(spots, host_of) is None
        assert await second.finished("north-house", RUN[:8]) == mine
        assert (await there.entries(by, 10)).entries == ()

    told(kind, tmp_path, story)


def a_plan(run_id: str, spots: tuple[Spot, ...]) -> StagingPlan:
    site = Site(name="north-house", repository=Repository(url="/repository"))
    return StagingPlan(run=run_id, kind="restore", site=site, point="0" * 32, effects=(), spots=spots)
