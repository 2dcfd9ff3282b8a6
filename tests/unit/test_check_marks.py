"""Which share comes next, what is known to be damaged, and which points that hits; from the marks alone."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.check.marks import (
    ADDED,
    CheckMark,
    check_marks,
    cycle_of,
    known_damage,
    next_share,
    share_of,
    share_tag,
    superseded,
)
from app.jobs.points import Point, points_of
from app.jobs.tags import check_tags
from app.tools.restic.check import ALL, Share
from app.tools.restic.output import Snapshot
from tests.histories import DAY, NOON, SITE, Made, snapshots_of


def mark(day: int, said: str, *, well: bool = True, hit: Iterable[str] = ()) -> Snapshot:
    """What a check on that day left."""
    share = share_tag(share_of(said)) if said != ADDED else ADDED
    tags = check_tags(SITE, run=f"c{day}", trigger="manual", share=share, outcome="pass" if well else "fail", hit=hit)
    return Snapshot(id=f"{day:064}", time=NOON + day * DAY, tree="t", tags=list(tags))


def marks(*made: Snapshot) -> list[CheckMark]:
    """As they are read again, in whatever order restic lists them."""
    return check_marks(random.sample(made, len(made)))


def cycle(of: int, first_day: int = 0) -> list[Snapshot]:
    return [mark(first_day + number, f"{number}/{of}") for number in range(1, of + 1)]


@pytest.mark.spec("V2")
def test_every_check_reads_the_share_after_the_last_one_whatever_computer_made_it() -> None:
    assert next_share([], 8) == Share(1, 8)
    assert next_share(marks(mark(1, "1/8"), mark(2, "2/8")), 8) == Share(3, 8)
    assert next_share(marks(mark(1, "8/8")), 8) == Share(1, 8)
    assert next_share(marks(mark(1, "2/8", well=False)), 8) == Share(3, 8)


@pytest.mark.spec("V2")
def test_another_division_begins_a_new_cycle_and_a_whole_read_does_not_move_it() -> None:
    assert next_share(marks(mark(1, "3/8")), 4) == Share(1, 4)
    assert next_share(marks(mark(1, "3/8"), mark(2, "1/1"), mark(3, ADDED)), 8) == Share(4, 8)


@pytest.mark.spec("V2")
@given(st.integers(1, 30), st.integers(0, 100))
def test_so_many_checks_as_there_are_shares_read_everything(of: int, before: int) -> None:
    made: list[CheckMark] = []
    for day in range(before % (of + 1) + of):
        share = next_share(made, of)
        made.append(CheckMark(str(day), NOON + day * DAY, share, passed=True, hit=frozenset()))
    assert {one.share for one in made[-of:]} == {Share(number, of) for number in range(1, of + 1)}
    assert cycle_of(made, of).whole


@pytest.mark.spec("V2")
def test_all_is_well_only_when_each_share_was_well_when_it_was_last_read() -> None:
    assert not cycle_of([], 3).whole
    partly = cycle_of(marks(*cycle(3)[:2]), 3)
    assert (partly.well, partly.whole, partly.since) == ((1, 2), False, None)
    whole = cycle_of(marks(*cycle(3)), 3)
    assert (whole.whole, whole.since) == (True, NOON + DAY)
    assert not cycle_of(marks(*cycle(3), mark(9, "2/3", well=False)), 3).whole
    assert not cycle_of(marks(*cycle(3), mark(9, ADDED, well=False)), 3).whole
    assert cycle_of(marks(mark(1, "1/1"), mark(2, "1/3")), 3).since == NOON + DAY


@pytest.mark.spec("V2")
@pytest.mark.parametrize(
    ("later", "gone"),
    [
        ([], False),
        ([mark(9, "3/8")], False),
        ([mark(9, "2/8")], True),
        ([mark(9, "2/8"), mark(10, "2/8", well=False)], False),
        ([mark(9, "1/1")], True),
        ([mark(9, "2/4")], False),
        (cycle(4, 9), True),
        (cycle(4, 9)[:3], False),
        ([mark(9, ADDED)], False),
    ],
)
def test_damage_is_gone_when_all_that_was_read_then_was_read_again_and_was_well(
    later: list[Snapshot], gone: bool
) -> None:
    damage = known_damage(marks(*cycle(8), mark(8, "2/8", well=False), *later))
    assert [one.id for one in damage if one.time == NOON + 8 * DAY] == ([] if gone else [f"{8:064}"])


@pytest.mark.spec("V2", "B11")
def test_damage_of_what_a_backup_added_is_gone_when_everything_was_well_later() -> None:
    failed = mark(1, ADDED, well=False)
    assert known_damage(marks(failed, *cycle(3, 2)[:2]))
    assert not known_damage(marks(failed, *cycle(3, 2)))


@pytest.mark.spec("V2")
def test_marks_that_say_nothing_any_more_are_the_ones_that_go() -> None:
    old_division = mark(1, "1/2")
    again = [mark(2, "1/3"), mark(3, "2/3"), mark(4, "1/3")]
    failed = mark(0, "2/2", well=False)
    gone = superseded(marks(old_division, failed, *again), 3)
    assert set(gone) == {old_division.id, again[0].id}


def point(history: Made, *found: Snapshot) -> Point:
    (one,) = points_of([*snapshots_of(history), *found], NOON.date())
    return one


@pytest.mark.spec("V2", "B7")
def test_a_point_that_is_hit_is_not_whole_until_the_damage_is_gone() -> None:
    made = Made(NOON, proofs=("pass",))
    failed = mark(1, "2/8", well=False, hit=[made.run])
    assert (point(made).complete, point(made).verified, point(made).damaged) == (True, True, False)
    hit = point(made, failed)
    assert (hit.status, hit.complete, hit.verified, hit.damaged) == ("partial", False, False, True)
    assert point(made, failed, mark(2, "2/8")).complete


@pytest.mark.spec("V2")
def test_a_point_made_on_a_repository_that_is_known_to_be_damaged_does_not_count() -> None:
    failed = mark(-1, "2/8", well=False, hit=["another"])
    assert not point(Made(NOON), failed).complete
    assert point(Made(NOON - 2 * DAY), failed).complete


@pytest.mark.spec("V2")
def test_a_point_of_which_a_repair_took_something_is_not_whole() -> None:
    made = Made(NOON)
    database, www, manifest = snapshots_of(made)
    repaired = msgspec.structs.replace(www, id="f" * 64, tags=[*www.tags, "repaired"], original=www.id)
    (lost,) = points_of([database, repaired, manifest], NOON.date())
    assert (lost.status, lost.complete, lost.damaged) == ("partial", False, True)
    named_so = msgspec.structs.replace(www, tags=[*www.tags, "repaired"])
    (whole,) = points_of([database, named_so, manifest], NOON.date())
    assert whole.complete


def test_marks_of_checks_are_no_points_and_do_not_go_with_one() -> None:
    assert points_of([mark(1, "1/8")], NOON.date()) == []
    made = Made(NOON)
    own = mark(0, ADDED, well=False, hit=[made.run])
    own = msgspec.structs.replace(own, tags=[*own.tags, f"run:{made.run}"], time=NOON + timedelta(seconds=5))
    assert own.id not in point(made, own).all_snapshots


@pytest.mark.parametrize("said", ["", "0/8", "9/8", "1", "1/", "/8", "-1/8", "١/8", "1/8/2", "1.5/8", "added"])
def test_what_is_no_share_is_none(said: str) -> None:
    assert share_of(said) is None


def test_a_share_is_written_one_way_in_tags_and_another_for_restic() -> None:
    assert share_of("3/8") == share_of("3-8") == Share(3, 8)
    assert (str(Share(3, 8)), share_tag(Share(3, 8)), str(ALL)) == ("3/8", "3-8", "1/1")
