"""Finds a program before it is started, so that "not installed" is our own sentence and not the system's."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.environment import search_path
from app.hosts.file_errors import shown

# On Windows a program is named without its ending. Scripts (.bat, .cmd) are not started: they would get their
# arguments through cmd.exe, which reads them as a sentence of its own.
ENDINGS: tuple[str, ...] = (".com", ".exe") if sys.platform == "win32" else ("",)


def find(program: str, folders: Sequence[str] | None = None, endings: Sequence[str] = ENDINGS) -> str | None:
    """The absolute path under which `program` would be started: a name on the search path, or an absolute path.

    A relative path is never found, whatever stands in the current folder.
    """
    named = Path(program)
    if named.is_absolute():
        return _startable(program, endings)
    if named.name != program:
        return None
    searched = search_path() if folders is None else folders
    return next((path for folder in searched if (path := _startable(str(Path(folder, program)), endings))), None)


def missing(program: str, host: str) -> UserError:
    """The program is not there; nothing was started."""
    return UserError(
        text(
            "The program {program} was not found on {host}, or it may not be run there.",
            program=shown(program),
            host=host,
        ),
        text("Nothing was started and nothing was changed."),
        text("Install {program} on {host}, then try again.", program=shown(program), host=host),
        "host.program-missing",
    )


def _startable(path: str, endings: Sequence[str]) -> str | None:
    if path.lower().endswith(tuple(filter(None, endings))):
        endings = ("",)
    candidates = (path + ending for ending in endings)
    return next((candidate for candidate in candidates if _is_program(candidate)), None)


def _is_program(path: str) -> bool:
    try:
        return Path(path).is_file() and os.access(path, os.X_OK)
    except (OSError, ValueError):  # a folder of the path that is closed to us, a NUL in the name
        return False
