"""What can open a SQLite database on a host: a Python with its `sqlite3`, or SQLite's own program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.settings.paths import is_absolute
from app.tools.found import ToolFound, Versions, locate, said_version

PYTHON, SHELL = "python3", "sqlite3"

BUSY_FOR = 60
"""Seconds that a lock of somebody else's is waited for."""

PUTS_FOR = 30
"""Likewise, while the site is down."""

LOOKS_FOR = 5
"""Likewise, where somebody waits for the answer."""

_SAYS_VERSION = "import sqlite3; print('SQLite', sqlite3.sqlite_version)"

# Both read the schema first, which takes the moment and keeps it: SQLite's backup then copies what stood at that
# moment, and does not begin anew whenever somebody writes.
_COPIES = """
import sqlite3, sys
source, target, patience = sys.argv[1:]
try:
    live = sqlite3.connect(source, uri=True, timeout=float(patience), isolation_level=None)
    live.execute("PRAGMA query_only = ON")
    live.execute("BEGIN")
    live.execute("SELECT count(*) FROM sqlite_master").fetchall()
    copy = sqlite3.connect(target)
    live.backup(copy)
    copy.close()
    live.close()
except sqlite3.Error as error:
    sys.exit(f"Error: {error}")
"""

_LOOKS = """
import sqlite3, sys
try:
    live = sqlite3.connect(sys.argv[1], uri=True, timeout=float(sys.argv[2]), isolation_level=None)
    live.execute("PRAGMA query_only = ON")
    live.execute("SELECT count(*) FROM sqlite_master").fetchall()
    live.close()
except sqlite3.Error as error:
    sys.exit(f"Error: {error}")
"""

_ASKS = """
import json, sqlite3, sys
try:
    copy = sqlite3.connect(sys.argv[1], uri=True)
    for statement in json.load(sys.stdin):
        for (line,) in copy.execute(statement):
            print(line)
except sqlite3.Error as error:
    sys.exit(f"Error: {error}")
"""

# A busy database is tried again and again by `backup`, without end; so the end is ours.
_PUTS = """
import sqlite3, sys, time
source, target, patience = sys.argv[1:]
until = time.monotonic() + float(patience)
def wait(status, remaining, total):
    if status in (5, 6) and time.monotonic() > until:
        raise sqlite3.OperationalError("database is locked")
try:
    new = sqlite3.connect(source, uri=True)
    live = sqlite3.connect(target, uri=True, timeout=float(patience), isolation_level=None)
    live.execute("PRAGMA synchronous = FULL")
    new.backup(live, progress=wait, sleep=0.05)
    live.close()
except sqlite3.Error as error:
    sys.exit(f"Error: {error}")
"""

_TELLS = """
import json, sqlite3, sys
try:
    live = sqlite3.connect(sys.argv[1], uri=True, timeout=float(sys.argv[2]), isolation_level=None)
    for statement in json.load(sys.stdin):
        for (line,) in live.execute(statement):
            print(line)
    live.close()
except sqlite3.Error as error:
    sys.exit(f"Error: {error}")
"""

_SHELL_TELLS = ".timeout {patience}\n"

_SHELL_PUTS = """.timeout {patience}
PRAGMA synchronous = FULL;
.restore main {source}
"""

_SHELL_LOOKS = """.timeout {patience}
PRAGMA query_only = ON;
SELECT count(*) FROM sqlite_master;
"""

_SHELL_COPIES = """.timeout {patience}
PRAGMA query_only = ON;
BEGIN;
SELECT count(*) FROM sqlite_master;
.backup main {target}
"""


