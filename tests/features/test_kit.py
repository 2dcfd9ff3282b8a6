"""The recovery kit as a technician meets it: made, put away, tested, and one day all that is left of a site."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings.check_characters import mistakes, without_marks
from tests.faults.shims import Recorders, write_program
from tests.faults.test_canaries import Search
from tests.faults.test_full_disks import disk_at
from tests.features.console import ROOT, Console
from tests.features.greenhouse import (
    DATABASE,
    PASSWORD,
    REPOSITORY_PASSWORD,
    SECRETS,
    USER,
    make_database,
    make_tree,
    site_file,
)
from tests.features.test_backup import described, restore_into, rows_of
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program
from tests.real.servers.secret_service import secret_service
from tests.real.servers.sshd import ssh_server

if sys.platform == "win32":
    pytest.skip("the page is for a POSIX shell", allow_module_level=True)

pytestmark = pytest.mark.spec("S6")

SITE = "north-house"
PASSPHRASE = "canary: четыре слова зимой"
WRONG = "canary: another passphrase"
HOST = """
[[hosts]]
name = "server"
kind = "ssh"
address = "127.0.0.1"
port = {port}
key_file = "{key_file}"
"""


@pytest.fixture
def search() -> Iterator[Search]:
    """Fails the test after which a secret stands where none may be."""
    search = Search((REPOSITORY_PASSWORD, PASSWORD, PASSPHRASE, WRONG))
    yield search
    assert search.seen == []


@pytest.fixture
def console(tmp_path: Path, search: Search) -> Iterator[Console]:
    """A laptop with the site set up, whose restic is recorded; everything it keeps is searched afterwards."""
    recorders = Recorders(tmp_path, {"restic": Path(restic_program(VERSIONS[-1]))})
    console = Console(tmp_path / "console", recorders.program("restic"))
    make_tree(tmp_path / "laravel", files=20)
    console.add_site(site_file(console.folder, tmp_path / "laravel", 1), SECRETS)
    yield console
    search.look_below(console.data)
    for started in recorders.execs():
        search.look("start of restic", started.bytes)


def make(console: Console, name: str = "kit") -> Path:
    """A kit of the site."""
    kit = console.folder / name
    assert console.run("kit", "make", SITE, str(kit), stdin=PASSPHRASE + "\n").json["status"] == "success"
    return kit


def another(tmp_path: Path, name: str, environment: dict[str, str] | None = None) -> Console:
    """An empty computer."""
    return Console(tmp_path / name, Path(restic_program(VERSIONS[-1])), environment or {})


def reminders(console: Console) -> list[str]:
    found: list[str] = console.run("kit", "status", SITE).json["reminders"]
    return found


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    make_database(postgres, rows=3000)
    yield DATABASE
    for name in (DATABASE, "as_it_was"):
        postgres.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    postgres.sql(f"ALTER ROLE {USER} NOCREATEDB")


@pytest.mark.spec("D1", "S4")
def test_an_empty_computer_gets_the_site_back_from_the_kit_alone(
    database: str, postgres: PostgresServer, tmp_path: Path, search: Search
) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=40)
    old = another(tmp_path, "old")
    old.add_site(site_file(old.folder, root, postgres.port), SECRETS)
    assert old.run("backup", SITE).json["status"] == "success"
    said = old.run("kit", "make", SITE, str(tmp_path / "kit"), stdin=PASSPHRASE)
    assert said.json["secrets"] == ["repository-password", "source:database:password"]
    assert (said.json["repository_opened"], said.json["not_inside"]) == (True, [])
    assert (tmp_path / "kit").stat().st_mode & 0o777 == 0o600
    search.look_below(old.data)
    shutil.rmtree(old.data)
    shutil.move(old.folder / "passphrase", tmp_path / "lost")

    with secret_service() as service:
        for new in (another(tmp_path, "vault"), another(tmp_path, "keyring", service.environment)):
            opened = new.run("kit", "open", str(tmp_path / "kit"), stdin=PASSPHRASE)
            assert opened.json["site"] == SITE
            assert {one["where"] for one in new.run("secret", "list", SITE).json} == {new.folder.name}
            (point,) = new.run("points", SITE).rows
            snapshots = {entry["source"]: entry["id"] for entry in point["snapshots"]}
            out = tmp_path / f"out-{new.folder.name}"
            new.run("save", SITE, snapshots["laravel"], str(root / "app"), str(out))
            assert described(out) == described(root / "app")
            assert new.run("kit", "test", str(tmp_path / "kit"), stdin=PASSPHRASE).json["stale"] == []
            search.look(f"what {new.folder.name} said", (opened.out + opened.err).encode())
            search.look_below(new.data)
            new.run("save", SITE, snapshots["database"], "/database.dump", str(new.folder / "dump"))
    postgres.create_database("as_it_was", USER)
    restore_into(postgres, tmp_path / "vault" / "dump", "as_it_was")
    assert rows_of(postgres, "as_it_was") == rows_of(postgres, database)


def plain_dump(server: PostgresServer, name: str) -> list[bytes]:
    """The database as SQL, without the random word that newer programs put into each dump."""
    done = subprocess.run(
        [server.bin / "pg_dump", "--no-owner", "-h", server.host, "-p", str(server.port), "-U", USER, name],
        env={"PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"]}, capture_output=True, check=True,
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if not line.startswith((b"\\restrict", b"\\unrestrict"))]


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_pages_plain_commands_give_the_same_bytes(
    database: str, postgres: PostgresServer, tmp_path: Path, search: Search, shell: str
) -> None:
    """What is on the page is parsed out of its text, checked as somebody who typed it would, and typed into a shell."""
    root = tmp_path / "my laravel"
    make_tree(root, files=40)
    console = another(tmp_path, "console")
    console.add_site(site_file(console.folder, root, postgres.port), SECRETS)
    console.run("backup", SITE)
    page = tmp_path / "page.txt"
    console.run("kit", "page", SITE, "--to", str(page), "--confirm", f"CLEAR PAGE {SITE}")
    printed = [line for line in page.read_text().splitlines() if without_marks([line])]
    assert mistakes(printed) == []
    assert console.run("kit", "typed", stdin="\n".join(printed)).json == {"lines": len(printed), "wrong": []}

    postgres.sql(f"ALTER ROLE {USER} CREATEDB")
    postgres.sql(f"ALTER DATABASE {DATABASE} RENAME TO as_it_was")
    laptop = tmp_path / "laptop"
    (laptop / "bin").mkdir(parents=True)
    (laptop / "bin" / "restic").symlink_to(restic_program(VERSIONS[-1]))
    path = os.pathsep.join(map(str, (laptop / "bin", postgres.bin, os.environ["PATH"])))
    done = subprocess.run(
        [shell, "-e"], input="\n".join(printed).encode(), cwd=laptop, capture_output=True, check=False,
        env={"PATH": path, "HOME": str(laptop), "PGPASSWORD": PASSWORD},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    back = laptop / f"back-{SITE}"
    expected = {name: what for name, what in described(root).items() if not name.startswith("storage/logs")}
    assert described(back / "tree-laravel") == expected
    assert plain_dump(postgres, DATABASE) == plain_dump(postgres, "as_it_was")
    assert json.loads((back / "manifest.json").read_text())["site"] == SITE
    search.look_below(console.data)


def script_of_the_readme() -> str:
    """The Python script that the README prints."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (script,) = [block for block in blocks if "overwinter-kit" in block]
    return script


