"""A backup that is hit while it runs, by whoever and whenever: never half a dump, never a lie, nothing left over."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import NamedTuple

import psutil
import pytest

from tests.faults.family import Family, waited_for, waited_for_end
from tests.faults.prepared import SITE, Prepared, assert_explained, items_of, newest_run, tag_of
from tests.faults.shims import lying_restic
from tests.features.console import Console
from tests.real.servers.restic import VERSIONS, restic_program

if sys.platform == "win32":
    pytest.skip("signals as POSIX has them", allow_module_level=True)


# --- a dump that fails or is killed ----------------------------------------------------------------------------------

Fault = Callable[[Prepared, Family, psutil.Process], None]
"""Does something bad to a held dump, and comes back when it has come about."""


def kill_pg_dump(_greenhouse: Prepared, _family: Family, dump: psutil.Process) -> None:
    dump.kill()
    waited_for_end(dump)


def end_pg_dump(_greenhouse: Prepared, _family: Family, dump: psutil.Process) -> None:
    dump.terminate()
    waited_for_end(dump)


def interrupt_pg_dump(_greenhouse: Prepared, _family: Family, dump: psutil.Process) -> None:
    dump.send_signal(signal.SIGINT)
    waited_for_end(dump)


def kill_restic(_greenhouse: Prepared, family: Family, _dump: psutil.Process) -> None:
    restic = family.restic()
    restic.kill()
    waited_for_end(restic)


def interrupt_restic(_greenhouse: Prepared, family: Family, _dump: psutil.Process) -> None:
    restic = family.restic()
    restic.send_signal(signal.SIGINT)
    waited_for_end(restic)


def backend_of(greenhouse: Prepared) -> psutil.Process:
    """The server's process that serves the held dump."""
    statement = f"SELECT pid FROM pg_stat_activity WHERE client_port = {greenhouse.gate.backend_port}"
    ((pid,),) = greenhouse.server.sql(statement)
    return psutil.Process(pid)


def end_the_dumps_connection(greenhouse: Prepared, _family: Family, _dump: psutil.Process) -> None:
    backend = backend_of(greenhouse)
    assert greenhouse.server.sql(f"SELECT pg_terminate_backend({backend.pid})") == [(True,)]
    waited_for_end(backend)


def crash_the_server(greenhouse: Prepared, _family: Family, _dump: psutil.Process) -> None:
    """One of its processes is killed: PostgreSQL then ends all others and starts anew."""
    backend = backend_of(greenhouse)
    backend.kill()
    waited_for_end(backend)


def stop_the_server(greenhouse: Prepared, _family: Family, _dump: psutil.Process) -> None:
    greenhouse.server.stop()


OFTEN: tuple[Fault, ...] = (
    kill_pg_dump,
    kill_restic,
    interrupt_restic,
    end_the_dumps_connection,
    crash_the_server,
)
FAULTS: tuple[Fault, ...] = (*OFTEN, end_pg_dump, interrupt_pg_dump, stop_the_server)


def named(fault: Fault) -> str:
    return fault.__name__


@pytest.mark.spec("B3", "B5", "X3")
@pytest.mark.parametrize("fault", OFTEN, ids=named)
def test_a_dump_that_is_cut_off_at_any_byte_makes_no_snapshot(greenhouse: Prepared, fault: Fault) -> None:
    cut_off(greenhouse, fault, random.randrange(10**6))


@pytest.mark.long
@pytest.mark.spec("B3", "B5", "X3")
@pytest.mark.parametrize("time", range(50))
def test_a_dump_that_is_cut_off_again_and_again_makes_no_snapshot(greenhouse: Prepared, time: int) -> None:
    cut_off(greenhouse, FAULTS[time % len(FAULTS)], random.randrange(10**6))


