"""What is inside one snapshot: listing, real names, and taking files out of it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Sink
from app.hosts.lines import LineSink
from app.hosts.pipe import Pipe
from app.tools.restic.backup import Progress, Watch, no_summary
from app.tools.restic.errors import no_such_path
from app.tools.restic.names import as_pattern, is_unclear, shown, unquoted
from app.tools.restic.output import Entry, StoredTree, Words, entry
from app.tools.restic.session import Session

Take = Callable[[Sequence[Entry]], Awaitable[None]]
"""Gets the next few entries of a listing; while it is awaited restic waits too."""


class Restored(msgspec.Struct, frozen=True):
    """What was put back: `files` counts folders and links too; `bytes` is their content."""

    files: int
    bytes: int


class Tree:
    """One snapshot of a repository.

    Paths begin with "/". They may be those that `ls` showed (with U+FFFD for bytes that are not UTF-8) or the real
    ones as `os.fsdecode` gives them.
    """

    def __init__(self, session: Session, snapshot: str) -> None:
        self._session = session
        self._snapshot = snapshot

    async def ls(self, take: Take, path: str = "/", *, recursive: bool = False) -> None:
        """Lists a folder (not the folder itself), or one file, in the order of the snapshot.

        Raises `restic.no-such-path`: restic itself lists nothing and calls that success.
        """
        real = await self.real_path(path)
        listing = _Listing(take, shown(real))
        lines = LineSink(listing.line)

        async def sink(piece: bytes) -> None:
            await lines(piece)
            await listing.deliver()

        attempt = self._session.attempt(snapshot=self._snapshot, path=real)
        options = ["--recursive"] if recursive else []
        answer = await self._session.run(attempt, ["ls", *options, "--", self._snapshot, real], stdout=sink)
        await lines.finish()
        await listing.deliver()
        if not listing.seen:
            raise no_such_path(answer.words, attempt)

    async def list_everything(self, sink: Sink, *, gently: bool = False) -> None:
        """Writes the list of all names as restic gives it, for `EntryLines`; takes no lock, so that all else goes on.

        `gently`: nobody waits for it, and one core has to do.
        """
        attempt = self._session.attempt(snapshot=self._snapshot)
        arguments = ["ls", "--recursive", "--no-lock", "--", self._snapshot, "/"]
        await self._session.run(attempt, arguments, stdout=sink, environment={"GOMAXPROCS": "1"} if gently else None)

    async def dump(self, path: str, sink: Sink) -> None:
        """Writes a file's bytes into `sink`, or a folder as a tar archive whose names begin with the folder's."""
        real = await self.real_path(path)
        folder, name = _split(real)
        await self._session.run(
            self._session.attempt(snapshot=self._snapshot, path=real),
            ["dump", "--archive", "tar", "--", f"{self._snapshot}:{folder}", f"/{name}"],
            stdout=sink,
        )

    async def dump_into(self, path: str, pipe: Pipe) -> None:
        """Writes a file's bytes into a pipe of restic's own host.

        Raises `restic.reader-gone` when whoever reads them ends before all are written.
        """
        folder, name = _split(path)
        attempt = self._session.attempt(snapshot=self._snapshot, path=path)
        await self._session.run(attempt, ["dump", "--", f"{self._snapshot}:{folder}", f"/{name}"], into=pipe)

    async def head(self, path: str, limit: int) -> bytes:
        """The first bytes of a file, at most so many."""
        content = bytearray()

        async def take(piece: bytes) -> None:
            content.extend(piece)
            if len(content) >= limit:
                raise _EnoughError

        with contextlib.suppress(_EnoughError):
            await self.dump(path, take)
        return bytes(content[:limit])

    async def restore_files(self, paths: Sequence[str], target: str, progress: Progress | None = None) -> Restored:
        """Puts files (real paths in the snapshot) below `target` under their whole paths, reads them again there, and
        compares what was read with the hashes in the snapshot's tree.
        """
        windows = (await self._session.host.facts()).system == "windows"
        only = [f"--include={as_pattern(path, windows=windows)}" for path in paths]
        attempt = self._session.attempt(snapshot=self._snapshot, target=target)
        watch = Watch(progress)
        answer = await self._session.follow(
            attempt, ["restore", "--verify", *only, "--target", target, "--", self._snapshot], watch.take
        )
        if watch.summary is None:
            raise no_summary(answer.words)
        return Restored(watch.summary.files_restored, watch.summary.bytes_restored)

    async def hashes(self, folder: str) -> dict[str, tuple[str, ...]]:
        """The SHA-256 of the pieces of each file of a folder, in order, by the file's real name."""
        attempt = self._session.attempt(snapshot=self._snapshot, path=folder)
        answer = await self._session.ask(attempt, "cat", "tree", "--no-lock", f"{self._snapshot}:{folder}")
        nodes = answer.document(StoredTree).nodes
        return {unquoted(node.name): node.content for node in nodes if node.content is not None}

    async def restore(
        self, path: str, target: str, progress: Progress | None = None, *, by_name: bool = False
    ) -> Restored:
        """Puts a file or folder below `target` under its own name, with its owner, mode, times and attributes.

        What stands there is overwritten; what is there besides is left; holes stay holes. Without the right to change
        owners, restic drops them and still calls it success. `by_name` gives files to the accounts of the owners' names
        where there are such (restic 0.19 or newer).
        """
        real = await self.real_path(path)
        folder, name = _split(real)
        windows = (await self._session.host.facts()).system == "windows"
        only = ["--include", as_pattern(f"/{name}", windows=windows)] if name else []
        owners = ["--ownership-by-name"] if by_name else []
        attempt = self._session.attempt(snapshot=self._snapshot, path=real, target=target)
        watch = Watch(progress)
        answer = await self._session.follow(
            attempt,
            ["restore", *only, *owners, "--sparse", "--target", target, "--", f"{self._snapshot}:{folder}"],
            watch.take,
        )
        if watch.summary is None:
            raise no_summary(answer.words)
        if name and watch.summary.total_files == 0:  # restic calls that success
            raise no_such_path(answer.words, attempt)
        return Restored(watch.summary.files_restored, watch.summary.bytes_restored)

    async def restore_onto(self, folder: str, patterns: str, target: str, progress: Progress | None = None) -> Restored:
        """Makes what stands below `target` like what the folder `folder` holds, as far as the patterns in the file
        `patterns` name it; lines that begin with `!` take something out again.

        What differs is written anew, a folder in the place of a file or link too, and everything gets its owner, mode,
        times and attributes. Nothing is removed: a folder with something in it where a file belongs is an error.
        """
        attempt = self._session.attempt(snapshot=self._snapshot, path=folder, target=target)
        watch = Watch(progress)
        answer = await self._session.follow(
            attempt,
            ["restore", "--include-file", patterns, "--sparse", "--target", target, "--", f"{self._snapshot}:{folder}"],
            watch.take,
        )
        if watch.summary is None:
            raise no_summary(answer.words)
        return Restored(watch.summary.files_restored, watch.summary.bytes_restored)

    async def real_path(self, path: str) -> str:
        """The path with its real bytes, for one that shows U+FFFD; asks restic only then.

        Raises `restic.no-such-path`, `restic.name-ambiguous` when several names are shown alike.
        """
        real = ""
        for part in path.strip("/").split("/"):
            real += "/" + (await self._real_name(real or "/", part, path) if is_unclear(part) else part)
        return real

    async def _real_name(self, folder: str, part: str, path: str) -> str:
        attempt = self._session.attempt(snapshot=self._snapshot, path=path)
        answer = await self._session.ask(attempt, "cat", "tree", "--no-lock", f"{self._snapshot}:{folder}")
        names = [unquoted(node.name) for node in answer.document(StoredTree).nodes]
        alike = [name for name in names if shown(name) == part]
        if not alike:
            raise no_such_path(Words(), attempt)
        if len(alike) > 1:
            raise _ambiguous(path, folder)
        return alike[0]


