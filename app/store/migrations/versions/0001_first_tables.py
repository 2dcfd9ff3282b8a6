"""The first tables: sites, names of secrets, runs with their locks, steps and items, the audit log."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _sites()
    _secret_names()
    _runs()
    _locks()
    _steps()
    _items()
    _audit()


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _words(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _code(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(20), nullable=nullable)


def _owner() -> list[sa.Column[Any]]:
    return [
        _words("owner_computer"),
        _words("owner_boot"),
        sa.Column("owner_pid", sa.Integer, nullable=False),
        sa.Column("owner_started", sa.Double, nullable=False),
    ]


def _child_of_site(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["site"], ["sites.name"], name=f"fk_{table}_site", ondelete="CASCADE")


def _child_of_run(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["site", "run"], ["runs.site", "runs.id"], name=f"fk_{table}_site_run", ondelete="CASCADE"
    )


def _sites() -> None:
    op.create_table(
        "sites",
        _words("name"),
        _words("document"),
        _moment("added"),
        _moment("changed"),
        sa.PrimaryKeyConstraint("name", name="pk_sites"),
    )


def _secret_names() -> None:
    op.create_table(
        "secret_names",
        _words("site"),
        _words("name"),
        _moment("stored_at"),
        _words("where"),
        sa.PrimaryKeyConstraint("site", "name", name="pk_secret_names"),
        _child_of_site("secret_names"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        _words("site"),
        _words("id"),
        _words("kind"),
        _words("trigger"),
        _words("who"),
        _words("parent", nullable=True),
        _words("choice"),
        _words("key"),
        *_owner(),
        _words("tags"),
        _moment("started"),
        _moment("cancel_requested", nullable=True),
        _words("cancel_requested_by", nullable=True),
        _moment("closed", nullable=True),
        _code("outcome", nullable=True),
        _code("rollback"),
        _words("counters"),
        _words("error", nullable=True),
        _words("log_excerpt"),
        sa.PrimaryKeyConstraint("site", "id", name="pk_runs"),
        _child_of_site("runs"),
        sa.ForeignKeyConstraint(["site", "parent"], ["runs.site", "runs.id"], name="fk_runs_site_parent"),
        sa.CheckConstraint("(closed IS NULL) = (outcome IS NULL)", name="ck_runs_closed_with_its_outcome"),
    )
    active = sa.text("closed IS NULL")
    op.create_index(
        "one_active_run_of_a_key", "runs", ["site", "key"], unique=True, sqlite_where=active, postgresql_where=active
    )
    op.create_index("ix_runs_site_started", "runs", ["site", "started"])


def _locks() -> None:
    op.create_table(
        "locks",
        _words("site"),
        _words("name"),
        _words("run"),
        *_owner(),
        _moment("taken"),
        sa.PrimaryKeyConstraint("site", "name", name="pk_locks"),
        _child_of_site("locks"),
        _child_of_run("locks"),
    )


def _steps() -> None:
    op.create_table(
        "steps",
        _words("site"),
        _words("run"),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        _words("key"),
        _words("title"),
        _code("phase"),
        _moment("started"),
        _moment("ended", nullable=True),
        _code("outcome", nullable=True),
        _words("error", nullable=True),
        sa.PrimaryKeyConstraint("site", "run", "number", name="pk_steps"),
        _child_of_site("steps"),
        _child_of_run("steps"),
        sa.CheckConstraint("(ended IS NULL) = (outcome IS NULL)", name="ck_steps_ended_with_its_outcome"),
    )


def _items() -> None:
    op.create_table(
        "items",
        _words("site"),
        _words("run"),
        _words("source"),
        sa.Column("number", sa.Integer, nullable=False),
        _code("status"),
        _words("snapshot"),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("added", sa.BigInteger, nullable=False),
        _words("error", nullable=True),
        _words("missing"),
        sa.Column("missing_count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("site", "run", "source", name="pk_items"),
        _child_of_site("items"),
        _child_of_run("items"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        _words("site"),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        _moment("at"),
        _words("who"),
        _words("what"),
        _words("fields"),
        _words("previous"),
        _words("digest"),
        sa.PrimaryKeyConstraint("site", "number", name="pk_audit"),
        sa.CheckConstraint("number > 0", name="ck_audit_counted_from_one"),
    )
    for statement in APPEND_ONLY[op.get_context().dialect.name]:
        op.execute(statement)


APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER audit_refuses_{change} BEFORE {change} ON audit"
        " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        for change in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
        "CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
    ],
}
