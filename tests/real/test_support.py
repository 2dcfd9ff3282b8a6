"""The support bundle of a site with every kind of secret: none of them is in it, and half of it is never saved."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.assembly import Overwinter, assemble
from app.foundation.errors import Problem, UserError
from app.foundation.events import Outcome
from app.foundation.redact import Redactor, spellings
from app.foundation.words import text
from app.jobs.support.bundle import SAVED, Bundle
from app.records.owners import Owner
from app.records.run import Run, new_run_id
from app.records.site_records import SiteRecords
from app.settings.places import places
from app.settings.secrets import PassphraseQuestion
from tests.faults.test_full_disks import disk_at
from tests.real.servers.restic import VERSIONS, restic_program
from tests.running import run

pytestmark = pytest.mark.spec("J10")

SITE = "north-house"
PASSPHRASE = "canary of the vault, four words"
IN_ADDRESS = "canary-address@Rt5&"
FILE = """
format = 1
name = "north-house"
[repository]
url = "rest:http://eva:canary-address%40Rt5%26@127.0.0.1:1/north"
[[hosts]]
name = "server"
kind = "ssh"
address = "10.0.0.5"
key_file = "/root/key"
[[sources]]
name = "database"
kind = "postgresql"
host = "server"
database = "hydro"
[[commands]]
name = "tell"
when = "stop"
folder = "/srv"
run = ["curl", "-H", "Authorization: Bearer canary-typed-into-a-command"]
"""
TYPED = "canary-typed-into-a-command"
OF_ANOTHER_SITE = "canary-of-another-site"


def secrets_of(names: tuple[str, ...]) -> dict[str, str]:
    """One canary for each secret that a site may have."""
    return {name: f"canary'{number} of+{name}/é" for number, name in enumerate(names)}


@asynccontextmanager
async def laptop(home: Path, passphrase: str = PASSPHRASE) -> AsyncIterator[Overwinter]:
    """The program on its data folder."""

    async def asked(_question: PassphraseQuestion) -> str | None:
        return passphrase or None

    app = await assemble(places(home / "data"), asked)
    try:
        yield app
    finally:
        await app.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the program, without a keyring."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    monkeypatch.setenv("OVERWINTER_RESTIC", restic_program(VERSIONS[-1]))
    return tmp_path


async def set_up(app: Overwinter) -> dict[str, str]:
    """The site, with all secrets it may have; gives them."""
    found = (await app.add_site(FILE.encode())).site
    canaries = secrets_of(tuple(name for name in found.secret_names() if not name.startswith("rest-")))
    for name, value in canaries.items():
        await app.set_secret(SITE, name, value)
    return {**canaries, "rest-password": IN_ADDRESS, "typed": TYPED, "vault": PASSPHRASE}


async def leave_a_failed_run(app: Overwinter, said: str) -> str:
    """A run whose record and log hold what they never should: written past everything that cleans."""
    records = SiteRecords(app._database, SITE, Redactor())
    now = datetime.now(UTC)
    made = Run(id=new_run_id(), site=SITE, kind="backup", trigger="manual", who="eva", choice=said, key="k",
               owner=Owner("laptop#1", "", 1, 0.0), started=now, tags=(said,))  # fmt: skip
    await records.begin(made)
    error = Problem(text("It said {said}", said=said), text("Bad."), text("Look."), "test.said", said)
    await records.close(made.id, Outcome.FAILED, error=error)
    await records.add_audit("eva", "noted", {"said": said})
    folder = app.places.run_folder(made.id)
    folder.mkdir(parents=True)
    deep = "/".join(["very-long-name-of-a-folder" * 8] * 20)
    (folder / "log.txt").write_text(f"open /srv/{deep}/{said}: no\n{said}\n", "utf-8")
    return made.id


def forms(canaries: dict[str, str]) -> set[bytes]:
    """Every spelling of all of them."""
    return {form for value in canaries.values() for form in spellings(value)}


def assert_clean(content: bytes, canaries: dict[str, str]) -> None:
    """No canary, however it is spelled."""
    seen = [form for form in forms(canaries) if form in content]
    assert seen == []


@pytest.mark.spec("S4")
def test_no_secret_of_any_kind_is_in_a_bundle_nor_in_its_names(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app:
            canaries = await set_up(app)
            known = {name: value for name, value in canaries.items() if name != "typed"}
            said = " ".join(form.decode("utf-8", "replace") for form in sorted(forms(known)))
            run_id = await leave_a_failed_run(app, " ".join([*known.values(), said]))
            bundle = await app.support.bundle(SITE)
            assert bundle.unread is None
            names = [file.name for file in bundle.files]
            assert names[:6] == [
                "overwinter.txt",
                "computer.txt",
                "site.toml",
                "secrets.txt",
                "runs.jsonl",
                "audit.jsonl",
            ]
            assert names[6:] == [f"logs/{run_id}.txt"]
            for file in bundle.files:
                assert_clean(file.text.encode(), canaries)
            target = home / "bundle.zip"
            await app.support.save(bundle, names, target)
            assert_clean(target.read_bytes(), canaries)
            with zipfile.ZipFile(target) as saved:
                for name in saved.namelist():
                    assert_clean(name.encode() + b"\n" + saved.read(name), canaries)

    run(story())


def test_it_tells_what_a_colleague_asks_first(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app:
            await set_up(app)
            await leave_a_failed_run(app, "no route to host")
            told = {file.name: file.text for file in (await app.support.bundle(SITE)).files}
            assert told["overwinter.txt"].startswith("Overwinter ")
            assert "restic 0." in told["overwinter.txt"]
            assert str(home / "data") in told["computer.txt"]
            assert 'name = "north-house"' in told["site.toml"]
            assert "repository-password  stored" in told["secrets.txt"]
            (failed,) = map(json.loads, told["runs.jsonl"].splitlines())
            assert (failed["outcome"], failed["error"]["code"]) == ("failed", "test.said")
            assert "secret-stored" in told["audit.jsonl"]
            alone = await app.support.bundle("")
            assert [file.name for file in alone.files] == ["overwinter.txt", "computer.txt"]

    run(story())


def test_a_bundle_is_made_also_while_the_secrets_cannot_be_read_and_says_so(home: Path) -> None:
    async def first() -> None:
        async with laptop(home) as app:
            await set_up(app)

    async def story() -> None:
        async with laptop(home, passphrase="") as app:
            bundle = await app.support.bundle(SITE)
            assert bundle.unread is not None
            assert bundle.unread.code == "secrets.vault-locked"
            assert "site.toml" in [file.name for file in bundle.files]

    run(first())
    run(story())


def test_what_is_left_out_is_not_saved_and_what_stands_there_stays(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app:
            await set_up(app)
            bundle = await app.support.bundle(SITE)
            target = home / "bundle.zip"
            await app.support.save(bundle, ["overwinter.txt"], target)
            with zipfile.ZipFile(target) as saved:
                assert saved.namelist() == [f"{bundle.name}/overwinter.txt"]
            before = target.read_bytes()
            assert await refused(app, bundle, target) == "host.file-exists"
            assert target.read_bytes() == before
            (entry,) = await app.records(SITE).audit([SAVED])
            assert entry.fields["file"] == str(target)

    run(story())


def left_over(folder: Path) -> list[Path]:
    """What was written aside and not taken away."""
    return list(folder.glob(".overwinter*"))


async def refused(app: Overwinter, bundle: Bundle, target: Path) -> str:
    """The code of what keeps it from being saved."""
    with pytest.raises(UserError) as caught:
        await app.support.save(bundle, [file.name for file in bundle.files], target)
    assert "" not in map(str, (caught.value.problem.what, caught.value.problem.means, caught.value.problem.next))
    return caught.value.problem.code


@pytest.mark.skipif(sys.platform != "linux", reason="a file system is mounted")
def test_a_full_disk_and_one_that_cannot_be_written_are_explained_and_left_as_they_were(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app:
            await set_up(app)
            bundle = await app.support.bundle(SITE)
            stick = home / "stick"
            stick.mkdir()
            with disk_at(stick, "1m") as disk:
                disk.fill()
                assert await refused(app, bundle, stick / "bundle.zip") == "host.disk-full"
                disk.empty()
                assert list(stick.iterdir()) == []
                disk.forbid_writing()
                assert await refused(app, bundle, stick / "bundle.zip") == "host.file-unwritable"
                disk.allow_writing()
                assert list(stick.iterdir()) == []
            assert await refused(app, bundle, home / ("n" * 300)) == "host.file-unwritable"
            assert await refused(app, bundle, home / "nowhere" / "bundle.zip") == "host.file-missing"
            assert left_over(home) == []

    run(story())


def test_a_broken_part_is_told_in_its_place(home: Path) -> None:
    async def story() -> None:
        async with laptop(home) as app:
            await set_up(app)
            run_id = await leave_a_failed_run(app, "odd")
            (app.places.run_folder(run_id) / "log.txt").unlink()
            told = {file.name: file.text for file in (await app.support.bundle(SITE)).files}
            assert told[f"logs/{run_id}.txt"].startswith("host.file-missing")
            gone = {file.name: file.text for file in (await app.support.bundle("no-such-site")).files}
            assert gone["site.toml"].startswith("site.unknown")

    run(story())
