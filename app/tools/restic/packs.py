"""The packs of a repository, read one by one without an index; each is named by the SHA-256 of its content."""

from __future__ import annotations

import hashlib

from app.tools.restic.session import Session


async def packs(session: Session) -> frozenset[str]:
    """The names of all packs that are in the repository."""
    named: list[bytes] = []

    async def take(piece: bytes) -> None:
        named.append(piece)

    await session.run(session.attempt(), ["list", "packs", "--no-lock"], stdout=take)
    return frozenset(b"".join(named).decode("ascii", "replace").split())


async def is_well(session: Session, pack: str) -> tuple[bool, int]:
    """Whether a pack holds what its name says, and how many bytes came; raises what kept it from being read."""
    digest, size = hashlib.sha256(), 0

    async def take(piece: bytes) -> None:
        nonlocal size
        digest.update(piece)
        size += len(piece)

    await session.run(session.attempt(), ["cat", "pack", "--no-lock", "--", pack], stdout=take)
    return digest.hexdigest() == pack, size
