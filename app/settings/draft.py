"""A site while it is edited: the plain values of its forms, what was changed in them, and the way back.

A value that nobody touched stays exactly as it was read. Whether all of it can be used is for the site file's rules
to say (`site_file.examined`).
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from enum import Enum
from typing import Any, cast

import msgspec

from app.settings.fields import Field, fields_of
from app.settings.model import Site
from app.settings.rules import Where

Raw = dict[str, Any]
"""A table as a site file has it: keys and plain values."""


class Draft:
    """The edited values of one site. A place is as in `rules`: ("sources", 0, "root")."""

    def __init__(self, site: Site) -> None:
        self.begin_anew(site)

    def begin_anew(self, site: Site) -> None:
        """This is how the site is stored now: nothing is changed any more."""
        self.site = site
        self._now: Raw = raw_of(site)
        self._saved = self.document()

    def value(self, where: Where) -> Any:
        """What stands at a place; None where it is left out."""
        at: Any = self._now
        for key in where[:-1]:
            at = at[key]
        return at.get(where[-1])

    def put(self, where: Where, value: Any) -> None:
        """Writes a value at a place; None leaves it out."""
        at: Any = self._now
        for key in where[:-1]:
            at = at.setdefault(key, {}) if isinstance(at, dict) else at[key]
        if value is None:
            at.pop(where[-1], None)
        else:
            at[where[-1]] = value

    def rows(self, table: str) -> list[Raw]:
        """The tables of an array, in order."""
        return cast("list[Raw]", self._now.setdefault(table, []))

    def add(self, table: str, row: Raw) -> int:
        """Adds a table at the end of an array and gives its number."""
        self.rows(table).append(row)
        return len(self.rows(table)) - 1

    def remove(self, table: str, index: int) -> None:
        """Takes a table out of an array."""
        del self.rows(table)[index]

    def move(self, table: str, index: int, by: int) -> int:
        """Moves a table up (-1) or down (1) as far as there is room; gives where it stands then."""
        rows = self.rows(table)
        to = min(max(index + by, 0), len(rows) - 1)
        rows.insert(to, rows.pop(index))
        return to

    def document(self) -> Raw:
        """All values as a site file would have them, without those that a thing of its kind does not have."""
        return document_of(Site, self._now)

    @property
    def is_changed(self) -> bool:
        """Whether anything is not as it was read."""
        return self.document() != self._saved

    def is_changed_in(self, keys: Collection[str]) -> bool:
        """Whether one of these keys of the site is not as it was read."""
        now = self.document()
        return any(now.get(key) != self._saved.get(key) for key in keys)

    def saved_rows(self, table: str) -> list[Raw]:
        """The tables of an array as they were read."""
        return list(self._saved.get(table, ()))

    def names_saved(self, table: str) -> set[str]:
        """The names that the tables of an array had when they were read."""
        return {str(row["name"]) for row in self._saved.get(table, ())}


def raw_of(struct: msgspec.Struct) -> Raw:
    """The plain values of a struct, without what it filled in by itself because it was left out."""
    return {
        field.name: _plain(getattr(struct, field.name))
        for field in fields_of(type(struct))
        if not is_filled_in(struct, field)
    }


def is_filled_in(struct: msgspec.Struct, field: Field) -> bool:
    """Whether the struct would have this value too if nothing were said: such as the usual port of its kind."""
    if field.required or field.default not in ("", 0) or getattr(struct, field.name) == field.default:
        return False
    return bool(msgspec.structs.replace(struct, **{field.name: field.default}) == struct)


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return raw_of(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.value if isinstance(value, Enum) else value


def document_of(struct: type[msgspec.Struct], raw: Raw) -> Raw:
    """A table as a site file would have it, without what a thing of its kind does not have."""
    kind = kind_in(struct, raw)
    made: Raw = {}
    for field in fields_of(struct):
        if field.name not in raw or (kind is not None and not field.has_kind(kind)):
            continue
        value = raw[field.name]
        if field.table is not None and field.many:
            made[field.name] = [document_of(field.table, each) for each in value]
        elif field.table is not None:
            made[field.name] = document_of(field.table, value)
        else:
            made[field.name] = copy.copy(value)
    return made


def kind_in(struct: type[msgspec.Struct], raw: Raw) -> Enum | None:
    """The kind that a table says it is; None where there are no kinds, or none can be made out of what it says."""
    field = next((each for each in fields_of(struct) if each.name == "kind"), None)
    if field is None or "kind" not in raw:
        return None
    try:
        return cast("Enum", field.takes(raw["kind"]))
    except msgspec.ValidationError:
        return None
