"""The contract of secret stores: a real keyring and the vault behave the same; and what the door to them promises."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import Refused, UserError
from app.foundation.redact import Redactor
from app.settings.keyring_secrets import KeyringSecrets
from app.settings.model import Repository, Site
from app.settings.places import Places
from app.settings.secret_store import SecretStore, Where
from app.settings.secrets import AskPassphrase, PassphraseQuestion, Secrets
from app.settings.site_file import read
from app.settings.sites import Sites
from app.settings.vault import ArgonCost, VaultSecrets
from app.store.engine import open_database
from tests.real.servers.secret_service import SecretService, secret_service
from tests.running import run

PASSPHRASE = "four greenhouses"
FAST = ArgonCost(memory=32, passes=1, lanes=4)
CANARY = "canary-Žluťoučký-7f3a9c"
NAME = "repository-password"
REFUSES_TO_STORE = '<deny send_interface="org.freedesktop.Secret.Collection" send_member="CreateItem"/>'


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretService]:
    """A real, unlocked keyring of the test's own, which this process finds."""
    with secret_service() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session without any keyring."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")


@pytest.fixture
def here(tmp_path: Path) -> Places:
    """A data folder."""
    return Places(tmp_path / "data")


def vault_of(places: Places) -> VaultSecrets:
    return VaultSecrets(places.vault, places.locks / "vault.lock", FAST)


def open_vault(places: Places) -> VaultSecrets:
    """The vault as a process of its own has it, with its passphrase given."""
    vault = vault_of(places)
    vault.make(PASSPHRASE)
    return vault


OpenStore = Callable[[], SecretStore]


@pytest.fixture(params=["keyring", "keyring of short values", "vault"])
def open_store(request: pytest.FixtureRequest, here: Places) -> OpenStore:
    """Opens each kind of store in turn, on the same place each time, as another process would."""
    if request.param == "vault":
        return lambda: open_vault(here)
    request.getfixturevalue("service")
    longest = 5 if request.param == "keyring of short values" else None
    return lambda: KeyringSecrets(here, longest=longest)


def code_of(act: Callable[[], object]) -> str:
    """The code with which it is refused."""
    with pytest.raises(UserError) as caught:
        act()
    assert CANARY not in str(caught.value.problem)
    return caught.value.code