class _EnoughError(Exception):
    """So much is enough: restic is ended."""


class EntryLines:
    """Turns pieces of what `list_everything` writes into entries; knows no loop, so any thread may do it."""

    def __init__(self) -> None:
        self._begun = b""

    def take(self, piece: bytes) -> list[Entry]:
        """The entries that end in this piece."""
        *lines, self._begun = (self._begun + piece).split(b"\n")
        return [found for line in lines if (found := _entry(line)) is not None]

    def finish(self) -> None:
        """All pieces were taken; raises `restic.unclear-answer` when the last line has no end."""
        if self._begun:
            raise _unreadable_entry(self._begun)


def _entry(line: bytes) -> Entry | None:
    try:
        return entry(line)
    except msgspec.DecodeError as error:
        raise _unreadable_entry(line) from error


class _Listing:
    """Turns the lines of `ls` into entries, a batch for each piece of output."""

    def __init__(self, take: Take, path: str) -> None:
        self._take = take
        self._path = path
        self._batch: list[Entry] = []
        self.seen = path == "/"

    def line(self, line: bytes) -> None:
        found = _entry(line)
        if found is None:
            return
        self.seen = True
        if found.type != "dir" or found.path != self._path:
            self._batch.append(found)

    async def deliver(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            await self._take(batch)


def _split(path: str) -> tuple[str, str]:
    """The folder and the name of a path; the root has no name."""
    folder, _, name = path.rpartition("/")
    return folder or "/", name


def _ambiguous(path: str, folder: str) -> UserError:
    return UserError(
        text("Several files are shown as {path}: their names are not UTF-8.", path=path),
        text("Nothing was read."),
        text("Save the folder {folder} as a whole; it gets all of them under their real names.", folder=shown(folder)),
        "restic.name-ambiguous",
    )


def _unreadable_entry(line: bytes) -> UserError:
    return UserError(
        text("restic listed an entry that cannot be understood."),
        text("The listing is not complete, so it is not shown as such; the data is untouched."),
        text("Check which restic is in use; report this with the detail below."),
        "restic.unclear-answer",
        line[:1000].decode("utf-8", "backslashreplace"),
    )
