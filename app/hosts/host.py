"""What every host can do: run a program, and a few careful file operations.

Arguments are lists, never a shell's sentence. Secrets travel on standard input, which is written, closed and drained,
never in arguments or the environment.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import msgspec

KEPT = 1024 * 1024

Sink = Callable[[bytes], Awaitable[None]]
"""Takes a piece of a program's output; while it is awaited nothing more is read, so the program waits too."""


WHILE_COPIED = ".{name}.overwinter-copy"
"""The name of a copy until it is whole; a death may leave it."""


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """A program and its arguments.

    `program` is a name looked up on the host's path, or an absolute path. `stdin` is written whole and closed.
    `environment` is added to the few variables a program needs (`hosts.environment`); nothing else is inherited.
    `folder` is the working directory; "" is a neutral one.
    """

    program: str
    arguments: tuple[str, ...] = ()
    stdin: bytes = b""
    environment: Mapping[str, str] = {}
    folder: str = ""


class Ending(enum.Enum):
    """Why a program is no longer running."""

    EXITED = "exited"
    KILLED = "killed"
    """A signal of somebody else's ended it."""
    OVERDUE = "overdue"
    """Its deadline passed and we ended it."""
    STOPPED = "stopped"
    """We ended it because `Dialogue.stop` was called."""


class Finished(msgspec.Struct, frozen=True):
    """How a program ended and what it said.

    `code` is its exit code, or minus the signal that killed it (POSIX). `stdout` and `stderr` hold at most `keep`
    bytes each, the first half and the last half of it; `cut` says that something between was left out.
    `seconds` is how long it ran.
    """

    code: int
    ending: Ending
    stdout: bytes
    stderr: bytes
    cut: bool
    seconds: float


