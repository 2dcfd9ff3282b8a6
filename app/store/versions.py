"""Which version of the tables a database has, and bringing an older one up to date.

A start only compares a number; Alembic is imported when there is something to do.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

from app.foundation.errors import Refused
from app.foundation.words import text
from app.store import migrations
from app.store.backend import Backend, transaction

SCRIPTS = Path(migrations.__file__).parent
EMPTY = ""
"""The version of a database without tables."""


def bring_up_to_date(backend: Backend, engine: Engine) -> None:
    """Makes or migrates the tables; a database that is not ours, or of a newer version, is refused untouched."""
    with transaction(engine, writing=False) as connection:
        version = _version(connection)
    _refuse_newer(version)
    backend.settle(engine)
    if version != migrations.HEAD:
        _migrate(backend, engine)


def _migrate(backend: Backend, engine: Engine) -> None:
    """Everything in one writing transaction: whoever comes second finds it done."""
    with transaction(engine, writing=True) as connection:
        version = _version(connection)
        _refuse_newer(version)
        if version == migrations.HEAD:
            return
        if version != EMPTY:
            backend.keep_copy(version)
        _upgrade(connection)


def _version(connection: Connection) -> str:
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
    if tables:
        raise Refused(
            text("The database is in use by another program (it has a table {table}).", table=tables[0]),
            text("Nothing in it was changed."),
            text("Give Overwinter an empty database of its own."),
            "store.not-ours",
        )
    return EMPTY


def _refuse_newer(version: str) -> None:
    if version > migrations.HEAD:
        raise Refused(
            text("Overwinter's records were written by a newer Overwinter (version {version}).", version=version),
            text("Nothing was changed; this Overwinter cannot read them."),
            text("Update Overwinter on this computer."),
            "store.newer",
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  slow to import, and rarely needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
