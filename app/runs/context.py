"""What a step acts through, and the host that writes into the run's log what its programs say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from app.foundation.events import Recorded
from app.hosts.host import (
    KEPT,
    Address,
    Command,
    Dialogue,
    FileStat,
    Finished,
    Host,
    HostFacts,
    Listing,
    Sink,
    TakeBelow,
)
from app.hosts.orphans import RUN_VARIABLE
from app.jobs.plan import AnyPlan
from app.records.run import Run
from app.records.site_records import SiteRecords

RunChild = Callable[[AnyPlan], Awaitable[Run]]


class RunContext:
    """The `Ctx` of one run."""

    def __init__(
        self,
        run: str,
        hosts: Mapping[str, Host],
        secrets: Mapping[str, str],
        tell: Callable[[Recorded], None],
        records: SiteRecords,
        *,
        run_child: RunChild | None = None,
    ) -> None:
        """`run_child` carries a plan out for this run; None where nobody asks for that."""
        self._run = run
        self._run_child = run_child
        self._hosts = hosts
        self._secrets = secrets
        self._tell = tell
        self._records = records
        self._scratch: dict[str, asyncio.Task[str]] = {}

    def host(self, name: str) -> Host:
        """The host of that name; the plan was made from a validated site, so it exists."""
        return self._hosts[name]

    def secret(self, name: str) -> str:
        """A secret that the plan named."""
        return self._secrets[name]

    def emit(self, event: Recorded) -> None:
        """Tells it to whoever follows."""
        self._tell(event)

    @property
    def records(self) -> SiteRecords:
        """What happened on the run's site."""
        return self._records

    async def scratch(self, host: str) -> str:
        """This run's folder for temporary files there, made when first asked for."""
        if host not in self._scratch:
            making = self._hosts[host].make_scratch(scratch_name(self._run))
            self._scratch[host] = asyncio.create_task(making)
        # A cancel may not interrupt the making: what is half made would be found by nobody.
        return await asyncio.shield(self._scratch[host])

    async def run_child(self, plan: AnyPlan) -> Run:
        """Another plan of the same site, as a run of its own."""
        if self._run_child is None:
            raise ValueError("nobody carries runs out here")
        return await self._run_child(plan)

    async def remove_scratch(self) -> None:
        """Removes what was made; a host that cannot be reached keeps it until the next contact."""
        while self._scratch:
            host, making = self._scratch.popitem()
            await asyncio.wait({making})
            if making.exception() is None:
                await self._hosts[host].remove_tree(making.result())


def scratch_name(run: str) -> str:
    """How the names of a run's folders for temporary files begin, on every host."""
    return f"run-{run[:8]}"


class LoggedHost:
    """A host whose programs' words go into a run's log: the command, what it says on its error channel, its end.

    Each program carries the run's mark, so that it is found should this process be killed.
    """

    def __init__(self, host: Host, run: str, log: Callable[[bytes], Awaitable[None]]) -> None:
        self._host = host
        self._run = run
        self._log = log

    @property
    def name(self) -> str:
        """The name the site file gives it."""
        return self._host.name

    async def run(
        self,
        command: Command,
        *,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        keep: int = KEPT,
        deadline: float | None = None,
    ) -> Finished:
        """As the host does, with its words in the log."""
        await self._log(_said(f"$ {' '.join((command.program, *command.arguments))}"))
        finished = await self._host.run(
            self._marked(command), stdout=stdout, stderr=self._logged(stderr), keep=keep, deadline=deadline
        )
        await self._log(_said(f"  exit {finished.code} after {finished.seconds:.1f} s"))
        return finished

    async def start(self, command: Command, *, stderr: Sink | None = None) -> Dialogue:
        """As the host does; the dialogue itself is not logged, what is said on the error channel is."""
        await self._log(_said(f"$ {' '.join((command.program, *command.arguments))}"))
        return await self._host.start(self._marked(command), stderr=self._logged(stderr))

    def _marked(self, command: Command) -> Command:
        return msgspec.structs.replace(command, environment={RUN_VARIABLE: self._run, **command.environment})

    def _logged(self, stderr: Sink | None) -> Sink:
        async def both(piece: bytes) -> None:
            await self._log(piece)
            if stderr is not None:
                await stderr(piece)

        return both

    async def which(self, program: str) -> str | None:
        """As the host does."""
        return await self._host.which(program)

    async def read(self, path: str, limit: int = 16 * KEPT) -> bytes:
        """As the host does."""
        return await self._host.read(path, limit)

    async def write_durably(self, path: str, content: bytes, mode: int = 0o600, temporary: str = "") -> None:
        """As the host does."""
        await self._host.write_durably(path, content, mode, temporary)

    async def upload(self, source: Path, path: str, mode: int = 0o600) -> None:
        """As the host does."""
        await self._host.upload(source, path, mode)

    async def sha256(self, path: str) -> str:
        """As the host does."""
        return await self._host.sha256(path)

    async def rename(self, path: str, target: str) -> None:
        """As the host does."""
        await self._host.rename(path, target)

    async def exchange(self, path: str, target: str) -> None:
        """As the host does."""
        await self._host.exchange(path, target)

    async def copy(self, source: str, path: str) -> None:
        """As the host does."""
        await self._host.copy(source, path)

    async def sync(self, folder: str) -> None:
        """As the host does."""
        await self._host.sync(folder)

    async def stat(self, path: str) -> FileStat | None:
        """As the host does."""
        return await self._host.stat(path)

    async def entries(self, folder: str, limit: int) -> Listing:
        """As the host does."""
        return await self._host.entries(folder, limit)

    async def walk(self, path: str, take: TakeBelow) -> None:
        """As the host does."""
        await self._host.walk(path, take)

    async def make_scratch(self, name: str) -> str:
        """As the host does."""
        return await self._host.make_scratch(name)

    async def remove_scratch(self, name: str) -> None:
        """As the host does."""
        await self._host.remove_scratch(name)

    async def kept_folder(self, name: str) -> str:
        """As the host does."""
        return await self._host.kept_folder(name)

    async def remove_tree(self, path: str) -> None:
        """As the host does."""
        await self._host.remove_tree(path)

    async def remove_matching(self, folder: str, pattern: str) -> None:
        """As the host does."""
        await self._host.remove_matching(folder, pattern)

    async def end_orphans(self, run: str) -> None:
        """As the host does."""
        await self._host.end_orphans(run)

    async def free_space(self, path: str) -> int:
        """As the host does."""
        return await self._host.free_space(path)

    async def facts(self) -> HostFacts:
        """As the host does."""
        return await self._host.facts()

    def tunnel(self, server: str, port: int) -> AbstractAsyncContextManager[Address]:
        """As the host does."""
        return self._host.tunnel(server, port)

    def reverse_tunnel(self, port: int) -> AbstractAsyncContextManager[str]:
        """As the host does."""
        return self._host.reverse_tunnel(port)


def _said(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape").replace(b"\n", b"\\n") + b"\n"
