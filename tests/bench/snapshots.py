"""The Snapshots page at its limits: 5,000 points, a tree of a million names, twenty trees of 200,000, an index made.

`python -m tests.bench.snapshots`; the figures of issue 6. Trees are synthetic but for the index, which is made of a
real one; files, repository and data folder are temporary.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.jobs.catalogue.tree_file import TreeWriter
from app.jobs.catalogue.tree_shelf import TreeShelf
from app.tools.restic.output import Entry
from app.tools.restic.session import Session
from app.ui.models.recovery_points import Filter, Order
from app.ui.theme import Look, Theme
from tests.bench.measure import spread, table
from tests.real.servers.restic import SealedRepository, restic_program
from tests.ui.greenhouse import PASSWORD, SITE, Greenhouse
from tests.ui.snapshots_window import Looker, look_at
from tests.ui.technician import environment, vault_with_passphrase_file

POINTS = 5000
MANY, SOME, TREES = 1_000_000, 200_000, 20
WORDS = ("sensor", "valve", "report", "cache", "view", "photo", "config", "export", "session", "index", "history")
WHEN = "2026-11-21T21:52:11.589320961Z"
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)


def entries(count: int, salt: int = 0) -> Iterator[list[Entry]]:
    """Names as restic lists them, 100 to a folder, 100 folders to one above."""
    batch = [Entry("/srv", "dir", mtime=WHEN), Entry("/srv/www", "dir", mtime=WHEN)]
    for number in range(count):
        above, folder = divmod(number // 100, 100)
        if number % 10_000 == 0:
            batch.append(Entry(f"/srv/www/{WORDS[above % 11]}-{above:03d}", "dir", mtime=WHEN))
        if number % 100 == 0:
            batch.append(Entry(f"/srv/www/{WORDS[above % 11]}-{above:03d}/{folder:02d}", "dir", mtime=WHEN))
        path = f"/srv/www/{WORDS[above % 11]}-{above:03d}/{folder:02d}"
        name = f"{WORDS[(number + salt) % 11]}-{number:07d}.php"
        batch.append(Entry(f"{path}/{name}", "file", number, mtime=WHEN, mode=0o644))
        if len(batch) > 3000:
            yield batch
            batch = []
    yield batch


def put_on_shelf(shelf: TreeShelf, tree: str, count: int, salt: int = 0) -> None:
    """An index of that many names."""
    begun = shelf.begin(SITE)
    writer = TreeWriter(begun)
    for batch in entries(count, salt):
        writer.add(batch)
    writer.finish()
    shelf.put(SITE, tree, begun)


class Gaps(QObject):
    """The longest time in which the window's loop did nothing, in milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self._last = time.perf_counter()
        self.worst = 0.0
        timer = QTimer(self, interval=5, timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(self._on_beat)
        timer.start()

    def _on_beat(self) -> None:
        now = time.perf_counter()
        self.worst = max(self.worst, (now - self._last) * 1000)
        self._last = now

    def begin(self) -> None:
        """From here on."""
        self.worst, self._last = 0.0, time.perf_counter()


def ms(work: Callable[[], object], times: int = 5) -> list[float]:
    """Milliseconds of the work with all that is painted because of it."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        QApplication.sendPostedEvents()
        took.append((time.perf_counter() - began) * 1000)
    return took


async def ms_of(work: Callable[[], Awaitable[object]], times: int = 5) -> list[float]:
    """Likewise for what is asked of the engine."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1000)
    return took


def memory() -> int:
    """MiB that this process holds now."""
    return int(psutil.Process().memory_info().rss // 2**20)


Rows = list[tuple[str, str, str]]


async def five_thousand(me: Looker, house: Greenhouse, found: Rows) -> None:
    """Points on screen, sorted, filtered."""
    answered: list[float] = []
    run = Session.run

    async def noted(self: Session, *args: Any, **options: Any) -> Any:
        answer = await run(self, *args, **options)
        answered.append(time.perf_counter())
        return answer

    Session.run = noted  # type: ignore[method-assign]  # when restic ended is known nowhere else
    gaps = Gaps()
    await me.ask(house.set_up)
    took = []
    for _ in range(5):
        me.page.show_site("")
        await asyncio.sleep(0.1)
        me.page.points.points.show_rows(())
        (house.data / "cache" / "catalogue" / "lists" / f"{SITE}.json").unlink(missing_ok=True)
        await me.ask(_forget_list)
        answered.clear()
        gaps.begin()
        me.page.show_site(SITE)
        await me.sees(lambda: me.page.points.points.total == POINTS)
        me.frame.grab()
        took.append((time.perf_counter() - answered[0]) * 1000)
    await me.sees_it_rest()
    Session.run = run  # type: ignore[method-assign]
    found.append((f"{POINTS} points on screen after restic answered", spread(took, "{:.0f} ms".format), "300 ms"))
    found.append(("worst gap of the loop meanwhile (last time)", f"{gaps.worst:.0f} ms", "50 ms"))
    points = me.page.points
    for order in Order:
        found.append((f"sort: {order.value}", spread(ms(partial(_narrow, me, Filter(), order)), _MS), "50 ms"))
    wanted = Filter(words="gh3 kind:pg")
    points.narrow(Filter(), Order.NEWEST)
    found.append(("filter: two words", spread(ms(partial(_narrow, me, wanted, Order.NEWEST), 1), _MS), "50 ms"))


_MS = "{:.0f} ms".format


def _narrow(me: Looker, wanted: Filter, order: Order) -> None:
    me.page.points.narrow(wanted, order)
    me.page.points.grab()


async def _forget_list(app: Any) -> None:
    app.catalogue._known.clear()


async def a_million(me: Looker, found: Rows) -> None:
    """A point whose tree has a million names."""
    files, gaps = me.page.files, Gaps()
    before = memory()
    me.page.show_site(SITE)
    await me.sees_it_rest()
    me.page.show_site("")
    await me.sees(lambda: me.page.chosen is None)
    gaps.begin()
    began = time.perf_counter()
    me.page.show_site(SITE)
    await me.sees(lambda: files.files.sources() and files.files.sources()[0].children)
    opened = (time.perf_counter() - began) * 1000
    found.append(("list read from the cache, point opened, first level shown", _MS(opened), "at once"))
    await me.sees_it_rest()
    node, took = files.files.sources()[0], []
    for _ in range(3):
        children = node.children or []
        node = children[0]
        if not node.is_folder:
            break
        began = time.perf_counter()
        files.tree.open_folder(node)
        await me.sees(lambda: node.children)  # noqa: B023  awaited at once
        took.append((time.perf_counter() - began) * 1000)
    found.append(("expanding a folder, to the rows in the tree (looked for every 5 ms)", spread(took, _MS), "20 ms"))
    snapshot, path = node.snapshot, node.path.rpartition("/")[0]
    took = await ms_of(partial(_level, me, snapshot, path), 20)
    found.append(("the same, asked of the engine", spread(took, "{:.1f} ms".format), "20 ms"))
    for words in ("valve-0999", "nothing at all", "sensor", "*-09999?*.php"):
        took = await ms_of(partial(_find, me, snapshot, words))
        found.append((f"search {words!r} in {MANY}", spread(took, _MS), "100 ms"))
    files.search.setText("valve-0999")
    await me.sees(lambda: files.found.total)
    await me.sees_it_rest()
    found.append(("memory more than before", f"{memory() - before} MiB", "100 MiB"))
    found.append(("worst gap of the loop meanwhile", _MS(gaps.worst), "50 ms"))


async def _level(me: Looker, snapshot: str, path: str) -> None:
    await me.ask(lambda app: app.catalogue.level(SITE, snapshot, path))


async def _find(me: Looker, snapshot: str, words: str) -> None:
    await me.ask(lambda app: app.catalogue.find(SITE, snapshot, words))


async def twenty(me: Looker, found: Rows) -> None:
    """A search in all points, the first hits of it and all of them."""
    me.page.show_site(SITE)
    await me.sees_it_rest()
    files = me.page.files
    files._where.setCurrentIndex(1)
    for words in ("valve-0199", "cache-01"):
        first, whole = [], []
        for _ in range(3):
            files.search.clear()
            files._end_search()
            began = time.perf_counter()
            files.search.setText(words)
            files._on_search()
            await me.sees(lambda: files.found.total)
            first.append((time.perf_counter() - began) * 1000)
            await me.sees_it_rest()
            whole.append((time.perf_counter() - began) * 1000)
        found.append((f"search {words!r} in {TREES} x {SOME}: first hits", spread(first, _MS), "300 ms"))
        found.append((f"search {words!r} in {TREES} x {SOME}: all", spread(whole, _MS), ""))


async def indexed(me: Looker, house: Greenhouse, restic: str, found: Rows) -> None:
    """The index of a real tree against restic's listing of it alone."""
    await me.ask(house.set_up)
    me.page.show_site(SITE)
    await me.sees_it_rest()
    await me.backs_up()
    await me.ask(_stop_all)
    listed = await me.ask(lambda app: app.catalogue.refresh(SITE))
    snapshot = listed.rows[0].point.snapshots[0].id
    alone, with_index, gaps = [], [], Gaps()
    gaps.begin()
    for _ in range(3):
        alone.append(await asyncio.get_running_loop().run_in_executor(None, _ls_alone, house, restic, snapshot))
        for path in (house.data / "cache" / "catalogue" / "trees").rglob("*.names*"):
            path.unlink()
        began = time.perf_counter()
        await me.ask(lambda app: app.catalogue.tree_file(SITE, snapshot))
        with_index.append(time.perf_counter() - began)
    ratios = [ours / theirs for ours, theirs in zip(with_index, alone, strict=True)]
    found.append((f"restic ls --json alone, {SOME} files", spread(alone, "{:.1f} s".format), ""))
    found.append((f"index made, {SOME} files", spread(with_index, "{:.1f} s".format), ""))
    found.append(("ratio", spread(ratios), "1.5"))
    found.append(("worst gap of the loop meanwhile", _MS(gaps.worst), "50 ms"))


async def _stop_all(app: Any) -> None:
    if app._indexing is not None:
        app._indexing.cancel()
    await app.catalogue.close()


def _ls_alone(house: Greenhouse, restic: str, snapshot: str) -> float:
    began = time.perf_counter()
    command = [restic, "--repo", str(house.repository), "--json", f"--cache-dir={house.data}/cache/restic"]
    subprocess.run(
        [*command, "ls", "--recursive", snapshot, "/"],
        input=PASSWORD.encode() + b"\n",
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


def put_elsewhere(house: Greenhouse, tree: str, count: int) -> None:
    """An index that another process makes, so that its memory is not in the figures."""
    shelf = f"TreeShelf(Path({str(house.data / 'cache' / 'catalogue' / 'trees')!r}))"
    said = f"from tests.bench.snapshots import *; put_on_shelf({shelf}, {tree!r}, {count})"
    subprocess.run([sys.executable, "-c", said], check=True)


def house_of(folder: Path, restic: str, snapshots: list[tuple[str, datetime, list[str]]]) -> Greenhouse:
    """A greenhouse whose repository holds snapshots of trees that are nowhere but on the shelf."""
    folder.mkdir()
    house = Greenhouse(folder)
    house.make_repository(restic)
    sealed = SealedRepository(house.repository, PASSWORD)
    for number, (tree, at, tags) in enumerate(snapshots):
        sealed.add_snapshot(tree, at, f"gh{number % 5}", tags)
    return house


def tags_of(number: int) -> list[str]:
    """Those of one snapshot that is a point by itself."""
    kind = ("pg", "files", "mqtt", "docker")[number % 4]
    return [f"site:{SITE}", f"run:{number:032x}", "source:laravel", "layer:laravel", "type:full", f"kind:{kind}"]


def main() -> None:
    """Measures everything, and prints it."""
    restic, application, found = restic_program("0.19"), QApplication.instance() or QApplication([]), Rows()
    assert isinstance(application, QApplication)
    Theme(application, Look.LIGHT)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="overwinter-bench-")))
        stack.enter_context(vault_with_passphrase_file(folder))
        stack.enter_context(environment(OVERWINTER_RESTIC=restic))
        one = f"{7:064x}"
        points = [(one, BEGAN + timedelta(hours=4 * n), tags_of(n)) for n in range(POINTS)]
        house = house_of(folder / "points", restic, points)
        look_at(application, house.data, lambda me: five_thousand(me, house, found))
        table("5,000 points", ("what", "measured", "limit"), found)

        found.clear()
        big = house_of(folder / "million", restic, [(one, BEGAN, tags_of(1))])
        put_elsewhere(big, one, MANY)
        look_at(application, big.data, lambda me: _set_up_then(me, big, a_million(me, found)))
        table("A tree of 1,000,000 names", ("what", "measured", "limit"), found)

        found.clear()
        trees = [f"{number + 1:064x}" for number in range(TREES)]
        wide = house_of(
            folder / "twenty",
            restic,
            [(tree, BEGAN + timedelta(days=number), tags_of(number)) for number, tree in enumerate(trees)],
        )
        shelf = TreeShelf(wide.data / "cache" / "catalogue" / "trees")
        for number, tree in enumerate(trees):
            put_on_shelf(shelf, tree, SOME, number)
        look_at(application, wide.data, lambda me: _set_up_then(me, wide, twenty(me, found)))
        table("20 trees of 200,000 names", ("what", "measured", "limit"), found)

        found.clear()
        (folder / "real").mkdir()
        real = Greenhouse(folder / "real")
        real.make_repository(restic)
        for number in range(SOME):
            place = real.root() / f"{number // 10_000:03d}" / f"{number // 100 % 100:02d}"
            if number % 100 == 0:
                place.mkdir(parents=True)
            (place / f"{WORDS[number % 11]}-{number:06d}.php").touch()
        look_at(application, real.data, lambda me: indexed(me, real, restic, found))
        table("An index of a real tree", ("what", "measured", "limit"), found)


async def _set_up_then(me: Looker, house: Greenhouse, work: Awaitable[None]) -> None:
    await me.ask(house.set_up)
    await work


if __name__ == "__main__":
    main()