def test_the_script_in_the_readme_opens_a_kit(console: Console) -> None:
    kit = make(console)
    command = [sys.executable, "-I", "-c", script_of_the_readme(), str(kit)]
    done = subprocess.run(command, input=PASSPHRASE.encode() + b"\n", capture_output=True, check=True)
    content = json.loads(done.stdout)
    assert content["secrets"] == SECRETS
    assert 'name = "north-house"' in content["site_file"]
    assert len(script_of_the_readme().splitlines()) <= 20
    wrong = subprocess.run(command, input=WRONG.encode() + b"\n", capture_output=True, check=False)
    assert wrong.returncode != 0


def test_what_is_to_do_about_a_kit_is_known(console: Console) -> None:
    assert reminders(console) == ["never-made"]
    assert console.run("kit", "compare", SITE, expect=4).error["code"] == "kit.none-known"
    assert console.run("kit", "stored", SITE, "--where", "safe", expect=4).error["code"] == "kit.none-known"
    kit = make(console)
    assert reminders(console) == ["not-stored"]
    assert console.run("kit", "stored", SITE, "--where", "safe in the office").json["reminders"] == []
    assert console.run("kit", "compare", SITE).json["repository"] == "pass"
    tested = console.run("kit", "test", str(kit), stdin=PASSPHRASE).json
    assert (tested["status"], tested["repository"], tested["stale"]) == ("success", "pass", [])
    state = console.run("kit", "status", SITE).json
    assert (state["kit"], state["stored_where"]) == (tested["kit"], "safe in the office")
    assert state["tested"] is not None
    assert state["compared"] is not None

    console.run("secret", "set", SITE, "source:database:password", stdin="another")
    file = console.folder / "site.toml"
    file.write_text(file.read_text("utf-8") + "[retention]\nkeep_daily = 9\n", "utf-8")
    console.run("site", "add", str(file), "--replace")
    assert reminders(console) == ["outdated"]
    stale = ["site-file", "source:database:password"]
    for said in (
        console.run("kit", "compare", SITE, expect=3).json,
        console.run("kit", "test", str(kit), stdin=PASSPHRASE, expect=3).json,
    ):
        assert (said["status"], said["repository"], said["stale"]) == ("partial", "pass", stale)
        assert said["error"]["code"] == "kit.stale"
        assert "source:database:password" in said["error"]["what"]
    assert reminders(console) == ["outdated", "last-test-failed"]
    kinds = [(run["type"], run["status"]) for run in console.run("runs", SITE).rows]
    assert kinds[:2] == [("kit-test", "partial"), ("kit-compare", "partial")]
    make(console, "newer")
    assert reminders(console) == ["not-stored"]


