"""Programs that misbehave, and callers that go away at the worst moment: nothing is left over, nothing said is lost."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts import process
from app.hosts.host import Command, Ending
from app.hosts.local import LocalHost
from app.hosts.running import PATIENT, Patience
from app.hosts.tree import Tree
from tests.guards import ExpectedLog, descendants
from tests.running import run

if sys.platform == "win32":
    pytest.skip("signals and sessions as POSIX has them", allow_module_level=True)

pytestmark = pytest.mark.spec("H1", "J2")

SOON = Patience(interrupt=0.3, terminate=0.2, output=0.3)


@asynccontextmanager
async def this_computer(folder: Path, patience: Patience = SOON) -> AsyncIterator[LocalHost]:
    """This computer as a host, its threads ended afterwards."""
    blocking = Blocking()
    try:
        yield LocalHost(blocking, folder / "scratch", patience)
    finally:
        blocking.close()


def python(source: str, *arguments: str) -> Command:
    """A Python program as a command."""
    return Command(sys.executable, ("-c", source, *arguments))


DEAF = """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
import os
print(os.getpid(), flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _nothing_left_over() -> Iterator[None]:
    this = psutil.Process()
    children, open_files, threads = descendants(), this.num_fds(), set(threading.enumerate())
    yield
    gc.collect()  # an unclosed pipe speaks up when it is collected
    assert descendants() <= children
    assert this.num_fds() <= open_files
    for thread in set(threading.enumerate()) - threads:  # also those of asyncio that wait for a child
        thread.join(5)
        assert not thread.is_alive(), thread.name


class Ready:
    """A sink that keeps everything and tells of the first piece."""

    def __init__(self) -> None:
        self.said = b""
        self._first = asyncio.Event()

    async def __call__(self, piece: bytes) -> None:
        self.said += piece
        self._first.set()

    async def wait(self) -> None:
        """Until something was said."""
        await asyncio.wait_for(self._first.wait(), 20)


def gone(pid: int) -> bool:
    """No such process, or a mere zombie."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def cancelled(task: asyncio.Task[object]) -> None:
    """Cancels the task and waits until it has ended so."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def until(holds: Callable[[], bool]) -> None:
    """Waits for a fact."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  another process's files and end are no events of ours
            await asyncio.sleep(0.01)


# --- restic -----------------------------------------------------------------------------------

# A dump that never ends, and that ends at an interrupt as if it were complete.
DUMP = """
import os, signal, sys
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
open(sys.argv[1], "w").write(str(os.getpid()))
while True:
    os.write(1, os.urandom(65536))
"""


@pytest.fixture(scope="module", params=["OVERWINTER_TEST_RESTIC_018", "OVERWINTER_TEST_RESTIC_019"])
def backup(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """An empty repository of each series of restic that must do."""
    path = os.environ.get(str(request.param))
    if not path:
        pytest.skip(f"no restic named in {request.param}")
    backup = Backup(path, tmp_path_factory.mktemp("restic"))

    async def prepare() -> None:
        async with this_computer(backup.folder) as host:
            assert (await host.run(backup.restic("init"))).code == 0

    run(prepare())
    return backup


class Backup:
    """A repository, and backups into it of a dump that never ends."""

    def __init__(self, program: str, folder: Path) -> None:
        self.folder = folder
        self._program = program
        self._pid = folder / "dump.pid"

    def restic(self, *arguments: str) -> Command:
        """A restic command on the repository."""
        where = ("-r", str(self.folder / "repository"), "-p", "/dev/stdin", "--no-cache")
        return Command(self._program, (*where, *arguments), stdin=b"password\n")

    def of_endless_dump(self) -> Command:
        """The backup."""
        self._pid.unlink(missing_ok=True)
        dump = ("--stdin-from-command", "--", sys.executable, "-c", DUMP, str(self._pid))
        return self.restic("backup", "--json", "--stdin-filename", "x.dump", *dump)

    def dumping(self) -> bool:
        """Whether data flows; then restic holds its lock."""
        return self._pid.exists() and self.count("locks") > 0

    def dump_is_gone(self) -> bool:
        """Whether the dump has ended, or never began."""
        return not self._pid.exists() or gone(int(self._pid.read_text() or 0))

    def count(self, kind: str) -> int:
        """How many locks or snapshots stand in the repository."""
        return len(list((self.folder / "repository" / kind).iterdir()))


@pytest.mark.spec("B3")
def test_restic_removes_its_lock_when_a_backup_is_cancelled_at_any_moment(backup: Backup, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    moments = random.Random(seed)

    async def story() -> None:
        async with this_computer(tmp_path, PATIENT) as host:
            for delay in [None, *(moments.uniform(0, 1.2) for _ in range(4))]:
                running = asyncio.create_task(host.run(backup.of_endless_dump()))
                if delay is None:
                    await until(backup.dumping)
                else:
                    await asyncio.sleep(delay)
                await cancelled(running)
                left = (backup.count("locks"), backup.count("snapshots"), backup.dump_is_gone())
                assert left == (0, 0, True), f"seed {seed}"

    run(story())


@pytest.mark.spec("B3")
def test_a_restic_that_is_killed_leaves_no_dump_running(backup: Backup, tmp_path: Path) -> None:
    async def story() -> None:
        async with this_computer(tmp_path) as host:
            dialogue = await host.start(backup.of_endless_dump())
            await dialogue.close_input()
            await until(backup.dumping)
            psutil.Process(dialogue.pid).kill()
            finished = await dialogue.wait()
            assert (finished.ending, finished.code) == (Ending.KILLED, -9)
            assert (backup.count("snapshots"), backup.dump_is_gone()) == (0, True)

    run(story())
    for lock in (backup.folder / "repository" / "locks").iterdir():
        lock.unlink()


# --- families ---------------------------------------------------------------------------------


def test_a_silent_child_of_a_killed_program_is_ended_too(tmp_path: Path) -> None:
    """A dump that waits for a lock in the database would not notice that nobody reads it."""
    source = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""

    async def story() -> None:
        async with this_computer(tmp_path) as host:
            finished = await host.run(python(source))
            assert finished.ending is Ending.KILLED
            assert gone(int(finished.stdout))

    run(story())


def test_a_child_that_left_the_session_is_ended_too(tmp_path: Path) -> None:
    source = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""

    async def story() -> None:
        async with this_computer(tmp_path) as host:
            ready = Ready()
            running = asyncio.create_task(host.run(python(source), stdout=ready))
            await ready.wait()
            await cancelled(running)
            assert gone(int(ready.said))

    run(story())


def test_what_a_program_left_running_on_purpose_stays(tmp_path: Path) -> None:
    """`pg_ctl start` is such a program."""
    source = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=2)
print(child.pid, flush=True)
"""

    async def story() -> None:
        async with this_computer(tmp_path) as host:
            finished = await host.run(python(source))
            daemon = psutil.Process(int(finished.stdout))
            assert finished.ending is Ending.EXITED
            assert daemon.is_running()
            daemon.kill()
            await until(lambda: gone(daemon.pid))

    run(story())


def test_a_program_that_stands_stopped_is_ended(tmp_path: Path) -> None:
    async def story() -> None:
        async with this_computer(tmp_path) as host:
            dialogue = await host.start(python("import os,signal; os.kill(os.getpid(), signal.SIGSTOP)"))
            await until(lambda: psutil.Process(dialogue.pid).status() == psutil.STATUS_STOPPED)
            assert (await dialogue.stop()).ending is Ending.STOPPED
            assert gone(dialogue.pid)

    run(story())


def test_a_program_that_cannot_be_killed_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected_log: ExpectedLog
) -> None:
    """As one that hangs in the system after its disk was pulled; no such state can be made at will, so we pretend."""

    async def story() -> None:
        patience = Patience(interrupt=0.1, terminate=0.1, kill=0.1, output=0.1)
        async with this_computer(tmp_path, patience) as host:
            dialogue = await host.start(python(DEAF))
            await dialogue.read()
            with monkeypatch.context() as powerless:
                powerless.setattr(Tree, "terminate", lambda tree: bool(tree.living()))
                powerless.setattr(Tree, "kill", lambda tree: bool(tree.living()))
                with pytest.raises(UserError) as told:
                    await dialogue.stop()
            assert told.value.code == "host.program-unstoppable"
            await until(lambda: gone(dialogue.pid))

    expected_log.expect("Close running child process")  # asyncio tries to kill it too, and here it can
    run(story())


