"""Decides which recovery points stay and which go, from what is known of them; nothing is read or changed here.

Rules count complete points only, whatever host and path they are of. A point stays or goes whole.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise

import msgspec

from app.foundation.errors import Refused
from app.foundation.words import Text, text
from app.jobs.points import Point
from app.settings.model import Retention, Span

UNFINISHED_FOR = timedelta(days=7)
"""So long an unfinished point of ours is left alone."""

CLOCKS_DIFFER = timedelta(hours=1)
"""Clocks of computers that work on one site may differ by so much."""

LONG_SILENCE = timedelta(days=366)
"""Nothing for so long, and then something, is either a site that slept or a clock that is wrong."""

BELIEVED_AFTER = timedelta(days=7)
"""So long after a long silence it is no longer taken for a wrong clock."""

OF_A_BACKUP = frozenset({"full", "part"})
"""Types of snapshots that the policy may remove; all others (safety, base, wal) have rules of their own."""


class KnownRuns(msgspec.Struct, frozen=True):
    """The runs behind unfinished points, as far as our records know them: backups that have ended, and active runs."""

    ended: Collection[str] = frozenset()
    active: Collection[str] = frozenset()


class Circumstances(msgspec.Struct, frozen=True):
    """What a decision depends on besides the points: when it is, in whose time zone, and what our records know.

    `half_gone` are points whose removal was begun and cut short.
    """

    now: datetime
    zone: tzinfo = UTC
    runs: KnownRuns = KnownRuns()
    half_gone: Collection[str] = frozenset()


class Judged(msgspec.Struct, frozen=True):
    """A point, and why it stays or goes."""

    point: Point
    why: tuple[Text, ...]


class Decision(msgspec.Struct, frozen=True):
    """What goes and what stays, each newest first."""

    going: tuple[Judged, ...]
    staying: tuple[Judged, ...]

    @property
    def points_going(self) -> tuple[Point, ...]:
        """The points that go."""
        return tuple(judged.point for judged in self.going)


def decide(points: Iterable[Point], policy: Retention, given: Circumstances) -> Decision:
    """What the policy does with a site's points.

    Raises `Refused` `retention.nothing-left` when it would keep no complete point, and `retention.clock` when
    something would go and the clock cannot be right.
    """
    judge = _Judge(sorted(points, key=lambda point: (point.time, point.id), reverse=True), policy, given)
    judged = [judge.judged(point) for point in judge.points]
    going = tuple(Judged(point, why) for point, goes, why in judged if goes)
    staying = tuple(Judged(point, why) for point, goes, why in judged if not goes)
    some_stay = any(one.point.complete for one in staying) and not policy.keeps_nothing
    if any(one.point.complete for one in going) and not some_stay:
        raise _nothing_left()
    if going:
        check_clock((point.time for point in judge.points if point.manifest), given.now)
    return Decision(going, staying)


def check_clock(times: Iterable[datetime], now: datetime) -> None:
    """Raises `Refused` `retention.clock` when it cannot be so late, or so early, as points of these times are there."""
    known = sorted(times)
    if known and known[-1] > now + CLOCKS_DIFFER:
        raise _clock_behind(known[-1], now)
    for before, after in pairwise((*known, now)):
        if after - before > LONG_SILENCE and now - after < BELIEVED_AFTER:
            raise _clock_ahead(before, now)


def newest_proven(points: Iterable[Point]) -> Point | None:
    """The newest complete point that a verification has proven."""
    proven = [point for point in points if point.complete and point.verified]
    return max(proven, key=lambda point: (point.time, point.id), default=None)


class _Judge:
    """All points of a site, newest first, and what is said of each."""

    def __init__(self, points: Sequence[Point], policy: Retention, given: Circumstances) -> None:
        self.points = points
        self._given = given
        self._newest_proven = newest_proven(points)
        complete = [point for point in points if point.complete and point.id not in given.half_gone]
        self._kept_by_rule = _kept_by_rules(complete, policy, given)

    def judged(self, point: Point) -> tuple[Point, bool, tuple[Text, ...]]:
        """Whether it goes, and why it does or does not."""
        protections = tuple(self._protections(point))
        if protections:
            return point, False, protections
        if point.id in self._given.half_gone:
            return point, True, (text("its removal was begun and not finished"),)
        if point.complete:
            rules = tuple(self._kept_by_rule.get(point.id, ()))
            return point, not rules, rules or (text("no rule keeps it"),)
        goes, why = self._unfinished(point) if not point.manifest else self._incomplete(point)
        return point, goes, (why,)

    def _protections(self, point: Point) -> Iterator[Text]:
        """What keeps a point from being removed by any policy."""
        if point == self._newest_proven:
            yield text("the newest point that is proven to restore")
        if point.kept_until is not None and self._given.now.astimezone(self._given.zone).date() <= point.kept_until:
            yield text("kept until {day}", day=point.kept_until.isoformat())
        if point.id in self._given.runs.active:
            yield text("its run is under way")
        for type_ in sorted({one.type for one in point.snapshots} - OF_A_BACKUP):
            yield text("a safety backup") if type_ == "safety" else text("holds snapshots of type {type}", type=type_)

    def _incomplete(self, point: Point) -> tuple[bool, Text]:
        """A point with something missing is all there is of its time, until a younger one is proven to be whole."""
        if self._newest_proven is not None and self._newest_proven.time > point.time:
            return True, text("incomplete, and a younger complete point is proven")
        return False, text("incomplete, but no younger complete point is proven yet")

    def _unfinished(self, point: Point) -> tuple[bool, Text]:
        """What a run left that wrote no manifest. Whose run it was, only our own records can tell."""
        if point.id not in self._given.runs.ended:
            return False, text("unfinished, by a run that is not in the records of this computer")
        if self._given.now - point.time <= UNFINISHED_FOR:
            return False, text("unfinished for less than {days} days", days=UNFINISHED_FOR.days)
        return True, text("unfinished for more than {days} days", days=UNFINISHED_FOR.days)


def _kept_by_rules(complete: Sequence[Point], policy: Retention, given: Circumstances) -> dict[str, list[Text]]:
    """Which of these points, newest first, the rules of the policy keep, and which rules they are."""
    kept: dict[str, list[Text]] = {}
    for point in complete[: policy.keep_last]:
        kept.setdefault(point.id, []).append(text("one of the last {count}", count=policy.keep_last))
    for count, part_of, why in _periods(policy):
        parts = [part_of(point.time.astimezone(given.zone)) for point in complete]
        for point in _last_of_each(complete, parts, count):
            kept.setdefault(point.id, []).append(why)
    for point in _within(complete, policy.within, given):
        kept.setdefault(point.id, []).append(text("not more than {span} older", span=policy.keep_within))
    return kept


def _periods(policy: Retention) -> Iterable[tuple[int, Callable[[datetime], object], Text]]:
    """The rules that keep the last point of each period: of how many, which one a local time is part of, and why."""
    # An hour that the end of summer time repeats is two hours.
    yield policy.keep_hourly, lambda at: (at.date(), at.hour, at.utcoffset()), text("the last of its hour")
    yield policy.keep_daily, lambda at: at.date(), text("the last of its day")
    yield policy.keep_weekly, lambda at: at.isocalendar()[:2], text("the last of its week")
    yield policy.keep_monthly, lambda at: (at.year, at.month), text("the last of its month")
    yield policy.keep_yearly, lambda at: at.year, text("the last of its year")


def _last_of_each(complete: Sequence[Point], parts: Sequence[object], count: int) -> Iterator[Point]:
    """The newest point of each of the last `count` periods in which there are any; `parts` are the points' periods."""
    seen: set[object] = set()
    for point, part in zip(complete, parts, strict=True):
        if part not in seen and len(seen) < count:
            seen.add(part)
            yield point