def test_a_kit_whose_password_the_repository_does_not_take_any_more_fails(console: Console) -> None:
    kit = make(console)
    changed = console.folder / "changed"
    changed.write_text("another password")
    subprocess.run(
        [console.restic, "-r", console.folder / "repository", "--no-cache", "key", "passwd",
         "--new-password-file", changed], input=REPOSITORY_PASSWORD.encode(), capture_output=True, check=True,
    )  # fmt: skip
    failed = console.run("kit", "test", str(kit), stdin=PASSPHRASE, expect=1).json
    assert (failed["repository"], failed["error"]["code"]) == ("fail", "restic.wrong-password")
    assert "last-test-failed" in reminders(console)
    worthless = console.folder / "worthless"
    refused = console.run("kit", "make", SITE, str(worthless), stdin=PASSPHRASE, expect=1).json
    assert refused["error"]["code"] == "restic.wrong-password"
    assert not worthless.exists()
    console.run("secret", "set", SITE, "repository-password", stdin="another password")
    stale = console.run("kit", "test", str(kit), stdin=PASSPHRASE, expect=1).json
    assert stale["stale"] == ["repository-password"]


def test_a_repository_out_of_reach_is_neither_right_nor_wrong(console: Console) -> None:
    kit = make(console)
    shutil.move(console.folder / "repository", console.folder / "unplugged")
    assert console.run("kit", "test", str(kit), stdin=PASSPHRASE, expect=1).json["repository"] in ("unchecked", "fail")
    assert console.run("kit", "status", SITE).json["tested"] is None
    offline = console.run("kit", "make", SITE, str(console.folder / "offline"), stdin=PASSPHRASE).json
    assert (offline["status"], offline["repository_opened"]) == ("success", False)
    shutil.move(console.folder / "unplugged", console.folder / "repository")
    found = console.run("kit", "test", str(console.folder / "offline"), stdin=PASSPHRASE).json
    assert found["repository"] == "pass"


def test_whatever_is_wrong_with_a_kit_is_said_and_changes_nothing(console: Console, tmp_path: Path) -> None:
    kit = make(console)
    new = another(tmp_path, "new")
    whole = kit.read_bytes()
    bad = tmp_path / "bad"

    def refused(content: bytes, passphrase: str, code: int) -> str:
        bad.write_bytes(content)
        return new.run("kit", "open", str(bad), stdin=passphrase, expect=code).error["code"]

    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    assert refused(whole, WRONG, 4) == "kit.wrong-passphrase"
    assert refused(bytes(flipped), PASSPHRASE, 1) == "kit.damaged"
    assert refused(whole[:-100], PASSPHRASE, 1) == "kit.damaged"
    assert refused(b"", PASSPHRASE, 1) == "kit.no-kit"
    missing = new.run("kit", "open", str(tmp_path / "nowhere"), stdin=PASSPHRASE, expect=1)
    assert missing.error["code"] == "host.file-missing"
    assert new.run("kit", "test", str(kit), stdin=PASSPHRASE, expect=1).error["code"] == "site.unknown"
    assert new.run("site", "list").json == []
    assert console.run("kit", "test", str(kit), stdin=WRONG, expect=4).json["error"]["code"] == "kit.wrong-passphrase"
    assert reminders(console) == ["not-stored"]


