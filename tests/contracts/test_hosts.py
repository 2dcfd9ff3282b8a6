"""What every host keeps to. A host kind is one entry in `HOSTS`; the tests know only the protocol and paths there."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import json
import os
import random
import re
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts.host import Below, Command, Dialogue, Ending, FileKind, FileStat, Host, Sink
from app.hosts.local import LocalHost
from app.hosts.running import Patience
from app.hosts.ssh.host import SshHost
from app.hosts.ssh.links import Links
from app.hosts.ssh.login import Route
from tests.guards import descendants
from tests.real.servers.sshd import ssh_server
from tests.running import run

pytestmark = pytest.mark.spec("H1")

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals, modes and links as POSIX has them")

ODD_NAMES = ("two words", "new\nline", "quo'te\"s", "теплица-漢字-🌱", os.fsdecode(b"not \xff\xfe text"))


@dataclass(frozen=True)
class Place:
    """A host under test: an empty folder on it, a Python there that has psutil.

    `host` soon loses patience with a program that does not end; `patient` gives it the time to clean up.
    """

    host: Host
    patient: Host
    folder: str
    python: str

    def program(self, source: str, *arguments: str, stdin: bytes = b"", **environment: str) -> Command:
        """A Python program as a command."""
        return Command(self.python, ("-c", source, *arguments), stdin=stdin, environment=environment)

    async def says(self, source: str, *arguments: str) -> str:
        """What a Python program on the host prints; it has to succeed."""
        finished = await self.host.run(self.program(source, *arguments))
        assert (finished.code, finished.stderr) == (0, b"")
        return finished.stdout.decode()

    async def names_in(self, folder: str) -> list[str]:
        """The names that stand in a folder."""
        said = await self.says("import json,os,sys; print(json.dumps(sorted(os.listdir(sys.argv[1]))))", folder)
        names: list[str] = json.loads(said)
        return names

    async def running(self, mark: str) -> list[str]:
        """The processes of the host with `mark` among their arguments."""
        said = await self.says(MARKED, mark)
        lines: list[str] = json.loads(said)
        return lines


MARKED = """
import json, os, psutil, sys
found = []
for process in psutil.process_iter():
    try:
        if process.pid != os.getpid() and sys.argv[1] in process.cmdline() and process.status() != "zombie":
            found.append(f"{process.pid} {process.cmdline()}")
    except psutil.Error:
        pass
print(json.dumps(found))
"""


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Place]:
    """This computer."""
    blocking = Blocking()
    scratch = folder / "scratch"
    (folder / "place").mkdir()
    soon = LocalHost(blocking, scratch, Patience(interrupt=0.3, terminate=0.2, output=0.3))
    try:
        yield Place(soon, LocalHost(blocking, scratch), str(folder / "place"), sys.executable)
    finally:
        blocking.close()


@asynccontextmanager
async def ssh(folder: Path) -> AsyncIterator[Place]:
    """A server over SSH: this computer again, reached through a real sshd on loopback."""
    blocking = Blocking()
    links = Links(blocking, folder / "known-hosts")
    (folder / "place").mkdir()
    with ssh_server(folder / "sshd") as server:
        route = Route("north-house", "server", server.address, server.port, server.user, str(server.key_file))
        soon = SshHost(links.to(route), {}, Patience(interrupt=0.3, terminate=0.2, output=0.3))
        try:
            yield Place(soon, SshHost(links.to(route), {}), str(folder / "place"), sys.executable)
        finally:
            await links.close()
            blocking.close()


HOSTS: dict[str, Callable[[Path], AbstractAsyncContextManager[Place]]] = {"local": local, "ssh": ssh}

Story = Callable[[Place], Coroutine[Any, Any, None]]


def on_every_host(story: Story) -> Callable[[str, Path], None]:
    """Makes a test of a story; it is told on every kind of host, each time on a fresh one."""

    async def told(kind: str, folder: Path) -> None:
        async with HOSTS[kind](folder) as place:
            await story(place)

    @pytest.mark.parametrize("kind", sorted(HOSTS))
    def test(kind: str, tmp_path: Path) -> None:
        run(told(kind, tmp_path))

    test.__name__ = story.__name__
    return test


@pytest.fixture(autouse=True)
def _nothing_left_over() -> Iterator[None]:
    """No process, not even for a moment, and no pipe is left by a test."""
    before = descendants()
    open_before = _open_files()
    yield
    gc.collect()  # an unclosed pipe speaks up when it is collected
    assert descendants() <= before
    assert _open_files() <= open_before


def _open_files() -> int:
    this = psutil.Process()
    if sys.platform == "win32":
        return int(this.num_handles())
    return int(this.num_fds())


def collecting(pieces: list[bytes]) -> Sink:
    """A sink that keeps everything."""

    async def take(piece: bytes) -> None:
        pieces.append(piece)

    return take


async def error_of(work: Coroutine[Any, Any, object]) -> UserError:
    """The error that `work` ends with, which has to be one for a person."""
    with pytest.raises(UserError) as raised:
        await work
    problem = raised.value.problem
    assert all(str(sentence).strip() for sentence in (problem.what, problem.means, problem.next))
    return raised.value


# --- running a program ------------------------------------------------------------------------


@on_every_host
async def test_a_program_ends_with_its_own_exit_code(place: Place) -> None:
    for code in (0, 7, 130):
        finished = await place.host.run(
            place.program("import sys; print('out'); sys.exit(int(sys.argv[1]))", str(code))
        )
        assert (finished.code, finished.ending, finished.stdout.strip()) == (code, Ending.EXITED, b"out")
        assert 0 < finished.seconds < 30


@posix_only
@on_every_host
async def test_a_program_that_somebody_kills_is_told_from_one_that_exits(place: Place) -> None:
    for signal in (9, 15):
        finished = await place.host.run(
            place.program("import os,sys; os.kill(os.getpid(), int(sys.argv[1]))", str(signal))
        )
        assert (finished.code, finished.ending) == (-signal, Ending.KILLED)


@on_every_host
async def test_arguments_arrive_as_they_were_given(place: Place) -> None:
    given = (*ODD_NAMES, "", " ", "$HOME `id` $(id)", "*", "%PATH%", "\\", '\\"', "a\tb", "--", "&& | ; > <")
    source = "import json,os,sys; print(json.dumps([os.fsencode(word).hex() for word in sys.argv[1:]]))"
    arrived = json.loads(await place.says(source, *given))
    assert arrived == [os.fsencode(word).hex() for word in given]


@on_every_host
async def test_only_the_listed_environment_reaches_a_program(place: Place) -> None:
    source = "import json,os; print(json.dumps(dict(os.environ)))"
    with pytest.MonkeyPatch.context() as ours:
        ours.setenv("RESTIC_PASSWORD", "canary-1")
        ours.setenv("PGPASSWORD", "canary-2")
        ours.setenv("MADE_UP", "canary-3")
        ours.setenv("https_proxy", "http://me:canary-4@proxy.example:3128")
        finished = await place.host.run(place.program(source, ADDED="from the command"))
    environment = json.loads(finished.stdout)
    assert environment["ADDED"] == "from the command"
    assert environment["PATH"]
    assert "canary" not in json.dumps(environment)


@on_every_host
async def test_standard_input_arrives_whole_and_is_closed(place: Place) -> None:
    source = "import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    for content in (b"", b"password\n", os.urandom(3_000_000)):
        finished = await place.host.run(place.program(source, stdin=content))
        assert finished.stdout.decode().strip() == hashlib.sha256(content).hexdigest()


@on_every_host
async def test_a_program_may_end_without_reading_its_input(place: Place) -> None:
    for stdin in (b"password\n", bytes(3_000_000)):
        finished = await place.host.run(place.program("import sys; sys.stdin.close(); print('bye')", stdin=stdin))
        assert (finished.code, finished.stdout.strip()) == (0, b"bye")


@posix_only
@on_every_host
async def test_a_program_may_open_its_input_as_a_file(place: Place) -> None:
    """As restic does with `-p /dev/stdin`; it cannot where the input is a socket."""
    finished = await place.host.run(place.program("print(open('/dev/stdin').read())", stdin=b"password"))
    assert finished.stdout == b"password\n"


@on_every_host
async def test_a_program_starts_in_the_folder_it_was_given_and_never_in_ours(place: Place) -> None:
    source = "import os,sys; print(os.path.samefile('.', sys.argv[1]))"
    there = await place.host.run(Command(place.python, ("-c", source, place.folder), folder=place.folder))
    assert there.stdout.strip() == b"True"
    assert (await place.says("import os; print(os.getcwd())")).strip() != str(Path.cwd())


# --- output -----------------------------------------------------------------------------------


@on_every_host
async def test_output_reaches_the_sinks_whole_and_in_order(place: Place) -> None:
    source = """
