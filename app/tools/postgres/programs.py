"""Finds PostgreSQL's client programs on a host, and the ones that fit a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Host
from app.tools.found import ToolFound, Versions, said_version, version_numbers

DUMP, DUMP_ALL, RESTORE = "pg_dump", "pg_dumpall", "pg_restore"
NAMES = (DUMP, DUMP_ALL, RESTORE)

MAJORS = range(31, 9, -1)
"""Versions whose usual folders are looked at, newest first: a few years ahead, and back to 10."""

FOLDERS = {
    "linux": ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin"),
    "darwin": (
        "/Library/PostgreSQL/{}/bin",
        "/opt/homebrew/opt/postgresql@{}/bin",
        "/usr/local/opt/postgresql@{}/bin",
        "/Applications/Postgres.app/Contents/Versions/{}/bin",
    ),
    "windows": ("C:\\Program Files\\PostgreSQL\\{}\\bin",),
}


async def find_programs(host: Host, versions: Versions) -> list[ToolFound]:
    """The client programs on a host: those of each version's usual folder, newest first, then those on the path.

    On Debian the path holds a wrapper that chooses a version by the user's settings; the real ones stand before it.
    """
    system = (await host.facts()).system
    found = [tool for folder in _folders(system) for tool in await _in_folder(host, folder, system, versions)]
    for name in NAMES:
        path = await host.which(name)
        if path is not None and path not in [tool.path for tool in found]:
            found.append(await _judged(host, name, path, versions))
    return found


def _folders(system: str) -> list[str]:
    return [pattern.format(major) for major in MAJORS for pattern in FOLDERS.get(system, ())]


async def _in_folder(host: Host, folder: str, system: str, versions: Versions) -> list[ToolFound]:
    if await host.stat(folder) is None:
        return []
    paths = {name: _program(folder, name, system) for name in NAMES}
    there = {name: path for name, path in paths.items() if await host.stat(path) is not None}
    return [await _judged(host, name, path, versions) for name, path in there.items()]


def _program(folder: str, name: str, system: str) -> str:
    return str(PureWindowsPath(folder) / f"{name}.exe") if system == "windows" else str(PurePosixPath(folder) / name)


async def _judged(host: Host, name: str, path: str, versions: Versions) -> ToolFound:
    version = await said_version(host, path, ("--version",), f"{name} (PostgreSQL) ", versions)
    why = "" if version else text("It does not start, or it does not answer as {name} does.", name=name)
    return ToolFound(name, version, path, fit=bool(version), why=why)


def program_for(found: Sequence[ToolFound], name: str, server_major: int, host_name: str) -> ToolFound:
    """The program that fits a server: of its own version, else the oldest that is newer.

    Raises `postgres.client-missing`, `postgres.client-older`.
    """
    fit = [tool for tool in found if tool.name == name and tool.fit]
    if not fit:
        raise UserError(
            text("PostgreSQL's program {name} was not found on {host}.", name=name, host=host_name),
            text("Without it this database cannot be backed up; the database itself is untouched."),
            text("Install the client programs of PostgreSQL {major} there.", major=server_major),
            "postgres.client-missing",
        )
    new_enough = [tool for tool in fit if _major(tool) >= server_major]
    if new_enough:
        return min(new_enough, key=_major)
    newest = max(fit, key=_major)
    raise UserError(
        text(
            "{name} {version} is older than the server, which is PostgreSQL {major}.",
            name=name,
            version=newest.version,
            major=server_major,
        ),
        text("It refuses to dump a newer server, so this database is not in the backup; it is untouched."),
        text("Install the client programs of PostgreSQL {major} on {host}.", major=server_major, host=host_name),
        "postgres.client-older",
        newest.path,
    )


def _major(tool: ToolFound) -> int:
    return version_numbers(tool.version)[0]
