"""Swaps of trees under odd circumstances: what cannot be swapped is refused, and then nothing is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.assembly import Overwinter
from app.foundation.errors import Refused
from app.foundation.events import Outcome, Warned
from app.jobs.backup import BackupChoice
from app.jobs.cutover.plan import State
from app.jobs.restore import checks
from app.jobs.restore.choice import RestoreChoice, Swap
from app.jobs.swap.kept import STAYS
from app.jobs.swap.setting import SwapState
from app.records.run import Run
from tests.faults.test_full_disks import disk_at
from tests.features.greenhouse import REPOSITORY_PASSWORD
from tests.real.practice import opened
from tests.real.servers.restic import VERSIONS, fresh_repository, restic_program
from tests.real.servers.sshd import SshServer, ssh_server
from tests.running import run
from tests.trees import described

if sys.platform == "win32":
    pytest.skip("owners and modes as POSIX has them", allow_module_level=True)

SITE = "north-house"

SITE_FILE = """
format = 1
name = "north-house"
[repository]
url = "{repository}"
[[sources]]
name = "laravel"
kind = "files"
host = "{host}"
root = "{root}"
{more}
"""

SERVER = """
[[hosts]]
name = "server"
kind = "ssh"
address = "127.0.0.1"
port = {port}
key_file = "{key_file}"
"""


@dataclass
class Swapped:
    """How a swap ended; `said` are the codes of what was told meanwhile."""

    run: Run
    state: SwapState
    said: list[str]

    @property
    def code(self) -> str:
        """The code of its error."""
        return self.run.error.code if self.run.error is not None else ""


@dataclass
class Greenhouse:
    """A site with one tree, at `root` as the site file says."""

    folder: Path
    root: Path
    more: str = ""
    server: SshServer | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Overwinter]:
        """The program with that site."""
        async with opened(self.folder) as app:
            await app.add_site(self._site_file().encode(), replace=True)
            await app.set_secret(SITE, "repository-password", REPOSITORY_PASSWORD)
            yield app

    def _site_file(self) -> str:
        host = "this-computer" if self.server is None else "server"
        described_ = SITE_FILE.format(repository=self.folder / "repository", host=host, root=self.root, more=self.more)
        if self.server is None:
            return described_
        return described_ + SERVER.format(port=self.server.port, key_file=self.server.key_file)

    async def backed_up(self, app: Overwinter) -> str:
        """The id of a new point."""
        launched = await app.runner.launch(await app.plan_backup(SITE, BackupChoice(retention=False)))
        assert (await app.runner.wait(SITE, launched.run)).outcome in (Outcome.SUCCESS, Outcome.PARTIAL)
        return launched.run

    async def swapped(
        self,
        app: Overwinter,
        point: str,
        target: Swap | None = None,
        *,
        accept: Sequence[str] = (),
        dry: bool = False,
        by_name: bool = False,
    ) -> Swapped:
        """Swaps the files of a point in; without a safety backup, but where the target asks for it."""
        target = target or Swap(safety=False)
        choice = RestoreChoice(point, ("files",), target, tuple(accept), by_name=by_name, dry_run=dry)
        plan = await app.plan_restore(SITE, choice, f"RESTORE {SITE} {point[:8]} files")
        launched = await app.runner.launch(plan)
        said: list[str] = []
        async for batch in app.runner.feed(SITE, launched.run).batches():
            said += [event.warning.code for event in batch if isinstance(event, Warned)]
        assert isinstance(plan.state, SwapState)
        return Swapped(await app.runner.wait(SITE, launched.run), plan.state, said)


def greenhouse_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Greenhouse:
    """With an empty repository."""
    program = restic_program(VERSIONS[-1])
    monkeypatch.setenv("OVERWINTER_RESTIC", program)
    fresh_repository(program, folder / "repository", REPOSITORY_PASSWORD)
    root = folder / "site" / "laravel"
    root.mkdir(parents=True)
    (root / "file").write_text("of the point")
    (root / ".env").write_text("APP_KEY=base64:then")
    return Greenhouse(folder, root)


@pytest.fixture
def greenhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Greenhouse:
    return greenhouse_in(tmp_path, monkeypatch)


def beside(root: Path) -> set[str]:
    return {path.name for path in root.parent.iterdir()}


def everything(root: Path) -> dict[str, Any]:
    seen = root.stat()
    return {"": (seen.st_mode, seen.st_mtime_ns, seen.st_ino), **described(root.parent)}


@contextmanager
def mounted(source: Path, target: Path) -> Iterator[None]:
    if subprocess.run(["mount", "--bind", source, target], check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount here")
    try:
        yield
    finally:
        subprocess.run(["umount", target], check=True)


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    with subprocess.Popen(["sleep", "60"], cwd=folder) as working:
        yield
        working.kill()


@pytest.mark.spec("R5", "R4")
def test_a_dry_run_says_what_would_change_and_changes_nothing(greenhouse: Greenhouse) -> None:
    root = greenhouse.root
    greenhouse.more = 'exclude = ["logs"]\nkeep_live = [".env"]\nclear_after = ["cache/*"]'
    for name in ("same", "changed", "gone", "cache/old", "logs/log"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("0123456789")

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            (root / "gone").unlink()
            (root / "changed").write_text("01234")
            (root / "new").write_text("012")
            repository = described(greenhouse.folder / "repository", without=["locks"])
            before = everything(root)
            done = await greenhouse.swapped(app, point, dry=True)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            assert everything(root) == before
            assert described(greenhouse.folder / "repository", without=["locks"]) == repository
            (foreseen,) = done.state.foreseen
            told = {name: (getattr(foreseen, name).count, getattr(foreseen, name).bytes) for name in
                    ("created", "overwritten", "deleted", "unchanged", "kept")}  # fmt: skip
            assert told == {
                "created": (1, 10),
                "overwritten": (1, 10),
                "deleted": (2, 13),
                "unchanged": (3, 22),
                "kept": (3, 29),
            }, "deleted: new and the cache; unchanged: file, same and the folder cache; kept: .env, logs and the log"

    run(story())


@pytest.mark.spec("R6", "R11")
@pytest.mark.parametrize("sessions", [300, pytest.param(50_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("far", [False, True], ids=["here", "server"])
def test_what_the_site_keeps_comes_along_and_sessions_do_not(
    greenhouse: Greenhouse, sessions: int, *, far: bool
) -> None:
    with ssh_server(greenhouse.folder / "sshd") if far else nullcontext() as greenhouse.server:
        keeps_and_clears(greenhouse, sessions)


def keeps_and_clears(greenhouse: Greenhouse, sessions: int) -> None:
    root = greenhouse.root
    greenhouse.more = """
