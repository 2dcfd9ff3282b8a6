"""Tries the places where a dump can be read in, one after the other, until one can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from app.foundation.errors import UserError
from app.foundation.words import text
from app.jobs.verify.proof import Shown, is_wrong

Attempt = Callable[[], Awaitable[Shown]]

NOT_TOLD_FIRST = (".server-missing", "verify.no-room")
"""That a place is not there at all says less than what another one could not do."""


async def first_able(attempts: Sequence[Attempt]) -> Shown:
    """What the first place that can tell says: the proof, or that the data is wrong.

    Raises why it could not be told anywhere.
    """
    unable: list[UserError] = []
    for attempt in attempts:
        try:
            return await attempt()
        except UserError as error:
            if is_wrong(error):
                raise
            unable.append(error)
    raise _nowhere(unable)


def _nowhere(unable: Sequence[UserError]) -> UserError:
    if not unable:
        return UserError(
            text("There is no server where its dump could be read in."),
            text("That says nothing about the dump."),
            text("Install the server's programs on this computer; the server need not run."),
            "verify.nowhere",
        )
    told = next((error for error in unable if not error.code.endswith(NOT_TOLD_FIRST)), unable[0]).problem
    lines = [f"{error.code}: {error.problem.what}\n{error.problem.detail}".strip() for error in unable]
    return UserError(told.what, told.means, told.next, told.code, "\n".join(lines))
