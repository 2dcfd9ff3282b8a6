"""Whether the process that works on a run still lives, asked of real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest

from app.records.owners import Owner, owner_alive, this_process

ME = """
import sys, msgspec
from app.records.owners import this_process
print(msgspec.json.encode(this_process()).decode(), flush=True)
sys.stdin.read()
"""


def another_process() -> tuple[subprocess.Popen[bytes], Owner]:
    """A process that waits until its input is closed, and how it names itself."""
    process = subprocess.Popen([sys.executable, "-c", ME], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, msgspec.json.decode(process.stdout.readline(), type=Owner)


@pytest.mark.spec("B6", "J2")
def test_an_owner_is_alive_until_its_process_has_ended() -> None:
    process, owner = another_process()
    with process:
        assert owner.pid == process.pid
        assert owner_alive(owner) is True
    assert owner_alive(owner) is False


@pytest.mark.spec("J2")
def test_a_killed_process_that_nobody_has_buried_yet_is_dead() -> None:
    process, owner = another_process()
    with process:
        process.kill()
        if sys.platform == "linux":
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert owner_alive(owner) is False


@pytest.mark.spec("B6")
def test_a_number_that_came_round_again_is_another_process() -> None:
    me = this_process()
    assert owner_alive(me) is True
    assert owner_alive(msgspec.structs.replace(me, started=me.started - 1)) is False


@pytest.mark.spec("B6")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the start time alone tells")
def test_a_process_of_before_a_restart_is_dead() -> None:
    assert owner_alive(msgspec.structs.replace(this_process(), boot="another boot")) is False


@pytest.mark.spec("B6")
def test_of_a_process_on_another_computer_nothing_is_known() -> None:
    assert owner_alive(msgspec.structs.replace(this_process(), computer="laptop#00000000")) is None


def test_a_process_names_itself_the_same_every_time() -> None:
    assert this_process() == this_process()
