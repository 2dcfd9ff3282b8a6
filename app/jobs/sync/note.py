"""What is written down on the host of a tree while it is changed in place: how far it is, and what was saved before."""

from __future__ import annotations

import enum

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Host


class Stand(enum.Enum):
    """How far a sync is."""

    SAVED = "saved"
    """The state before is backed up, and nothing is changed yet."""
    BEGUN = "begun"
    DONE = "done"


class Saved(msgspec.Struct, frozen=True):
    """The state before, in the repository: by the run that saved it, as a snapshot."""

    run: str
    snapshot: str


class KeptTree(msgspec.Struct, frozen=True):
    """A source whose present state is saved. Of a tree the root and the path of its note; a database has neither."""

    source: str
    host: str
    root: str = ""
    note: str = ""


class Note(msgspec.Struct, frozen=True):
    """What stands written."""

    stand: Stand
    saved: Saved | None = None


async def read_note(host: Host, path: str) -> Note | None:
    """The note at that path; None where there is none. Raises `sync.note-unreadable`."""
    try:
        return msgspec.json.decode(await host.read(path), type=Note)
    except UserError as error:
        if error.code != "host.file-missing":
            raise
        return None
    except msgspec.MsgspecError as error:
        raise _unreadable(path, str(error)) from error


async def write_note(host: Host, path: str, note: Note) -> None:
    """Whole or not at all."""
    await host.write_durably(path, msgspec.json.encode(note), temporary=f"{path}.tmp")


def _unreadable(path: str, why: str) -> UserError:
    return UserError(
        text("What is written down of the restore at {path} cannot be read.", path=path),
        text("How far it came cannot be told without it; nothing was changed."),
        text("Remove that file when the tree is to be restored anew, then recover with --finish."),
        "sync.note-unreadable",
        why,
    )
