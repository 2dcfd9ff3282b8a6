"""Brings this computer's restic to a host that has none, or an old one; kept there by its hash for the next run."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import FileKind, Host
from app.settings.paths import same_always
from app.tools.found import ToolFound, said_version
from app.tools.restic.program import NAME

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Other systems' names for the same machines."""

MOUNTS = "/proc/mounts"
PROGRAM_MODE = 0o700


async def bring_restic(host: Host, here: Host, ours: ToolFound) -> ToolFound:
    """Puts `ours`, a restic of this computer, onto `host` where it is not there yet, and tries it.

    It goes into a private folder under its SHA-256, which is compared there before it is started. Raises
    `restic.other-machine`, `restic.damaged-on-the-way`, `restic.noexec`, `restic.not-startable-there`.
    """
    await _expect_same_machine(host, here)
    digest = await here.sha256(ours.path)
    path = str(PurePosixPath(await host.kept_folder("tools")) / f"{NAME}-{digest}")
    if not await _is_there(host, path, digest):
        await host.upload(Path(ours.path), path, PROGRAM_MODE)
        if not await _is_there(host, path, digest):
            raise _damaged(host, path)
    version = await said_version(host, path, ("version",), f"{NAME} ", {})
    if not version:
        raise await _not_startable(host, path)
    return ToolFound(NAME, version, path, fit=True)


async def _is_there(host: Host, path: str, digest: str) -> bool:
    stands = await host.stat(path)
    return stands is not None and stands.kind is FileKind.FILE and await host.sha256(path) == digest


async def _expect_same_machine(host: Host, here: Host) -> None:
    there, ours = await host.facts(), await here.facts()
    if (there.system, _machine(there.machine)) == (ours.system, _machine(ours.machine)):
        return
    raise UserError(
        text("{host} has no restic of version 0.18 or newer, and this computer's cannot run there.", host=host.name),
        text("Nothing was backed up from there; the other hosts were."),
        text(
            "Install restic 0.18 or newer on {host} ({system}, {machine}).",
            host=host.name,
            system=there.system,
            machine=there.machine,
        ),
        "restic.other-machine",
        f"this computer: {ours.system} {ours.machine}",
    )


def _machine(name: str) -> str:
    return MACHINES.get(name.lower(), name.lower())


async def _not_startable(host: Host, path: str) -> UserError:
    if mount := await _noexec_mount(host, path):
        return UserError(
            text("No program may be run from {mount} on {host}.", mount=mount, host=host.name),
            text("It has no restic of its own that is new enough, so nothing was backed up from there."),
            text(
                "Install restic 0.18 or newer on {host}, or mount {mount} without noexec.", host=host.name, mount=mount
            ),
            "restic.noexec",
            path,
        )
    return UserError(
        text("The restic that was brought to {host} does not start there.", host=host.name),
        text("It has no restic of its own that is new enough, so nothing was backed up from there."),
        text("Install restic 0.18 or newer on {host}.", host=host.name),
        "restic.not-startable-there",
        path,
    )


async def _noexec_mount(host: Host, path: str) -> str:
    """Where the file system of `path` is mounted, when nothing may be run from it; Linux alone tells."""
    try:
        mounts = (await host.read(MOUNTS)).decode("utf-8", "replace").splitlines()
    except UserError:
        return ""
    found, options = "", ""
    for line in mounts:  # a later mount hides an earlier one
        _, where, _, said, *_ = line.split(" ")
        folder = same_always(where.replace("\\040", " "))
        if PurePosixPath(path).is_relative_to(folder) and len(folder) >= len(found):
            found, options = folder, said
    return found if "noexec" in options.split(",") else ""


def _damaged(host: Host, path: str) -> UserError:
    return UserError(
        text("The restic that was brought to {host} did not arrive as it was sent.", host=host.name),
        text("It was not started; nothing was backed up from there."),
        text("Try again; if it happens again, check the disk of {host}.", host=host.name),
        "restic.damaged-on-the-way",
        path,
    )
