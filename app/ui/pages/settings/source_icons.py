"""The icon of what is backed up, by its kind, and of a preset by what it brings."""

from __future__ import annotations

from enum import Enum

from app.settings.presets import Preset
from app.settings.source import DATABASE_KINDS, TREE_KINDS, SourceKind
from app.ui.icons import Name

_BROKERS = ("broker", "mosquitto", "mqtt")


def icon_of(kind: Enum | None) -> Name | None:
    """None for what is no source."""
    if kind in DATABASE_KINDS:
        return "database"
    if kind in TREE_KINDS:
        return "folder"
    return "file" if isinstance(kind, SourceKind) else None


def icon_of_preset(preset: Preset) -> Name:
    """That of the one kind of thing it brings; the greenhouse where it brings several."""
    if {row.get("layer") for row in preset.sources} <= set(_BROKERS):
        return "broker"
    found = {icon_of(SourceKind(row["kind"])) for row in preset.sources}
    return found.pop() or "greenhouse" if len(found) == 1 else "greenhouse"
