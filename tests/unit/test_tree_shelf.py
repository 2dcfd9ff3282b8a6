"""The files with the names of trees: whole or none, for their owner alone, never more than there is room for."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from app.foundation.errors import UserError
from app.jobs.catalogue import tree_shelf
from app.jobs.catalogue.rows import Name
from app.jobs.catalogue.tree_file import DamagedTree, TreeWriter, microseconds
from app.jobs.catalogue.tree_shelf import TreeShelf
from app.tools.restic.output import Entry

SITE = "north-house"
TREE = "ab" * 32
WHEN = "2026-11-21T21:52:11.589320961Z"
ENTRIES = (
    Entry("/srv", "dir", mtime=WHEN),
    Entry("/srv/app", "dir", mtime=WHEN),
    *(Entry(f"/srv/app/reading-{number:05d}.log", "file", 10, mtime=WHEN) for number in range(5000)),
    Entry("/srv/z", "symlink", mtime="0001-13-99"),
)


def put(shelf: TreeShelf, tree: str = TREE) -> Path:
    """Puts a tree of a few names on the shelf."""
    begun = shelf.begin(SITE)
    writer = TreeWriter(begun)
    for first in range(0, len(ENTRIES), 700):
        writer.add(ENTRIES[first : first + 700])
    writer.finish()
    shelf.put(SITE, tree, begun)
    return next((shelf.folder / SITE).glob(f"{tree}-*"))


@pytest.fixture
def shelf(tmp_path: Path) -> TreeShelf:
    return TreeShelf(tmp_path)


def paths(names: list[Name] | tuple[Name, ...]) -> list[str]:
    return [name.path for name in names]


@pytest.mark.spec("R2")
def test_folders_are_told_page_by_page_folders_first(shelf: TreeShelf) -> None:
    put(shelf)
    tree = shelf.find(SITE, TREE)
    assert tree is not None
    top = tree.level("/srv")
    assert top is not None
    assert paths(top.names) == ["/srv/app", "/srv/z"]
    assert (top.names[0].size, top.names[0].names, top.names[1].modified) == (50_000, 5000, None)
    names, after = list[Name](), None
    while (level := tree.level("/srv/app", after)) is not None:
        names += level.names
        if (after := level.next) is None:
            break
    assert paths(names) == [entry.path for entry in ENTRIES[2:-1]]
    assert tree.level("/nowhere") is None
    assert paths(tree.find("04999", 10)) == ["/srv/app/reading-04999.log"]
    assert len(tree.find("reading", 10)) == 10
    assert [name for some in tree.every_name("/srv/app") for name in some] == names


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:9000])


def _flip(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:20_000] + bytes([content[20_000] ^ 1]) + content[20_001:])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("harm", [_cut, _flip, _empty, _replace_by_folder])
def test_a_damaged_file_counts_as_none(shelf: TreeShelf, harm: Callable[[Path], None]) -> None:
    harm(put(shelf))
    later = TreeShelf(shelf.folder)
    assert later.find(SITE, TREE) is None
    if harm is not _replace_by_folder:
        put(later)
        assert later.find(SITE, TREE) is not None


def test_a_file_of_another_kind_is_told_as_damaged(shelf: TreeShelf) -> None:
    file = put(shelf)
    file.unlink()
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE something (else_ INTEGER)")
    other.close()
    file.rename(file.with_name(f"{TREE}-{zlib.crc32(file.read_bytes()):08x}{file.suffix}"))
    tree = shelf.find(SITE, TREE)
    assert tree is not None
    with pytest.raises(DamagedTree):
        tree.level("/")


def test_what_was_used_least_goes_when_the_files_take_too_much_room(shelf: TreeShelf) -> None:
    size = put(shelf).stat().st_size
    small = TreeShelf(shelf.folder, largest=2 * size + size // 2)
    for age, tree in enumerate(("cd" * 32, "ef" * 32)):
        file = put(small, tree)
        os.utime(file, (1000 + age, 1000 + age))
    assert small.find(SITE, TREE) is not None
    put(small, "12" * 32)
    assert [small.find(SITE, tree) is not None for tree in (TREE, "cd" * 32, "ef" * 32)] == [True, False, False]


def test_one_file_larger_than_the_room_is_kept_alone(shelf: TreeShelf) -> None:
    tiny = TreeShelf(shelf.folder, largest=10)
    put(tiny)
    put(tiny, "cd" * 32)
    assert [tiny.find(SITE, tree) is not None for tree in (TREE, "cd" * 32)] == [False, True]


def test_what_a_dead_process_left_is_cleared_away(shelf: TreeShelf) -> None:
    old, young = shelf.begin(SITE), shelf.begin(SITE)
    for file in (old, young):
        file.touch()
    long_ago = time.time() - tree_shelf.ABANDONED_AFTER - 60
    os.utime(old, (long_ago, long_ago))
    put(shelf)
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_the_file_is_its_owners_alone(shelf: TreeShelf) -> None:
    assert put(shelf).stat().st_mode & 0o777 == 0o600


def test_a_listing_in_no_order_is_refused(tmp_path: Path) -> None:
    writer = TreeWriter(tmp_path / "begun")
    with pytest.raises(UserError, match=r"restic\.unclear-answer"):
        writer.add([Entry("/srv/app/lost", "file")])
    writer.close()


@pytest.mark.parametrize(
    ("time", "found"),
    [
        ("1970-01-01T00:00:01.000002003Z", 1_000_002),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1969-12-31T23:59:59Z", -1_000_000),
        ("30000-01-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_times_are_read_to_the_microsecond(time: str, found: int | None) -> None:
    assert microseconds(time) == found
