"""This computer as a host."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

import psutil

from app.foundation.blocking import Blocking
from app.hosts import files, process, programs, tunnel
from app.hosts.host import KEPT, Address, Command, Dialogue, FileStat, Finished, HostFacts, Listing, Sink, TakeBelow
from app.hosts.orphans import end_orphans
from app.hosts.running import PATIENT, Patience
from app.store import durable

T = TypeVar("T")

THIS_COMPUTER = "this-computer"

TOLD_AT_ONCE = 500


class LocalHost:
    """Runs programs and works on files here. Arguments and paths may hold bytes that are no text (`os.fsdecode`)."""

    def __init__(self, blocking: Blocking, scratch_folder: Path, patience: Patience = PATIENT) -> None:
        """Temporary files of runs go below `scratch_folder`, which is made when first needed."""
        self._blocking = blocking
        self._scratch_folder = scratch_folder
        self._patience = patience

    @property
    def name(self) -> str:
        """The name that always exists."""
        return THIS_COMPUTER

    async def which(self, program: str) -> str | None:
        """The absolute path under which `program` would be started, never from the current folder."""
        return await self._files(lambda: programs.find(program))

    async def run(
        self,
        command: Command,
        *,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        keep: int = KEPT,
        deadline: float | None = None,
    ) -> Finished:
        """Runs a program to its end; see `Host.run`."""
        path = await self._found(command.program)
        return await process.run(
            path, command, self._patience, stdout=stdout, stderr=stderr, keep=keep, deadline=deadline
        )

    async def start(self, command: Command, *, stderr: Sink | None = None) -> Dialogue:
        """Starts a program for a dialogue; `command.stdin` is written first and the input left open."""
        path = await self._found(command.program)
        return await process.start(path, command, self._patience, stderr=stderr)

    async def read(self, path: str, limit: int = 16 * KEPT) -> bytes:
        """A small regular file's content."""
        return await self._files(lambda: files.read(Path(path), limit))

    async def write_durably(self, path: str, content: bytes, mode: int = 0o600, temporary: str = "") -> None:
        """Writes a file so that after a power cut it is there whole or not at all."""

        def write() -> None:
            with files.writing(Path(path)):
                durable.write_durably(Path(path), content, mode, Path(temporary) if temporary else None)

        await self._files(write)

    async def upload(self, source: Path, path: str, mode: int = 0o600) -> None:
        """Copies a file, piece by piece, so that after a power cut it is there whole or not at all."""
        await self._files(lambda: files.copy_durably(source, Path(path), mode))

    async def sha256(self, path: str) -> str:
        """The SHA-256 of a file's content, in hexadecimal digits."""
        return await self._files(lambda: files.sha256(Path(path)))

    async def rename(self, path: str, target: str) -> None:
        """Renames within one file system, and syncs the folders; what stands at `target` is never replaced."""

        def rename() -> None:
            files.expect(Path(path))
            with files.writing(Path(target)):
                durable.rename(Path(path), Path(target))

        await self._files(rename)

    async def exchange(self, path: str, target: str) -> None:
        """Exchanges what stands at two paths in one step, and syncs the folders."""
        await self._files(lambda: files.exchange(Path(path), Path(target)))

    async def copy(self, source: str, path: str) -> None:
        """Copies a regular file as it is, durably and whole."""
        await self._files(lambda: files.copy_as_it_is(Path(source), Path(path)))

    async def sync(self, folder: str) -> None:
        """Makes the names in a folder last."""
        await self._files(lambda: files.sync(Path(folder)))

    async def stat(self, path: str) -> FileStat | None:
        """What stands at `path`; None when nothing does."""
        return await self._files(lambda: files.look(Path(path)))

    async def entries(self, folder: str, limit: int) -> Listing:
        """At most `limit` names of a folder, links not followed."""
        return await self._files(lambda: files.entries(Path(folder), limit))

    async def walk(self, path: str, take: TakeBelow) -> None:
        """Tells of everything below a folder, a batch at a time."""
        walking = files.walk(Path(path))
        while batch := await self._files(lambda: list(islice(walking, TOLD_AT_ONCE))):
            await take(batch)

    async def make_scratch(self, name: str) -> str:
        """A new private folder for temporary files of one run."""
        return await self._files(lambda: files.make_scratch(self._scratch_folder, name))

    async def remove_scratch(self, name: str) -> None:
        """Removes what `make_scratch(name)` made and a dead run left."""
        await self._files(lambda: files.remove_scratch(self._scratch_folder, name))

    async def kept_folder(self, name: str) -> str:
        """A private folder that stays from run to run, beside that of the temporary files."""
        return await self._files(lambda: files.make_private(self._scratch_folder.with_name("kept") / name))

    async def remove_tree(self, path: str) -> None:
        """Removes a folder and all in it; links are removed, not followed. Nothing there is success."""
        await self._files(lambda: files.remove_tree(Path(path)))

    async def remove_matching(self, folder: str, pattern: str) -> None:
        """Removes all of a folder whose name fits a pattern."""
        await self._files(lambda: files.remove_matching(Path(folder), pattern))

    async def end_orphans(self, run: str) -> None:
        """Ends the programs of a run whose Overwinter is gone."""
        await end_orphans(run, self._patience)

    async def free_space(self, path: str) -> int:
        """Free bytes for this user on the file system of `path`."""
        return await self._files(lambda: files.free_space(Path(path)))

    async def facts(self) -> HostFacts:
        """What is known of this computer."""
        return await self._files(_facts)

    @asynccontextmanager
    async def tunnel(self, server: str, port: int) -> AsyncIterator[Address]:
        """What this computer reaches it reaches without a tunnel."""
        yield Address(server, port)

    def reverse_tunnel(self, port: int) -> AbstractAsyncContextManager[str]:
        """A unix socket whose connections arrive at the port; Windows has none that a program of ours could open."""
        return tunnel.socket_to_port(port)

    async def _files(self, work: Callable[[], T]) -> T:
        return await self._blocking.call("files", work)

    async def _found(self, program: str) -> str:
        path = await self.which(program)
        if path is None:
            raise programs.missing(program, self.name)
        return path


def _facts() -> HostFacts:
    return HostFacts(platform.node(), platform.system().lower(), platform.machine(), psutil.Process().username())
