"""The rows of runs, their steps and items.

A run's row exists before its first effect and is closed exactly once. All of it works inside a transaction; the way
here is `SiteRecords`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, case, func, select, update

from app.foundation.errors import Problem, Refused
from app.foundation.events import Counters, Item, ItemStatus, StepOutcome
from app.foundation.words import text
from app.records import audit, locks
from app.records.owners import owner_columns, owner_in
from app.records.run import RUNNING, Begun, Closing, Run, Status, StepRecord, Tally, Working
from app.store.clock import database_seconds
from app.store.tables import items, runs, sites, steps, storable

T = TypeVar("T", bound=msgspec.Struct)

EXCERPT_LIMIT = 200 * 1024  # bytes of a run's log that are kept in its record
SHORTEST_PREFIX = 6

_NOT_LISTED = ("log_excerpt", "cancel_requested", "cancel_requested_by", "number", "renewed", "untidy")
_LISTED = [column for column in runs.c if column.name not in _NOT_LISTED]


def must_exist(connection: Connection, site: str, run_id: str) -> None:
    """Refuses an id that no run of this site has; whether another site has it is not told."""
    if connection.execute(select(runs.c.id).where(*_is(site, run_id))).one_or_none() is None:
        raise _no_such_run(site, run_id)


def must_be_active(connection: Connection, site: str, run_id: str) -> None:
    """Refuses a run of this site that has ended."""
    if connection.execute(select(runs.c.closed).where(*_is(site, run_id))).scalar_one() is not None:
        raise _run_closed(run_id)


def begin(connection: Connection, run: Run) -> Begun:
    """Adds the row of a run, or finds the active one of the same key."""
    same = select(*_LISTED).where(runs.c.site == run.site, runs.c.key == run.key, runs.c.closed.is_(None))
    active = connection.execute(same).one_or_none()
    if active is not None:
        return Begun(_run(active), joined=True)
    if connection.execute(select(sites.c.name).where(sites.c.name == run.site)).one_or_none() is None:
        raise _no_such_site(run.site)
    row = msgspec.structs.asdict(run)
    row |= owner_columns(row.pop("owner")) | {
        "number": _next_number(connection, run.site),
        "renewed": database_seconds(),
    }
    connection.execute(runs.insert().values(row))
    fields = {"run": run.id, "kind": run.kind, "trigger": run.trigger, "choice": run.choice}
    audit.append(connection, run.site, run.who, "run-began", fields)
    return Begun(run, joined=False)


def _next_number(connection: Connection, site: str) -> int:
    last = connection.execute(select(func.max(runs.c.number)).where(runs.c.site == site)).scalar_one()
    return (last or 0) + 1


def renew(connection: Connection, site: str, run_id: str) -> bool:
    """A sign of life of the process that works on a run; False when the run was closed by somebody else."""
    active = (*_is(site, run_id), runs.c.closed.is_(None))
    return connection.execute(update(runs).where(*active).values(renewed=database_seconds())).rowcount > 0


def working(connection: Connection, site: str) -> list[Working]:
    """The site's runs that are not closed, newest first."""
    silent = (database_seconds() - runs.c.renewed).label("silent")
    query = select(*_LISTED, silent).where(runs.c.site == site, runs.c.closed.is_(None)).order_by(runs.c.number.desc())
    return [Working(_run(row), row.silent) for row in connection.execute(query)]


def active_everywhere(connection: Connection) -> list[tuple[str, str]]:
    """Site and id of every run that is not closed, whatever site it is of; what they are is asked site by site."""
    query = select(runs.c.site, runs.c.id).where(runs.c.closed.is_(None)).order_by(runs.c.site, runs.c.number)
    return [(site, run_id) for site, run_id in connection.execute(query)]


def close(connection: Connection, site: str, run_id: str, closing: Closing) -> None:
    """Writes how a run ended, once, and gives its locks back. It ends no earlier than it began, whatever clocks say."""
    active = (*_is(site, run_id), runs.c.closed.is_(None))
    began = connection.execute(select(runs.c.started).where(*active)).scalar_one_or_none()
    if began is None:
        raise _run_closed(run_id)
    values = msgspec.structs.asdict(closing) | {"closed": max(closing.closed, began)}
    connection.execute(update(runs).where(*active).values(values))
    locks.release(connection, site, run_id)


