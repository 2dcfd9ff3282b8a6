"""`host`: reach a site's server for real, and trust another host key of it."""

from __future__ import annotations

import click

from app.assembly import Overwinter
from app.cli.session import Session, pass_session
from app.foundation.words import text


@click.group()
def host() -> None:
    """The hosts of a site."""


@host.command()
@click.argument("site")
@click.argument("name")
@pass_session
def test(session: Session, site: str, name: str) -> None:
    """Log in, start a program, and look into a folder."""

    async def work(app: Overwinter) -> None:
        found = await app.host(site, name)
        facts = await found.facts()
        free = await found.free_space("/")
        session.output.result(
            {"host": name, "computer": facts.computer, "system": facts.system, "machine": facts.machine,
             "user": facts.user, "free": free},
            [text("{host} answers: {computer}, {system} {machine}, as {user}.", host=name, computer=facts.computer,
                  system=facts.system, machine=facts.machine, user=facts.user)],
        )  # fmt: skip

    session.perform(work)


@host.command()
@click.argument("site")
@click.argument("name")
@click.argument("fingerprint")
@pass_session
def trust(session: Session, site: str, name: str, fingerprint: str) -> None:
    """Pin the host key with this fingerprint (SHA256:…), as read on the server itself; it has to show that key now."""

    async def work(app: Overwinter) -> None:
        await app.trust_host(site, name, fingerprint)
        session.output.result(
            {"host": name, "fingerprint": fingerprint},
            [text("The host key of {host} is {fingerprint} from now on.", host=name, fingerprint=fingerprint)],
        )

    session.perform(work)
