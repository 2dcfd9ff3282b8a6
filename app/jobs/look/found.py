"""What a look found: a preset that fits, with its values, and what gave it away."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from app.foundation.words import Text
from app.settings.presets import Value


class Password:
    """A password that was read on the way; it shows itself to nobody by accident."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Password(…)"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a site should back up. `called` is what it might be called, `place` where it is, for what may be
    inside another. `password` is that of its database, where one was met."""

    preset: str
    called: str
    place: str
    values: Mapping[str, Value]
    seen: Text
    password: Password | None = None


class Finding(msgspec.Struct, frozen=True):
    """What came of following clues: what was found, and what a person should know besides."""

    found: tuple[Found, ...] = ()
    notes: tuple[Text, ...] = ()