import os, sys
for number in range(300):
    os.write(1, b"%06d\\n" % number * 1000)
    os.write(2, b"E%05d\\n" % number)
"""
    said: list[bytes] = []
    complained: list[bytes] = []
    finished = await place.host.run(place.program(source), stdout=collecting(said), stderr=collecting(complained))
    assert b"".join(said) == b"".join(b"%06d\n" % number * 1000 for number in range(300))
    assert b"".join(complained) == b"".join(b"E%05d\n" % number for number in range(300))
    assert finished.stdout == b""
    assert finished.stderr == b"".join(complained), "what goes wrong is kept as well"


@on_every_host
async def test_a_program_waits_for_a_sink_that_is_slow(place: Place) -> None:
    blocks = 1000
    source = f"""
import os
for _ in range({blocks}):
    written = 0
    while written < 65536: written += os.write(1, bytes(65536 - written))
    os.write(2, b".")
"""
    stands_still = Quiet()
    arrived: list[int] = []

    async def take(piece: bytes) -> None:
        if not arrived:
            await stands_still.wait()
            assert stands_still.heard < blocks / 4
        arrived.append(len(piece))

    await place.host.run(place.program(source), stdout=take, stderr=stands_still.hear)
    assert sum(arrived) == blocks * 65536


class Quiet:
    """A sink that knows when nothing comes any more."""

    def __init__(self) -> None:
        self.heard = 0
        self._last = 0.0

    async def hear(self, piece: bytes) -> None:
        self.heard += len(piece)
        self._last = asyncio.get_running_loop().time()

    async def wait(self) -> None:
        now = asyncio.get_running_loop().time
        self._last = now()
        while now() - self._last < 0.3:  # noqa: ASYNC110  silence is no event
            await asyncio.sleep(0.01)


@on_every_host
async def test_of_long_output_the_first_and_the_last_half_are_kept(place: Place) -> None:
    source = "import os,sys; [os.write(fd, b'a'*50 + b'-'*int(sys.argv[1]) + b'z'*50) for fd in (1, 2)]"
    for between, cut in ((0, False), (1, True), (5_000, True)):
        finished = await place.host.run(place.program(source, str(between)), keep=100)
        assert (finished.stdout, finished.stderr, finished.cut) == (b"a" * 50 + b"z" * 50,) * 2 + (cut,)


@on_every_host
async def test_a_sink_that_fails_ends_the_program(place: Place) -> None:
    mark = uuid.uuid4().hex

    async def fail(piece: bytes) -> None:
        raise OSError("the log's disk is full")

    with pytest.raises(OSError, match="disk is full"):
        await place.host.run(place.program("import itertools\nfor n in itertools.count(): print(n)", mark), stdout=fail)
    assert await place.running(mark) == []


@posix_only
@on_every_host
async def test_a_background_process_that_keeps_the_pipes_holds_nobody_up(place: Place) -> None:
    mark = uuid.uuid4().hex
    source = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1]])
os.write(1, b"first" + b"." * 50_000 + b"last")
"""
    chatty = "import os, time\nwhile True: os.write(1, b'more'); time.sleep(0.01)"
    for left_behind in ("import time; time.sleep(600)", chatty):
        finished = await asyncio.wait_for(place.host.run(place.program(source, mark, left_behind)), 20)
        assert finished.code == 0
        assert b"first" + b"." * 50_000 + b"last" in finished.stdout.replace(b"more", b"")
    left = await place.running(mark)
    await place.says("import os,sys; [os.kill(int(pid), 9) for pid in sys.argv[1:]]", *(one.split()[0] for one in left))


