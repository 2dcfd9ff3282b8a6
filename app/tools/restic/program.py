"""Finds a restic that is fit to be used, and says why another is not."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.host import Host
from app.tools.found import ToolFound, Versions, first_fit, locate, said_version, version_numbers

NAME = "restic"
OLDEST_FIT = (0, 18)
"""0.17 lacks parts of the JSON, 0.16 and older also `--stdin-from-command` and the exit codes."""


async def find_restic(host: Host, candidates: Sequence[str], versions: Versions) -> list[ToolFound]:
    """Every restic among `candidates` that is there, in their order; `first_fit` of them is the one to use.

    A candidate is an absolute path or a name to look up; the caller puts the chosen one first, then `restic`, then
    those of `private_programs`. A path that was chosen and is not there is listed as unfit.
    """
    found: dict[str, ToolFound] = {}
    for candidate in candidates:
        path = await locate(host, candidate)
        if path is None and candidate != NAME:
            found[candidate] = ToolFound(NAME, "", candidate, fit=False, why=text("There is no such program."))
        elif path is not None and path not in found:
            found[path] = await _judged(host, path, versions)
    return list(found.values())


async def _judged(host: Host, path: str, versions: Versions) -> ToolFound:
    version = await said_version(host, path, ("version",), "restic ", versions)
    why = _unfit(version)
    return ToolFound(NAME, version, path, fit=not why, why=why)


def _unfit(version: str) -> Text | str:
    if not version:
        return text("It does not start, or it does not answer as restic does.")
    if version_numbers(version) < OLDEST_FIT:
        return text("Version {version} is too old; 0.18 or newer is needed.", version=version)
    return ""


def the_fit_restic(found: Sequence[ToolFound]) -> ToolFound:
    """The one to use; raises `restic.missing` or `restic.too-old`, naming those that are there."""
    fit = first_fit(found, NAME)
    if fit is not None:
        return fit
    old = [tool for tool in found if tool.version]
    if not old:
        raise UserError(
            text("restic was not found on this computer."),
            text("Nothing can be backed up or read from a repository without it."),
            text("Set the program up again, or name a restic of version 0.18 or newer in OVERWINTER_RESTIC."),
            "restic.missing",
            "\n".join(f"{tool.path}: {tool.why}" for tool in found),
        )
    raise UserError(
        text("restic {version} at {path} is too old.", version=old[0].version, path=old[0].path),
        text("0.18 or newer is needed; older ones can leave a repository locked and hide errors."),
        text("Set the program up again, or name a newer restic in OVERWINTER_RESTIC."),
        "restic.too-old",
        "\n".join(f"{tool.path}: {tool.why}" for tool in found),
    )


def private_programs(tools_folder: Path) -> list[str]:
    """The restics that set-up put below `tools_folder` as `restic/<version>/restic`, newest first."""
    folders: list[Path] = []
    with contextlib.suppress(OSError):  # no such folder: set-up had nothing to put there
        folders = sorted((tools_folder / NAME).iterdir(), key=lambda folder: _order(folder.name), reverse=True)
    programs = (folder / name for folder in folders for name in (NAME, f"{NAME}.exe"))
    return [str(program) for program in programs if program.is_file()]


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else -1 for part in version.split("."))