def cut_off(greenhouse: Prepared, fault: Fault, seed: int) -> None:
    """Hits a backup when its dump has got a random number of bytes, and looks at what there is afterwards."""
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed):
        family = Family(console.start("backup", SITE))
        fault(greenhouse, family, greenhouse.held_dump(family))
    said = family.ended()
    if fault is stop_the_server:
        greenhouse.server.start()
    print(f"seed {seed}: {said}")  # noqa: T201  shown when the test fails
    assert said.code == 3
    assert said.json["status"] == "partial"
    assert_explained(said.json["error"])
    failed = items_of(said)["database"]
    assert (failed["status"], failed["snapshot"]) == ("failed", "")
    assert_explained(failed["error"])
    run = f"run:{said.json['run']}"
    assert [tag_of(one, "source") for one in greenhouse.snapshots(run)] == ["laravel", "manifest"]
    assert tag_of(greenhouse.snapshots(run)[-1], "outcome") == "partial"
    assert greenhouse.leftovers() == []
    assert greenhouse.locks() == []
    if fault in (kill_restic, crash_the_server, stop_the_server):  # those leave something that could stand in the way
        assert console.run("backup", SITE).json["status"] == "success"


# --- cancel ----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("J2", "J8")
@pytest.mark.parametrize(
    "signals",
    [
        (signal.SIGINT,),
        (signal.SIGTERM,),
        (signal.SIGHUP,),
        (signal.SIGINT, signal.SIGTERM, signal.SIGINT),
    ],
    ids=lambda signals: "+".join(one.name for one in signals),
)
def test_a_backup_that_is_told_to_end_at_any_moment_ends_clean(
    greenhouse: Prepared, signals: tuple[signal.Signals, ...]
) -> None:
    told_to_end(greenhouse, signals, random.randrange(10**6))


@pytest.mark.long
@pytest.mark.spec("J2", "J8")
@pytest.mark.parametrize("time", range(50))
def test_a_backup_that_is_told_to_end_again_and_again_ends_clean(greenhouse: Prepared, time: int) -> None:
    seed = random.randrange(10**6)
    random_ = random.Random(seed)
    told_to_end(greenhouse, random_.choices([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], k=1 + time % 3), seed)


def told_to_end(greenhouse: Prepared, signals: Sequence[signal.Signals], seed: int) -> None:
    """Sends the signals, with a random part of the work between them, and looks at what there is afterwards."""
    moments = random.Random(seed)
    console = greenhouse.fresh()
    family = Family(console.start("backup", SITE))
    begun = waited_for_run(console)
    moment = moments.uniform(family.cpu(), greenhouse.work)
    for one in signals:
        family.wait_for_work(moment)
        family.command.send_signal(one)
        moment += moments.uniform(0, greenhouse.work / 20)
    said = family.ended()
    print(f"seed {seed}: {said}")  # noqa: T201  shown when the test fails
    assert greenhouse.leftovers() == []
    assert greenhouse.locks() == []
    run = newest_run(console)
    assert run["id"] == begun
    sources = {tag_of(one, "source") for one in greenhouse.snapshots(f"run:{begun}")}
    if "manifest" not in sources:
        assert (said.code, said.json["status"], run["status"]) == (130, "cancelled", "cancelled")
    elif said.code:  # the point was made, and only what follows was cut short
        assert (said.code, said.json["status"], run["status"]) == (3, "partial", "partial")
    else:  # the signal came too late
        assert (said.json["status"], run["status"], run["error"]) == ("success", "success", None)
    if said.code:
        assert_explained(said.json["error"])
        assert_explained(run["error"])
        assert {name for name, item in items_of(said).items() if item["status"] == "success"} <= sources


def waited_for_run(console: Console) -> str:
    """The id of the run of a backup that has just been started, as soon as it has begun."""
    before = set((console.data / "runs").iterdir())
    (begun,) = waited_for(lambda: set((console.data / "runs").iterdir()) - before, "the run to begin")
    return begun.name


@pytest.mark.spec("J2", "B6")
def test_a_backup_that_another_process_cancels_ends_clean(greenhouse: Prepared) -> None:
    seed = random.randrange(10**6)
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed):  # it would be over before the other process is heard
        family = Family(console.start("backup", SITE))
        begun = waited_for_run(console)
        greenhouse.held_dump(family)
        console.run("run", "cancel", SITE, begun[:8])
        log = console.data / "runs" / begun / "log.txt"
        waited_for(lambda: b"signal interrupt received" in log.read_bytes(), "restic to be interrupted")
    said = family.ended()
    assert (said.code, said.json["status"]) == (130, "cancelled"), f"seed {seed}"
    assert newest_run(console)["status"] == "cancelled"
    assert greenhouse.snapshots(f"run:{begun}") == []
    assert greenhouse.leftovers() == []
    assert greenhouse.locks() == []
    assert console.run("run", "cancel", SITE, begun, expect=4).error["code"] == "records.run-closed"