# --- stopping ---------------------------------------------------------------------------------

DEAF_FAMILY = """
import signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
depth = int(sys.argv[2])
if depth:
    subprocess.Popen([sys.executable, "-c", sys.argv[3], sys.argv[1], str(depth - 1), sys.argv[3]])
print(depth, flush=True)
time.sleep(600)
"""


@pytest.mark.spec("J2")
@on_every_host
async def test_a_cancel_at_any_moment_ends_the_whole_family(place: Place) -> None:
    """Program, child and grandchild ignore interrupt and terminate."""
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    for _ in range(6):
        mark = uuid.uuid4().hex
        family = asyncio.create_task(place.host.run(place.program(DEAF_FAMILY, mark, "2", DEAF_FAMILY)))
        await asyncio.sleep(moments.uniform(0, 0.15))
        family.cancel()
        with pytest.raises(asyncio.CancelledError):
            await family
        assert await place.running(mark) == [], f"seed {seed}"


@pytest.mark.spec("J2")
@on_every_host
async def test_a_deadline_ends_the_whole_family_and_keeps_what_was_said(place: Place) -> None:
    mark = uuid.uuid4().hex
    # Time for Python to start on a laden computer: before that the program has said nothing that could be kept.
    finished = await place.host.run(place.program(DEAF_FAMILY, mark, "2", DEAF_FAMILY), deadline=4)
    assert finished.ending is Ending.OVERDUE
    assert finished.stdout.startswith(b"2\n")
    assert await place.running(mark) == []


@pytest.mark.spec("J2")
@posix_only
@on_every_host
async def test_the_interrupt_comes_first_and_to_the_program_alone(place: Place) -> None:
    """restic removes its lock at an interrupt, and ends its dump itself: the dump must not end before it."""
    dump = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: open("dump-interrupted", "w"))
print("ready", flush=True)
time.sleep(600)
"""
    source = """
import signal, subprocess, sys
def interrupted(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupted)
dump = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
try:
    dump.wait()
except KeyboardInterrupt:
    dump.kill()
    dump.wait()
    open("cleaned-up", "w").close()
"""
    ready = asyncio.Event()

    async def is_ready(piece: bytes) -> None:
        ready.set()

    command = Command(place.python, ("-c", source, dump), folder=place.folder)
    task = asyncio.create_task(place.patient.run(command, stdout=is_ready))
    await asyncio.wait_for(ready.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await place.names_in(place.folder) == ["cleaned-up"]


# --- dialogues --------------------------------------------------------------------------------

ECHO = """
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line.upper())
    sys.stdout.buffer.flush()
