"""`site new`, `site look`, `site preset`: a site out of presets, and what a look at a host proposes for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
import msgspec

from app.assembly import Overwinter
from app.cli.session import Session, pass_session
from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.jobs.extending import Added, switched_off_news, with_proposals
from app.settings.model import THIS_COMPUTER, Host, HostKind, Source
from app.settings.presets import Preset, Use, Value, new_site, preset_named, presets
from app.settings.site_file import write

if TYPE_CHECKING:
    from app.jobs.look.job import Look
    from app.jobs.look.proposals import Proposal

SERVER = "server"
"""What the host of `--server` is called."""


@click.command("new")
@click.argument("name")
@click.option("--preset", "chosen", multiple=True, metavar="PRESET[=LABEL]", help="Repeatable; see: site preset list")
@click.option("--repository", required=True, help="Where recovery points go, as restic names it.")
@click.option("--title", default="", help="The site's name as people say it.")
@click.option("--server", default="", metavar="USER@ADDRESS[:PORT]", help="The SSH server that the presets are on.")
@click.option("--set", "given", multiple=True, metavar="[LABEL.]KEY=VALUE", help="A value of a preset; repeatable.")
@click.option("--output", type=click.Path(path_type=Path), help="The file to write; NAME.toml unless said otherwise.")
@pass_session
def new(
    session: Session,
    name: str,
    *,
    chosen: Sequence[str],
    repository: str,
    title: str,
    server: str,
    given: Sequence[str],
    output: Path | None,
) -> None:
    """Write a site file out of presets, to look at and to add."""

    async def work(app: Overwinter) -> None:
        await app.expect_no_site(name)
        hosts = (server_of(server),) if server else ()
        uses = uses_of(chosen, given, SERVER if server else THIS_COMPUTER)
        added = switched_off_news(None, new_site(name, title, repository, hosts, uses))
        file = output or Path(f"{name}.toml")
        await app.write_file(file, write(added.site))
        said = [text("{file} is written. Look at it, then: overwinter site add {file}", file=str(file))]
        session.output.result(_added(added) | {"file": str(file)}, [*said, *_off(added)])

    session.perform(work)


@click.command("look")
@click.argument("name")
@click.option("--host", default=THIS_COMPUTER, help="One of the site's hosts; this computer unless said otherwise.")
@click.option("--under", multiple=True, metavar="FOLDER", help="Look below this folder only; repeatable.")
@click.option("--take", multiple=True, metavar="LABEL", help="Only these of the proposals; repeatable.")
@click.option("--add", "adding", is_flag=True, help="Add them to the site, and their passwords to the secret store.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the site with them into this file instead.")
@pass_session
def look(
    session: Session,
    name: str,
    *,
    host: str,
    under: Sequence[str],
    take: Sequence[str],
    adding: bool,
    output: Path | None,
) -> None:
    """Look at a host, and propose what the site should back up there. Nothing is changed there."""

    async def work(app: Overwinter) -> None:
        seen = await app.look(name, host, under)
        chosen = _taken(seen.proposals, take)
        result: dict[str, object] = {"site": name, "host": host, "added": [], "file": None}
        said = [*_proposals(seen), *seen.notes]
        if adding and chosen:
            added = await app.add_proposals(name, chosen)
            result |= {"added": list(added.sources), "off": list(added.off)}
            said += [text("Added to {site}: {names}", site=name, names=", ".join(added.sources)), *_off(added)]
        elif output is not None and chosen:
            before = await app.sites.get(name)
            added = switched_off_news(before, with_proposals(before, chosen))
            await app.write_file(output, write(added.site))
            result |= {"file": str(output), "off": list(added.off)}
            next_step = text("{file} is written: overwinter site add {file} --replace", file=str(output))
            said += [next_step, *_off(added)]
        session.output.result(result | _look(seen), said)

    session.perform(work)


@click.group("preset")
def preset() -> None:
    """Parts of a site for software that is met often."""


@preset.command("list")
@pass_session
def list_(session: Session) -> None:
    """All presets."""

    async def work(_app: Overwinter) -> None:
        rows = [{"name": one.name, "title": str(one.title), "about": str(one.about)} for one in presets()]
        width = max(len(one.name) for one in presets())
        said = [text("{name}  {title}", name=one.name.ljust(width), title=one.title) for one in presets()]
        session.output.result(rows, said)

    session.perform(work)


@preset.command("show")
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """The values that a preset takes, and what it brings."""

    async def work(_app: Overwinter) -> None:
        found = preset_named(name)
        session.output.result(found, _shown(found))

    session.perform(work)


@preset.command("add")
@click.argument("site")
@click.argument("chosen", nargs=-1, required=True, metavar="PRESET[=LABEL]…")
@click.option("--host", default=THIS_COMPUTER, help="One of the site's hosts; this computer unless said otherwise.")
@click.option("--set", "given", multiple=True, metavar="[LABEL.]KEY=VALUE", help="A value of a preset; repeatable.")
@pass_session
def add(session: Session, site: str, chosen: Sequence[str], host: str, given: Sequence[str]) -> None:
    """Add presets to a site that is set up here."""

    async def work(app: Overwinter) -> None:
        added = await app.add_presets(site, uses_of(chosen, given, host))
        said = [text("Added to {site}: {names}", site=site, names=", ".join(added.sources))]
        session.output.result(_added(added), [*said, *_off(added)])

    session.perform(work)


def uses_of(chosen: Iterable[str], given: Iterable[str], host: str) -> list[Use]:
    """The uses that the options say; a value without a label is for every preset that takes it."""
    uses = [Use(name, label or name, host) for name, _, label in (each.partition("=") for each in chosen)]
    for each in given:
        key, mark, value = each.partition("=")
        label, _, plain = key.rpartition(".")
        fits = [use for use in uses if _takes(use, label, plain)]
        if not mark or not fits:
            raise _for_nobody(each)
        uses = [_with(use, plain, value) if use in fits else use for use in uses]
    return uses


def _takes(use: Use, label: str, key: str) -> bool:
    return label in ("", use.label) and any(ask.key == key for ask in preset_named(use.preset).asks)


def _with(use: Use, key: str, value: Value) -> Use:
    return msgspec.structs.replace(use, values={**use.values, key: value})


def server_of(server: str) -> Host:
    """The host that `--server` says. Raises `UserError` `usage.server`, without repeating a password in it."""
    try:
        parts = urlsplit(f"ssh://{server}")
        port = parts.port or 0
    except ValueError:
        parts, port = urlsplit(""), 0
    if not parts.hostname or parts.password or parts.path:
        raise UserError(
            text("{server} is no server that could be logged in to.", server=server.rpartition("@")[2]),
            text("Nothing was written."),
            text("Write it as USER@ADDRESS or USER@ADDRESS:PORT, without a password."),
            "usage.server",
        )
    return Host(name=SERVER, kind=HostKind.SSH, address=parts.hostname, user=parts.username or "", port=port)


def _taken(proposals: Sequence[Proposal], take: Sequence[str]) -> list[Proposal]:
    known = {one.label for one in proposals}
    for label in take:
        if label not in known:
            raise UserError(
                text("Nothing that was found is called {label}.", label=label),
                text("Nothing was added."),
                text("It can be: {labels}", labels=", ".join(sorted(known)) or "-"),
                "usage.nothing-found-so",
            )
    return [one for one in proposals if not take or one.label in take]


def _look(seen: Look) -> dict[str, object]:
    return {
        "proposals": [_proposal(one) for one in seen.proposals],
        "notes": seen.notes,
        "folders": seen.walked.folders,
        "cut": seen.walked.cut,
        "closed": seen.walked.closed,
        "mounts": seen.walked.mounts,
    }


def _proposal(one: Proposal) -> dict[str, object]:
    """What JSON says of a proposal; of passwords only what they would be called."""
    return {
        "preset": one.preset,
        "label": one.label,
        "seen": one.seen,
        "hosts": one.parts.hosts,
        "sources": one.parts.sources,
        "commands": one.parts.commands,
        "passwords": sorted(one.passwords),
    }


def _proposals(seen: Look) -> list[Text]:
    if not seen.proposals:
        return [text("Nothing was found on {host} that the site does not have.", host=seen.host)]
    said = []
    for one in seen.proposals:
        said.append(text("{label} ({preset}): {seen}", label=one.label, preset=one.preset, seen=one.seen))
        said += [_source(source) for source in one.parts.sources]
        kept = sorted(one.passwords)
        said += [text("   its password was found; --add stores it as {name}", name=name) for name in kept]
    return said


def _source(source: Source) -> Text:
    what = source.root or source.database or source.volume
    return text("   {name}: {kind} {what}", name=source.name, kind=source.kind.value, what=what)


def _added(added: Added) -> dict[str, object]:
    return {"site": added.site.name, "sources": list(added.sources), "off": list(added.off)}


def _off(added: Added) -> list[Text]:
    if not added.off:
        return []
    names = ", ".join(added.off)
    return [text("Switched off, because this version cannot back them up yet: {names}", names=names)]


def _shown(found: Preset) -> list[Text | str]:
    brings = [str(row["name"]) for row in (*found.sources, *found.commands)]
    said: list[Text | str] = [found.title, found.about]
    for ask in found.asks:
        can_be = f" ({' | '.join(ask.choices)})" if ask.choices else ""
        shown = text("   {key} = {default}    {what}", key=ask.key, default=ask.default, what=ask.what)
        said.append(text("{shown}{choices}", shown=shown, choices=can_be))
    return [*said, text("It brings: {names}", names=", ".join(dict.fromkeys(brings)))]


def _for_nobody(given: str) -> UserError:
    return UserError(
        text("No chosen preset takes {given}.", given=given.partition("=")[0]),
        text("Nothing was written and nothing was changed."),
        text("Write --set KEY=VALUE or --set LABEL.KEY=VALUE; the keys: overwinter site preset show PRESET"),
        "usage.preset-value",
    )
