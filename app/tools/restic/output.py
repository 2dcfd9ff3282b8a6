"""What restic says, typed. Lines that are not its JSON are log text; unknown fields are passed over.

restic mixes JSON and text on both channels and adds fields at any time, so nothing here relies on a line that it
does not know.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from app.foundation.events import MISSING_SHOWN

T = TypeVar("T")

TEXT_KEPT = 200
"""So many lines of plain text, and of a dump's own words, are kept for an error's detail."""

LONGEST_TEXT = 2000
"""So many characters of each."""

SKIPPED = " does not exist, skipping"

STORED_AGAIN = "not found in the repository index; storing the file again"
"""What restic calls an error and is none: it heals a file that a damaged repository had lost a part of."""


# --- messages, one JSON object a line --------------------------------------------------------------------------------


class Message(msgspec.Struct, frozen=True, tag_field="message_type"):
    """One line of restic's JSON."""


class Status(Message, frozen=True, tag="status"):
    """How far a backup or a restore is; fields that are zero are not sent."""

    total_files: int = 0
    files_done: int = 0
    files_restored: int = 0
    total_bytes: int = 0
    bytes_done: int = 0
    bytes_restored: int = 0
    current_files: list[str] = []


class Summary(Message, frozen=True, tag="summary"):
    """The end of a backup or a restore; believed only together with the exit code."""

    snapshot_id: str = ""
    total_files_processed: int = 0
    total_bytes_processed: int = 0
    data_added: int = 0
    data_added_packed: int = 0
    total_files: int = 0
    files_restored: int = 0
    files_skipped: int = 0
    bytes_restored: int = 0


class Reason(msgspec.Struct, frozen=True):
    """Why something failed."""

    message: str = ""


class Failure(Message, frozen=True, tag="error"):
    """Something that could not be done: one file of a backup or a restore."""

    item: str = ""
    during: str = ""
    error: Reason = Reason()
    message: str = ""

    @property
    def why(self) -> str:
        """restic's words; it has two shapes for them."""
        return self.error.message or self.message


class ExitError(Message, frozen=True, tag="exit_error"):
    """Why restic ends with an error."""

    code: int = 0
    message: str = ""


class Initialized(Message, frozen=True, tag="initialized"):
    """A repository was made."""

    id: str


AnyMessage = Status | Summary | Failure | ExitError | Initialized

_MESSAGE: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)


def message(line: bytes) -> AnyMessage | None:
    """The message in a line; None when the line is text, or JSON of a kind that is not known here."""
    if not line.startswith(b"{"):
        return None
    try:
        return _MESSAGE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


# --- documents -------------------------------------------------------------------------------------------------------


class Config(msgspec.Struct, frozen=True):
    """What `cat config` says of a repository: `id` tells it from every other, `version` is its format."""

    id: str
    version: int


class SnapshotSize(msgspec.Struct, frozen=True):
    """What a backup read and added, in bytes, as it was written into its snapshot."""

    total_files_processed: int = 0
    total_bytes_processed: int = 0
    data_added_packed: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot as `snapshots` lists it; those of old versions have no `summary`.

    `original` is the snapshot that restic made it out of, "" when it was made by a backup.
    """

    id: str
    time: datetime
    tree: str
    hostname: str = ""
    username: str = ""
    paths: list[str] = []
    tags: list[str] = []
    program_version: str = ""
    parent: str = ""
    summary: SnapshotSize | None = None
    original: str = ""


class Entry(msgspec.Struct, frozen=True):
    """A file or folder in a snapshot. `type` is file, dir, symlink, fifo, socket, dev or chardev.

    `path` begins with "/"; bytes of a name that are not UTF-8 are shown as U+FFFD (`Restic.real_path` finds the real
    ones). `mode` is Go's; `permissions` is what `ls -l` shows.
    """

    path: str
    type: str
    size: int = 0
    uid: int = 0
    gid: int = 0
    mode: int = 0
    permissions: str = ""
    mtime: str = ""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def modified(self) -> datetime | None:
        """When it was last changed, in UTC; None for a time that no calendar of ours has."""
        try:
            return datetime.fromisoformat(self.mtime).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


class Found(msgspec.Struct, frozen=True):
    """What `find` found in one snapshot."""

    snapshot: str
    matches: list[Entry] = []


class Stats(msgspec.Struct, frozen=True):
    """`total_size` is what the repository's data takes in bytes, `total_uncompressed_size` what it was before."""

    total_size: int = 0
    total_uncompressed_size: int = 0
    total_blob_count: int = 0
    snapshots_count: int = 0


