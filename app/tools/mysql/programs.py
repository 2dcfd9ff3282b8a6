"""Finds the client programs of MySQL and MariaDB on a host, and the ones that fit a server.

Either's programs may go by either's name (Debian's `mysqldump` is MariaDB's), so only what they say of themselves
counts.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.host import Host
from app.tools.found import ToolFound, Versions, version_answered, version_numbers

DUMPS = ("mariadb-dump", "mysqldump")
CLIENTS = ("mariadb", "mysql")
NAMES = (*DUMPS, *CLIENTS)

FOLDERS = {
    "darwin": (
        "/opt/homebrew/opt/mariadb/bin",
        "/opt/homebrew/opt/mysql-client/bin",
        "/usr/local/opt/mariadb/bin",
        "/usr/local/opt/mysql-client/bin",
        "/usr/local/mysql/bin",
    ),
    "windows": tuple(
        f"C:\\Program Files\\{name}\\bin"
        for name in (
            *(f"MariaDB {version}" for version in ("12.3", "11.8", "11.4", "10.11", "10.6")),
            *(f"MySQL\\MySQL Server {version}" for version in ("9.7", "8.4", "8.0")),
        )
    ),
}
"""Where installers put them without telling the search path."""

# "Ver" before "Distrib" is a number of the program's own that says nothing.
_VERSION = re.compile(r"(?:Distrib|from) (\d+\.\d+\.\d+)(-MariaDB)?")
_PLAIN_VERSION = re.compile(r"Ver (\d+\.\d+\.\d+)")

_MARK = "-MariaDB"


class Flavour(enum.Enum):
    """Whose server or program it is; Percona's count as MySQL's, which they are built from."""

    MARIADB = "MariaDB"
    MYSQL = "MySQL"


# Per system or distribution: the package of MariaDB's client programs, and that of MySQL's.
_PACKAGES = {
    "debian": ("mariadb-client", "mysql-community-client"),
    "ubuntu": ("mariadb-client", "mysql-client"),
    "fedora": ("mariadb", "mysql"),
    "rhel": ("mariadb", "mysql"),
    "suse": ("mariadb-client", "mysql-community-server-client"),
    "alpine": ("mariadb-client", "mysql-client"),
    "arch": ("mariadb-clients", "mysql-clients"),
    "darwin": ("mariadb", "mysql-client"),
    "windows": ("MariaDB.Server", "Oracle.MySQL"),
}
_UNKNOWN_SYSTEM = ("mariadb-client", "mysql-client")


def flavour_of(version: str) -> Flavour:
    """Whose it is, by the version that a server or one of the programs here says."""
    return Flavour.MARIADB if "mariadb" in version.lower() else Flavour.MYSQL


def series(version: str) -> tuple[int, ...]:
    """The first two numbers of a version: within such a series programs and servers fit each other."""
    return version_numbers(version.partition("-")[0])[:2]


def version_in(said: str) -> str:
    """The version in what `--version` says, such as `10.11.19-MariaDB` or `9.7.4`; "" when it is none of theirs."""
    found = _VERSION.search(said)
    if found is not None:
        return found[1] + (found[2] or "")
    plain = _PLAIN_VERSION.search(said)
    return plain[1] if plain is not None else ""


async def find_programs(host: Host, versions: Versions) -> list[ToolFound]:
    """The client programs on a host, those on the search path first."""
    paths = {(name, path): None for name in NAMES if (path := await host.which(name)) is not None}
    system = (await host.facts()).system
    for folder in FOLDERS.get(system, ()):
        if await host.stat(folder) is not None:
            candidates = [(name, _program(folder, name, system)) for name in NAMES]
            paths |= {found: None for found in candidates if await host.stat(found[1]) is not None}
    return [await _judged(host, name, path, versions) for name, path in paths]


def _program(folder: str, name: str, system: str) -> str:
    return str(PureWindowsPath(folder) / f"{name}.exe") if system == "windows" else str(PurePosixPath(folder) / name)


async def _judged(host: Host, name: str, path: str, versions: Versions) -> ToolFound:
    version = await version_answered(host, path, ("--version",), version_in, versions)
    why = "" if version else text("It does not start, or it does not answer as {name} does.", name=name)
    return ToolFound(name, version, path, fit=bool(version), why=why)


async def clients(host: Host, found: Sequence[ToolFound]) -> list[ToolFound]:
    """A client of each flavour that is there, MariaDB's first; raises `mysql.client-missing` when there is none."""
    fit = [tool for tool in found if tool.fit and tool.name in CLIENTS]
    chosen = {flavour_of(tool.version): tool for tool in reversed(fit)}
    if not chosen:
        raise await _missing(host, CLIENTS, None)
    return [chosen[flavour] for flavour in Flavour if flavour in chosen]


