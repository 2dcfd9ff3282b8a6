"""The site file: TOML in, a site out, and back. Every problem is told with its line and what to write instead.

Secrets are no part of it: credentials inside a repository's address are handed back apart, to be stored.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, cast

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import plural, text
from app.settings.addresses import without_credentials
from app.settings.fields import Field, fields_of
from app.settings.model import Repository, Site
from app.settings.rules import Fault, Parts, Where, fault_of_value, faults_between
from app.settings.toml_lines import lines_of

FORMAT = 1
LINE = 100  # longer lists are written one value a line

_LINE_IN_ERROR = re.compile(r"\(at line (\d+), column \d+\)")
_SECRET_WORDS = re.compile(r"pass|secret|token|key\Z", re.IGNORECASE)
_SPECIAL = re.compile(r'["\\\x00-\x1f\x7f]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


class ReadSite(msgspec.Struct, frozen=True):
    """What a site file says: the site, and the secrets that were cut out of its addresses, by their names."""

    site: Site
    secrets: Mapping[str, str]

    def __repr__(self) -> str:
        return f"ReadSite({self.site.name}, secrets: {', '.join(self.secrets)})"


class SiteFileError(UserError):
    """A site file that cannot be used: `faults` are all its problems with their lines, in the order of the file."""

    def __init__(self, faults: Sequence[tuple[int, Fault]]) -> None:
        line, first = faults[0]
        more = plural("One more problem is listed below.", "{count} more problems are listed below.", len(faults) - 1)
        super().__init__(
            text("Line {line}: {what}", line=line, what=first.what),
            text("The site file was not taken over; nothing was changed."),
            first.remedy if len(faults) == 1 else text("{remedy} {more}", remedy=first.remedy, more=more),
            f"site-file.{first.code}",
            "\n".join(f"line {line}: {fault.what} {fault.remedy}" for line, fault in faults),
        )
        self.faults = tuple(faults)


class Examined(msgspec.Struct, frozen=True):
    """A site that is being edited: what it is now, where all of it can be used, and everything that is wrong."""

    read: ReadSite | None
    faults: tuple[Fault, ...]


def examined(raw: Mapping[str, Any]) -> Examined:
    """Judges a site as forms have it, by keys and plain values, with the same rules as a site file."""
    faults = _Faults({})
    found = _read_site(raw, faults)
    return Examined(None if faults.found else found, faults.found)


def read(content: str | bytes) -> ReadSite:
    """The site that a file describes. Raises `SiteFileError`, with a code `site-file.…`."""
    document = _decoded(content) if isinstance(content, bytes) else content
    raw, lines = _parsed(document.removeprefix("\ufeff"))
    faults = _Faults(lines)
    _check_format(raw, faults)
    result = _read_site({key: value for key, value in raw.items() if key != "format"}, faults)
    faults.raise_if_any()
    return cast("ReadSite", result)


class _Faults:
    """Collects what is wrong, and knows on which line each place stands."""

    def __init__(self, lines: Mapping[Where, int]) -> None:
        self._lines = lines
        self._found: list[tuple[int, Fault]] = []

    def add(self, *faults: Fault) -> None:
        self._found += [(self._line(fault.where), fault) for fault in faults]

    @property
    def found(self) -> tuple[Fault, ...]:
        """All so far, in the order in which they were found."""
        return tuple(fault for _, fault in self._found)

    def _line(self, where: Where) -> int:
        """The line of the place, or of the table it is missing in."""
        while where and where not in self._lines:
            where = where[:-1]
        return self._lines.get(where, 1)

    def raise_if_any(self) -> None:
        if self._found:
            raise SiteFileError(sorted(self._found, key=lambda found: found[0]))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = text("The file is not UTF-8 text.")
        fault = Fault((), "not-text", what, text("Save it again as UTF-8."))
        raise SiteFileError([(line, fault)]) from error


def _parsed(document: str) -> tuple[dict[str, Any], dict[Where, int]]:
    try:
        return tomllib.loads(document), lines_of(document)
    except (ValueError, RecursionError) as error:
        found = _LINE_IN_ERROR.search(str(error))
        line = int(found[1]) if found else document.count("\n") + 1
        what = text("This is not TOML: {reason}", reason=_LINE_IN_ERROR.sub("", str(error)).strip())
        remedy = text('Write key = value, with text in quotes: name = "north-house".')
        raise SiteFileError([(line, Fault((), "not-toml", what, remedy))]) from error


def _check_format(raw: Mapping[str, Any], faults: _Faults) -> None:
    """A newer format is told alone: what else is in the file cannot be judged here."""
    value = raw.get("format")
    where: Where = ("format",)
    if isinstance(value, int) and not isinstance(value, bool) and value > FORMAT:
        what = text("The file has format {format}, this Overwinter knows {known}.", format=value, known=FORMAT)
        faults.add(Fault(where, "newer", what, text("Update Overwinter.")))
        faults.raise_if_any()
    if value is None:
        faults.add(Fault(where, "missing-key", text("The format is missing."), text("Add this line first: format = 1")))
    elif value is True or value != FORMAT:
        faults.add(Fault(where, "wrong-value", text("There is no such format."), text("Write: format = 1")))


def _read_site(raw: Mapping[str, Any], faults: _Faults) -> ReadSite | None:
    """Reads all tables, each by itself, so that one bad table does not hide what is wrong in another."""
    values = _read_values(Site, raw, (), faults)
    secrets: Mapping[str, str] = {}
    if isinstance(values.get("repository"), Repository):
        values["repository"], secrets = without_credentials(values["repository"])
    faults.add(*faults_between(_parts(values, raw)))
    missing = any(field.required and field.name not in values for field in fields_of(Site))
    return None if missing else ReadSite(Site(**_without_unread(values)), secrets)


def _parts(values: Mapping[str, Any], raw: Mapping[str, Any]) -> Parts:
    hosts: Any = raw.get("hosts", [])
    names = [host.get("name") for host in hosts if isinstance(host, dict)] if isinstance(hosts, list) else []
    return Parts(
        repository=values.get("repository"),
        hosts=_read_ones(values, "hosts"),
        sources=_read_ones(values, "sources"),
        commands=_read_ones(values, "commands"),
        host_names=frozenset(name for name in names if isinstance(name, str)),
        time_zone=values.get("time_zone", "UTC"),
    )


def _read_ones(values: Mapping[str, Any], name: str) -> tuple[tuple[int, Any], ...]:
    """The tables of an array that could be read, with their places."""
    return tuple((index, each) for index, each in enumerate(values.get(name, ())) if each is not None)


def _without_unread(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(each for each in value if each is not None) if isinstance(value, tuple) else value
        for name, value in values.items()
    }


def _read_values(struct: type[msgspec.Struct], raw: Mapping[str, Any], where: Where, faults: _Faults) -> dict[str, Any]:
    """The values of a table by their fields; what cannot be used is told and left out."""
    values: dict[str, Any] = {}
    known = {field.name: field for field in fields_of(struct)}
    for key in raw.keys() - known.keys():
        faults.add(_unknown_key((*where, key), list(known)))
    for name, field in known.items():
        if name in raw:
            value = _read_value(field, raw[name], (*where, name), faults)
            values |= {} if value is None else {name: value}
        elif field.required:
            faults.add(_missing_key((*where, name), field))
    return values


def _read_value(field: Field, raw: Any, where: Where, faults: _Faults) -> Any:
    """The value as the site keeps it; None when it cannot be used, which is told."""
    if field.table is None:
        fault = fault_of_value(where, field, raw)
        if fault is None:
            return field.takes(raw)
        faults.add(fault)
        return None
    if not field.many:
        return _read_table(field, raw, where, faults)
    if isinstance(raw, list):
        return tuple(_read_table(field, each, (*where, index), faults) for index, each in enumerate(raw))
    faults.add(_no_table(where, field))
    return None


def _read_table(field: Field, raw: Any, where: Where, faults: _Faults) -> msgspec.Struct | None:
    struct = cast("type[msgspec.Struct]", field.table)
    if not isinstance(raw, dict):
        faults.add(_no_table(where, field))
        return None
    values = _read_values(struct, raw, where, faults)
    whole = all(each.name in values for each in fields_of(struct) if each.required or each.name in raw)
    return struct(**values) if whole else None


def _no_table(where: Where, field: Field) -> Fault:
    return Fault(where, "wrong-value", text("{key} is not a table.", key=field.name), field.about.remedy)


def _missing_key(where: Where, field: Field) -> Fault:
    what = text('The key "{key}" is missing.', key=field.name)
    if field.table is not None:
        return Fault(where, "missing-key", what, field.about.remedy)
    return Fault(where, "missing-key", what, text("Add {key} = … {remedy}", key=field.name, remedy=field.about.remedy))


def _unknown_key(where: Where, known: Sequence[str]) -> Fault:
    key = str(where[-1])
    near = difflib.get_close_matches(key, known, 1)
    what = text('There is no key "{key}" here.', key=key)
    if near:
        return Fault(where, "unknown-key", what, text('Did you mean "{near}"?', near=near[0]))
    if _SECRET_WORDS.search(key):
        remedy = text("Secrets are not kept in this file. Take it out and type: overwinter secret set SITE NAME")
        return Fault(where, "unknown-key", what, remedy)
    return Fault(where, "unknown-key", what, text("Take it out, or use one of: {known}.", known=", ".join(known)))


def write(site: Site) -> str:
    """The site as a site file, without secrets; `read` gives the same site again."""
    lines = [
        f"# Overwinter site file, without secrets. Store each with: overwinter secret set {site.name} NAME",
        f"# NAME: {', '.join(site.secret_names())}",
        f"format = {FORMAT}",
        *_written(site),
    ]
    for field in fields_of(Site):
        value = getattr(site, field.name)
        if field.table is not None and field.many:
            for each in value:
                lines += ["", f"[[{field.name}]]", *_written(each)]
        elif field.table is not None and (field.required or field.about.always or value != field.default):
            lines += ["", f"[{field.name}]", *_written(value)]
    return "\n".join(lines) + "\n"


def _written(struct: msgspec.Struct) -> Iterator[str]:
    """The keys of a table that say something: what has its default is left out, but for what people look for."""
    for field in fields_of(type(struct)):
        value = getattr(struct, field.name)
        if field.table is None and (field.about.always or field.required or value != field.default):
            yield f"{field.name} = {_literal(value)}"


def _literal(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Enum():
            return _literal(value.value)
        case tuple():
            return _list([_literal(each) for each in value])
        case _:
            return f'"{_SPECIAL.sub(_escape, value)}"'


def _list(literals: Sequence[str]) -> str:
    line = f"[{', '.join(literals)}]"
    return line if len(line) <= LINE else "[\n" + "".join(f"    {each},\n" for each in literals) + "]"


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0], f"\\u{ord(found[0]):04x}")
