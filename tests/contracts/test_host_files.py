"""What every host keeps to with files."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from app.foundation.errors import UserError
from app.hosts.host import Command
from tests.contracts.hosts import ODD_NAMES, Place, error_of, on_every_host, posix_only

pytestmark = [pytest.mark.spec("H1"), pytest.mark.usefixtures("nothing_left_over")]


@on_every_host
async def test_what_is_written_is_read_back(place: Place) -> None:
    for name in ("plain", *ODD_NAMES):
        path = f"{place.folder}/{name}"
        for content in (b"", b"old", os.urandom(200_000)):
            await place.host.write_durably(path, content)
            assert await place.host.read(path) == content
    assert len(await place.names_in(place.folder)) == 1 + len(ODD_NAMES)


@on_every_host
async def test_what_a_killed_write_left_under_a_name_of_its_own_is_taken_away_by_the_next(place: Place) -> None:
    left = f"{place.folder}/file.tmp"
    await place.host.write_durably(left, b"half")
    await place.host.write_durably(f"{place.folder}/file", b"whole", temporary=left)
    assert await place.host.read(f"{place.folder}/file") == b"whole"
    assert await place.names_in(place.folder) == ["file"]


@posix_only
@on_every_host
async def test_a_written_file_has_the_mode_that_was_asked_for(place: Place) -> None:
    for mode in (0o600, 0o644, 0o750):
        await place.host.write_durably(f"{place.folder}/file", b"x", mode)
        found = await place.host.stat(f"{place.folder}/file")
        assert found is not None
        assert found.mode == mode


@posix_only
@on_every_host
async def test_only_small_regular_files_are_read(place: Place) -> None:
    await place.host.write_durably(f"{place.folder}/file", b"12345")
    await place.says(
        "import os,sys; os.chdir(sys.argv[1]); os.mkfifo('fifo'); os.symlink('file', 'link')", place.folder
    )
    assert await place.host.read(f"{place.folder}/link", limit=5) == b"12345"
    for path, code in (
        (f"{place.folder}/file", "host.file-too-big"),
        (f"{place.folder}/fifo", "host.file-unreadable"),
        ("/dev/zero", "host.file-unreadable"),
        (place.folder, "host.file-unreadable"),
        (f"{place.folder}/nothing", "host.file-missing"),
        (f"{place.folder}/file/below", "host.file-missing"),
        (f"{place.folder}/a\0b", "host.file-unreadable"),
    ):
        assert (await error_of(asyncio.wait_for(place.host.read(path, limit=4), 10))).code == code


async def mounted(place: Place, *arguments: str) -> bool:
    """Mounts something on the host, where that is possible."""
    finished = await place.host.run(Command("mount", arguments))
    return finished.code == 0


@asynccontextmanager
async def small_disk(place: Place) -> AsyncIterator[bool]:
    """A file system of 256 KiB at the place's folder where the user may mount one: says whether.

    Else no file of this process may grow beyond that, which serves for the hosts whose files this process writes.
    """
    if sys.platform == "linux" and await mounted(place, "-t", "tmpfs", "-o", "size=256k", "tmpfs", place.folder):
        try:
            yield True
        finally:
            await place.host.run(Command("umount", ("--lazy", place.folder)))
    else:
        with files_of_this_process_kept_small():
            yield False


@contextmanager
def files_of_this_process_kept_small() -> Iterator[None]:
    """At most 256 KiB, as on a full disk."""
    if sys.platform == "win32":
        pytest.skip("no such limit there")
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@asynccontextmanager
async def read_only(place: Place, own_disk: bool) -> AsyncIterator[None]:
    """Nothing can be written below the place's folder, not even by root where it is a disk of its own."""
    if own_disk:
        assert await mounted(place, "-o", "remount,ro", place.folder)
        yield
        assert await mounted(place, "-o", "remount,rw", place.folder)
        return
    if (await place.says("import os; print(os.geteuid())")).strip() == "0":
        pytest.skip("root may write everywhere, and no disk can be mounted here")
    await place.says("import os,sys; os.chmod(sys.argv[1], 0o500)", place.folder)
    yield
    await place.says("import os,sys; os.chmod(sys.argv[1], 0o700)", place.folder)


@posix_only
@on_every_host
async def test_a_full_disk_leaves_the_old_content_and_nothing_else(place: Place) -> None:
    path = f"{place.folder}/journal"
    async with small_disk(place):
        await place.host.write_durably(path, b"old")
        error = await error_of(place.host.write_durably(path, os.urandom(1_000_000)))
        assert error.code == "host.disk-full"
        assert await place.host.read(path) == b"old"
        assert await place.names_in(place.folder) == ["journal"]


@posix_only
@on_every_host
async def test_where_nothing_may_be_written_the_old_content_stays(place: Place) -> None:
    path = f"{place.folder}/journal"
    async with small_disk(place) as own_disk:
        await place.host.write_durably(path, b"old")
        async with read_only(place, own_disk):
            for refused in (
                place.host.write_durably(path, b"new"),
                place.host.write_durably(f"{place.folder}/another", b"new"),
                place.host.rename(path, f"{place.folder}/moved"),
                place.host.remove_tree(path),
            ):
                assert (await error_of(refused)).code == "host.file-unwritable"
        assert await place.host.read(path) == b"old"
        assert await place.names_in(place.folder) == ["journal"]


@on_every_host
async def test_a_rename_moves_and_never_replaces(place: Place) -> None:
    one, other, third = (f"{place.folder}/{name}" for name in ("one", "other", "third"))
    await place.host.write_durably(one, b"1")
    await place.host.write_durably(other, b"2")
    assert (await error_of(place.host.rename(one, other))).code == "host.file-exists"
    assert (await error_of(place.host.rename(third, f"{third}-too"))).code == "host.file-missing"
    await place.host.rename(one, third)
    assert await place.host.stat(one) is None
    assert (await place.host.read(third), await place.host.read(other)) == (b"1", b"2")


@on_every_host
async def test_of_many_who_rename_to_one_name_at_once_one_succeeds(place: Place) -> None:
    """Leases rest on this."""
    target = f"{place.folder}/target"
    for _ in range(20):
        names = [f"{place.folder}/{number}" for number in range(6)]
        for name in names:
            await place.host.write_durably(name, name.encode())
        ends = await asyncio.gather(*(place.host.rename(name, target) for name in names), return_exceptions=True)
        (winner,) = [name for name, end in zip(names, ends, strict=True) if end is None]
        assert {end.code for end in ends if isinstance(end, UserError)} == {"host.file-exists"}
        assert await place.host.read(target) == winner.encode()
        await place.host.remove_tree(target)
