"""How a site stands by ages and thresholds, what can be brought back to when, what there is to notice."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.events import Counters, Outcome
from app.foundation.words import ENGLISH
from app.jobs.check.marks import CheckMark
from app.jobs.health.band import Row, Worth, rows_of
from app.jobs.health.inventory import Inventory, Proof, SourceSize, inventory_of
from app.jobs.health.judgement import Condition, Health, health_of
from app.jobs.health.notices import notices_of
from app.jobs.health.verdict import verdict_of
from app.jobs.kit.state import KitState, Reminder
from app.jobs.points import Point, PointSnapshot
from app.records.owners import Owner
from app.records.run import Run
from app.settings.model import Repository, Site, Source, SourceKind
from app.tools.restic.check import Share
from tests.histories import NOON, Made, snapshots_of
from tests.histories import SITE as PLAIN

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SITE = Site(
    name="north-house",
    repository=Repository(url="/r"),
    sources=(
        Source(name="hydro", kind=SourceKind.POSTGRESQL, layer="postgresql", database="hydro"),
        Source(name="www", kind=SourceKind.FILES, layer="laravel", root="/www"),
    ),
)
PUT_AWAY = KitState(site="north-house", kit="k", made=NOON, stored=NOON)
NO_KIT = KitState(site="north-house", reminders=(Reminder.MAKE,))
EVERYTHING = ("hydro", "www")
LAYER = {"hydro": "postgresql", "www": "laravel"}


def point(hours: float, *, of: tuple[str, ...] = EVERYTHING, status: str = "complete", verified: bool = False) -> Point:
    run = f"{round(hours * 3600):032x}"
    return Point(
        id=run,
        short_id=run[:8],
        time=NOON - hours * HOUR,
        status=status,
        complete=status == "complete" and of == EVERYTHING,
        verified=verified,
        kept=False,
        layers=tuple(LAYER[name] for name in of),
        snapshots=tuple(PointSnapshot(f"{run}{name}", name, LAYER[name], "full") for name in of),
        manifest="m",
    )


def inventory(*points: Point, proofs: tuple[Proof, ...] = (), checks: tuple[CheckMark, ...] = ()) -> Inventory:
    ordered = tuple(sorted(points, key=lambda one: one.time, reverse=True))
    return Inventory(read=NOON, points=ordered, proofs=proofs, checks=checks)


def check(days: float, *, passed: bool = True, share: Share | None = Share(1, 8)) -> CheckMark:  # noqa: B008  a value
    return CheckMark(f"c{days}", NOON - days * DAY, share, passed, frozenset())


def proof(days: float, *, passed: bool = True) -> Proof:
    return Proof("p", NOON - days * DAY, passed)


def well(**changed: object) -> Inventory:
    found = inventory(point(7, verified=True), point(31), proofs=(proof(2),), checks=(check(3),))
    return msgspec.structs.replace(found, **changed)


def health(found: Inventory | None, *, readable: bool = True, now: datetime = NOON) -> Health:
    return health_of(SITE, found, now, readable=readable)


def conditions(found: Inventory | None, *, readable: bool = True) -> dict[str, str]:
    return {layer.layer: layer.condition.value for layer in health(found, readable=readable).layers}


def verdict(found: Inventory | None, kit: KitState = PUT_AWAY, *, readable: bool = True) -> tuple[str, str]:
    said = verdict_of(health(found, readable=readable), kit, NOON, ENGLISH)
    return said.condition.value, f"{said.word}. {said.sentence}"


# --- conditions -------------------------------------------------------------------------------


@pytest.mark.spec("V3")
@pytest.mark.parametrize(
    ("hours", "said"),
    [(0, "ok"), (25.9, "ok"), (26.1, "stale"), (49.9, "stale"), (50.1, "fail"), (900, "fail"), (-1, "unknown")],
)
def test_a_layer_grows_old_with_its_newest_whole_point(hours: float, said: str) -> None:
    assert conditions(inventory(point(hours))) == {"postgresql": said, "laravel": said}


@pytest.mark.spec("V3")
def test_each_layer_has_its_own_age_and_one_that_was_never_backed_up_says_so() -> None:
    assert conditions(inventory(point(30), point(1, of=("www",)))) == {"postgresql": "stale", "laravel": "ok"}
    assert conditions(inventory(point(1, of=("www",)))) == {"postgresql": "never", "laravel": "ok"}
    assert conditions(inventory()) == {"postgresql": "never", "laravel": "never"}


@pytest.mark.spec("V3")
@pytest.mark.parametrize("status", ["partial", "unfinished", "of a later version"])
def test_only_whole_points_count(status: str) -> None:
    assert conditions(inventory(point(1, status=status))) == {"postgresql": "never", "laravel": "never"}


@pytest.mark.spec("V3")
def test_a_layer_that_lacks_one_of_its_sources_has_failed() -> None:
    two = Source(name="uploads", kind=SourceKind.FILES, layer="laravel", root="/uploads")
    site = msgspec.structs.replace(SITE, sources=(*SITE.sources, two))
    (_, laravel) = health_of(site, inventory(point(1)), NOON).layers
    assert (laravel.condition, laravel.without) == (Condition.FAIL, ("uploads",))
    off = msgspec.structs.replace(SITE, sources=(*SITE.sources, msgspec.structs.replace(two, enabled=False)))
    assert health_of(off, inventory(point(1)), NOON).layers[1].condition is Condition.OK


@pytest.mark.spec("V3")
def test_what_could_not_be_read_or_was_read_too_long_ago_is_never_green() -> None:
    for found, readable in ((None, True), (well(), False), (well(read=NOON - 27 * HOUR), True)):
        assert set(conditions(found, readable=readable).values()) == {"unknown"}
        seen = health(found, readable=readable)
        assert (seen.proof.condition, seen.check.condition) == (Condition.UNKNOWN, Condition.UNKNOWN)
        assert verdict(found, readable=readable)[0] == "unknown"
    assert "The last complete point was today" in verdict(well(), readable=False)[1]


@pytest.mark.spec("V3")
@pytest.mark.parametrize(
    ("proofs", "said"),
    [
        ((), "never"),
        ((proof(2),), "ok"),
        ((proof(8.1),), "stale"),
        ((proof(2), proof(1, passed=False)), "fail"),
        ((proof(1), proof(1, passed=False)), "fail"),
        ((proof(2, passed=False), proof(1)), "ok"),
        ((proof(-1),), "unknown"),
    ],
)
def test_a_proof_grows_old_and_one_that_failed_counts_until_one_passes(proofs: tuple[Proof, ...], said: str) -> None:
    assert health(well(proofs=proofs)).proof.condition.value == said


@pytest.mark.spec("V3")
@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ((), "never"),
        ((check(3),), "ok"),
        ((check(9),), "stale"),
        ((check(1, share=None),), "never"),
        ((check(1, passed=False),), "fail"),
        ((check(2, passed=False, share=Share(2, 8)), check(1)), "fail"),
        ((check(2, passed=False), check(1)), "ok"),
    ],
)
def test_a_check_grows_old_and_damage_counts_until_it_is_seen_gone(checks: tuple[CheckMark, ...], said: str) -> None:
    assert health(well(checks=checks)).check.condition.value == said


# --- the verdict ------------------------------------------------------------------------------


@pytest.mark.spec("V3", "S6")
def test_a_site_is_protected_when_all_is_well_and_its_kit_is_put_away() -> None:
    assert verdict(well())[0] == "ok"
    assert verdict(well())[1].startswith("Protected. Last point ")
    for kit in (NO_KIT, msgspec.structs.replace(NO_KIT, reminders=(Reminder.STORE,))):
        condition, said = verdict(well(), kit)
        assert condition == "stale"
        assert said.startswith("Not yet protected. ")


@pytest.mark.spec("V3")
@pytest.mark.parametrize(
    ("found", "condition", "said"),
    [
        (inventory(), "never", "There is no complete recovery point"),
        (well(points=(point(30),)), "stale", "The last backup was "),
        (well(points=(point(60),)), "fail", "The last backup was "),
        (well(points=(point(1, of=("www",)), point(60))), "fail", "postgresql was last backed up"),
        (well(points=(point(1, of=("www",)), point(1.5, status="partial"))), "never", "no complete recovery point"),
        (well(points=(point(-1),)), "unknown", "ahead of this computer's clock"),
        (well(proofs=()), "stale", "never proven"),
        (well(proofs=(proof(9),)), "stale", "A verification is due"),
        (well(proofs=(proof(1, passed=False),)), "fail", "The last verification failed"),
        (well(checks=()), "stale", "A check of the repository is due"),
        (well(checks=(check(1, passed=False),)), "fail", "The repository is damaged"),
    ],
)
def test_the_verdict_says_the_worst_first(found: Inventory, condition: str, said: str) -> None:
    judged, sentence = verdict(found)
    assert judged == condition
    assert said in sentence


def test_a_site_without_sources_is_told_so() -> None:
    bare = msgspec.structs.replace(SITE, sources=())
    said = verdict_of(health_of(bare, well(), NOON), PUT_AWAY, NOON, ENGLISH)
    assert said.condition is Condition.NEVER
    assert "names nothing" in str(said.sentence)


# --- what can be brought back to when ---------------------------------------------------------


def row(*points: Point, layer: str = "laravel") -> Row:
    (made,) = rows_of(inventory(*points).points, [layer], NOON)
    return made


def test_a_block_serves_until_the_next_one_but_not_longer_than_it_is_fresh() -> None:
    blocks = row(point(100), point(30, verified=True), point(7, status="partial"), point(2)).blocks
    assert [block.worth for block in blocks] == [Worth.WHOLE, Worth.PROVEN, Worth.PARTIAL, Worth.WHOLE]
    spans = [(block.end - block.start) / HOUR for block in blocks]
    assert spans == pytest.approx([26, 23, 5, 2])


def test_what_would_be_lost_is_all_since_the_last_whole_point() -> None:
    made = row(point(100), point(30), point(7, status="partial"))
    assert made.lost(NOON) == 30 * HOUR
    assert made.lost(NOON - 30 * HOUR) == timedelta(0)
    assert made.lost(NOON - 101 * HOUR) is None
    assert row(point(5, of=("hydro",))).blocks == ()


@given(st.lists(st.floats(0, 500), min_size=1, max_size=40, unique=True), st.floats(0, 600))
def test_blocks_never_overlap_and_the_loss_is_never_less_than_nothing(hours: list[float], back: float) -> None:
    made = row(*(point(each) for each in hours))
    for before, after in zip(made.blocks, made.blocks[1:], strict=False):
        assert before.start <= before.end <= after.start
    lost = made.lost(NOON - back * HOUR)
    assert lost is None or lost >= timedelta(0)


# --- what is read of a repository -------------------------------------------------------------


def test_an_inventory_is_made_of_the_snapshots_alone() -> None:
    made = [
        *snapshots_of(Made(NOON - 2 * DAY, proofs=("pass",))),
        *snapshots_of(Made(NOON - 1 * DAY, proofs=("unchecked", "fail"))),
    ]
    found = inventory_of(made, PLAIN, NOON)
    assert [one.passed for one in found.proofs] == [True, False]
    assert len(found.points) == 2
    assert msgspec.json.decode(msgspec.json.encode(found), type=Inventory) == found


# --- notices ----------------------------------------------------------------------------------


def run(days: float, outcome: Outcome | None) -> Run:
    at = NOON - days * DAY
    return Run(
        id=f"{round(days * 10):032x}", site="north-house", kind="backup", trigger="manual", who="eva", choice="{}",
        key="k", owner=Owner("laptop#1", "", 1, 0.0), started=at, closed=at if outcome else None, outcome=outcome,
        counters=Counters(total=3, processed=3, succeeded=2, failed=1),
    )  # fmt: skip


@pytest.mark.spec("J4")
def test_runs_that_did_not_go_well_are_noticed_for_a_month_newest_first() -> None:
    runs = [run(1, Outcome.PARTIAL), run(0, None), run(2, Outcome.SUCCESS), run(3, Outcome.FAILED),
            run(4, Outcome.CANCELLED), run(5, Outcome.INTERRUPTED), run(31, Outcome.FAILED)]  # fmt: skip
    found = notices_of(runs, None, NOON)
    assert [(round((NOON - one.at) / DAY), one.condition.value) for one in found] == [
        (1, "stale"), (3, "fail"), (5, "fail")
    ]  # fmt: skip
    assert str(found[0].sentence) == "Only 2 of 3 are whole."


@pytest.mark.spec("V4")
@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ((100, 100, 100, 40), "has shrunk to 40.0 MiB, from 100 MiB"),
        ((100, 100, 100, 310), "has grown to"),
        ((100, 100, 100, 120), ""),
        ((100, 100, 1), ""),
        ((100, 10, 100, 100, 90), ""),
        ((0.1, 0.1, 0.1, 0), ""),
    ],
)
def test_a_source_whose_size_jumps_is_noticed(sizes: tuple[float, ...], said: str) -> None:
    read = tuple(
        SourceSize("hydro", f"r{number}", NOON - (len(sizes) - number) * HOUR, round(size * 2**20))
        for number, size in enumerate(sizes)
    )
    found = notices_of([], Inventory(read=NOON, sizes=read), NOON)
    assert [said in str(one.sentence) for one in found] == ([True] if said else [])
