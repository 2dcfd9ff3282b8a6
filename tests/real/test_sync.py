"""Trees that are restored in place: they become what the point holds, and nothing goes that no backup ever took."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from app.assembly import Overwinter
from app.foundation.errors import Refused
from app.foundation.events import Outcome
from app.jobs.cutover import forward
from app.jobs.cutover.recover import Did, Wanted
from app.jobs.restore.choice import Swap
from app.jobs.sync import carrying
from tests.real.servers.sshd import ssh_server
from tests.real.test_swap import SITE, Greenhouse, Swapped, beside, everything, greenhouse_in, mounted
from tests.running import run
from tests.trees import add_rarities, attributes_of, described

if sys.platform == "win32":
    pytest.skip("owners and modes as POSIX has them", allow_module_level=True)

IN_PLACE = Swap(in_place=True)
WITHOUT_BACKUP = Swap(in_place=True, safety=False)

COMMANDS = """
[[commands]]
name = "{name}"
when = "{when}"
host = "{host}"
folder = "{root}"
run = {run}
undo = {undo}
"""


@pytest.fixture
def greenhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Greenhouse:
    made = greenhouse_in(tmp_path, monkeypatch)
    made.root.chmod(0o2751)
    return made


def commands_of(greenhouse: Greenhouse) -> str:
    """A site that is down while there is a file in its tree that says so; it notes when it is that."""
    host = "server" if greenhouse.server else "this-computer"
    said = greenhouse.folder / "said"
    listed = [
        ("down", "maintenance_on", '["touch", "down"]', '["rm", "-f", "down"]'),
        ("stop", "stop", f'["sh", "-c", "cat file >> {said}"]', '["true"]'),
        ("after", "after_restore", f'["sh", "-c", "test -e down && cat file >> {said}"]', '["true"]'),
        ("up", "maintenance_off", '["rm", "down"]', '["true"]'),
        ("smoke", "smoke", '["test", "!", "-e", "down"]', "[]"),
    ]
    return "".join(
        COMMANDS.format(name=name, when=when, host=host, root=greenhouse.root, run=run_, undo=undo)
        for name, when, run_, undo in listed
    )


def content_of(root: Path, names: list[str]) -> dict[str, str]:
    return {name: (root / name).read_text() for name in names}


def whole(root: Path, *without: str) -> dict[str, Any]:
    """Everything that a restore in place has to bring back, the root itself included."""
    seen = root.lstat()
    own = (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, attributes_of(root))
    return {"": own, **described(root, without)}


async def recovered(app: Overwinter, wanted: Wanted = Wanted.WHAT_IS_NEARER) -> Any:
    plan = await app.plan_recovery(SITE, wanted)
    assert plan is not None
    launched = await app.runner.launch(plan)
    done = await app.runner.wait(SITE, launched.run)
    assert done.outcome is Outcome.SUCCESS, done.error
    return plan.state.recovered


def counted(done: Swapped) -> dict[str, tuple[int, int]]:
    (foreseen,) = done.state.foreseen
    names = ("created", "overwritten", "deleted", "unchanged", "kept")
    return {name: (getattr(foreseen, name).count, getattr(foreseen, name).bytes) for name in names}


@pytest.mark.spec("R10", "R11", "R7")
@pytest.mark.parametrize("far", [False, True], ids=["here", "server"])
def test_a_tree_becomes_what_the_point_holds_where_it_stands(greenhouse: Greenhouse, *, far: bool) -> None:
    with ssh_server(greenhouse.folder / "sshd") if far else nullcontext() as greenhouse.server:
        becomes_what_the_point_holds(greenhouse)


def becomes_what_the_point_holds(greenhouse: Greenhouse) -> None:
    root = greenhouse.root
    greenhouse.more = commands_of(greenhouse)
    add_rarities(root)
    for name in ("same", "was a folder/x", "was a file", "deep/er/gone", "a $HOME ", "one\nline", "linked/a"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("of the point")
    (root / os.fsdecode(b"\xff\xfe")).write_text("no text")
    os.link(root / "linked" / "a", root / "linked" / "b")
    (root / "link").symlink_to("same")
    (root / "deep").chmod(0o2770)
    os.utime(root / "deep", ns=(1, 1_500_000_000_123_456_789))
    os.utime(root, ns=(1, 1_400_000_000_123_456_789))
    outside = greenhouse.folder / "outside"
    outside.write_text("not ours")
    before = whole(root)

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            shutil.rmtree(root / "was a folder")
            (root / "was a folder").write_text("a file now")
            (root / "was a file").unlink()
            (root / "was a file").mkdir()
            (root / "was a file" / "in it").write_text("new")
            shutil.rmtree(root / "deep" / "er")
            (root / "deep" / "er").symlink_to(greenhouse.folder)
            (root / "link").unlink()
            (root / "link").symlink_to("file")
            for name in ("extra/deep/one", "a $HOME ", "one\nline", "file"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text("live")
            (root / "linked" / "b").unlink()
            os.link(outside, root / "linked" / "b")
            os.link(root / ".env", root / "same twice")
            (root / "rarities" / "suid").chmod(0o600)
            (root / os.fsdecode(b"extra \xff")).write_text("new")
            root.chmod(0o700)
            inode, live = root.stat().st_ino, whole(root)
            dry = await greenhouse.swapped(app, point, IN_PLACE, dry=True)
            assert dry.run.outcome is Outcome.SUCCESS, dry.run.error
            assert whole(root) == live
            assert "restore.in-place" in dry.said
            done = await greenhouse.swapped(app, point, IN_PLACE)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            now = whole(root)
            assert now.pop("")[:3] == before[""][:3]
            assert now == {name: told for name, told in before.items() if name}
            assert root.stat().st_ino == inode
            assert outside.read_text() == "not ours"
            assert beside(root) == {"laravel"}
            assert (greenhouse.folder / "said").read_text() == "live" + "of the point", "down all the while"
            children = [one for one in await app.records(SITE).runs() if one.parent == done.run.id]
            (saved,) = children
            refused = await greenhouse.swapped(app, saved.id, IN_PLACE)
            assert refused.run.outcome is Outcome.SUCCESS, refused.run.error
            again = whole(root, "down")
            live.pop("")
            again.pop("")
            assert again == live, "the backup of the state before is that state"

    run(story())


@pytest.mark.spec("R10", "R5")
def test_what_the_dry_run_named_is_what_is_done(greenhouse: Greenhouse) -> None:
    root = greenhouse.root
    greenhouse.more = """