@pytest.mark.spec("J2", "S4")
@pytest.mark.parametrize("then", ["runs", "backup"])
def test_a_program_that_is_killed_leaves_what_the_next_command_puts_in_order(greenhouse: Prepared, then: str) -> None:
    seed = random.randrange(10**6)
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed):
        family = Family(console.start("backup", SITE))
        begun = waited_for_run(console)
        greenhouse.held_dump(family)
        family.command.kill()
    assert family.ended().code == -signal.SIGKILL, f"seed {seed}"
    if then == "backup":
        assert console.run("backup", SITE).json["status"] == "success"
    run = next(run for run in console.run("runs", SITE).rows if run["id"] == begun)
    assert run["status"] == "interrupted"
    assert_explained(run["error"])
    assert greenhouse.leftovers() == []  # neither the dump's password nor a restic without its master
    assert "manifest" not in {tag_of(one, "source") for one in greenhouse.snapshots(f"run:{begun}")}
    greenhouse.restic("check", "--no-lock")  # the killed restic's own lock may still stand


# --- the last moment -------------------------------------------------------------------------------------------------


class LastMoment(NamedTuple):
    """What restic does instead of writing the manifest, whether Ctrl+C is pressed then, and what the run says."""

    lines: tuple[str, ...]
    interrupted: bool
    status: str
    code: int


@pytest.mark.spec("B1", "J2")
@pytest.mark.parametrize(
    "moment",
    [
        LastMoment(('real "$@"', "exec sleep 600"), interrupted=True, status="success", code=0),
        LastMoment(("exec sleep 600",), interrupted=True, status="cancelled", code=130),
        LastMoment(('real "$@"', "exit 1"), interrupted=False, status="success", code=0),
        LastMoment(("exit 1",), interrupted=False, status="failed", code=1),
    ],
    ids=["cancelled after it", "cancelled before it", "failed after it", "failed before it"],
)
def test_a_run_says_that_there_is_a_point_when_its_manifest_is_there_and_only_then(
    greenhouse: Prepared, tmp_path: Path, moment: LastMoment
) -> None:
    """restic has stored the manifest and is cut short before it can say so, or before it has."""
    real = Path(restic_program(VERSIONS[-1]))
    console = greenhouse.fresh(restic=lying_restic(tmp_path / "restic", real, [("manifest.json", moment.lines)]))
    family = Family(console.start("backup", SITE))
    if moment.interrupted:
        waited_for(lambda: family.member("sleep"), "restic to hang")
        family.command.send_signal(signal.SIGINT)
    said = family.ended()
    assert (said.code, said.json["status"]) == (moment.code, moment.status), said
    sources = {tag_of(one, "source") for one in greenhouse.snapshots(f"run:{said.json['run']}")}
    assert ("manifest" in sources) == (moment.status == "success")
    assert greenhouse.leftovers() == []


# --- other people's doings -------------------------------------------------------------------------------------------


@pytest.mark.spec("B6", "J2")
def test_ctrl_c_in_a_command_that_only_joined_leaves_the_run_alone(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    with greenhouse.dump_held(seed=0):
        first = Family(console.start("backup", SITE))
        greenhouse.held_dump(first)
        second = console.start("backup", SITE)
        assert second.stderr is not None
        assert b"step-started" in second.stderr.readline()  # it follows the run
        second.send_signal(signal.SIGINT)
        assert Family(second).ended().code == 130
    assert first.ended().json["status"] == "success"


@pytest.mark.long
@pytest.mark.spec("J2", "J8")
def test_a_terminal_that_is_closed_does_not_end_what_nohup_started(greenhouse: Prepared) -> None:
    console = greenhouse.fresh()
    command = ["nohup", *console.command("backup", SITE)]
    with greenhouse.dump_held(seed=0):
        family = Family(subprocess.Popen(command, stdout=PIPE, stderr=PIPE, stdin=DEVNULL, env=console.environment))
        greenhouse.held_dump(family)
        family.command.send_signal(signal.SIGHUP)
    assert family.ended().json["status"] == "success"
