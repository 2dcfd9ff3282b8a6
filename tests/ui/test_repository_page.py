"""The Repository page with real restic behind it: what it says, whose locks and keys, and what keeps it away."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QWidget

from app.foundation.words import ENGLISH
from app.jobs.check.damage import Damage
from app.jobs.check.result import Checked, Verdict, note_result
from app.jobs.tags import FAIL, check_tags
from app.ui.bridge import Question
from app.ui.pages.repository.repository_page import RepositoryPage
from app.ui.theme import TARGET
from tests.real.servers.restic import SealedRepository
from tests.ui.greenhouse import PASSWORD, PASSWORD_NAME, SITE, Greenhouse
from tests.ui.page_window import PageTechnician, Story, run_on_page

if TYPE_CHECKING:
    from app.assembly import Overwinter
    from app.runs.runner import Launched

Someone = PageTechnician[RepositoryPage]

pytestmark = [
    pytest.mark.usefixtures("vault"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]

NOBODY = 2**22 + 7  # no process has this number: Linux stops before


@pytest.fixture
def house(tmp_path: Path, restic: str) -> Greenhouse:
    made = Greenhouse(tmp_path).grow()
    made.make_repository(restic)
    return made


def tell(application: QApplication, house: Greenhouse, story: Story[RepositoryPage]) -> None:
    """Adds the site and lets the story happen on its repository."""

    async def told(someone: Someone) -> None:
        await someone.bridge.ask(house.set_up)
        await story(someone)

    run_on_page(application, house.data, lambda bridge: RepositoryPage(bridge, ENGLISH), told)


async def shows(someone: Someone) -> None:
    """The page is there, and everything was asked."""
    someone.shown.show_site(SITE)
    await someone.reads_soon("As of")
    await someone.shown_rests()


async def back_up(app: Overwinter) -> None:
    launched = await app.back_up(SITE)
    await app.runner.wait(SITE, launched.run)


@pytest.mark.spec("P1")
def test_it_says_what_the_repository_is_and_who_can_open_it(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        await someone.bridge.ask(back_up)
        await shows(someone)
        assert someone.reads(str(house.repository))
        assert someone.reads(f"on {platform.node()}")
        assert someone.reads("in use here")
        assert someone.reads("Nobody works with it now.")
        assert someone.reads("None of its data was read again yet")
        assert someone.reads("KiB"), "it was counted when it was first seen"
        kept = house.data / "cache" / "repositories" / f"{SITE}.json"
        assert kept.exists()
        someone.window.hide()
        someone.shown.site_changed()
        assert not someone.shown.tasks, "what nobody sees is not asked"
        someone.window.show()
        assert someone.shown.tasks
        await someone.shown_rests()

    tell(qapp, house, story)


@pytest.mark.spec("X3")
def test_a_dead_lock_is_named_and_removed_and_a_living_one_stays(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        sealed = SealedRepository(house.repository, PASSWORD)
        sealed.lock(user="olga", computer=platform.node(), pid=NOBODY)
        sealed.lock(user="petr", computer="office", pid=4711)
        await shows(someone)
        assert someone.reads(f"olga on {platform.node()}, process {NOBODY}")
        assert someone.reads("petr on office, process 4711")
        assert someone.reads("keeps everybody else out")
        someone.click("Remove dead locks")
        await someone.reads_soon("1 dead lock was removed. 1 lock of living work stays.")
        assert not someone.reads("olga")
        assert someone.reads("petr on office")

    tell(qapp, house, story)


@pytest.mark.spec("R1", "X3")
def test_what_was_known_stays_while_it_is_away_and_no_new_one_is_made_in_its_place(
    qapp: QApplication, house: Greenhouse
) -> None:
    async def story(someone: Someone) -> None:
        await someone.bridge.ask(back_up)
        await shows(someone)
        house.repository.rename(house.folder / "away")
        someone.click("Refresh")
        await someone.reads_soon("There is no repository at")
        assert someone.reads("It does not answer; as of today")
        assert someone.reads("in use here")
        assert someone.button("Make the repository") is None
        check = someone.button("Check now")
        assert check is not None
        assert not check.isEnabled()
        (house.folder / "away").rename(house.repository)
        await someone.presses_card("Try again")
        await someone.sees(lambda: not someone.reads("There is no repository at"))

    tell(qapp, house, story)


@pytest.mark.spec("P1")
def test_a_repository_that_is_not_there_yet_is_made(qapp: QApplication, tmp_path: Path, restic: str) -> None:
    house = Greenhouse(tmp_path).grow()

    async def story(someone: Someone) -> None:
        someone.shown.show_site(SITE)
        await someone.presses_card("Make the repository")
        await someone.reads_soon("As of today")
        await someone.shown_rests()
        assert (house.repository / "config").exists()
        assert someone.reads("in use here")

    tell(qapp, house, story)


@pytest.mark.spec("P1", "S3")
def test_a_wrong_password_is_told_apart_and_another_one_is_stored(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        await someone.bridge.ask(lambda app: app.set_secret(SITE, PASSWORD_NAME, "another"))
        someone.shown.show_site(SITE)
        await someone.reads_soon("The password does not open the repository")
        assert someone.reads("It does not answer")
        await someone.presses_card("Store another password…")
        dialog = await someone.is_asked()
        (line,) = dialog.findChildren(QLineEdit)
        line.setText(PASSWORD)
        someone.click("OK")
        await someone.reads_soon("As of today")
        await someone.shown_rests()
        assert not someone.reads("The password does not open")

    tell(qapp, house, story)


def test_a_check_is_handed_on_to_be_started_and_its_result_is_shown(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        started: list[Question[Launched]] = []
        someone.shown.start.connect(started.append)
        await someone.bridge.ask(back_up)
        await shows(someone)
        someone.click("Check now")
        (launch,) = started
        launched = await someone.bridge.ask(launch)
        await someone.bridge.ask(lambda app: app.runner.wait(SITE, launched.run))
        someone.shown.site_changed()
        await someone.reads_soon("1 of 8 shares are known to be well")
        assert someone.reads("share 1 of 8")
        assert someone.reads("Well")
        await someone.shown_rests()

    tell(qapp, house, story)


@pytest.mark.long
@pytest.mark.spec("S3")
def test_the_password_is_changed_and_the_page_asks_with_the_new_one(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        started: list[Question[Launched]] = []
        someone.shown.start.connect(started.append)
        await shows(someone)
        someone.click("Change the password…")
        dialog = await someone.is_asked()
        for line in dialog.findChildren(QLineEdit):
            line.setText("canary another one")
        someone.click("OK")
        (launch,) = started
        launched = await someone.bridge.ask(launch)
        ended = await someone.bridge.ask(lambda app: app.runner.wait(SITE, launched.run))
        assert ended.error is None
        someone.shown.site_changed()
        await someone.reads_soon("As of today")
        await someone.shown_rests()
        assert someone.reads("in use here")
        assert await someone.bridge.ask(lambda app: app.secrets.get(SITE, PASSWORD_NAME)) == "canary another one"

    tell(qapp, house, story)


@pytest.mark.spec("X3")
def test_known_damage_is_shown_with_what_a_repair_would_do(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        await someone.bridge.ask(back_up)
        await someone.bridge.ask(lambda app: find_damage(app, house))
        await shows(someone)
        assert someone.reads("Something in this repository is damaged")
        assert someone.reads("1 recovery point is hit.")
        someone.click("What a repair would do")
        assert someone.reads("Copy 1 damaged file to this computer")
        assert someone.reads("Damaged")

    tell(qapp, house, story)


async def find_damage(app: Overwinter, house: Greenhouse) -> None:
    """As if a check had found it: its mark in the repository, and what it said."""
    (point,) = await app.points(SITE)
    opened = await app.repository(SITE)
    tree = (await opened.restic.snapshots())[0].tree
    tags = check_tags(opened.site, run="r", trigger="manual", share="1-8", outcome=FAIL, hit=(point.id,))
    SealedRepository(house.repository, PASSWORD).add_snapshot(tree, datetime.now(UTC), "here", tags)
    await note_result(app.records(SITE), Checked("run", "1/8", Verdict.FAIL, damage=Damage(packs=("ab" * 32,))))


@pytest.mark.spec("X2")
def test_everything_has_a_name_and_is_reached_by_keyboard(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        await shows(someone)
        for button in someone.window.findChildren(QAbstractButton):
            if button.isVisible():
                assert button.accessibleName() or button.text()
                assert button.height() >= TARGET
        await someone.tabs_to("Refresh")
        order: list[QWidget] = []
        while (focused := someone.focused()) not in order:
            order.append(focused)
            someone.press(Qt.Key.Key_Tab)
        names = [each.accessibleName() or getattr(each, "text", str)() for each in order]
        wanted = [
            "Refresh",
            "Count again",
            "Copy the address",
            "Copy the whole id",
            "Check now",
            "Change the password…",
        ]
        assert [name for name in names if name in wanted] == wanted

    tell(qapp, house, story)
