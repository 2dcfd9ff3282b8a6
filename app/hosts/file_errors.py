"""What a person is told when a file operation fails, on whatever host."""

from __future__ import annotations

import os
from pathlib import Path

from app.foundation.errors import UserError
from app.foundation.words import Size, text


def shown(path: Path | str) -> str:
    """The path as it can be stored and shown; bytes that are no text become �."""
    return os.fsencode(path).decode("utf-8", "replace")


def missing(path: Path | str) -> UserError:
    """Nothing stands at the path."""
    return UserError(
        text("There is nothing at {path}.", path=shown(path)),
        text("It was not read; nothing was changed."),
        text("Check the path, then try again."),
        "host.file-missing",
    )


def unreadable(path: Path | str, detail: str) -> UserError:
    """What stands there cannot be read, or not be known."""
    return UserError(
        text("{path} cannot be read.", path=shown(path)),
        text("What stands there is not known; nothing was changed."),
        text("Check that it is a file or folder which this user may read, then try again."),
        "host.file-unreadable",
        detail,
    )


def too_big(path: Path | str, limit: int) -> UserError:
    """The file is larger than what may be read at once."""
    return UserError(
        text("The file {path} is larger than {limit}.", path=shown(path), limit=Size(limit)),
        text("It was not read; nothing was changed."),
        text("Check that it is the right file."),
        "host.file-too-big",
    )


def unwritable(path: Path | str, detail: str) -> UserError:
    """Writing, renaming or removing was refused."""
    return UserError(
        text("{path} cannot be written.", path=shown(path)),
        text("What stood there before is unchanged, or removed only in part where it was to be removed."),
        text("Check that this user may write there, then try again."),
        "host.file-unwritable",
        detail,
    )


def full(path: Path | str, detail: str) -> UserError:
    """The disk (or the quota) is full."""
    return UserError(
        text("There is no room left for {path}.", path=shown(path)),
        text("What stood there before is unchanged."),
        text("Free some space on that disk, then try again."),
        "host.disk-full",
        detail,
    )


def taken(path: Path | str) -> UserError:
    """Something stands where a name has to be free."""
    return UserError(
        text("Something stands at {path} already.", path=shown(path)),
        text("It was not replaced; nothing was changed."),
        text("Move it away, then try again."),
        "host.file-exists",
    )


def mounted(path: Path | str, mount: str) -> UserError:
    """A tree that is to be removed holds a file system of its own."""
    return UserError(
        text("Something is mounted at {mount}, inside {path}.", mount=shown(mount), path=shown(path)),
        text("Nothing was removed: what is mounted may be live data."),
        text("Unmount it or stop the container that uses it, then try again."),
        "host.mounted-inside",
    )


def no_exchange(path: Path | str, detail: str) -> UserError:
    """Two names cannot be exchanged in one step there."""
    return UserError(
        text("The place of {path} cannot exchange two names in one step.", path=shown(path)),
        text("Nothing was changed."),
        text("It can be done in two steps, with a moment between them; or use another file system."),
        "host.no-exchange",
        detail,
    )