class Opener(msgspec.Struct, frozen=True):
    """A program that opens databases: `is_python` says which of the two kinds it is."""

    tool: ToolFound
    is_python: bool

    def copy(self, database: str, folder: str, name: str) -> Command:
        """Copies a live database into the file `name` of `folder`."""
        if self.is_python:
            arguments = ("-I", "-c", _COPIES, _address(database, "mode=rw"), f"./{name}", str(BUSY_FOR))
            return Command(self.tool.path, arguments, folder=folder)
        script = _SHELL_COPIES.format(patience=BUSY_FOR * 1000, target=f"./{name}")
        return self._shell(_address(database, "mode=rw"), folder, script)

    def look(self, database: str, folder: str) -> Command:
        """Opens a live database and reads its schema, started in `folder`."""
        if self.is_python:
            arguments = ("-I", "-c", _LOOKS, _address(database, "mode=rw"), str(LOOKS_FOR))
            return Command(self.tool.path, arguments, folder=folder)
        script = _SHELL_LOOKS.format(patience=LOOKS_FOR * 1000)
        return self._shell(_address(database, "mode=rw"), folder, script)

    def ask(self, folder: str, name: str, statements: Sequence[str]) -> Command:
        """Asks a copy that nobody else has open; each statement gives one column of text, which is printed."""
        address = f"file:./{name}?immutable=1"
        if self.is_python:
            told = json.dumps(list(statements)).encode()
            return Command(self.tool.path, ("-I", "-c", _ASKS, address), stdin=told, folder=folder)
        return self._shell(address, folder, "".join(f"{statement};\n" for statement in statements))

    def put(self, folder: str, name: str, database: str) -> Command:
        """Puts all that the file `name` of `folder` holds, which nobody else has open, into a live database."""
        if self.is_python:
            source = f"file:./{quote(name)}?immutable=1"
            arguments = ("-I", "-c", _PUTS, source, _address(database, "mode=rw"), str(PUTS_FOR))
            return Command(self.tool.path, arguments, folder=folder)
        script = _SHELL_PUTS.format(patience=PUTS_FOR * 1000, source=f'"./{name}"')
        return self._shell(_address(database, "mode=rw"), folder, script)

    def tell(self, database: str, folder: str, statements: Sequence[str]) -> Command:
        """Tells a database, which may be live, some statements; each gives at most one column, which is printed."""
        address = _address(database, "mode=rw")
        if self.is_python:
            told = json.dumps(list(statements)).encode()
            return Command(self.tool.path, ("-I", "-c", _TELLS, address, str(PUTS_FOR)), stdin=told, folder=folder)
        script = _SHELL_TELLS.format(patience=PUTS_FOR * 1000) + "".join(f"{one};\n" for one in statements)
        return self._shell(address, folder, script)

    def _shell(self, address: str, folder: str, script: str) -> Command:
        """SQLite's own program; nobody's start-up file (`.sqliterc`) may change what it does."""
        home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "USERPROFILE"), folder)
        arguments = ("-batch", "-bail", "-noheader", "-list", address)
        return Command(self.tool.path, arguments, stdin=script.encode(), folder=folder, environment=home)


async def find_programs(host: Host, python: str, versions: Versions) -> list[ToolFound]:
    """What can open a database on a host; `python` is the path of one that may be there besides, "" for none.

    Their versions are those of the SQLite that they are made with.
    """
    candidates = {path: None for name in (python, PYTHON) if name and (path := await locate(host, name))}
    pythons = [await _judged(host, PYTHON, path, ("-I", "-c", _SAYS_VERSION), versions) for path in candidates]
    shell = await host.which(SHELL)
    return [*pythons, *([await _judged(host, SHELL, shell, ("--version",), versions)] if shell else [])]


async def _judged(host: Host, name: str, path: str, arguments: tuple[str, ...], versions: Versions) -> ToolFound:
    begins = "SQLite " if name == PYTHON else ""
    version = await said_version(host, path, arguments, begins, versions)
    why = "" if version else text("It cannot open SQLite databases.")
    return ToolFound(name, version, path, fit=bool(version), why=why)


def opener(found: Sequence[ToolFound], host_name: str) -> Opener:
    """The program that is used; raises `sqlite.program-missing`."""
    fit = next((tool for tool in found if tool.fit), None)
    if fit is None:
        raise UserError(
            text("Nothing that can open a SQLite database was found on {host}.", host=host_name),
            text("Without it this database cannot be backed up: a file copy of a live one may be damaged."),
            text("Install the package {package} (or python3) on {host}.", package="sqlite3", host=host_name),
            "sqlite.program-missing",
        )
    return Opener(fit, is_python=fit.name == PYTHON)


def _address(path: str, how: str) -> str:
    """A path as SQLite's URI, whatever characters and bytes are in it."""
    posix = path if path.startswith("/") else "/" + path.replace("\\", "/")
    assert is_absolute(path), path
    return f"file:{quote(posix.encode('utf-8', 'surrogateescape'), safe='/:')}?{how}"
