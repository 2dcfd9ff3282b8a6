"""What every field of a site tells of itself: its title, its help, and what to write instead of something unusable.

Forms, the reader and the writer of the site file are made from this and from nothing else.
"""

from __future__ import annotations

import functools
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

import msgspec

from app.foundation.words import Text
from app.settings.shapes import Argument


class About(msgspec.Struct, frozen=True):
    """What a person is told of a field.

    `only` are the kinds (values of the field `kind` beside it) that have this field, empty for all; `needed` are
    those that cannot be without it. `always` is written to a site file even when it has its default. `unit` is what a
    number counts, `refers_to` the array of tables whose names can be written.
    """

    title: Text
    help: Text
    remedy: Text
    example: str | Text = ""
    only: tuple[Enum, ...] = ()
    needed: tuple[Enum, ...] = ()
    always: bool = False
    unit: Text | None = None
    refers_to: str = ""


class Field(msgspec.Struct, frozen=True):
    """One field of a struct: its `name` is its key in the site file, `type` what its value must be.

    `table` is the struct of a table or of each of the tables (`many`); None for a plain value.
    """

    name: str
    type: Any
    about: About
    default: Any
    required: bool
    table: type[msgspec.Struct] | None
    many: bool

    def has_kind(self, kind: Enum | None) -> bool:
        """Whether things of this kind have the field."""
        return not self.about.only or kind in self.about.only

    def is_needed(self, kind: Enum | None) -> bool:
        """Whether things of this kind cannot be without it."""
        return self.required or kind in self.about.needed

    def choices(self) -> tuple[str, ...]:
        """What can be chosen, for a field that is a choice; empty for any other."""
        plain = _plain(self.type)
        return tuple(each.value for each in plain) if isinstance(plain, type) and issubclass(plain, Enum) else ()

    @property
    def is_command_line(self) -> bool:
        """Whether it is a list of a program and its arguments."""
        plain = _plain(self.type)
        return get_origin(plain) is tuple and bool(get_args(plain)[0] == Argument)

    def takes(self, value: Any) -> Any:
        """The value as the field keeps it; raises `msgspec.ValidationError` when it cannot be used."""
        return msgspec.convert(value, self.type)


def entry(
    title: Text,
    help: Text,  # noqa: A002  the word of every form
    remedy: Text,
    *,
    example: str | Text = "",
    only: tuple[Enum, ...] = (),
    needed: tuple[Enum, ...] = (),
    always: bool = False,
    unit: Text | None = None,
    refers_to: str = "",
    **limits: Any,
) -> msgspec.Meta:
    """Describes a field, for use in `Annotated`; `limits` are those of `msgspec.Meta`, such as pattern, ge and le."""
    about = About(title, help, remedy, example, only, needed, always, unit, refers_to)
    return msgspec.Meta(extra={"about": about}, **limits)


@functools.cache
def fields_of(struct: type[msgspec.Struct]) -> tuple[Field, ...]:
    """The fields in the order of forms and files."""
    return tuple(_field(each) for each in msgspec.structs.fields(struct))


def _field(declared: msgspec.structs.FieldInfo) -> Field:
    hint = declared.type
    plain = _plain(hint)
    many = get_origin(plain) is tuple
    inner = _plain(get_args(plain)[0]) if many else plain
    table = inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None
    default = () if many else declared.default
    return Field(declared.name, hint, _about(hint), default, declared.required, table, many)


def _about(hint: Any) -> About:
    told = [meta.extra["about"] for meta in hint.__metadata__ if isinstance(meta, msgspec.Meta) and meta.extra]
    about: About = told[-1]  # the outermost one
    return about


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint
