"""The only errors a person sees: what happened, what it means for the data, one next step, a stable code.

Anything else that is raised is a defect of the program and is shown as such, with its detail folded underneath.
"""

from __future__ import annotations

import msgspec

from app.foundation.words import Text, text


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as a plain value: stored in records, sent in events, shown as a card.

    `detail` is technical text (program output, a traceback), already redacted by whoever stores it.
    """

    what: Text
    means: Text
    next: Text
    code: str
    detail: str = ""


class UserError(Exception):
    """Something a person has to know about, in three sentences; `code` is stable and dotted, `restic.locked`."""

    def __init__(self, what: Text, means: Text, next: Text, code: str, detail: str = "") -> None:  # noqa: A002  the design's word
        super().__init__(what)
        self.problem = Problem(what, means, next, code, detail)

    def __str__(self) -> str:
        return f"{self.problem.code}: {self.problem.what} {self.problem.detail}".strip()

    @property
    def code(self) -> str:
        """The stable code."""
        return self.problem.code


class Refused(UserError):
    """Not done, on purpose; nothing was changed."""


class Busy(UserError):
    """Another operation holds what this one needs."""


class Cancelled(UserError):
    """A person (or the program's end) stopped it."""


def as_problem(error: BaseException) -> Problem:
    """Any exception as what a person is shown; an unexpected one is named as a defect, with its kind as detail."""
    if isinstance(error, UserError):
        return error.problem
    return Problem(
        text("Something went wrong inside Overwinter."),
        text("What was finished before it is kept; what was under way is not counted as done."),
        text("Try again; if it happens again, send the details to the people who make Overwinter."),
        "internal.defect",
        f"{type(error).__name__}: {error}",
    )
