"""The recovery kit as a technician meets it: made, put away, tested, and one day all that is left of a site."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.settings.check_characters import mistakes, without_marks
from tests.faults.shims import Recorders, write_program
from tests.faults.test_canaries import Search
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
from tests.features.test_backup import restore_into, rows_of
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program
from tests.real.servers.secret_service import secret_service
from tests.trees import described

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


@dataclass
class Greenhouse:
    """A laptop with a site that was backed up once; each test finds it so."""

    folder: Path
    server: PostgresServer

    @property
    def root(self) -> Path:
        return self.folder / "my laravel"

    def console(self, restic: Path) -> Console:
        return Console(self.folder / "console", restic)


@pytest.fixture(scope="module")
def prepared(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Greenhouse]:
    greenhouse = Greenhouse(tmp_path_factory.mktemp("greenhouse"), postgres)
    make_tree(greenhouse.root, files=40)
    make_database(postgres, rows=3000)
    console = greenhouse.console(Path(restic_program(VERSIONS[-1])))
    console.add_site(site_file(console.folder, greenhouse.root, postgres.port), SECRETS)
    assert console.run("backup", SITE).json["status"] == "success"
    console.folder.rename(greenhouse.folder / "pristine")
    yield greenhouse
    postgres.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture
def console(prepared: Greenhouse, tmp_path: Path, search: Search) -> Iterator[Console]:
    """The laptop, whose restic is recorded; everything it keeps is searched afterwards."""
    recorders = Recorders(tmp_path, {"restic": Path(restic_program(VERSIONS[-1]))})
    shutil.copytree(prepared.folder / "pristine", prepared.folder / "console")
    console = prepared.console(recorders.program("restic"))
    yield console
    search.look_below(console.data)
    for started in recorders.execs():
        search.look("start of restic", started.bytes)
    shutil.rmtree(console.folder)


def another(tmp_path: Path, name: str, environment: dict[str, str] | None = None) -> Console:
    """An empty computer."""
    return Console(tmp_path / name, Path(restic_program(VERSIONS[-1])), environment or {})


@pytest.fixture
def elsewhere(prepared: Greenhouse) -> Iterator[str]:
    """A name for another database; afterwards the site has its own one again."""
    name, server = "as_it_was", prepared.server
    yield name
    if server.sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{USER}' AND rolcreatedb"):  # it was moved away
        server.sql(f"ALTER ROLE {USER} NOCREATEDB")
        server.sql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        server.sql(f"ALTER DATABASE {name} RENAME TO {DATABASE}")
    server.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.spec("D1", "S4")
def test_an_empty_computer_gets_the_site_back_from_the_kit_alone(
    console: Console, prepared: Greenhouse, elsewhere: str, tmp_path: Path, search: Search
) -> None:
    root, server = prepared.root, prepared.server
    said = console.run("kit", "make", SITE, str(tmp_path / "kit"), stdin=PASSPHRASE)
    assert said.json["secrets"] == ["repository-password", "source:database:password"]
    assert (said.json["repository_opened"], said.json["not_inside"]) == (True, [])
    assert (tmp_path / "kit").stat().st_mode & 0o777 == 0o600
    search.look_below(console.data)
    shutil.rmtree(console.data)

    new = another(tmp_path, "new")
    opened = new.run("kit", "open", str(tmp_path / "kit"), stdin=PASSPHRASE)
    assert opened.json["site"] == SITE
    (point,) = new.run("points", SITE).rows
    snapshots = {entry["source"]: entry["id"] for entry in point["snapshots"]}
    new.run("save", SITE, snapshots["laravel"], str(root / "app"), str(tmp_path / "out"))
    assert described(tmp_path / "out") == described(root / "app")
    new.run("save", SITE, snapshots["database"], "/database.dump", str(tmp_path / "dump"))
    assert new.run("kit", "test", str(tmp_path / "kit"), stdin=PASSPHRASE).json["stale"] == []
    search.look("what it said", (opened.out + opened.err).encode())
    search.look_below(new.data)
    server.create_database(elsewhere, USER)
    restore_into(server, tmp_path / "dump", elsewhere)
    assert rows_of(server, elsewhere) == rows_of(server, DATABASE)


@pytest.mark.spec("S4")
def test_where_there_is_a_keyring_a_kit_fills_it(console: Console, tmp_path: Path, search: Search) -> None:
    console.run("kit", "make", SITE, str(tmp_path / "kit"), stdin=PASSPHRASE)
    with secret_service() as service:
        new = another(tmp_path, "new", service.environment)
        new.run("kit", "open", str(tmp_path / "kit"), stdin=PASSPHRASE)
        assert {one["where"] for one in new.run("secret", "list", SITE).json} == {"keyring"}
        assert len(new.run("points", SITE).rows) == 1
        assert not (new.data / "vault").exists()
        search.look_below(new.data)


def plain_dump(server: PostgresServer, name: str) -> list[bytes]:
    """The database as SQL, without the random word that newer programs put into each dump."""
    done = subprocess.run(
        [server.bin / "pg_dump", "--no-owner", "-h", server.host, "-p", str(server.port), "-U", USER, name],
        env={"PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"]}, capture_output=True, check=True,
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if not line.startswith((b"\\restrict", b"\\unrestrict"))]


@pytest.mark.parametrize("shell", ["bash", pytest.param("dash", marks=pytest.mark.long)])
def test_the_pages_plain_commands_give_the_same_bytes(
    console: Console, prepared: Greenhouse, elsewhere: str, tmp_path: Path, shell: str
) -> None:
    """What is on the page is parsed out of its text, checked as somebody who typed it would, and typed into a shell."""
    root, server = prepared.root, prepared.server
    page = tmp_path / "page.txt"
    console.run("kit", "page", SITE, "--to", str(page), "--confirm", f"CLEAR PAGE {SITE}")
    printed = [line for line in page.read_text().splitlines() if without_marks([line])]
    assert mistakes(printed) == []
    assert console.run("kit", "typed", stdin="\n".join(printed)).json == {"lines": len(printed), "wrong": []}
    place = next(place for place, line in enumerate(printed) if "RESTIC_PASSWORD=" in line)
    typed = [*printed[:place], printed[place].replace("Xw3", "Xv3"), *printed[place + 1 :]]
    (tmp_path / "typed").write_text("\n".join(typed))
    said = console.run("kit", "typed", str(tmp_path / "typed"), expect=1)
    assert said.json["wrong"] == [{"line": place + 1, "number": place + 1, "why": "mistyped"}]
    assert "Xv3" not in said.out + said.err

    server.sql(f"ALTER ROLE {USER} CREATEDB")
    server.sql(f"ALTER DATABASE {DATABASE} RENAME TO {elsewhere}")
    laptop = tmp_path / "laptop"
    (laptop / "bin").mkdir(parents=True)
    (laptop / "bin" / "restic").symlink_to(restic_program(VERSIONS[-1]))
    path = os.pathsep.join(map(str, (laptop / "bin", server.bin, os.environ["PATH"])))
    done = subprocess.run(
        [shell, "-e"], input="\n".join(printed).encode(), cwd=laptop, capture_output=True, check=False,
        env={"PATH": path, "HOME": str(laptop), "PGPASSWORD": PASSWORD},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    back = laptop / f"back-{SITE}"
    expected = {name: what for name, what in described(root).items() if not name.startswith("storage/logs")}
    assert described(back / "tree-laravel") == expected
    assert plain_dump(server, DATABASE) == plain_dump(server, elsewhere)
    assert json.loads((back / "manifest.json").read_text())["site"] == SITE


def script_of_the_readme() -> str:
    """The Python script that the README prints."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (script,) = [block for block in blocks if "overwinter-kit" in block]
    return script


