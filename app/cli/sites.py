"""`site`: add, list, show, export, remove the sites this program looks after; more of it is in `presets`, `runbook`."""

from __future__ import annotations

from pathlib import Path

import click

from app.assembly import Overwinter
from app.cli.presets import look, new, preset
from app.cli.runbook import runbook
from app.cli.session import Session, pass_session
from app.foundation.errors import Refused, UserError
from app.foundation.words import Text, text
from app.settings.missing_secrets import MissingSecrets
from app.settings.model import Site
from app.settings.site_file import write


@click.group()
def site() -> None:
    """The sites on this computer."""


for command in (new, look, preset, runbook):
    site.add_command(command)


@site.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Put this file in the place of the site's present one.")
@pass_session
def add(session: Session, file: Path, *, replace: bool) -> None:
    """Add the site that FILE describes."""

    async def work(app: Overwinter) -> None:
        added = await app.add_site(_content(file), replace=replace)
        said = [text("Site {site} is set up.", site=added.site.name)]
        said += [text("The secret {name} was taken out of the file and stored.", name=name) for name in added.secrets]
        missing = await app.missing_secrets(added.site.name)
        said += _missing(added.site.name, missing)
        result = {"site": added.site.name, "secrets": list(added.secrets)}
        session.output.result(result | {"missing": missing.needed, "perhaps": missing.perhaps}, said)

    session.perform(work)


def _missing(site: str, missing: MissingSecrets) -> list[Text]:
    """What has to be stored next, and what may be asked for later."""
    said = [text("Missing: {command}", command=_set_it(site, name)) for name in missing.needed]
    return said + [text("If it is asked for: {command}", command=_set_it(site, name)) for name in missing.perhaps]


def _set_it(site: str, name: str) -> str:
    return f"overwinter secret set {site} {name}"


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(
            text("The site file {file} cannot be read.", file=str(file)),
            text("Nothing was changed."),
            text("Check the path and the rights of the file."),
            "site-file.unreadable",
            str(error),
        ) from error


@site.command("list")
@pass_session
def list_(session: Session) -> None:
    """All sites."""

    async def work(app: Overwinter) -> None:
        sites = await app.sites.all()
        rows = [{"name": found.name, "title": found.title, "repository": found.repository.address} for found in sites]
        said = [text("{name}  {title}", name=found.name, title=found.title) for found in sites]
        session.output.result(rows, said or [text("No site yet: overwinter site add FILE.toml")])

    session.perform(work)


@site.command()
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """The site's settings, as a site file."""
    _print(session, name)


@site.command()
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), help="A new file to write, instead of standard output.")
@pass_session
def export(session: Session, name: str, output: Path | None) -> None:
    """The site as a site file, without secrets and host keys, for a colleague."""
    if output is None:
        _print(session, name)
        return

    async def work(app: Overwinter) -> None:
        await app.write_file(output, write(await app.sites.get(name)))
        session.output.result({"site": name, "file": str(output)}, [text("{file} is written.", file=str(output))])

    session.perform(work)


def _print(session: Session, name: str) -> None:
    async def work(app: Overwinter) -> None:
        found: Site = await app.sites.get(name)
        if session.output.json:
            session.output.result(found)
        else:
            click.echo(write(found), nl=False)

    session.perform(work)


@site.command()
@click.argument("name")
@click.option("--confirm", default="", help='"REMOVE <SITE>"')
@pass_session
def remove(session: Session, name: str, confirm: str) -> None:
    """Forget the site on this computer; its repository and the board archive stay untouched."""

    async def work(app: Overwinter) -> None:
        found = await app.sites.get(name)
        if confirm != f"REMOVE {found.name}":
            raise Refused(
                text("Removing {site} needs its phrase.", site=found.name),
                text("Nothing was removed. The repository is never touched."),
                text('Type: --confirm "REMOVE {site}"', site=found.name),
                "site.not-confirmed",
            )
        await app.remove_site(found.name)
        session.output.result({"removed": found.name}, [text("Site {site} is removed here.", site=found.name)])

    session.perform(work)