def interrupt(connection: Connection, site: str, run_id: str, closing: Closing, *, who: str, for_run: str) -> None:
    """Closes a run whose process is gone, with the step it was in, and notes who found it.

    What it left is still to be cleared away (`untidy`). `for_run` is the run that found it, "" where none did.
    """
    holder = locks.holder_of(connection, site)
    found = find(connection, site, run_id)
    fields = {"run": run_id, "computer": found.owner.computer_name, "pid": str(found.owner.pid)}
    counters = _counted(found.counters, items_of(connection, site, run_id))
    close(connection, site, run_id, msgspec.structs.replace(closing, counters=counters))
    connection.execute(update(runs).where(*_is(site, run_id)).values(untidy=True))
    for step in steps_of(connection, site, run_id):
        if step.ended is None:
            finish_step(connection, site, run_id, step.number, outcome=StepOutcome.FAILED, error=closing.error)
    audit.append(connection, site, who, "run-interrupted", fields)
    if holder is not None and holder.run == run_id:
        locks.free(connection, site, holder, who, for_run)


def _counted(begun: Counters, found: list[Item]) -> Counters:
    """What became of the items of a run that nobody closed; those that it had not come to were skipped."""
    total, failed = max(begun.total, len(found)), sum(item.status is ItemStatus.FAILED for item in found)
    unchecked = sum(item.status is ItemStatus.UNCHECKED for item in found)
    return Counters(total, len(found), len(found) - failed - unchecked, failed, total - len(found))


def untidy(connection: Connection, site: str) -> list[Run]:
    """The interrupted runs whose left-overs were not cleared away yet."""
    query = select(*_LISTED).where(runs.c.site == site, runs.c.untidy)
    return [_run(row) for row in connection.execute(query.order_by(runs.c.number))]


def tidied(connection: Connection, site: str, run_id: str) -> None:
    """What an interrupted run left is cleared away."""
    connection.execute(update(runs).where(*_is(site, run_id)).values(untidy=False))


def find(connection: Connection, site: str, beginning: str) -> Run:
    """The one run whose id begins so, with its log."""
    if re.fullmatch(rf"[0-9a-f]{{{SHORTEST_PREFIX},32}}", beginning) is None:
        raise _no_such_run(site, beginning)
    query = select(*_LISTED, runs.c.log_excerpt).where(runs.c.site == site, runs.c.id.startswith(beginning))
    found = connection.execute(query.limit(2)).all()
    if not found:
        raise _no_such_run(site, beginning)
    if len(found) > 1:
        raise _ambiguous(beginning)
    return _run(found[0])


def listed(
    connection: Connection,
    site: str,
    *,
    status: Status | None,
    kind: str | None,
    since: datetime | None,
    limit: int | None,
) -> list[Run]:
    """The site's runs, newest first, without their logs."""
    query = select(*_LISTED).where(runs.c.site == site).order_by(runs.c.number.desc())
    if status is not None:
        query = query.where(runs.c.outcome == (None if status == RUNNING else status))
    if kind is not None:
        query = query.where(runs.c.kind == kind)
    if since is not None:
        query = query.where(runs.c.started >= since)
    return [_run(row) for row in connection.execute(query.limit(limit))]


def tallies(connection: Connection, site: str) -> dict[str, Tally]:
    """What each of the site's runs came to, by its id; a run without items and steps is not among them."""
    wrong_item = case((items.c.error.is_not(None), 1), else_=0)
    by_items = select(items.c.run, func.sum(items.c.added), func.sum(wrong_item)).where(items.c.site == site)
    found = {
        run: Tally(int(added), int(wrong)) for run, added, wrong in connection.execute(by_items.group_by(items.c.run))
    }
    warned = (steps.c.site == site, steps.c.outcome == StepOutcome.WARNED)
    by_steps = select(steps.c.run, func.count()).where(*warned).group_by(steps.c.run)
    for run, count in connection.execute(by_steps):
        before = found.get(run, Tally())
        found[run] = Tally(before.added, before.warnings + count)
    return found


def request_cancel(connection: Connection, site: str, run_id: str, who: str) -> None:
    """Writes down that a run should stop; the first who asked stays on record."""
    must_be_active(connection, site, run_id)
    values = {"cancel_requested": datetime.now(UTC), "cancel_requested_by": who}
    unasked = (*_is(site, run_id), runs.c.cancel_requested.is_(None))
    if connection.execute(update(runs).where(*unasked).values(values)).rowcount:
        audit.append(connection, site, who, "run-cancel-asked", {"run": run_id})


