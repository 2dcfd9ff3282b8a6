"""What makes a site usable: every field within its limits, and what must fit together between them.

The same rules stand behind the site file, the forms and the stored site; a fault names its place, not a line.
"""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

import msgspec

from app.foundation.words import Text, text
from app.settings.addresses import parsed, without_credentials
from app.settings.fields import Field, fields_of
from app.settings.model import (
    THIS_COMPUTER,
    Command,
    Host,
    HostKind,
    Repository,
    Site,
    Source,
    SourceKind,
)
from app.settings.paths import is_absolute, is_whole_disk, steps_up

Where = tuple[str | int, ...]
"""The place of a field: ("sources", 0, "root"), counted from 0."""

RESERVED_SOURCES = ("manifest", "keep", "verify")
"""Names that Overwinter's own snapshots go by."""


class Fault(msgspec.Struct, frozen=True):
    """Something in a site that cannot be used, and what to write instead. `code` is stable."""

    where: Where
    code: str
    what: Text
    remedy: Text


class Parts(msgspec.Struct, frozen=True):
    """As much of a site as can be read; each part comes with its place.

    `host_names` are all names that were given to hosts, also to those that cannot be read.
    """

    repository: Repository | None
    hosts: Sequence[tuple[int, Host]]
    sources: Sequence[tuple[int, Source]]
    commands: Sequence[tuple[int, Command]]
    host_names: frozenset[str]
    time_zone: str


def faults_of(site: Site) -> tuple[Fault, ...]:
    """All that is wrong with a site, in the order of its fields; nothing when it can be used."""
    parts = Parts(
        site.repository,
        tuple(enumerate(site.hosts)),
        tuple(enumerate(site.sources)),
        tuple(enumerate(site.commands)),
        frozenset(host.name for host in site.hosts),
        site.time_zone,
    )
    return (*_field_faults(site, ()), *faults_between(parts))


def faults_between(parts: Parts) -> Iterator[Fault]:
    """What does not fit together, where every field by itself is within its limits."""
    yield from _time_zone_faults(parts.time_zone)
    if parts.repository is not None:
        yield from _repository_faults(parts.repository)
    for index, host in parts.hosts:
        yield from _host_faults(("hosts", index), host, parts)
    for index, source in parts.sources:
        yield from _source_faults(("sources", index), source, parts)
    for index, command in parts.commands:
        yield from _command_faults(("commands", index), command, parts)
    yield from _twice("hosts", ((index, host.name) for index, host in parts.hosts))
    yield from _twice("sources", ((index, source.name) for index, source in parts.sources))
    yield from _twice("commands", ((index, f"{each.when.value} {each.name}") for index, each in parts.commands))


def fault_of_value(where: Where, field: Field, value: Any) -> Fault | None:
    """What is wrong with one value, by the limits of its field; its text is never repeated, it may hold a password."""
    try:
        field.takes(value)
        msgspec.json.encode(value)  # half a character can be kept nowhere
    except (msgspec.ValidationError, UnicodeEncodeError):
        what = text("This cannot be used as {key}.", key=field.name)
        return Fault(where, "wrong-value", what, _remedy(field, value))
    return None


def _remedy(field: Field, value: Any) -> Text:
    choices = field.choices()
    near = difflib.get_close_matches(str(value), choices, 1)
    if near:
        return text('Did you mean "{near}"? It can be: {choices}.', near=near[0], choices=", ".join(choices))
    return text("Write one of: {choices}.", choices=", ".join(choices)) if choices else field.about.remedy


def _field_faults(struct: msgspec.Struct, where: Where) -> Iterator[Fault]:
    for field in fields_of(type(struct)):
        value, place = getattr(struct, field.name), (*where, field.name)
        if field.table is not None and field.many:
            for index, each in enumerate(value):
                yield from _field_faults(each, (*place, index))
        elif field.table is not None:
            yield from _field_faults(value, place)
        elif fault := fault_of_value(place, field, value):
            yield fault


