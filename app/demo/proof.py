"""What was saved out of a recovery point, compared with what was there when it was made."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.demo.postgresql import TABLE, PracticeServer
from app.demo.telemetry import readings
from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.files import read
from app.hosts.host import Command, Host
from app.tools.postgres.programs import RESTORE, find_programs, program_for

LARGEST = 64 * 1024 * 1024


class SameBytes(msgspec.Struct, frozen=True):
    """Two files that hold the same."""

    sha256: str
    bytes: int


async def same_bytes(blocking: Blocking, original: Path, saved: Path) -> SameBytes:
    """Compares two files. Raises `UserError` `demo.not-the-same`."""
    before = await blocking.call("files", lambda: read(original, LARGEST))
    after = await blocking.call("files", lambda: read(saved, LARGEST))
    if before != after:
        raise _not_the_same(saved)
    return SameBytes(hashlib.sha256(after).hexdigest(), len(after))


async def same_readings(blocking: Blocking, live: Path, saved: Path) -> int:
    """Compares the readings of a saved SQLite file with the live one, which has grown since: the saved ones are its
    first, one and all. Gives their number. Raises `UserError` `demo.not-the-same`."""
    before = await blocking.call("files", lambda: readings(saved, live=False))
    now = await blocking.call("files", lambda: readings(live, live=True))
    if not before or before != now[: len(before)]:
        raise _not_the_same(saved)
    return len(before)


def same_trees(original: Path, restored: Path, left_out: Sequence[str]) -> int:
    """Compares two trees, by names, modes, links and bytes, but for what was `left_out`; gives the number of files.

    Blocks. Raises `UserError` `demo.not-the-same`.
    """
    before = {name: seen for name, seen in _seen(original).items() if not _matches(name, left_out)}
    after = _seen(restored)
    if before != after:
        different = sorted(name for name in before | after if before.get(name) != after.get(name))
        raise _not_the_same(restored, "\n".join(different))
    return sum(isinstance(content, bytes) for _, content in after.values())


def _seen(top: Path) -> dict[str, tuple[int, bytes | str]]:
    """What stands below a folder: of files their content, of links where they lead."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in top.rglob("*"):
        mode = path.lstat().st_mode
        content: bytes | str = ""
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = read(path, LARGEST)
        found[path.relative_to(top).as_posix()] = mode, content
    return found


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether it, or a folder it is in, is one of those that a source leaves out."""
    return any(fnmatch.fnmatchcase(name, each) or fnmatch.fnmatchcase(name, f"{each}/*") for each in patterns)


async def same_rows(host: Host, server: PracticeServer, blocking: Blocking, dump: Path) -> int:
    """Compares the rows of telemetry in the dump, as pg_restore gives them back, with the database's; gives their
    number. Raises `UserError` `demo.not-the-same`, `postgres.client-missing`."""
    program = program_for(await find_programs(host, {}), RESTORE, server.major, host.name)
    arguments = ("--data-only", f"--table={TABLE}", "--file=-", str(dump))
    restored = await host.run(Command(program.path, arguments, environment={"LC_ALL": "C"}), keep=LARGEST)
    rows = restored.stdout.partition(b" FROM stdin;\n")[2].partition(b"\\.\n")[0]
    if restored.code != 0 or rows != await server.rows(blocking):
        raise _not_the_same(dump, restored.stderr.decode("utf-8", "replace"))
    return rows.count(b"\n")


def _not_the_same(saved: Path, detail: str = "") -> UserError:
    return UserError(
        text("{path} is not what was backed up.", path=str(saved)),
        text("The practice did not prove that a backup comes back. Nothing of yours was touched."),
        text("Run it again with --keep FOLDER, and send what it leaves there to the people who make Overwinter."),
        "demo.not-the-same",
        detail,
    )
