"""`site runbook`: the printed document that tells a stranger at night how the site comes back."""

from __future__ import annotations

from pathlib import Path

import click

from app.assembly import Overwinter
from app.cli.session import Session, pass_session
from app.foundation.words import Text, text
from app.jobs.runbook.made import RunbookState

ENDINGS = (".md", ".html")


@click.command()
@click.argument("name")
@click.argument("target", type=click.Path(path_type=Path), required=False)
@click.option("--replace", is_flag=True, help="Put the new one in the place of an old one.")
@pass_session
def runbook(session: Session, name: str, target: Path | None, *, replace: bool) -> None:
    """Write the runbook: TARGET.md and TARGET.html, or the one that TARGET names. Without TARGET: how old it is."""

    async def work(app: Overwinter) -> None:
        if target is not None:
            files = await _write(session, app, name, target, replace=replace)
            await app.runbook_made(name, str(target))
        else:
            files = []
        state = await app.runbook_state(name)
        said = [text("{file} is written.", file=file) for file in files]
        result = {"site": name, "files": files, "made": state.made, "current": state.current}
        session.output.result(result, [*said, _said(session, state)])

    session.perform(work)


async def _write(session: Session, app: Overwinter, name: str, target: Path, *, replace: bool) -> list[str]:
    from app.jobs.runbook.document import as_html, as_markdown  # noqa: PLC0415  loaded when one is made

    parts = await app.runbook(name)
    endings = [target.suffix] if target.suffix in ENDINGS else list(ENDINGS)
    files = [target if target.suffix == ending else target.with_name(target.name + ending) for ending in endings]
    for file in files:
        write = as_markdown if file.suffix == ".md" else as_html
        content = write(parts, session.output.language)
        await app.write_file(file, content, replace=replace)
    return [str(file) for file in files]


def _said(session: Session, state: RunbookState) -> Text:
    if state.made is None:
        return text("There is no runbook yet: overwinter site runbook SITE TARGET")
    when = session.output.moment(state.made)
    if state.current:
        return text("The runbook was made {when}, and the site has not changed since.", when=when)
    return text("The runbook was made {when}, and the site has changed since: make it anew.", when=when)