def _kind_faults(where: Where, struct: Host | Source) -> Iterator[Fault]:
    """Fields that this kind needs, and those that it does not have."""
    kind: Enum = struct.kind
    for field in fields_of(type(struct)):
        given = getattr(struct, field.name) != field.default
        if field.has_kind(kind) and field.is_needed(kind) and not given:
            yield Fault(
                where,
                "missing-key",
                text(
                    '{name} needs "{key}": {kind} cannot be without it.',
                    name=struct.name,
                    key=field.name,
                    kind=kind.value,
                ),
                text("Add {key} = … {remedy}", key=field.name, remedy=field.about.remedy),
            )
        if given and not field.has_kind(kind):
            yield Fault(
                (*where, field.name),
                "needless-key",
                text(
                    '{name} has no use for "{key}": it is of kind {kind}.',
                    name=struct.name,
                    key=field.name,
                    kind=kind.value,
                ),
                text("Take {key} out, or choose another kind.", key=field.name),
            )


def _time_zone_faults(name: str) -> Iterator[Fault]:
    if name == "UTC" or _is_zone(name):
        return
    known = zoneinfo.available_timezones()
    near = difflib.get_close_matches(name, known, 1)
    if not known:
        remedy = text("This computer has no table of time zones: write UTC, or install the Python package tzdata.")
    elif near:
        remedy = text('Did you mean "{near}"?', near=near[0])
    else:
        remedy = text("Write a zone as the tz database names it, such as Europe/Prague, or UTC.")
    yield Fault(("time_zone",), "unknown-time-zone", text("There is no time zone {name}.", name=name), remedy)


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # a folder of the table is an OSError
        return False
    return True


def _repository_faults(repository: Repository) -> Iterator[Fault]:
    where: Where = ("repository",)
    by_bucket = repository.bucket or repository.endpoint or repository.prefix
    if repository.url and by_bucket:
        what = text("The repository has a url and the parts of an S3 address as well.")
        yield Fault((*where, "url"), "repository-twice", what, text("Keep url, or keep endpoint, bucket and prefix."))
    elif not repository.url and not repository.bucket:
        what = text("The repository has no address.")
        yield Fault(where, "no-repository", what, text("Add url = …, or endpoint = … and bucket = …"))
    elif fault := _address_fault(repository):
        yield fault


def _address_fault(repository: Repository) -> Fault | None:
    """What is wrong with the address, without repeating it: what cannot be understood may hold a password."""
    where: Where = ("repository", "url") if repository.url else ("repository", "endpoint")
    address = parsed(repository.address)
    if without_credentials(repository)[1] or address.has_password:
        return Fault(
            where,
            "password-in-address",
            text("There is a password in the address of the repository."),
            text("Take it out. SFTP uses your SSH key, rclone its own configuration; others have a secret for it."),
        )
    if not address.is_usable:
        return Fault(
            where,
            "wrong-address",
            text("The address of the repository is neither an absolute path nor an address of restic."),
            text(
                "Write an absolute path, or an address that begins with sftp:, rest:, s3: or another of restic's kinds."
            ),
        )
    return None


def _host_faults(where: Where, host: Host, parts: Parts) -> Iterator[Fault]:
    yield from _kind_faults(where, host)
    if host.name == THIS_COMPUTER:
        what = text("The name {name} is taken: this computer always exists.", name=THIS_COMPUTER)
        yield Fault((*where, "name"), "duplicate-name", what, text("Give the host another name, or leave it out."))
    key = "jump" if host.kind is HostKind.SSH else "on"
    if host.upstream not in ("", THIS_COMPUTER):
        yield from _upstream_faults((*where, key), host, host.upstream, parts)


def _upstream_faults(where: Where, host: Host, upstream: str, parts: Parts) -> Iterator[Fault]:
    """A way to a host leads through SSH hosts of this site, and not in a circle."""
    if upstream not in parts.host_names:
        yield _unknown_host(where, upstream, parts)
        return
    by_name = {each.name: each for _, each in parts.hosts}
    passed, at = {host.name}, by_name.get(upstream)
    while at is not None and at.kind is HostKind.SSH and at.name not in passed:
        passed.add(at.name)
        at = by_name.get(at.jump)
    if at is not None:
        yield Fault(
            where,
            "no-way-to-host",
            text("The way to {host} leads through {through}, which cannot be.", host=host.name, through=at.name),
            text("Name hosts of kind ssh only, and none that leads back to {host}.", host=host.name),
        )


