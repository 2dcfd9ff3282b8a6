"""What every host keeps to when it runs programs; the tests know only the protocol and paths there."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import uuid
from pathlib import Path

import pytest

from app.hosts.host import Command, Ending
from tests.contracts.hosts import ODD_NAMES, Place, collecting, error_of, line_of, on_every_host, posix_only

pytestmark = [pytest.mark.spec("H1"), pytest.mark.usefixtures("nothing_left_over")]


# --- running a program -------------------------------------------------------------------------


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


# --- output ------------------------------------------------------------------------------------


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


# --- stopping ----------------------------------------------------------------------------------


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


# --- dialogues ---------------------------------------------------------------------------------


ECHO = """
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line.upper())
    sys.stdout.buffer.flush()
sys.stderr.write("the end")
sys.exit(5)
"""


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


# --- programs that cannot be started -----------------------------------------------------------


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
