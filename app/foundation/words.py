"""Sentences: kept as an id with named fields, turned into the reader's language only at the edge.

The id of a sentence is its English wording (gettext's way), so the code reads as it speaks. A sentence may be stored
in a record today and read in Czech tomorrow. Figures inside sentences (sizes, durations, times) are fields of their
own kind, because how they are written belongs to the language too.
"""

from __future__ import annotations

import ctypes
import gettext
import locale
import os
import re
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

DOMAIN = "overwinter"
LANGUAGES = {"en": "English", "ru": "Русский", "cs": "Čeština"}
"""The languages of the program, by code, as their readers call them."""

CATALOGUES = Path(__file__).resolve().parents[2] / "resources" / "locale"


class Text(msgspec.Struct, frozen=True, tag="text", omit_defaults=True):
    """One sentence: `id` with `{named}` fields, and the plural form chosen by `count` where there is one."""

    id: str
    fields: dict[str, Field] = {}
    plural: str = ""
    count: int = 1

    def __str__(self) -> str:
        """English, for logs and tracebacks; a person's screen uses `Language.render`."""
        return ENGLISH.render(self)


class Size(msgspec.Struct, frozen=True, tag="size"):
    """A number of bytes, written in KiB, MiB, GiB."""

    bytes: int


class Duration(msgspec.Struct, frozen=True, tag="duration"):
    """A length of time in seconds, written as `2 min 10 s`."""

    seconds: float


Field = str | int | float | Text | Size | Duration


def text(id: str, /, **fields: Field) -> Text:  # noqa: A002  the design's word for it, and positional only
    """A sentence with named fields; the id must be a literal, so that the catalogues find it."""
    return Text(id, fields)


def plural(one: str, many: str, count: int, /, **fields: Field) -> Text:
    """A sentence whose form depends on `count`, which is also the field `{count}`."""
    return Text(one, {"count": count, **fields}, many, count)


class Language:
    """Renders sentences in one language; a missing translation falls back to the English id."""

    def __init__(self, code: str, catalogue: gettext.NullTranslations) -> None:
        """`code` is the catalogue's folder name, such as `cs`."""
        self.code = code
        self._catalogue = catalogue

    def render(self, sentence: Text | str) -> str:
        """The sentence as a person reads it."""
        if isinstance(sentence, str):
            return sentence
        if not sentence.id:  # gettext would answer with the catalogue's own header
            return ""
        if sentence.plural:
            pattern = self._catalogue.ngettext(sentence.id, sentence.plural, sentence.count)
        else:
            pattern = self._catalogue.gettext(sentence.id)
        return pattern.format_map({name: self._field(value) for name, value in sentence.fields.items()})

    def _field(self, value: Field) -> str:
        match value:
            case Text():
                return self.render(value)
            case Size():
                return self.size(value.bytes)
            case Duration():
                return self.duration(value.seconds)
            case float():
                return f"{value:.1f}"
            case _:
                return str(value)

    def size(self, count: int) -> str:
        """Bytes in binary units, three significant figures at most."""
        amount = float(count)
        for unit in ("B", "KiB", "MiB", "GiB"):
            if abs(amount) < 1024:
                return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
            amount /= 1024
        return f"{amount:.1f} TiB"

    def duration(self, seconds: float) -> str:
        """Two units at most: `40 s`, `2 min 10 s`, `3 h 5 min`, `2 d 4 h`."""
        if seconds < 10:
            return self.render(text("{seconds} s", seconds=f"{seconds:.1f}"))
        whole = round(seconds)
        if whole < 60:
            return self.render(text("{seconds} s", seconds=whole))
        if whole < 3600:
            return self.render(text("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60))
        if whole < 86400:
            return self.render(text("{hours} h {minutes} min", hours=whole // 3600, minutes=whole % 3600 // 60))
        return self.render(text("{days} d {hours} h", days=whole // 86400, hours=whole % 86400 // 3600))

    def moment(self, at: datetime, now: datetime) -> str:
        """A time in the local zone with its age: `today 02:00, 7 h ago`."""
        local, today = at.astimezone(), now.astimezone()
        if local.date() == today.date():
            day = self.render(text("today {time}", time=f"{local:%H:%M}"))
        elif local.date() == (today - timedelta(days=1)).date():
            day = self.render(text("yesterday {time}", time=f"{local:%H:%M}"))
        else:
            day = f"{local:%Y-%m-%d %H:%M}"
        return self.render(text("{day}, {age}", day=day, age=self.age(now - at)))

    def age(self, passed: timedelta) -> str:
        """How long ago, in one unit; a time ahead of the clock says so rather than hiding it."""
        seconds = passed.total_seconds()
        if seconds < -60:
            return self.render(text("ahead of this clock"))
        if seconds < 90:
            return self.render(text("just now"))
        if seconds < 5400:
            return self.render(text("{minutes} min ago", minutes=round(seconds / 60)))
        if seconds < 172800:
            return self.render(text("{hours} h ago", hours=round(seconds / 3600)))
        return self.render(text("{days} days ago", days=round(seconds / 86400)))


def language(code: str, folder: Path = CATALOGUES) -> Language:
    """The language named `code` from the catalogues below `folder` (`<code>/LC_MESSAGES/overwinter.mo`)."""
    return Language(code, gettext.translation(DOMAIN, str(folder), [code], fallback=True))


def reader_language(system: Iterable[str] = ()) -> Language:
    """The language of whoever sits here: the first one wished for that there is a catalogue for, else English.

    The environment says what is wished for (`LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG`, as for any program); where it
    does not, what the caller knows of the system does. Whether that locale is installed here does not matter.
    """
    for wish in (*_wished_in_environment(), *system, *_wished_on_windows()):
        code = re.split("[-_.@]", wish)[0].lower()
        if code in ("c", "posix"):
            return ENGLISH
        if code in LANGUAGES:
            return language(code)
    return ENGLISH


def _wished_in_environment() -> list[str]:
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    wished = next((value for name in names if (value := os.environ.get(name))), "")
    return wished.split(":") if wished else []


def _wished_on_windows() -> list[str]:
    if sys.platform != "win32":
        return []
    return [locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")]


ENGLISH = Language("en", gettext.NullTranslations())