exclude = ["logs", "**/*.tmp", "videos/none"]
keep_live = [".env", "keys/*.key", "uploads", "not/there", "new/secret"]
clear_after = ["sessions/*", "views/*.php", "linked/*"]
[[commands]]
name = "down"
when = "maintenance_on"
host = "{host}"
folder = "{root}"
run = ["touch", "down"]
""".format(host="server" if greenhouse.server else "this-computer", root=root)
    for name in ("sessions", "views", "keys", "uploads", "logs", "deep/er", "not"):
        (root / name).mkdir(parents=True)
    for number in range(sessions):
        (root / "sessions" / f"{number}").touch()
    for name in ("sessions/.gitignore", "views/a.php", "views/a.txt", "keys/a.key", "keys/b.pub", "uploads/one",
                 "logs/log", "deep/er/x.tmp", "not/there"):  # fmt: skip
        (root / name).write_text("of the point")
    elsewhere = greenhouse.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "live").write_text("not ours")
    (root / "linked").symlink_to(elsewhere)
    os.utime(root / "sessions", ns=(1, 1_500_000_000_123_456_789))

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            for name in ("file", ".env", "keys/a.key", "keys/b.pub", "uploads/one", "logs/log", "deep/er/x.tmp"):
                (root / name).write_text("live")
            (root / "not" / "there").unlink()
            (root / "new").mkdir(mode=0o751)
            (root / "new" / "secret").write_text("live")
            (root / "logs").chmod(0o711)
            done = await greenhouse.swapped(app, point)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            assert "restore.keep-live-missing" in done.said
            found = {name: (root / name).read_text() for name in
                     ("file", ".env", "keys/a.key", "keys/b.pub", "uploads/one", "logs/log", "deep/er/x.tmp",
                      "not/there", "new/secret")}  # fmt: skip
            of_the_point = {"file", "keys/b.pub", "not/there"}
            assert found == {name: "of the point" if name in of_the_point else "live" for name in found}
            assert {path.name for path in (root / "sessions").iterdir()} == {".gitignore"}
            assert (root / "sessions").stat().st_mtime_ns == 1_500_000_000_123_456_789
            assert {path.name for path in (root / "views").iterdir()} == {"a.txt"}
            assert (elsewhere / "live").read_text() == "not ours", "no link is followed"
            assert ((root / "logs").stat().st_mode & 0o777, (root / "new").stat().st_mode & 0o777) == (0o711, 0o751)
            assert (root / "down").exists()
            (old,) = beside(root) - {"laravel"}
            assert (root.with_name(old) / "file").read_text() == "live"
            assert (root.with_name(old) / "logs").is_dir(), "a stand-in"
            undo = await app.runner.launch(await app.plan_undo(SITE, done.run.id))
            undone = await app.runner.wait(SITE, undo.run)
            assert undone.outcome is Outcome.SUCCESS, undone.error
            assert {(root / name).read_text() for name in found if name != "not/there"} == {"live"}

    run(story())


@pytest.mark.spec("R6")
def test_only_the_parts_that_are_backed_up_are_swapped(greenhouse: Greenhouse) -> None:
    root = greenhouse.root
    greenhouse.more = 'include = [".env", "storage/app", "composer.lock", "gone/part"]\nkeep_live = [".env"]'
    for name in ("storage/app/a", "storage/other", "composer.lock", "gone/part/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("of the point")

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            for name in (".env", "storage/app/a", "storage/other", "composer.lock"):
                (root / name).write_text("live")
            shutil.rmtree(root / "gone")
            (root / "storage" / "app" / "new").touch()
            done = await greenhouse.swapped(app, point)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            found = {name: (root / name).read_text() for name in
                     (".env", "storage/app/a", "storage/other", "composer.lock", "gone/part/x")}  # fmt: skip
            assert found == {".env": "live", "storage/app/a": "of the point", "storage/other": "live",
                             "composer.lock": "of the point", "gone/part/x": "of the point"}  # fmt: skip
            assert not (root / "storage" / "app" / "new").exists()
            mark = f".__before_restore_{done.run.id[:8]}"
            assert (root / "storage" / f"app{mark}" / "a").read_text() == "live"
            assert (root / f"composer.lock{mark}").read_text() == "live"
            undo = await app.runner.launch(await app.plan_undo(SITE, done.run.id))
            undone = await app.runner.wait(SITE, undo.run)
            assert undone.outcome is Outcome.SUCCESS, undone.error
            assert (root / "storage" / "app" / "a").read_text() == "live"
            assert not (root / "gone").exists()

    run(story())


@pytest.mark.spec("R4")
def test_a_link_is_swapped_where_it_leads_and_a_lost_tree_comes_back(greenhouse: Greenhouse) -> None:
    real = greenhouse.root
    greenhouse.root = real.with_name("current")

    async def story() -> None:
        async with greenhouse.opened() as app:
            greenhouse.root.mkdir()
            (greenhouse.root / "file").write_text("of the point")
            point = await greenhouse.backed_up(app)
            shutil.rmtree(greenhouse.root)
            greenhouse.root.symlink_to("laravel")
            done = await greenhouse.swapped(app, point)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            assert greenhouse.root.is_symlink()
            assert {path.name for path in real.iterdir()} == {"file"}
            assert beside(real) == {"current", "laravel", f"laravel.__before_restore_{done.run.id[:8]}"}
            greenhouse.root.unlink()
            done = await greenhouse.swapped(app, point, Swap(safety=True))
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            assert (greenhouse.root / "file").read_text() == "of the point"
            assert done.state.safety == "", "there was nothing to be saved"
            assert done.state.old == []

    run(story())


@pytest.mark.spec("R4")
def test_what_cannot_be_moved_is_refused(greenhouse: Greenhouse) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root to mount")
    root = greenhouse.root
    (root / "sub").mkdir()
    other = greenhouse.folder / "other"
    other.mkdir()

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            for source, target, code in (
                (root, root, "restore.root-mounted"),
                (other, root / "sub", "restore.mounted-below"),
                (root / "sub", other, "restore.bind-mounted"),
            ):
                with mounted(source, target):
                    before = everything(root)
                    done = await greenhouse.swapped(app, point)
                    assert (done.run.outcome, done.code) == (Outcome.REFUSED, code)
                    assert everything(root) == before
            with working_in(root):
                done = await greenhouse.swapped(app, point)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            assert "restore.root-in-use" in done.said

    run(story())


@pytest.mark.spec("R4", "R8")
def test_wrong_points_hosts_and_commands_are_refused_before_anything(greenhouse: Greenhouse) -> None:
    greenhouse.more = '[[commands]]\nname = "down"\nwhen = "stop"\nrun = ["no-such-program", "down"]\n'

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            before = everything(greenhouse.root)
            done = await greenhouse.swapped(app, point)
            assert (done.run.outcome, done.code) == (Outcome.REFUSED, "restore.command-missing")
            assert everything(greenhouse.root) == before

        greenhouse.more = '[[commands]]\nname = "down"\nwhen = "stop"\nrun = ["false"]\n'
        async with greenhouse.opened() as app:
            done = await greenhouse.swapped(app, point)
            assert (done.run.outcome, done.code) == (Outcome.FAILED, "restore.command-failed")
            assert done.run.rollback.value == "done"
            assert everything(greenhouse.root)[""][2] == before[""][2]
            assert beside(greenhouse.root) == {"laravel"}

    run(story())


@pytest.mark.spec("R4", "R8", "J2")
def test_what_goes_wrong_while_staging_leaves_the_site_as_it_was(
    greenhouse: Greenhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is too small, one that fills up, and data that the repository has lost."""
    root = greenhouse.root
    (root / "large").write_bytes(os.urandom(5_000_000))

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            with disk_at(root.parent, "9m"):
                before = everything(root)
                done = await greenhouse.swapped(app, point)
                assert (done.run.outcome, done.code) == (Outcome.REFUSED, "restore.no-room")
                monkeypatch.setattr(checks, "ROOM_TO_SPARE", -(10**9))
                done = await greenhouse.swapped(app, point)
                assert (done.run.outcome, done.code) == (Outcome.FAILED, "restic.target-full")
                assert everything(root) == before
                assert beside(root) == {"laravel"}
            root.mkdir()
            for pack in (greenhouse.folder / "repository" / "data").rglob("*"):
                if pack.is_file() and pack.stat().st_size > 100_000:
                    pack.chmod(0o600)
                    pack.write_bytes(b"x" * pack.stat().st_size)
            done = await greenhouse.swapped(app, point)
            assert done.run.outcome is Outcome.FAILED
            assert done.code.startswith("restic."), done.code
            assert list(root.iterdir()) == []
            assert beside(root) == {"laravel"}

    run(story())


