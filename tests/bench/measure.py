"""How a run of the program is measured: its time, that of the programs it starts, its memory; and how it is printed."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import psutil

LOOKS_EVERY = 0.02
"""Seconds between two looks at the memory."""

STOPS_WITHIN = 60.0
MB = 1_000_000
MIB = 1 << 20


class Child(msgspec.Struct, frozen=True):
    """A program that was started, on the monotonic clock; `memory` is what the starting one had resident then."""

    program: str
    arguments: tuple[str, ...]
    began: float
    ended: float
    memory: int

    @property
    def took(self) -> float:
        """Seconds."""
        return self.ended - self.began


class Ran(msgspec.Struct, frozen=True):
    """A run: on the monotonic clock, with the programs it started (in their order) and its memory as (when, bytes)."""

    began: float
    ended: float
    children: tuple[Child, ...]
    memory: tuple[tuple[float, int], ...]
    result: Any

    @property
    def wall(self) -> float:
        """Seconds from the start of the process to its end."""
        return self.ended - self.began

    @property
    def idle_gaps(self) -> list[float]:
        """The seconds without any child: before the first, between them, and after the last."""
        gaps, until = [], self.began
        for child in sorted(self.children, key=lambda child: child.began):
            if child.began > until:
                gaps.append(child.began - until)
            until = max(until, child.ended)
        return [*gaps, self.ended - until]

    @property
    def own(self) -> float:
        """Wall time minus the union of the children's."""
        return sum(self.idle_gaps)

    def count(self, program: Path) -> int:
        """How often a program was started."""
        return sum(Path(child.program) == program for child in self.children)


def run_recorded(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Ran:
    """Runs `[python, program, …]` and records it; `result` is the JSON document it printed. Raises when it fails."""
    journal = folder / "children.jsonl"
    journal.unlink(missing_ok=True)
    recorder = [str(Path(__file__).with_name("recorded.py")), str(journal)]
    with (folder / "stdout").open("w+b") as out, (folder / "stderr").open("w+b") as err:
        began = time.monotonic()
        process = subprocess.Popen(
            [command[0], *recorder, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment,
            start_new_session=True,  # so that Ctrl+C reaches it once: from `finished`
        )
        with Looks(process.pid) as looks:
            code = finished(process)
        ended = time.monotonic()
        out.seek(0)
        err.seek(0)
        if code != 0:
            raise RuntimeError(f"exit {code}\n{out.read().decode()}\n{err.read().decode()}")
        return Ran(began, ended, _children(journal), tuple(looks.seen), json.loads(out.read()))


def finished(process: subprocess.Popen[bytes]) -> int:
    """Its exit code; when we are interrupted meanwhile it is ended politely, so that it can put its things away."""
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait(STOPS_WITHIN)
        raise


class Looks:
    """Looks at the resident memory of a process again and again while the body runs."""

    def __init__(self, pid: int) -> None:
        self.seen: list[tuple[float, int]] = []
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Looks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOKS_EVERY):
            try:
                self.seen.append((time.monotonic(), self._process.memory_info().rss))
            except psutil.NoSuchProcess:
                return


def _children(journal: Path) -> tuple[Child, ...]:
    """The programs in the journal; starts and ends stand in the order in which they were noticed."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    ends = {line["pid"]: line["ended"] for line in lines if "ended" in line}
    starts = [line for line in lines if "began" in line]
    return tuple(
        Child(one["program"], tuple(one["arguments"]), one["began"], ends[one["pid"]], one["memory"]) for one in starts
    )


def size_on_disk(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def spread(values: Sequence[float], form: Callable[[float], str] = "{:.2f}".format) -> str:
    """The median, and the least and the greatest."""
    return f"{form(statistics.median(values))} ({form(min(values))}–{form(max(values))})"


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table that reads well as it is and as Markdown."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    print(f"\n{title}\n")
    for cells in (head, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |")
    sys.stdout.flush()


def machine_line(restics: Sequence[Path], postgres: Path) -> str:
    """The day, the computer and the versions that the figures belong to."""
    memory = round(psutil.virtual_memory().total / 2**30)
    versions = [_first_line(restic, "version").split()[1] for restic in restics]
    return (
        f"{date.today().isoformat()}; {os.cpu_count()} cores, {memory} GiB, {_system()}; "  # noqa: DTZ011  local is meant
        f"Python {platform.python_version()}; restic {', '.join(versions)}; "
        f"PostgreSQL {_first_line(postgres / 'postgres', '--version').split()[2]}"
    )


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()


def _first_line(program: Path, argument: str) -> str:
    return subprocess.run([program, argument], capture_output=True, check=True, text=True).stdout.splitlines()[0]


def put_away(folder: Path) -> None:
    """Removes a folder that is not needed any more, so that the next run finds as much room."""
    shutil.rmtree(folder)


def wait_for_the_disk() -> None:
    """Waits until what was written before is on the disk, so that it is not written meanwhile."""
    if sys.platform != "win32":
        os.sync()
