"""Drives the process that cutovers happen in: one case after the other, each on a fresh copy of the staged site."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from app.jobs.cutover.plan import Spot, decode, encode
from app.jobs.effects.commands import RunCommand
from app.records.run import new_run_id
from tests.faults.asked_child import AskedChild, asked_child
from tests.faults.cutover_child import Answer, Request, forget
from tests.faults.cutover_parts import NEW, OLD
from tests.faults.cutover_site import CutoverSite
from tests.real.servers.mariadb import MariadbServer
from tests.real.servers.postgresql import PostgresServer

RECOVERED_WITHIN = 10.0  # seconds


class Matrix:
    """Cases on one site. `exchanges` says whether its file system can exchange two names in one step.

    They happen to a restore; or, `backwards`, to the taking back of one.
    """

    def __init__(self, site: CutoverSite, child: AskedChild, folder: Path) -> None:
        self.site = site
        self.exchanges = True
        self.backwards = False
        self.recovered_within = RECOVERED_WITHIN
        self.server: PostgresServer | MariadbServer | None = None
        self.secrets: dict[str, str] = {}
        self._child = child
        self._folder = folder
        self._plan = folder / "plan.json"
        self._journal = folder / "journal"
        self._before = b""
        self._staged_again: list[str] = []

    @property
    def origin(self) -> str:
        """What the site is at first."""
        return NEW if self.backwards else OLD

    @property
    def target(self) -> str:
        """What the cutover makes of it."""
        return OLD if self.backwards else NEW

    def fresh(self) -> None:
        """A site that is staged, and nothing else; or, `backwards`, the new one, which is to be taken back."""
        plan = self.site.fresh()
        self._plan.write_bytes(encode(plan))
        if self.backwards:
            answer = self.carry_out()
            assert answer is not None
            assert answer.code == "", answer.told
            self._plan.write_bytes(encode(self.site.turned_back(plan)))
        shutil.rmtree(self._journal, ignore_errors=True)

    def change_command(self, name: str, run: str) -> None:
        """Another command in the plan of this case."""
        plan = decode(self._plan.read_bytes())
        effects = tuple(
            msgspec.structs.replace(effect, run=("/bin/sh", "-c", run))
            if isinstance(effect, RunCommand) and effect.name == name
            else effect
            for effect in plan.effects
        )
        self._plan.write_bytes(encode(msgspec.structs.replace(plan, effects=effects)))

    def stage_again(self) -> None:
        """Another restore of the same site is staged, by whoever does not know of the one that is unfinished."""
        plan = decode(self._plan.read_bytes())
        self._before = self._plan.read_bytes()
        run = new_run_id()
        spots = tuple(Spot(spot.host, spot.path, spot.by.replace(plan.run[:8], run[:8])) for spot in plan.spots)
        for spot in spots:
            Path(spot.by).mkdir()
        self._staged_again = [spot.by for spot in spots]
        self._plan.write_bytes(encode(msgspec.structs.replace(plan, run=run, spots=spots)))

    def unstage(self) -> None:
        """It cleans up after itself."""
        self._plan.write_bytes(self._before)
        for folder in self._staged_again:
            Path(folder).rmdir()

    def carry_out(self, at: dict[int, str] | None = None) -> Answer | None:
        """The cutover, with what happens at these points; None when it was killed."""
        return self._child.ask(self._request("carry out", at or {}))

    def recover(self, wanted: str = "", at: dict[int, str] | None = None) -> Answer | None:
        """A recovery of what was left."""
        began = time.monotonic()
        answer = self._child.ask(self._request("recover", at or {}, wanted))
        took = time.monotonic() - began
        assert took < self.recovered_within, f"{took:.1f} s: {answer}"
        return answer

    def cut_power(self) -> int:
        """What was not synced has never been; gives how much that was."""
        forgotten = forget(self._journal)
        shutil.rmtree(self._journal, ignore_errors=True)
        return forgotten

    def start_server_again(self) -> None:
        """The database's server, which was killed."""
        assert self.server is not None
        self.server.kill()  # what is left to do: to know of it
        self.server.start()

    def lose_the_laptop(self) -> None:
        """Nothing of the data folder is there any more; what is beside the target has to do."""
        shutil.rmtree(self.site.data)
        (self.site.data / "cutovers").mkdir(parents=True)

    def _request(self, work: str, at: dict[int, str], wanted: str = "") -> Request:
        return Request(
            work=work,
            data=str(self.site.data),
            answer=str(self._child.answer),
            plan=str(self._plan),
            wanted=wanted,
            at=at,
            journal=str(self._journal),
            exchanges=self.exchanges,
            server=self.server.pid if self.server is not None else 0,
            secrets=self.secrets,
        )


@contextmanager
def matrix_of(site: CutoverSite, folder: Path) -> Iterator[Matrix]:
    """The process, ready for requests."""
    with asked_child("tests.faults.cutover_child", folder, os.environ) as child:
        yield Matrix(site, child, folder)
