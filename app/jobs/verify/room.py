"""Whether there is room for a throwaway copy of a database."""

from __future__ import annotations

from app.foundation.errors import UserError
from app.foundation.words import Size, text
from app.hosts.host import Host

OF_A_SERVER = 512 * 1024 * 1024
"""Bytes that a server takes besides the data: its own files and logs."""

GROWS_BY = 1.15


async def expect_room(host: Host, folder: str, data: int, besides: int = OF_A_SERVER) -> None:
    """Raises `verify.no-room` where so many bytes of data would not fit, with what else is needed."""
    needed, free = round(data * GROWS_BY) + besides, await host.free_space(folder)
    if free < needed:
        raise UserError(
            text(
                "{folder} on {host} has {free} free, and {needed} are needed.",
                folder=folder,
                host=host.name,
                free=Size(free),
                needed=Size(needed),
            ),
            text("Nothing was read in there."),
            text("Make room there."),
            "verify.no-room",
        )