def test_the_script_in_the_readme_opens_a_kit_whose_passphrase_was_made(console: Console, search: Search) -> None:
    kit = console.folder / "kit"
    passphrase = console.run("kit", "make", SITE, str(kit), "--generate").json["passphrase"]
    again = Search((passphrase,))
    again.look_below(console.data)
    assert again.seen == []
    command = [sys.executable, "-I", "-c", script_of_the_readme(), str(kit)]
    done = subprocess.run(command, input=passphrase.encode() + b"\n", capture_output=True, check=True)
    content = json.loads(done.stdout)
    assert content["secrets"] == SECRETS
    assert 'name = "north-house"' in content["site_file"]
    assert len(script_of_the_readme().splitlines()) <= 20
    wrong = subprocess.run(command, input=WRONG.encode() + b"\n", capture_output=True, check=False)
    assert wrong.returncode != 0


@pytest.mark.spec("J8")
def test_the_commands_say_with_their_exit_codes_how_it_is(console: Console) -> None:
    kit = console.folder / "kit"
    said = [console.run("kit", "make", SITE, str(kit), stdin=PASSPHRASE + "\n")]
    assert "passphrase" not in said[0].json
    said.append(console.run("kit", "test", str(kit), stdin=WRONG, expect=4))
    assert said[-1].json["error"]["code"] == "kit.wrong-passphrase"
    said.append(console.run("kit", "make", SITE, str(kit), stdin=PASSPHRASE, expect=4))
    said.append(console.run("kit", "make", SITE, str(kit) + "2", stdin="short", expect=2))
    assert console.run("kit", "stored", SITE, "--where", "safe in the office").json["reminders"] == []
    console.run("secret", "set", SITE, "source:database:password", stdin="another")
    said.append(console.run("kit", "compare", SITE, expect=3))
    assert said[-1].json["stale"] == ["source:database:password"]
    state = console.run("kit", "status", SITE).json
    assert (state["reminders"], state["changed"]) == (["outdated", "last-test-failed"], ["source:database:password"])
    told = console.command("kit", "status", SITE)
    told.remove("--json")
    shown = subprocess.run(told, capture_output=True, env=console.environment, check=True).stdout.decode()
    assert "The kit is outdated; since then this changed: source:database:password. Make a new one." in shown
    kinds = [(run["type"], run["status"]) for run in console.run("runs", SITE).rows]
    assert kinds[:-1] == [("kit-compare", "partial"), ("kit", "refused"), ("kit-test", "refused"), ("kit", "success")]
    assert all(PASSPHRASE not in each.out + each.err for each in said)


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
    printing = ["kit-page-printing", "kit-page-printing", "kit-page-printed", "kit-page-printing"]
    assert told == ["kit-page-saving", "kit-page-saved", *printing]
    assert console.run("kit", "status", SITE).json["page"] is not None
