"""What stands in a runbook: whom to call, where the keys are, what there is, and how it comes back, in order."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from app import __version__
from app.foundation.words import Text, text
from app.jobs.runbook.document import Commands, Heading, Items, Paragraph, Part, Table
from app.jobs.runbook.recipes import place_of, recipe_of, repository_lines
from app.jobs.supported import can_be_backed_up
from app.settings.missing_secrets import needed_secret_names
from app.settings.model import (
    REPOSITORY_PASSWORD,
    Command,
    CommandWhen,
    Host,
    HostKind,
    Site,
    Source,
    SourceKind,
)

# Roles before the databases they own, databases before the files that use them.
_ORDER = (SourceKind.POSTGRESQL_GLOBALS, SourceKind.MYSQL_USERS, SourceKind.POSTGRESQL, SourceKind.MYSQL,
          SourceKind.SQLITE, SourceKind.FILES, SourceKind.DOCKER_VOLUME)  # fmt: skip

_MOMENTS = {
    CommandWhen.MAINTENANCE_ON: text("Before: close the site"),
    CommandWhen.STOP: text("Before: stop what writes"),
    CommandWhen.AFTER_RESTORE: text("After: tidy up"),
    CommandWhen.START: text("After: start again"),
    CommandWhen.MAINTENANCE_OFF: text("After: open the site"),
    CommandWhen.SMOKE: text("After: look whether it works"),
}
_BEFORE = (CommandWhen.MAINTENANCE_ON, CommandWhen.STOP)
_AFTER = (CommandWhen.AFTER_RESTORE, CommandWhen.START, CommandWhen.MAINTENANCE_OFF, CommandWhen.SMOKE)

NOBODY = text("Nobody is named. Add contacts to the site's settings.")


class Facts(msgspec.Struct, frozen=True):
    """What a runbook is made from besides the site: when, on which computer, and where each stored secret is kept."""

    made: datetime
    computer: str
    stored: Mapping[str, str]


def contents(site: Site, facts: Facts) -> list[Part]:
    """The whole document."""
    made = f"{facts.made:%Y-%m-%d %H:%M %Z}".rstrip()
    return [
        Heading(1, text("Runbook of {title} ({name})", title=site.title, name=site.name)),
        Paragraph(text("Made {when} on {computer} by Overwinter {version}. Print it; keep it with the kit.",
                       when=made, computer=facts.computer, version=__version__)),
        *_contacts(site),
        *_keys(site, facts),
        *_hosts(site),
        *_sources(site),
        *_bringing_back(site),
    ]  # fmt: skip


def _contacts(site: Site) -> Iterator[Part]:
    yield Heading(2, text("Whom to call"))
    if not site.contacts:
        yield Paragraph(NOBODY)
        return
    heads = (text("Name"), text("Role"), text("Telephone"), text("E-mail"), text("Note"))
    yield Table(heads, tuple((one.name, one.role, one.phone, one.email, one.note) for one in site.contacts))


def _keys(site: Site, facts: Facts) -> Iterator[Part]:
    yield Heading(2, text("Where the keys are"))
    kit = site.runbook.kit or text("not said: fill in where the kit is, under Runbook in the site's settings")
    yield Items((
        text("Recovery kit: {place}", place=kit),
        *((text("Keys of rooms and cabinets: {place}", place=site.runbook.keys),) if site.runbook.keys else ()),
        *(text("Key for {host}: {file} on {computer}", host=host.name, file=host.key_file, computer=facts.computer)
          for host in site.hosts if host.key_file),
    ))  # fmt: skip
    yield Paragraph(text("No password stands in this document. Without the repository password no backup can be read."))
    heads = (text("Secret"), text("What for"), text("Kept in"))
    yield Table(heads, tuple(_secret_row(name, facts) for name in _secrets(site, facts)))
    if site.runbook.notes:
        yield Heading(2, text("To know beforehand"))
        yield Items(site.runbook.notes)


def _secrets(site: Site, facts: Facts) -> list[str]:
    """Those that it needs, and those that are stored."""
    return [name for name in site.secret_names() if name in needed_secret_names(site) or name in facts.stored]


def _secret_row(name: str, facts: Facts) -> tuple[Text | str, ...]:
    kept = facts.stored.get(name)
    where = text("{store} of {computer}", store=kept, computer=facts.computer) if kept else text("NOT STORED")
    return name, _purpose(name), where


def _purpose(name: str) -> Text:
    if name == REPOSITORY_PASSWORD:
        return text("opens every backup")
    kind, _, rest = name.partition(":")
    owner = rest.rpartition(":")[0]
    if kind == "source":
        return text("the database account of {source}", source=owner)
    if kind == "host":
        return text("logs in to {host}", host=owner)
    return text("gets at the repository")


def _hosts(site: Site) -> Iterator[Part]:
    if site.hosts:
        yield Heading(2, text("Hosts"))
        heads = (text("Name"), text("Reached by"))
        yield Table(heads, tuple((host.name, _reached(host)) for host in site.hosts))


def _reached(host: Host) -> Text:
    if host.kind is HostKind.CONTAINER:
        return text("container {container} on {host}", container=host.container, host=host.on)
    login = f"{host.user}@{host.address}" if host.user else host.address
    by = text("SSH {login}, port {port}", login=login, port=host.port)
    return text("{by}, through {jump}", by=by, jump=host.jump) if host.jump else by


def _sources(site: Site) -> Iterator[Part]:
    yield Heading(2, text("What there is"))
    heads = (text("Source"), text("Kind"), text("Host"), text("What"), text("In the backup"))
    yield Table(heads, tuple(_source_row(site, source) for source in in_order(site.sources)))


def _source_row(site: Site, source: Source) -> tuple[Text | str, ...]:
    what = source.root or source.database or source.volume or source.server
    taken = source.enabled and can_be_backed_up(site, source)
    return source.name, source.kind.value, source.host, what, text("yes") if taken else text("NO")


def in_order(sources: Iterable[Source]) -> list[Source]:
    """The sources in the order in which they come back."""
    rank = {kind: number for number, kind in enumerate(_ORDER)}
    return sorted(sources, key=lambda source: rank.get(source.kind, len(rank)))


def _bringing_back(site: Site) -> Iterator[Part]:
    yield Heading(2, text("How it comes back"))
    yield Paragraph(text("With any restic of version 0.18 or newer, and nothing of Overwinter:"))
    yield Commands(repository_lines(site))
    yield Paragraph(text("Below, latest is the newest of each source. All sources of one recovery point have one tag "
                         "run:…; for an older one write the snapshot's id in the place of latest."))  # fmt: skip
    yield from _around(site, _BEFORE)
    for source in in_order(site.sources):
        if source.enabled and can_be_backed_up(site, source):
            yield from _one(site, source)
    yield from _around(site, _AFTER)
    yield Paragraph(text("What was renamed stays beside the new one (.before, _before) until a person removes it."))
    yield Paragraph(text("Overwinter lists and saves too: overwinter points {site}, overwinter save {site} …",
                         site=site.name))  # fmt: skip


def _one(site: Site, source: Source) -> Iterator[Part]:
    recipe = recipe_of(site, source)
    if recipe is None:
        return
    yield Heading(3, text("{source} ({kind}, {host})", source=source.name, kind=source.kind.value, host=source.host))
    yield Commands(recipe.fetch)
    if place_of(site, source) != place_of(site, msgspec.structs.replace(source, host="this-computer")):
        yield Paragraph(text("Then {place}", place=place_of(site, source)))
    yield Commands(recipe.apply)
    if recipe.hints:
        yield Items(recipe.hints)


def _around(site: Site, moments: Iterable[CommandWhen]) -> Iterator[Part]:
    for moment in moments:
        commands = [command for command in site.commands if command.when is moment]
        if commands:
            yield Heading(3, _MOMENTS[moment])
            yield Commands(tuple(line for command in commands for line in _command(site, command)))


def _command(site: Site, command: Command) -> Iterator[str]:
    """A comment that says where, and the line; what runs in a container is typed on the host of that container."""
    words = [word.replace("{bypass}", "SOME-LONG-RANDOM-WORD") for word in command.run]
    container = next((one for one in site.hosts if one.name == command.host and one.kind is HostKind.CONTAINER), None)
    if container is not None:
        folder = ["--workdir", command.folder] if command.folder else []
        yield f"# {command.name} (on {container.on})"
        yield shlex.join(["docker", "exec", *folder, container.container, *words])
        return
    yield f"# {command.name} (on {command.host})"
    line = shlex.join(words)
    yield f"cd {shlex.quote(command.folder)} && {line}" if command.folder else line
