"""Laravel applications: their folder by `artisan`, their database by `.env`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from app.foundation.words import text
from app.hosts.file_errors import shown
from app.hosts.host import Host
from app.jobs.look.found import Finding, Found, Password
from app.jobs.look.walk import beside, content_of
from app.settings.paths import is_absolute
from app.settings.presets import Value
from app.tools.dotenv import variables

LARGEST_ENV = 256 * 1024

_KINDS = {
    "pgsql": "postgresql", "postgres": "postgresql", "postgresql": "postgresql",
    "mysql": "mysql", "mariadb": "mysql", "sqlite": "sqlite",
}  # fmt: skip


class _Database(msgspec.Struct, frozen=True):
    """What an application says of its database; `kind` is as the preset has it."""

    kind: str
    name: str
    server: str = ""
    port: int = 0
    user: str = ""
    password: str = ""


async def laravel(host: Host, root: str) -> Finding:
    """The application in that folder."""
    return await _application(host, "laravel", root, beside(root, ".env"), beside(root, "database"))


async def laravel_by_releases(host: Host, root: str) -> Finding:
    """The application whose releases are in that folder; nothing when it is another kind of software."""
    env = beside(beside(root, "shared"), ".env")
    current = beside(root, "current")
    if await host.stat(beside(current, "artisan")) is None:
        return Finding()
    return await _application(host, "laravel-releases", root, env, beside(current, "database"))


async def _application(host: Host, preset: str, root: str, env: str, data: str) -> Finding:
    content = await content_of(host, env, LARGEST_ENV)
    told = variables(content) if content is not None else {}
    database = _database(told, data)
    notes = []
    if content is None:
        notes.append(
            text("{file} could not be read, so the database of {root} is not known.", file=shown(env), root=shown(root))
        )
    elif database is None:
        notes.append(text("{file} names no database that Overwinter knows.", file=shown(env)))
    elif _is_in_docker(database):
        server = database.server
        notes.append(
            text("{root} has its database at {server}, a name inside Docker.", root=shown(root), server=server)
        )
        database = None
    elif told.get("DB_PASSWORD") is None and "DB_PASSWORD" in (content or b"").decode("utf-8", "replace"):
        notes.append(text("The password in {file} is not written so that Laravel could read it.", file=shown(env)))
    found = Found(
        preset=preset,
        called=root.rstrip("/\\").replace("\\", "/").rpartition("/")[2],
        place=root,
        values={"root": root, **_values(database)},
        seen=text("artisan in {folder}", folder=shown(root)),
        password=Password(database.password) if database is not None and database.password else None,
    )
    return Finding((found,), tuple(notes))


def _values(database: _Database | None) -> dict[str, Value]:
    if database is None:
        return {"db": "none"}
    if database.kind == "sqlite":
        return {"db": "sqlite", "db_file": database.name}
    return {
        "db": database.kind, "db_name": database.name, "db_server": database.server,
        "db_port": database.port, "db_user": database.user,
    }  # fmt: skip


def _database(told: Mapping[str, str], data: str) -> _Database | None:
    """As Laravel's own configuration puts it together: an address as a whole comes before its parts."""
    url = told.get("DB_URL") or told.get("DATABASE_URL") or ""
    parts = _parts(url) if url else {}
    kind = _KINDS.get(parts.get("kind") or told.get("DB_CONNECTION", "").lower())
    if kind is None:
        return None
    name = parts.get("name") or told.get("DB_DATABASE") or ""
    if kind == "sqlite":
        return _sqlite(name, data)
    if not name:
        return None
    return _Database(
        kind,
        name,
        parts.get("server") or told.get("DB_SOCKET") or told.get("DB_HOST") or "127.0.0.1",
        _number(parts.get("port") or told.get("DB_PORT", "")),
        parts.get("user") or told.get("DB_USERNAME", ""),
        parts.get("password") or told.get("DB_PASSWORD", ""),
    )


def _sqlite(name: str, data: str) -> _Database | None:
    """Where nothing is said it is the usual file; one in memory is none."""
    if name == ":memory:":
        return None
    if not name:
        return _Database("sqlite", beside(data, "database.sqlite"))
    return _Database("sqlite", name) if is_absolute(name) else None


def _parts(url: str) -> dict[str, str]:
    try:
        split = urlsplit(url)
        port = str(split.port or "")
    except ValueError:
        return {}
    return {
        "kind": split.scheme, "name": unquote(split.path.removeprefix("/")), "server": split.hostname or "",
        "port": port, "user": unquote(split.username or ""), "password": unquote(split.password or ""),
    }  # fmt: skip


def _number(port: str) -> int:
    return int(port) if port.isdecimal() and 0 < int(port) < 65536 else 0


def _is_in_docker(database: _Database) -> bool:
    """A bare word is how containers of one project call each other."""
    server = database.server
    return bool(server) and server != "localhost" and not set(server) & {".", ":", "/", "\\"}