sys.stderr.write("the end")
sys.exit(5)
"""


async def line_of(dialogue: Dialogue) -> bytes:
    """What comes up to a line end."""
    line = b""
    while not line.endswith(b"\n"):
        piece = await dialogue.read()
        assert piece, line
        line += piece
    return line


@on_every_host
async def test_a_dialogue_goes_to_and_fro(place: Place) -> None:
    complained: list[bytes] = []
    dialogue = await place.host.start(place.program(ECHO, stdin=b"first\n"), stderr=collecting(complained))
    assert dialogue.pid > 0
    assert await line_of(dialogue) == b"FIRST\n"
    for word in (b"second\n", b"third\n"):
        await dialogue.write(word)
        assert await line_of(dialogue) == word.upper()
    await dialogue.close_input()
    assert await dialogue.read() == b""
    finished = await dialogue.wait()
    assert (finished.code, finished.ending, finished.stderr) == (5, Ending.EXITED, b"the end")
    assert b"".join(complained) == b"the end"


@on_every_host
async def test_waiting_for_a_dialogue_throws_its_unread_output_away(place: Place) -> None:
    dialogue = await place.host.start(place.program("print('x' * 5_000_000)"))
    finished = await dialogue.wait()
    assert (finished.code, finished.stdout) == (0, b"")


@on_every_host
async def test_writing_to_a_program_that_has_gone_is_no_error(place: Place) -> None:
    dialogue = await place.host.start(place.program("pass"))
    assert await dialogue.read() == b""
    for _ in range(10):
        await dialogue.write(bytes(100_000))
    assert (await dialogue.wait()).ending is Ending.EXITED


@on_every_host
async def test_stopping_a_dialogue_ends_the_whole_family(place: Place) -> None:
    mark = uuid.uuid4().hex
    dialogue = await place.host.start(place.program(DEAF_FAMILY, mark, "2", DEAF_FAMILY))
    await line_of(dialogue)
    finished = await dialogue.stop()
    assert finished.ending is Ending.STOPPED
    assert await place.running(mark) == []
    assert (await dialogue.stop()).code == finished.code, "stopping twice is no error"


# --- programs that cannot be started ----------------------------------------------------------


@pytest.mark.spec("B3", "X3")
@on_every_host
async def test_a_program_that_is_missing_gets_a_sentence_of_ours(place: Place) -> None:
    for program in ("no-such-program", place.folder, f"{place.folder}/nothing", "a\0b", ODD_NAMES[-1]):
        error = await error_of(place.host.run(Command(program)))
        assert error.code == "host.program-missing"
        assert (await error_of(place.host.start(Command(program)))).code == error.code
        str(error).encode()  # can be written down whatever the name was


@posix_only
@on_every_host
async def test_programs_are_found_on_the_path_alone_and_never_in_a_current_folder(place: Place) -> None:
    script = f"{place.folder}/found-here"
    await place.host.write_durably(script, b"#!/bin/sh\necho ran\n", 0o700)
    here = Command("found-here", folder=place.folder)
    assert (await error_of(place.host.run(here))).code == "host.program-missing"
    assert await place.host.which("./found-here") is None
    assert await place.host.which(script) == script
    assert (await place.host.run(Command(script))).stdout == b"ran\n"
    sh = await place.host.which("sh")
    assert sh is not None
    assert sh.startswith("/")
    assert await place.host.which("no-such-program") is None


@posix_only
@on_every_host
async def test_a_program_that_cannot_be_started_gets_a_sentence_of_ours(place: Place) -> None:
    garbage = f"{place.folder}/garbage"
    await place.host.write_durably(garbage, b"\x7fELF no program at all", 0o700)
    for command in (
        Command(garbage),
        Command(place.python, folder=f"{place.folder}/nowhere"),
        Command(place.python, ("-c", "a\0b")),
        Command(place.python, ("-c", "pass", "x" * 20_000_000)),
    ):
        error = await error_of(place.host.run(command))
        assert error.code == "host.program-not-startable"


# --- files ------------------------------------------------------------------------------------


@on_every_host
async def test_what_is_written_is_read_back(place: Place) -> None:
    for name in ("plain", *ODD_NAMES):
        path = f"{place.folder}/{name}"
        for content in (b"", b"old", os.urandom(200_000)):
            await place.host.write_durably(path, content)
            assert await place.host.read(path) == content
    assert len(await place.names_in(place.folder)) == 1 + len(ODD_NAMES)


@on_every_host
async def test_what_a_killed_write_left_under_a_name_of_its_own_is_taken_away_by_the_next(place: Place) -> None:
    left = f"{place.folder}/file.tmp"
    await place.host.write_durably(left, b"half")
    await place.host.write_durably(f"{place.folder}/file", b"whole", temporary=left)
    assert await place.host.read(f"{place.folder}/file") == b"whole"
    assert await place.names_in(place.folder) == ["file"]


@posix_only
@on_every_host
async def test_a_written_file_has_the_mode_that_was_asked_for(place: Place) -> None:
    for mode in (0o600, 0o644, 0o750):
        await place.host.write_durably(f"{place.folder}/file", b"x", mode)
        found = await place.host.stat(f"{place.folder}/file")
        assert found is not None
        assert found.mode == mode


@posix_only
@on_every_host
async def test_only_small_regular_files_are_read(place: Place) -> None:
    await place.host.write_durably(f"{place.folder}/file", b"12345")
    await place.says(
        "import os,sys; os.chdir(sys.argv[1]); os.mkfifo('fifo'); os.symlink('file', 'link')", place.folder
    )
    assert await place.host.read(f"{place.folder}/link", limit=5) == b"12345"
    for path, code in (
        (f"{place.folder}/file", "host.file-too-big"),
        (f"{place.folder}/fifo", "host.file-unreadable"),
        ("/dev/zero", "host.file-unreadable"),
        (place.folder, "host.file-unreadable"),
        (f"{place.folder}/nothing", "host.file-missing"),
        (f"{place.folder}/file/below", "host.file-missing"),
        (f"{place.folder}/a\0b", "host.file-unreadable"),
    ):
        assert (await error_of(asyncio.wait_for(place.host.read(path, limit=4), 10))).code == code


async def mounted(place: Place, *arguments: str) -> bool:
    """Mounts something on the host, where that is possible."""
    finished = await place.host.run(Command("mount", arguments))
    return finished.code == 0


@asynccontextmanager
async def small_disk(place: Place) -> AsyncIterator[bool]:
    """A file system of 256 KiB at the place's folder where the user may mount one: says whether.

    Else no file of this process may grow beyond that, which serves for the hosts whose files this process writes.
    """
    if sys.platform == "linux" and await mounted(place, "-t", "tmpfs", "-o", "size=256k", "tmpfs", place.folder):
        try:
            yield True
        finally:
            await place.host.run(Command("umount", ("--lazy", place.folder)))
    else:
        with files_of_this_process_kept_small():
            yield False


@contextmanager
def files_of_this_process_kept_small() -> Iterator[None]:
    """At most 256 KiB, as on a full disk."""
    if sys.platform == "win32":
        pytest.skip("no such limit there")
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@asynccontextmanager
async def read_only(place: Place, own_disk: bool) -> AsyncIterator[None]:
    """Nothing can be written below the place's folder, not even by root where it is a disk of its own."""
    if own_disk:
        assert await mounted(place, "-o", "remount,ro", place.folder)
        yield
        assert await mounted(place, "-o", "remount,rw", place.folder)
        return
    if (await place.says("import os; print(os.geteuid())")).strip() == "0":
        pytest.skip("root may write everywhere, and no disk can be mounted here")
    await place.says("import os,sys; os.chmod(sys.argv[1], 0o500)", place.folder)
    yield
    await place.says("import os,sys; os.chmod(sys.argv[1], 0o700)", place.folder)


