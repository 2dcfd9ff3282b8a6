"""What is different between two snapshots, as restic finds it: by content, also where sizes and times are equal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.lines import LineSink
from app.tools.restic.session import Session


class Change(msgspec.Struct, frozen=True, tag_field="message_type", tag="change"):
    """One name that is different. `modifier` is restic's: `+`, `-`, or of `T` (type), `M` (content), `U` (metadata),
    `?` (content, though neither size nor time say so) those that apply.

    The path of a folder ends with "/"; bytes that are not UTF-8 are shown as U+FFFD.
    """

    path: str
    modifier: str


class Statistics(msgspec.Struct, frozen=True, tag_field="message_type", tag="statistics"):
    """restic's last word: without it the list is not whole."""

    changed_files: int = 0


_MESSAGE: msgspec.json.Decoder[Change | Statistics] = msgspec.json.Decoder(Change | Statistics)

TakeChange = Callable[[Change], Awaitable[None]]
"""Gets one change; while it is awaited restic waits too."""


async def difference(session: Session, before: str, after: str, take: TakeChange) -> None:
    """Tells what is different in the snapshot `after`, in the order in which folders are walked.

    Of a folder that is in one of them alone everything below is told, too. Raises `restic.unclear-answer` for a list
    that cannot be understood, or that ends too soon.
    """
    ended = False

    async def line(said: bytes) -> None:
        nonlocal ended
        message = _message(said)
        ended = ended or isinstance(message, Statistics)
        if isinstance(message, Change):
            await take(message)

    lines = LineSink(line)
    arguments = ["diff", "--metadata", "--", before, after]
    await session.run(session.attempt(snapshot=before), arguments, stdout=lines)
    await lines.finish()
    if not ended:
        raise _unclear("it did not say that this is all")


def _message(line: bytes) -> Change | Statistics | None:
    if not line.startswith(b'{"message_type":'):
        return None
    try:
        return _MESSAGE.decode(line)
    except msgspec.DecodeError as error:
        raise _unclear(line[:1000].decode("utf-8", "backslashreplace")) from error


def _unclear(said: str) -> UserError:
    return UserError(
        text("restic said something of the difference that cannot be understood."),
        text("What is shown is not all of it; the data is untouched."),
        text("Check which restic is in use; report this with the detail below."),
        "restic.unclear-answer",
        said,
    )
