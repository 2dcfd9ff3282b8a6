"""A backup measured against the raw tools: what it adds to the repository, its own time, its memory, all of 5 GB.

Run: python -m tests.bench.backup growth|own|memory|large|story|all [--rows N] [--restic PATH]

Every figure comes with the raw tool's from the same run, in turns; only the ratios can be compared between computers.
All data is made on the spot in the temporary folder (`all` needs 25 GB there) and removed at the end, also after
Ctrl+C. `--rows` shrinks everything alike, for trying out. Linux and macOS.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.bench.by_hand import ByHand
from tests.bench.large_site import ROWS, append_telemetry, make_half_compressible_tree, make_large_database
from tests.bench.measure import (
    MB,
    MIB,
    Ran,
    machine_line,
    put_away,
    run_recorded,
    size_on_disk,
    spread,
    table,
    wait_for_the_disk,
)
from tests.features.console import Console
from tests.features.greenhouse import DATABASE, SECRETS, USER, make_tree, site_file, writer
from tests.features.test_backup import plain_restic, restore_into, rows_of
from tests.real.servers.postgresql import PostgresServer, find_programs, postgres_server
from tests.real.servers.restic import VERSIONS, restic_program
from tests.trees import described

TIMES = 5
SITE = "north-house"


class Bench(msgspec.Struct, frozen=True):
    """What each measure stands on: a folder of its own, a server, the restics (newest last), and the size of it all."""

    folder: Path
    server: PostgresServer
    restics: tuple[Path, ...]
    rows: int

    @property
    def restic(self) -> Path:
        """The one that is measured."""
        return self.restics[-1]

    def bytes(self, size: int) -> int:
        """That size, shrunk like everything else."""
        return size * self.rows // ROWS

    def console(self, name: str, root: Path, *, only: str = "", restic: Path | None = None) -> Console:
        """Overwinter with a data folder of its own, an empty repository, and the site set up; `only` one source."""
        console = Console(self.folder / name, restic or self.restic)
        described_site = site_file(console.folder, root, self.server.port)
        file = console.folder / "site.toml"
        file.write_text(_only(described_site, only) if only else described_site, "utf-8")
        console.run("site", "add", str(file))
        for secret, value in SECRETS.items():
            if not only or only in secret or "repository" in secret:
                console.run("secret", "set", SITE, secret, stdin=value + "\n")
        console.run("repo", "init", SITE)
        return console


def _only(described_site: str, source: str) -> str:
    head, *sources = described_site.split("[[sources]]")
    return "[[sources]]".join([head, *(one for one in sources if f'name = "{source}"' in one)])


def back_up(console: Console) -> Ran:
    """One recorded `overwinter backup`."""
    ran = run_recorded(console.command("backup", SITE), console.environment, console.folder)
    assert ran.result["status"] == "success", ran.result
    return ran


# --- growth -----------------------------------------------------------------------------------------------------------


class Grown(msgspec.Struct, frozen=True):
    """What the second day's backup added, in bytes: to the data, and to the repository's files."""

    data: int
    disk: int


def growth(bench: Bench) -> None:
    """After 1 % more telemetry: what Overwinter's backup adds, what plain restic adds, what gzip'ed dumps add."""
    make_large_database(bench.server, bench.rows)
    root = bench.folder / "laravel"
    make_tree(root, 200)
    grown: dict[str, list[Grown]] = {"overwinter": [], "restic": [], "gzip": []}
    for number in range(TIMES):
        for name, one in _grown(bench, root, number).items():
            grown[name].append(one)
    ours, plain, gzipped = grown["overwinter"], grown["restic"], grown["gzip"]
    table(
        f"Growth: database of {_database_size(bench)}, 1 % telemetry appended; {TIMES} times, fresh repositories",
        ["added on the second day", "dump's data, MB", "repository's files, MB"],
        [
            [name, _megabytes([one.data for one in all_]), _megabytes([one.disk for one in all_])]
            for name, all_ in (
                ("`overwinter backup` (database, files, manifest)", ours),
                ("`restic --stdin-from-command pg_dump -Fc -Z0`", plain),
                ("`pg_dump \\| gzip`, then restic", gzipped),
            )
        ]
        + [
            ["ratio to plain restic (≤ 1.1)", _ratios(ours, plain, "data"), _ratios(ours, plain, "disk")],
            ["ratio of gzip to overwinter", _ratios(gzipped, ours, "data"), _ratios(gzipped, ours, "disk")],
        ],
    )


def _grown(bench: Bench, root: Path, number: int) -> dict[str, Grown]:
    """One time: three repositories that cut in the same places, both days in turns, whoever is first taking turns."""
    folder = bench.folder / f"growth-{number}"
    folder.mkdir()
    console = bench.console(f"growth-{number}/overwinter", root)
    ours = console.folder / "repository"
    plain = ByHand(folder / "restic", bench.restic, bench.server, like=ours)
    gzipped = ByHand(folder / "gzip", bench.restic, bench.server, like=ours)
    taking: list[tuple[str, Path, Callable[[], int]]] = [
        ("overwinter", ours, lambda: _added(back_up(console))),
        ("restic", plain.repository, lambda: int(plain.back_up_dump()["data_added_packed"])),
        ("gzip", gzipped.repository, lambda: int(gzipped.back_up_gzip()["data_added_packed"])),
    ]
    turns = taking[number % 3 :] + taking[: number % 3]
    for _, _, take in turns:
        take()
    append_telemetry(bench.server, bench.rows // 100)
    grown = {}
    for name, repository, take in turns:
        before = size_on_disk(repository)
        data = take()
        grown[name] = Grown(data, size_on_disk(repository) - before)
    put_away(folder)
    return grown


def _added(ran: Ran) -> int:
    return next(int(item["added"]) for item in ran.result["items"] if item["source"] == "database")


def _megabytes(values: Sequence[int]) -> str:
    return spread([value / MB for value in values])


def _ratios(ours: Sequence[Grown], theirs: Sequence[Grown], part: str) -> str:
    return spread([getattr(one, part) / getattr(other, part) for one, other in zip(ours, theirs, strict=True)])


def _database_size(bench: Bench) -> str:
    ((size,),) = bench.server.sql(f"SELECT pg_database_size('{DATABASE}')")
    ((rows,),) = bench.server.sql("SELECT count(*) FROM telemetry", DATABASE)
    return f"{rows / 1e6:.1f} million rows ({size / MB:.0f} MB in the server)"


# --- own time ---------------------------------------------------------------------------------------------------------


def own(bench: Bench) -> None:
    """Wall time minus the union of the children's run times, and how many children there are."""
    make_large_database(bench.server, bench.rows // 20)
    root = bench.folder / "laravel"
    make_tree(root, 2000)
    first, next_, idle = [], [], []
    for number in range(TIMES):
        console = bench.console(f"own-{number}", root)
        put_away(console.data / "cache")  # what `repo init` has learnt: the first backup starts from nothing
        first.append(back_up(console))
        next_.append(back_up(console))
        idle.append(_seconds(partial(console.run, "runs", SITE)))
        put_away(console.folder)
    table(
        f"Own time of a backup with 2 sources, in seconds; {TIMES} times",
        ["", "first backup", "next backup"],
        [
            ["whole wall time", spread([ran.wall for ran in first]), spread([ran.wall for ran in next_])],
            ["own time (≤ 2)", spread([ran.own for ran in first]), spread([ran.own for ran in next_])],
            *(
                [name, spread([part(ran) for ran in first]), spread([part(ran) for ran in next_])]
                for name, part in OWN_PARTS.items()
            ),
            ["restic processes (≤ 5)", _counts(first, bench.restic), _counts(next_, bench.restic)],
            ["other processes", _others(first, bench.restic), _others(next_, bench.restic)],
        ],
    )
    print(f"\nBeside it: `overwinter runs {SITE}`, which starts nothing, takes {spread(idle)} s.")


OWN_PARTS: dict[str, Callable[[Ran], float]] = {
    "- until the first program is started": lambda ran: ran.idle_gaps[0],
    "- between programs": lambda ran: sum(ran.idle_gaps[1:-1]),
    "- after the last program": lambda ran: ran.idle_gaps[-1],
}


def _seconds(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _counts(runs: Sequence[Ran], program: Path) -> str:
    return spread([ran.count(program) for ran in runs], "{:.0f}".format)


def _others(runs: Sequence[Ran], program: Path) -> str:
    return spread([len(ran.children) - ran.count(program) for ran in runs], "{:.0f}".format)


# --- memory -----------------------------------------------------------------------------------------------------------


def memory(bench: Bench) -> None:
    """The most memory the command has while it backs up, against what it has right before its first program."""
    rows = []
    for size in (100 * MB, 1000 * MB, 5000 * MB):
        root = bench.folder / "tree"
        make_half_compressible_tree(root, bench.bytes(size))
        rows.append(_memory(bench, f"files, {size // MB} MB", root, "laravel"))
        put_away(root)
    for millions in (100, 1000):
        make_large_database(bench.server, bench.rows * millions // 300)
        rows.append(_memory(bench, f"database, dump of {millions} MB", bench.folder, "database"))
        bench.server.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    table(
        "Memory of the command (resident, MiB; looked at every 20 ms)",
        ["source", "read, MB", "idle", "most while backing up", "more (≤ 40)", "most before: opening the vault"],
        rows,
    )


def _memory(bench: Bench, name: str, root: Path, source: str) -> list[str]:
    console = bench.console("memory", root, only=source)
    ran = back_up(console)
    put_away(console.folder)
    first = ran.children[0]
    most = max(bytes_ for when, bytes_ in ran.memory if when > first.began)
    before = max(bytes_ for when, bytes_ in ran.memory if when <= first.began)
    (item,) = ran.result["items"]
    figures = [first.memory, most, most - first.memory, before]
    return [name, f"{item['bytes'] / MB:.0f}", *(f"{figure / MIB:.1f}" for figure in figures)]


# --- the whole at 5 GB ------------------------------------------------------------------------------------------------


class Took(msgspec.Struct, frozen=True):
    """Seconds of a whole backup, and of the two restics in it that do the work."""

    whole: float
    dump: float
    tree: float

    @property
    def rest(self) -> float:
        """All else: opening the repository, the manifest, our own time."""
        return self.whole - self.dump - self.tree


def large(bench: Bench) -> None:
    """Wall time of the command at 4 GB of files and a dump of 1 GB, against the same two commands by hand."""
    make_large_database(bench.server, bench.rows * 1000 // 300)
    root = bench.folder / "tree"
    make_half_compressible_tree(root, bench.bytes(4000 * MB))
    took = [(_large(bench, root), _large_by_hand(bench, root)) for _ in range(TIMES)]
    ours, by_hand = [one for one, _ in took], [other for _, other in took]
    table(
        f"A first backup of 5 GB (4 of files, 1 of dump), in seconds; in turns, {TIMES} times each",
        ["", "whole", "dump", "files", "all else"],
        [
            ["`overwinter backup`", *_took(ours)],
            ["`restic backup --stdin-from-command`, `restic backup`", *_took(by_hand)],
            ["ratio (expected ≤ 1.15)", *_took_ratios(took)],
        ],
    )


def _large(bench: Bench, root: Path) -> Took:
    console = bench.console("large", root)
    wait_for_the_disk()
    ran = back_up(console)
    dump, tree, _manifest = [child for child in ran.children if Path(child.program) == bench.restic][-3:]
    put_away(console.folder)
    return Took(ran.wall, dump.ended - dump.began, tree.ended - tree.began)


def _large_by_hand(bench: Bench, root: Path) -> Took:
    plain = ByHand(bench.folder / "by-hand", bench.restic, bench.server)
    wait_for_the_disk()
    dump, tree = _seconds(plain.back_up_dump), _seconds(partial(plain.back_up_tree, root))
    put_away(plain.repository.parent)
    return Took(dump + tree, dump, tree)


def _took(runs: Sequence[Took]) -> list[str]:
    return [spread([getattr(run, part) for run in runs], "{:.1f}".format) for part in ("whole", "dump", "tree", "rest")]


def _took_ratios(pairs: Sequence[tuple[Took, Took]]) -> list[str]:
    parts = ("whole", "dump", "tree")
    return [*(spread([getattr(one, part) / getattr(other, part) for one, other in pairs]) for part in parts), ""]


# --- the story --------------------------------------------------------------------------------------------------------


def story(bench: Bench) -> None:
    """A database under a writer and a tree of 20,000 files; plain restic and pg_restore agree with the manifest."""
    make_large_database(bench.server, bench.rows)
    root = bench.folder / "laravel"
    make_tree(root, bench.bytes(20_000))
    table(
        f"The story: database of {_database_size(bench)} under a writer, {bench.bytes(20_000)} files",
        ["restic", "seconds", "dump, MB", "files and folders compared", "rows counted = rows restored"],
        [_told(bench, root, restic) for restic in bench.restics],
    )


def _told(bench: Bench, root: Path, restic: Path) -> list[str]:
    console = bench.console("story", root, restic=restic)
    with writer(bench.server):
        ran = back_up(console)
    items = {item["source"]: item for item in ran.result["items"]}
    compared = _same_files(console, items["laravel"]["snapshot"], root)
    counted = _same_rows(bench, console, ran.result["run"], items["database"]["snapshot"])
    put_away(console.folder)
    version = subprocess.run([restic, "version"], capture_output=True, check=True, text=True).stdout.split()[1]
    return [version, f"{ran.wall:.1f}", f"{items['database']['bytes'] / MB:.0f}", f"{compared}", f"{counted}"]


def _same_files(console: Console, snapshot: str, root: Path) -> int:
    """How many files plain restic gave back, all of them as they were."""
    target = console.folder / "back"
    plain_restic(console, "restore", f"{snapshot}:{root}", "--target", str(target))
    expected = described(root, without=["storage/logs"])
    assert described(target) == expected
    return len(expected)


def _same_rows(bench: Bench, console: Console, run: str, snapshot: str) -> int:
    """How many rows the manifest counts, table by table the same as pg_restore brings back."""
    (point,) = [point for point in console.run("points", SITE).rows if point["id"] == run]
    manifest = json.loads(plain_restic(console, "dump", point["manifest"], "/manifest.json"))
    (entry,) = [entry for entry in manifest["sources"] if entry["source"] == "database"]
    counted = {(one["schema"], one["table"]): one["rows"] for one in entry["dump"]["counts"]["tables"]}
    dump = console.folder / "database.dump"
    dump.write_bytes(plain_restic(console, "dump", snapshot, entry["path"]))
    bench.server.create_database("restored", USER)
    try:
        restore_into(bench.server, dump, "restored")
        assert counted == rows_of(bench.server, "restored")
    finally:
        bench.server.sql("DROP DATABASE restored WITH (FORCE)")
    return sum(counted.values())


# --- the command ------------------------------------------------------------------------------------------------------

MEASURES: dict[str, Callable[[Bench], None]] = {
    "growth": growth,
    "own": own,
    "memory": memory,
    "large": large,
    "story": story,
}


def measure(name: str, restics: tuple[Path, ...], rows: int) -> None:
    """One measure on a server and in a folder of its own, both gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="overwinter-bench-") as folder, postgres_server(Path(folder)) as server:
        MEASURES[name](Bench(Path(folder), server, restics, rows))


def _restics(chosen: Path | None) -> tuple[Path, ...]:
    """The chosen one, else one of each version that the tests know and that is here."""
    if chosen is not None:
        return (chosen,)
    found = []
    for version in VERSIONS:
        try:
            found.append(Path(restic_program(version)))
        except pytest.skip.Exception as missing:
            print(missing)
    return tuple(found)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt  # a polite end puts everything away too


def main() -> None:
    """Prints the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", choices=[*MEASURES, "all"])
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of telemetry that stand for 300 MB ({ROWS})")
    parser.add_argument("--restic", type=Path, help="the restic to measure with")
    asked = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    restics, programs = _restics(asked.restic), find_programs()
    if not restics or programs is None:
        sys.exit("This needs restic and PostgreSQL's server programs.")
    print(machine_line(restics, programs))
    try:
        for name in MEASURES if asked.measure == "all" else [asked.measure]:
            measure(name, restics, asked.rows)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
