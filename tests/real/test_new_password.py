"""Another password for a repository: the stored one opens it at every moment, and no password is left anywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.assembly import Overwinter, assemble
from app.foundation.errors import UserError
from app.foundation.events import Outcome
from app.foundation.words import text
from app.jobs.new_password import plan_new_password
from app.records.run import Run
from app.settings.places import places
from app.tools.restic.keys import add_key, list_keys
from app.tools.restic.session import Session
from tests.real.servers.restic import restic_program
from tests.running import run
from tests.ui.greenhouse import PASSWORD, PASSWORD_NAME, SITE, Greenhouse
from tests.ui.technician import environment, vault_with_passphrase_file

NEW = "canary Nové heslo+5"


def tell(folder: Path, version: str, story: Callable[[Overwinter, Greenhouse], Awaitable[None]]) -> Greenhouse:
    """The story of a site with a repository."""
    program = restic_program(version)
    house = Greenhouse(folder).grow(2)
    house.make_repository(program)

    async def told() -> None:
        app = await assemble(places(house.data))
        try:
            await house.set_up(app)
            await story(app, house)
        finally:
            await app.close()

    with vault_with_passphrase_file(folder), environment(OVERWINTER_RESTIC=program):
        run(told())
    return house


async def changed(app: Overwinter, new: str = NEW) -> Run:
    launched = await app.runner.launch(await app.plan_new_password(SITE, new))
    return await app.runner.wait(SITE, launched.run)


async def opens(app: Overwinter, password: str) -> bool:
    await app.set_secret(SITE, PASSWORD_NAME, password)
    try:
        await (await app.repository(SITE)).restic.config()
    except UserError as error:
        return error.code != "restic.wrong-password"
    return True


async def keys(app: Overwinter) -> int:
    return len(await list_keys((await app.repository(SITE)).restic.session))


@pytest.mark.spec("S3", "S4")
@pytest.mark.parametrize("version", [pytest.param("0.18", marks=pytest.mark.long), "0.19"])
def test_the_new_password_is_stored_and_alone_opens_the_repository(tmp_path: Path, version: str) -> None:
    async def story(app: Overwinter, _house: Greenhouse) -> None:
        ended = await changed(app)
        assert ended.outcome is Outcome.SUCCESS
        assert await app.secrets.get(SITE, PASSWORD_NAME) == NEW
        assert await keys(app) == 1
        assert not await opens(app, PASSWORD)
        assert await opens(app, NEW)
        audit = [entry.what for entry in await app.audit_log(SITE)]
        assert "repository-password-changed" in audit

    house = tell(tmp_path, version, story)
    for file in house.data.rglob("*"):
        if file.is_file():
            assert b"canary" not in file.read_bytes(), file


@pytest.mark.spec("S3")
def test_a_password_that_cannot_be_stored_takes_the_old_one_from_nobody(tmp_path: Path) -> None:
    async def story(app: Overwinter, _house: Greenhouse) -> None:
        async def refuse(_password: str) -> None:
            said = text("The keyring is locked.")
            raise UserError(said, said, said, "secrets.locked")

        plan = plan_new_password(await app.sites.get(SITE), NEW, refuse, app._repositories)
        launched = await app.runner.launch(plan)
        ended = await app.runner.wait(SITE, launched.run)
        assert ended.outcome is Outcome.FAILED
        assert ended.error is not None
        assert ended.error.code == "secrets.locked"
        assert "Both passwords" in str(ended.error.means)
        assert await app.secrets.get(SITE, PASSWORD_NAME) == PASSWORD
        assert await opens(app, NEW)
        assert await opens(app, PASSWORD)

    tell(tmp_path, "0.19", story)


@pytest.mark.long
@pytest.mark.spec("S3")
def test_a_new_password_that_does_not_open_it_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when another restic reads the password otherwise than ours; somebody else's key of that moment stays."""

    async def story(app: Overwinter, house: Greenhouse) -> None:
        async def otherwise(session: Session, file: str) -> None:
            another = spoil(house.folder / "another")
            extra = ["key", "add", "--new-password-file", another, "--host", "office"]
            await session.run(session.attempt(), extra)
            await add_key(session, spoil(Path(file)))

        def spoil(file: Path) -> str:
            file.write_text(f"not what was typed: {file.name}")
            return str(file)

        monkeypatch.setattr("app.jobs.new_password.add_key", otherwise)
        ended = await changed(app)
        assert ended.error is not None
        assert ended.error.code == "restic.wrong-password"
        kept = await list_keys((await app.repository(SITE)).restic.session)
        assert len(kept) == 2
        assert "office" in [key.host_name for key in kept]
        assert await opens(app, PASSWORD)

    tell(tmp_path, "0.19", story)


@pytest.mark.parametrize("new", ["", " a", "a\n", "a\0b"])
def test_what_restic_would_read_otherwise_is_refused(tmp_path: Path, new: str) -> None:
    async def story(app: Overwinter, _house: Greenhouse) -> None:
        with pytest.raises(UserError, match=r"restic\.password-unusable"):
            await app.plan_new_password(SITE, new)

    tell(tmp_path, "0.19", story)


@pytest.mark.spec("S3")
def test_a_wrong_stored_password_changes_nothing(tmp_path: Path) -> None:
    async def story(app: Overwinter, _house: Greenhouse) -> None:
        await app.set_secret(SITE, PASSWORD_NAME, "another")
        ended = await changed(app)
        assert ended.error is not None
        assert ended.error.code == "restic.wrong-password"
        assert await opens(app, PASSWORD)
        assert await keys(app) == 1

    tell(tmp_path, "0.19", story)
