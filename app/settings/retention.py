"""Which recovery points of a site are kept."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from app.foundation.words import text
from app.settings.fields import entry

_SPAN = re.compile(r"^(?:([0-9]{1,4})y)?(?:([0-9]{1,4})m)?(?:([0-9]{1,4})d)?(?:([0-9]{1,4})h)?\Z")

Kept = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class Span(msgspec.Struct, frozen=True):
    """A length of time as a calendar counts it."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Which complete recovery points are kept; a point stays as long as one of these rules keeps it.

    `keep_last` counts points, `keep_hourly` to `keep_yearly` count hours, days … in which there are points: of each
    the last one is kept, in the site's time zone. `keep_within` keeps all that are so much older than the newest.
    """

    keep_last: Annotated[
        Kept,
        entry(
            text("Last"),
            text("So many of the newest points are kept, however close together they are."),
            text("Write a whole number from 0 to 10000."),
            unit=text("points"),
        ),
    ] = 0
    keep_hourly: Annotated[
        Kept,
        entry(
            text("Hourly"),
            text("For so many hours with points the last point of the hour is kept."),
            text("Write a whole number from 0 to 10000."),
            unit=text("hours"),
        ),
    ] = 0
    keep_daily: Annotated[
        Kept,
        entry(
            text("Daily"),
            text("For so many days the last point of the day is kept."),
            text("Write a whole number from 0 to 10000."),
            unit=text("days"),
            always=True,
        ),
    ] = 7
    keep_weekly: Annotated[
        Kept,
        entry(
            text("Weekly"),
            text("For so many weeks the last point of the week is kept."),
            text("Write a whole number from 0 to 10000."),
            unit=text("weeks"),
            always=True,
        ),
    ] = 4
    keep_monthly: Annotated[
        Kept,
        entry(
            text("Monthly"),
            text("For so many months the last point of the month is kept."),
            text("Write a whole number from 0 to 10000."),
            unit=text("months"),
            always=True,
        ),
    ] = 12
    keep_yearly: Annotated[
        Kept,
        entry(
            text("Yearly"),
            text("For so many years the last point of the year is kept."),
            text("Write a whole number from 0 to 10000."),
            unit=text("years"),
        ),
    ] = 0
    keep_within: Annotated[
        str,
        entry(
            text("Within"),
            text("Every point is kept that is at most so much older than the newest one; empty keeps none for this."),
            text("Write years, months, days and hours as restic does, such as 14d, 2m or 1y6m; or leave it out."),
            example="14d",
            pattern=_SPAN.pattern,
        ),
    ] = ""

    @property
    def within(self) -> Span | None:
        """`keep_within` in figures; None when there is no such rule."""
        parts = _SPAN.match(self.keep_within)
        return Span(*(int(part or 0) for part in parts.groups())) if self.keep_within and parts else None

    @property
    def keeps_nothing(self) -> bool:
        """Whether no rule keeps anything."""
        counts = (self.keep_last, self.keep_hourly, self.keep_daily, self.keep_weekly)
        return not any((*counts, self.keep_monthly, self.keep_yearly, self.keep_within))
