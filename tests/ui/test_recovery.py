"""A restore that was killed in its cutover, and one that is not wanted any more, put right in the window."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.foundation.events import Outcome
from app.jobs.cutover.undo import undo_phrase
from app.jobs.effects.effect import Happened
from app.jobs.restore.choice import RestoreChoice, Swap
from app.settings.site_file import write
from app.ui.pages.snapshots.dialogs import PhraseDialog
from app.ui.restoring.recovery_dialog import RecoveryDialog
from tests.faults.cutover_child import KILL
from tests.faults.cutover_matrix import Matrix, matrix_of
from tests.faults.cutover_parts import NEW, OLD
from tests.faults.cutover_site import CutoverSite
from tests.ui.album import Album
from tests.ui.greenhouse import PASSWORD, PASSWORD_NAME, SITE, Greenhouse
from tests.ui.technician import Technician, run_in_window
from tests.ui.test_window import begin

if TYPE_CHECKING:
    from app.assembly import Overwinter

if sys.platform == "win32":
    pytest.skip("forks, and kills as POSIX does", allow_module_level=True)

pytestmark = [
    pytest.mark.usefixtures("vault", "restic"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]


@contextlib.contextmanager
def killed(folder: Path, after: str, occurrence: int = 0) -> Iterator[Matrix]:
    """A site whose restore was killed at that point."""
    with matrix_of(CutoverSite(folder), folder) as matrix:
        matrix.fresh()
        answer = matrix.carry_out()
        assert answer is not None
        at = [number for number, name in enumerate(answer.points) if name == after][occurrence]
        matrix.fresh()
        assert matrix.carry_out({at: KILL}) is None
        yield matrix


async def set_up(someone: Technician, matrix: Matrix) -> None:
    """The site is here, and the window shows it."""

    async def add(app: Overwinter) -> None:
        await app.add_site(write(matrix.site.site).encode())
        await app.set_secret(SITE, PASSWORD_NAME, PASSWORD)

    await someone.bridge.ask(add)
    someone.window.load()
    await someone.sees(someone.window.recoveries.banner.isVisible)


BEFORE, BETWEEN, AFTER = ("before exchange", 0), ("after exchange", 0), ("after do RenamePath", -1)
SAID = {
    BEFORE: "The old state stands, nothing of it was exchanged; it may be down.",
    BETWEEN: "It is not whole: 1 of ",
    AFTER: "stands in its place, all of it; it may be down.",
}


@pytest.mark.spec("R8", "X3")
@pytest.mark.parametrize(
    ("point", "button", "state"),
    [
        pytest.param(BEFORE, "Finish", NEW, marks=pytest.mark.long),
        (BEFORE, "Roll back", OLD),
        (BETWEEN, "Finish", NEW),
        (BETWEEN, "Roll back", OLD),
        (AFTER, "Finish", NEW),
        pytest.param(AFTER, "Roll back", OLD, marks=pytest.mark.long),
    ],
)
def test_the_banner_says_what_is_up_now_and_puts_it_right_either_way(
    qapp: QApplication, tmp_path: Path, point: tuple[str, int], button: str, state: str
) -> None:
    with killed(tmp_path, *point) as matrix:

        async def story(someone: Technician) -> None:
            banner = someone.window.recoveries.banner
            await set_up(someone, matrix)
            await someone.reads_soon(SAID[point])
            await someone.presses_soon(button)
            await someone.sees(lambda: someone.window.runs.live)
            await someone.sees_it_rest()
            assert not banner.isVisible()
            runs = await someone.bridge.ask(lambda app: app.records(SITE).runs())
            assert [(run.kind, run.outcome) for run in runs] == [("recover", Outcome.SUCCESS)]

        run_in_window(qapp, tmp_path / "data", story)
        assert (matrix.site.state(), matrix.site.faults()) == (state, [])


@pytest.mark.spec("R8", "X3")
def test_what_stands_there_is_seen_part_by_part_before_anything_is_decided(
    qapp: QApplication, tmp_path: Path, album: Album
) -> None:
    with killed(tmp_path, *BETWEEN) as matrix:

        async def story(someone: Technician) -> None:
            await set_up(someone, matrix)
            await someone.presses_soon("Details…")
            await someone.sees(lambda: isinstance(someone.dialog(), RecoveryDialog))
            dialog = someone.dialog()
            assert isinstance(dialog, RecoveryDialog)
            await someone.sees(lambda: dialog.facts.total > 1)
            states = {dialog.facts.row(number).happened for number in range(dialog.facts.total)}
            assert states == {Happened.YES, Happened.NO}
            await album.take(someone, "facts", of=dialog)
            someone.click("Roll back")
            await someone.sees(lambda: someone.window.runs.live)
            await someone.sees_it_rest()
            assert not someone.window.recoveries.banner.isVisible()

        run_in_window(qapp, tmp_path / "data", story)
        assert (matrix.site.state(), matrix.site.faults()) == (OLD, [])


@pytest.mark.spec("R8")
def test_what_fits_neither_is_said_and_stays_unfinished(qapp: QApplication, tmp_path: Path) -> None:
    with killed(tmp_path, "after exchange") as matrix:
        live, aside = matrix.site.folder / "laravel", tmp_path / "aside"

        async def story(someone: Technician) -> None:
            live.rename(aside)
            live.mkdir()
            await set_up(someone, matrix)
            await someone.reads_soon("What stands there now is neither the old state nor the point")
            await someone.presses_soon("Roll back")
            await someone.sees(lambda: someone.window.runs.live)
            await someone.sees_it_rest()
            assert someone.window.recoveries.banner.isVisible()
            (run,) = await someone.bridge.ask(lambda app: app.records(SITE).runs())
            assert run.error is not None
            assert run.error.code == "effect.unclear"
            live.rmdir()
            aside.rename(live)
            await someone.presses_soon("Roll back")
            await someone.sees(lambda: not someone.window.recoveries.banner.isVisible())

        run_in_window(qapp, tmp_path / "data", story)
        assert (matrix.site.state(), matrix.site.faults()) == (OLD, [])


@pytest.fixture
def house(tmp_path: Path, restic: str) -> Greenhouse:
    """A greenhouse with its repository."""
    made = Greenhouse(tmp_path).grow(3)
    made.make_repository(restic)
    return made


async def backed_up(app: Overwinter) -> None:
    """A point is made."""
    made = await app.back_up(SITE)
    await app.runner.wait(SITE, made.run)


async def restored_in_place(app: Overwinter) -> str:
    """The newest point is brought back in the place of what is live; gives the run of that."""
    (point, *_) = await app.points(SITE)
    choice = RestoreChoice(point.id, ("files",), Swap(safety=False))
    plan = await app.plan_restore(SITE, choice, f"RESTORE {SITE} {point.short_id} files")
    launched = await app.runner.launch(plan)
    done = await app.runner.wait(SITE, launched.run)
    assert done.outcome is Outcome.SUCCESS, done.error
    return launched.run


@pytest.mark.spec("R9")
def test_the_old_state_is_put_back_from_its_run_when_its_phrase_is_typed(qapp: QApplication, house: Greenhouse) -> None:
    file = house.root() / "file-0"
    before = file.read_bytes()

    async def story(someone: Technician) -> None:
        page = someone.window.runs_page
        await begin(someone, house)
        await someone.bridge.ask(backed_up)
        file.write_text("of today")
        restored = await someone.bridge.ask(restored_in_place)
        assert file.read_bytes() == before
        await someone.sees_it_rest()
        someone.window.navigate("runs", restored)
        await someone.sees(page.old_state.isVisible)
        assert someone.reads("The old state stays until")
        someone.click("Put the old state back…")
        dialog = await someone.is_asked()
        assert isinstance(dialog, PhraseDialog)
        phrase = undo_phrase(SITE, restored)
        assert phrase == f"PUT BACK {SITE} {restored[:8]}"
        assert not dialog.confirm.isEnabled()
        someone.types(phrase)
        someone.press(Qt.Key.Key_Return)
        await someone.sees(lambda: file.read_text() == "of today")
        await someone.sees_it_rest()
        runs = await someone.bridge.ask(lambda app: app.records(SITE).runs())
        assert (runs[0].kind, runs[0].outcome) == ("restore-undo", Outcome.SUCCESS)
        page.open(restored)
        await someone.sees_it_rest()
        assert not page.old_state.isVisible(), "there is nothing to put back of it any more"
        page.open(runs[0].id)
        await someone.sees(page.old_state.isVisible)

    run_in_window(qapp, house.data, story)
