"""What a run's events add up to: the sentence about its end, and the card about what went wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.foundation.errors import Problem
from app.foundation.events import (
    Counters,
    Item,
    ItemFinished,
    ItemStatus,
    Outcome,
    Phase,
    RunClosed,
    StepStarted,
)
from app.foundation.words import text
from app.ui.pages.run_story import RunStory

BEGAN = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
AWAY = Problem(text("The disk is away."), text("Nothing is lost."), text("Plug it in."), "repository.unreachable")
UNREADABLE = Problem(
    text("3 files could not be read."), text("The rest is saved."), text("Look at their rights."),
    "source.partly-unreadable", "/srv/a: permission denied",
)  # fmt: skip


def told(outcome: Outcome, *items: Item, error: Problem | None = None, seconds: float = 130) -> RunStory:
    story = RunStory()
    story.tell(StepStarted(key="s", title=text("S"), phase=Phase.STAGE, number=1, of=1, at=BEGAN))
    for item in items:
        story.tell(ItemFinished(item=item, at=BEGAN))
    counters = Counters(total=max(len(items), 1), processed=len(items))
    story.tell(RunClosed(outcome=outcome, counters=counters, error=error, at=BEGAN + timedelta(seconds=seconds)))
    return story


def good(source: str, added: int = 1024) -> Item:
    return Item(source, ItemStatus.SUCCESS, added=added)


def test_a_success_says_what_was_added_and_how_long_it_took() -> None:
    story = told(Outcome.SUCCESS, good("database", 3 * 2**20), good("laravel", 2**20))
    assert str(story.sentence) == "2 sources saved in 2 min 10 s, 4.0 MiB added."
    assert story.problem is None


@pytest.mark.spec("B5")
def test_one_source_that_is_not_whole_is_named_with_what_it_means_and_what_to_do() -> None:
    missing = ("/srv/a", "/srv/b\nc", "/srv/d")
    item = Item("laravel", ItemStatus.PARTIAL, error=UNREADABLE, missing=missing, missing_count=5)
    problem = told(Outcome.PARTIAL, good("database"), item).problem
    assert problem is not None
    assert str(problem.what) == "laravel: 3 files could not be read."
    assert (problem.means, problem.next, problem.code) == (UNREADABLE.means, UNREADABLE.next, UNREADABLE.code)
    assert problem.detail.splitlines() == ["/srv/a: permission denied", "/srv/b", "c", "/srv/d", "… 2"]


@pytest.mark.spec("B5")
def test_several_are_named_each_and_the_details_hold_all_of_them() -> None:
    items = [Item(f"source-{n}", ItemStatus.FAILED, error=AWAY) for n in range(6)]
    story = told(Outcome.PARTIAL, good("database"), *items)
    problem = story.problem
    assert problem is not None
    assert str(problem.what) == "6 of 7 sources are not whole in this point."
    assert str(problem.means).splitlines()[0] == "source-0: The disk is away. Plug it in."
    assert str(problem.means).splitlines()[-1] == "and 2 more, under Details"
    assert all(f"source-{n}\n" in problem.detail for n in range(6))
    assert "1 of 7 sources saved" in str(story.sentence)


@pytest.mark.spec("X3")
@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED, Outcome.SKIPPED, Outcome.INTERRUPTED])
def test_a_run_that_came_to_nothing_shows_its_error(outcome: Outcome) -> None:
    story = told(outcome, error=AWAY)
    assert story.problem == AWAY
    assert str(story.sentence)


def test_a_cancel_is_no_error() -> None:
    story = told(Outcome.CANCELLED, error=AWAY)
    assert story.problem is None
    assert str(story.sentence).startswith("Cancelled after 2 min 10 s")


def test_nothing_is_said_before_there_is_anything_to_say() -> None:
    story = RunStory()
    assert story.sentence is None
    story.tell(ItemFinished(item=good("database"), at=BEGAN))
    assert str(story.sentence) == "1 source saved so far, 1.0 KiB added."
    assert story.problem is None
