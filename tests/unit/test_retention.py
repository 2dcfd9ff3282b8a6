"""Retention decided: rule by rule, and histories of every kind against a model of the specification's words."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.foundation.errors import Refused, UserError
from app.foundation.redact import Redactor
from app.jobs.points import Point, points_by_name, points_of
from app.jobs.repositories import Repositories
from app.jobs.retention.decision import Circumstances, Decision, KnownRuns, check_clock, decide
from app.jobs.retention.deletion import check_deletable, phrase_of, plan_deletion
from app.jobs.retention.keep import KeepChoice, plan_keep
from app.settings.model import Retention, Span
from tests.histories import DAY, NOON, SITE, Made, snapshots_of
from tests.retention_model import MOMENTS, ZONES, World, histories, policies

TODAY = NOON.date()


def points_from(history: Iterable[Made], today: date = TODAY) -> list[Point]:
    return points_of((one for made in history for one in snapshots_of(made)), today)


def circumstances(history: Sequence[Made], now: datetime = NOON, zone: str = "UTC") -> Circumstances:
    def of(state: str) -> frozenset[str]:
        return frozenset(made.run for made in history if made.recorded == state)

    torn = frozenset(made.run for made in history if made.torn)
    return Circumstances(now, ZoneInfo(zone), KnownRuns(of("ended"), of("active")), torn)


def decided(history: Sequence[Made], policy: Retention, now: datetime = NOON, zone: str = "UTC") -> Decision:
    return decide(points_from(history), policy, circumstances(history, now, zone))


def going(decision: Decision) -> set[str]:
    return {judged.point.id for judged in decision.going}


def daily(count: int, **fields: object) -> list[Made]:
    """A complete point each day at noon, the newest an hour old."""
    return [Made(NOON - timedelta(hours=1) - number * DAY, **fields) for number in range(count)]  # type: ignore[arg-type]  # fields of Made


# --- against the model -----------------------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn) -> World:
    now = draw(st.sampled_from(MOMENTS))
    return World(draw(histories(now)), draw(policies), now, draw(st.sampled_from(ZONES)))


def decided_in(world: World, seed: int = 0) -> Decision:
    points = points_from(world.history)
    random.Random(seed).shuffle(points)
    return decide(points, world.policy, circumstances(world.history, world.now, world.zone.key))


many = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.spec("B7")
@given(world=worlds(), seed=st.integers(0, 9))
@settings(many, max_examples=200)
def test_what_goes_is_what_the_model_says_and_nothing_protected_ever(world: World, seed: int) -> None:
    if world.refusal():
        with pytest.raises(Refused, match=world.refusal().replace(".", r"\.")):
            decided_in(world, seed)
        return
    decision = decided_in(world, seed)
    assert going(decision) == world.going()
    assert {one.point.id for one in decision.staying} == {made.run for made in world.history} - world.going()
    assert all(judged.why for judged in (*decision.going, *decision.staying))


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.spec("B7")
@given(world=worlds(), seed=st.integers(0, 9))
@settings(many, max_examples=10_000)
def test_what_goes_is_what_the_model_says_in_many_more_worlds(world: World, seed: int) -> None:
    try:
        said: set[str] | str = going(decided_in(world, seed))
    except Refused as refused:
        said = refused.code
    assert said == (world.refusal() or world.going())


@pytest.mark.spec("B7")
@given(world=worlds())
@settings(many, max_examples=60)
def test_deciding_again_on_what_is_left_removes_nothing_more(world: World) -> None:
    try:
        goes = going(decided_in(world))
    except Refused:
        return
    left = [made for made in world.history if made.run not in goes]
    again = World(left, world.policy, world.now, world.zone.key)
    assert going(decided_in(again)) == set()
    assert any(made.kind == "complete" for made in left) or not any(made.kind == "complete" for made in world.history)


@pytest.mark.spec("B7")
@given(world=worlds())
@settings(many, max_examples=30)
def test_a_point_goes_with_all_its_snapshots_and_with_no_other(world: World) -> None:
    try:
        decision = decided_in(world)
    except Refused:
        return
    removed, goes = {one for judged in decision.going for one in judged.point.all_snapshots}, going(decision)
    for made in world.history:
        theirs = {one.id for one in snapshots_of(made)}
        assert theirs <= removed if made.run in goes else not theirs & removed


# --- single rules ----------------------------------------------------------------------------------------------------


@pytest.mark.spec("B7", "S2")
def test_the_default_keeps_seven_days_four_weeks_and_twelve_months() -> None:
    history = daily(500)
    goes = going(decided(history, Retention()))
    left = sorted(made.at for made in history if made.run not in goes)
    assert left[-7:] == [history[number].at for number in range(6, -1, -1)]
    assert len(left) == 7 + 2 + 11, "two more Sundays than the last seven days have, eleven ends of months"


@pytest.mark.spec("B7")
def test_points_of_two_laptops_with_other_paths_are_one_history() -> None:
    history = [Made(made.at, laptop=laptop) for made in daily(4) for laptop in ("one", "two")]
    goes = going(decided(history, Retention(keep_daily=2, keep_weekly=0, keep_monthly=0)))
    left = [made for made in history if made.run not in goes]
    assert len(left) == 2
    assert {made.at.date() for made in left} == {NOON.date(), NOON.date() - DAY}


@pytest.mark.spec("B7")
def test_days_are_those_of_the_sites_time_zone() -> None:
    evening, night = datetime(2026, 11, 20, 22, 30, tzinfo=UTC), datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    history = [Made(evening), Made(night)]
    policy = Retention(keep_daily=2, keep_weekly=0, keep_monthly=0)
    assert going(decided(history, policy, zone="UTC")) == {Made(evening).run}
    assert going(decided(history, policy, zone="Europe/Prague")) == set()


@pytest.mark.spec("B7")
def test_the_hour_that_the_end_of_summer_time_repeats_is_two_hours() -> None:
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    policy = Retention(keep_hourly=5, keep_daily=0, keep_weekly=0, keep_monthly=0)
    assert first.astimezone(ZoneInfo("Europe/Prague")).hour == second.astimezone(ZoneInfo("Europe/Prague")).hour
    assert going(decided([Made(first), Made(second)], policy, zone="Europe/Prague")) == set()


@pytest.mark.spec("B7")
@pytest.mark.parametrize(
    ("within", "oldest"),
    [
        ("14d", datetime(2026, 3, 17, 12, tzinfo=UTC)),
        ("1m", datetime(2026, 2, 28, 12, tzinfo=UTC)),
        ("1m1d", datetime(2026, 2, 27, 12, tzinfo=UTC)),
        ("1y", datetime(2025, 3, 31, 12, tzinfo=UTC)),
        ("36h", datetime(2026, 3, 30, 0, tzinfo=UTC)),
        ("9999y", datetime(2025, 1, 1, tzinfo=UTC)),
        ("9999d9999h", datetime(2025, 1, 1, tzinfo=UTC)),
    ],
)
def test_within_counts_from_the_newest_point_as_a_calendar_does(within: str, oldest: datetime) -> None:
    newest = datetime(2026, 3, 31, 12, tzinfo=UTC)
    kept, gone = Made(oldest), Made(oldest - timedelta(minutes=1))
    policy = Retention(keep_daily=0, keep_weekly=0, keep_monthly=0, keep_within=within)
    expected_to_go = set() if within.startswith("9999") else {gone.run}
    now = newest + 90 * DAY  # a laptop that slept: its points do not get old by that
    assert going(decided([Made(newest), kept, gone], policy, now)) == expected_to_go


def test_a_span_is_read_in_years_months_days_and_hours() -> None:
    assert Retention(keep_within="1y6m14d12h").within == Span(1, 6, 14, 12)
    assert Retention().within is None


@pytest.mark.spec("B7")
@pytest.mark.parametrize("kind", ["partial", "part"])
def test_a_partial_point_stays_until_a_younger_complete_one_is_proven(kind: str) -> None:
    old, partial, *younger = Made(NOON - 9 * DAY, proofs=("pass",)), Made(NOON - 5 * DAY, kind=kind), *daily(3)
    assert going(decided([old, partial, *younger], Retention())) == set()
    proven = msgspec.structs.replace(younger[0], proofs=("pass",))
    assert going(decided([old, partial, proven], Retention())) == {partial.run}


@pytest.mark.spec("B7")
def test_only_partial_points_are_all_left_alone() -> None:
    history = daily(30, kind="partial")
    assert going(decided(history, Retention(keep_daily=1))) == set()
    assert going(decided(history, Retention(keep_daily=0, keep_weekly=0, keep_monthly=0))) == set()


@pytest.mark.spec("B7")
def test_what_a_dead_run_left_goes_after_a_week_and_a_dead_laptops_never() -> None:
    ours = Made(NOON - 8 * DAY, kind="unfinished", recorded="ended")
    fresh = Made(NOON - 6 * DAY, kind="unfinished", recorded="ended")
    active = Made(NOON - 9 * DAY, kind="unfinished", recorded="active")
    theirs = Made(NOON - 400 * DAY, kind="unfinished", laptop="dead")
    assert going(decided([ours, fresh, active, theirs, *daily(2)], Retention())) == {ours.run}


@pytest.mark.spec("B7")
def test_a_keep_ends_with_its_day_in_the_sites_time_zone_and_the_newest_one_counts() -> None:
    today = datetime(2026, 11, 22, tzinfo=ZoneInfo("Europe/Prague")).date()
    late = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)  # the 22nd in Prague
    policy = Retention(keep_last=1, keep_daily=0, keep_weekly=0, keep_monthly=0)

    def goes(*keeps: date) -> bool:
        made = Made(NOON - 3 * DAY, keeps=keeps)
        return made.run in going(decided([made, Made(NOON)], policy, late, "Europe/Prague"))

    assert not goes(today)
    assert goes(today - DAY)
    assert goes(today + DAY, today - DAY), "it was shortened"
    assert not goes(today - DAY, today + DAY)


@pytest.mark.spec("B7")
def test_the_newest_proven_point_stays_and_a_failed_proof_takes_that_back() -> None:
    policy = Retention(keep_last=1, keep_daily=0, keep_weekly=0, keep_monthly=0)
    newest, middle, oldest = daily(3)
    proven = [msgspec.structs.replace(made, proofs=("pass",)) for made in (middle, oldest)]
    assert going(decided([newest, *proven], policy)) == {oldest.run}
    refuted = msgspec.structs.replace(middle, proofs=("pass", "fail"))
    assert going(decided([newest, refuted, proven[1]], policy)) == {middle.run}


@pytest.mark.spec("B7")
@pytest.mark.parametrize("half", [True, False])
def test_a_removal_that_was_cut_short_is_finished(half: bool) -> None:
    newest, torn = daily(2)
    history = [newest, msgspec.structs.replace(torn, torn=half)]
    assert going(decided(history, Retention())) == ({torn.run} if half else set())


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.spec("B7")
def test_a_policy_that_keeps_nothing_is_refused() -> None:
    nothing = Retention(keep_daily=0, keep_weekly=0, keep_monthly=0)
    with pytest.raises(Refused, match=r"retention\.nothing-left"):
        decided(daily(3), nothing)
    proven = msgspec.structs.replace(daily(1)[0], proofs=("pass",))
    with pytest.raises(Refused, match=r"retention\.nothing-left"):
        decided([proven, *daily(3)[1:]], nothing)


@pytest.mark.spec("B7")
@pytest.mark.parametrize("years", [-2, 2])
def test_a_clock_that_is_two_years_off_is_refused_also_after_a_backup_by_it(years: int) -> None:
    policy, off = Retention(keep_daily=3, keep_weekly=0, keep_monthly=0), NOON + years * 365 * DAY
    for made_by_it in ([], [Made(off)], [Made(off), Made(off - DAY)]):
        with pytest.raises(Refused, match=r"retention\.clock"):
            decided([*daily(10), *made_by_it], policy, off)


@pytest.mark.spec("B7")
def test_a_point_from_the_future_is_refused_until_it_is_deleted() -> None:
    policy = Retention(keep_daily=3, keep_weekly=0, keep_monthly=0)
    history, future = daily(10), Made(NOON + 700 * DAY, proofs=("pass",))
    with pytest.raises(Refused, match=r"retention\.clock"):
        decided([*history, future], policy)
    points = points_from([*history, future])
    check_deletable(points[0], points, NOON)
    with pytest.raises(Refused, match=r"point\.newest-complete"):
        check_deletable(points[1], points, NOON)


@pytest.mark.spec("B7")
def test_a_site_that_slept_for_years_is_believed_after_a_week_and_loses_nothing_before() -> None:
    policy = Retention(keep_last=2, keep_daily=0, keep_weekly=0, keep_monthly=0)
    before = [Made(NOON - 800 * DAY), Made(NOON - 801 * DAY)]
    with pytest.raises(Refused, match=r"retention\.clock"):
        decided([*before, *daily(5)], policy)
    assert going(decided([*before, *daily(9)], policy)) >= {made.run for made in before}
    assert going(decided(before, policy)) == set(), "nothing goes, so the clock does not matter"


def test_clocks_of_laptops_may_differ_by_minutes() -> None:
    check_clock([NOON + timedelta(minutes=30)], NOON)
    check_clock([], NOON)
    with pytest.raises(Refused):
        check_clock([NOON + timedelta(minutes=61)], NOON)


# --- points and marks ------------------------------------------------------------------------------------------------


@pytest.mark.spec("B1", "B7")
def test_marks_say_something_of_a_point_and_are_no_part_of_it() -> None:
    made = Made(NOON, proofs=("unchecked", "pass"), keeps=(NOON.date(),))
    (point,) = points_from([made])
    assert (point.complete, point.verified, point.kept, point.kept_until) == (True, True, True, NOON.date())
    assert [one.source for one in point.snapshots] == ["database", "www"]
    assert point.layers == ("files",)
    assert sorted(mark.type for mark in point.marks) == ["keep", "verify", "verify"]
    assert set(point.all_snapshots) == {one.id for one in snapshots_of(made)}
    (later,) = points_from([made], NOON.date() + DAY)
    assert not later.kept


@pytest.mark.spec("B1", "B7")
def test_a_point_that_has_lost_a_snapshot_does_not_look_whole() -> None:
    made = Made(NOON)
    lost = [one for one in snapshots_of(made) if "source:www" not in one.tags]
    (point,) = points_of(lost, NOON.date())
    assert (point.status, point.complete) == ("partial", False)


def test_marks_of_a_point_that_is_gone_are_no_point() -> None:
    left = [one for one in snapshots_of(Made(NOON, proofs=("pass",))) if "type:verify" in one.tags]
    assert points_of(left, NOON.date()) == []


@pytest.mark.spec("S1", "B10")
def test_what_carries_no_site_or_another_one_is_not_among_the_points_to_remove() -> None:
    ours, theirs = Made(NOON), Made(NOON - DAY)
    untagged = msgspec.structs.replace(snapshots_of(Made(NOON - 2 * DAY))[0], tags=["run:abc", "type:full"])
    another = snapshots_of(theirs, msgspec.structs.replace(SITE, name="south-house"))
    found = points_by_name([*snapshots_of(ours), *another, untagged], SITE)
    assert [point.id for point in found] == [ours.run]


# --- by hand ---------------------------------------------------------------------------------------------------------

NO_REPOSITORIES = Repositories((), {}, "/cache", Redactor())


@pytest.mark.spec("B7")
def test_the_newest_proven_point_is_never_deleted_and_without_one_the_newest_complete() -> None:
    history = [Made(NOON, kind="partial"), *daily(3)]
    points = points_from(history)
    with pytest.raises(Refused, match=r"point\.newest-complete"):
        check_deletable(points[1], points, NOON)
    check_deletable(points[0], points, NOON)
    proven = points_from([*history[:3], msgspec.structs.replace(history[3], proofs=("pass",))])
    check_deletable(proven[1], proven, NOON)
    with pytest.raises(Refused, match=r"point\.newest-proven"):
        check_deletable(proven[3], proven, NOON)


@pytest.mark.spec("B7")
@pytest.mark.parametrize("typed", ["", "DELETE north-house", "delete north-house 01234567", "DELETE south 01234567"])
def test_a_point_is_deleted_only_when_the_phrase_is_typed(typed: str) -> None:
    point = "0123456789abcdef"
    with pytest.raises(Refused, match=r"point\.not-confirmed"):
        plan_deletion(SITE, point, typed, NO_REPOSITORIES)
    assert plan_deletion(SITE, point, phrase_of("north-house", point), NO_REPOSITORIES).kind == "delete"


@pytest.mark.spec("B7")
@pytest.mark.parametrize(
    ("days", "reason", "code"),
    [(-1, "reason", "keep-until"), (1, " ", "keep-reason"), (1, "a\nb", "keep-reason"), (1, "x" * 201, "keep-reason")],
)
def test_a_keep_needs_a_day_to_come_and_a_reason(days: int, reason: str, code: str) -> None:
    until = datetime.now(UTC).date() + days * DAY
    with pytest.raises(UserError, match=rf"usage\.{code}"):
        plan_keep(SITE, KeepChoice("0123456789", until, reason), NO_REPOSITORIES)