# --- callers that go away ---------------------------------------------------------------------


def test_a_cancel_at_any_turn_of_the_loop_while_a_program_starts_leaves_nothing() -> None:
    async def story() -> None:
        for turns in range(15):
            running = asyncio.create_task(process.run(sys.executable, python("print()"), SOON))
            for _ in range(turns):
                await asyncio.sleep(0)
            await cancelled(running)

    run(story())


def test_being_cancelled_again_while_ending_changes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with this_computer(tmp_path) as host:
            ready = Ready()
            running = asyncio.create_task(host.run(python(DEAF), stdout=ready))
            await ready.wait()
            for _ in range(5):
                running.cancel()
                await asyncio.wait({running}, timeout=0.05)
            await cancelled(running)
            assert gone(int(ready.said))

    run(story())


@pytest.mark.parametrize("already_ending", [False, True])
def test_a_loop_that_is_closed_meanwhile_leaves_no_program(already_ending: bool, tmp_path: Path) -> None:
    said: list[bytes] = []

    async def story() -> None:
        host = LocalHost(blocking, tmp_path / "scratch", SOON)
        ready = Ready()
        running = asyncio.create_task(host.run(python(DEAF), stdout=ready))
        await ready.wait()
        said.append(ready.said)
        if already_ending:
            running.cancel()
            await asyncio.wait({running}, timeout=0.1)

    blocking = Blocking()
    run(story())
    blocking.close()
    assert gone(int(said[0]))


