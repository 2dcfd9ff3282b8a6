"""What goes wrong around the window: a locked keyring, sites of odd sizes, logs without measure, caches that rot.

Others of this kind are beside what they break: a repository away and a window closed in the middle (`test_window`),
thousands of runs of two laptops (`test_many_runs`), a disk that is pulled out (`test_disk_prompt`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QApplication

from app.ui.widgets.log_view import LogView
from tests.faults.shims import lying_restic
from tests.real.servers.secret_service import PASSWORD as LOGIN
from tests.real.servers.secret_service import SecretService, secret_service
from tests.ui.breath import Breath
from tests.ui.greenhouse import SITE, Greenhouse
from tests.ui.technician import Technician, environment, run_in_window, vault_with_passphrase_file
from tests.ui.test_window import band, begin, has_points, nothing_is_cut, outcome

if TYPE_CHECKING:
    from app.assembly import Overwinter
    from app.ui.pages.snapshots.page import SnapshotsPage

pytestmark = pytest.mark.qt_log_ignore("does not support")  # what the offscreen platform says of raising windows

PAGES = ("Dashboard", "Snapshots", "Runs", "Repository", "Settings", "All sites")
LONGEST_GAP = 100  # ms; twice what is wanted: shared machines


@pytest.fixture
def house(tmp_path: Path, restic: str) -> Greenhouse:
    """A greenhouse with its repository."""
    made = Greenhouse(tmp_path).grow(3)
    made.make_repository(restic)
    return made


@pytest.fixture
def vaulted(tmp_path: Path) -> Iterator[None]:
    """No keyring; the vault opens by itself."""
    with vault_with_passphrase_file(tmp_path):
        yield


# --- a keyring ---------------------------------------------------------------------------------


@pytest.fixture
def keyring() -> Iterator[SecretService]:
    """A real one of the desktop's kind."""
    with secret_service() as service:
        lead = {name: value for name, value in service.environment.items() if name != "HOME"}
        with environment(OVERWINTER_VAULT_PASSPHRASE_FILE=None, **lead):
            yield service


@pytest.mark.spec("S4", "X3")
def test_while_the_keyring_is_locked_a_card_offers_to_unlock_it_and_all_else_works(
    qapp: QApplication, house: Greenhouse, keyring: SecretService
) -> None:
    async def before(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1))
        await someone.sees_it_rest()

    async def story(someone: Technician) -> None:
        await someone.reads_soon("The keyring is locked.")
        assert band(someone).points, "what was known stays"
        assert someone.reads("not known now")
        for page in PAGES[1:]:
            someone.click(page)
            await someone.sees_it_rest()
        window = someone.window
        someone.click("Runs")
        await someone.sees(lambda: window.runs_page.table.runs.rowCount() == 1)
        someone.click("Dashboard")
        keyring.restart(LOGIN)
        await someone.presses_soon("Unlock the keyring…")
        await someone.reads_soon("Backed up today")
        assert not someone.reads("The keyring is locked.")

    run_in_window(qapp, house.data, before)
    keyring.restart("not the password of the login keyring")
    run_in_window(qapp, house.data, story)


# --- sites of odd sizes ------------------------------------------------------------------------


def of_sources(folder: Path, count: int) -> Greenhouse:
    """A site with so many sources and the longest title."""
    names = tuple(f"source-{number:02d}" for number in range(count))
    return Greenhouse(folder, title="Теплица " * 24 + "Ж" * 8, sources=names)


@pytest.mark.spec("X2", "S2")
@pytest.mark.usefixtures("vaulted")
@pytest.mark.parametrize("count", [0, 40])
def test_a_site_of_no_sources_and_one_of_forty_have_every_page(
    qapp: QApplication, tmp_path: Path, restic: str, count: int
) -> None:
    house = of_sources(tmp_path, count).grow(1)
    house.make_repository(restic)
    assert len(house.title) == 200

    async def story(someone: Technician) -> None:
        await set_up(someone, house)
        for page in PAGES:
            someone.click(page)
            await someone.sees_it_rest()
            nothing_is_cut(someone)
            assert (someone.window.width(), someone.window.height()) == (1366, 768)
        if not count:
            someone.click("Dashboard")
            someone.click("Back up now")
            await someone.reads_soon("There is nothing to back up on")

    run_in_window(qapp, house.data, story)


async def set_up(someone: Technician, house: Greenhouse) -> None:
    """The site is there, and the window shows it."""
    await someone.bridge.ask(house.set_up)
    someone.window.load()
    await someone.sees(lambda: someone.window.site == SITE)
    await someone.sees_it_rest()