def _within(complete: Sequence[Point], span: Span | None, given: Circumstances) -> list[Point]:
    """Those that are at most so much older than the newest; one that is ahead of the clock is not taken for that."""
    newest = next((point for point in complete if point.time <= given.now + CLOCKS_DIFFER), None)
    if span is None or newest is None:
        return []
    oldest = _earlier(newest.time.astimezone(given.zone), span)
    return [point for point in complete if point.time >= oldest]


def _earlier(at: datetime, span: Span) -> datetime:
    """So much before a local time; from the 31st a month back is the last day of the month before."""
    months = at.year * 12 + at.month - 1 - span.years * 12 - span.months
    year, month = divmod(months, 12)
    if year < 1:
        return datetime.min.replace(tzinfo=UTC)
    last = calendar.monthrange(year, month + 1)[1]
    try:
        day = date(year, month + 1, min(at.day, last)) - timedelta(days=span.days)
        # Not by subtracting from the time itself: that forgets which of two equal hours of a night it is.
        local = at.replace(year=day.year, month=day.month, day=day.day)
        return local.astimezone(UTC) - timedelta(hours=span.hours)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _nothing_left() -> Refused:
    return Refused(
        text("By these rules of retention no recovery point would stay."),
        text("Nothing was removed."),
        text("Say in the site's settings, under Retention, how many points are to be kept."),
        "retention.nothing-left",
    )


def _clock_behind(newest: datetime, now: datetime) -> Refused:
    return Refused(
        text(
            "The clock says {now}, but there is a recovery point of {newest} already.",
            now=_said(now),
            newest=_said(newest),
        ),
        text("Nothing was removed: by a wrong clock the wrong points would go."),
        text("Set this computer's clock; or delete that point, if it was made on a computer whose clock was wrong."),
        "retention.clock",
    )


def _clock_ahead(before: datetime, now: datetime) -> Refused:
    return Refused(
        text(
            "The clock says {now}, and there was no recovery point from {before} until now.",
            now=_said(now),
            before=_said(before),
        ),
        text("Nothing was removed: by a wrong clock the wrong points would go."),
        text(
            "Set this computer's clock. If it is right, old points are removed again when there have been new ones for"
            " {days} days.",
            days=BELIEVED_AFTER.days,
        ),
        "retention.clock",
    )


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
