"""Presets: parts of a site for software that is met often, kept as data and filled with a few values.

A preset is a TOML file in `resources/presets`: `[[asks]]` are its values with their defaults, and `[[hosts]]`,
`[[sources]]`, `[[commands]]` are what they are in a site file, with `${value}` where a value goes. `${label}` is what
this use of the preset is called, `${host}` the host it is on. `only_if = "unit"` leaves a table out where that value is
empty, `only_if = "db=mysql"` where it is another.
"""

from __future__ import annotations

import difflib
import functools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.words import Text, text
from app.settings.model import THIS_COMPUTER, Command, Host, Repository, Site, Source
from app.settings.shapes import TAG
from app.settings.sites import expect_usable

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "presets"

LABEL, HOST = "label", "host"
"""Values that every preset has."""

_PLACE = re.compile(r"\$\{([a-z_]+)\}")

Value = str | int
Row = dict[str, Any]
T = TypeVar("T", Host, Source, Command)


class Ask(msgspec.Struct, frozen=True):
    """A value that a preset wants, what it is where nobody says, and what it can be where it is a choice."""

    key: str
    what: Text
    default: Value
    choices: tuple[str, ...] = ()


class Preset(msgspec.Struct, frozen=True):
    """A preset as it stands in its file; the rows are tables of a site file that are not filled yet."""

    name: str
    title: Text
    about: Text
    asks: tuple[Ask, ...]
    hosts: tuple[Row, ...]
    sources: tuple[Row, ...]
    commands: tuple[Row, ...]


class Parts(msgspec.Struct, frozen=True):
    """What a filled preset brings into a site."""

    hosts: tuple[Host, ...] = ()
    sources: tuple[Source, ...] = ()
    commands: tuple[Command, ...] = ()

    def names(self) -> Iterator[tuple[str, str]]:
        """The table and the name of each, as no two of a site may have them."""
        yield from (("host", each.name.lower()) for each in self.hosts)
        yield from (("source", each.name.lower()) for each in self.sources)
        yield from (("command", f"{each.when.value} {each.name}".lower()) for each in self.commands)


class Use(msgspec.Struct, frozen=True):
    """One use of a preset: which one, what it is called in the site, the host it is on, and the values given for it."""

    preset: str
    label: str
    host: str = THIS_COMPUTER
    values: Mapping[str, Value] = {}


class _Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    what: str
    default: Value
    choices: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    preset: int
    title: str
    about: str
    asks: tuple[_Ask, ...] = ()
    hosts: tuple[Row, ...] = ()
    sources: tuple[Row, ...] = ()
    commands: tuple[Row, ...] = ()


@functools.cache
def presets() -> tuple[Preset, ...]:
    """All presets that come with this version, by name."""
    return tuple(_read(file) for file in sorted(FOLDER.glob("*.toml")))


def _read(file: Path) -> Preset:
    found = msgspec.convert(tomllib.loads(file.read_text("utf-8")), _File)
    asks = tuple(Ask(each.key, Text(each.what), each.default, each.choices) for each in found.asks)
    title, about = Text(found.title), Text(found.about)  # the catalogues are extracted from these files too
    return Preset(file.stem, title, about, asks, found.hosts, found.sources, found.commands)


def preset_named(name: str) -> Preset:
    """The preset of that name; raises `UserError` `usage.preset-unknown` with the nearest one."""
    known = {each.name: each for each in presets()}
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        names = ", ".join(known)
        raise UserError(
            text("There is no preset {name}.", name=name),
            text("Nothing was written and nothing was changed."),
            text('Did you mean "{near}"? There are: {names}.', near=near[0], names=names)
            if near
            else text("There are: {names}.", names=names),
            "usage.preset-unknown",
        )
    return known[name]


def filled(use: Use) -> Parts:
    """What this use of a preset brings into a site.

    Raises `UserError` `usage.preset-unknown`, `usage.preset-label`, `usage.preset-value`.
    """
    preset = preset_named(use.preset)
    if re.match(TAG, use.label) is None:
        raise _bad_label(use)
    values = _values(preset, use)
    return Parts(
        tuple(_made(Host, preset.hosts, use, values)),
        tuple(_made(Source, preset.sources, use, values)),
        tuple(_made(Command, preset.commands, use, values)),
    )


