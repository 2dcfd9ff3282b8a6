"""Databases by themselves: servers that listen, and SQLite files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.file_errors import shown
from app.hosts.host import Command, Host
from app.jobs.look.clues import Clue, path_of
from app.jobs.look.found import Finding, Found
from app.jobs.look.walk import LARGEST_TABLE, content_of

LISTENING = ("/proc/net/tcp", "/proc/net/tcp6")
SERVERS = {5432: "PostgreSQL", 3306: "MySQL or MariaDB"}
SOCKETS = {
    "/run/postgresql/.s.PGSQL.5432": 5432,
    "/tmp/.s.PGSQL.5432": 5432,
    "/run/mysqld/mysqld.sock": 3306,
    "/var/lib/mysql/mysql.sock": 3306,
    "/tmp/mysql.sock": 3306,
}

BEGINS = b"SQLite format 3\0"
ANSWERS_WITHIN = 10.0
SQLITE_AT_MOST = 50

_LISTEN = "0A"


async def servers_that_listen(host: Host) -> frozenset[int]:
    """The usual ports of database servers that somebody listens on, by the system's own table and by their sockets."""
    ports: set[int] = set()
    for table in LISTENING:
        ports |= set(_ports(await content_of(host, table, LARGEST_TABLE) or b""))
    for socket, port in SOCKETS.items():
        if port not in ports and await _stands(host, socket):
            ports.add(port)
    return frozenset(ports & SERVERS.keys())


def _ports(table: bytes) -> Iterator[int]:
    for line in table.decode("ascii", "replace").splitlines()[1:]:
        words = line.split()
        if len(words) > 3 and words[3] == _LISTEN:
            yield int(words[1].rpartition(":")[2], 16)


async def _stands(host: Host, path: str) -> bool:
    try:
        return await host.stat(path) is not None
    except UserError as error:
        if not error.code.startswith("host.file-"):
            raise
        return False


def nobody_names(ports: Iterable[int], named: Iterable[int]) -> Iterator[Text]:
    """Says of servers which nothing that was found has a database on."""
    for port in sorted(set(ports) - set(named)):
        preset = "postgresql" if port == 5432 else "mysql"
        yield text(
            "{server} listens here, and nothing that was found says which of its databases matter. "
            "Add them: overwinter site preset add SITE {preset}=NAME --set database=…",
            server=SERVERS[port],
            preset=preset,
        )


async def sqlite_files(host: Host, clues: Iterable[Clue], known: Iterable[str]) -> Finding:
    """The files that begin as SQLite does; `known` are databases that are found already."""
    paths = [path for clue in clues if (path := path_of(clue)) not in set(known)]
    found = [_sqlite(path) for path in paths[:SQLITE_AT_MOST] if await _is_sqlite(host, path)]
    left = len(paths) - SQLITE_AT_MOST
    notes = (text("{count} more files that may be databases were not looked at.", count=left),) if left > 0 else ()
    return Finding(tuple(found), notes)


def _sqlite(path: str) -> Found:
    name = path.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    return Found(
        preset="sqlite", called=name, place="", values={"file": path}, seen=text("{file} is SQLite", file=shown(path))
    )


async def _is_sqlite(host: Host, path: str) -> bool:
    """By its first bytes; where they cannot be read alone, a small file is read whole, and a large one is left out."""
    if await host.which("head") is None:
        return (await content_of(host, path, LARGEST_TABLE) or b"").startswith(BEGINS)
    done = await host.run(Command("head", ("-c", str(len(BEGINS)), path)), deadline=ANSWERS_WITHIN)
    return done.code == 0 and done.stdout == BEGINS
