"""Shapes of values that several parts of a site have: names that are tags, ports, paths, durations."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from app.foundation.words import text

THIS_COMPUTER = "this-computer"
"""The host that always exists."""

TAG = r"^[A-Za-z0-9._-]{1,64}\Z"
"""What restic's tags can carry: it splits a list of them at commas."""

TAG_REMEDY = text("Use letters A to Z, digits, dot, underscore and hyphen only, at most 64.")

DURATION = re.compile(r"^([1-9][0-9]{0,5})(s|m|h)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600}

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Paths = tuple[Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\0]*\Z")], ...]
Argument = Annotated[str, msgspec.Meta(pattern=r"^[^\0]*\Z")]


def seconds(duration: str) -> int:
    """A duration as the site file writes it ("60s", "2m", "1h"), in seconds."""
    match = DURATION.match(duration)
    if match is None:
        raise ValueError(f"{duration} is not a duration")
    return int(match[1]) * _SECONDS[match[2]]


def fill(struct: msgspec.Struct, name: str, value: Any) -> None:
    """Gives a field that was left out its value, while the struct is made."""
    if not getattr(struct, name):
        msgspec.structs.force_setattr(struct, name, value)
