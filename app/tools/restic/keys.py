"""The keys of a repository: each is a password that opens it."""

from __future__ import annotations

import msgspec

from app.tools.restic.session import Session


class Key(msgspec.Struct, frozen=True, rename="camel"):
    """A key: who made it, on which computer, when by that computer's clock; `current` is the one in use."""

    id: str
    current: bool = False
    user_name: str = ""
    host_name: str = ""
    created: str = ""


async def list_keys(session: Session) -> list[Key]:
    """All keys of the repository, also of one that is locked."""
    answer = await session.ask(session.attempt(), "key", "list", "--no-lock")
    return answer.document(list[Key])


async def add_key(session: Session, password_file: str) -> None:
    """Lets another password open the repository: the one that stands in a file of the session's host."""
    await session.run(session.attempt(), ["key", "add", "--new-password-file", password_file])


async def remove_key(session: Session, key: str) -> None:
    """Takes a key away for good, by its whole id; restic refuses to take the one that is in use."""
    await session.run(session.attempt(), ["key", "remove", key])
