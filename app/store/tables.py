"""All tables, and how our kinds of values are kept in columns.

Every table but `sites` starts its key with the site, and children refer to their parents by (site, …): the database
itself refuses a row that hangs on another site's run. Removing a site removes all of it except the audit log.
"""
# ruff: noqa: ARG002  SQLAlchemy hands a column type the dialect whether it asks for it or not

from __future__ import annotations

import enum
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    false,
)

from app.foundation import words
from app.foundation.errors import Problem
from app.foundation.events import Counters, ItemStatus, Outcome, Phase, Rollback, StepOutcome


class UtcTime(TypeDecorator[datetime]):
    """A moment, aware and in UTC on both sides; SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} says no time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value and value.astimezone(UTC)


def storable(words: str) -> str:
    """The text as every database takes it: a NUL, and half a character of an invalid name, as their escapes."""
    return words.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")


class Words(TypeDecorator[str]):
    """Any text, made storable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and storable(value)


class Json(TypeDecorator[Any]):
    """One of our structs as JSON; ASCII only, so that names in invalid UTF-8 come back as they were."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(msgspec.to_builtins(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.convert(json.loads(value), self.kind)


def _one_of(kind: type[enum.Enum]) -> Enum:
    """A column for the values of an enum, as plain text on both databases."""
    return Enum(kind, native_enum=False, length=20, values_callable=lambda members: [each.value for each in members])


def _site() -> Column[str]:
    return Column("site", Text, ForeignKey("sites.name", ondelete="CASCADE"), primary_key=True)


def _child_of_run() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["site", "run"], ["runs.site", "runs.id"], ondelete="CASCADE")


def _owner() -> list[Column[Any]]:
    """The process that works on a row: see `records.owners`."""
    return [
        Column("owner_computer", Words, nullable=False),
        Column("owner_boot", Words, nullable=False),
        Column("owner_pid", Integer, nullable=False),
        Column("owner_started", Double, nullable=False),
    ]


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sites = Table(
    "sites",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", Words, nullable=False),  # the site file, TOML
    Column("added", UtcTime, nullable=False),
    Column("changed", UtcTime, nullable=False),
)

secret_names = Table(
    "secret_names",
    metadata,
    _site(),
    Column("name", Text, primary_key=True),  # the name only; the value is in the keyring or in the vault
    Column("stored_at", UtcTime, nullable=False),
    Column("where", Text, nullable=False),  # keyring | vault
)

runs = Table(
    "runs",
    metadata,
    _site(),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("who", Words, nullable=False),
    Column("parent", Text),
    Column("choice", Words, nullable=False),
    Column("key", Words, nullable=False),
    *_owner(),
    Column("tags", Json(tuple[str, ...]), nullable=False),
    Column("started", UtcTime, nullable=False),
    Column("cancel_requested", UtcTime),
    Column("cancel_requested_by", Words),
    Column("closed", UtcTime),
    Column("outcome", _one_of(Outcome)),
    Column("rollback", _one_of(Rollback), nullable=False),
    Column("counters", Json(Counters), nullable=False),
    Column("error", Json(Problem)),
    Column("log_excerpt", Words, nullable=False),
    Column(
        "number", Integer, nullable=False, server_default="0"
    ),  # in the order in which they began, whatever clocks say
    Column("renewed", Double, nullable=False, server_default="0"),  # its last sign of life, by `store.clock`
    Column("untidy", Boolean, nullable=False, server_default=false()),  # it died, and what it left was not cleared away
    ForeignKeyConstraint(["site", "parent"], ["runs.site", "runs.id"]),
    CheckConstraint("(closed IS NULL) = (outcome IS NULL)", name="closed_with_its_outcome"),
)
Index(
    "one_active_run_of_a_key",
    runs.c.site,
    runs.c.key,
    unique=True,
    sqlite_where=runs.c.closed.is_(None),
    postgresql_where=runs.c.closed.is_(None),
)
Index(None, runs.c.site, runs.c.number, unique=True)

locks = Table(
    "locks",
    metadata,
    _site(),
    Column("name", Text, primary_key=True),
    Column("run", Text, nullable=False),
    *_owner(),
    Column("taken", UtcTime, nullable=False),
    _child_of_run(),
)

steps = Table(
    "steps",
    metadata,
    _site(),
    Column("run", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("title", Json(words.Text), nullable=False),
    Column("phase", _one_of(Phase), nullable=False),
    Column("started", UtcTime, nullable=False),
    Column("ended", UtcTime),
    Column("outcome", _one_of(StepOutcome)),
    Column("error", Json(Problem)),
    _child_of_run(),
    CheckConstraint("(ended IS NULL) = (outcome IS NULL)", name="ended_with_its_outcome"),
)

items = Table(
    "items",
    metadata,
    _site(),
    Column("run", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("status", _one_of(ItemStatus), nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("error", Json(Problem)),
    Column("missing", Json(tuple[str, ...]), nullable=False),
    Column("missing_count", BigInteger, nullable=False),
    _child_of_run(),
)

audit = Table(
    "audit",
    metadata,
    Column("site", Text, primary_key=True),  # refers to nothing: it outlives its site
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("who", Words, nullable=False),
    Column("what", Words, nullable=False),
    Column("fields", Json(dict[str, str]), nullable=False),
    Column("previous", Text, nullable=False),
    Column("digest", Text, nullable=False),
    CheckConstraint("number > 0", name="counted_from_one"),
)