@pytest.mark.spec("R4", "R6", "R9")
def test_a_tree_that_cannot_be_moved_is_swapped_one_level_down(greenhouse: Greenhouse) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root to mount")
    root = greenhouse.root
    greenhouse.more = """
exclude = ["logs", "deep/logs"]
keep_live = [".env"]
[[commands]]
name = "stop"
when = "stop"
run = ["true"]
"""
    for name in ("logs/log", "deep/logs/log", "deep/file", "gone", "changed"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("of the point")
    root.chmod(0o2751)

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            for name in (".env", "logs/log", "deep/logs/log", "deep/file", "changed"):
                (root / name).write_text("live")
            (root / "gone").unlink()
            (root / "new").mkdir()
            root.chmod(0o700)
            before = described(root)
            done = await greenhouse.swapped(app, point)
            assert (done.run.outcome, done.code) == (Outcome.REFUSED, "restore.root-mounted")
            done = await greenhouse.swapped(app, point, accept=["mount"])
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            found = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*")
                     if path.is_file() and ".overwinter-" not in str(path)}  # fmt: skip
            live = {".env", "logs/log", "deep/logs/log"}
            assert set(found) == live | {"file", "deep/file", "gone", "changed"}
            assert found == {name: "live" if name in live else "of the point" for name in found}
            assert root.stat().st_mode & 0o7777 == 0o2751
            held = root / f".overwinter-before-{done.run.id[:8]}"
            assert {path.name for path in root.iterdir()} == {
                ".env", "file", "deep", "logs", "gone", "changed", held.name
            }  # fmt: skip
            assert (held / "changed").read_text() == "live"
            undo = await app.runner.launch(await app.plan_undo(SITE, done.run.id))
            undone = await app.runner.wait(SITE, undo.run)
            assert undone.outcome is Outcome.SUCCESS, undone.error
            aside = root / f".overwinter-before-{undone.id[:8]}"
            assert (aside / "changed").read_text() == "of the point"
            assert {path.name for path in root.iterdir()} == {
                ".env", "file", "deep", "logs", "new", "changed", aside.name
            }  # fmt: skip
            now = {name: what for name, what in described(root).items() if aside.name not in name}
            assert {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)} <= {"deep"}
            assert root.stat().st_mode & 0o7777 == 0o700

    with mounted(root, root):
        run(story())


