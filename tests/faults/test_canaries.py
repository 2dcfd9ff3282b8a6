"""Secrets that are easy to recognise, searched for in all places where no secret may ever be, in every spelling."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from ahocorasick_rs import BytesAhoCorasick

from app.foundation.redact import spellings
from tests.faults.family import Family
from tests.faults.prepared import SITE, Prepared, items_of
from tests.faults.shims import Recorders, write_program
from tests.features.console import PASSPHRASE, Said
from tests.features.greenhouse import PASSWORD, REPOSITORY_PASSWORD
from tests.real.servers.restic import VERSIONS, restic_program

if sys.platform == "win32":
    pytest.skip("stand-ins are scripts of the shell", allow_module_level=True)

pytestmark = pytest.mark.spec("S3", "S4")

WRONG = "canary-wrong/pass+word Hj8"
IN_THE_ADDRESS = "canary-address@Rt5&"
CANARIES = (REPOSITORY_PASSWORD, PASSWORD, PASSPHRASE, WRONG, IN_THE_ADDRESS)

ELSEWHERE = """
format = 1
name = "south-house"
app = "hydro"
[repository]
url = "rest:http://eva:canary-address%40Rt5%26@127.0.0.1:1/south"
[[sources]]
name = "laravel"
kind = "files"
root = "{root}"
"""


class Search:
    """Looks for the canaries, and remembers where one was seen."""

    def __init__(self, canaries: Iterable[str]) -> None:
        self._forms = BytesAhoCorasick(sorted({form for canary in canaries for form in spellings(canary)}))
        self.seen: list[str] = []

    def look(self, where: str, content: bytes) -> None:
        """Notes a canary in what was found there."""
        for _, start, end in self._forms.find_matches_as_indexes(content)[:1]:
            self.seen.append(f"{where}: …{content[max(0, start - 60) : end + 20]!r}…")

    def look_below(self, folder: Path) -> None:
        """Looks into all files there, and at their names; what goes away meanwhile is no longer there to be read."""
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                path = Path(parent, name)
                self.look(f"name {path}", os.fsencode(path))
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file() and not _is_password_file(path):
                        self.look(str(path), path.read_bytes())

    def look_at(self, process: psutil.Process) -> None:
        """Looks at what everybody on the computer may see of a process."""
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):  # it has ended
                self.look(f"{name} of {process.pid}", Path(f"/proc/{process.pid}/{name}").read_bytes())


def _is_password_file(path: Path) -> bool:
    """The one file that a password may stand in, for as long as the dump that reads it, closed to everybody else."""
    if not path.name.startswith("pgpass-"):
        return False
    return all(stat.S_IMODE(place.stat().st_mode) & 0o077 == 0 for place in (path, path.parent))


@pytest.fixture
def search() -> Iterator[Search]:
    """Fails the test that saw a canary; one that cannot see one would not be worth much."""
    search = Search(CANARIES)
    for canary in CANARIES:
        search.look("planted", b"..." + canary.encode() + b"...")
    assert len(search.seen) == len(CANARIES)
    search.seen.clear()
    yield search
    assert search.seen == []


class Watched:
    """The greenhouse's console, whose programs are recorded and all of whose words are searched."""

    def __init__(self, greenhouse: Prepared, home: Path, search: Search) -> None:
        self.search = search
        real = {"restic": Path(restic_program(VERSIONS[-1])), "pg_dump": greenhouse.server.bin / "pg_dump"}
        self.recorders = Recorders(home, real)
        path = f"{self.recorders.folder}{os.pathsep}{os.environ['PATH']}"
        self.console = greenhouse.fresh({"PATH": path}, self.recorders.program("restic"))
        self.temporary = Path(self.console.environment["TMPDIR"])

    def run(self, *arguments: str, stdin: str = "", expect: int | None = 0) -> Said:
        """One command, as JSON."""
        return self._searched(arguments, self.console.run(*arguments, stdin=stdin, expect=expect))

    def run_as_text(self, *arguments: str) -> Said:
        """One command, for a person's eyes."""
        command = [part for part in self.console.command(*arguments) if part != "--json"]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=self.console.environment, check=False
        )
        return self._searched(arguments, Said(done.returncode, done.stdout.decode(), done.stderr.decode()))

    def run_watched(self, *arguments: str) -> Said:
        """One command, during which its processes and files are searched over and over."""
        family = Family(self.console.start(*arguments))
        while family.command.poll() is None:
            for process in family.members():
                self.search.look_at(process)
            self.search_files()
        return self._searched(arguments, family.ended())

    def _searched(self, arguments: Sequence[str], said: Said) -> Said:
        self.search.look(f"what {' '.join(arguments)} said", said.out.encode() + said.err.encode())
        return said

    def search_files(self) -> None:
        """Everything that the program keeps, and the folder for temporary files."""
        self.search.look_below(self.console.data)
        self.search.look_below(self.temporary)

    def search_afterwards(self) -> None:
        """What is left when all has ended."""
        self.search_files()
        for started in self.recorders.execs():
            self.search.look(f"start of {started.program}", started.bytes)
        assert list(self.temporary.iterdir()) == []
        assert list((self.console.data / "scratch").iterdir()) == []


