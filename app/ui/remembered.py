"""What the window remembers between starts: where it stood, how it looked, what was shown. Losing it harms nothing."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QSettings

from app.settings.places import Places
from app.ui.theme import Look

_FILE = "window.ini"


@dataclass(frozen=True)
class Remembered:
    """The window as it was left; `parts` are the places of the dividers on the page of runs."""

    geometry: QByteArray
    parts: QByteArray
    look: Look = Look.SYSTEM
    site: str = ""


def recall(places: Places) -> Remembered:
    """What was remembered last. Reads one small file, before there is a window."""
    ini = _ini(places)
    look = str(ini.value("look", ""))
    return Remembered(
        geometry=_bytes(ini, "geometry"),
        parts=_bytes(ini, "parts"),
        look=Look(look) if look in {each.value for each in Look} else Look.SYSTEM,
        site=str(ini.value("site", "")),
    )


def remember(places: Places, remembered: Remembered) -> None:
    """Writes it down, when the window and its loop have ended; nothing is made where there is no data folder."""
    if not places.data.is_dir():
        return
    ini = _ini(places)
    ini.setValue("geometry", remembered.geometry)
    ini.setValue("parts", remembered.parts)
    ini.setValue("look", remembered.look.value)
    ini.setValue("site", remembered.site)
    ini.sync()


def _ini(places: Places) -> QSettings:
    return QSettings(str(places.data / _FILE), QSettings.Format.IniFormat)


def _bytes(ini: QSettings, key: str) -> QByteArray:
    value = ini.value(key)
    return value if isinstance(value, QByteArray) else QByteArray()
