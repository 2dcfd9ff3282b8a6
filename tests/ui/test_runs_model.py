"""The table of runs: what its rows say, sorted and filtered at once, whatever their number."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from app.foundation.events import Outcome
from app.foundation.words import ENGLISH
from app.jobs.points import Point
from app.records.owners import Owner
from app.records.run import Run, Tally
from app.runs.history import PastRun, history_of
from app.ui.models.runs import (
    ADDED,
    DURATION,
    IDENTITY,
    KIND,
    STARTED,
    STATUS,
    TRIGGER,
    WARNINGS,
    WHO,
    RunsModel,
    Wanted,
    kind_word,
)
from app.ui.widgets.runs_table import RunsTable
from tests.ui.test_points import point

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OUTCOMES = [*Outcome, None]


def past(number: int, **changed: object) -> PastRun:
    chosen: dict[str, Any] = {
        "id": f"{number:032x}",
        "kind": ("backup", "verify", "check")[number % 3],
        "started": NOON - timedelta(hours=number),
        "closed": NOON - timedelta(hours=number) + timedelta(seconds=130),
        "outcome": Outcome.SUCCESS,
        "trigger": "manual",
        "who": "eva",
        "computer": "laptop-1",
        "added": 1024 * number,
        "warnings": number % 2,
    }
    return PastRun(**{**chosen, **changed})


def many(count: int) -> list[PastRun]:
    chance = random.Random(7)
    return [past(number, outcome=chance.choice(OUTCOMES), who=chance.choice(("eva", "jan"))) for number in range(count)]


def shown(runs: list[PastRun]) -> RunsModel:
    model = RunsModel(ENGLISH, lambda: NOON)
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    model.show_runs(runs)
    return model


def column(model: RunsModel, number: int) -> list[object]:
    return [model.index(row, number).data() for row in range(model.rowCount())]


@pytest.mark.spec("J1")
def test_a_row_says_all_of_a_run(qtbot: QtBot) -> None:
    model = shown([past(3, warnings=2)])
    cells = [model.index(0, each).data() for each in range(model.columnCount())]
    assert cells[STATUS] == "Success"
    assert cells[KIND] == "Backup"
    assert str(cells[STARTED]).endswith("3 h ago")
    assert cells[DURATION] == "2 min 10 s"
    assert cells[TRIGGER] == "by hand"
    assert cells[WHO] == "eva on laptop-1"
    assert (cells[ADDED], cells[WARNINGS], cells[IDENTITY]) == ("3.0 KiB", "2", "00000000")
    assert model.index(0, IDENTITY).data(Qt.ItemDataRole.ToolTipRole) == past(3).id


@pytest.mark.spec("J1")
@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("order", list(Qt.SortOrder))
def test_every_column_sorts_and_what_is_held_stays_held(qtbot: QtBot, number: int, order: Qt.SortOrder) -> None:
    model = shown(many(60))
    held = [QPersistentModelIndex(model.index(row, STATUS)) for row in (0, 7, 59)]
    before = [model.run(index.row()).id for index in held]
    model.sort(number, order)
    assert [model.run(index.row()).id for index in held] == before
    if number == STARTED:
        times = [model.run(row).started for row in range(60)]
        assert times == sorted(times, reverse=order is Qt.SortOrder.DescendingOrder)
    if number == ADDED:
        sizes = [model.run(row).added for row in range(60)]
        assert sizes == sorted(sizes, reverse=order is Qt.SortOrder.DescendingOrder)


@pytest.mark.spec("J1")
def test_only_what_is_wanted_is_shown(qtbot: QtBot) -> None:
    model = shown([past(1, kind="backup", outcome=Outcome.FAILED), past(2, kind="verify"), past(3, who="jan")])
    model.show_only(Wanted(status="failed"))
    assert column(model, KIND) == ["Backup"]
    model.show_only(Wanted(kind="verify"))
    assert column(model, KIND) == ["Verification"]
    model.show_only(Wanted(words="laptop JAN"))
    assert column(model, WHO) == ["jan on laptop-1"]
    model.show_only(Wanted(words="nobody"))
    assert model.rowCount() == 0
    model.show_only(Wanted())
    assert (model.rowCount(), model.total) == (3, 3)


def test_a_kind_of_another_version_has_its_own_word() -> None:
    assert str(kind_word("teleport")) == "teleport"


@pytest.mark.spec("J1")
def test_two_laptops_runs_are_in_one_list(qtbot: QtBot) -> None:
    """One laptop's runs are recorded here; of the other's there are points in the repository."""
    mine = Run(
        id=point(1).id, site="north-house", kind="backup", trigger="manual", who="eva", choice="{}", key="k",
        owner=Owner("laptop-1#a", "", 1, 0.0), started=NOON - timedelta(minutes=5), closed=NOON,
        outcome=Outcome.SUCCESS,
    )  # fmt: skip
    theirs: list[Point] = [point(2, hours=30, status="partial"), point(3, hours=2, status="unfinished")]
    found = history_of([mine], {mine.id: Tally(2048, 1)}, [point(1), *theirs])
    model = shown(found)
    assert column(model, WHO) == ["eva on laptop-1", "another computer", "another computer"]
    assert column(model, STATUS) == ["Success", "Unfinished", "Partial"]
    assert column(model, ADDED) == ["2.0 KiB", "", ""]
    assert column(model, DURATION) == ["5 min 0 s", "", ""]


@pytest.mark.spec("J1", "X1")
def test_five_thousand_runs_are_sorted_and_filtered_in_a_moment(qtbot: QtBot) -> None:
    table = RunsTable(ENGLISH)
    qtbot.addWidget(table)
    table.resize(1100, 400)
    table.show()
    runs = many(5000)
    acts: dict[str, Callable[[], None]] = {
        "shown": lambda: table.show_runs(runs),
        "sorted": lambda: table.sortByColumn(ADDED, Qt.SortOrder.AscendingOrder),
        "filtered": lambda: table.show_only(Wanted(words="jan ver")),
        "all again": lambda: table.show_only(Wanted()),
    }
    took = {name: _seconds(act) for name, act in acts.items()}
    assert table.runs.rowCount() == 5000
    assert took["sorted"] <= 0.1, took  # twice what is wanted: shared machines
    assert took["filtered"] <= 0.1, took
    assert took["shown"] <= 0.5, took


def _seconds(act: Callable[[], None]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def test_the_chosen_run_stays_chosen_in_a_new_list(qtbot: QtBot) -> None:
    table = RunsTable(ENGLISH)
    qtbot.addWidget(table)
    table.show_runs(many(20))
    table.choose(past(7).id)
    with qtbot.assertNotEmitted(table.chosen):
        table.show_runs([past(100), *many(20)])
    assert table.chosen_run is not None
    assert table.chosen_run.id == past(7).id