@pytest.mark.spec("R9")
def test_the_old_tree_goes_after_a_day_and_nothing_else(greenhouse: Greenhouse) -> None:
    root = greenhouse.root

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            done = await greenhouse.swapped(app, point)
            (old,) = done.state.old
            assert old.name == f"{root}.__before_restore_{done.run.id[:8]}"
            await greenhouse.backed_up(app)
            assert old.name in map(str, root.parent.iterdir()), "its time is not over"
            plan = await app.shelf.finished(SITE, done.run.id)
            assert plan is not None
            early = msgspec.structs.replace(plan, made=plan.made - STAYS - timedelta(minutes=1))

            kept, aside = root.with_name(Path(old.name).name), root.with_name("aside")
            kept.rename(aside)
            kept.mkdir()
            await app.shelf.settle(early, State.NEW, lambda _name: app._here)
            cleaned = await app.runner.launch(await app.plan_cleanup(SITE))
            ended = await app.runner.wait(SITE, cleaned.run)
            assert ended.error is not None
            assert ended.error.code == "restore.old-unclear", "another folder by that name"
            kept.rmdir()
            aside.rename(kept)
            await greenhouse.backed_up(app)
            assert beside(root) == {"laravel"}, "the next contact"
            assert (root / "file").read_text() == "of the point"
            assert await app.shelf.finished_runs(SITE) == []

    run(story())


@pytest.mark.spec("R6", "R9")
def test_what_is_staged_waits_for_its_cutover(greenhouse: Greenhouse) -> None:
    root = greenhouse.root
    greenhouse.more = 'keep_live = [".env"]'

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            (root / "file").write_text("live")
            staged = await greenhouse.swapped(app, point, Swap(stage_only=True))
            assert staged.run.outcome is Outcome.SUCCESS, staged.run.error
            assert (root / "file").read_text() == "live"
            stage = f".laravel.overwinter-stage-{staged.run.id[:8]}"
            assert beside(root) == {"laravel", stage}
            (root / ".env").write_text("changed meanwhile")
            done = await greenhouse.swapped(app, point, Swap(safety=False, cutover=staged.run.id[:8]))
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            assert (root / "file").read_text() == "of the point"
            assert (root / ".env").read_text() == "changed meanwhile"
            assert beside(root) == {"laravel", f"laravel.__before_restore_{staged.run.id[:8]}"}
            with pytest.raises(Refused) as raised:
                await greenhouse.swapped(app, point, Swap(cutover=staged.run.id))
            assert raised.value.code == "restore.not-staged"

    run(story())