exclude = ["logs", "**/*.tmp"]
keep_live = [".env", "keys/*.key", "uploads", "not/there"]
clear_after = ["sessions/*", "views/*.php"]
"""
    for name in ("sessions/.gitignore", "sessions/old", "views/a.php", "views/a.txt", "keys/a.key", "keys/b.pub",
                 "uploads/one", "logs/log", "deep/er/x.tmp", "not/there", "same", "gone"):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("of the point")
    os.utime(root / "sessions", ns=(1, 1_500_000_000_123_456_789))

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            for name in (".env", "keys/a.key", "keys/b.pub", "uploads/two", "logs/log", "deep/er/x.tmp", "sessions/new",
                         "extra/x.tmp", "extra/x", "extra/more/x"):  # fmt: skip
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text("live")
            for name in ("not/there", "gone", "uploads/one"):
                (root / name).unlink()
            dry = await greenhouse.swapped(app, point, IN_PLACE, dry=True)
            told, before = counted(dry), described(root)
            done = await greenhouse.swapped(app, point, WITHOUT_BACKUP)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            after = described(root)
            names = [".env", "keys/a.key", "keys/b.pub", "uploads/two", "logs/log", "deep/er/x.tmp", "not/there",
                     "extra/x.tmp", "gone", "sessions/.gitignore", "views/a.txt"]  # fmt: skip
            of_the_point = {"keys/b.pub", "not/there", "gone", "sessions/.gitignore", "views/a.txt"}
            assert content_of(root, names) == {one: "of the point" if one in of_the_point else "live" for one in names}
            assert {path.name for path in (root / "sessions").iterdir()} == {".gitignore"}
            assert {path.name for path in (root / "views").iterdir()} == {"a.txt"}
            assert {path.name for path in (root / "extra").iterdir()} == {"x.tmp"}, "what no backup takes stays"
            assert {path.name for path in (root / "uploads").iterdir()} == {"two"}
            assert (root / "sessions").stat().st_mtime_ns == 1_500_000_000_123_456_789
            deleted, created = before.keys() - after.keys(), after.keys() - before.keys()
            assert (told["deleted"][0], told["created"][0]) == (len(deleted), len(created)), (told, deleted, created)
            (foreseen,) = dry.state.foreseen
            assert set(foreseen.going) == deleted

    run(story())


@pytest.mark.spec("R10")
def test_what_was_left_out_when_the_point_was_made_is_not_deleted(greenhouse: Greenhouse) -> None:
    """Nor what is left out today, nor another source's database, nor what the backup could not find."""
    root = greenhouse.root
    database = f"""
[[sources]]
name = "db"
kind = "sqlite"
enabled = false
host = "this-computer"
database = "{root}/database/db.sqlite"
"""
    greenhouse.more = 'include = ["a", "b", "missing"]\nexclude = ["a/then"]' + database
    for name in ("a/then/x", "a/now/x", "a/file", "b/file", "database/db.sqlite", "other/file"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("of the point")

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
        greenhouse.more = 'include = ["a", "c", "missing", "database"]\nexclude = ["a/now"]' + database
        for name in ("a/then/x", "a/now/x", "a/file", "a/new", "b/file", "c/file", "missing/file", "other/file",
                     "database/db.sqlite-wal"):  # fmt: skip
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("live")
        (root / "database" / "db.sqlite").write_text("live")
        root.chmod(0o711)
        async with greenhouse.opened() as app:
            refused = await greenhouse.swapped(app, point, IN_PLACE)
            assert (refused.run.outcome, refused.code) == (Outcome.REFUSED, "restore.point-lacks-files")
            done = await greenhouse.swapped(app, point, IN_PLACE, accept=["point"])
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            assert (root / "a" / "file").read_text() == "of the point"
            assert not (root / "a" / "new").exists()
            live = ["a/then/x", "a/now/x", "b/file", "c/file", "missing/file", "other/file", "database/db.sqlite",
                    "database/db.sqlite-wal"]  # fmt: skip
            assert content_of(root, live) == dict.fromkeys(live, "live")

    run(story())


@pytest.mark.spec("R10", "R4")
def test_what_cannot_be_done_in_place_is_refused_before_anything(greenhouse: Greenhouse) -> None:
    root = greenhouse.root
    greenhouse.more = 'keep_live = ["name/kept"]'
    (root / "name").write_text("a file")

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            (root / "name").unlink()
            (root / "name").mkdir()
            (root / "name" / "kept").write_text("live")
            before = everything(root)
            done = await greenhouse.swapped(app, point, IN_PLACE)
            assert (done.run.outcome, done.code) == (Outcome.REFUSED, "sync.in-the-way")
            assert everything(root) == before
            shutil.rmtree(root)
            done = await greenhouse.swapped(app, point, IN_PLACE)
            assert (done.run.outcome, done.code) == (Outcome.REFUSED, "restore.nothing-in-place")

    run(story())


@pytest.mark.spec("R10", "R8", "R7")
def test_an_error_in_the_middle_is_rolled_back_by_the_backup_of_the_state_before(
    greenhouse: Greenhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = greenhouse.root
    greenhouse.more = commands_of(greenhouse)
    (root / "large").write_bytes(os.urandom(2_000_000))

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            (root / "large").write_text("live")
            (root / "extra").write_text("live")
            before = described(root)
            for pack in (greenhouse.folder / "repository" / "data").rglob("*"):
                if pack.is_file() and pack.stat().st_size > 1_000_000:
                    pack.chmod(0o600)
                    pack.write_bytes(b"x" * pack.stat().st_size)
            done = await greenhouse.swapped(app, point, IN_PLACE)
            assert done.run.outcome is Outcome.FAILED
            assert (done.run.rollback.value, done.code[:7]) == ("done", "restic."), done.run.error
            assert described(root) == before
            assert await app.shelf.unfinished(SITE) is None
            done = await greenhouse.swapped(app, point, WITHOUT_BACKUP)
            assert (done.run.rollback.value, done.code) == ("failed", "restore.unfinished")
            assert (root / "down").exists(), "a site that is neither stays down"

    run(story())


@pytest.mark.spec("R10", "R4")
def test_what_is_mounted_in_a_tree_stays_and_no_link_is_followed(greenhouse: Greenhouse) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root to mount")
    root = greenhouse.root
    disk = greenhouse.folder / "disk"
    disk.mkdir()
    (disk / "video").write_text("not ours")
    (root / "videos").mkdir()
    (root / "app").mkdir()
    (root / "app" / "file").write_text("of the point")

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            (root / "new").mkdir()
            (root / "app" / "file").write_text("live")
            with mounted(disk, root / "videos"), mounted(disk, root / "new"), mounted(root / "app", root / "app"):
                done = await greenhouse.swapped(app, point, WITHOUT_BACKUP)
                assert done.run.outcome is Outcome.SUCCESS, done.run.error
                assert (disk / "video").read_text() == "not ours"
                assert (root / "app" / "file").read_text() == "of the point"
                assert "restore.mount-stays" in done.said

    run(story())


@pytest.mark.spec("R10", "R8", "J2")
@pytest.mark.parametrize("wanted", [Wanted.WHAT_IS_NEARER, Wanted.ROLL_BACK])
def test_a_sync_that_died_is_done_again_or_taken_back(
    greenhouse: Greenhouse, monkeypatch: pytest.MonkeyPatch, wanted: Wanted
) -> None:
    """The link of a laptop that dies is cut: what it began stays as it is, and the site stays down."""
    root = greenhouse.root
    greenhouse.more = commands_of(greenhouse)
    (root / "extra").write_text("of the point")

    async def dies(*_: Any) -> None:
        raise Died

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            (root / "file").write_text("live")
            (root / "new").write_text("live")
            (root / "extra").unlink()
            before, then = described(root), {"file", ".env", "extra"}
            with monkeypatch.context() as broken:
                broken.setattr(carrying.Carrying, "_restore", dies)
                broken.setattr(forward, "_taken_back", dies)
                done = await greenhouse.swapped(app, point, IN_PLACE)
            assert done.run.outcome is Outcome.FAILED
            assert not (root / "new").exists()
            assert (root / "down").exists()
        async with greenhouse.opened() as app:
            done_again = await recovered(app, wanted)
            assert done_again.found.is_half
            assert await app.shelf.unfinished(SITE) is None
            if wanted is Wanted.ROLL_BACK:
                assert done_again.did is Did.ROLLED_BACK
                assert described(root) == before
                return
            assert done_again.did is Did.FINISHED
            assert {path.name for path in root.iterdir()} == then
            assert (root / "file").read_text() == "of the point"
            with pytest.raises(Refused) as refused:
                await app.plan_undo(SITE, done.run.id)
            assert refused.value.code == "restore.nothing-kept"

    run(story())


class Died(Exception):
    """The laptop did."""
