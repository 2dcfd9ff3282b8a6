"""What a small file on a host holds, where it is good to know and no harm is done when it cannot be."""

from __future__ import annotations

from app.foundation.errors import UserError
from app.hosts.host import FileKind, Host


async def content_of(host: Host, path: str) -> bytes:
    """A small file's content; b"" when there is none or it cannot be read: a fact that is not known is left out."""
    try:
        stat = await host.stat(path)
        return await host.read(path) if stat is not None and stat.kind is FileKind.FILE else b""
    except UserError:
        return b""
