"""Secrets that cannot be read: found before anything is started, told as what it is, and nothing is changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.faults.prepared import SITE, Prepared, assert_explained, newest_run
from tests.faults.shims import Recorders
from tests.features.console import Console
from tests.features.greenhouse import REPOSITORY_PASSWORD, make_tree
from tests.real.servers.restic import VERSIONS, restic_program
from tests.real.servers.secret_service import SecretService, secret_service

if sys.platform == "win32":
    pytest.skip("stand-ins are scripts of the shell", allow_module_level=True)

FILES_ONLY = """
format = 1
name = "north-house"
app = "hydro"
[repository]
url = "{repository}"
[[sources]]
name = "laravel"
kind = "files"
root = "{root}"
"""


@pytest.fixture
def recorders(tmp_path: Path) -> Recorders:
    """A restic that writes down each of its starts."""
    return Recorders(tmp_path, {"restic": Path(restic_program(VERSIONS[-1]))})


@contextmanager
def locked(service: SecretService) -> Iterator[None]:
    """The person has left the computer."""
    service.lock()
    try:
        yield
    finally:
        service.restart()


@contextmanager
def gone(service: SecretService) -> Iterator[None]:
    """The person has logged out."""
    service.stop()
    try:
        yield
    finally:
        service.start()


KEYRING_STATES: tuple[tuple[Callable[[SecretService], AbstractContextManager[None]], str], ...] = (
    (locked, "secrets.locked"),
    (gone, "secrets.absent"),
    (SecretService.frozen, "secrets.slow"),
)


@pytest.mark.spec("S4", "X3")
def test_a_keyring_that_does_not_answer_is_found_before_anything_is_started(
    recorders: Recorders, tmp_path: Path
) -> None:
    with secret_service() as service:
        console = Console(tmp_path / "console", recorders.program("restic"), service.environment)
        root = tmp_path / "laravel"
        make_tree(root, files=5)
        site = FILES_ONLY.format(repository=console.folder / "repository", root=root)
        console.add_site(site, {"repository-password": REPOSITORY_PASSWORD})
        assert not (console.data / "vault").exists()
        recorders.forget()
        for state, code in KEYRING_STATES:
            with state(service):
                assert_nothing_is_started(console, recorders, code, exit_code=1)
        assert console.run("backup", SITE).json["status"] == "success"


def give_another_passphrase(console: Console) -> None:
    (console.folder / "passphrase").write_text("wrong horse battery staple")


def show_the_passphrase_to_all(console: Console) -> None:
    (console.folder / "passphrase").chmod(0o644)


def give_no_passphrase(console: Console) -> None:
    del console.environment["OVERWINTER_VAULT_PASSPHRASE_FILE"]


@pytest.mark.spec("S4", "X3")
@pytest.mark.parametrize(
    ("happens", "code", "exit_code"),
    [
        (give_another_passphrase, "secrets.wrong-passphrase", 1),
        (show_the_passphrase_to_all, "secrets.passphrase-file-open", 4),
        (give_no_passphrase, "secrets.vault-locked", 1),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_vault_that_does_not_open_is_found_before_anything_is_started(
    greenhouse: Prepared, recorders: Recorders, happens: Callable[[Console], None], code: str, exit_code: int
) -> None:
    console = greenhouse.fresh(restic=recorders.program("restic"))
    happens(console)
    assert_nothing_is_started(console, recorders, code, exit_code)
    assert greenhouse.leftovers() == []


def assert_nothing_is_started(console: Console, recorders: Recorders, code: str, exit_code: int) -> None:
    """A backup ends with this error, in words and on record, before any program was started."""
    snapshots = console.folder / "repository" / "snapshots"
    before = sorted(snapshots.iterdir())
    said = console.run("backup", SITE, expect=exit_code)
    error = said.json["error"]
    assert_explained(error)
    assert error["code"] == code
    assert said.json["items"] == []
    assert said.json["status"] == ("refused" if exit_code == 4 else "failed")
    assert recorders.execs() == []
    assert sorted(snapshots.iterdir()) == before
    run = newest_run(console)
    assert (run["id"], run["status"], run["error"]) == (said.json["run"], said.json["status"], error)
