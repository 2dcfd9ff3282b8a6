"""The script that exchanges two names on a server works with whatever of its means is there, or says that none is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.hosts.ssh.exchange import BY_PERL, BY_PYTHON, EXCHANGE, NO_WAY, NOTHING_THERE, REFUSED

if sys.platform == "win32":
    pytest.skip("runs /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.spec("R6", "H2")

OLD_MV = "#!/bin/sh\necho 'Usage: mv SOURCE DEST' >&2\nexit 1\n"
NEW_MV = f"""#!/bin/sh
case $1 in --help)echo '      --exchange  exchange source and destination';exit;;esac
[ "$1 $2 $3" = "--exchange --no-target-directory --" ]||exit 1
exec {sys.executable} -c "$BY_PYTHON" "$4" "$5"
"""
BROKEN = "#!/bin/sh\nexit 1\n"


def server_with(folder: Path, **programs: str) -> Path:
    """A search path with these programs and no others: scripts, or "" for the real one."""
    path = folder / "bin"
    path.mkdir()
    for name, script in programs.items():
        if script:
            (path / name).write_text(script)
            (path / name).chmod(0o755)
        else:
            real = sys.executable if name == "python3" else shutil.which(name)
            assert real, f"{name} is needed here"
            (path / name).symlink_to(real)
    return path


def exchange(path: Path, one: Path, other: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["/bin/sh", "-c", EXCHANGE, "sh", str(one), str(other), BY_PYTHON, BY_PERL],
        env={"PATH": str(path), "BY_PYTHON": BY_PYTHON},
        capture_output=True,
        check=False,
    )


def two_trees(folder: Path) -> tuple[Path, Path]:
    for name in ("old", "new"):
        (folder / f"{name} tree" / name).mkdir(parents=True)
    return folder / "old tree", folder / "new tree"


@pytest.mark.parametrize(
    "programs",
    [
        {"mv": NEW_MV},
        {"mv": OLD_MV, "python3": ""},
        {"perl": ""},
        {"mv": BROKEN, "python3": BROKEN, "perl": ""},
    ],
)
def test_any_means_will_do(tmp_path: Path, programs: dict[str, str]) -> None:
    live, staged = two_trees(tmp_path)
    done = exchange(server_with(tmp_path, **programs), live, staged)
    assert done.returncode == 0, done.stderr
    assert ([each.name for each in live.iterdir()], [each.name for each in staged.iterdir()]) == (["new"], ["old"])


@pytest.mark.parametrize("programs", [{}, {"mv": OLD_MV, "python3": BROKEN, "perl": BROKEN}])
def test_without_means_nothing_is_changed(tmp_path: Path, programs: dict[str, str]) -> None:
    live, staged = two_trees(tmp_path)
    assert exchange(server_with(tmp_path, **programs), live, staged).returncode == NO_WAY
    assert [each.name for each in live.iterdir()] == ["old"]


@pytest.mark.parametrize("program", ["python3", "perl"])
def test_every_means_says_why_it_may_not(tmp_path: Path, program: str) -> None:
    live, _ = two_trees(tmp_path)
    path = server_with(tmp_path, **{program: ""})
    done = exchange(path, live, live / "old")
    assert done.returncode in (REFUSED, NO_WAY)  # a tree cannot take the place of what is in it
    assert done.stderr
    assert exchange(path, live, tmp_path / "nowhere").returncode == NOTHING_THERE