def test_what_is_here_is_never_replaced_unasked(console: Console, tmp_path: Path) -> None:
    kit = make(console)
    new = another(tmp_path, "new")
    new.run("kit", "open", str(kit), stdin=PASSPHRASE)
    again = new.run("kit", "open", str(kit), stdin=PASSPHRASE).json
    assert (again["secrets"], again["replaced"]) == ([], [])
    new.run("secret", "remove", SITE, "source:database:password")
    assert new.run("kit", "open", str(kit), stdin=PASSPHRASE).json["secrets"] == ["source:database:password"]

    new.run("secret", "set", SITE, "source:database:password", stdin="newer")
    file = tmp_path / "other.toml"
    file.write_text((console.folder / "site.toml").read_text("utf-8") + "[retention]\nkeep_daily = 9\n", "utf-8")
    new.run("site", "add", str(file), "--replace")
    refused = new.run("kit", "open", str(kit), stdin=PASSPHRASE, expect=4).error
    assert refused["code"] == "kit.site-differs"
    assert "site-file, source:database:password" in refused["what"]
    assert new.run("site", "show", SITE).json["retention"]["keep_daily"] == 9
    replaced = new.run("kit", "open", str(kit), "--replace", stdin=PASSPHRASE).json["replaced"]
    assert replaced == ["site-file", "source:database:password"]
    assert new.run("site", "show", SITE).json["retention"]["keep_daily"] == 7
    assert new.run("kit", "test", str(kit), stdin=PASSPHRASE).json["stale"] == []

    third = another(tmp_path, "third")
    file.write_text(file.read_text("utf-8").replace('"north-house"', '"south-house"'), "utf-8")
    third.run("site", "add", str(file))
    taken = third.run("kit", "open", str(kit), stdin=PASSPHRASE, expect=4).error
    assert taken["code"] == "site.repository-taken"
    assert [site["name"] for site in third.run("site", "list").json] == ["south-house"]


@pytest.mark.spec("H2")
def test_a_servers_pinned_key_comes_along_and_another_one_is_not_replaced(console: Console, tmp_path: Path) -> None:
    with ssh_server(tmp_path / "sshd") as server:
        file = console.folder / "site.toml"
        host = HOST.format(port=server.port, key_file=server.key_file)
        file.write_text(file.read_text("utf-8") + host, "utf-8")
        console.run("site", "add", str(file), "--replace")
        console.run("host", "test", SITE, "server")
    pinned = (console.data / "known-hosts" / SITE).read_text()
    kit = console.folder / "kit"
    made = console.run("kit", "make", SITE, str(kit), stdin=PASSPHRASE).json  # the server is gone, and not needed
    assert str(server.key_file) in made["not_inside"][0]
    new = another(tmp_path, "new")
    assert new.run("kit", "open", str(kit), stdin=PASSPHRASE).json["host_keys"] == 1
    here = new.data / "known-hosts" / SITE
    assert here.read_text() == pinned
    here.write_text(f"{pinned.split(' ')[0]} ssh-ed25519 AAAAanother\n")
    assert "host-keys" in new.run("kit", "open", str(kit), stdin=PASSPHRASE, expect=4).error["what"]
    assert "AAAAanother" in here.read_text()
    assert new.run("kit", "test", str(kit), stdin=PASSPHRASE, expect=3).json["stale"] == ["host-keys"]
    new.run("kit", "open", str(kit), "--replace", stdin=PASSPHRASE)
    assert here.read_text() == pinned


