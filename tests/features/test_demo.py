"""The practice greenhouse, as somebody tries Overwinter for the first time: it proves itself and leaves nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.features.console import ROOT
from tests.real.servers.postgresql import find_programs
from tests.real.servers.restic import restic_program

if sys.platform == "win32":
    pytest.skip("told with sh programs and the signals of POSIX", allow_module_level=True)

ENDS_WITHIN = 150

PRACTICE = "overwinter-practice-"
NOTHING: Mapping[str, str] = {}

# The real restic; only the key of a new repository is made cheap to derive, for each start would cost half a second.
RESTIC = """\
#!/bin/sh
case " $* " in *" init "*) exec {python} {quicken} {restic} "$@" ;; esac
exec {restic} "$@"
"""
QUICKEN = """\
import subprocess, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.real.servers.restic import SealedRepository
password = sys.stdin.readline()
done = subprocess.run(sys.argv[1:], input=password.encode())
SealedRepository(Path(sys.argv[sys.argv.index("--repo") + 1]), password.removesuffix("\\n")).quicken()
sys.exit(done.returncode)
"""

WITHOUT_SERVERS = """\
import sys
from app.demo import mariadb
from app.tools.postgres import programs
programs.FOLDERS.clear()
mariadb.FOLDERS.clear()
import main
sys.exit(main.main())
"""

# Stands in for the window: backs the practice up once more, as its button does, and nobody is asked for anything.
LOOKS_INSTEAD_OF_A_WINDOW = """\
import subprocess, sys, types
def look(data):
    again = [sys.executable, "main.py", "--data", str(data), "--json", "--quiet", "backup", "practice-house"]
    return subprocess.run([*again, "--only", "databases"], stdin=subprocess.DEVNULL).returncode
window = types.ModuleType("app.ui.application")
window.run_window = look
sys.modules["app.ui.application"] = window
import main
sys.exit(main.main())
"""


@dataclass(frozen=True)
class Newcomer:
    """Somebody's computer: a home, a temporary folder, a search path, a restic; no keyring."""

    home: Path
    temporary: Path
    environment: dict[str, str]

    def start(
        self, *arguments: str, program: str = "", environment: Mapping[str, str] = NOTHING
    ) -> subprocess.Popen[str]:
        """Starts `demo`; `program` stands in for `main.py`, what it says comes out of one pipe."""
        started = ["-c", program] if program else ["main.py"]
        return subprocess.Popen(
            [sys.executable, *started, *arguments],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, program: str = "", environment: Mapping[str, str] = NOTHING, expect: int = 0) -> str:
        """Runs it to its end, which has to be `expect`; gives what it said."""
        process = self.start(*arguments, program=program, environment=environment)
        said, _ = process.communicate(timeout=ENDS_WITHIN)
        assert process.returncode == expect, said
        return said


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    """At the end nothing may be left of any practice: no folder, no process."""
    home, temporary, path = (tmp_path / name for name in ("home", "temporary", "path"))
    for folder in (home, temporary, path):
        folder.mkdir()
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "TMPDIR": str(temporary),
        "OVERWINTER_RESTIC": str(_quick_restic(tmp_path)),
    }
    folders, processes = practice_folders(), running(PRACTICE)
    yield Newcomer(home, temporary, environment)
    assert list(temporary.iterdir()) == []
    assert practice_folders() <= folders
    assert running(PRACTICE) | running(str(tmp_path)) <= processes
    assert [path for path in home.rglob("*") if path.is_file()] == []


def _quick_restic(folder: Path) -> Path:
    quicken, restic = folder / "quicken.py", folder / "restic"
    quicken.write_text(QUICKEN.format(root=str(ROOT)))
    restic.write_text(RESTIC.format(python=sys.executable, quicken=quicken, restic=restic_program("0.19")))
    restic.chmod(0o755)
    return restic


