"""A small site that is cut over hundreds of times: what it is made of, what a client of it sees, and what is whole.

It is staged once and copied for every case. `Part` is what takes part in a cutover; a database is one more of them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psutil

from app.jobs.cutover.names import kept_tree, plan_beside, stage_folder
from app.jobs.cutover.plan import Spot, StagingPlan
from app.jobs.effects.commands import RunCommand
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.paths import ClearPaths, ExchangePaths, KeepLive, RemoveTree, RenamePath, ReplaceFile
from app.records.runs import new_run_id
from app.settings.command import CommandWhen
from app.settings.model import THIS_COMPUTER, Repository, Site, Source, SourceKind
from tests.trees import described

OLD, NEW = "old", "new"

READ_EVERY = 0.0003
"""Seconds between two looks of a client: a pace, nothing is waited for."""


class Part(Protocol):
    """Something of the site that there is an old and a new one of."""

    def fresh(self) -> None:
        """Puts the old one in its place, and the new one where it is staged."""

    def closing(self, run: str) -> Sequence[AnyEffect]:
        """What goes before anything is exchanged."""

    def swapping(self, run: str) -> Sequence[AnyEffect]:
        """What exchanges it."""

    def opening(self, run: str) -> Sequence[AnyEffect]:
        """What makes it seen again, after everything is exchanged."""

    def seen(self) -> str | None:
        """Which of the two a client gets now; None when it is refused."""

    def faults(self, state: str) -> list[str]:
        """In what it is not wholly the old or the new one."""


def different(expected: dict[str, tuple[object, ...]], found: dict[str, tuple[object, ...]]) -> list[str]:
    """The names under which two trees are not the same."""
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


class TreePart:
    """A tree of files, exchanged whole."""

    def __init__(self, folder: Path, name: str, pristine: Path) -> None:
        self.live = folder / name
        self._pristine = pristine / name
        for version in (OLD, NEW):
            _make_tree(self._pristine / version, version)

    def staged(self, run: str) -> Path:
        """Where the new one is."""
        return Path(stage_folder(str(self.live), run)) / self.live.name

    def fresh(self) -> None:
        """The old one; the new one needs a run."""
        _copy(self._pristine / OLD, self.live)

    def stage(self, run: str) -> None:
        """As the restore leaves it: private, and beside the live one."""
        Path(stage_folder(str(self.live), run)).mkdir(mode=0o700)
        _copy(self._pristine / NEW, self.staged(run))
        shutil.copy2(self.live / ".env", self.staged(run) / ".env")

    def closing(self, run: str) -> Sequence[AnyEffect]:
        """The live settings once more."""
        live, staged = str(self.live), str(self.staged(run))
        return [KeepLive(host=THIS_COMPUTER, live=live, staged=staged, path=".env", old=self.live.stat().st_ino)]

    def swapping(self, run: str) -> Sequence[AnyEffect]:
        """One exchange."""
        return [
            ExchangePaths(
                host=THIS_COMPUTER,
                live=str(self.live),
                staged=str(self.staged(run)),
                kept=kept_tree(str(self.live), run),
                old=self.live.stat().st_ino,
                new=self.staged(run).stat().st_ino,
            )
        ]

    def opening(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  every part's signature
        """The caches that are in it."""
        return [ClearPaths(host=THIS_COMPUTER, folder=str(self.live), patterns=("cache/*.php", "views/*/*"))]

    def seen(self) -> str | None:
        """By a file of it; nothing stands there for a moment where names cannot be exchanged."""
        try:
            return (self.live / "version").read_text()
        except FileNotFoundError:
            return None

    def faults(self, state: str) -> list[str]:
        """Compared in everything, but for what is cleared and kept."""
        expected = described(self._pristine / state, without=("cache", "views", ".env"))
        found = described(self.live, without=("cache", "views", ".env"))
        cleared = state == NEW
        return [
            *(f"{self.live.name}: {name}" for name in different(expected, found)),
            *([] if bool(list((self.live / "cache").glob("*.php"))) != cleared else [f"{self.live.name}: its cache"]),
            *([] if (self.live / ".env").read_text() == LIVE_ENV else [f"{self.live.name}: its .env"]),
        ]


class FilePart:
    """One file outside all trees."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "broker.conf"
        self._folder = folder

    def fresh(self) -> None:
        """The old one, and the new one beside it."""
        (self._folder / "by").mkdir()
        self._path.write_text(OLD)
        (self._folder / "by" / "broker.conf").write_text(NEW)

    def closing(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  every part's signature
        """Nothing."""
        return ()

    def swapping(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  every part's signature
        """One replacement."""
        by = self._folder / "by"
        return [
            ReplaceFile(
                host=THIS_COMPUTER,
                path=str(self._path),
                source=str(by / "broker.conf"),
                kept=str(by / "broker.conf.old"),
                before=hashlib.sha256(OLD.encode()).hexdigest(),
                after=hashlib.sha256(NEW.encode()).hexdigest(),
            )
        ]

    def opening(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  every part's signature
        """Nothing."""
        return ()

    def seen(self) -> str | None:
        """What stands in it."""
        return self._path.read_text()

    def faults(self, state: str) -> list[str]:
        """What stands in it."""
        return [] if self._path.read_text() == state else [f"broker.conf: {self._path.read_text()}"]


class FixedRootPart:
    """A folder that cannot be renamed itself, as a mount point cannot: what is in it is exchanged, name by name."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "volume"
        self._by = folder / "by" / "volume"

    def fresh(self) -> None:
        """Each name as a folder with a word in it."""
        for version, place in ((OLD, self._root), (NEW, self._by / NEW)):
            for name in self._names(version):
                (place / name).mkdir(parents=True)
                (place / name / "version").write_text(version)
        (self._by / OLD).mkdir()

    def _names(self, version: str) -> list[str]:
        return ["both", "gone" if version == OLD else "came"]

    def closing(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  every part's signature
        """Nothing."""
        return ()

    def swapping(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  every part's signature
        """Each old name aside, then each new one in."""
        away = [(self._root / name, self._by / OLD / name) for name in self._names(OLD)]
        here = [(self._by / NEW / name, self._root / name) for name in self._names(NEW)]
        return [
            RenamePath(host=THIS_COMPUTER, path=str(path), target=str(target), inode=path.stat().st_ino)
            for path, target in (*away, *here)
        ]

    def opening(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  every part's signature
        """Nothing."""
        return ()

    def seen(self) -> str | None:
        """By the name that both have; it is not there for a moment."""
        try:
            return (self._root / "both" / "version").read_text()
        except FileNotFoundError:
            return None

    def faults(self, state: str) -> list[str]:
        """By all names."""
        found = {path.name: (path / "version").read_text() for path in self._root.iterdir()}
        return [] if found == dict.fromkeys(self._names(state), state) else [f"volume: {found}"]


LIVE_ENV = "APP_KEY=of the live site, changed since it was staged\n"


class CutoverSite:
    """The site of one test; `fresh` makes it anew for a case."""

    def __init__(self, folder: Path, parts: Sequence[Part] = ()) -> None:
        """`parts` are those beside the trees and the file that it has anyway."""
        self.folder = folder / "site"
        self.data = folder / "data"
        pristine = folder / "pristine"
        self._trees = [TreePart(self.folder, name, pristine) for name in ("laravel", "service")]
        self.parts: list[Part] = [*self._trees, FilePart(self.folder), FixedRootPart(self.folder), *parts]
        self.run = ""

    @property
    def down(self) -> Path:
        """The flag of the maintenance mode; it is in the first tree, as Laravel has it."""
        return self._trees[0].live / "down"

    @property
    def services(self) -> Path:
        """Says whether the services are up."""
        return self.folder / "services"

    def fresh(self) -> StagingPlan:
        """The site as it was, staged for a run; gives its plan."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        self.folder.mkdir()
        (self.data / "cutovers").mkdir(parents=True)
        self.run = new_run_id()
        self.services.write_text("up\n")
        for part in self.parts:
            part.fresh()
        for tree in self._trees:
            tree.stage(self.run)
            (tree.live / ".env").write_text(LIVE_ENV)
        return self._plan()

    def _plan(self) -> StagingPlan:
        run, when = self.run, CommandWhen
        staged_down = self._trees[0].staged(run) / "down"
        before = [
            self._command("maintenance", when.MAINTENANCE_ON, f"touch {self.down}", f"rm -f {self.down}"),
            *(effect for part in self.parts for effect in part.closing(run) if isinstance(effect, KeepLive)),
            self._command(
                "maintenance-staged", when.MAINTENANCE_ON, f"[ -d {staged_down.parent} ]||exit 0;touch {staged_down}"
            ),
            self._command("stop", when.STOP, f"echo down >{self.services}", f"echo up >{self.services}"),
            *(effect for part in self.parts for effect in part.closing(run) if not isinstance(effect, KeepLive)),
        ]
        after = [
            self._command("after", when.AFTER_RESTORE, "true"),
            self._command("start", when.START, f"echo up >{self.services}", f"echo down >{self.services}"),
            self._command("up", when.MAINTENANCE_OFF, f"rm -f {self.down}", f"touch {self.down}"),
            self._command("smoke", when.SMOKE, f"[ ! -e {self.down} ]"),
        ]
        stages = [stage_folder(str(tree.live), run) for tree in self._trees]
        by = str(self.folder / "by")
        return StagingPlan(
            run=run,
            kind="restore",
            site=self.site,
            point="0" * 32,
            effects=(
                *before,
                *(effect for part in self.parts for effect in part.swapping(run)),
                *(effect for part in self.parts for effect in part.opening(run)),
                *after,
            ),
            spots=tuple(
                Spot(THIS_COMPUTER, plan_beside(str(tree.live)), stage_folder(str(tree.live), run))
                for tree in self._trees
            ),
            when_new=tuple(RemoveTree(host=THIS_COMPUTER, path=path) for path in stages),
            when_old=tuple(RemoveTree(host=THIS_COMPUTER, path=path) for path in (*stages, by)),
        )

    @property
    def site(self) -> Site:
        """Its description."""
        return Site(
            name="north-house",
            repository=Repository(url=str(self.folder.parent / "repository")),
            sources=tuple(
                Source(name=tree.live.name, kind=SourceKind.FILES, root=str(tree.live)) for tree in self._trees
            ),
        )

    def _command(self, name: str, when: CommandWhen, run: str, undo: str = "") -> RunCommand:
        undoing = ("/bin/sh", "-c", undo) if undo else ()
        return RunCommand(
            name=name, host=THIS_COMPUTER, when=when, run=("/bin/sh", "-c", run), undoing=undoing, timeout=20
        )

    @property
    def unfinished(self) -> bool:
        """Whether its plan stands here, or beside the target."""
        here = self.data / "cutovers" / "north-house.json"
        return here.exists() or any(Path(plan_beside(str(tree.live))).exists() for tree in self._trees)

    def state(self) -> str:
        """The old one or the new one, by the first tree; the rest is compared with that."""
        return self._trees[0].seen() or "nothing"

    def faults(self, *, is_staged: bool = False) -> list[str]:
        """In what the site is not wholly one of the two, up, and without anything left over.

        One that `is_staged` may not have been begun with: then what is staged is still there.
        """
        state = self.state()
        found = [fault for part in self.parts for fault in part.faults(state)]
        found += ["the maintenance mode is on"] if self.down.exists() else []
        found += ["the services are down"] if self.services.read_text() != "up\n" else []
        found += ["a plan is unfinished"] if self.unfinished else []
        return found + self._names(state, is_staged=is_staged and state == OLD)

    def _names(self, state: str, *, is_staged: bool) -> list[str]:
        names = {"laravel", "service", "broker.conf", "services", "volume"}
        if state == NEW:
            names |= {"by", *(Path(kept_tree(str(tree.live), self.run)).name for tree in self._trees)}
        staged = {"by", *(Path(stage_folder(str(tree.live), self.run)).name for tree in self._trees)}
        found = {path.name for path in self.folder.iterdir()} - (staged - names if is_staged else set())
        return [f"names: {sorted(found ^ names)}"] if found != names else []

    def nobody_does(self, command: str) -> bool:
        """Whether no process has that among its arguments."""
        return not any(
            any(command in word for word in process.info["cmdline"] or ())
            for process in psutil.process_iter(["cmdline"])
        )

    @contextmanager
    def read_all_the_while(self) -> Iterator[None]:
        """A client asks for everything again and again while the body runs; fails when it ever saw a mixture."""
        mixtures: list[list[str | None]] = []
        over = threading.Event()

        def read() -> None:
            while not over.is_set():
                if (seen := self._mixture()) is not None:
                    mixtures.append(seen)
                time.sleep(READ_EVERY)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            over.set()
            reader.join()
        assert not mixtures, f"a client saw {mixtures[:3]}"

    def _mixture(self) -> list[str | None] | None:
        """What a client gets of each part, where it is not all of one kind; None where it is, or is refused."""
        before = self._answered()
        seen = [part.seen() for part in self.parts]
        if not before or not self._answered() or None in seen or self._trees[0].seen() != seen[0]:
            return None
        return seen if len(set(seen)) > 1 else None

    def _answered(self) -> bool:
        """Whether a client gets in; nothing answers where the tree is not there for a moment."""
        return self.down.parent.exists() and not self.down.exists()


def _copy(tree: Path, target: Path) -> None:
    """With its hard links, which Python's own does not keep."""
    subprocess.run(["cp", "-a", tree, target], check=True)


def _make_tree(root: Path, version: str) -> None:
    for folder in ("app", "cache", "views/deep", "storage"):
        (root / folder).mkdir(parents=True)
    (root / "version").write_text(version)
    (root / ".env").write_text("APP_KEY=of the live site when it was staged\n")
    for number in range(3):
        (root / "app" / f"{version}-{number}.php").write_bytes(os.urandom(500))
        (root / "cache" / f"{number}.php").write_text(version)
    (root / "views" / "deep" / "compiled").write_text(version)
    (root / "cache" / ".gitignore").write_text("*")
    (root / "link").symlink_to(f"app/{version}-0.php")
    os.link(root / "app" / f"{version}-1.php", root / "storage" / "the same")
    (root / "app" / f"{version}-2.php").chmod(0o640)
    (root / "storage").chmod(0o2770)