@posix_only
@on_every_host
async def test_a_full_disk_leaves_the_old_content_and_nothing_else(place: Place) -> None:
    path = f"{place.folder}/journal"
    async with small_disk(place):
        await place.host.write_durably(path, b"old")
        error = await error_of(place.host.write_durably(path, os.urandom(1_000_000)))
        assert error.code == "host.disk-full"
        assert await place.host.read(path) == b"old"
        assert await place.names_in(place.folder) == ["journal"]


@posix_only
@on_every_host
async def test_where_nothing_may_be_written_the_old_content_stays(place: Place) -> None:
    path = f"{place.folder}/journal"
    async with small_disk(place) as own_disk:
        await place.host.write_durably(path, b"old")
        async with read_only(place, own_disk):
            for refused in (
                place.host.write_durably(path, b"new"),
                place.host.write_durably(f"{place.folder}/another", b"new"),
                place.host.rename(path, f"{place.folder}/moved"),
                place.host.remove_tree(path),
            ):
                assert (await error_of(refused)).code == "host.file-unwritable"
        assert await place.host.read(path) == b"old"
        assert await place.names_in(place.folder) == ["journal"]


@on_every_host
async def test_a_rename_moves_and_never_replaces(place: Place) -> None:
    one, other, third = (f"{place.folder}/{name}" for name in ("one", "other", "third"))
    await place.host.write_durably(one, b"1")
    await place.host.write_durably(other, b"2")
    assert (await error_of(place.host.rename(one, other))).code == "host.file-exists"
    assert (await error_of(place.host.rename(third, f"{third}-too"))).code == "host.file-missing"
    await place.host.rename(one, third)
    assert await place.host.stat(one) is None
    assert (await place.host.read(third), await place.host.read(other)) == (b"1", b"2")


@on_every_host
async def test_of_many_who_rename_to_one_name_at_once_one_succeeds(place: Place) -> None:
    """Leases rest on this."""
    target = f"{place.folder}/target"
    for _ in range(20):
        names = [f"{place.folder}/{number}" for number in range(6)]
        for name in names:
            await place.host.write_durably(name, name.encode())
        ends = await asyncio.gather(*(place.host.rename(name, target) for name in names), return_exceptions=True)
        (winner,) = [name for name, end in zip(names, ends, strict=True) if end is None]
        assert {end.code for end in ends if isinstance(end, UserError)} == {"host.file-exists"}
        assert await place.host.read(target) == winner.encode()
        await place.host.remove_tree(target)


# --- exchanging and copying -------------------------------------------------------------------


@posix_only
@pytest.mark.spec("R6", "R8")
@on_every_host
async def test_an_exchange_gives_two_trees_each_others_names_and_changes_nothing_else(place: Place) -> None:
    live, staged = f"{place.folder}/{ODD_NAMES[3]}", f"{place.folder}/.stage {ODD_NAMES[2]}/{ODD_NAMES[1]}"
    await place.says(
        "import os,sys; [(os.makedirs(path), open(path+'/version','w').write(word)) for path, word in"
        " ((sys.argv[1], 'old'), (sys.argv[2], 'new'))]; os.utime(sys.argv[1], ns=(0, 1_234_567_890_123_456_789))",
        live,
        staged,
    )
    before = [await place.host.stat(path) for path in (live, staged)]
    await place.host.exchange(live, staged)
    assert [await place.host.stat(path) for path in (staged, live)] == before
    assert await place.host.read(f"{live}/version") == b"new"
    await place.host.exchange(live, staged)
    assert [await place.host.stat(path) for path in (live, staged)] == before


@posix_only
@pytest.mark.spec("R6")
@on_every_host
async def test_an_exchange_has_no_moment_without_a_tree(place: Place) -> None:
    """A reader on the host looks all the while: it sees one of the two, never nothing."""
    live, staged = f"{place.folder}/live", f"{place.folder}/staged"
    await place.says("import os,sys; [os.makedirs(path) for path in sys.argv[1:]]", live, staged)
    reader = """
import os, sys
seen = set()
print("ready", flush=True)
while not os.path.exists(sys.argv[2]):
    try:
        seen.add(os.stat(sys.argv[1]).st_ino)
    except OSError as error:
        seen.add(str(error))
print(len(seen), seen)
"""
    over = f"{place.folder}/over"
    watching = await place.host.start(place.program(reader, live, over))
    try:
        assert (await watching.read()).strip() == b"ready"
        for _ in range(10):
            await place.host.exchange(live, staged)
        await place.host.write_durably(over, b"")
        said = await watching.read()
    finally:
        await watching.stop()
    assert said.startswith(b"2 "), said


@posix_only
@pytest.mark.spec("R8")
@on_every_host
async def test_what_cannot_be_exchanged_stays_as_it_was(place: Place) -> None:
    live, staged = f"{place.folder}/live", f"{place.folder}/staged"
    await place.host.write_durably(live, b"old")
    assert (await error_of(place.host.exchange(live, staged))).code == "host.file-missing"
    assert (await error_of(place.host.exchange(staged, live))).code == "host.file-missing"
    assert await place.host.read(live) == b"old"
    assert await place.names_in(place.folder) == ["live"]
    if await place.host.stat("/proc/version") is not None:  # on another file system
        assert (await error_of(place.host.exchange(live, "/proc/version"))).code == "host.file-unwritable"
    assert await place.host.read(live) == b"old"


