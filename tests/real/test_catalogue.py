"""The catalogue over a real repository: lists and names are there at once, also while it is away, and never wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from app.assembly import Overwinter, assemble
from app.foundation.errors import Refused, UserError
from app.foundation.events import Outcome
from app.jobs.catalogue.catalogue import FOUND_AT_MOST
from app.jobs.catalogue.rows import Headway, Name
from app.jobs.catalogue.tree_file import PAGE
from app.jobs.compare import Kind
from app.jobs.points import Point
from app.jobs.saving import SaveChoice
from app.settings.places import places
from app.settings.secrets import PassphraseQuestion
from tests.real.servers.restic import VERSIONS, restic_program
from tests.running import run
from tests.ui.greenhouse import SITE, Greenhouse

ODD = ("клапан 3.log", "new\nline", "st*r[1]?", "Index.PHP", "index.php")


@pytest.fixture(params=VERSIONS)
def house(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Greenhouse:
    """A greenhouse whose files have odd names, and a folder with more names than are told at once."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    program = restic_program(request.param)
    monkeypatch.setenv("OVERWINTER_RESTIC", program)
    house = Greenhouse(tmp_path).grow(3)
    house.make_repository(program)
    deep = house.root() / "deep" / "er"
    deep.mkdir(parents=True)
    for name in ODD:
        (deep / name).write_text(name)
    many = house.root() / "many"
    many.mkdir()
    for number in range(PAGE + 100):
        (many / f"reading-{number:04d}").touch()
    (many / "below").mkdir()
    return house


newest_restic = pytest.mark.parametrize("house", VERSIONS[-1:], indirect=True)


def at(house: Greenhouse, story: Callable[[Overwinter], Awaitable[None]]) -> None:
    """Lets the story happen with the program that knows the greenhouse."""

    async def told() -> None:
        async with opened(house) as app:
            await house.set_up(app)
            await story(app)

    run(told())


async def passphrase(_question: PassphraseQuestion) -> str:
    """The vault's."""
    return "four words in winter"


@asynccontextmanager
async def opened(house: Greenhouse) -> AsyncIterator[Overwinter]:
    app = await assemble(places(house.data), passphrase)
    try:
        yield app
    finally:
        await app.close()


async def backed_up(app: Overwinter) -> Point:
    launched = await app.back_up(SITE)
    done = await app.runner.wait(SITE, launched.run)
    assert done.outcome is Outcome.SUCCESS, done.error
    return (await app.catalogue.refresh(SITE)).rows[0].point


async def indexed(app: Overwinter, snapshot: str) -> Headway:
    seen = await app.catalogue.index(SITE, snapshot)
    while not seen.over:
        seen = await app.catalogue.headway(SITE, snapshot, seen)
    return seen


async def everything(app: Overwinter, snapshot: str, path: str) -> list[Name]:
    """All names of a folder, page by page."""
    level = await app.catalogue.level(SITE, snapshot, path)
    names = list(level.names)
    while level.next is not None:
        level = await app.catalogue.level(SITE, snapshot, path, level.next)
        names += level.names
    return names


def files(house: Greenhouse) -> list[Path]:
    return sorted((house.data / "cache" / "catalogue" / "trees" / SITE).iterdir())


# --- folders ----------------------------------------------------------------------------------


@pytest.mark.spec("R2")
def test_the_index_says_of_every_folder_what_restic_says(house: Greenhouse) -> None:
    async def story(app: Overwinter) -> None:
        snapshot = (await backed_up(app)).snapshots[0].id
        folders = [str(house.root()), f"{house.root()}/deep", f"{house.root()}/deep/er", f"{house.root()}/many", "/"]
        before = {folder: await everything(app, snapshot, folder) for folder in folders}
        assert not await app.catalogue.is_indexed(SITE, snapshot)
        assert (await indexed(app, snapshot)).over
        assert await app.catalogue.is_indexed(SITE, snapshot)
        for folder in folders:
            assert list(map(bare, await everything(app, snapshot, folder))) == list(map(bare, before[folder]))

    at(house, story)


def bare(name: Name) -> Name:
    """What restic, too, knows of a name: of folders neither their size nor how much is in them."""
    return msgspec.structs.replace(name, names=-1, size=0) if name.is_folder else name


@newest_restic
def test_a_folder_says_how_much_is_below_it(house: Greenhouse) -> None:
    async def story(app: Overwinter) -> None:
        snapshot = (await backed_up(app)).snapshots[0].id
        await indexed(app, snapshot)
        found = {name.name: name for name in await everything(app, snapshot, str(house.root()))}
        below = sum(file.stat().st_size for file in (house.root() / "deep").rglob("*") if file.is_file())
        assert (found["deep"].size, found["deep"].names) == (below, 1)
        assert found["many"].names == PAGE + 101
        assert [name.is_folder for name in found.values()] == [True, True, False, False, False]

    at(house, story)


