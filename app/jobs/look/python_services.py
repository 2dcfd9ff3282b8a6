"""Python services: by the systemd units that start them, else by their virtual environments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.file_errors import shown
from app.hosts.host import FileKind, Host
from app.jobs.look.clues import Clue
from app.jobs.look.found import Finding, Found
from app.jobs.look.walk import beside, content_of
from app.tools.systemd import UNITS, Service, read_service

UNITS_AT_MOST = 300
LARGEST_UNIT = 64 * 1024

# Below these everything else of the computer, or of a person, would come along.
SHARED = frozenset({"/", "/usr", "/usr/local", "/opt", "/srv", "/var", "/var/lib", "/var/www", "/etc", "/home", "/root",
                    "/tmp", "/var/tmp", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin"})  # fmt: skip

_PYTHON = re.compile(r"(python|pypy)[0-9.]*\Z")


async def services_by_units(host: Host) -> Finding:
    """The services whose units are the server's own."""
    try:
        listing = await host.entries(UNITS, UNITS_AT_MOST)
    except UserError as error:
        if not error.code.startswith("host.file-"):
            raise
        return Finding()
    names = [each.name for each in listing.entries if each.kind is FileKind.FILE and each.name.endswith(".service")]
    found, notes = [], []
    for name in names:
        service = read_service(await content_of(host, beside(UNITS, name), LARGEST_UNIT) or b"")
        if not await _is_python(host, service):
            continue
        root = _root(service)
        if root is None:
            notes.append(text("The Python service {unit} works in no folder of its own.", unit=shown(name)))
        else:
            found.append(_service(name.removesuffix(".service"), root, name))
    return Finding(tuple(found), tuple(notes))


def services_by_environments(clues: Iterable[Clue], known: Sequence[str]) -> Finding:
    """The folders of virtual environments that no unit starts; `known` are folders that are found already."""
    found = []
    for clue in clues:
        root = str(PurePosixPath(clue.folder).parent)
        if root not in SHARED and not any(_is_inside(root, folder) for folder in known):
            found.append(_service(PurePosixPath(root).name, root, ""))
    return Finding(tuple(found))


def _service(name: str, root: str, unit: str) -> Found:
    seen = (
        text("{unit} starts Python in {folder}", unit=unit, folder=shown(root))
        if unit
        else text("a virtual environment in {folder}", folder=shown(root))
    )
    return Found(preset="python-service", called=name, place=root, values={"root": root, "unit": unit}, seen=seen)


async def _is_python(host: Host, service: Service) -> bool:
    """By the program's name, by its script's, or by the virtual environment that it is in."""
    if not service.words:
        return False
    program = PurePosixPath(service.words[0])
    if _PYTHON.match(program.name) or program.suffix == ".py":
        return True
    return await content_of(host, str(program.parent.parent / "pyvenv.cfg"), LARGEST_UNIT) is not None


def _root(service: Service) -> str | None:
    """Its working folder, else that of its script, else the one beside its virtual environment."""
    program = PurePosixPath(service.words[0])
    scripts = [PurePosixPath(word) for word in service.words if word.endswith(".py") and word.startswith("/")]
    beside_it = [program.parent.parent.parent] if program.parent.name == "bin" else []
    for folder in (service.folder, *(str(script.parent) for script in scripts), *map(str, beside_it)):
        path = PurePosixPath(folder)
        if path.is_absolute() and not _is_shared(path):
            return str(path)
    return None


def _is_shared(path: PurePosixPath) -> bool:
    return str(path) in SHARED or str(path.parent) == "/home" or "%" in str(path)


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