@posix_only
@pytest.mark.spec("R6", "R11")
@on_every_host
async def test_a_copy_is_as_its_source_is(place: Place) -> None:
    source, target = (f"{place.folder}/{name}" for name in ODD_NAMES[1:3])
    await place.host.write_durably(source, bytes(range(256)))
    await place.host.write_durably(target, b"what was there")
    await place.says(
        """
import os, sys
path = sys.argv[1]
if os.geteuid() == 0:
    os.chown(path, 1234, 4321)
    os.setxattr(path, "user.note", b"kept") if hasattr(os, "setxattr") else None
os.chmod(path, 0o640); os.utime(path, ns=(0, 1_234_567_890_123_456_789))
""",
        source,
    )
    await place.host.copy(source, target)
    one, other = await place.host.stat(source), await place.host.stat(target)
    assert one is not None
    assert other is not None
    assert one.inode != other.inode
    assert [getattr(one, each) for each in AS_IT_IS] == [getattr(other, each) for each in AS_IT_IS]
    assert await place.host.read(target) == bytes(range(256))
    if sys.platform == "linux" and os.geteuid() == 0:
        assert os.getxattr(os.fsencode(target), "user.note") == b"kept"
    assert sorted(await place.names_in(place.folder)) == sorted(ODD_NAMES[1:3])


AS_IT_IS = ("kind", "size", "modified", "mode", "uid", "gid")


@posix_only
@on_every_host
async def test_only_a_file_is_copied_and_nothing_is_left_of_a_copy_that_fails(place: Place) -> None:
    source, target = f"{place.folder}/source", f"{place.folder}/target"
    assert (await error_of(place.host.copy(source, target))).code == "host.file-missing"
    await place.says("import os,sys; os.mkdir(sys.argv[1]); os.symlink('folder', sys.argv[2])", source, target)
    assert (await error_of(place.host.copy(source, f"{target}-too"))).code == "host.file-unreadable"
    assert (await error_of(place.host.copy(target, f"{target}-too"))).code == "host.file-unreadable"
    await place.host.write_durably(f"{source}/file", b"content")
    nowhere = f"{place.folder}/no such folder/target"
    assert (await error_of(place.host.copy(f"{source}/file", nowhere))).code == "host.file-unwritable"
    assert await place.names_in(place.folder) == ["source", "target"]


@posix_only
@on_every_host
async def test_what_fits_a_pattern_is_removed_from_a_folder(place: Place) -> None:
    await place.says(
        """
import os, sys
os.chdir(sys.argv[1])
for name in ("cache", "cache/deep", "cache/.hidden", "cache/locked", "kept"):
    os.mkdir(name)
for name in ("cache/a.php", "cache/b.php", "cache/c.txt", "cache/deep/x", "cache/locked/y", "kept/live"):
    open(name, "w").close()
os.symlink("../kept", "cache/link")
os.chmod("cache/locked", 0o500)
""",
        place.folder,
    )
    cache = f"{place.folder}/cache"
    await place.host.remove_matching(cache, "*.php")
    assert await place.names_in(cache) == [".hidden", "c.txt", "deep", "link", "locked"]
    await place.host.remove_matching(cache, "*")
    await place.host.remove_matching(f"{place.folder}/not there", "*")
    assert await place.names_in(cache) == []
    assert await place.names_in(f"{place.folder}/kept") == ["live"]
    assert (await error_of(place.host.remove_matching(f"{place.folder}/kept/live", "*"))).code == "host.file-unwritable"
    await place.host.sync(cache)


@pytest.mark.spec("R8", "J2")
@posix_only
@on_every_host
async def test_orphans_of_a_run_are_ended_and_those_of_another_are_not(place: Place) -> None:
    """They are started past the host, as what a killed Overwinter has left: nobody watches them."""
    start = """
import os, subprocess, sys
for run in sys.argv[3:]:
    subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1]], start_new_session=True,
        env={**os.environ, "OVERWINTER_RUN": run}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
"""
    mark, dead, living = uuid.uuid4().hex, uuid.uuid4().hex, uuid.uuid4().hex
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    await place.says(start, mark, deaf, dead, living)
    for run_id, left in ((dead, 1), (living, 0)):
        await place.host.end_orphans(run_id)
        await place.host.end_orphans(run_id)
        assert len(await place.running(mark)) == left


@posix_only
@on_every_host
async def test_stat_says_what_stands_at_a_path(place: Place) -> None:
    await place.says(
        """
import os, sys
os.chdir(sys.argv[1])
open("file", "w").write("12345"); os.chmod("file", 0o640); os.utime("file", ns=(0, 1_234_567_890_123_456_789))
os.mkdir("folder"); os.symlink("nowhere", "link"); os.mkfifo("fifo")
""",
        place.folder,
    )
    kinds = {"file": FileKind.FILE, "folder": FileKind.FOLDER, "link": FileKind.LINK, "fifo": FileKind.OTHER}
    for name, kind in kinds.items():
        found = await place.host.stat(f"{place.folder}/{name}")
        assert found is not None
        assert found.kind is kind
        assert found.inode > 0
    found = await place.host.stat(f"{place.folder}/file")
    assert found is not None
    assert (found.size, found.mode, found.modified) == (5, 0o640, 1_234_567_890_123_456_789)
    for nothing in ("nothing", "file/below"):
        assert await place.host.stat(f"{place.folder}/{nothing}") is None