def practice_folders() -> set[Path]:
    """Those of servers stand elsewhere when root runs them: PostgreSQL's account cannot reach a test's folder."""
    places = {Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")}
    return {folder for place in places for folder in place.glob(f"{PRACTICE}*")}


def running(words: str) -> set[str]:
    """The processes in whose command line these words stand."""
    found = psutil.process_iter(["cmdline", "status"])
    lines = {process.pid: " ".join(process.info["cmdline"] or ()) for process in found if not _is_zombie(process)}
    return {f"{pid} {line}" for pid, line in lines.items() if words in line}


def _is_zombie(process: psutil.Process) -> bool:
    return bool(process.info["status"] == psutil.STATUS_ZOMBIE)


@pytest.mark.spec("B1", "R2")
def test_the_practice_proves_itself_and_shows_the_window_where_there_is_a_screen(newcomer: Newcomer) -> None:
    if find_programs() is None:
        pytest.skip("PostgreSQL's server programs are not installed here")
    screen = {"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}
    said = newcomer.run("demo", program=LOOKS_INSTEAD_OF_A_WINDOW, environment=screen)
    story, _, window = said.partition("The window shows the practice greenhouse.")
    assert "The same bytes as the original." in story
    assert "5000 rows of telemetry" in story
    assert "they are the first rows of the live file" in story
    assert "the same as the live ones" in story
    assert "could not be verified" not in story
    for program, named in (("mariadb-dump", "MariaDB 1"), ("php", "php artisan about: {")):
        assert (named in story) is (shutil.which(program) is not None)
    assert "Left out" not in story or shutil.which("php") is None or shutil.which("mariadb-dump") is None
    assert "Proven: what was backed up came back the same" in story
    assert '"status":"success"' in window
    assert "nothing of it is left" in window


@pytest.mark.spec("B1", "R2", "J8")
def test_without_any_server_it_practises_with_files_and_keeps_them_on_wish(newcomer: Newcomer, tmp_path: Path) -> None:
    kept, no_programs = tmp_path / "kept", {"PATH": str(tmp_path / "path")}
    (tmp_path / "path" / "sync").symlink_to(shutil.which("sync") or "")  # the one program that every system has
    said = newcomer.run(
        *("--json", "--quiet", "demo", "--keep", str(kept)), program=WITHOUT_SERVERS, environment=no_programs
    )
    found = json.loads(said)
    assert found["proven"] is True
    assert found["left_out"] == [
        "PostgreSQL's server programs were not found on this computer.",
        "MariaDB's server and client programs were not found on this computer.",
        "PHP was not found on this computer, so nobody calls artisan.",
    ]
    saved, readings = found["saved"]
    assert readings["rows"] >= 24 * 144
    assert found["verified"] == {"telemetry": "pass", "broker": "pass", "laravel": "pass"}
    restored = Path(found["restored"]["target"])
    assert (restored / "artisan").read_bytes() == (kept / "greenhouse" / "artisan").read_bytes()
    assert found["restored"]["files"] > 250
    original = (kept / "greenhouse" / "storage" / "app" / "public" / "beds" / "bed-1.bmp").read_bytes()
    assert Path(saved["target"]).read_bytes() == original
    assert saved["sha256"] == hashlib.sha256(original).hexdigest()
    unlocked = {"OVERWINTER_VAULT_PASSPHRASE_FILE": str(kept / "passphrase")}
    points = newcomer.run("--data", str(kept / "data"), "--json", "points", "practice-house", environment=unlocked)
    assert json.loads(points)["id"] == found["point"]


@pytest.mark.spec("J2")
@pytest.mark.parametrize(
    ("seen", "sign"),
    [
        ("1. A greenhouse to protect", signal.SIGINT),
        ("Verify telemetry", signal.SIGTERM),
        ("PostgreSQL 1", signal.SIGINT),
        ("Back up laravel", signal.SIGHUP),
    ],
)
def test_a_practice_that_is_cancelled_leaves_nothing(newcomer: Newcomer, seen: str, sign: signal.Signals) -> None:
    process = newcomer.start("demo", "--text")
    assert process.stdout is not None
    lines = [next(process.stdout)]
    while seen not in lines[-1]:
        lines.append(next(process.stdout))
    process.send_signal(sign)
    rest, _ = process.communicate(timeout=ENDS_WITHIN)
    assert process.returncode == 130, "".join(lines) + rest
    assert "nothing of it is left" in rest
    assert "Proven" not in rest


@pytest.mark.spec("P3", "X3")
def test_a_practice_without_restic_says_so_and_makes_nothing(newcomer: Newcomer, tmp_path: Path) -> None:
    newcomer.environment.pop("OVERWINTER_RESTIC")
    said = newcomer.run("demo", "--text", environment={"PATH": str(tmp_path / "path")}, expect=1)
    assert said.startswith("restic was not found on this computer.\n")
    assert said.endswith("[restic.missing]\n")


def test_a_practice_never_takes_over_a_folder_that_is_there(newcomer: Newcomer, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis").touch()
    said = newcomer.run("demo", "--text", "--keep", str(mine), expect=1)
    assert "[host.file-exists]" in said
    assert [path.name for path in mine.iterdir()] == ["thesis"]
