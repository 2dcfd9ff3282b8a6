"""`audit`: who did what to a site; whether the log is as it was written; taking it out."""

from __future__ import annotations

import sys

import click

from app.assembly import Overwinter
from app.cli.output import print_line
from app.cli.session import Session, pass_session
from app.foundation.errors import UserError
from app.foundation.words import plural, text
from app.records.audit import AuditEntry, first_broken


@click.group()
def audit() -> None:
    """Who did what to a site. Entries are only ever added, each sealed to the one before it."""


@audit.command("list")
@click.argument("site")
@pass_session
def list_(session: Session, site: str) -> None:
    """The entries, oldest first; also those of a site that was removed."""

    async def work(app: Overwinter) -> None:
        for entry in await app.audit_log(site):
            session.output.row(_shown(entry), _line(session, entry))

    session.perform(work)


def _shown(entry: AuditEntry) -> dict[str, object]:
    return {"number": entry.number, "at": entry.at, "who": entry.who, "what": entry.what, "fields": entry.fields}


def _line(session: Session, entry: AuditEntry) -> str:
    fields = " ".join(f"{name}={value}" for name, value in entry.fields.items())
    return f"{entry.number:>5}  {session.output.moment(entry.at)}  {entry.who}  {entry.what}  {fields}".rstrip()


@audit.command()
@click.argument("site")
@click.option("--digest", default="", help="A digest that was noted before; its entry must still be there.")
@pass_session
def verify(session: Session, site: str, digest: str) -> None:
    """Whether every entry is as it was written. The last digest, noted elsewhere, shows later that none was cut off."""

    async def work(app: Overwinter) -> None:
        chain = await app.audit_log(site)
        broken = first_broken(chain) if chain else 1
        if broken is not None:
            raise _broken(site, broken, chain)
        if digest and all(entry.digest != digest for entry in chain):
            raise _cut_off(site, digest)
        last = chain[-1]
        said = [plural("{count} entry, all as written.", "{count} entries, all as written.", len(chain))]
        said += [text("Last digest: {digest}", digest=last.digest)]
        session.output.result({"entries": len(chain), "whole": True, "digest": last.digest}, said)

    session.perform(work)


@audit.command()
@click.argument("site")
@pass_session
def export(session: Session, site: str) -> None:
    """The whole log, a JSON object a line, with what it takes to check it anywhere.

    An entry's digest is the SHA-256 of the digest before it ("previous"), followed by the JSON object of at, fields,
    number, site, what and who in this order: ASCII, without spaces, each as it stands in the line.
    """

    async def work(app: Overwinter) -> None:
        for entry in await app.audit_log(site):
            print_line(entry.exported(), sys.stdout)

    session.perform(work)


def _broken(site: str, number: int, chain: list[AuditEntry]) -> UserError:
    found = next((entry for entry in chain if entry.number == number), None)
    if found is None:
        what = text("In the audit log of {site} entry {number} is missing.", site=site, number=number)
    else:
        what = text("In the audit log of {site} entry {number} is not as it was written.", site=site, number=number)
    return UserError(
        what,
        text("Those before it can be trusted, those from it on cannot. Backups are not touched by this."),
        text("Compare with an exported copy, and find out who could change the database from outside."),
        "audit.broken",
        "" if found is None else found.exported(),
    )


def _cut_off(site: str, digest: str) -> UserError:
    return UserError(
        text("The audit log of {site} has no entry with the digest {digest}.", site=site, digest=digest),
        text("Either it was cut off and continued, or the digest is of another site. Backups are not touched by this."),
        text("Compare with an exported copy, and find out who could change the database from outside."),
        "audit.cut-off",
    )
