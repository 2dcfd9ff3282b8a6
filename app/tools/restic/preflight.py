"""Finds out in seconds that a repository cannot be reached; restic itself tries on for a quarter of an hour."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import urlsplit

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.host import FileKind, Host
from app.settings.addresses import parsed

ANSWERS_WITHIN = 3.0
"""Seconds for a connection; a server that needs more would make a backup hopeless too."""


async def preflight(host: Host, address: str) -> None:
    """Raises `repository.unreachable` when the repository at `address` cannot be reached.

    A folder is looked for on `host`. A REST or S3 server has to accept a connection from this computer; nothing is
    sent to it. Other kinds (`sftp:`, `rclone:` …) are left to restic, which finds out fast.
    """
    parts = parsed(address)
    if parts.scheme == "local":
        await _look(host, parts.path)
    elif parts.scheme in ("rest", "s3") and parts.server:
        await _connect(parts.server, 80 if "http://" in address else 443, address)


async def _look(host: Host, folder: str) -> None:
    """The folder may be missing (restic says then that there is no repository), but not the one above it."""
    stands = await host.stat(folder)
    if stands is None and await host.stat(_above(folder)) is None:
        raise _unreachable(folder, text("there is no folder {folder}", folder=_above(folder)))
    if stands is not None and stands.kind not in (FileKind.FOLDER, FileKind.LINK):
        raise _unreachable(folder, text("it is not a folder"))


def _above(folder: str) -> str:
    path = PurePosixPath(folder)
    return str(path.parent if path.is_absolute() else PureWindowsPath(folder).parent)


async def _connect(server: str, usual_port: int, address: str) -> None:
    place = urlsplit(f"//{server}")
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            _, writer = await asyncio.open_connection(place.hostname, place.port or usual_port)
    except TimeoutError:
        raise _unreachable(address, text("it did not answer within {seconds} s", seconds=ANSWERS_WITHIN)) from None
    except (OSError, ValueError) as error:  # ValueError: no such port can be
        raise _unreachable(address, str(error)) from error
    writer.close()
    with contextlib.suppress(OSError):  # it answered, which is all that was asked
        await writer.wait_closed()


def _unreachable(address: str, why: Text | str) -> UserError:
    return UserError(
        text("The repository at {repository} cannot be reached: {why}.", repository=address, why=why),
        text("Nothing was saved now; what is in the repository is untouched."),
        text("Check that its disk is plugged in, or the network and the address; then try again."),
        "repository.unreachable",
    )