def test_a_kit_goes_only_where_nothing_stands_and_there_is_room(console: Console, tmp_path: Path) -> None:
    def refused(target: Path, passphrase: str, code: int) -> str:
        said = console.run("kit", "make", SITE, str(target), stdin=passphrase, expect=code)
        error = said.error if '{"error"' in said.err else said.json["error"]
        return str(error["code"])

    kit = make(console)
    before = kit.read_bytes()
    assert refused(kit, PASSPHRASE, 4) == "kit.target-exists"
    assert refused(tmp_path / "nowhere" / "kit", PASSPHRASE, 4) == "kit.no-folder"
    for weak in ("", "short", "aaaaaaaaaaaaaaaa"):
        assert refused(tmp_path / "weak", weak, 2) == "usage.kit-passphrase"
    assert kit.read_bytes() == before
    stick = tmp_path / "stick"
    stick.mkdir()
    with disk_at(stick, "1m") as disk:
        disk.fill()
        assert refused(stick / "kit", PASSPHRASE, 1) == "host.disk-full"
        disk.forbid_writing()
        assert refused(stick / "kit", PASSPHRASE, 1) == "host.file-unwritable"
        disk.allow_writing()
        assert [path.name for path in stick.iterdir()] == ["filler"]


def test_a_passphrase_is_made_on_wish_and_shown_once(console: Console, search: Search) -> None:
    kit = console.folder / "kit"
    made = console.run("kit", "make", SITE, str(kit), "--generate").json
    passphrase = made["passphrase"]
    assert console.run("kit", "test", str(kit), stdin=passphrase).json["status"] == "success"
    again = Search((passphrase,))
    again.look_below(console.data)
    assert again.seen == []
    assert "passphrase" not in console.run("kit", "make", SITE, str(kit) + "2", stdin=PASSPHRASE).json


def test_the_page_goes_to_the_printer_and_into_a_file_only_when_that_is_said(console: Console, tmp_path: Path) -> None:
    console.environment["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    assert console.run("kit", "page", SITE, expect=2).out == ""
    page = console.folder / "page.pdf"
    for confirm in ((), ("--confirm", "CLEAR PAGE south-house"), ("--confirm", "yes")):
        refused = console.run("kit", "page", SITE, "--to", str(page), *confirm, expect=4).error
        assert refused["code"] == "kit.page-not-confirmed"
    assert not page.exists()
    console.run("kit", "page", SITE, "--to", str(page), "--confirm", f"CLEAR PAGE {SITE}")
    assert page.read_bytes().startswith(b"%PDF")
    assert page.stat().st_mode & 0o777 == 0o600
    again = console.run("kit", "page", SITE, "--to", str(page), "--confirm", f"CLEAR PAGE {SITE}", expect=4)
    assert again.error["code"] == "kit.target-exists"

    printed = tmp_path / "printed"
    programs = tmp_path / "programs"
    programs.mkdir()
    console.environment["PATH"] = str(programs)
    assert console.run("kit", "page", SITE, "--print", expect=1).error["code"] == "printer.none"
    write_program(programs / "lp", f'#!/bin/sh\necho "$@" > {printed}.arguments\nexec /bin/cat > {printed}\n')
    assert console.run("kit", "page", SITE, "--print", "--printer", "office").json == {"printed": True}
    assert printed.read_bytes().startswith(b"%PDF")
    assert "-d office" in Path(f"{printed}.arguments").read_text()
    write_program(programs / "lp", "#!/bin/sh\necho 'lp: Error - no default destination' >&2\nexit 1\n")
    assert console.run("kit", "page", SITE, "--print", expect=1).error["code"] == "printer.refused"

    assert list((tmp_path / "tmp").iterdir()) == []
    told = [entry["what"] for entry in console.run("audit", "list", SITE).rows if "page" in entry["what"]]
    assert told == [
        "kit-page-saving", "kit-page-saved", "kit-page-printing", "kit-page-printed", "kit-page-printing",
    ]  # fmt: skip
    assert console.run("kit", "status", SITE).json["page"] is not None


def test_a_line_that_was_mistyped_is_named(console: Console, tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    console.run("kit", "page", SITE, "--to", str(page), "--confirm", f"CLEAR PAGE {SITE}")
    printed = [line for line in page.read_text().splitlines() if without_marks([line])]
    at = next(place for place, line in enumerate(printed) if "RESTIC_PASSWORD=" in line)
    printed[at] = printed[at].replace("Xw3", "Xv3")
    typed = tmp_path / "typed"
    typed.write_text("\n".join(printed))
    said = console.run("kit", "typed", str(typed), expect=1)
    assert said.json["wrong"] == [{"line": at + 1, "number": at + 1, "why": "mistyped"}]
    assert "Xv3" not in said.out + said.err
