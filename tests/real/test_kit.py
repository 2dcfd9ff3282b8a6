"""Kits with a real restic and a real vault, in one process: what is known of them, and what is wrong with them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.assembly import Overwinter, assemble
from app.foundation.errors import UserError
from app.foundation.events import Outcome
from app.jobs.kit.state import Reminder
from app.jobs.kit.trial import TrialState
from app.records.run import Run
from app.settings.kit import Cost
from app.settings.model import KIT_FINGERPRINT_KEY, REPOSITORY_PASSWORD
from app.settings.places import places
from tests.faults.test_full_disks import disk_at
from tests.real.practice import passphrase
from tests.real.servers.restic import VERSIONS, fresh_repository, restic_program
from tests.real.servers.sshd import ssh_server
from tests.running import run

pytestmark = pytest.mark.spec("S6")

SITE = "north-house"
PASSWORD = "the repository's password"
KIT_PASSPHRASE = "four words in winter"
FILE = """
format = 1
name = "{name}"
[repository]
url = "{repository}"
[[sources]]
name = "database"
kind = "postgresql"
database = "hydro"
"""
HOST = """
[[hosts]]
name = "server"
kind = "ssh"
address = "127.0.0.1"
port = {port}
key_file = "{key_file}"
"""
SECRETS = {REPOSITORY_PASSWORD: PASSWORD, "source:database:password": "password"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where all computers of a test keep their things: no keyring, one repository."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    monkeypatch.setenv("OVERWINTER_RESTIC", restic_program(VERSIONS[-1]))
    fresh_repository(restic_program(VERSIONS[-1]), tmp_path / "repository", PASSWORD)
    return tmp_path


@asynccontextmanager
async def computer(home: Path, name: str = "laptop") -> AsyncIterator[Overwinter]:
    """An empty computer, or one that was there before."""
    app = await assemble(places(home / name), passphrase)
    app.kits.cost = Cost(cost=2**10)
    try:
        yield app
    finally:
        await app.close()


@asynccontextmanager
async def laptop(home: Path) -> AsyncIterator[Overwinter]:
    """The computer on which the site is set up."""
    async with computer(home) as app:
        await app.add_site(site_file(home))
        for name, value in SECRETS.items():
            await app.set_secret(SITE, name, value)
        yield app


def site_file(home: Path, name: str = SITE, more: str = "") -> bytes:
    return (FILE.format(name=name, repository=home / "repository") + more).encode()


async def make(app: Overwinter, target: Path, words: str = KIT_PASSPHRASE) -> Run:
    """The run that made a kit, or did not."""
    launched = await app.runner.launch(await app.kits.plan_kit(SITE, target, words))
    return await app.runner.wait(SITE, launched.run)


async def made(app: Overwinter, home: Path, name: str = "kit") -> Path:
    assert (await make(app, home / name)).outcome is Outcome.SUCCESS
    return home / name


async def tried(app: Overwinter, kit: Path, words: str = KIT_PASSPHRASE) -> tuple[Run, TrialState]:
    plan = await app.kits.plan_test(kit, words)
    await app.runner.launch(plan)
    return await app.runner.wait(SITE, plan.run), plan.state


async def compared(app: Overwinter) -> tuple[Run, TrialState]:
    plan = await app.kits.plan_comparison(SITE)
    await app.runner.launch(plan)
    return await app.runner.wait(SITE, plan.run), plan.state


async def reminders(app: Overwinter) -> list[Reminder]:
    return list((await app.kits.state(SITE)).reminders)


async def code_of(work: Awaitable[object]) -> str:
    """The code with which it is refused; no sentence of it holds a secret."""
    with pytest.raises(UserError) as refused:
        await work
    for secret in (*SECRETS.values(), KIT_PASSPHRASE):
        assert secret == "password" or secret not in str(refused.value.problem)
    return refused.value.code


def error_of(run: Run) -> str:
    return run.error.code if run.error is not None else ""


def test_what_is_to_do_about_a_kit_is_known(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app:
            assert await reminders(app) == [Reminder.MAKE]
            assert await code_of(app.kits.plan_comparison(SITE)) == "kit.none-known"
            assert await code_of(app.kits.stored(SITE, "safe")) == "kit.none-known"
            kit = await made(app, home)
            assert await reminders(app) == [Reminder.STORE]
            assert (await app.kits.stored(SITE, "safe in the office")).reminders == ()
            for done, found in (await compared(app), await tried(app, kit)):
                assert (done.outcome, found.outcome, found.stale) == (Outcome.SUCCESS, "pass", ())
            state = await app.kits.state(SITE)
            assert state.compared is not None
            assert state.tested is not None

            await app.set_secret(SITE, "source:database:password", "another")
            await app.add_site(site_file(home, more="[retention]\nkeep_daily = 9\n"), replace=True)
            assert await reminders(app) == [Reminder.RENEW]
            for done, found in (await compared(app), await tried(app, kit)):
                assert (done.outcome, found.outcome, error_of(done)) == (Outcome.PARTIAL, "pass", "kit.stale")
                assert found.stale == ("site-file", "source:database:password")
            assert await reminders(app) == [Reminder.RENEW, Reminder.FAILED]
            await app.remove_secret(SITE, "source:database:password")
            assert (await tried(app, kit))[1].stale == ("site-file", "source:database:password")
            await made(app, home, "newer")
            assert await reminders(app) == [Reminder.STORE]
            await app.remove_site(SITE)
            await app.add_site(site_file(home))
            assert await reminders(app) == [Reminder.MAKE]

    run(story())


def test_a_kit_whose_password_the_repository_does_not_take_any_more_fails(home: Path) -> None:
    async def before() -> Path:
        async with laptop(home) as app:
            return await made(app, home)

    async def afterwards() -> None:
        async with computer(home) as app:
            done, found = await tried(app, kit)
            assert (done.outcome, error_of(done), found.outcome) == (Outcome.FAILED, "restic.wrong-password", "fail")
            assert Reminder.FAILED in await reminders(app)
            worthless = await make(app, home / "worthless")
            assert error_of(worthless) == "restic.wrong-password"
            assert not (home / "worthless").exists()
            await app.set_secret(SITE, REPOSITORY_PASSWORD, "another password")
            assert (await tried(app, kit))[1].stale == (REPOSITORY_PASSWORD,)
            assert (await compared(app))[1].stale == (REPOSITORY_PASSWORD,)

    kit = run(before())
    change_password(home)
    run(afterwards())


def change_password(home: Path) -> None:
    new = home / "new-password"
    new.write_text("another password")
    repository = [restic_program(VERSIONS[-1]), "-r", str(home / "repository"), "--no-cache"]
    subprocess.run([*repository, "key", "passwd", "--new-password-file", new], input=PASSWORD.encode(), check=True,
                   capture_output=True)  # fmt: skip


def test_a_repository_out_of_reach_is_neither_right_nor_wrong(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app:
            kit = await made(app, home)
            shutil.move(home / "repository", home / "unplugged")
            done, found = await tried(app, kit)
            assert (done.outcome, found.outcome) == (Outcome.FAILED, "unchecked")
            state = await app.kits.state(SITE)
            assert (state.tested, state.failed) == (None, None)
            offline = await made(app, home, "offline")
            shutil.move(home / "unplugged", home / "repository")
            assert (await tried(app, offline))[1].outcome == "pass"

    run(story())


def test_another_repository_in_the_old_ones_place_is_found(home: Path) -> None:
    async def before() -> Path:
        async with laptop(home) as app:
            return await made(app, home)

    async def afterwards() -> None:
        async with computer(home) as app:
            done, found = await tried(app, kit)
            assert (error_of(done), found.outcome) == ("kit.other-repository", "fail")

    kit = run(before())
    shutil.rmtree(home / "repository")
    make_repository(home)
    run(afterwards())


def make_repository(home: Path) -> None:
    repository = [restic_program(VERSIONS[-1]), "-r", str(home / "repository"), "--no-cache"]
    subprocess.run([*repository, "init"], input=PASSWORD.encode(), check=True, capture_output=True)


def test_whatever_is_wrong_with_a_kit_is_said_and_changes_nothing(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app, computer(home, "new") as new:
            kit = await made(app, home)
            whole, bad = kit.read_bytes(), home / "bad"

            async def refused(content: bytes, words: str = KIT_PASSPHRASE) -> str:
                bad.write_bytes(content)
                return await code_of(new.kits.open(bad, words))

            assert await refused(whole, "another passphrase") == "kit.wrong-passphrase"
            assert await refused(whole, "") == "kit.wrong-passphrase"
            flipped = bytearray(whole)
            flipped[len(whole) // 2] ^= 1
            assert await refused(bytes(flipped)) == "kit.damaged"
            assert await refused(whole[:-100]) == "kit.damaged"
            assert await refused(b"") == "kit.no-kit"
            assert await refused(b"x" * 5_000_000) == "host.file-too-big"
            assert await code_of(new.kits.open(home / "nowhere", KIT_PASSPHRASE)) == "host.file-missing"
            assert await code_of(new.kits.open(home, KIT_PASSPHRASE)) == "host.file-unreadable"
            assert await code_of(new.kits.plan_test(kit, KIT_PASSPHRASE)) == "site.unknown"
            assert await new.sites.all() == ()
            assert not (home / "new" / "vault").exists()
            done, _ = await tried(app, kit, "another passphrase")
            assert (done.outcome, error_of(done)) == (Outcome.REFUSED, "kit.wrong-passphrase")
            assert await reminders(app) == [Reminder.STORE]

    run(story())


def test_what_is_here_is_never_replaced_unasked(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app, computer(home, "new") as new:
            kit = await made(app, home)
            await new.kits.open(kit, KIT_PASSPHRASE)
            again = await new.kits.open(kit, KIT_PASSPHRASE)
            assert (again.secrets, again.replaced) == ((), ())
            await new.remove_secret(SITE, "source:database:password")
            brought = await new.kits.open(kit, KIT_PASSPHRASE)
            assert brought.secrets == ("source:database:password",)

            await new.set_secret(SITE, "source:database:password", "newer")
            await new.add_site(site_file(home, more="[retention]\nkeep_daily = 9\n"), replace=True)
            with pytest.raises(UserError, match=r"site-file, source:database:password") as refused:
                await new.kits.open(kit, KIT_PASSPHRASE)
            assert refused.value.code == "kit.site-differs"
            assert await new.secrets.get(SITE, "source:database:password") == "newer"
            assert (await new.sites.get(SITE)).retention.keep_daily == 9
            brought = await new.kits.open(kit, KIT_PASSPHRASE, replace=True)
            assert brought.replaced == ("site-file", "source:database:password")
            assert (await new.sites.get(SITE)).retention.keep_daily == 7
            assert (await tried(new, kit))[1].stale == ()

    run(story())


def test_a_kit_of_a_repository_that_another_site_here_has_is_refused(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app, computer(home, "third") as third:
            kit = await made(app, home)
            await third.add_site(site_file(home, "south-house"))
            assert await code_of(third.kits.open(kit, KIT_PASSPHRASE)) == "site.repository-taken"
            assert [site.name for site in await third.sites.all()] == ["south-house"]

    run(story())


def test_a_vault_that_is_lost_while_its_names_stay_is_filled_again(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app:
            kit = await made(app, home)
        (home / "laptop" / "vault").unlink()
        async with computer(home) as app:
            brought = await app.kits.open(kit, KIT_PASSPHRASE)
            assert set(brought.secrets) == set(SECRETS)
            assert (await app.repository(SITE)).site.name == SITE

    run(story())


def test_a_kit_is_compared_on_another_laptop_too(home: Path) -> None:
    """Each computer has a key of its own for fingerprints; one that was lost is made anew by a test."""

    async def story() -> None:
        async with laptop(home) as app, computer(home, "new") as new:
            kit = await made(app, home)
            await new.kits.open(kit, KIT_PASSPHRASE)
            assert (await compared(new))[0].outcome is Outcome.SUCCESS
            newer = await made(app, home, "newer")
            await tried(new, newer)
            assert (await new.kits.state(SITE)).kit == (await app.kits.state(SITE)).kit
            assert (await compared(new))[0].outcome is Outcome.SUCCESS
            await new.remove_secret(SITE, KIT_FINGERPRINT_KEY)
            assert await code_of(new.kits.plan_comparison(SITE)) == "kit.fingerprints-lost"
            assert (await tried(new, newer))[1].stale == ()
            assert (await compared(new))[0].outcome is Outcome.SUCCESS

    run(story())


@pytest.mark.spec("H2")
def test_a_servers_pinned_key_comes_along_and_another_one_is_not_replaced(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app, computer(home, "new") as new:
            with ssh_server(home / "sshd") as server:
                more = HOST.format(port=server.port, key_file=server.key_file)
                await app.add_site(site_file(home, more=more), replace=True)
                await (await app.host(SITE, "server")).facts()
            kit = await made(app, home)  # the server is gone, and not needed
            pinned = (home / "laptop" / "known-hosts" / SITE).read_text()
            assert (await new.kits.open(kit, KIT_PASSPHRASE)).host_keys == 1
            here = home / "new" / "known-hosts" / SITE
            assert here.read_text() == pinned
            here.write_text(f"{pinned.split(' ')[0]} ssh-ed25519 AAAAanother\n")
            with pytest.raises(UserError, match="host-keys"):
                await new.kits.open(kit, KIT_PASSPHRASE)
            assert "AAAAanother" in here.read_text()
            assert (await tried(new, kit))[1].stale == ("host-keys",)
            await new.kits.open(kit, KIT_PASSPHRASE, replace=True)
            assert here.read_text() == pinned

    run(story())


def test_a_kit_goes_only_where_nothing_stands_and_there_is_room(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app:
            kit = await made(app, home)
            before = kit.read_bytes()
            assert error_of(await make(app, kit)) == "kit.target-exists"
            assert error_of(await make(app, home / "nowhere" / "kit")) == "kit.no-folder"
            for weak in ("", "short", "aaaaaaaaaaaaaaaa"):
                assert await code_of(make(app, home / "weak", weak)) == "usage.kit-passphrase"
            assert kit.read_bytes() == before
            (stick := home / "stick").mkdir()
            with disk_at(stick, "1m") as disk:
                disk.fill()
                assert error_of(await make(app, stick / "kit")) == "host.disk-full"
                disk.forbid_writing()
                assert error_of(await make(app, stick / "kit")) == "host.file-unwritable"
                disk.allow_writing()
                assert [path.name for path in stick.iterdir()] == ["filler"]
            assert await reminders(app) == [Reminder.STORE]

    run(story())
