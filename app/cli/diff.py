"""`diff`: what is different between two points, or two snapshots."""

from __future__ import annotations

import click

from app.assembly import Overwinter
from app.cli.output import printable
from app.cli.session import Session, pass_session
from app.foundation.words import Size, Text, plural, text
from app.jobs.compare import Difference, Kind, OnlyIn, Row, Totals, compare

MARKS = {Kind.ADDED: "+", Kind.REMOVED: "-", Kind.MODIFIED: "M", Kind.TYPE: "T", Kind.METADATA: "U"}


@click.command()
@click.argument("site")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@pass_session
def diff(session: Session, site: str, before: str, after: str) -> None:
    """What B has that A has not, and the reverse; A and B are points, or snapshots.

    + added, - removed, M modified, T another type, U owner, mode or time.
    """

    async def work(app: Overwinter) -> None:
        async def take(row: Row) -> None:
            session.output.row(row, _line(session, row))

        totals = await compare(await app.repository(site), before, after, take)
        session.output.result(totals, _said(totals))

    session.perform(work)


def _line(session: Session, row: Row) -> str:
    match row:
        case OnlyIn():
            return session.output.language.render(
                text("{source} is in {point} only", source=row.source, point=row.only_in[:8])
            )
        case Difference():
            return f"{MARKS[row.change]}  {_sizes(session, row):>24}  {row.source}  {printable(row.path)}"


def _sizes(session: Session, row: Difference) -> str:
    size = session.output.language.size
    if row.type != "file":
        return row.type
    if row.change is Kind.MODIFIED:
        return f"{size(row.before)} → {size(row.after)}"
    return size(row.after or row.before)


def _said(totals: Totals) -> list[Text]:
    different = totals.added + totals.removed + totals.modified + totals.type + totals.metadata
    if not different:
        return [] if totals.sources else [text("Nothing is different.")]
    return [
        plural("{count} name is different:", "{count} names are different:", different),
        text("  {count} added, {size}", count=totals.added, size=Size(totals.bytes_added)),
        text("  {count} removed, {size}", count=totals.removed, size=Size(totals.bytes_removed)),
        text(
            "  {count} modified, {before} before, {after} now",
            count=totals.modified,
            before=Size(totals.bytes_before),
            after=Size(totals.bytes_after),
        ),
        text("  {count} of another type", count=totals.type),
        text("  {count} of another owner, mode or time", count=totals.metadata),
    ]
