"""Who holds a site: a row that only one run can have, since the site is its key.

All of it works inside a writing transaction, of which there is one at a time.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, and_, select

from app.records import audit
from app.records.owners import Owner, owner_columns, owner_in
from app.store.clock import database_seconds
from app.store.tables import locks, runs

SITE = "site"


class Holder(msgspec.Struct, frozen=True):
    """The run that holds a site, since when, and its process; `silent` is for how many seconds that gave no sign."""

    run: str
    kind: str
    who: str
    owner: Owner
    since: datetime
    silent: float


def take(connection: Connection, site: str, run: str, owner: Owner) -> Holder | None:
    """Takes the site for a run; gives the holder when another run has it."""
    holder = holder_of(connection, site)
    if holder is None:
        row = {"site": site, "name": SITE, "run": run, "taken": datetime.now(UTC), **owner_columns(owner)}
        connection.execute(locks.insert().values(row))
    return None if holder is None or holder.run == run else holder


def take_over(connection: Connection, site: str, run: str, *, owner: Owner, dead: Owner, who: str) -> Holder | None:
    """Takes the site from a process that is gone, and notes it; gives the holder when it is not that process."""
    holder = holder_of(connection, site)
    if holder is not None and holder.owner == dead:
        free(connection, site, holder, who, run)
    return take(connection, site, run, owner)


def free(connection: Connection, site: str, holder: Holder, who: str, run: str = "") -> None:
    """Takes the site from a holder that is gone, and notes who did so for which run ("": for none yet)."""
    release(connection, site, holder.run)
    dead = holder.owner
    fields = {"run": run, "from": holder.run, "computer": dead.computer_name, "pid": str(dead.pid)}
    audit.append(connection, site, who, "lock-taken-over", fields)


def release(connection: Connection, site: str, run: str) -> None:
    """Gives the site back; nothing happens when the run does not hold it."""
    connection.execute(locks.delete().where(locks.c.site == site, locks.c.run == run))


def holder_of(connection: Connection, site: str) -> Holder | None:
    """The run that holds the site now."""
    held_by = and_(runs.c.site == locks.c.site, runs.c.id == locks.c.run)
    silent = (database_seconds() - runs.c.renewed).label("silent")
    row = connection.execute(
        select(locks, runs.c.kind, runs.c.who, silent)
        .join(runs, held_by)
        .where(locks.c.site == site, locks.c.name == SITE)
    ).one_or_none()
    return None if row is None else Holder(row.run, row.kind, row.who, owner_in(row), row.taken, row.silent)
