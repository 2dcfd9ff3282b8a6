"""`tools`: which outside programs are there, and which of them are used."""

from __future__ import annotations

import click

from app.assembly import Overwinter
from app.cli.session import Session, pass_session
from app.foundation.words import text
from app.tools.restic.program import the_fit_restic


@click.command()
@pass_session
def tools(session: Session) -> None:
    """The outside programs, with version, place, and whether they are fit."""

    async def work(app: Overwinter) -> None:
        found = await app.tools()
        session.output.result(
            found,
            [
                text(
                    "{fit} {name} {version} {path} {why}",
                    fit="✓" if tool.fit else "✗",
                    name=tool.name,
                    version=tool.version,
                    path=tool.path,
                    why=tool.why or "",
                )
                for tool in found
            ],
        )
        the_fit_restic([tool for tool in found if tool.name == "restic"])

    session.perform(work)
