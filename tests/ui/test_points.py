"""How the state of a recovery point looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.jobs.points import Point, PointSnapshot
from app.ui.models.points import look_of
from app.ui.theme import State

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def point(number: int, *, hours: float = 0, status: str = "complete", complete: bool | None = None) -> Point:
    run = f"{number:032x}"
    return Point(
        id=run,
        short_id=run[-8:],
        time=NOON - timedelta(hours=hours),
        status=status,
        complete=status == "complete" if complete is None else complete,
        verified=False,
        kept=False,
        layers=("postgresql", "laravel"),
        snapshots=(
            PointSnapshot("s1", "database", "postgresql", "full"),
            PointSnapshot("s2", "www", "laravel", "full"),
        ),
        manifest="m",
    )


@pytest.mark.parametrize(
    ("found", "state", "word"),
    [
        (point(1), State.OK, "Complete"),
        (point(1, complete=False), State.OK, "Part only"),
        (point(1, status="partial"), State.STALE, "Partial"),
        (point(1, status="unfinished"), State.UNKNOWN, "Unfinished"),
        (point(1, status="of a later version"), State.UNKNOWN, "of a later version"),
    ],
)
def test_every_state_has_its_icon_and_its_word(found: Point, state: State, word: str) -> None:
    assert look_of(found).state is state
    assert str(look_of(found).word) == word


def test_a_point_in_the_making_is_running_not_unfinished() -> None:
    making = msgspec.structs.replace(point(1, status="unfinished"), manifest="")
    assert look_of(making).state is State.UNKNOWN
    assert look_of(making, running=True).state is State.RUNNING
    assert look_of(point(1), running=True).state is State.OK
