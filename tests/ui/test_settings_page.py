"""The Settings page with the real program behind it: edited, examined, tried, saved, never over another's change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QWidget

from app.foundation.words import ENGLISH
from app.settings.site_file import write
from app.ui.pages.settings.list_section import ListSection
from app.ui.pages.settings.sections import SECTIONS
from app.ui.pages.settings.settings_page import SettingsPage
from app.ui.widgets.pick_list import PickList
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.sshd import ssh_server
from tests.ui.greenhouse import PASSWORD, PASSWORD_NAME, SITE, Greenhouse
from tests.ui.page_window import PageTechnician, Story, run_on_page

if TYPE_CHECKING:
    from app.assembly import Overwinter
    from app.settings.model import Site

Someone = PageTechnician[SettingsPage]

pytestmark = [
    pytest.mark.usefixtures("vault", "restic"),
    pytest.mark.qt_log_ignore("does not support"),  # what the offscreen platform says of raising windows
]

DATABASE_PASSWORD = "canary Datenbank 7"


@pytest.fixture
def house(tmp_path: Path) -> Greenhouse:
    return Greenhouse(tmp_path).grow()


def tell(application: QApplication, house: Greenhouse, story: Story[SettingsPage], toml: str = "") -> None:
    """Adds the site and lets the story happen on its settings."""

    async def told(someone: Someone) -> None:
        await someone.bridge.ask(lambda app: set_up(app, house, toml or house.toml))
        someone.shown.show_site(SITE)
        await someone.reads_soon("All is saved")
        await someone.is_back()
        await story(someone)

    run_on_page(application, house.data, lambda bridge: SettingsPage(bridge, ENGLISH), told)


async def set_up(app: Overwinter, house: Greenhouse, toml: str) -> None:
    await app.add_site(toml.encode())
    await app.set_secret(house.name, PASSWORD_NAME, PASSWORD)


async def stored(someone: Someone) -> Site:
    return await someone.bridge.ask(lambda app: app.sites.get(SITE))


def go_to(someone: Someone, key: str) -> None:
    """Chooses a section."""
    sections = someone.window.findChildren(PickList)[0]
    sections.pick([section.key for section in SECTIONS].index(key))


def field(someone: Someone, name: str) -> QLineEdit:
    """The visible line of that name."""
    found = [each for each in lines(someone) if each.accessibleName() == name]
    assert found, f"no field {name!r}"
    return found[0]


def says(someone: Someone, name: str) -> str:
    """What stands in the line of that name, "" where there is none yet."""
    return next((each.text() for each in lines(someone) if each.accessibleName() == name), "")


def is_at(someone: Someone, name: str) -> bool:
    """Whether the line of that name has the keyboard."""
    return any(each.hasFocus() and each.accessibleName() == name for each in lines(someone))


async def types_into(someone: Someone, name: str, words: str) -> None:
    """Types into the line of that name as soon as it is there."""
    await someone.sees(lambda: name in [each.accessibleName() for each in lines(someone)])
    write_into(field(someone, name), words)


def lines(someone: Someone) -> list[QLineEdit]:
    front = someone.dialog() or someone.window
    return [each for each in front.findChildren(QLineEdit) if each.isVisible()]


def write_into(line: QLineEdit, words: str) -> None:
    """Types in place of what stands there."""
    line.setFocus()
    line.selectAll()
    committed = QInputMethodEvent()
    committed.setCommitString(words)  # as a keyboard of any script; the letters one by one are only those of ours
    QApplication.sendEvent(line, committed)


async def saves(someone: Someone) -> None:
    await someone.presses_soon("Save")
    await someone.reads_soon("All is saved")
    await someone.shown_rests()


# --- saving -----------------------------------------------------------------------------------


@pytest.mark.spec("S2")
def test_what_is_edited_is_marked_saved_and_stands_in_the_site_file(qapp: QApplication, house: Greenhouse) -> None:
    saved: list[str] = []

    async def story(someone: Someone) -> None:
        someone.shown.saved.connect(saved.append)
        await types_into(someone, "Title", "Южная теплица")
        assert someone.reads("Not saved yet")
        assert someone.shown.has_unsaved
        await saves(someone)
        assert not someone.shown.has_unsaved
        assert 'title = "Южная теплица"\n' in write(await stored(someone))
        audit = await someone.bridge.ask(lambda app: app.audit_log(SITE))
        assert [entry.fields["changed"] for entry in audit if entry.what == "site-changed"] == ["title"]

    tell(qapp, house, story)
    assert saved == [SITE]


@pytest.mark.spec("S2")
def test_what_is_wrong_says_its_remedy_beside_the_field_and_is_not_saved(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        before = await stored(someone)
        await types_into(someone, "Time zone", "Europe/Prag")
        await someone.reads_soon('Did you mean "Europe/Prague"?')
        await someone.reads_soon("1 thing has to be put right")
        assert "Europe/Prague" in field(someone, "Time zone").accessibleDescription()
        go_to(someone, "retention")
        await someone.presses_soon("Save")
        await someone.sees(lambda: is_at(someone, "Time zone"))
        assert await stored(someone) == before
        someone.click("Revert")
        await someone.sees(lambda: says(someone, "Time zone") == "UTC")
        await someone.reads_soon("All is saved")

    tell(qapp, house, story)


@pytest.mark.spec("S2")
def test_settings_that_somebody_else_changed_are_never_overwritten(qapp: QApplication, house: Greenhouse) -> None:
    async def change(app: Overwinter) -> None:
        other = house.toml.replace(house.title, "of a colleague")
        await app.add_site(other.encode(), replace=True)

    async def story(someone: Someone) -> None:
        await types_into(someone, "Title", "mine")
        await someone.bridge.ask(change)
        await someone.presses_soon("Save")
        await someone.reads_soon("were changed meanwhile")
        await someone.reads_soon("by a site file")
        assert (await stored(someone)).title == "of a colleague"
        assert says(someone, "Title") == "mine", "what was typed is still there"
        await someone.presses_card("Read the settings anew")
        await someone.sees(lambda: says(someone, "Title") == "of a colleague")
        assert not someone.reads("were changed meanwhile")

    tell(qapp, house, story)


@pytest.mark.spec("S1")
def test_what_is_edited_waits_while_another_site_is_looked_at(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        other = Greenhouse(house.folder / "other", name="south-house", title="South")
        other.folder.mkdir()
        await someone.bridge.ask(lambda app: app.add_site(other.toml.encode()))
        await types_into(someone, "Title", "half done")
        someone.shown.show_site("south-house")
        await someone.sees(lambda: says(someone, "Title") == "South")
        assert not someone.reads("Not saved yet")
        someone.shown.show_site(SITE)
        await someone.sees(lambda: says(someone, "Title") == "half done")
        assert someone.reads("Not saved yet")

    tell(qapp, house, story)


# --- secrets ----------------------------------------------------------------------------------


@pytest.mark.spec("S3", "S4")
def test_secrets_are_never_shown_and_blank_keeps_them(qapp: QApplication, house: Greenhouse) -> None:
    async def secret(app: Overwinter) -> str | None:
        return await app.secrets.get(SITE, PASSWORD_NAME)

    async def story(someone: Someone) -> None:
        go_to(someone, "security")
        line = field(someone, "Repository password")
        assert line.text() == ""
        assert line.echoMode() is QLineEdit.EchoMode.Password
        assert line.placeholderText().startswith("stored today")
        replace = someone.button("Replace: Repository password")
        assert replace is not None
        assert not replace.isEnabled(), "blank keeps what is stored"
        write_into(line, "canary another")
        assert someone.reads("Not saved yet")
        someone.click("Replace: Repository password")
        await someone.sees(lambda: line.text() == "")
        await someone.shown_rests()
        assert await someone.bridge.ask(secret) == "canary another"
        write_into(line, PASSWORD)
        await saves(someone)
        assert await someone.bridge.ask(secret) == PASSWORD
        assert says(someone, "Repository password") == ""
        someone.click("Remove: Repository password")
        await someone.is_asked()
        someone.click("Remove it")
        await someone.reads_soon("1 that is needed is missing")
        assert await someone.bridge.ask(secret) is None

    tell(qapp, house, story)
    for file in house.data.rglob("*"):
        if file.is_file():
            assert b"canary" not in file.read_bytes(), file


@pytest.mark.spec("S3")
def test_a_secret_that_cannot_be_stored_stays_typed_beside_what_was_saved(
    qapp: QApplication, house: Greenhouse
) -> None:
    async def story(someone: Someone) -> None:
        go_to(someone, "repository")
        await types_into(someone, "Address", str(house.folder / "elsewhere"))
        await types_into(someone, "Repository password", "canary another")
        vault = house.data / "vault"
        kept = vault.read_bytes()
        vault.write_bytes(b"damaged")
        await someone.presses_soon("Save")
        await someone.reads_soon("vault")
        await someone.shown_rests()
        assert (await stored(someone)).repository.url == str(house.folder / "elsewhere")
        assert says(someone, "Repository password") == "canary another"
        assert someone.reads("Not saved yet")
        vault.write_bytes(kept)
        await saves(someone)
        assert await someone.bridge.ask(lambda app: app.secrets.get(SITE, PASSWORD_NAME)) == "canary another"

    tell(qapp, house, story)


@pytest.mark.spec("S3")
def test_credentials_typed_in_an_address_are_stored_as_secrets(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        go_to(someone, "repository")
        await types_into(someone, "Address", "rest:http://olga:canary-geheim@127.0.0.1:9/north")
        await saves(someone)
        assert says(someone, "Address") == "rest:http://127.0.0.1:9/north"
        assert field(someone, "REST server's password").placeholderText().startswith("stored today")
        assert "geheim" not in write(await stored(someone))

    tell(qapp, house, story)


# --- what to back up --------------------------------------------------------------------------


@pytest.mark.spec("S2", "S5")
def test_a_source_is_added_by_a_preset_and_another_by_hand(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        go_to(someone, "sources")
        await adds(someone, "Laravel application")
        await types_into(someone, "What it is called", "shop")
        someone.click("Add")
        await someone.sees(lambda: someone.dialog() is None)
        assert (await stored(someone)).sources[-1].name == "laravel", "nothing is saved yet"
        await adds(someone, "SQLite database", "By hand")
        someone.click("Add")
        await someone.sees(lambda: says(someone, "Name") == "sqlite")
        await someone.reads_soon("This is needed.")
        await types_into(someone, "Database", "/srv/telemetry.sqlite")
        await saves(someone)
        site = await stored(someone)
        assert [source.name for source in site.sources] == ["laravel", "shop-database", "shop", "sqlite"]
        assert [command.name for command in site.commands][:1] == ["shop-maintenance"]

    async def adds(someone: Someone, title: str, kind: str = "") -> None:
        someone.click("Add a source…")
        dialog = await someone.is_asked()
        listed = dialog.findChildren(PickList)[0]
        model = listed.model()
        rows = [
            row
            for row in range(model.rowCount())
            if model.index(row, 0).data() == title
            and kind in str(model.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole))
        ]
        listed.pick(rows[-1] if kind else rows[0])

    tell(qapp, house, story)


@pytest.mark.spec("S2", "S5")
def test_a_look_proposes_and_what_is_ticked_is_taken_over(qapp: QApplication, house: Greenhouse) -> None:
    folder = house.folder / "srv" / "shop"
    folder.mkdir(parents=True)
    (folder / "artisan").write_text("#!/usr/bin/env php\n")
    (folder / "composer.json").write_text('{"require": {"laravel/framework": "^11.0"}}')
    (folder / ".env").write_text("DB_CONNECTION=pgsql\nDB_DATABASE=shop\nDB_USERNAME=shop\nDB_PASSWORD=canary-shop\n")

    async def story(someone: Someone) -> None:
        go_to(someone, "sources")
        someone.click("Look at a host…")
        await someone.is_asked()
        await types_into(someone, "Look below this folder only", str(folder.parent))
        someone.click("Look now")
        await someone.reads_soon("Its password was found there")
        assert not someone.reads("canary-shop")
        someone.click("Take over 1")
        await someone.sees(lambda: someone.dialog() is None)
        await someone.shown_rests()
        names = [source.name for source in (await stored(someone)).sources]
        assert len(names) == 3
        secret = next(name for name in names if name.endswith("-database"))
        assert await someone.bridge.ask(lambda app: app.secrets.get(SITE, f"source:{secret}:password")) == "canary-shop"

    tell(qapp, house, story)


@pytest.mark.spec("S2")
def test_hosts_and_commands_are_added_ordered_and_taken_out(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        go_to(someone, "commands")
        assert someone.reads("No command yet.")
        for name in ("one", "two"):
            someone.click("Add a command")
            await types_into(someone, "Name", name)
        view = someone.shown.findChild(ListSection)
        assert view is not None
        await someone.reads_soon("This is needed.")
        someone.click("Move it up")
        await someone.sees(lambda: says(someone, "Name") == "two")
        someone.click("Remove it from the site")
        await someone.sees(lambda: says(someone, "Name") == "one")
        someone.click("Revert")
        await someone.reads_soon("No command yet.")

    tell(qapp, house, story)


MANY = "".join(f'[[sources]]\nname = "s{number}"\nkind = "files"\nroot = "/srv/{number}"\n' for number in range(40))


@pytest.mark.parametrize(("sources", "size"), [("", (1166, 700)), (MANY, (820, 600))], ids=["none", "forty"])
def test_no_source_forty_and_the_longest_title_fit_the_page(
    qapp: QApplication, house: Greenhouse, sources: str, size: tuple[int, int]
) -> None:
    toml = f'format = 1\nname = "{SITE}"\ntitle = "{"Ж" * 200}"\n[repository]\nurl = "{house.repository}"\n{sources}'

    async def story(someone: Someone) -> None:
        someone.window.resize(*size)
        for section in SECTIONS:
            go_to(someone, section.key)
            await someone.shown_rests()
            assert (someone.window.width(), someone.window.height()) == size, section.key
            for widget in someone.window.findChildren(QWidget):
                if widget.isVisible() and isinstance(widget, QAbstractButton | QComboBox | QLineEdit):
                    right = widget.mapTo(someone.window, widget.rect().topRight()).x()
                    assert right < size[0], (section.key, widget.accessibleName())

    tell(qapp, house, story, toml)


# --- trials -----------------------------------------------------------------------------------


@pytest.mark.spec("S2", "P1")
def test_a_repository_is_tried_with_what_is_typed(qapp: QApplication, house: Greenhouse, restic: str) -> None:
    async def story(someone: Someone) -> None:
        go_to(someone, "repository")
        await someone.presses_soon("Test The repository")
        await someone.reads_soon("There is no repository at")
        await someone.presses_card("Make the repository")
        await someone.reads_soon("The repository answers, and the password opens it.")
        await types_into(someone, "Repository password", "canary wrong")
        await someone.presses_soon("Test The repository")
        await someone.reads_soon("The password does not open the repository")
        await someone.presses_card("Type the password")
        await someone.sees(lambda: is_at(someone, "Repository password"))
        await types_into(someone, "Address", str(house.folder / "nowhere" / "repository"))
        await someone.presses_soon("Test The repository")
        await someone.reads_soon("cannot be reached")
        assert (await stored(someone)).repository.url == str(house.repository), "nothing is saved by a trial"

    tell(qapp, house, story)


@pytest.mark.spec("S2", "H1")
def test_a_host_is_really_logged_in_to(qapp: QApplication, house: Greenhouse) -> None:
    with ssh_server(house.folder / "sshd") as server:
        toml = (
            f'{house.toml}[[hosts]]\nname = "server"\nkind = "ssh"\naddress = "127.0.0.1"\nport = {server.port}\n'
            f'user = "{server.user}"\nkey_file = "{server.key_file}"\n'
        )

        async def story(someone: Someone) -> None:
            go_to(someone, "hosts")
            await someone.presses_soon("Test server")
            await someone.reads_soon("Logged in to")
            await someone.reads_soon("are free on /")
            await someone.shown_rests()
            server.stop()
            server.new_host_key()
            server.start()
            await someone.presses_soon("Test server")
            await someone.reads_soon("The host key of server is not the one it had.")
            await someone.presses_card("Trust its new key…")
            await someone.is_asked()
            await types_into(someone, "Fingerprint", server.fingerprint)
            someone.click("Trust this key")
            await someone.reads_soon("Logged in to")
            await types_into(someone, "Key file", str(house.site_file))
            await someone.presses_soon("Test server")
            await someone.reads_soon("cannot be used")

        tell(qapp, house, story, toml)


@pytest.mark.spec("S2", "B3")
def test_a_database_is_tried_with_its_rights(qapp: QApplication, house: Greenhouse, postgres: PostgresServer) -> None:
    name = "settings_trial"
    postgres.create_role(name, DATABASE_PASSWORD)
    postgres.create_database(name, "postgres")
    postgres.sql("CREATE TABLE closed (id int)", name)
    toml = (
        f'{house.toml}[[sources]]\nname = "database"\nkind = "postgresql"\nserver = "{postgres.host}"\n'
        f'port = {postgres.port}\ndatabase = "{name}"\nuser = "{name}"\n'
    )

    async def story(someone: Someone) -> None:
        go_to(someone, "sources")
        someone.window.findChildren(ListSection)[0].list.pick(1)
        await someone.presses_soon("Test database")
        await someone.presses_card("Type the password")
        await someone.sees(lambda: is_at(someone, "Password"))
        await types_into(someone, "Password", "canary wrong")
        await someone.presses_soon("Test database")
        await someone.reads_soon("password")
        await someone.shown_rests()
        await types_into(someone, "Password", DATABASE_PASSWORD)
        await someone.presses_soon("Test database")
        await someone.reads_soon("may not read")
        await someone.shown_rests()
        postgres.sql(f"GRANT SELECT ON closed TO {name}", name)
        await someone.presses_soon("Test database")
        await someone.reads_soon("All of settings_trial may be read")
        await someone.reads_soon("is there to dump it")
        await saves(someone)
        kept = await someone.bridge.ask(lambda app: app.secrets.get(SITE, "source:database:password"))
        assert kept == DATABASE_PASSWORD

    tell(qapp, house, story, toml)


# --- keyboard ---------------------------------------------------------------------------------


@pytest.mark.spec("X2")
def test_settings_are_changed_by_keyboard_alone(qapp: QApplication, house: Greenhouse) -> None:
    async def story(someone: Someone) -> None:
        await someone.tabs_to("Sections")
        for _ in range(4):
            someone.press(Qt.Key.Key_Down)
        await someone.tabs_to("Daily")
        someone.press(Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        someone.types("14")
        await someone.tabs_to("Save")
        someone.press(Qt.Key.Key_Return)
        await someone.reads_soon("All is saved")
        await someone.shown_rests()
        assert (await stored(someone)).retention.keep_daily == 14
        await someone.tabs_to("Weekly")
        someone.types("5")
        someone.press(Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
        await someone.shown_rests()
        await someone.reads_soon("All is saved")

    tell(qapp, house, story)
