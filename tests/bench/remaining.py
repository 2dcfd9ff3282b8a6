"""How near the remaining time of a restore is to the truth: real restores of different shapes, each told as it went.

Run: python -m tests.bench.remaining [--restic PATH] [--keep FOLDER | --again FOLDER] [shape ...]

Each site is restored twice: the first time nothing is known of it, the second time the first one is. Told is how far
the figure is off at most while a quarter of the time or more is left, from a fifth of it on. What was told can be kept,
and reckoned again. Linux and macOS.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from app.assembly import assemble
from app.foundation.events import LogLines, RunClosed, StepStarted, Told
from app.jobs.restore.remaining import Ahead, Forecast, Past, steps_of_run
from app.settings.places import places
from tests.bench.cutover import REAL
from tests.bench.measure import MB, machine_line, table
from tests.bench.swap import SITE, Bench, Size, Untouched, bench_of
from tests.real.practice import passphrase
from tests.real.servers.postgresql import postgres_server
from tests.real.servers.restic import VERSIONS, restic_program

SHAPES = {
    "few large files": Size("", 20, 800 * MB, 5 * MB),
    "many small files": Size("", 30_000, 60 * MB, 5 * MB),
    "files of a site": Size("", 5_000, 400 * MB, 20 * MB),
    "mostly rows": Size("", 200, 10 * MB, 600 * MB),
    "rows alone": Size("", 100, MB, 300 * MB),
    "both, large": Size("", 10_000, 800 * MB, 400 * MB),
    "both, small": Size("", 1_000, 50 * MB, 50 * MB),
    "many files, some rows": Size("", 20_000, 200 * MB, 100 * MB),
    "large files, many rows": Size("", 50, 500 * MB, 500 * MB),
    "middling": Size("", 3_000, 200 * MB, 200 * MB),
}
FROM = 0.2
JUDGED_UNTIL = 0.25
"""Shares of the whole: from the first on, and while the second is left."""


class Story(msgspec.Struct, frozen=True):
    """A restore as it was told, and its steps with what they moved."""

    events: tuple[Told, ...]
    steps: tuple[Past, ...]


async def read(data: Path, run: str) -> Story:
    """What that run told."""
    app = await assemble(places(data), passphrase)
    try:
        events = [event async for batch in app.runner.feed(SITE, run).batches() for event in batch]
        steps = await steps_of_run(app.records(SITE), run)
    finally:
        await app.close()
    return Story(tuple(event for event in events if not isinstance(event, LogLines)), tuple(steps))


def off_at_most(told: Story, past: Sequence[Past]) -> tuple[float, float]:
    """How far the figure was off, as a share of what was left then; and how many seconds the restore took."""
    began = next(event.at for event in told.events if isinstance(event, StepStarted))
    ended = next(event.at for event in told.events if isinstance(event, RunClosed))
    whole = (ended - began).total_seconds()
    forecast = Forecast([Ahead(step.key, step.bytes) for step in told.steps], past)
    worst = 0.0
    for event in told.events:
        forecast.tell(event)
        truth = (ended - event.at).total_seconds()
        left = forecast.left(event.at)
        if left is not None and whole - truth >= FROM * whole and truth >= JUDGED_UNTIL * whole:
            worst = max(worst, abs(left.middle - truth) / truth)
    return worst, whole


def restored(bench: Bench, database: Untouched) -> str:
    """A changed site, brought back in place; gives the run."""
    database.change()
    confirm = ("--confirm", f"RESTORE {SITE} {bench.point[:8]} both", "--accept", "database-space")
    ran = bench.console.run("restore", SITE, bench.point, "--scope", "both", *confirm, timeout=1200)
    run: str = ran.json["run"]
    bench.take_old_away(run[:8])
    return run


def judged(name: str, first: Story, second: Story) -> list[str]:
    """A row of the table."""
    (unknown, _), (known, took) = off_at_most(first, ()), off_at_most(second, first.steps)
    return [name, f"{took:.1f}", f"{100 * unknown:.0f} %", f"{100 * known:.0f} %"]


def told_by(shapes: Sequence[str], restic: Path) -> Iterator[tuple[str, list[Story]]]:
    """Each shape, restored twice."""
    with tempfile.TemporaryDirectory() as folder, postgres_server(Path(folder), REAL) as server:
        for name in shapes:
            with bench_of(server, SHAPES[name], restic) as (bench, database):
                runs = [restored(bench, database) for _ in range(2)]
                yield name, [asyncio.run(read(bench.console.data, run)) for run in runs]
        print(machine_line((restic,), server.bin))


def main(shapes: Sequence[str], restic: Path, keep: Path | None, again: Path | None) -> None:
    """Measures and prints."""
    rows = []
    for name, stories in kept_in(again) if again is not None else told_by(shapes, restic):
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{name}.json").write_bytes(msgspec.json.encode(stories))
        rows.append(judged(name, *stories))
        print(rows[-1], flush=True)
    head = ("shape", "took, s", "off at most, never restored before", "off at most, restored once before")
    table("The remaining time of a restore", head, rows)


def kept_in(folder: Path) -> Iterator[tuple[str, list[Story]]]:
    """What was kept there."""
    for file in sorted(folder.iterdir()):
        yield file.stem, msgspec.json.decode(file.read_bytes(), type=list[Story])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*")
    parser.add_argument("--restic", type=Path, default=None)
    parser.add_argument("--keep", type=Path, default=None)
    parser.add_argument("--again", type=Path, default=None)
    asked = parser.parse_args(sys.argv[1:])
    program = asked.restic or Path(restic_program(VERSIONS[-1]))
    main(asked.shapes or list(SHAPES), program, asked.keep, asked.again)