def test_a_sink_that_hangs_holds_no_cancel_and_no_deadline_up(tmp_path: Path) -> None:
    async def hang(piece: bytes) -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        async with this_computer(tmp_path) as host:
            chatter = python("while True: print('x' * 1000)")
            finished = await host.run(chatter, stdout=hang, deadline=0.3)
            assert finished.ending is Ending.OVERDUE
            running = asyncio.create_task(host.run(chatter, stdout=hang))
            await asyncio.sleep(0.2)
            await cancelled(running)

    run(story())


def test_programs_run_and_end_on_a_loop_in_any_thread(tmp_path: Path) -> None:
    async def story() -> None:
        async with this_computer(tmp_path) as host:
            await asyncio.gather(*(host.run(python("print('x' * 100_000)")) for _ in range(4)))
            overdue = await host.run(python(DEAF), deadline=0.3)
            outcomes.append(overdue.ending)

    outcomes: list[Ending] = []
    threads = [threading.Thread(target=lambda: run(story())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes == [Ending.OVERDUE] * 3


# --- output -----------------------------------------------------------------------------------


def test_the_last_words_reach_a_slow_sink_although_the_pipe_is_held_open(tmp_path: Path) -> None:
    """The program is long gone, and somebody it started holds the pipe, before the sink has taken half of it."""
    source = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=0, stderr=2)
print(os.getpid(), file=sys.stderr, flush=True)
os.write(1, b"x" * 400_000 + b"last")
"""
    said = b""

    async def take(piece: bytes) -> None:
        nonlocal said
        await asyncio.sleep(0.25)
        said += piece

    async def story() -> None:
        async with this_computer(tmp_path, Patience(output=0.1)) as host:
            finished = await host.run(python(source), stdout=take)
            session = int(finished.stderr)
            for pid in psutil.pids():
                if os.getsid(pid) == session:
                    psutil.Process(pid).kill()
            assert finished.code == 0

    run(story())
    assert said == b"x" * 400_000 + b"last"


def test_somebody_who_floods_an_inherited_pipe_holds_nobody_up(tmp_path: Path) -> None:
    flood = "import os\nfor _ in range(100_000): os.write(1, bytes(65536))"
    source = "import subprocess,sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]])"
    heard = 0

    async def take(piece: bytes) -> None:
        nonlocal heard
        heard += len(piece)
        await asyncio.sleep(0.01)

    async def story() -> None:
        async with this_computer(tmp_path) as host:
            finished = await asyncio.wait_for(host.run(python(source, flood), stdout=take), 20)
            assert finished.code == 0
        await until(lambda: not children_of_nobody(flood))  # it dies of the closed pipe

    run(story())
    assert heard < 10_000_000


def children_of_nobody(argument: str) -> list[psutil.Process]:
    """The processes with this argument."""
    return [process for process in psutil.process_iter(["cmdline"]) if argument in (process.info["cmdline"] or ())]


# --- files ------------------------------------------------------------------------------------


@contextmanager
def plain_user() -> Iterator[Path]:
    """Without root's right to write everywhere; gives a folder of this user's own."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="overwinter-") as folder:  # pytest's own folders are root's alone
        Path(folder).chmod(0o777)
        if root:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if root:
                os.seteuid(0)


def test_a_plain_user_removes_what_was_made_unwritable(tmp_path: Path) -> None:
    async def story(tree: str) -> None:
        async with this_computer(tmp_path) as host:
            await host.remove_tree(tree)

    with plain_user() as folder:
        for path in ("tree/locked/below", "tree/open"):
            (folder / path).mkdir(parents=True)
            (folder / path / "file").write_text("x")
            (folder / path / "file").chmod(0o400)
        (folder / "tree/locked/below").chmod(0o000)
        (folder / "tree/locked").chmod(0o500)
        run(story(str(folder / "tree")))
        assert list(folder.iterdir()) == []


def test_where_a_plain_user_may_not_look_nothing_is_guessed(tmp_path: Path) -> None:
    async def story(file: str) -> None:
        async with this_computer(tmp_path) as host:
            for refused, code in (
                (host.stat(file), "host.file-unreadable"),
                (host.read(file), "host.file-unreadable"),
                (host.write_durably(file, b"new"), "host.file-unwritable"),
            ):
                with pytest.raises(UserError) as told:
                    await refused
                assert told.value.code == code

    with plain_user() as folder:
        locked = folder / "locked"
        locked.mkdir()
        (locked / "file").write_text("old")
        locked.chmod(0o000)
        run(story(str(locked / "file")))
        locked.chmod(0o700)
        assert [path.read_text() for path in locked.iterdir()] == ["old"]


def test_a_tree_with_something_mounted_inside_is_not_removed(tmp_path: Path) -> None:
    inside = tmp_path / "tree" / "live"
    inside.mkdir(parents=True)

    async def story() -> None:
        async with this_computer(tmp_path) as host:
            mounted = await host.run(Command("mount", ("-t", "tmpfs", "tmpfs", str(inside))))
            if mounted.code != 0:
                pytest.skip("no disk can be mounted here")
            (inside / "data").write_text("live")
            with pytest.raises(UserError) as told:
                await host.remove_tree(str(tmp_path / "tree"))
            kept = (inside / "data").read_text()
            await host.run(Command("umount", (str(inside),)))
            assert (told.value.code, kept) == ("host.mounted-inside", "live")
            await host.remove_tree(str(tmp_path / "tree"))

    run(story())
    assert not (tmp_path / "tree").exists()
