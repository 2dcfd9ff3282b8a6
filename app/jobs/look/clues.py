"""What the names in a folder tell, before any file is opened."""

from __future__ import annotations

import enum

import msgspec

from app.hosts.host import FileKind, Listing
from app.jobs.look.walk import beside, folders_in

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
SQLITE_ENDINGS = (".sqlite", ".sqlite3", ".db", ".db3")
LARAVEL_DATA = ("database", "storage")
"""Folders of a Laravel application where databases may be; the rest of it is code."""


class ClueKind(enum.Enum):
    """What a clue hints at."""

    LARAVEL = "laravel"
    RELEASES = "releases"
    COMPOSE = "compose"
    MOSQUITTO = "mosquitto"
    VIRTUALENV = "virtualenv"
    SQLITE = "sqlite"


class Clue(msgspec.Struct, frozen=True):
    """A hint: its kind, the folder it is in, and the file that gave it."""

    kind: ClueKind
    folder: str
    file: str = ""


class Clues:
    """Gathers clues on a walk, and says where to go on."""

    def __init__(self) -> None:
        self.found: list[Clue] = []

    def visit(self, folder: str, listing: Listing) -> list[str]:
        """Takes note of a folder; gives the names of those in it that are worth a look."""
        kinds = {each.name: each.kind for each in listing.entries}
        files = {name for name, kind in kinds.items() if kind is FileKind.FILE}
        self.found += [Clue(ClueKind.SQLITE, folder, name) for name in sorted(files) if _may_be_sqlite(name)]
        by_files = _clues_of_files(folder, files)
        self.found += by_files
        if kinds.get("current") is FileKind.LINK and kinds.get("releases") is FileKind.FOLDER:
            self.found.append(Clue(ClueKind.RELEASES, folder, "current"))
            return [name for name in ("shared",) if kinds.get(name) is FileKind.FOLDER]
        if any(clue.kind is ClueKind.VIRTUALENV for clue in by_files):
            return []
        if any(clue.kind is ClueKind.LARAVEL for clue in by_files):
            return [name for name in LARAVEL_DATA if kinds.get(name) is FileKind.FOLDER]
        return folders_in(listing)

    def of(self, kind: ClueKind) -> list[Clue]:
        """The clues of one kind, in the order they were met."""
        return [clue for clue in self.found if clue.kind is kind]


def _clues_of_files(folder: str, names: set[str]) -> list[Clue]:
    found = []
    if "artisan" in names and names & {"composer.json", ".env"}:
        found.append(Clue(ClueKind.LARAVEL, folder, "artisan"))
    compose = next((name for name in COMPOSE_FILES if name in names), None)
    if compose is not None:
        found.append(Clue(ClueKind.COMPOSE, folder, compose))
    if "mosquitto.conf" in names:
        found.append(Clue(ClueKind.MOSQUITTO, folder, "mosquitto.conf"))
    if "pyvenv.cfg" in names:
        found.append(Clue(ClueKind.VIRTUALENV, folder, "pyvenv.cfg"))
    return found


def _may_be_sqlite(name: str) -> bool:
    return name.lower().endswith(SQLITE_ENDINGS)


def path_of(clue: Clue) -> str:
    """The path of the file that gave the clue."""
    return beside(clue.folder, clue.file)