def cancel_requested(connection: Connection, site: str, run_id: str) -> bool:
    """Whether somebody asked for it."""
    query = select(runs.c.cancel_requested).where(*_is(site, run_id))
    return connection.execute(query).scalar_one() is not None


def add_step(connection: Connection, site: str, run_id: str, step: StepRecord) -> None:
    """Adds a step that begins; one that is added again, because it was not known whether it was, is added once."""
    row = {"site": site, "run": run_id, **msgspec.structs.asdict(step)}
    same = (steps.c.site == site, steps.c.run == run_id, steps.c.number == step.number)
    connection.execute(steps.delete().where(*same))
    connection.execute(steps.insert().values(row))


def finish_step(
    connection: Connection, site: str, run_id: str, number: int, *, outcome: StepOutcome, error: Problem | None
) -> None:
    """Writes how a step ended; no earlier than it began, whatever clocks say."""
    step = (steps.c.site == site, steps.c.run == run_id, steps.c.number == number)
    began = connection.execute(select(steps.c.started).where(*step)).scalar_one()
    values = {"ended": max(datetime.now(UTC), began), "outcome": outcome, "error": error}
    connection.execute(update(steps).where(*step).values(values))


def steps_of(connection: Connection, site: str, run_id: str) -> list[StepRecord]:
    """The steps of a run in order."""
    query = _children(steps, site, run_id, StepRecord)
    return [StepRecord(*row) for row in connection.execute(query)]


def add_item(connection: Connection, site: str, run_id: str, item: Item) -> None:
    """Adds an item after the others; what was said of the same source before is replaced."""
    of_run = (items.c.site == site, items.c.run == run_id)
    connection.execute(items.delete().where(*of_run, items.c.source == item.source))
    last = connection.execute(select(func.max(items.c.number)).where(*of_run)).scalar_one()
    row = {"site": site, "run": run_id, "number": (last or 0) + 1, **msgspec.structs.asdict(item)}
    connection.execute(items.insert().values(row))


def items_of(connection: Connection, site: str, run_id: str) -> list[Item]:
    """The items of a run in the order in which they were added."""
    query = _children(items, site, run_id, Item)
    return [Item(*row) for row in connection.execute(query)]


def capped(log: str) -> str:
    """The beginning and the end of a log, at most `EXCERPT_LIMIT` bytes as it is stored."""
    stored = storable(log).encode()
    if len(stored) <= EXCERPT_LIMIT:
        return log
    between = b"\n[...]\n"
    half = (EXCERPT_LIMIT - len(between)) // 2
    return (stored[:half] + between + stored[-half:]).decode("utf-8", "ignore")


def _is(site: str, run_id: str) -> tuple[ColumnElement[bool], ...]:
    return runs.c.site == site, runs.c.id == run_id


def _run(row: Row[*tuple[Any, ...]]) -> Run:
    fields = {name: value for name, value in row._mapping.items() if name in Run.__struct_fields__}
    return Run(**fields, owner=owner_in(row))


def _children(table: Table, site: str, run_id: str, kind: type[msgspec.Struct]) -> Select[Any]:
    """A run's rows in a table, by number, with the columns that a struct is made of."""
    columns = [table.c[name] for name in kind.__struct_fields__]
    return select(*columns).where(table.c.site == site, table.c.run == run_id).order_by(table.c.number)


def _no_such_run(site: str, run_id: str) -> Refused:
    return Refused(
        text("There is no run {run} on {site}.", run=run_id, site=site),
        text("Nothing was changed."),
        text("List the runs of this site: overwinter runs {site}", site=site),
        "records.no-such-run",
    )


def _ambiguous(beginning: str) -> Refused:
    return Refused(
        text("Several runs begin with {run}.", run=beginning),
        text("Nothing was changed."),
        text("Give more characters of the run's id."),
        "records.ambiguous-run",
    )


def _no_such_site(site: str) -> Refused:
    return Refused(
        text("There is no site {site} any more.", site=site),
        text("Nothing was started."),
        text("List the sites: overwinter site list"),
        "records.no-such-site",
    )


def _run_closed(run_id: str) -> Refused:
    return Refused(
        text("The run {run} has already ended.", run=run_id[:8]),
        text("How it ended stays as it was recorded."),
        text("Look at it under Runs; start a new one if need be."),
        "records.run-closed",
    )
