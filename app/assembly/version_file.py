"""What programs said of their versions, kept in the cache."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import msgspec


class VersionFile:
    """What programs said of their versions, remembered between starts; losing it costs a moment, no more."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.known: dict[str, str] = {}
        with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            self.known = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        self._saved = dict(self.known)

    def save(self) -> None:
        """Writes it down when something new was learnt."""
        if self.known != self._saved:
            with suppress(OSError):
                self._file.write_text(json.dumps(self.known))
