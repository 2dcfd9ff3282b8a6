"""Which driver a kind of source has: adding a kind is one file beside this one, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.jobs.sources.driver import Capturable, Equipment
from app.jobs.sources.files import FilesDriver
from app.jobs.sources.loading import Loader, Order
from app.jobs.sources.mysql import MysqlDriver, UsersDriver
from app.jobs.sources.mysql_loading import MysqlLoader
from app.jobs.sources.postgresql import GlobalsDriver, PostgresqlDriver
from app.jobs.sources.postgresql_loading import PostgresqlLoader
from app.jobs.sources.records import RecordsDriver
from app.jobs.sources.sqlite import SqliteDriver
from app.jobs.sources.sqlite_loading import SqliteLoader
from app.settings.model import HostKind, Site, Source, SourceKind

DRIVERS: Mapping[SourceKind, Callable[[Source, Equipment], Capturable]] = {
    SourceKind.FILES: FilesDriver,
    SourceKind.POSTGRESQL: PostgresqlDriver,
    SourceKind.POSTGRESQL_GLOBALS: GlobalsDriver,
    SourceKind.MYSQL: MysqlDriver,
    SourceKind.MYSQL_USERS: UsersDriver,
    SourceKind.SQLITE: SqliteDriver,
    SourceKind.RECORDS: RecordsDriver,
}

LOADERS: Mapping[SourceKind, Callable[[Order], Loader]] = {
    SourceKind.POSTGRESQL: PostgresqlLoader,
    SourceKind.MYSQL: MysqlLoader,
    SourceKind.SQLITE: SqliteLoader,
}
"""What can become a new database."""


def driver_of(source: Source, equipment: Equipment) -> Capturable:
    """The driver of a source; raises `UserError` `source.kind-unsupported` for a kind that has none yet."""
    if source.kind in DRIVERS:
        return DRIVERS[source.kind](source, equipment)
    raise UserError(
        text("This version cannot back up sources of kind {kind}.", kind=source.kind.value),
        text("{source} is not in this recovery point; the other sources are.", source=source.name),
        text("Update Overwinter, or switch the source off in the site file."),
        "source.kind-unsupported",
    )


def can_be_backed_up(site: Site, source: Source) -> bool:
    """Whether this version has a driver for it, and a way to its host: there is none into containers yet."""
    return source.kind in DRIVERS and all(host.kind is HostKind.SSH for host in site.way_to(source.host))


def switched_off(site: Site, names: Collection[str]) -> tuple[Site, tuple[str, ...]]:
    """The site with those of the named sources switched off that this version cannot back up, and their names."""
    off = tuple(one.name for one in site.sources if one.name in names and not can_be_backed_up(site, one))
    sources = tuple(msgspec.structs.replace(one, enabled=False) if one.name in off else one for one in site.sources)
    return msgspec.structs.replace(site, sources=sources), off