@posix_only
@on_every_host
async def test_a_folder_is_listed_by_name_with_links_as_links(place: Place) -> None:
    await place.says(
        """
import os, sys
os.chdir(sys.argv[1])
open(".hidden", "w").close(); os.mkdir("папка"); os.symlink("папка", "link"); os.mkfifo("fifo")
open(os.fsencode("odd\\n") + b"\\xff", "w").close(); os.symlink("папка/..", "loop")
""",
        place.folder,
    )
    listed = await place.host.entries(place.folder, 100)
    odd = os.fsdecode(b"odd\n\xff")
    assert {each.name: each.kind for each in listed.entries} == {
        ".hidden": FileKind.FILE, "папка": FileKind.FOLDER, "link": FileKind.LINK, "loop": FileKind.LINK,
        "fifo": FileKind.OTHER, odd: FileKind.FILE,
    }  # fmt: skip
    assert [each.name for each in listed.entries] == sorted(each.name for each in listed.entries)
    assert not listed.cut
    assert (await place.host.entries(f"{place.folder}/папка", 100)).entries == ()
    for name, code in (("nothing", "missing"), (".hidden", "unreadable"), ("link", "unreadable"), ("\0", "unreadable")):
        error = await error_of(place.host.entries(f"{place.folder}/{name}", 100))
        assert error.code == f"host.file-{code}"


@on_every_host
async def test_of_a_crowded_folder_no_more_is_listed_than_was_asked_for(place: Place) -> None:
    await place.says(
        "import os,sys; os.chdir(sys.argv[1]); [open(f'{n:04}', 'w').close() for n in range(300)]", place.folder
    )
    first = await place.host.entries(place.folder, 250)
    assert (len(first.entries), first.cut) == (250, True)
    whole = await place.host.entries(place.folder, 300)
    assert (len(whole.entries), whole.cut) == (300, False)