def files_below(*folders: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


# --- every store ------------------------------------------------------------------------------


VALUES = ["x", CANARY, "newline at the end\n", "\n", " ", "two\nlines\r\n", "quote'\"\\$", "😀" * 100, "я" * 100_000]


@pytest.mark.spec("S4")
def test_a_secret_comes_back_as_it_was_in_this_process_and_in_the_next(open_store: OpenStore) -> None:
    store, other = open_store(), open_store()
    for value in VALUES:
        store.set("north", NAME, value)
        assert store.get("north", NAME) == value
        assert other.get("north", NAME) == value


@pytest.mark.spec("S4")
def test_a_secret_that_looks_like_a_sealed_one_is_a_secret(open_store: OpenStore) -> None:
    value = f"overwinter-sealed 1 {'0' * 32} {'A' * 43}="
    open_store().set("north", NAME, value)
    assert open_store().get("north", NAME) == value


@pytest.mark.spec("S3", "S4")
def test_a_secret_is_replaced_and_removed(open_store: OpenStore) -> None:
    store = open_store()
    assert store.get("north", NAME) is None
    for value in ("short", "long enough to be sealed", "short", "another one that is long"):
        store.set("north", NAME, value)
        assert store.get("north", NAME) == value
    store.remove("north", NAME)
    assert store.get("north", NAME) is None
    store.remove("north", NAME)
    store.check()


@pytest.mark.spec("S1")
def test_no_site_reads_anothers_secrets(open_store: OpenStore) -> None:
    store = open_store()
    store.set("north", NAME, "of north")
    assert store.get("south", NAME) is None
    assert store.get("north", "s3-secret-key") is None
    store.set("south", NAME, "of south")
    store.remove("south", NAME)
    assert store.get("north", NAME) == "of north"


@pytest.mark.spec("S3")
@pytest.mark.parametrize(("value", "code"), [("", "secrets.empty"), ("\ud800", "secrets.not-text")])
def test_what_is_no_secret_is_refused_and_the_old_one_stays(open_store: OpenStore, value: str, code: str) -> None:
    store = open_store()
    store.set("north", NAME, CANARY)
    assert code_of(lambda: store.set("north", NAME, value)) == code
    assert store.get("north", NAME) == CANARY


@pytest.mark.spec("S4")
def test_no_secret_lies_anywhere_in_clear(
    open_store: OpenStore, here: Places, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = open_store()
    store.set("north", NAME, CANARY)
    store.set("north", "s3-secret-key", CANARY * 100)
    homes = [request.getfixturevalue("service").home] if "service" in request.fixturenames else []
    if isinstance(store, KeyringSecrets):
        homes = [request.getfixturevalue("service").home]
    files = files_below(tmp_path, *homes)
    assert files
    for spelling in (CANARY.encode(), CANARY.encode("utf-16-le"), b"canary", b"7f3a9c"):
        assert not [path for path, content in files.items() if spelling in content]


@pytest.mark.spec("S4")
def test_two_data_folders_of_one_person_do_not_mix_up_their_secrets(service: SecretService, tmp_path: Path) -> None:
    one, other = KeyringSecrets(Places(tmp_path / "one")), KeyringSecrets(Places(tmp_path / "other"))
    one.set("north", NAME, "of the first")
    other.set("north", NAME, "of the second")
    other.remove("north", NAME)
    assert one.get("north", NAME) == "of the first"


# --- the keyring ------------------------------------------------------------------------------


@pytest.mark.spec("S4")
def test_a_secret_outlives_the_keyrings_daemon(service: SecretService, here: Places) -> None:
    KeyringSecrets(here).set("north", NAME, CANARY)
    service.restart()
    assert KeyringSecrets(here).get("north", NAME) == CANARY


@pytest.mark.spec("S3", "S4")
def test_a_locked_keyring_is_an_error_and_changes_nothing(service: SecretService, here: Places) -> None:
    store = KeyringSecrets(here)
    store.set("north", NAME, CANARY)
    service.lock()
    acts: list[Callable[[], object]] = [
        lambda: store.get("north", NAME),
        lambda: store.set("north", NAME, "new"),
        lambda: store.remove("north", NAME),
        store.check,
    ]
    for act in acts:
        assert code_of(act) == "secrets.locked"
    service.restart("a wrong password")
    assert code_of(lambda: store.get("north", NAME)) == "secrets.locked"
    service.restart()
    assert store.get("north", NAME) == CANARY


@pytest.mark.spec("S4")
def test_a_keyring_that_was_never_set_up_is_locked_not_absent(service: SecretService, here: Places) -> None:
    for keyring in (service.home / "share" / "keyrings").iterdir():
        keyring.unlink()
    service.restart("")
    assert code_of(KeyringSecrets(here).check) == "secrets.locked"


@pytest.mark.spec("S4")
@pytest.mark.parametrize("how", ["no variable", "no socket", "no daemon"])
def test_where_there_is_no_keyring_it_is_called_absent(
    service: SecretService, here: Places, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    store = KeyringSecrets(here)
    store.set("north", NAME, CANARY)
    if how == "no variable":
        monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    elif how == "no socket":
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={here.data}/bus")
    else:
        service.stop()
    for act in (store.check, lambda: store.get("north", NAME), lambda: store.set("north", NAME, "new")):
        assert code_of(act) == "secrets.absent"


@pytest.mark.spec("S3", "S4")
def test_a_keyring_that_refuses_to_store_says_so_and_keeps_the_old_one(
    here: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secret_service(denied=REFUSES_TO_STORE) as service:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.environment["DBUS_SESSION_BUS_ADDRESS"])
        store = KeyringSecrets(here, longest=5)
        assert code_of(lambda: store.set("north", NAME, CANARY)) == "secrets.refused"
        assert store.get("north", NAME) is None
        assert files_below(here.sealed) == {}


@pytest.mark.spec("S3", "S4")
def test_a_keyring_that_does_not_keep_all_of_it_is_found_out_and_the_old_one_put_back(
    service: SecretService, here: Places
) -> None:
    from app.settings.secret_service import ClosingSecretService

    class Cutting(ClosingSecretService):
        """A real keyring that quietly cuts off what is too long for it."""

        def set_password(self, service: str, username: str, password: str) -> None:
            super().set_password(service, username, password[:10])  # type: ignore[no-untyped-call]

    store = KeyringSecrets(here, find=Cutting)
    assert code_of(lambda: store.set("north", NAME, CANARY)) == "secrets.refused"
    assert store.get("north", NAME) is None
    store.set("north", NAME, "old")
    assert code_of(lambda: store.set("north", NAME, CANARY)) == "secrets.refused"
    assert store.get("north", NAME) == "old"


@pytest.mark.spec("S4")
@pytest.mark.parametrize("backend", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring"])
def test_what_python_keyring_is_configured_to_use_is_never_used(
    service: SecretService, here: Places, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    KeyringSecrets(here).set("north", NAME, CANARY)
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    service.restart()
    assert KeyringSecrets(here).get("north", NAME) == CANARY


@pytest.mark.spec("S4")
def test_a_value_too_long_for_the_keyring_is_sealed_under_a_key_that_is_in_it(
    service: SecretService, here: Places
) -> None:
    store = KeyringSecrets(here, longest=1200)
    store.set("north", NAME, "k" * 1200)
    assert files_below(here.sealed) == {}
    store.set("north", NAME, "k" * 1201)
    ((first, sealed),) = files_below(here.sealed).items()
    assert b"kkk" not in sealed
    store.set("north", NAME, "😀" * 601)  # twice as long as Windows counts
    ((second, _),) = files_below(here.sealed).items()
    assert second != first
    assert store.get("north", NAME) == "😀" * 601
    second.write_bytes(b"x" + second.read_bytes()[1:])
    assert code_of(lambda: store.get("north", NAME)) == "sealed.damaged"
    second.unlink()
    assert code_of(lambda: store.get("north", NAME)) == "secrets.sealed-missing"
    store.set("north", "s3-secret-key", "l" * 2000)
    store.remove("north", "s3-secret-key")
    assert files_below(here.sealed) == {}


# --- the vault under kills and in several processes -------------------------------------------

WRITER = """
import sys
from pathlib import Path
from app.settings.vault import ArgonCost, VaultSecrets
data, site, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
vault = VaultSecrets(data / "vault", data / "locks" / "vault.lock", ArgonCost(memory=32, passes=1, lanes=4))
vault.make(sys.stdin.readline().rstrip())
for number in range(count):
    vault.set(site, f"source:{number}:password", f"{site} {number} " + "x" * 2000)
    print(number, flush=True)
"""


def start_writer(places: Places, site: str, count: int) -> subprocess.Popen[str]:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(places.data), site, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    writer.stdin.write(f"{PASSPHRASE}\n")
    writer.stdin.flush()
    return writer


def holds(vault: VaultSecrets, site: str, number: int) -> bool:
    return vault.get(site, f"source:{number}:password") == f"{site} {number} " + "x" * 2000


@pytest.mark.spec("S4")
def test_two_processes_that_store_at_once_lose_nothing(here: Places) -> None:
    writers = [(site, start_writer(here, site, 40)) for site in ("north", "south")]
    for _, writer in writers:
        assert writer.communicate(timeout=60)[0].split()[-1] == "39"
    vault = open_vault(here)
    assert all(holds(vault, site, number) for site, _ in writers for number in range(40))


@pytest.mark.spec("S4")
@pytest.mark.parametrize("seed", range(5))
def test_a_writer_killed_at_any_moment_loses_nothing_that_was_stored(here: Places, seed: int) -> None:
    moment = Random(seed).uniform(0, 0.2)
    writer = start_writer(here, "north", 100_000)
    assert writer.stdout is not None
    with writer, writer.stdout as output:
        stored = [int(output.readline())]
        until = time.monotonic() + moment
        while time.monotonic() < until:
            stored.append(int(output.readline()))
        writer.kill()
        stored += [int(line) for line in output.read().splitlines() if line]
    vault = open_vault(here)
    assert all(holds(vault, "north", number) for number in stored), f"seed {seed}"
    vault.set("north", NAME, CANARY)
    assert vault.get("north", NAME) == CANARY
    assert {path.name for path in here.data.iterdir()} == {"vault", "locks"}


# --- the door ---------------------------------------------------------------------------------


@dataclass
class Door:
    """The program's secrets in a data folder, with the sites north and south."""

    secrets: Secrets
    sites: Sites
    redactor: Redactor


class Person:
    """Answers the question for a passphrase, and remembers what was asked."""

    def __init__(self, passphrase: str | None = PASSPHRASE) -> None:
        self.asked: list[PassphraseQuestion] = []
        self._passphrase = passphrase

    async def __call__(self, question: PassphraseQuestion) -> str | None:
        self.asked.append(question)
        return self._passphrase


@asynccontextmanager
async def door(
    places: Places,
    ask: AskPassphrase | None = None,
    environ: dict[str, str] | None = None,
    deadline: float = 10.0,
) -> AsyncIterator[Door]:
    """The door as a process of its own has it."""
    places.ready()
    blocking, redactor = Blocking(), Redactor()
    try:
        database = await open_database(places.database, blocking)
        sites = Sites(database)
        for name in ("north", "south"):
            await sites.add(Site(name=name, repository=Repository(url=f"/mnt/{name}")), replace=True)
        secrets = Secrets(
            places,
            database,
            blocking,
            redactor,
            ask_passphrase=ask,
            environ=environ or {},
            deadline=deadline,
            vault=vault_of(places),
        )
        yield Door(secrets, sites, redactor)
        await database.close()
    finally:
        blocking.close()


async def refused(work: Awaitable[object]) -> str:
    """The code with which a coroutine is refused."""
    with pytest.raises(UserError) as caught:
        await work
    assert CANARY not in str(caught.value.problem)
    return caught.value.code


@pytest.mark.spec("S4")
def test_where_there_is_a_keyring_a_secret_goes_into_it_and_is_known_to_the_redactor(
    service: SecretService, here: Places
) -> None:
    async def work() -> None:
        async with door(here) as first:
            assert await first.secrets.check() is Where.KEYRING
            assert await first.secrets.set("north", NAME, CANARY) is Where.KEYRING
            assert first.redactor.text(f"got {CANARY}") == "got [secret]"
        async with door(here) as second:
            assert second.redactor.text(CANARY) == CANARY
            assert await second.secrets.get("north", NAME) == CANARY
            assert second.redactor.text(f"got {CANARY}") == "got [secret]"
            assert await second.secrets.get("south", NAME) is None
            (stored,) = await second.secrets.names("north")
            assert (stored.name, stored.where) == (NAME, Where.KEYRING)
            assert stored.stored_at.tzinfo is not None
            await second.secrets.remove("north", NAME)
            assert await second.secrets.names("north") == ()
            assert await second.secrets.get("north", NAME) is None
        assert not here.vault.exists()

    run(work())


@pytest.mark.spec("S4")
def test_where_there_is_no_keyring_the_first_secret_makes_the_vault(no_keyring: None, here: Places) -> None:
    async def work() -> None:
        person = Person()
        async with door(here, person) as first:
            assert await first.secrets.set("north", NAME, CANARY) is Where.VAULT
            assert await first.secrets.set("north", "s3-secret-key", CANARY) is Where.VAULT
            assert [question.is_new for question in person.asked] == [True]
            assert first.redactor.text(PASSPHRASE) == "[secret]"
        async with door(here, person) as second:
            assert await second.secrets.get("north", "board-archive-key") is None
            assert len(person.asked) == 1  # nothing of it is in the vault: nobody is asked
            assert await second.secrets.get("north", NAME) == CANARY
            assert [question.is_new for question in person.asked] == [True, False]
        if sys.platform != "win32":
            assert stat.S_IMODE(here.vault.stat().st_mode) == 0o600

    run(work())


@pytest.mark.spec("S4")
def test_the_vault_opens_without_a_person_by_a_passphrase_file(no_keyring: None, here: Places, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    file.chmod(0o600)
    environ = {"OVERWINTER_VAULT_PASSPHRASE_FILE": str(file)}

    async def work() -> None:
        async with door(here, environ=environ) as first:
            assert await first.secrets.set("north", NAME, CANARY) is Where.VAULT
        async with door(here, environ=environ) as second:
            assert await second.secrets.get("north", NAME) == CANARY
        file.write_text("another one")
        async with door(here, environ=environ) as third:
            assert await refused(third.secrets.get("north", NAME)) == "secrets.wrong-passphrase"
            assert await refused(third.secrets.set("north", NAME, "new")) == "secrets.wrong-passphrase"

    run(work())


@pytest.mark.spec("S4")
@pytest.mark.parametrize("person", [None, Person(None)], ids=["nobody", "somebody who does not want to"])
def test_without_a_passphrase_nothing_is_stored_anywhere(
    no_keyring: None, here: Places, person: AskPassphrase | None
) -> None:
    async def work() -> None:
        async with door(here, person) as opened:
            assert await refused(opened.secrets.set("north", NAME, CANARY)) == "secrets.vault-locked"
            assert await opened.secrets.names("north") == ()
        assert not here.vault.exists()
        assert not any(CANARY.encode() in content for content in files_below(here.data).values())

    run(work())


@pytest.mark.spec("S3", "S4")
def test_a_locked_keyring_is_no_reason_for_the_vault(service: SecretService, here: Places) -> None:
    async def work() -> None:
        person = Person()
        async with door(here, person) as opened:
            await opened.secrets.set("north", NAME, CANARY)
            service.lock()
            assert await refused(opened.secrets.get("north", NAME)) == "secrets.locked"
            assert await refused(opened.secrets.set("north", NAME, "new")) == "secrets.locked"
            assert await refused(opened.secrets.set("north", "s3-secret-key", "new")) == "secrets.locked"
            assert await refused(opened.secrets.check()) == "secrets.locked"
            assert len(await opened.secrets.names("north")) == 1  # the list asks no keyring
            service.restart()
            assert await opened.secrets.get("north", NAME) == CANARY
        assert person.asked == []
        assert not here.vault.exists()

    run(work())


@pytest.mark.spec("S4", "X1")
def test_a_keyring_that_does_not_answer_is_given_up_on_and_holds_nothing_up(
    service: SecretService, here: Places
) -> None:
    async def work() -> None:
        async with door(here, deadline=0.2) as opened:
            await opened.secrets.set("north", NAME, CANARY)
            with service.frozen():
                began = time.monotonic()
                assert await refused(opened.secrets.get("north", NAME)) == "secrets.slow"
                assert time.monotonic() - began < 10
                assert len(await opened.secrets.names("north")) == 1
        async with door(here) as later:
            assert await later.secrets.get("north", NAME) == CANARY

    run(work())


@pytest.mark.spec("S4")
def test_a_keyring_that_is_gone_is_not_replaced_behind_the_persons_back(
    service: SecretService, here: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        person = Person()
        async with door(here, person) as opened:
            await opened.secrets.set("north", NAME, CANARY)
            await opened.secrets.set("south", NAME, "of south")
            monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
            assert await refused(opened.secrets.get("north", NAME)) == "secrets.absent"
            assert await refused(opened.secrets.remove("north", NAME)) == "secrets.absent"
            assert person.asked == []
            assert await opened.secrets.set("north", NAME, "new") is Where.VAULT  # asked for a new vault's passphrase
            assert [question.is_new for question in person.asked] == [True]
            assert await opened.secrets.get("north", NAME) == "new"
            assert await opened.secrets.remove_all("south") == (NAME,)
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.environment["DBUS_SESSION_BUS_ADDRESS"])
            assert await opened.secrets.get("north", NAME) == "new"  # where it was stored last
            assert await opened.secrets.get("south", NAME) == "of south"
            assert await opened.secrets.remove_all("north") == ()
            assert KeyringSecrets(here).get("north", NAME) is None  # no forgotten copy stays

    run(work())


@pytest.mark.spec("S4")
def test_a_secret_that_somebody_else_removed_is_told_from_one_that_was_never_stored(
    service: SecretService, here: Places
) -> None:
    async def work() -> None:
        async with door(here) as opened:
            await opened.secrets.set("north", NAME, CANARY)
            KeyringSecrets(here).remove("north", NAME)
            assert await refused(opened.secrets.get("north", NAME)) == "secrets.gone"

    run(work())


def test_a_vault_that_is_lost_can_be_made_anew(no_keyring: None, here: Places) -> None:
    async def work() -> None:
        async with door(here, Person()) as first:
            await first.secrets.set("north", NAME, CANARY)
            await first.secrets.set("south", NAME, CANARY)
        here.vault.unlink()
        person = Person()
        async with door(here, person) as second:
            assert await refused(second.secrets.get("north", NAME)) == "secrets.vault-missing"
            assert person.asked == []  # there is nothing that a passphrase could open
            assert await second.secrets.set("north", NAME, "newer") is Where.VAULT
            here.vault.unlink()
            assert await second.secrets.set("north", NAME, "new") is Where.VAULT
            assert [question.is_new for question in person.asked] == [True, True]
            assert await second.secrets.get("north", NAME) == "new"
            assert await refused(second.secrets.get("south", NAME)) == "secrets.gone"
            assert await second.secrets.remove_all("south") == ()

    run(work())


@pytest.mark.spec("S1", "S4")
def test_only_a_known_site_has_secrets_and_only_of_known_names(service: SecretService, here: Places) -> None:
    async def work() -> None:
        async with door(here) as opened:
            assert await refused(opened.secrets.set("east", NAME, CANARY)) == "site.unknown"
            assert await refused(opened.secrets.set("north", "password", CANARY)) == "secrets.unknown-name"
            with pytest.raises(Refused):
                await opened.secrets.set("north", "../x", CANARY)
            assert await refused(opened.secrets.set("north", NAME, "")) == "secrets.empty"

    run(work())


WITH_PASSWORD = f'format = 1\nname = "east"\nrepository.url = "rest:https://ana:{CANARY}@host/"\n'


@pytest.mark.spec("S3", "S4")
def test_a_site_and_the_secrets_of_its_file_are_stored_both_or_neither(service: SecretService, here: Places) -> None:
    async def work() -> None:
        async with door(here) as opened:
            found = read(WITH_PASSWORD)
            service.lock()
            assert await refused(opened.sites.add_with_secrets(found, opened.secrets)) == "secrets.locked"
            assert await opened.sites.find("east") is None
            service.restart()
            await opened.sites.add_with_secrets(found, opened.secrets)
            assert await opened.secrets.get("east", "rest-password") == CANARY
            assert await opened.secrets.get("east", "rest-username") == "ana"
            assert CANARY not in repr(await opened.sites.get("east"))

    run(work())


@pytest.mark.spec("S3", "S4")
def test_a_site_whose_secret_the_keyring_refuses_is_as_it_was_before(
    here: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with door(here) as opened:
            with secret_service(denied=REFUSES_TO_STORE) as service:
                monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.environment["DBUS_SESSION_BUS_ADDRESS"])
                found = read(WITH_PASSWORD)
                assert await refused(opened.sites.add_with_secrets(found, opened.secrets)) == "secrets.refused"
                assert await opened.sites.find("east") is None
                await opened.sites.add(read(WITH_PASSWORD.replace("host", "other")).site)
                adding = opened.sites.add_with_secrets(found, opened.secrets, replace=True)
                assert await refused(adding) == "secrets.refused"
                assert (await opened.sites.get("east")).repository.url == "rest:https://other/"

    run(work())


@pytest.mark.spec("S4")
@pytest.mark.parametrize("kept_in", ["keyring", "vault"])
def test_no_secret_is_in_the_database_or_any_other_file_of_the_program(
    here: Places, kept_in: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("service" if kept_in == "keyring" else "no_keyring")

    async def work() -> None:
        async with door(here, Person()) as opened:
            await opened.sites.add_with_secrets(read(WITH_PASSWORD), opened.secrets)
            for name in ("north", "south"):
                assert (await opened.secrets.set(name, NAME, CANARY)).value == kept_in
            await opened.sites.add(await opened.sites.get("east"), replace=True)
            files = files_below(here.data)
        assert here.database in files
        for spelling in (CANARY, "canary", "7f3a9c", PASSPHRASE):
            assert not [path for path, content in files.items() if spelling.encode() in content]

    run(work())


@pytest.mark.spec("S4")
def test_the_environment_of_the_program_never_holds_a_secret(service: SecretService, here: Places) -> None:
    KeyringSecrets(here).set("north", NAME, CANARY)
    assert KeyringSecrets(here).get("north", NAME) == CANARY
    assert CANARY not in repr(dict(os.environ))


def test_the_keyring_library_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, app.settings.secrets, app.settings.sites; sys.exit('keyring' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