@newest_restic
@pytest.mark.skipif(sys.platform != "linux", reason="names there are text")
def test_names_that_are_no_text_are_listed_too(house: Greenhouse) -> None:
    for name in (b"latin-\xe9", b"latin-\xe8"):
        folder = os.fsencode(house.root()) + b"/" + name
        os.mkdir(folder)  # noqa: PTH102  a path of bytes
        (house.root() / os.fsdecode(name) / "inside").touch()

    async def story(app: Overwinter) -> None:
        snapshot = (await backed_up(app)).snapshots[0].id
        await indexed(app, snapshot)
        names = [name.name for name in await everything(app, snapshot, str(house.root()))]
        assert names.count("latin-\ufffd") == 2
        found = await app.catalogue.find(SITE, snapshot, "inside")
        assert found is not None
        assert len(found) == 2

    at(house, story)


# --- search -----------------------------------------------------------------------------------


@pytest.mark.spec("R2")
@newest_restic
def test_names_are_found_in_one_point_and_in_all(house: Greenhouse) -> None:
    async def story(app: Overwinter) -> None:
        first = await backed_up(app)
        same = await backed_up(app)
        (house.root() / "deep" / "клапан 4.log").touch()
        last = await backed_up(app)
        trees = await app.catalogue.searchable(SITE)
        assert [tree.points for tree in trees] == [(last.id,), (same.id, first.id)]
        assert await app.catalogue.find(SITE, trees[1].snapshot, "КЛАПАН") is None
        for tree in trees:
            await indexed(app, tree.snapshot)
        found = [await app.catalogue.find(SITE, tree.snapshot, "КЛАПАН") or [] for tree in trees]
        assert [[name.name for name in names] for names in found] == [[ODD[0], "клапан 4.log"], [ODD[0]]]
        assert found[0][0].path == f"{house.root()}/deep/er/{ODD[0]}"
        assert len(await app.catalogue.find(SITE, trees[0].snapshot, "reading") or []) == FOUND_AT_MOST
        assert [tree.points for tree in await app.catalogue.searchable(SITE, first.id)] == [(first.id,)]

    at(house, story)


# --- the repository away, another site --------------------------------------------------------


@pytest.mark.spec("R1")
@newest_restic
def test_while_the_repository_is_away_what_is_known_can_be_looked_into(house: Greenhouse) -> None:
    async def story(app: Overwinter) -> None:
        assert await app.catalogue.known(SITE) is None
        snapshot = (await backed_up(app)).snapshots[0].id
        await indexed(app, snapshot)

    async def later() -> None:
        house.repository.rename(house.folder / "unplugged")
        async with opened(house) as app:
            known = await app.catalogue.known(SITE)
            assert known is not None
            snapshot = known.rows[0].point.snapshots[0].id
            assert [name.name for name in (await app.catalogue.level(SITE, snapshot, str(house.root()))).names]
            assert await app.catalogue.find(SITE, snapshot, "index")
            with pytest.raises(UserError, match=r"repository\."):
                await app.catalogue.refresh(SITE)

    at(house, story)
    run(later())


@pytest.mark.spec("S1")
@newest_restic
def test_a_snapshot_of_another_site_is_refused(house: Greenhouse) -> None:
    other = Greenhouse(house.folder / "other", "south-house").grow(1)
    other.make_repository(os.environ["OVERWINTER_RESTIC"])

    async def story(app: Overwinter) -> None:
        snapshot = (await backed_up(app)).snapshots[0].id
        await indexed(app, snapshot)
        await other.set_up(app)
        await app.catalogue.refresh(other.name)
        for question in (
            app.catalogue.level(other.name, snapshot, "/"),
            app.catalogue.find(other.name, snapshot, "index"),
            app.catalogue.index(other.name, snapshot),
            app.catalogue.is_indexed(other.name, snapshot),
        ):
            with pytest.raises(Refused, match=r"snapshot\.unknown"):
                await question
        assert await app.catalogue.snapshots_of(other.name, snapshot) == []

    at(house, story)


@newest_restic
def test_a_list_of_another_repository_is_not_shown(house: Greenhouse) -> None:
    async def story(app: Overwinter) -> None:
        await backed_up(app)
        elsewhere = house.toml.replace(str(house.repository), str(house.folder / "elsewhere"))
        await app.add_site(elsewhere.encode(), replace=True)
        assert await app.catalogue.known(SITE) is None

    at(house, story)


