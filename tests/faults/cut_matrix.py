"""Drives cutovers over SSH through a wire: one case after the other, each on a fresh copy of the staged site."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from app.jobs.cutover.plan import StagingPlan, encode
from app.settings.model import THIS_COMPUTER, Host, HostKind
from tests.faults.asked_child import AskedChild, asked_child
from tests.faults.cut_child import SERVER, Request
from tests.faults.cut_wire import Blow, LiveWire, Passed, Way, live_wire
from tests.faults.cutover_child import Answer
from tests.faults.cutover_site import CutoverSite
from tests.real.servers.sshd import SshServer

NOTICED_SOON = 0.3
"""Seconds between two questions to a link that may be dead; three of them go unanswered."""

KEEP_ALIVE = 10.0


class CutMatrix:
    """Cases on one site that stands on a server."""

    def __init__(self, site: CutoverSite, server: SshServer, wire: LiveWire, child: AskedChild, folder: Path) -> None:
        self.site = site
        self.passed: list[Passed] = []
        self.has_struck = False
        self.secrets: dict[str, str] = {}
        self._server = server
        self._wire = wire
        self._child = child
        self._plan = folder / "plan.json"

    def fresh(self) -> StagingPlan:
        """A site that is staged, and nothing else."""
        plan = self._on_server(self.site.fresh())
        self._plan.write_bytes(encode(plan))
        return plan

    def replace_plan(self, plan: StagingPlan) -> None:
        """Another plan for this case."""
        self._plan.write_bytes(encode(plan))

    def _on_server(self, plan: StagingPlan) -> StagingPlan:
        """The same things at the same places, reached over SSH."""
        moved = msgspec.convert(_moved(msgspec.to_builtins(plan)), StagingPlan)
        host = Host(
            name=SERVER,
            kind=HostKind.SSH,
            address=self._server.address,
            port=self._wire.port,
            key_file=str(self._server.key_file),
        )
        return msgspec.structs.replace(moved, site=msgspec.structs.replace(moved.site, hosts=(host,)))

    def carry_out(self, blow: Blow | None = None) -> Answer | None:
        """The cutover, with what happens to the link; None when the laptop was killed."""
        return self._ask("carry out", blow)

    def recover(self, wanted: str = "", blow: Blow | None = None) -> Answer | None:
        """A recovery of what was left."""
        return self._ask("recover", blow, wanted)

    def lose_the_laptop(self) -> None:
        """Nothing of the data folder is there any more but the server's key, which the kit holds."""
        shutil.rmtree(self.site.data / "cutovers")
        (self.site.data / "cutovers").mkdir()

    def _ask(self, work: str, blow: Blow | None, wanted: str = "") -> Answer | None:
        is_dead = blow is not None and blow.way is Way.DEAD
        request = Request(
            work=work,
            data=str(self.site.data),
            answer=str(self._child.answer),
            plan=str(self._plan),
            told_at=self._wire.told_at,
            wanted=wanted,
            secrets=self.secrets,
            keep_alive=NOTICED_SOON if is_dead else KEEP_ALIVE,
        )
        self._wire.begin(blow)
        try:
            return self._child.ask(request)
        finally:
            self.passed, self.has_struck = self._wire.over(cuts=not is_dead)


def _moved(part: Any) -> Any:
    """What is of this computer becomes the server's."""
    if isinstance(part, dict):
        return {
            name: SERVER if name == "host" and value == THIS_COMPUTER else _moved(value) for name, value in part.items()
        }
    return [_moved(one) for one in part] if isinstance(part, (list, tuple)) else part


@contextmanager
def cut_matrix(site: CutoverSite, server: SshServer, folder: Path) -> Iterator[CutMatrix]:
    """The wire and the process, ready for requests."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with asked_child("tests.faults.cut_child", folder, environment) as child, live_wire(server.port) as wire:
        yield CutMatrix(site, server, wire, child, folder)
