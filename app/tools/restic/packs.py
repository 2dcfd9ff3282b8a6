"""The packs of a repository, read one by one without an index; each is named by the SHA-256 of its content."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection

import msgspec

from app.tools.restic.session import Session


async def packs(session: Session) -> frozenset[str]:
    """The names of all packs that are in the repository."""
    named: list[bytes] = []

    async def take(piece: bytes) -> None:
        named.append(piece)

    await session.run(session.attempt(), ["list", "packs", "--no-lock"], stdout=take)
    return frozenset(b"".join(named).decode("ascii", "replace").split())


class _Piece(msgspec.Struct, frozen=True):
    id: str


class _Pack(msgspec.Struct, frozen=True):
    id: str
    blobs: list[_Piece]


class _Index(msgspec.Struct, frozen=True):
    packs: list[_Pack] = []


async def pieces_of(session: Session, wanted: Collection[str]) -> list[str]:
    """The pieces that these packs should hold, as the indexes say; each index is read whole."""
    found = {piece.id: None async for pack in _indexed(session) if pack.id in wanted for piece in pack.blobs}
    return list(found)


async def named_in_an_index(session: Session, wanted: Collection[str]) -> frozenset[str]:
    """Those of the packs that hold something as far as the indexes say: the others are waste of a cut-short backup."""
    return frozenset([pack.id async for pack in _indexed(session) if pack.id in wanted])


async def _indexed(session: Session) -> AsyncIterator[_Pack]:
    listed = await session.ask(session.attempt(), "list", "index", "--no-lock")
    for name in listed.finished.stdout.decode("ascii", "replace").split():
        index = (await session.ask(session.attempt(), "cat", "index", name, "--no-lock")).document(_Index)
        for pack in index.packs:
            yield pack


async def is_well(session: Session, pack: str) -> tuple[bool, int]:
    """Whether a pack holds what its name says, and how many bytes came; raises what kept it from being read.

    Without the cache: restic keeps a copy of every pack of folders that it has written.
    """
    digest, size = hashlib.sha256(), 0

    async def take(piece: bytes) -> None:
        nonlocal size
        digest.update(piece)
        size += len(piece)

    await session.run(session.attempt(), ["cat", "pack", "--no-lock", "--no-cache", "--", pack], stdout=take)
    return digest.hexdigest() == pack, size