@newest_restic
def test_nothing_of_a_removed_site_stays(house: Greenhouse) -> None:
    async def story(app: Overwinter) -> None:
        await indexed(app, (await backed_up(app)).snapshots[0].id)
        assert files(house)
        await app.remove_site(SITE)
        assert not [path for path in (house.data / "cache" / "catalogue").rglob("*") if path.is_file()]

    at(house, story)


# --- compared and saved ------------------------------------------------------------------------


@pytest.mark.spec("R2")
@newest_restic
def test_a_point_is_compared_with_what_is_live(house: Greenhouse) -> None:
    toml = house.toml.replace("[retention]", 'exclude = ["logs"]\n[retention]')

    async def story(app: Overwinter) -> None:
        await app.add_site(toml.encode(), replace=True)
        point = await backed_up(app)
        assert (await app.compare_with_live(SITE, point.short_id)).rows == ()
        root = house.root()
        (root / "new.txt").write_text("new")
        (root / "logs").mkdir()
        (root / "logs" / "not in any backup").touch()
        (root / "file-0").write_text("other")
        (root / "file-1").unlink()
        (root / "file-2").unlink()
        (root / "file-2").mkdir()
        (root / "deep" / "er" / ODD[0]).chmod(0o400)
        found = await app.compare_with_live(SITE, point.short_id)
        assert {(row.path.removeprefix(f"{root}/"), row.change) for row in found.rows} == {
            ("new.txt", Kind.ADDED),
            ("file-0", Kind.MODIFIED),
            ("file-1", Kind.REMOVED),
            ("file-2", Kind.TYPE),
            (f"deep/er/{ODD[0]}", Kind.METADATA),
        }
        assert (found.totals.bytes_added, found.totals.added, found.left_out) == (3, 1, ())

    at(house, story)


@pytest.mark.spec("R2")
@newest_restic
def test_several_names_are_saved_into_a_new_folder(house: Greenhouse) -> None:
    async def story(app: Overwinter) -> None:
        point = await backed_up(app)
        root, target = house.root(), house.folder / "saved"
        paths = (f"{root}/file-0", f"{root}/deep", f"{root}/deep/er")
        choice = SaveChoice(point.snapshots[0].id, paths, str(target))
        launched = await app.runner.launch(await app.plan_save(SITE, choice))
        done = await app.runner.wait(SITE, launched.run)
        assert done.outcome is Outcome.SUCCESS, done.error
        assert sorted(path.name for path in target.iterdir()) == ["deep", "er", "file-0"]
        assert (target / "file-0").read_bytes() == (root / "file-0").read_bytes()
        again = await app.runner.launch(await app.plan_save(SITE, choice))
        refused = await app.runner.wait(SITE, again.run)
        assert refused.error is not None
        assert refused.error.code == "save.target-exists"
        assert not list(house.folder.glob(".overwinter-saving-*"))

    at(house, story)


# --- making it --------------------------------------------------------------------------------


@newest_restic
def test_an_index_that_is_cancelled_leaves_nothing(house: Greenhouse) -> None:
    async def story(app: Overwinter) -> None:
        snapshot = (await backed_up(app)).snapshots[0].id
        begun = await app.catalogue.index(SITE, snapshot)
        assert not begun.over
        watching = asyncio.create_task(app.catalogue.headway(SITE, snapshot, begun))
        await asyncio.sleep(0)
        await app.catalogue.stop_indexing(SITE, snapshot)
        assert (await watching).over
        assert not await app.catalogue.is_indexed(SITE, snapshot)
        assert not list((house.data / "cache" / "catalogue").rglob("*.begun"))
        assert not house.locks()

    at(house, story)


@newest_restic
def test_an_index_that_cannot_be_made_says_why(house: Greenhouse) -> None:
    async def story(app: Overwinter) -> None:
        snapshot = (await backed_up(app)).snapshots[0].id
        shutil.rmtree(house.repository / "data")
        shutil.rmtree(house.data / "cache" / "restic")
        with pytest.raises(UserError):
            await indexed(app, snapshot)
        assert not files(house)

    at(house, story)


@newest_restic
def test_after_a_backup_the_names_of_the_newest_point_are_indexed(house: Greenhouse) -> None:
    async def story(app: Overwinter) -> None:
        app.index_after_backups()
        snapshot = (await backed_up(app)).snapshots[0].id
        deadline = time.monotonic() + 30
        while not await app.catalogue.is_indexed(SITE, snapshot):
            assert time.monotonic() < deadline, "nobody indexes it"
            await asyncio.sleep(0.05)

    at(house, story)
