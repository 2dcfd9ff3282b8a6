"""`secret`: store, list and remove a site's secrets; values come on standard input, never as arguments."""

from __future__ import annotations

import sys

import click

from app.assembly import Overwinter
from app.cli.session import Session, pass_session
from app.foundation.errors import UserError
from app.foundation.words import text


@click.group()
def secret() -> None:
    """The secrets of a site, in the keyring or the vault."""


@secret.command("set")
@click.argument("site")
@click.argument("name")
@pass_session
def set_(session: Session, site: str, name: str) -> None:
    """Store a secret that is read from standard input (or asked for on a terminal)."""

    async def work(app: Overwinter) -> None:
        value = _read(name)
        stored = await app.set_secret(site, name, value)
        session.output.result(
            {"site": site, "name": name, "where": stored},
            [text("{name} is stored in the {where}.", name=name, where=stored)],
        )

    session.perform(work)


def _read(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(name, hide_input=True, confirmation_prompt=True, err=True))
    try:
        value = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            text("The secret is not UTF-8 text."),
            text("Nothing was stored; a secret that was stored before is unchanged."),
            text("Give it as text on standard input."),
            "usage.secret-not-text",
        ) from error
    return value.removesuffix("\n").removesuffix("\r")


@secret.command("list")
@click.argument("site")
@pass_session
def list_(session: Session, site: str) -> None:
    """The names of the stored secrets, never their values."""

    async def work(app: Overwinter) -> None:
        await app.sites.get(site)
        names = await app.secrets.names(site)
        said = [
            text("{name}  {where}  {when}", name=one.name, where=one.where, when=session.output.moment(one.stored_at))
            for one in names
        ]
        session.output.result(names, said or [text("No secret is stored for {site}.", site=site)])

    session.perform(work)


@secret.command()
@click.argument("site")
@click.argument("name")
@pass_session
def remove(session: Session, site: str, name: str) -> None:
    """Remove a stored secret."""

    async def work(app: Overwinter) -> None:
        await app.remove_secret(site, name)
        session.output.result({"removed": name}, [text("{name} is removed.", name=name)])

    session.perform(work)
