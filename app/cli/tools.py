"""`tools`: which outside programs are there, and which of them are used."""

from __future__ import annotations

import click

from app.assembly import Overwinter
from app.cli.session import FAILED, Session, pass_session
from app.foundation.words import text


@click.command()
@pass_session
def tools(session: Session) -> None:
    """The outside programs, with version, place, and whether they are fit."""

    async def work(app: Overwinter) -> int | None:
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
        return None if any(tool.fit for tool in found if tool.name == "restic") else FAILED

    session.perform(work)