@posix_only
@on_every_host
async def test_a_walk_tells_everything_below_as_stat_does_and_follows_no_link(place: Place) -> None:
    await place.says(
        """
import os, sys
os.chdir(sys.argv[1])
os.makedirs(os.fsencode("tree/deep") + b"/\\xff\\nline"); open("tree/ two words ", "w").write("12345")
os.symlink("..", "tree/up"); os.mkfifo("tree/fifo"); os.chmod("tree/ two words ", 0o4751)
os.utime("tree/ two words ", ns=(0, 1_234_567_890_123_456_789))
for number in range(700): open(f"tree/deep/{number}", "w").close()
""",
        place.folder,
    )
    found: dict[str, FileStat] = {}

    async def take(batch: Sequence[Below]) -> None:
        assert batch
        found.update({one.path: one.stat for one in batch})

    await place.host.walk(f"{place.folder}/tree", take)
    odd = os.fsdecode(b"deep/\xff\nline")
    assert set(found) == {" two words ", "up", "fifo", "deep", odd, *(f"deep/{number}" for number in range(700))}
    for name in (" two words ", "up", "fifo", odd, "deep/7"):
        assert found[name] == await place.host.stat(f"{place.folder}/tree/{name}")
    for wrong, code in (("never-there", "host.file-missing"), ("tree/ two words ", "host.file-unreadable")):
        assert (await error_of(place.host.walk(f"{place.folder}/{wrong}", take))).code == code

    async def enough(_batch: Sequence[Below]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await place.host.walk(f"{place.folder}/tree", enough)


@posix_only
@on_every_host
async def test_removing_a_tree_follows_no_link_and_minds_no_read_only_entry(place: Place) -> None:
    await place.says(
        """
import os, sys
os.chdir(sys.argv[1])
os.makedirs("outside/below"); open("outside/below/kept", "w").close()
os.makedirs(os.fsencode("tree") + b"/deep/\\xff\\n/deeper"); os.makedirs("tree/locked/below")
open("tree/locked/below/file", "w").close()
os.symlink("../outside", "tree/to-folder"); os.symlink("../outside/below/kept", "tree/to-file"); os.mkfifo("tree/fifo")
os.symlink("/", "tree/locked/to-root"); os.symlink("outside", "link-itself"); open("file-itself", "w").close()
os.chmod("tree/locked/below", 0o000); os.chmod("tree/locked", 0o500)
""",
        place.folder,
    )
    for name in ("tree", "link-itself", "file-itself", "never-there"):
        await place.host.remove_tree(f"{place.folder}/{name}")
    assert await place.names_in(place.folder) == ["outside"]
    assert await place.names_in(f"{place.folder}/outside/below") == ["kept"]


@on_every_host
async def test_scratch_folders_are_private_and_one_for_each_call(place: Place) -> None:
    folders = [await place.host.make_scratch("run-1") for _ in range(2)]
    assert len(set(folders)) == 2
    for folder in folders:
        found = await place.host.stat(folder)
        assert found is not None
        assert found.kind is FileKind.FOLDER
        assert sys.platform == "win32" or found.mode == 0o700
        await place.host.write_durably(f"{folder}/file", b"x")
        await place.host.remove_tree(folder)
        assert await place.host.stat(folder) is None


@on_every_host
async def test_a_kept_folder_is_private_and_the_same_again(place: Place) -> None:
    folder = await place.host.kept_folder("tools")
    await place.host.write_durably(f"{folder}/file", b"x")
    assert await place.host.kept_folder("tools") == folder
    assert await place.host.kept_folder("cache") != folder
    assert await place.host.read(f"{folder}/file") == b"x"
    found = await place.host.stat(folder)
    assert found is not None
    assert found.kind is FileKind.FOLDER
    assert sys.platform == "win32" or found.mode == 0o700


@contextmanager
def here(content: bytes) -> Iterator[Path]:
    """A file of this computer, wherever the host is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source"
        path.write_bytes(content)
        yield path


@on_every_host
async def test_an_uploaded_file_arrives_whole_with_its_mode_and_replaces(place: Place) -> None:
    target = f"{place.folder}/{ODD_NAMES[0]}"
    for content in (b"", os.urandom(5_000_001)):
        with here(content) as source:
            await place.host.upload(source, target, 0o700)
        assert await place.host.sha256(target) == hashlib.sha256(content).hexdigest()
    found = await place.host.stat(target)
    assert found is not None
    assert found.size == 5_000_001
    assert sys.platform == "win32" or found.mode == 0o700
    assert await place.names_in(place.folder) == [ODD_NAMES[0]]


@on_every_host
async def test_an_upload_that_fails_leaves_what_was_there(place: Place) -> None:
    target = f"{place.folder}/file"
    await place.host.write_durably(target, b"old")
    with here(b"new") as source:
        missing = place.host.upload(source.with_name("nothing"), target)
        assert (await error_of(missing)).code == "host.file-missing"
        assert (await error_of(place.host.upload(source.parent, target))).code == "host.file-unreadable"
        nowhere = place.host.upload(source, f"{place.folder}/nothing/file")
        assert (await error_of(nowhere)).code == "host.file-unwritable"
    assert await place.host.read(target) == b"old"
    assert await place.names_in(place.folder) == ["file"]


@on_every_host
async def test_only_a_file_that_is_there_has_a_hash(place: Place) -> None:
    assert (await error_of(place.host.sha256(f"{place.folder}/nothing"))).code == "host.file-missing"
    assert (await error_of(place.host.sha256(place.folder))).code == "host.file-unreadable"


# --- tunnels ----------------------------------------------------------------------------------

ASKS = """
import socket, sys
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect(sys.argv[1])
    asking.sendall(sys.argv[2].encode() * int(sys.argv[3]))
    asking.shutdown(socket.SHUT_WR)
    got = 0
    while piece := asking.recv(65536):
        got += len(piece)
print(got)
"""


@asynccontextmanager
async def doubling() -> AsyncIterator[int]:
    """The port of a server here that answers all it got, twice."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(2 * await reader.read(-1))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@posix_only
@on_every_host
async def test_connections_to_a_tunnels_socket_arrive_here_whole_and_side_by_side(place: Place) -> None:
    async with doubling() as port, place.host.reverse_tunnel(port) as path:
        asked = [place.says(ASKS, path, "x", str(size)) for size in (1, 1000, 3_000_000, 3_000_001)]
        assert [int(said) for said in await asyncio.gather(*asked)] == [2, 2000, 6_000_000, 6_000_002]


@posix_only
@on_every_host
async def test_a_tunnels_socket_is_private_and_fits_into_an_address(place: Place) -> None:
    async with doubling() as port, place.host.reverse_tunnel(port) as path, place.host.reverse_tunnel(port) as other:
        assert re.fullmatch(r"[A-Za-z0-9/._-]{1,100}", path)
        assert other != path
        for private, mode in ((path, 0o600), (path.rpartition("/")[0], 0o700)):
            found = await place.host.stat(private)
            assert found is not None
            assert found.mode == mode


@posix_only
@on_every_host
async def test_a_tunnel_is_gone_afterwards_with_its_connections(place: Place) -> None:
    async with doubling() as port:
        async with place.host.reverse_tunnel(port) as path:
            waiting = await place.host.start(place.program(HOLDS, path))
            assert await waiting.read() == b"connected\n"
        assert (await waiting.wait()).code == 0, "it saw the end of its connection"
        assert await place.host.stat(path) is None
        assert await place.host.stat(path.rpartition("/")[0]) is None


HOLDS = """
import socket, sys
with socket.socket(socket.AF_UNIX) as held:
    held.connect(sys.argv[1])
    print("connected", flush=True)
    assert held.recv(1) == b""
"""


@posix_only
@on_every_host
async def test_where_nobody_listens_a_connection_is_closed_and_the_next_one_works(place: Place) -> None:
    async with doubling() as port:
        pass
    async with place.host.reverse_tunnel(port) as path:
        await place.says(HOLDS, path)


@on_every_host
async def test_scratch_folders_that_a_dead_run_left_are_removed_by_name(place: Place) -> None:
    left = [await place.host.make_scratch("run-1") for _ in range(2)]
    another = await place.host.make_scratch("run-10")
    await place.host.write_durably(f"{left[0]}/pgpass", b"secret")
    await place.host.remove_scratch("run-1")
    assert [await place.host.stat(folder) for folder in left] == [None, None]
    assert await place.host.stat(another) is not None
    await place.host.remove_scratch("run-10")


@on_every_host
async def test_what_listens_on_the_host_is_reached_from_here(place: Place) -> None:
    listens = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    talk, _ = listener.accept()
    while piece := talk.recv(65536): talk.sendall(piece.upper())
    talk.close()
"""
    listening = await place.host.start(place.program(listens))
    try:
        async with place.host.tunnel("127.0.0.1", int(await line_of(listening))) as way:
            reader, writer = await asyncio.open_connection(way.server, way.port)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"HELLO"
            writer.close()
            await writer.wait_closed()
    finally:
        await listening.stop()


@on_every_host
async def test_free_space_is_known_where_something_stands(place: Place) -> None:
    assert await place.host.free_space(place.folder) > 1_000_000
    assert (await error_of(place.host.free_space(f"{place.folder}/nothing"))).code == "host.file-missing"


@on_every_host
async def test_a_host_knows_its_own_facts(place: Place) -> None:
    facts = await place.host.facts()
    assert facts.system in ("linux", "darwin", "windows")
    assert facts.computer
    assert facts.machine
    assert (await place.says("import getpass; print(getpass.getuser())")).strip() in facts.user


@on_every_host
async def test_many_programs_run_side_by_side(place: Place) -> None:
    source = "import sys,time; time.sleep(0.05); print(sys.argv[1])"
    finished = await asyncio.gather(*(place.host.run(place.program(source, str(number))) for number in range(12)))
    assert [int(one.stdout) for one in finished] == list(range(12))