class Lock(msgspec.Struct, frozen=True):
    """Who holds a repository; an exclusive lock keeps everybody else out. Its `id` is its file's name."""

    time: datetime
    id: str = ""
    hostname: str = ""
    username: str = ""
    pid: int = 0
    exclusive: bool = False


class TreeNode(msgspec.Struct, frozen=True):
    """A name in a tree, quoted as restic stores it; a file's `content` are the SHA-256 of its pieces, in order."""

    name: str
    content: tuple[str, ...] | None = None


class StoredTree(msgspec.Struct, frozen=True):
    """One folder as restic stores it."""

    nodes: list[TreeNode] = []


_ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def entry(line: bytes) -> Entry | None:
    """The entry in a line of `ls`; None for its first line (the snapshot) and for text.

    Raises `msgspec.DecodeError` for an entry that cannot be understood: passing over it would hide a file.
    """
    if not line.startswith(b"{") or b'"node"' not in line:
        return None
    return _ENTRY.decode(line)


def document(said: bytes, kind: type[T]) -> T | None:
    """The one JSON document in an output that may have text lines around it; None when there is none of this kind."""
    try:
        return msgspec.json.decode(said, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    for line in said.splitlines():
        if line.startswith((b"[", b"{")):
            try:
                return msgspec.json.decode(line, type=kind)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
    return None


# --- what is said on the error channel -------------------------------------------------------------------------------


class Words:
    """Gathers what restic says on its error channel while it runs.

    `failures` holds the first things that could not be done, by item; `failed` counts them all. `healed` counts files
    that were stored again because a part of them was lost. `vanished` names sources that were not there. `command` is
    what the dump said that restic ran; `text` is the rest.
    """

    def __init__(self, command: str = "") -> None:
        """`command` is the program whose output restic reads, where there is one."""
        self.failures: dict[str, str] = {}
        self.failed = 0
        self.healed = 0
        self.vanished: list[str] = []
        self.exit_error = ""
        self.text: deque[str] = deque(maxlen=TEXT_KEPT)
        self.command: deque[str] = deque(maxlen=TEXT_KEPT)
        self._command_says = f"subprocess {command}: "

    def take(self, line: bytes) -> None:
        """restic said this line."""
        match message(line):
            case Failure() as failure:
                self._failure(failure)
            case ExitError(message=why):
                self.exit_error = why
            case _:
                self._text(line.removeprefix(b"\x1b[2K").decode("utf-8", "backslashreplace"))

    def _failure(self, failure: Failure) -> None:
        if failure.why.endswith(STORED_AGAIN):
            self.healed += 1
            return
        # The scan meets most of what the backup meets a moment later: it is told, but not counted twice.
        self.failed += failure.during != "scan"
        if len(self.failures) < MISSING_SHOWN:
            self.failures.setdefault(failure.item, failure.why)

    def _text(self, line: str) -> None:
        if line.endswith(SKIPPED):
            self.vanished.append(line.removesuffix(SKIPPED))
        if line.startswith(self._command_says):
            self.command.append(line.removeprefix(self._command_says)[:LONGEST_TEXT])
        elif line.strip():
            self.text.append(line.strip()[:LONGEST_TEXT])

    @property
    def why(self) -> str:
        """restic's own reason, without the traces that it sometimes adds."""
        reason = self.exit_error or (self.text[-1] if self.text else "")
        return reason.partition("\ngithub.com/")[0].strip()

    @property
    def detail(self) -> str:
        """Everything that helps somebody who knows restic."""
        failures = [f"{item}: {why}" for item, why in self.failures.items()]
        return "\n".join([*self.text, *failures, self.exit_error]).strip()