def _source_faults(where: Where, source: Source, parts: Parts) -> Iterator[Fault]:
    yield from _kind_faults(where, source)
    yield from _host_known((*where, "host"), source.host, parts)
    if source.name.lower() in RESERVED_SOURCES:
        what = text("The name {name} belongs to Overwinter's own snapshots.", name=source.name)
        yield Fault((*where, "name"), "reserved-name", what, text("Give the source another name."))
    if source.kind is SourceKind.RECORDS and source.host != THIS_COMPUTER:
        what = text("Overwinter's own records are on this computer, not on {host}.", host=source.host)
        yield Fault(
            (*where, "host"), "records-elsewhere", what, text("Take host out, or write {name}.", name=THIS_COMPUTER)
        )
    for key in ("root", "database"):
        if key == "root" or source.kind is SourceKind.SQLITE:
            yield from _absolute((*where, key), getattr(source, key))
    if source.kind is SourceKind.FILES and is_whole_disk(source.root) and not (source.include or source.exclude):
        what = text("{source} would take the whole disk.", source=source.name)
        yield Fault(
            (*where, "root"), "whole-disk", what, text("Name the folder, or add include = […] or exclude = […].")
        )
    for key in ("include", "exclude", "keep_live", "clear_after"):
        yield from _inside((*where, key), getattr(source, key))


def _command_faults(where: Where, command: Command, parts: Parts) -> Iterator[Fault]:
    yield from _host_known((*where, "host"), command.host, parts)
    yield from _absolute((*where, "folder"), command.folder)
    if not command.run or not command.run[0].strip():
        what = text("{name} names no program.", name=command.name)
        yield Fault((*where, "run"), "no-program", what, text('Write the program first, such as ["php", "artisan"].'))


def _absolute(where: Where, path: str) -> Iterator[Fault]:
    if path and (not is_absolute(path) or steps_up(path)):
        what = text("{key} is not an absolute path: {path}", key=str(where[-1]), path=path)
        remedy = text("Write the whole path from / on (or from C:\\ on), without .. in it.")
        yield Fault(where, f"relative-{where[-1]}", what, remedy)


def _inside(where: Where, paths: Sequence[str]) -> Iterator[Fault]:
    for path in paths:
        if is_absolute(path) or steps_up(path):
            what = text("{path} in {key} leads out of the folder.", path=path, key=str(where[-1]))
            yield Fault(where, "outside", what, text("Write paths inside the folder, without .. in them."))


def _host_known(where: Where, name: str, parts: Parts) -> Iterator[Fault]:
    if name != THIS_COMPUTER and name not in parts.host_names:
        yield _unknown_host(where, name, parts)


def _unknown_host(where: Where, name: str, parts: Parts) -> Fault:
    known = sorted({THIS_COMPUTER, *parts.host_names})
    near = difflib.get_close_matches(name, known, 1)
    what = text("There is no host {name} in this site.", name=name)
    if near:
        return Fault(where, "unknown-host", what, text('Did you mean "{near}"?', near=near[0]))
    remedy = text("Add a table [[hosts]] with this name, or use one of: {known}.", known=", ".join(known))
    return Fault(where, "unknown-host", what, remedy)


def _twice(table: str, names: Iterable[tuple[int, str]]) -> Iterator[Fault]:
    """Names that are used again; a keyring may tell no large letters from small ones, so neither do we."""
    seen: set[str] = set()
    for index, name in names:
        if name.lower() in seen:
            what = text("The name {name} is used twice.", name=name)
            yield Fault((table, index, "name"), "duplicate-name", what, text("Give each its own name."))
        seen.add(name.lower())
