"""A dump that was just taken, read once more as it stands in the repository; one that lacks its end goes again.

Programs that are scripts around the real one can end early and call it success.
"""

from __future__ import annotations

import builtins
from typing import Protocol

from app.foundation.errors import Problem, UserError
from app.foundation.events import Warned
from app.foundation.words import text
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Intake
from app.tools.restic.backup import Backup

TELL_EVERY = 8 * 1024 * 1024
"""Bytes read between two words on how far it is."""


class Written(Protocol):
    """A dump that is read piece by piece; `size` is how many bytes of it were taken."""

    size: int

    @property
    def whole(self) -> bool:
        """Whether it ended as only a finished dump does."""

    def take(self, piece: builtins.bytes) -> None:
        """The next piece."""


async def check_whole(ctx: Ctx, intake: Intake, made: Backup, path: str, written: Written) -> None:
    """Reads the file at `path` of a new snapshot into `written`.

    Raises `UserError` `source.truncated` when it lacks its end, and what restic raises when it cannot be read; then
    the snapshot has been taken out again.
    """
    try:
        await _read(intake, made, path, written)
        if not written.whole or written.size != made.bytes:
            raise _truncated(path, written, made)
    except UserError:
        await _withdraw(ctx, intake, made)
        raise


async def _read(intake: Intake, made: Backup, path: str, written: Written) -> None:
    intake.pace.begin()
    told = 0

    async def take(piece: bytes) -> None:
        nonlocal told
        written.take(piece)
        if written.size - told >= TELL_EVERY:
            told = written.size
            intake.pace.tell(written.size, made.bytes)

    await intake.restic.tree(made.snapshot).dump(path, take)


async def _withdraw(ctx: Ctx, intake: Intake, made: Backup) -> None:
    """Takes a snapshot out that must not count; where that is refused it is at least said."""
    try:
        await intake.restic.forget([made.snapshot])
    except UserError as error:
        ctx.emit(Warned(warning=_still_there(made, error.problem)))


def _truncated(path: str, written: Written, made: Backup) -> UserError:
    return UserError(
        text("The dump {name} lacks its end.", name=path.removeprefix("/")),
        text("It was taken out of the repository again, and is no part of this recovery point."),
        text("See that the dump program is the real one and not a script around it, then try again."),
        "source.truncated",
        f"{written.size} of {made.bytes} bytes were read back from snapshot {made.snapshot}",
    )


def _still_there(made: Backup, why: Problem) -> Problem:
    return Problem(
        text("A dump that must not be used could not be taken out of the repository."),
        text(
            "Its snapshot is {snapshot}; the recovery point does not count it. {what}",
            snapshot=made.snapshot[:8],
            what=why.what,
        ),
        text("Remove it with an account that may: restic forget {snapshot}", snapshot=made.snapshot[:8]),
        "source.not-withdrawn",
        why.detail,
    )
