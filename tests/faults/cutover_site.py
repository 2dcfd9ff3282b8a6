"""A small site that is cut over hundreds of times: its plan, what a client of it sees, and what is whole of it.

It is staged once and copied for every case; `cutover_parts` is what it is made of.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.jobs.cutover.names import kept_tree, plan_beside, stage_folder
from app.jobs.cutover.plan import Spot, StagingPlan
from app.jobs.cutover.undo import reversed_plan
from app.jobs.effects.commands import RunCommand
from app.jobs.effects.paths import KeepLive
from app.records.run import new_run_id
from app.settings.command import CommandWhen
from app.settings.model import THIS_COMPUTER, Repository, Site, Source, SourceKind
from tests.faults.cutover_parts import NEW, OLD, FilePart, FixedRootPart, Left, Part, TreePart
from tests.faults.cutover_sqlite import SqlitePart

READ_EVERY = 0.0003
"""Seconds between two looks of a client: a pace, nothing is waited for."""


class CutoverSite:
    """The site of one test; `fresh` makes it anew for a case."""

    def __init__(self, folder: Path, door: Part | None = None, *, sqlite: bool = False) -> None:
        """`door` is a part that lets nobody in by itself while anything is exchanged, as a database does; `sqlite` says
        to have a database of that kind too."""
        self.folder = folder / "site"
        self.data = folder / "data"
        pristine = folder / "pristine"
        self._trees = [TreePart(self.folder, name, pristine) for name in ("laravel", "service")]
        self.parts: list[Part] = [*self._trees, FilePart(self.folder), FixedRootPart(self.folder)]
        self.parts += [SqlitePart(self.folder)] if sqlite else []
        self.door = door
        self.run = ""
        self.answered: set[str] = set()
        self._kept_by: dict[str, str] = {}

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
        self._kept_by = {NEW: self.run}
        for part in self._all:
            part.fresh(self.run)
        return self._plan()

    @property
    def _all(self) -> list[Part]:
        return [*self.parts, *([self.door] if self.door is not None else [])]

    def turned_back(self, plan: StagingPlan) -> StagingPlan:
        """What takes that plan back, which was carried out: it makes the site the old one."""
        run = new_run_id()
        self.taken_back_by(run)
        return reversed_plan(plan, run)

    def taken_back_by(self, run: str) -> None:
        """The new one, once it is taken back, is put aside by that run."""
        self._kept_by[OLD] = run

    def _plan(self) -> StagingPlan:
        run, when = self.run, CommandWhen
        staged_down = self._trees[0].staged(run) / "down"
        before = [
            *(effect for part in self._all for effect in part.preparing(run)),
            self._command("maintenance", when.MAINTENANCE_ON, f"touch {self.down}", f"rm -f {self.down}"),
            *(effect for part in self._all for effect in part.closing(run) if isinstance(effect, KeepLive)),
            self._command(
                "maintenance-staged", when.MAINTENANCE_ON, f"[ -d {staged_down.parent} ]||exit 0;touch {staged_down}"
            ),
            self._command("stop", when.STOP, f"echo down >{self.services}", f"echo up >{self.services}"),
            *(effect for part in self._all for effect in part.closing(run) if not isinstance(effect, KeepLive)),
        ]
        after = [
            self._command("after", when.AFTER_RESTORE, "true"),
            self._command("start", when.START, f"echo up >{self.services}", f"echo down >{self.services}"),
            self._command("up", when.MAINTENANCE_OFF, f"rm -f {self.down}", f"touch {self.down}"),
            self._command("smoke", when.SMOKE, f"[ ! -e {self.down} ]"),
        ]
        return StagingPlan(
            run=run,
            kind="restore",
            site=self.site,
            point="0" * 32,
            effects=(
                *before,
                *(effect for part in self._all for effect in part.swapping(run)),
                *(effect for part in self._all for effect in part.opening(run)),
                *after,
            ),
            spots=tuple(
                Spot(THIS_COMPUTER, plan_beside(str(tree.live)), stage_folder(str(tree.live), run))
                for tree in self._trees
            ),
            when_new=tuple(effect for part in self._all for effect in part.clearing(run, NEW)),
            when_old=tuple(effect for part in self._all for effect in part.clearing(run, OLD)),
            kept=tuple(kept for part in self._all for kept in part.kept(run)),
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
        left = Left(is_staged and state == OLD, self._kept_by.get(state, ""))
        found = [fault for part in self._all for fault in part.faults(state, left)]
        found += ["the maintenance mode is on"] if self.down.exists() else []
        found += ["the services are down"] if self.services.read_text() != "up\n" else []
        found += ["a plan is unfinished"] if self.unfinished else []
        return found + self._names(left)

    def _names(self, left: Left) -> list[str]:
        names = {"laravel", "service", "broker.conf", "services", "volume"}
        names |= {"sqlite"} if any(isinstance(part, SqlitePart) for part in self.parts) else set()
        if left.kept_by:
            names |= {"by", *(Path(kept_tree(str(tree.live), left.kept_by)).name for tree in self._trees)}
        staged = {"by", *(tree.stage(self.run).name for tree in self._trees)}
        found = {path.name for path in self.folder.iterdir()} - (staged - names if left.is_staged else set())
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
                if (seen := self._mixture() or self._mixture_behind_the_door()) is not None:
                    mixtures.append(seen)
                time.sleep(READ_EVERY)
            if self.door is not None:
                self.door.leave()

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
        seen = [part.seen() for part in self._all]
        if not before or not self._answered() or None in seen or self._trees[0].seen() != seen[0]:
            return None
        return seen if len(set(seen)) > 1 else None

    def _mixture_behind_the_door(self) -> list[str | None] | None:
        """Likewise for a client that no maintenance mode keeps out; what has changed meanwhile is no answer."""
        if self.door is None:
            return None
        before = [part.seen() for part in self.parts]
        seen = self.door.seen()
        if seen is None or None in before or before != [part.seen() for part in self.parts]:
            return None
        self.answered.add(seen)
        return [*before, seen] if {*before} != {seen} else None

    def _answered(self) -> bool:
        """Whether a client gets in; nothing answers where the tree is not there for a moment."""
        return self.down.parent.exists() and not self.down.exists()
