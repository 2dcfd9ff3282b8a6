"""Mosquitto brokers: by `mosquitto.conf`, with the folder of their retained messages."""

from __future__ import annotations

from collections.abc import Iterable

from app.foundation.words import text
from app.hosts.file_errors import shown
from app.hosts.host import FileKind, Host
from app.jobs.look.clues import Clue, path_of
from app.jobs.look.found import Finding, Found
from app.jobs.look.walk import content_of
from app.settings.paths import is_absolute
from app.tools.mosquitto import settings

FOLDERS = ("/etc/mosquitto", "/usr/local/etc/mosquitto", "/opt/homebrew/etc/mosquitto")
LARGEST = 256 * 1024


async def brokers(host: Host, clues: Iterable[Clue]) -> Finding:
    """The brokers whose configuration was met."""
    found = [await _broker(host, clue) for clue in clues]
    return Finding(tuple(found))


async def _broker(host: Host, clue: Clue) -> Found:
    told = settings(await content_of(host, path_of(clue), LARGEST) or b"")
    data = told.get("persistence_location", "").rstrip("/")
    here = is_absolute(data) and not _is_inside(data, clue.folder) and await _is_folder(host, data)
    of_the_system = clue.folder in FOLDERS
    return Found(
        preset="mosquitto",
        called="mosquitto",
        place=clue.folder,
        values={
            "config": clue.folder,
            "data": data if here else "",
            "unit": "mosquitto.service" if of_the_system else "",
        },
        seen=text("{file}", file=shown(path_of(clue))),
    )


async def _is_folder(host: Host, path: str) -> bool:
    stands = await host.stat(path)
    return stands is not None and stands.kind is FileKind.FOLDER


def _is_inside(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")