@pytest.fixture
def watched(greenhouse: Prepared, tmp_path: Path, search: Search) -> Iterator[Watched]:
    """The greenhouse, whose secrets are canaries; afterwards everything is searched."""
    watched = Watched(greenhouse, tmp_path, search)
    yield watched
    watched.search_afterwards()


def test_no_secret_is_anywhere_while_a_backup_runs_and_afterwards(watched: Watched, tmp_path: Path) -> None:
    watched.run("secret", "set", SITE, "repository-password", stdin=REPOSITORY_PASSWORD + "\n")
    assert watched.run_watched("backup", SITE).json["status"] == "success"
    started = watched.recorders.execs()
    assert sum(one.program == "pg_dump" and "--format=custom" in one.arguments for one in started) == 1
    assert sum(one.program == "restic" and "backup" in one.arguments for one in started) == 3
    point = watched.run("points", SITE).rows[0]
    watched.run("run", "show", SITE, point["id"])
    watched.run_as_text("run", "log", SITE, point["id"])
    watched.run("secret", "list", SITE)
    watched.run("save", SITE, point["manifest"], "/manifest.json", str(tmp_path / "manifest.json"))
    watched.search.look("manifest", (tmp_path / "manifest.json").read_bytes())


def test_no_secret_is_in_what_failing_commands_say_and_leave(watched: Watched) -> None:
    watched.run("secret", "set", SITE, "source:database:password", stdin=WRONG)
    failed = items_of(watched.run_watched("backup", SITE))
    assert failed["database"]["error"]["code"] == "postgres.password-wrong"
    watched.run("secret", "set", SITE, "repository-password", stdin=WRONG)
    assert watched.run_as_text("backup", SITE).code == 1
    assert watched.run("points", SITE, expect=1).error["code"] == "restic.wrong-password"
    (watched.console.folder / "passphrase").write_text(WRONG)
    assert watched.run("points", SITE, expect=1).error["code"] == "secrets.wrong-passphrase"


def test_credentials_in_an_address_go_to_the_secret_store_and_are_nowhere_else(
    watched: Watched, tmp_path: Path
) -> None:
    file = tmp_path / "south.toml"
    file.write_text(ELSEWHERE.format(root=tmp_path))
    assert watched.run("site", "add", str(file)).json["secrets"] == ["rest-username", "rest-password"]
    watched.run("secret", "set", "south-house", "repository-password", stdin=REPOSITORY_PASSWORD)
    assert watched.run_watched("backup", "south-house").code == 1
    assert watched.run_as_text("points", "south-house").code == 1
    watched.run("site", "export", "south-house")
    for broken in ('url "', 'urll = "'):  # errors that speak of that line
        file.write_text(ELSEWHERE.format(root=tmp_path).replace('url = "', broken))
        watched.run("site", "add", str(file), "--replace", expect=2)


TALKATIVE = """#!{python}
import base64, json, os, subprocess, sys, urllib.parse
real = {real!r}
if "version" in sys.argv:
    os.execv(real, [real, *sys.argv[1:]])
password = sys.stdin.readline().rstrip("\\n")
spelled = (
    password, json.dumps(password), urllib.parse.quote(password), urllib.parse.quote_plus(password),
    base64.b64encode(password.encode()).decode(), base64.b64encode(b"x" + password.encode()).decode(),
    password.replace("'", "'\\"'\\"'"),
)
for said in spelled:
    print("the password is " + said, file=sys.stderr)
    error = {{"message_type": "error", "item": "/srv/" + said, "error": {{"message": said}}}}
    print(json.dumps(error), file=sys.stderr)
    print(json.dumps({{"message_type": "status", "current_files": ["/srv/" + said], "bytes_done": 1}}), flush=True)
sys.stderr.write("x" * 70000 + password + "\\n")
fatal = json.dumps({{"message_type": "exit_error", "code": 1, "message": "Fatal: " + password + " does not fit"}})
print(fatal, file=sys.stderr)
sys.exit({code})
"""


@pytest.mark.parametrize("code", [1, 3])
def test_a_restic_that_says_its_password_aloud_is_not_quoted(watched: Watched, tmp_path: Path, code: int) -> None:
    script = TALKATIVE.format(python=sys.executable, real=restic_program(VERSIONS[-1]), code=code)
    watched.console.environment["OVERWINTER_RESTIC"] = str(write_program(tmp_path / "talkative", script))
    run = watched.run_watched("backup", SITE).json["run"]
    watched.run("run", "show", SITE, run)
    watched.run_as_text("points", SITE)
    assert b"the password is [secret]" in (watched.console.data / "runs" / run / "log.txt").read_bytes()
