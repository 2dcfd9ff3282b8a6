"""What retention does, said once more: from the words of the specification, point by point, as a person would check it.

It knows a history as a person describes it (`Made`), no snapshots and no tags. Each point is asked by itself whether
anything keeps it; nothing is sorted, and nothing is counted along the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from app.settings.model import Retention
from tests.histories import DAY, NOON, Made

ZONES = ("UTC", "Europe/Prague", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")

MOMENTS = (
    NOON,
    datetime(2026, 3, 29, 1, 20, tzinfo=UTC),  # summer time has just begun in Prague
    datetime(2026, 10, 25, 1, 40, tzinfo=UTC),  # its hour from two to three comes for the second time
    datetime(2026, 4, 4, 15, 20, tzinfo=UTC),  # Lord Howe goes back by half an hour
    datetime(2027, 1, 1, 0, 30, tzinfo=UTC),  # a week that began last year
    datetime(2028, 2, 29, 23, 50, tzinfo=UTC),
)

HOUR = timedelta(hours=1)
YEAR = timedelta(days=366)


class World:
    """A history, looked at in one moment under one policy."""

    def __init__(self, history: Sequence[Made], policy: Retention, now: datetime, zone: str) -> None:
        self.history = history
        self.policy = policy
        self.now = now
        self.zone = ZoneInfo(zone)
        # "Only complete points of this site count", and one whose removal has begun is none any more.
        self.counted = [made for made in history if made.kind == "complete" and not made.torn]
        self._periods = {
            rule: {made.run: name_of(made.at.astimezone(self.zone)) for made in self.counted}
            for rule, name_of in PERIODS.items()
        }

    def __repr__(self) -> str:
        """The world in words, for whoever reads of a failure."""
        made = ",\n  ".join(map(repr, self.history))
        return f"World(\n  [{made}],\n  {self.policy!r},\n  {self.now!r}, {self.zone.key!r})"

    def going(self) -> set[str]:
        """The runs whose points the policy lets go, were it not refused."""
        return {made.run for made in self.history if not self._is_protected(made) and self._may_go(made)}

    def refusal(self) -> str:
        """The code with which retention is refused, "" when it is not."""
        going = self.going()
        complete = {made.run for made in self.history if made.kind == "complete"}
        if complete & going and (self.policy.keeps_nothing or complete <= going):
            return "retention.nothing-left"
        return "retention.clock" if going and self._is_clock_implausible() else ""

    # "safety, kept and newest-proven points are never removed"

    def _is_protected(self, made: Made) -> bool:
        is_kept = bool(made.keeps) and self.now.astimezone(self.zone).date() <= made.keeps[-1]
        of_its_own = made.kind in ("safety", "wal")
        return of_its_own or is_kept or self._is_newest_proven(made) or made.recorded == "active"

    def _is_newest_proven(self, made: Made) -> bool:
        return _is_proven(made) and not any(_is_proven(other) and _younger(other, made) for other in self.history)

    def _may_go(self, made: Made) -> bool:
        if made.torn:
            return True
        if made.kind == "complete":
            return not self._is_kept_by_a_rule(made)
        if made.kind == "unfinished":
            # "snapshots whose run is a run of our records but that have no manifest … go after 7 days"
            return made.recorded == "ended" and self.now - made.at > 7 * DAY
        # "a partial point stays until a younger complete one was proven"
        return any(_is_proven(other) and other.at > made.at for other in self.history)

    # "keep last/hourly/daily/weekly/monthly/yearly/within"

    def _is_kept_by_a_rule(self, made: Made) -> bool:
        younger = [other for other in self.counted if _younger(other, made)]
        if len(younger) < self.policy.keep_last or self._is_within(made):
            return True
        return any(
            self._closes_a_period(made, younger, names, getattr(self.policy, rule))
            for rule, names in self._periods.items()
        )

    @staticmethod
    def _closes_a_period(made: Made, younger: Sequence[Made], names: Mapping[str, str], count: int) -> bool:
        """Whether nothing younger is of its day (or week, …), and fewer than so many younger days have points."""
        later = {names[other.run] for other in younger}
        return names[made.run] not in later and len(later) < count

    def _is_within(self, made: Made) -> bool:
        believed = [other.at for other in self.counted if other.at <= self.now + HOUR]
        if not self.policy.keep_within or not believed:
            return False
        return made.at >= self._before(max(believed))

    def _before(self, newest: datetime) -> datetime:
        span = self.policy.within
        assert span is not None
        local = newest.astimezone(self.zone)
        day = _months_back(local.date(), 12 * span.years + span.months) - span.days * DAY
        return local.replace(year=day.year, month=day.month, day=day.day).astimezone(UTC) - span.hours * HOUR

    # "Refused when the clock is implausible"

    def _is_clock_implausible(self) -> bool:
        known = [made.at for made in self.history if made.kind not in ("unfinished", "wal")]
        if any(at > self.now + HOUR for at in known):
            return True
        fresh = [at for at in (*known, self.now) if self.now - at < 7 * DAY]
        return any(self._is_after_a_silence(at, known) for at in fresh)

    def _is_after_a_silence(self, at: datetime, known: Sequence[datetime]) -> bool:
        before = [other for other in known if other < at]
        return bool(before) and all(at - other > YEAR for other in before)


PERIODS: dict[str, Callable[[datetime], str]] = {
    "keep_hourly": lambda at: at.strftime("%Y-%m-%d %H %z"),
    "keep_daily": lambda at: at.strftime("%Y-%m-%d"),
    "keep_weekly": lambda at: (at.date() - at.weekday() * DAY).isoformat(),
    "keep_monthly": lambda at: at.strftime("%Y-%m"),
    "keep_yearly": lambda at: at.strftime("%Y"),
}


def _younger(one: Made, other: Made) -> bool:
    return (one.at, one.run) > (other.at, other.run)


def _is_proven(made: Made) -> bool:
    """ "the newest proof that says anything" says that a complete point restores."""
    said = [proof for proof in made.proofs if proof != "unchecked"]
    return made.kind == "complete" and said[-1:] == ["pass"]


def _months_back(day: date, months: int) -> date:
    """The same day so many months before, or the last one of that month where it has no such day."""
    first = day.replace(day=1)
    for _ in range(months):
        first = (first - DAY).replace(day=1)
    last = (first + 31 * DAY).replace(day=1) - DAY
    return first.replace(day=min(day.day, last.day))


# --- what may have been ----------------------------------------------------------------------------------------------

STEPS = st.one_of(
    st.integers(1, 90),  # minutes: several in an hour
    st.integers(60, 1500),
    st.just(1440),
    st.integers(1440, 60 * 24 * 40),  # gaps of weeks
    st.sampled_from([60 * 24 * 180, 60 * 24 * 400]),  # a laptop that slept for half a year, or for longer
)
AHEAD = st.sampled_from([0] * 12 + [30, 60 * 5, 60 * 24 * 730])
"""Minutes that the clock of some computer was ahead."""

KINDS = st.sampled_from(["complete"] * 7 + ["partial", "part", "lost", "safety", "unfinished", "wal"])
PROOFS = st.sampled_from([(), (), (), (), ("pass",), ("pass", "fail"), ("fail", "pass"), ("unchecked",)])


@st.composite
def histories(draw: st.DrawFn, now: datetime, *, recorded: bool = True) -> list[Made]:
    """What may have been before that moment: two laptops and a dead one, gaps, days of many backups, wrong clocks.

    `recorded` says that our records know some of the runs; points of a dead laptop they never know.
    """
    at, history = now - timedelta(minutes=draw(st.integers(1, 300))), []
    for _ in range(draw(st.integers(0, 40))):
        laptop = draw(st.sampled_from(["one", "one", "two", "dead"]))
        known = ["", "ended", "ended", "active"] if recorded and laptop == "one" else [""]
        history.append(
            Made(
                at + timedelta(minutes=draw(AHEAD)),
                laptop=laptop,
                kind=draw(KINDS),
                proofs=draw(PROOFS),
                keeps=draw(_keeps(at, now)),
                recorded=draw(st.sampled_from(known)),
                torn=recorded and draw(st.integers(0, 9)) == 0,
            )
        )
        at -= timedelta(minutes=draw(STEPS))
    return list({made.run: made for made in history}.values())


def _keeps(at: datetime, now: datetime) -> st.SearchStrategy[tuple[date, ...]]:
    """Two Keeps of which the newer one, some days from now, counts; mostly none."""
    return st.sampled_from([(), (), (), ()] + [(at.date() + 3000 * DAY, now.date() + days * DAY) for days in _UNTIL])


_UNTIL = (-3, -1, 0, 1, 400)

policies = st.builds(
    Retention,
    keep_last=st.sampled_from([0, 0, 1, 3]),
    keep_hourly=st.sampled_from([0, 0, 5]),
    keep_daily=st.sampled_from([0, 2, 7]),
    keep_weekly=st.sampled_from([0, 4]),
    keep_monthly=st.sampled_from([0, 12]),
    keep_yearly=st.sampled_from([0, 0, 1, 3]),
    keep_within=st.sampled_from(["", "", "", "36h", "2d", "1m", "1y6m", "2m10d5h"]),
)
