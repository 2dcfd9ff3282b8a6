"""Which driver a kind of source has: adding a kind is one file beside this one, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.foundation.errors import UserError
from app.foundation.words import text
from app.jobs.sources.driver import Capturable, Equipment
from app.jobs.sources.files import FilesDriver
from app.jobs.sources.loading import Loader, Order
from app.jobs.sources.mysql import MysqlDriver, UsersDriver
from app.jobs.sources.mysql_loading import MysqlLoader
from app.jobs.sources.mysql_swapping import MysqlSwap
from app.jobs.sources.postgresql import GlobalsDriver, PostgresqlDriver
from app.jobs.sources.postgresql_loading import PostgresqlLoader
from app.jobs.sources.postgresql_swapping import PostgresqlSwap
from app.jobs.sources.records import RecordsDriver
from app.jobs.sources.sqlite import SqliteDriver
from app.jobs.sources.sqlite_loading import SqliteLoader
from app.jobs.sources.sqlite_swapping import SqliteSwap
from app.jobs.sources.swapping import DatabaseSwap
from app.settings.model import Source, SourceKind

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

SWAPS: Mapping[SourceKind, Callable[[Order], DatabaseSwap]] = {
    SourceKind.POSTGRESQL: PostgresqlSwap,
    SourceKind.MYSQL: MysqlSwap,
    SourceKind.SQLITE: SqliteSwap,
}
"""What can take the live one's place."""


def driver_of(source: Source, equipment: Equipment) -> Capturable:
    """The driver of a source; raises `UserError` `source.kind-unsupported` for a kind that has none yet."""
    if source.kind in DRIVERS:
        return DRIVERS[source.kind](source, equipment)
    raise UserError(
        text("This version cannot back up sources of kind {kind}.", kind=source.kind.value),
        text("{source} is not in this recovery point; the other sources are.", source=source.name),
        text("Update Overwinter, or switch the source off in the site's settings."),
        "source.kind-unsupported",
    )