async def dump_for(host: Host, found: Sequence[ToolFound], server_version: str) -> ToolFound:
    """The dump program that fits a server: of its flavour, and of its own series, else the oldest that is newer.

    Raises `mysql.client-missing`, `mysql.wrong-flavour`, `mysql.client-older`.
    """
    wanted = flavour_of(server_version)
    fit = [tool for tool in found if tool.fit and tool.name in DUMPS]
    own = [tool for tool in fit if flavour_of(tool.version) is wanted]
    if not own:
        raise await (_missing(host, DUMPS, wanted) if not fit else _wrong_flavour(host, fit[0], wanted))
    new_enough = [tool for tool in own if series(tool.version) >= series(server_version)]
    if new_enough:
        return min(new_enough, key=lambda tool: series(tool.version))
    newest = max(own, key=lambda tool: series(tool.version))
    raise await _older(host, newest, server_version)


async def package_of(host: Host, flavour: Flavour) -> str:
    """The package that brings a flavour's client programs on that host."""
    system = (await host.facts()).system
    names = [system] if system != "linux" else await _distribution(host)
    mariadb, mysql = next((_PACKAGES[name] for name in names if name in _PACKAGES), _UNKNOWN_SYSTEM)
    return mariadb if flavour is Flavour.MARIADB else mysql


async def _distribution(host: Host) -> list[str]:
    """The names that a Linux distribution goes by, its own first, then those it is like."""
    try:
        lines = (await host.read("/etc/os-release")).decode("utf-8", "replace").splitlines()
    except UserError:
        return []  # a system that does not say: the usual names of the packages are shown
    said = {name: value.strip("\"'") for name, _, value in (line.partition("=") for line in lines)}
    return [said.get("ID", ""), *said.get("ID_LIKE", "").split()]


async def _missing(host: Host, programs: Sequence[str], flavour: Flavour | None) -> UserError:
    return UserError(
        text(
            "Neither {first} nor {second} was found on {host}.", first=programs[0], second=programs[1], host=host.name
        ),
        _UNTOUCHED,
        text("Install the package {package} there.", package=await package_of(host, flavour))
        if flavour is not None
        else text(
            "Install the package {mariadb} there, or {mysql} where the server is MySQL.",
            mariadb=await package_of(host, Flavour.MARIADB),
            mysql=await package_of(host, Flavour.MYSQL),
        ),
        "mysql.client-missing",
    )


async def _wrong_flavour(host: Host, tool: ToolFound, wanted: Flavour) -> UserError:
    other = flavour_of(tool.version)
    return UserError(
        text("The server is {wanted}, and {name} on {host} is {other}'s.", **_who(wanted, other, tool, host)),
        text("Its dump might not go back into this server, so none was made; the database is untouched."),
        text("Install the package {package} on {host}.", package=await package_of(host, wanted), host=host.name),
        "mysql.wrong-flavour",
        f"{tool.path} {tool.version}",
    )


def _who(wanted: Flavour, other: Flavour, tool: ToolFound, host: Host) -> dict[str, str]:
    return {"wanted": wanted.value, "other": other.value, "name": tool.name, "host": host.name}


async def _older(host: Host, tool: ToolFound, server_version: str) -> UserError:
    return UserError(
        text(
            "{name} {version} is older than the server, which is {server}.",
            name=tool.name,
            version=tool.version,
            server=server_version,
        ),
        text("What a newer server knows it would leave out, so no dump was made; the database is untouched."),
        text(
            "Install the package {package} of the server's version on {host}.",
            package=await package_of(host, flavour_of(server_version)),
            host=host.name,
        ),
        "mysql.client-older",
        tool.path,
    )


_UNTOUCHED: Text = text("Without it this database cannot be backed up; the database itself is untouched.")
