"""What a backup takes, how its snapshot is labelled, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.events import MISSING_SHOWN
from app.foundation.words import text
from app.settings.paths import is_absolute
from app.tools.restic.names import shown
from app.tools.restic.output import AnyMessage, Status, Summary, Words

INCOMPLETE = 3
"""restic's exit code for: a snapshot was made, and something could not be read."""

LONGEST_ARGUMENTS = 16 * 1024
"""Windows allows 32 Ki characters for a whole command line; more paths than this go through a file."""


class Selection(msgspec.Struct, frozen=True):
    """The files of a backup: absolute `paths`, and what is left out below them.

    `excludes` are restic's patterns. `exclude_larger_than` is in bytes; 0 takes files of every size.
    """

    paths: tuple[str, ...]
    excludes: tuple[str, ...] = ()
    one_file_system: bool = False
    exclude_caches: bool = False
    exclude_larger_than: int = 0

    def arguments(self) -> list[str]:
        """What is left out, as restic's arguments."""
        options = [f"--exclude={pattern}" for pattern in self.excludes]
        if self.one_file_system:
            options.append("--one-file-system")
        if self.exclude_caches:
            options.append("--exclude-caches")
        if self.exclude_larger_than:
            options.append(f"--exclude-larger-than={self.exclude_larger_than}")
        return options


class Label(msgspec.Struct, frozen=True):
    """How a snapshot is found again: the host it is of, and its tags."""

    hostname: str
    tags: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """As restic's arguments."""
        return ["--host", self.hostname, *(f"--tag={tag}" for tag in self.tags)]


class Unreadable(msgspec.Struct, frozen=True):
    """Something a backup could not take; `path` shows bytes that are not UTF-8 as U+FFFD."""

    path: str
    why: str


class Backup(msgspec.Struct, frozen=True):
    """A snapshot that was made. `bytes` is what was read, `added` what the repository grew by.

    `partial` says that something is missing: the first of it in `unreadable`, its number in `unreadable_count`.
    """

    snapshot: str
    files: int
    bytes: int
    added: int
    partial: bool = False
    unreadable: tuple[Unreadable, ...] = ()
    unreadable_count: int = 0


class Headway(msgspec.Struct, frozen=True):
    """How far a backup or a restore is; totals grow while restic still counts, 0 is not known yet."""

    bytes: int
    total_bytes: int
    files: int
    total_files: int
    current: str


Progress = Callable[[Headway], None]


class Watch:
    """Follows the messages of a backup or a restore: tells the headway and keeps the summary."""

    def __init__(self, progress: Progress | None) -> None:
        self.summary: Summary | None = None
        self._progress = progress

    def take(self, message: AnyMessage) -> None:
        """restic said this."""
        match message:
            case Summary():
                self.summary = message
            case Status() if self._progress is not None:
                self._progress(_headway(message))
            case _:
                pass


def _headway(status: Status) -> Headway:
    return Headway(
        bytes=status.bytes_done + status.bytes_restored,
        total_bytes=status.total_bytes,
        files=status.files_done + status.files_restored,
        total_files=status.total_files,
        current=status.current_files[0] if status.current_files else "",
    )


def outcome(code: int, summary: Summary | None, words: Words, paths: Sequence[str]) -> Backup:
    """What a backup that ended with 0 or 3 came to; `paths` are those it was given.

    Raises `restic.no-summary` when restic did not name the snapshot: then it must not be believed that there is one.
    """
    if summary is None or not summary.snapshot_id:
        raise no_summary(words)
    missing = [Unreadable(shown(path), "it was not there") for path in _vanished(words, paths)]
    if code == INCOMPLETE:
        missing += [Unreadable(path, why) for path, why in words.failures.items()]
    counted = len(words.vanished) + (words.failed if code == INCOMPLETE else 0)
    only_healed = bool(words.healed) and not words.failures
    return Backup(
        snapshot=summary.snapshot_id,
        files=summary.total_files_processed,
        bytes=summary.total_bytes_processed,
        added=summary.data_added_packed,
        partial=(code == INCOMPLETE and not only_healed) or bool(missing),
        unreadable=tuple(missing[:MISSING_SHOWN]),
        unreadable_count=max(counted, len(missing)),
    )


def _vanished(words: Words, paths: Sequence[str]) -> list[str]:
    """The sources that were not there. Only text says so, in which a name with a line break is cut into lines."""
    return [path for path in paths if _as_text(path).rpartition("\n")[2] in words.vanished]


def _as_text(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def no_summary(words: Words) -> UserError:
    """restic ended well but did not say what it did."""
    return UserError(
        text("restic ended without saying what it did."),
        text("It is not known whether a snapshot was made; this is not counted as a backup."),
        text("Check that the program in use is restic itself, then try again."),
        "restic.no-summary",
        words.detail,
    )


def dump_empty(program: str, snapshot: str) -> UserError:
    """The command ended well but wrote nothing, so that its snapshot holds nothing."""
    return UserError(
        text("{command} wrote nothing.", command=program),
        text("There is no dump in this backup; older ones are untouched."),
        text("Run the command by hand to see what it does."),
        "restic.dump-empty",
        f"snapshot {snapshot} is empty",
    )


def refuse_relative(paths: Sequence[str]) -> None:
    """A relative path would end up elsewhere in the snapshot than its name says."""
    for path in paths:
        if not is_absolute(path):
            raise Refused(
                text("The path {path} is not absolute.", path=path),
                text("Nothing was backed up: the snapshot would not show where the file belongs."),
                text("Write the whole path, from the root of the disk."),
                "restic.path-not-absolute",
            )