class FileKind(enum.Enum):
    """What stands at a path."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


class FileStat(msgspec.Struct, frozen=True):
    """What `stat` says of a path, links not followed; `modified` is in nanoseconds since 1970."""

    kind: FileKind
    size: int
    modified: int
    mode: int
    uid: int
    gid: int
    inode: int
    device: int


class Entry(msgspec.Struct, frozen=True):
    """One name in a folder; a link is itself, not what it leads to."""

    name: str
    kind: FileKind


class Listing(msgspec.Struct, frozen=True):
    """What a folder holds, by name; `cut` says that there is more than was asked for."""

    entries: tuple[Entry, ...]
    cut: bool = False


class Below(msgspec.Struct, frozen=True):
    """What stands somewhere below a folder; `path` is as seen from it, with "/" between its parts on every system."""

    path: str
    stat: FileStat


TakeBelow = Callable[[Sequence[Below]], Awaitable[None]]
"""Gets the next few of a walk; while it is awaited the walk waits too."""


class Address(msgspec.Struct, frozen=True):
    """Where something listens: a name or an address and a port, or the path of a socket and no port."""

    server: str
    port: int = 0


class HostFacts(msgspec.Struct, frozen=True):
    """What is known of a host: `computer` is its own name, `system` one of linux, darwin, windows."""

    computer: str
    system: str
    machine: str
    user: str


class Dialogue(Protocol):
    """A running program that is talked with: write to it, read from it, end it."""

    @property
    def pid(self) -> int: ...

    async def write(self, piece: bytes) -> None:
        """Writes to its standard input; what a program that has closed it would have got is dropped (see `wait`)."""

    async def close_input(self) -> None:
        """Says that nothing more will be written."""

    async def read(self) -> bytes:
        """The next piece of its standard output; b"" when it has closed it."""

    async def wait(self) -> Finished:
        """How it ended; its unread output is thrown away."""

    async def stop(self) -> Finished:
        """Ends it and all it started: interrupt, then terminate, then kill; comes back when they are gone.

        Whoever started a dialogue calls this in the end, unless `wait` came back; it may be called twice.
        """


class Host(Protocol):
    """A place to run things. Every method raises `UserError` with a code `host.…` for what a person must know."""

    @property
    def name(self) -> str:
        """The name the site file gives it."""

    async def which(self, program: str) -> str | None:
        """The absolute path under which `program` would be started, never from the current folder."""

    async def run(
        self,
        command: Command,
        *,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        keep: int = KEPT,
        deadline: float | None = None,
    ) -> Finished:
        """Runs a program to its end. Output goes to the sinks as it comes; what has no sink is kept (see `Finished`);
        of `stderr` the kept part is filled even when it has a sink.

        When the caller is cancelled the program and all it started are ended, interrupt first (so that restic removes
        its lock), then terminate, then kill, and the cancellation goes on only when they are gone. The same happens
        at the deadline, and when a sink fails, whose error goes on then. What a program leaves running when it exits
        by itself stays (`pg_ctl start` is such a program).
        Raises `UserError` `host.program-missing`, `host.program-not-startable`, `host.program-unstoppable`.
        """

    async def start(self, command: Command, *, stderr: Sink | None = None) -> Dialogue:
        """Starts a program for a dialogue; `command.stdin` is written first and the input left open."""

    async def read(self, path: str, limit: int = 16 * KEPT) -> bytes:
        """A small file's content; raises `host.file-missing`, `host.file-unreadable`, `host.file-too-big`."""

    async def write_durably(self, path: str, content: bytes, mode: int = 0o600, temporary: str = "") -> None:
        """After a power cut the file is there whole or not at all (temporary name, sync, rename, sync).

        When it fails the old content stays. Raises `host.disk-full`, `host.file-unwritable`. Until it is whole it is
        called `temporary`, in the same folder, where only one process writes at a time: what a killed one left there is
        taken away by the next. Where none is given it is another name each time.
        """

    async def upload(self, source: Path, path: str, mode: int = 0o600) -> None:
        """Copies a file of this computer there, piece by piece, as durably and as whole as `write_durably`.

        Raises `host.file-missing`, `host.file-unreadable` for `source`, and what `write_durably` raises.
        """

    async def sha256(self, path: str) -> str:
        """The SHA-256 of a file's content as it stands there, however large, in hexadecimal digits.

        Raises `host.file-missing`, `host.file-unreadable`.
        """

    async def rename(self, path: str, target: str) -> None:
        """Renames within one file system, and syncs the folders; what stands at `target` is never replaced.

        Raises `host.file-missing`, `host.file-exists`, `host.file-unwritable`.
        """

    async def exchange(self, path: str, target: str) -> None:
        """Exchanges what stands at two paths of one file system in one step, and syncs the folders.

        There is no moment in which nothing stands at either; links are exchanged themselves. Raises `host.no-exchange`
        where there is no such step, `host.file-missing`, `host.file-unwritable` (also for what is mounted, and for two
        file systems); then nothing was changed.
        """

    async def copy(self, source: str, path: str) -> None:
        """Copies a regular file there as it is, with its owner, mode, times and attributes as far as this user may
        give them, as durably and as whole as `write_durably`; what stands at `path` is replaced. One at a time may
        copy there: until it is whole it stands beside it as `WHILE_COPIED`, which the next copy takes the place of.

        Raises `host.file-missing`, `host.file-unreadable` for `source`, and what `write_durably` raises.
        """

    async def sync(self, folder: str) -> None:
        """Makes the names in a folder last, whoever gave them: for what a dead process may not have come to."""

    async def stat(self, path: str) -> FileStat | None:
        """What stands at `path`; None when nothing does. Raises `host.file-unreadable` when it cannot be known."""

    async def entries(self, folder: str, limit: int) -> Listing:
        """At most `limit` names of a folder, whichever come first, links not followed.

        Raises `host.file-missing`, `host.file-unreadable` (also for what is no folder, or is a link).
        """

    async def walk(self, path: str, take: TakeBelow) -> None:
        """Tells of everything below a folder, in no particular order; links are told, not followed.

        Raises `host.file-missing`, and `host.file-unreadable` when not all of it could be seen.
        """

    async def make_scratch(self, name: str) -> str:
        """A new private folder (0700) for temporary files of one run; the caller removes it with `remove_tree`.

        `name` is how the folder's own name begins.
        """

    async def remove_scratch(self, name: str) -> None:
        """Removes all folders that `make_scratch(name)` made and that are there still: what a dead run left."""

    async def kept_folder(self, name: str) -> str:
        """A private folder (0700) of ours that stays there from run to run, made when first asked for.

        For what is costly to make anew and no secret: restic's cache, a program that was brought along.
        """

    async def remove_tree(self, path: str) -> None:
        """Removes a folder and all in it; links are removed, not followed. Nothing there is success.

        Raises `host.mounted-inside` (then nothing was removed), `host.file-unwritable`.
        """

    async def remove_matching(self, folder: str, pattern: str) -> None:
        """Removes, as `remove_tree` does, all of a folder whose name fits a pattern (`*`, `?`, `[…]`; a leading dot is
        a character like any other). A folder that is not there is success.

        Raises what `remove_tree` raises; where something is mounted anywhere in the folder nothing was removed.
        """

    async def end_orphans(self, run: str) -> None:
        """Ends the programs there of a run whose Overwinter is gone, and comes back when they are.

        Known by the mark they carry (see `orphans`); where a system does not show it, their own watch has to do.
        Raises `host.program-unstoppable`.
        """

    async def free_space(self, path: str) -> int:
        """Free bytes for this user on the file system of `path`, where something must stand."""

    async def facts(self) -> HostFacts:
        """What is known of this host."""

    def tunnel(self, server: str, port: int) -> AbstractAsyncContextManager[Address]:
        """How a program of this computer reaches what listens at `server`:`port` as seen from the host, or at the
        socket with the path `server`, while the body runs.

        Raises `UserError` `host.no-tunnel`. What finds nobody listening there is cut off when it connects.
        """

    def reverse_tunnel(self, port: int) -> AbstractAsyncContextManager[str]:
        """While the body runs, a unix socket on this host whose connections arrive at 127.0.0.1:`port` of the computer
        that Overwinter runs on; the body gets its path.

        The socket is for this user alone (0600, in a folder 0700 made for it) and gone with its folder afterwards. Its
        path is short enough for every system (100 bytes at most) and holds letters, digits and `/._-` only, so that
        it can stand in an address. A connection that nobody takes at the port is closed. Where the host's own
        connection breaks the tunnel is gone for good, and soon its path too.
        Raises `UserError` `host.no-tunnel` where there can be none.
        """
