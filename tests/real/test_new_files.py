"""A new file stands under its name whole or not at all, and nothing is ever replaced by it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.store import durable
from tests.faults.test_full_disks import disk_at

pytestmark = pytest.mark.spec("S6")


@pytest.fixture(params=["as-it-is", "without-nameless-files"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder; once as if its file system were one that knows no nameless files."""
    if request.param == "without-nameless-files":
        monkeypatch.setattr(durable, "_create_nameless", lambda _path, _content: False)
    (made := tmp_path / "folder").mkdir()
    return made


def test_it_is_there_with_its_content_and_for_its_owner_alone(folder: Path) -> None:
    durable.create_durably(folder / "new", b"x" * 3_000_000)
    assert (folder / "new").read_bytes() == b"x" * 3_000_000
    assert (folder / "new").stat().st_mode & 0o777 == 0o600
    assert (folder / "new").stat().st_nlink == 1
    assert [path.name for path in folder.iterdir()] == ["new"]


@pytest.mark.parametrize("standing", ["file", "folder", "link", "dangling"])
def test_what_stands_there_is_never_replaced(folder: Path, standing: str) -> None:
    target = folder / "new"
    match standing:
        case "file":
            target.write_text("mine")
        case "folder":
            target.mkdir()
        case _:
            (folder / "other").write_text("mine") if standing == "link" else None
            target.symlink_to("other")
    before = target.lstat()
    with pytest.raises(FileExistsError):
        durable.create_durably(target, b"new")
    assert target.lstat() == before
    assert standing != "link" or (folder / "other").read_text() == "mine"


def test_a_full_disk_leaves_nothing(folder: Path) -> None:
    with disk_at(folder, "1m"):
        with pytest.raises(OSError, match="No space"):
            durable.create_durably(folder / "new", os.urandom(2_000_000))
        assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows nameless files")
def test_a_kill_in_the_middle_leaves_nothing_at_all(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from app.store import durable\n"
        "def killed(descriptor):\n"
        "    os.kill(os.getpid(), 9)\n"
        "durable._sync = killed\n"
        "durable.create_durably(pathlib.Path(sys.argv[1]), b'secret' * 1000)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "page.pdf")], check=False)
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []
