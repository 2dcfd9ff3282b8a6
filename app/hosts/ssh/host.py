"""A server over SSH as a host: its programs, its small files, its tunnels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.foundation.errors import UserError
from app.hosts import file_errors, programs, running
from app.hosts.host import (
    KEPT,
    Address,
    Command,
    Dialogue,
    FileKind,
    FileStat,
    Finished,
    HostFacts,
    Listing,
    Sink,
    TakeBelow,
)
from app.hosts.running import PATIENT, Patience
from app.hosts.ssh.files import RemoteFiles
from app.hosts.ssh.links import Link, LinkedServer, Secrets
from app.hosts.ssh.orphans import end_orphans
from app.hosts.ssh.process import RemoteProcess
from app.hosts.ssh.tunnels import Tunnels
from app.hosts.ssh.walk import Walk, walk_command


class SshHost:
    """Runs programs and works on files on a server. Arguments and paths may hold bytes that are no text.

    Every method logs in where there is no connection (see `Link.connection` for what that raises), and raises
    `host.cut` when the connection is lost meanwhile.
    """

    def __init__(self, link: Link, secrets: Secrets, patience: Patience = PATIENT, *, run: str = "") -> None:
        """`secrets` are what is shown to this server and to those on the way to it; `run` is what all this is for."""
        self._server = LinkedServer(link, secrets)
        self._patience = patience
        self._files = RemoteFiles(self._server, patience, run)
        self._tunnels = Tunnels(self._server, self._files, patience)

    @property
    def name(self) -> str:
        """The name the site file gives it."""
        return self._server.name

    async def which(self, program: str) -> str | None:
        """The absolute path under which `program` would be started, never from the current folder."""
        return await self._files.which(program)

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
        self._refuse_relative(command.program)
        program = RemoteProcess(self._server, self._patience, keep)
        try:
            async with self._server.link.programs:
                return await running.run(program, command, stdout=stdout, stderr=stderr, deadline=deadline)
        except UserError as error:
            raise await self._explained(command.program, error) from error

    async def start(self, command: Command, *, stderr: Sink | None = None) -> Dialogue:
        """Starts a program for a dialogue; `command.stdin` is written first and the input left open."""
        self._refuse_relative(command.program)
        try:
            return await running.talk(RemoteProcess(self._server, self._patience), command, stderr=stderr)
        except UserError as error:
            raise await self._explained(command.program, error) from error

    async def read(self, path: str, limit: int = 16 * KEPT) -> bytes:
        """A small regular file's content."""
        return await self._files.read(path, limit)

    async def write_durably(self, path: str, content: bytes, mode: int = 0o600, temporary: str = "") -> None:
        """Writes a file so that after a power cut it is there whole or not at all."""
        await self._files.write_durably(path, content, mode, temporary)

    async def upload(self, source: Path, path: str, mode: int = 0o600) -> None:
        """Copies a file of this computer there, as durably and as whole as `write_durably`."""
        await self._files.upload(source, path, mode)

    async def sha256(self, path: str) -> str:
        """The SHA-256 of a file's content as it stands there."""
        return await self._files.sha256(path)

    async def rename(self, path: str, target: str) -> None:
        """Renames within one file system, and syncs the folders; what stands at `target` is never replaced."""
        await self._files.rename(path, target)

    async def exchange(self, path: str, target: str) -> None:
        """Exchanges what stands at two paths in one step, and syncs the folders."""
        await self._files.exchange(path, target)

    async def copy(self, source: str, path: str) -> None:
        """Copies a regular file as it is, durably and whole."""
        await self._files.copy(source, path)

    async def sync(self, folder: str) -> None:
        """Makes the names in a folder last."""
        await self._files.sync(folder)

    async def stat(self, path: str) -> FileStat | None:
        """What stands at `path`; None when nothing does."""
        return await self._files.stat(path)

    async def entries(self, folder: str, limit: int) -> Listing:
        """At most `limit` names of a folder, links not followed."""
        return await self._files.entries(folder, limit)

    async def walk(self, path: str, take: TakeBelow) -> None:
        """Tells of everything below a folder, a batch at a time."""
        if (found := await self.stat(path)) is None or found.kind is not FileKind.FOLDER:
            raise file_errors.missing(path) if found is None else file_errors.unreadable(path, "not a folder")
        walk = Walk()

        async def hear(piece: bytes) -> None:
            if batch := walk.entries(piece):
                await take(batch)

        finished = await self.run(walk_command(path), stdout=hear)
        if finished.code != 0 or not walk.whole:
            raise file_errors.unreadable(path, finished.stderr.decode("utf-8", "replace"))

    async def make_scratch(self, name: str) -> str:
        """A new private folder for temporary files of one run."""
        return await self._files.make_scratch(name)

    async def remove_scratch(self, name: str) -> None:
        """Removes what `make_scratch(name)` made and a dead run left."""
        await self._files.remove_scratch(name)

    async def kept_folder(self, name: str) -> str:
        """A private folder of ours that stays there from run to run."""
        return await self._files.kept_folder(name)

    async def remove_tree(self, path: str) -> None:
        """Removes a folder and all in it; links are removed, not followed. Nothing there is success."""
        await self._files.remove_tree(path)

    async def remove_matching(self, folder: str, pattern: str) -> None:
        """Removes all of a folder whose name fits a pattern."""
        await self._files.remove_matching(folder, pattern)

    async def end_orphans(self, run: str) -> None:
        """Ends the programs of a run whose Overwinter is gone, after their watch had its time for it."""
        await end_orphans(self._server, run, self._patience)

    async def free_space(self, path: str) -> int:
        """Free bytes for this user on the file system of `path`."""
        return await self._files.free_space(path)

    async def facts(self) -> HostFacts:
        """What is known of this server."""
        return await self._files.facts()

    @asynccontextmanager
    async def tunnel(self, server: str, port: int) -> AsyncIterator[Address]:
        """Leads from a port of this computer to what listens at `server`:`port` as seen from there."""
        async with self._tunnels.to(server, port) as address:
            yield address

    @asynccontextmanager
    async def reverse_tunnel(self, port: int) -> AsyncIterator[str]:
        """Leads from a socket there, which is the path given, to the port `port` of this computer."""
        async with self._tunnels.back_to(port) as path:
            yield path

    async def _explained(self, program: str, error: UserError) -> UserError:
        """Why a program that is there is not started, where more can be found out than the shell says."""
        if error.code not in ("host.program-missing", "host.program-not-startable"):
            return error
        return await self._files.why_not_started(program) or error

    def _refuse_relative(self, program: str) -> None:
        """A name is looked up on the path, a path has to be absolute: never the current folder."""
        if not program or "\0" in program or ("/" in program and not program.startswith("/")):
            raise programs.missing(program, self.name)