def _values(preset: Preset, use: Use) -> dict[str, Value]:
    """What was given, and the defaults of the rest, in which the values before them may stand."""
    asks = {ask.key: ask for ask in preset.asks}
    for key in use.values:
        if key not in asks:
            raise _bad_value(use, key, list(asks))
    values: dict[str, Value] = {LABEL: use.label, HOST: use.host}
    for key, ask in asks.items():
        values[key] = _checked(ask, use) if key in use.values else _fill(ask.default, values)
    return values


def _checked(ask: Ask, use: Use) -> Value:
    """The given value as the preset has it: a number where the default is one."""
    value = use.values[ask.key]
    if ask.choices and value not in ask.choices:
        raise _bad_value(use, ask.key, ask.choices)
    if not isinstance(ask.default, int):
        return str(value)
    try:
        return int(value)
    except ValueError as error:
        raise _bad_value(use, ask.key, ("0", "5432")) from error


def _made(kind: type[T], rows: Iterable[Row], use: Use, values: Mapping[str, Value]) -> Iterator[T]:
    for row in rows:
        if not _applies(str(row.get("only_if", "")), values):
            continue
        content = {key: _fill(value, values) for key, value in row.items() if key != "only_if"}
        try:
            yield msgspec.convert(content, kind)
        except msgspec.ValidationError as error:
            raise _unusable(use, error) from error


def _applies(condition: str, values: Mapping[str, Value]) -> bool:
    key, compared, wanted = condition.partition("=")
    if not key:
        return True
    return str(values[key]) == wanted if compared else bool(values[key])


def _fill(value: Any, values: Mapping[str, Value]) -> Any:
    """A text that is nothing but a place becomes the value itself, a number too; of others the places are filled."""
    if isinstance(value, list):
        return [_fill(each, values) for each in value]
    if not isinstance(value, str):
        return value
    if (whole := _PLACE.fullmatch(value)) is not None:
        return values[whole[1]]
    return _PLACE.sub(lambda place: str(values[place[1]]), value)


def new_site(name: str, title: str, address: str, hosts: Sequence[Host], uses: Iterable[Use]) -> Site:
    """A site out of presets, with its repository at that address.

    Raises what `filled` and `with_parts` raise, and `UserError` `site.…` for what no site can be.
    """
    site = Site(name=name, title=title, repository=Repository(url=address), hosts=tuple(hosts))
    for use in uses:
        site = with_parts(site, filled(use))
    expect_usable(site)
    return site


def with_parts(site: Site, parts: Parts) -> Site:
    """The site with what a preset brings at the end of it. Raises `Refused` `preset.name-taken`."""
    taken = set(Parts(site.hosts, site.sources, site.commands).names()) & set(parts.names())
    if taken:
        _, name = sorted(taken)[0]
        raise Refused(
            text("{site} has something called {name} already.", site=site.name, name=name),
            text("Nothing was added; the site is as it was."),
            text("Give this use of the preset another name: PRESET=NAME."),
            "preset.name-taken",
        )
    return msgspec.structs.replace(
        site,
        hosts=(*site.hosts, *parts.hosts),
        sources=(*site.sources, *parts.sources),
        commands=(*site.commands, *parts.commands),
    )


def _bad_label(use: Use) -> UserError:
    return UserError(
        text("{label} cannot be the name of a part of a site.", label=use.label),
        text("Nothing was written and nothing was changed."),
        text("Use letters A to Z, digits, dot, underscore and hyphen only, at most 64."),
        "usage.preset-label",
    )


def _bad_value(use: Use, key: str, can_be: Iterable[str]) -> UserError:
    return UserError(
        text("The preset {preset} does not take {key} so.", preset=use.preset, key=key),
        text("Nothing was written and nothing was changed."),
        text(
            "It takes: {values}. See: overwinter site preset show {preset}",
            values=", ".join(can_be),
            preset=use.preset,
        ),
        "usage.preset-value",
    )


def _unusable(use: Use, error: msgspec.ValidationError) -> UserError:
    return UserError(
        text("A value given for the preset {preset} cannot be used in a site.", preset=use.preset),
        text("Nothing was written and nothing was changed."),
        text("Look below at what does not fit, and give another value: --set KEY=VALUE"),
        "usage.preset-value",
        str(error),
    )
