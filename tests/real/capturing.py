"""A driver at work as in a run, on a repository of its own; and what plain restic says of that afterwards."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from app.foundation.blocking import Blocking
from app.foundation.events import Recorded, Warned
from app.hosts.host import Command, Host
from app.hosts.local import LocalHost
from app.jobs.pace import Pace
from app.jobs.sources.driver import Captured, Equipment, Intake
from app.jobs.sources.kinds import driver_of
from app.records.site_records import SiteRecords
from app.runs.context import RunContext
from app.settings.model import Source
from app.tools.restic.repository import Restic
from app.tools.restic.session import Repository
from app.tools.restic.way import Way
from tests.real.servers.restic import VERSIONS, fresh_repository, restic_program

SITE = "north-house"
NO_RECORDS = cast("SiteRecords", None)  # no driver asks for what happened before
REPOSITORY_PASSWORD = "canary'repo \"pass-Xw3"


async def no_records(_site: str, _target: str) -> Mapping[str, int]:
    """No records are asked for."""
    raise AssertionError("nobody asked for records")


class Watched:
    """A host whose programs are seen as they start; everything else is the host's own."""

    def __init__(self, host: Host, seen: Callable[[Command], None]) -> None:
        self._host = host
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    async def run(self, command: Command, **options: Any) -> Any:
        """As the host does, told before."""
        self._seen(command)
        return await self._host.run(command, **options)


@dataclass(frozen=True)
class Reached:
    """The repository as restic on a host reaches it: as it is, or by a way that leads there."""

    host: Host
    repository: Repository
    way: Way | None = None


@dataclass
class Capturing:
    """Captures sources into a fresh repository below `folder`; `on_command` sees every program before it starts."""

    folder: Path
    version: str = VERSIONS[-1]
    python: str = ""
    commands: list[Command] = field(default_factory=list)
    events: list[Recorded] = field(default_factory=list)
    on_command: Callable[[Command], None] = lambda _command: None

    def __post_init__(self) -> None:
        self.program = restic_program(self.version)
        fresh_repository(self.program, self.repository, REPOSITORY_PASSWORD)

    @property
    def repository(self) -> Path:
        """The repository's folder."""
        return self.folder / "repository"

    @property
    def scratch(self) -> Path:
        """Where a local host puts temporary files."""
        return self.folder / "scratch"

    async def here(self, source: Source, secrets: Mapping[str, str]) -> Captured:
        """A source of this computer."""
        blocking = Blocking()
        try:
            repository = Repository(str(self.repository), str(self.folder / "cache"))
            reached = Reached(LocalHost(blocking, self.scratch), repository)
            return await self.capture(reached, source, secrets, Equipment(blocking, {}, self.python, no_records))
        finally:
            blocking.close()

    async def capture(self, at: Reached, source: Source, secrets: Mapping[str, str], equipment: Equipment) -> Captured:
        """The driver's work, as a run does it: temporary files go whatever happens."""
        watched = cast("Host", Watched(at.host, self._saw))
        through = Restic(watched, self.program, at.repository, REPOSITORY_PASSWORD, at.way)
        context = RunContext("0" * 8, {source.host: watched}, secrets, self.events.append, NO_RECORDS)
        intake = Intake(SITE, through, ("site:test", "type:full"), Pace("x", self.events.append))
        try:
            return await driver_of(source, equipment).capture(context, intake)
        finally:
            await context.remove_scratch()

    def _saw(self, command: Command) -> None:
        self.commands.append(command)
        self.on_command(command)

    def restic(self, *arguments: str) -> bytes:
        """What plain restic says, as anybody starts it."""
        done = subprocess.run(
            [self.program, "--repo", self.repository, "--no-cache", *arguments],
            input=REPOSITORY_PASSWORD.encode() + b"\n",
            capture_output=True,
            check=True,
        )
        return done.stdout

    def content(self, captured: Captured) -> bytes:
        """The file that was captured, as plain restic gives it back."""
        return self.restic("dump", captured.snapshot, captured.path)

    def snapshots(self) -> list[str]:
        """The ids of the snapshots in the repository."""
        return [path.name for path in (self.repository / "snapshots").iterdir()]

    def warnings(self) -> list[str]:
        """The codes of what was warned of."""
        return [event.warning.code for event in self.events if isinstance(event, Warned)]
