"""Places on this computer: private, below one folder, and honest about a folder that cannot be used."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from app.foundation.errors import Busy, Refused, UserError
from app.settings.places import Places, places
from app.settings.private_files import locked, make_folder, read_file, write_file

modes = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no such modes: the profile's rights are inherited"
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_data_folder_is_the_one_asked_for_then_the_variables_then_the_platforms(tmp_path: Path) -> None:
    environ = {"OVERWINTER_DATA": str(tmp_path / "variable")}
    assert places(tmp_path / "chosen", environ).data == tmp_path / "chosen"
    assert places(None, environ).data == tmp_path / "variable"
    assert places(None, {}).data.name == "overwinter"
    assert places("relative", {}).data == Path.cwd() / "relative"


@modes
def test_every_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    here = Places(tmp_path / "new" / "data")
    here.ready()
    here.ready()
    for folder in (tmp_path / "new", here.data, here.runs, here.cache, here.scratch, here.locks):
        assert mode(folder) == 0o700


def test_everything_is_below_the_data_folder(tmp_path: Path) -> None:
    here = Places(tmp_path)
    paths = [here.database, here.runs, here.cache, here.scratch, here.tools, here.vault, here.sealed, here.locks]
    assert len(set(paths)) == len(paths)
    assert {path.parent for path in paths} == {tmp_path}
    assert here.run_folder("01JABC-x_9") == tmp_path / "runs" / "01JABC-x_9"


@pytest.mark.spec("S1")
@pytest.mark.parametrize("run", ["..", "../other", "a/b", "a\\b", "", "a\n", "a" * 65, "C:"])
def test_a_run_that_is_no_id_leads_nowhere(tmp_path: Path, run: str) -> None:
    with pytest.raises(Refused):
        Places(tmp_path).run_folder(run)


@pytest.mark.spec("X3")
def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        Places(tmp_path / "file" / "data").ready()
    assert caught.value.code == "places.unusable"
    assert "OVERWINTER_DATA" in str(caught.value.problem.next)
    with pytest.raises(UserError) as caught:
        make_folder(tmp_path / "file")
    assert caught.value.code == "places.unusable"


@pytest.mark.spec("X3")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_told_and_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    write_file(file, b"before")
    real = os.open
    monkeypatch.setattr(
        os,
        "open",
        lambda path, *rest: real("/dev/full", os.O_WRONLY) if str(path).endswith(".new") else real(path, *rest),
    )
    with pytest.raises(UserError) as caught:
        write_file(file, b"after")
    assert caught.value.code == "places.disk-full"
    assert file.read_bytes() == b"before"


@modes
def test_a_private_file_is_closed_to_others_and_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert read_file(file) is None
    write_file(file, b"one")
    (tmp_path / "file.new").write_bytes(b"left by a dead process")
    write_file(file, b"two")
    assert (read_file(file), mode(file)) == (b"two", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_lock_keeps_everybody_else_out_until_it_is_let_go(tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "one.lock"
    with locked(lock, 0), pytest.raises(Busy) as caught, locked(lock, 0.05):
        pass
    assert caught.value.code == "places.locked"
    with locked(lock, 0):
        pass


def test_a_data_folder_keeps_its_number_and_no_other_has_it(tmp_path: Path) -> None:
    here, other = Places(tmp_path / "a"), Places(tmp_path / "b")
    assert here.installation() == Places(tmp_path / "a").installation()
    assert here.installation() != other.installation()
    (tmp_path / "a" / "installation").write_text("gone wrong")
    with pytest.raises(UserError) as caught:
        here.installation()
    assert caught.value.code == "places.installation-damaged"
