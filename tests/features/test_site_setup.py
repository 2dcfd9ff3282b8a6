"""A technician sets a site up without writing it: presets, a look at the host, a colleague's profile, a runbook."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings.site_file import read
from tests.features.console import Console, Said
from tests.features.greenhouse import SECRETS, make_database, make_tree, site_file
from tests.real.servers.postgresql import SUPERUSER, SUPERUSER_PASSWORD, PostgresServer
from tests.real.servers.restic import VERSIONS, restic_program
from tests.real.servers.sshd import ssh_server

if sys.platform == "win32":
    pytest.skip("told with folders and accounts of POSIX", allow_module_level=True)

PASSWORD = 'canary Zq7 # "quoted"'
ENV = "\ufeffDB_CONNECTION=mysql\r\nDB_DATABASE=shop\r\nDB_USERNAME=shop\r\nDB_PASSWORD='{password}'\r\n"
NOBODY = 65534


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])))


def make_application(root: Path) -> Path:
    root.mkdir(parents=True)
    (root / "artisan").touch()
    (root / "composer.json").touch()
    (root / ".env").write_bytes(ENV.format(password=PASSWORD).encode())
    return root


def files_with(folder: Path, word: str) -> list[Path]:
    """The files below a folder that hold this word."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if word.encode() in path.read_bytes()]


@pytest.mark.spec("S5", "J8")
def test_a_site_is_written_out_of_presets_looked_at_and_added(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "north.toml"
    made = console.run(
        *("site", "new", "north-house", "--title", "Северная теплица", "--repository", str(tmp_path / "repository")),
        *("--preset", "laravel", "--preset", "python-service=logger", "--preset", "hydro-2=hydro"),
        *("--set", "db=mysql", "--set", "laravel.root=/srv/app", "--set", "logger.root=/opt/logger"),
        *("--server", "ops@10.0.0.5:2222", "--output", str(file)),
    ).json
    assert {"hydro-database", "hydro-boards"} <= set(made["off"])
    site = read(file.read_bytes()).site
    (server, *_) = site.hosts
    assert (server.address, server.user, server.port) == ("10.0.0.5", "ops", 2222)
    sources = {source.name: source for source in site.sources}
    assert (sources["laravel"].root, sources["logger"].root) == ("/srv/app", "/opt/logger")
    assert sources["laravel-database"].kind.value == "mysql"
    added = console.run("site", "add", str(file)).json
    assert added["missing"] == ["repository-password"]
    assert "source:laravel-database:password" in added["perhaps"]

    again = console.run("site", "new", "north-house", "--repository", "/x", "--preset", "mosquitto", expect=4)
    assert again.error["code"] == "site.exists"
    other = console.run("site", "new", "south", "--repository", "/x", "--output", str(file), expect=4)
    assert other.error["code"] == "file.exists"
    assert read(file.read_bytes()).site == site
    wrong = console.run("site", "new", "east", "--repository", "/x", "--preset", "larvel", expect=2)
    assert wrong.error["code"] == "usage.preset-unknown"


@pytest.mark.spec("S5")
def test_presets_are_listed_and_added_to_a_site_that_is_there(console: Console, tmp_path: Path) -> None:
    names = [row["name"] for row in console.run("site", "preset", "list").json]
    assert {"laravel", "mosquitto", "hydro-2"} <= set(names)
    new_site(console, tmp_path)
    added = console.run("site", "preset", "add", "north-house", "mosquitto=broker", "--set", "data=").json
    assert added["sources"] == ["broker"]
    nowhere = console.run("site", "preset", "add", "north-house", "mosquitto", "--host", "nowhere", expect=1)
    assert nowhere.error["code"] == "site.unknown-host"
    shown = console.run("site", "show", "north-house").json
    assert [source["name"] for source in shown["sources"]] == ["broker"]


def new_site(console: Console, tmp_path: Path, more: str = "") -> None:
    file = tmp_path / "site.toml"
    repository = f'repository = {{url = "{tmp_path}/repository"}}'
    file.write_text(f'format = 1\nname = "north-house"\n{repository}\n{more}', "utf-8")
    console.run("site", "add", str(file))


@pytest.mark.spec("S5", "S4")
def test_a_look_proposes_what_it_finds_and_the_password_goes_into_the_secret_store_alone(
    console: Console, tmp_path: Path
) -> None:
    root = make_application(tmp_path / "www" / "app")
    new_site(console, tmp_path)
    look = ("site", "look", "north-house", "--under", str(tmp_path / "www"))
    everything_said = [console.run(*look)]
    found = everything_said[0].json
    assert [proposal["label"] for proposal in found["proposals"]] == ["app"]
    assert found["proposals"][0]["passwords"] == ["source:app-database:password"]
    assert console.run("site", "show", "north-house").json["sources"] == []

    file = tmp_path / "grown.toml"
    everything_said.append(console.run(*look, "--output", str(file)))
    assert [source.name for source in read(file.read_bytes()).site.sources] == ["app-database", "app"]
    assert console.run("secret", "list", "north-house").json == []

    everything_said.append(console.run(*look, "--add"))
    assert everything_said[-1].json["added"] == ["app-database", "app"]
    (secret,) = console.run("secret", "list", "north-house").json
    assert secret["name"] == "source:app-database:password"
    everything_said.append(console.run(*look))
    assert everything_said[-1].json["proposals"] == []
    assert not [said for said in everything_said if "Zq7" in said.out + said.err]
    assert files_with(tmp_path, "Zq7") == [root / ".env"]
    wrong = console.run(*look, "--take", "nothing", "--add", expect=2)
    assert wrong.error["code"] == "usage.nothing-found-so"


@pytest.mark.spec("S5", "H1", "H2")
def test_a_server_is_looked_at_over_ssh_as_this_computer_is(console: Console, tmp_path: Path) -> None:
    make_application(tmp_path / "www" / "app")
    with ssh_server(tmp_path / "sshd") as server:
        host = f'[[hosts]]\nname = "server"\nkind = "ssh"\naddress = "127.0.0.1"\nport = {server.port}\n'
        new_site(console, tmp_path, f'{host}key_file = "{server.key_file}"\n')
        look = ("site", "look", "north-house", "--under", str(tmp_path / "www"))
        here, there = console.run(*look).json, console.run(*look, "--host", "server").json
    assert described(there) == [row | {"host": "server"} for row in described(here)]
    unknown = console.run(*look, "--host", "nowhere", expect=2)
    assert unknown.error["code"] == "usage.host-unknown"


def described(found: dict[str, list[dict[str, list[dict[str, str]]]]]) -> list[dict[str, str]]:
    return [source for proposal in found["proposals"] for source in proposal["sources"]]


@pytest.mark.spec("S5")
def test_what_an_account_may_not_read_is_named_and_the_rest_is_proposed(console: Console, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another account")
    make_application(tmp_path / "www" / "app").joinpath(".env").chmod(0o600)
    (tmp_path / "www" / "closed").mkdir(mode=0o700)
    new_site(console, tmp_path)
    for path in (console.data, *console.data.rglob("*"), console.folder / "passphrase"):
        os.chown(path, NOBODY, NOBODY)
    said = console.run_as(NOBODY, "site", "look", "north-house", "--under", str(tmp_path / "www"))
    assert said.code == 0, said.err
    assert said.json["closed"] == [str(tmp_path / "www" / "closed")]
    assert [source["name"] for source in described(said.json)] == ["app"]
    assert "could not be read, so the database" in "\n".join(said.json["notes"])


@pytest.mark.spec("S7", "S4")
def test_a_colleague_gets_the_site_without_secrets_and_is_told_what_is_missing(
    console: Console, tmp_path: Path
) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=20)
    with ssh_server(tmp_path / "sshd") as server:
        host = f'\n[[hosts]]\nname = "server"\nkind = "ssh"\naddress = "127.0.0.1"\nport = {server.port}\n'
        contact = '\n[[contacts]]\nname = "Ольга"\nphone = "+420 123"\n'
        file = site_file(console.folder, root, 1) + f'{host}key_file = "{server.key_file}"\n' + contact
        console.add_site(file, SECRETS | {"host:server:password": "canary-host-Kd8"})
        console.run("host", "test", "north-house", "server")
        profile = tmp_path / "profile.toml"
        console.run("site", "export", "north-house", "--output", str(profile))
        said = profile.read_text("utf-8")
        assert "canary" not in said
        assert not re.search(r"ssh-(ed25519|rsa)|SHA256:|ecdsa-", said)
        assert 'title = "Северная теплица"' in said
        colleague = Console(tmp_path / "colleague", console.restic)
        added = colleague.run("site", "add", str(profile)).json
        assert added["missing"] == ["repository-password"]
        assert set(added["perhaps"]) == {
            "source:database:password", "host:server:password", "host:server:key-passphrase",
        }  # fmt: skip
        assert exported(colleague) == said
        assert files_with(colleague.folder, "canary") == []
        assert not (colleague.data / "known-hosts" / "north-house").exists()
        colleague.run("secret", "set", "north-house", "repository-password", stdin=SECRETS["repository-password"])
        assert colleague.run("points", "north-house").rows == []


def exported(console: Console) -> str:
    done = subprocess.run(
        [word for word in console.command("site", "export", "north-house") if word != "--json"],
        capture_output=True, env=console.environment, check=True,
    )  # fmt: skip
    return done.stdout.decode()


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    make_database(postgres, rows=500)
    yield "hydro"
    for name in ("hydro", "hydro_before", "hydro_restored"):
        postgres.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.spec("S8")
def test_the_commands_of_the_runbook_typed_as_they_stand_bring_the_site_back(
    console: Console, database: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    root = tmp_path / "laravel"
    make_tree(root, files=40)
    readings = tmp_path / "readings.sqlite"
    sqlite(readings, "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)")
    more = f'\n[[sources]]\nname = "readings"\nkind = "sqlite"\ndatabase = "{readings}"\n'
    console.add_site(site_file(console.folder, root, postgres.port) + more, SECRETS)
    console.run("backup", "north-house")
    made = console.run("site", "runbook", "north-house", str(tmp_path / "runbook")).json
    assert made["files"] == [str(tmp_path / "runbook.md"), str(tmp_path / "runbook.html")]
    before = {path.name: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    rows = postgres.sql("SELECT count(*), max(value) FROM telemetry", database=database)
    (root / ".env").write_text("changed since\n")
    (root / "composer.lock").unlink()
    postgres.sql("DELETE FROM telemetry", database=database)
    sqlite(readings, "DELETE FROM t")

    typed(console, tmp_path / "runbook.md", postgres, tmp_path)
    after = {path.name: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    assert {name: content for name, content in before.items() if "logs" not in name}.keys() >= after.keys()
    assert after["composer.lock"] == before["composer.lock"]
    assert after[".env"] == before[".env"]
    assert postgres.sql("SELECT count(*), max(value) FROM telemetry", database=database) == rows
    assert sqlite(readings, "SELECT count(*) FROM t") == "2\n"


def sqlite(file: Path, statement: str) -> str:
    return subprocess.run(["sqlite3", str(file), statement], capture_output=True, check=True, text=True).stdout


def typed(console: Console, runbook: Path, postgres: PostgresServer, folder: Path) -> None:
    """Types every block of commands into one shell, as whoever owns the databases."""
    blocks = re.findall(r"```sh\n(.*?)\n```", runbook.read_text("utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("-U hydro", f"-U {SUPERUSER}")
    password = folder / "password"
    password.write_text(SECRETS["repository-password"])
    work = folder / "terminal"
    work.mkdir()
    environment = {
        **console.environment,
        "RESTIC_PASSWORD_FILE": str(password),
        "PGPASSWORD": SUPERUSER_PASSWORD,
        "PATH": os.pathsep.join([str(console.restic.parent), str(postgres.bin), console.environment["PATH"]]),
    }
    done = subprocess.run(
        ["sh", "-eux"], input=lines.encode(), cwd=work, env=environment, capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.spec("S8")
def test_the_runbook_is_dated_and_known_to_be_old_when_the_site_changes(console: Console, tmp_path: Path) -> None:
    new_site(console, tmp_path)
    assert console.run("site", "runbook", "north-house").json | {"files": []} == {
        "site": "north-house", "files": [], "made": None, "current": False,
    }  # fmt: skip
    page = tmp_path / "night.html"
    made = console.run("site", "runbook", "north-house", str(page)).json
    assert (made["files"], made["current"]) == ([str(page)], True)
    assert made["made"]
    console.run("site", "runbook", "north-house", str(page), expect=4)
    console.run("site", "preset", "add", "north-house", "mosquitto")
    state = console.run("site", "runbook", "north-house").json
    assert state["made"]
    assert not state["current"]
    entries = audited(console.run("audit", "list", "north-house"))
    assert entries.count("runbook-made") == 1


def audited(said: Said) -> list[str]:
    rows = [json.loads(line) for line in said.out.splitlines()]
    return [row["what"] for row in (rows[0] if isinstance(rows[0], list) else rows)]