@pytest.mark.long
@pytest.mark.spec("X2")
@pytest.mark.usefixtures("vaulted")
def test_forty_sources_are_backed_up_and_all_of_them_are_on_the_band(
    qapp: QApplication, tmp_path: Path, restic: str
) -> None:
    house = of_sources(tmp_path, 40).grow(1)
    house.make_repository(restic)

    async def story(someone: Technician) -> None:
        await set_up(someone, house)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1), seconds=120)
        await someone.sees_it_rest()
        nothing_is_cut(someone)
        (point,) = await someone.bridge.ask(lambda app: app.points(SITE))
        assert len(point.layers) == 40

    run_in_window(qapp, house.data, story)


# --- logs --------------------------------------------------------------------------------------

TEN_MEGABYTES = 10_000_000
SAYS = (
    f"head -c {TEN_MEGABYTES} /dev/zero | tr '\\0' x >&2",
    "printf '\\nbell\\007 \\033[2J\\033]0;title\\007\\033[31mred\\033[0m \\342\\200\\256backwards\\n\\000\\n' >&2",
    'real "$@"',
)


@pytest.mark.spec("X1", "J1")
@pytest.mark.usefixtures("vaulted")
def test_a_line_of_ten_megabytes_and_control_characters_do_no_harm(
    qapp: QApplication, house: Greenhouse, tmp_path: Path, restic: str
) -> None:
    if sys.platform == "win32":
        pytest.skip("a stand-in is a script of the shell")
    talkative = lying_restic(tmp_path / "talkative", Path(restic), [("backup", SAYS)])
    gaps: list[float] = []

    async def story(someone: Technician) -> None:
        view = someone.window.runs_page.panel.log.view
        await begin(someone, house)
        someone.click("Runs")
        with Breath() as breath:
            await someone.bridge.ask(lambda app: app.back_up(SITE))
            await someone.sees(lambda: someone.window.runs.live)
            await someone.sees(lambda: not someone.window.runs.live)
            await someone.sees_it_rest()
        gaps.append(breath.gap)
        (run,) = await someone.bridge.ask(lambda app: app.records(SITE).runs())
        assert (await someone.bridge.ask(lambda app: outcome(app, run.id))) is run.outcome
        await someone.sees(lambda: "bell‹07› red ‹202E›backwards" in words(view))
        log = (house.data / "runs" / run.id / "log.txt").read_bytes()
        assert b"x" * TEN_MEGABYTES in log, "the file holds all of it"
        with Breath() as breath:
            view.search("backwards")
            view.search("xxxxxxxx")
            someone.window.resize(1100, 700)
            await someone.sees_it_rest()
        gaps.append(breath.gap)

    with environment(OVERWINTER_RESTIC=str(talkative)):
        run_in_window(qapp, house.data, story)
    assert max(gaps) <= 3 * LONGEST_GAP, gaps


def words(view: LogView) -> str:
    """Everything that can be copied out of the log."""
    view.select_all()
    view.copy()
    return QApplication.clipboard().text()


# --- caches that rot ---------------------------------------------------------------------------


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _other(file: Path) -> None:
    file.write_bytes(b"\x00\xff{something else}")


@pytest.mark.spec("R1", "R2", "V3")
@pytest.mark.usefixtures("vaulted")
@pytest.mark.parametrize("harm", [_flip, _cut, _other])
def test_what_is_cached_is_made_anew_where_it_is_damaged(
    qapp: QApplication, house: Greenhouse, harm: Callable[[Path], None]
) -> None:
    async def before(someone: Technician) -> None:
        await begin(someone, house)
        someone.click("Back up now")
        await someone.sees(partial(has_points, someone, 1))
        await someone.bridge.ask(lambda app: app.catalogue.index_newest(SITE))
        await someone.sees_it_rest()

    async def story(someone: Technician) -> None:
        await someone.reads_soon("Backed up today")
        someone.click("Snapshots")
        page = snapshots(someone)
        await someone.sees(lambda: page.files.tree.model().rowCount() > 0)
        assert await someone.bridge.ask(indexed_again)

    run_in_window(qapp, house.data, before)
    kept = [file for file in (house.data / "cache").rglob("*") if file.is_file() and "restic" not in file.parts]
    assert {"north-house.json"} < {file.name for file in kept}
    assert any(file.suffix not in (".json",) for file in kept), kept
    for file in kept:
        harm(file)
    run_in_window(qapp, house.data, story)


def snapshots(someone: Technician) -> SnapshotsPage:
    """The page."""
    from app.ui.pages.snapshots.page import SnapshotsPage

    page = someone.window.late_page("snapshots")
    assert isinstance(page, SnapshotsPage)
    return page


async def indexed_again(app: Overwinter) -> bool:
    """Whether the names of the newest point can be searched, made anew where they could not."""
    await app.catalogue.index_newest(SITE)
    (member,) = await app.catalogue.members(SITE, (await app.points(SITE))[0].id)
    found = await app.catalogue.find(SITE, member.snapshot, "file-1")
    return found is not None and [name.path.rpartition("/")[2] for name in found] == ["file-1"]
