"""What every host keeps to with folders and trees: exchanged, copied, walked, removed, brought there."""

from __future__ import annotations

import hashlib
import os
import sys
import uuid
from collections.abc import Sequence

import pytest

from app.hosts.host import Below, FileKind, FileStat
from tests.contracts.hosts import ODD_NAMES, Place, error_of, here, on_every_host, posix_only

pytestmark = [pytest.mark.spec("H1"), pytest.mark.usefixtures("nothing_left_over")]


@posix_only
@pytest.mark.spec("R6", "R8")
@on_every_host
async def test_an_exchange_gives_two_trees_each_others_names_and_changes_nothing_else(place: Place) -> None:
    live, staged = f"{place.folder}/{ODD_NAMES[3]}", f"{place.folder}/.stage {ODD_NAMES[2]}/{ODD_NAMES[1]}"
    await place.says(
        "import os,sys; [(os.makedirs(path), open(path+'/version','w').write(word)) for path, word in"
        " ((sys.argv[1], 'old'), (sys.argv[2], 'new'))]; os.utime(sys.argv[1], ns=(0, 1_234_567_890_123_456_789))",
        live,
        staged,
    )
    before = [await place.host.stat(path) for path in (live, staged)]
    await place.host.exchange(live, staged)
    assert [await place.host.stat(path) for path in (staged, live)] == before
    assert await place.host.read(f"{live}/version") == b"new"
    await place.host.exchange(live, staged)
    assert [await place.host.stat(path) for path in (live, staged)] == before


@posix_only
@pytest.mark.spec("R6")
@on_every_host
async def test_an_exchange_has_no_moment_without_a_tree(place: Place) -> None:
    """A reader on the host looks all the while: it sees one of the two, never nothing."""
    live, staged = f"{place.folder}/live", f"{place.folder}/staged"
    await place.says("import os,sys; [os.makedirs(path) for path in sys.argv[1:]]", live, staged)
    reader = """
import os, sys
seen = set()
print("ready", flush=True)
while not os.path.exists(sys.argv[2]):
    try:
        seen.add(os.stat(sys.argv[1]).st_ino)
    except OSError as error:
        seen.add(str(error))
print(len(seen), seen)
"""
    over = f"{place.folder}/over"
    watching = await place.host.start(place.program(reader, live, over))
    try:
        assert (await watching.read()).strip() == b"ready"
        for _ in range(10):
            await place.host.exchange(live, staged)
        await place.host.write_durably(over, b"")
        said = await watching.read()
    finally:
        await watching.stop()
    assert said.startswith(b"2 "), said


@posix_only
@pytest.mark.spec("R8")
@on_every_host
async def test_what_cannot_be_exchanged_stays_as_it_was(place: Place) -> None:
    live, staged = f"{place.folder}/live", f"{place.folder}/staged"
    await place.host.write_durably(live, b"old")
    assert (await error_of(place.host.exchange(live, staged))).code == "host.file-missing"
    assert (await error_of(place.host.exchange(staged, live))).code == "host.file-missing"
    assert await place.host.read(live) == b"old"
    assert await place.names_in(place.folder) == ["live"]
    if await place.host.stat("/proc/version") is not None:  # on another file system
        assert (await error_of(place.host.exchange(live, "/proc/version"))).code == "host.file-unwritable"
    assert await place.host.read(live) == b"old"


@posix_only
@pytest.mark.spec("R6", "R11")
@on_every_host
async def test_a_copy_is_as_its_source_is(place: Place) -> None:
    source, target = (f"{place.folder}/{name}" for name in ODD_NAMES[1:3])
    await place.host.write_durably(source, bytes(range(256)))
    await place.host.write_durably(target, b"what was there")
    await place.says(
        """
import os, sys
path = sys.argv[1]
if os.geteuid() == 0:
    os.chown(path, 1234, 4321)
    os.setxattr(path, "user.note", b"kept") if hasattr(os, "setxattr") else None
os.chmod(path, 0o640); os.utime(path, ns=(0, 1_234_567_890_123_456_789))
""",
        source,
    )
    await place.host.copy(source, target)
    one, other = await place.host.stat(source), await place.host.stat(target)
    assert one is not None
    assert other is not None
    assert one.inode != other.inode
    assert [getattr(one, each) for each in AS_IT_IS] == [getattr(other, each) for each in AS_IT_IS]
    assert await place.host.read(target) == bytes(range(256))
    if sys.platform == "linux" and os.geteuid() == 0:
        assert os.getxattr(os.fsencode(target), "user.note") == b"kept"
    assert sorted(await place.names_in(place.folder)) == sorted(ODD_NAMES[1:3])


AS_IT_IS = ("kind", "size", "modified", "mode", "uid", "gid")


@posix_only
@on_every_host
async def test_only_a_file_is_copied_and_nothing_is_left_of_a_copy_that_fails(place: Place) -> None:
    source, target = f"{place.folder}/source", f"{place.folder}/target"
    assert (await error_of(place.host.copy(source, target))).code == "host.file-missing"
    await place.says("import os,sys; os.mkdir(sys.argv[1]); os.symlink('folder', sys.argv[2])", source, target)
    assert (await error_of(place.host.copy(source, f"{target}-too"))).code == "host.file-unreadable"
    assert (await error_of(place.host.copy(target, f"{target}-too"))).code == "host.file-unreadable"
    await place.host.write_durably(f"{source}/file", b"content")
    nowhere = f"{place.folder}/no such folder/target"
    assert (await error_of(place.host.copy(f"{source}/file", nowhere))).code == "host.file-unwritable"
    assert await place.names_in(place.folder) == ["source", "target"]


@posix_only
@on_every_host
async def test_what_fits_a_pattern_is_removed_from_a_folder(place: Place) -> None:
    await place.says(
        """
import os, sys
os.chdir(sys.argv[1])
for name in ("cache", "cache/deep", "cache/.hidden", "cache/locked", "kept"):
    os.mkdir(name)
for name in ("cache/a.php", "cache/b.php", "cache/c.txt", "cache/deep/x", "cache/locked/y", "kept/live"):
    open(name, "w").close()
os.symlink("../kept", "cache/link")
os.chmod("cache/locked", 0o500)
""",
        place.folder,
    )
    cache = f"{place.folder}/cache"
    await place.host.remove_matching(cache, "*.php")
    assert await place.names_in(cache) == [".hidden", "c.txt", "deep", "link", "locked"]
    await place.host.remove_matching(cache, "*")
    await place.host.remove_matching(f"{place.folder}/not there", "*")
    assert await place.names_in(cache) == []
    assert await place.names_in(f"{place.folder}/kept") == ["live"]
    assert (await error_of(place.host.remove_matching(f"{place.folder}/kept/live", "*"))).code == "host.file-unwritable"
    await place.host.sync(cache)


@pytest.mark.spec("R8", "J2")
@posix_only
@on_every_host
async def test_orphans_of_a_run_are_ended_and_those_of_another_are_not(place: Place) -> None:
    """They are started past the host, as what a killed Overwinter has left: nobody watches them."""
    start = """
import os, subprocess, sys
for run in sys.argv[3:]:
    subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1]], start_new_session=True,
        env={**os.environ, "OVERWINTER_RUN": run}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
"""
    mark, dead, living = uuid.uuid4().hex, uuid.uuid4().hex, uuid.uuid4().hex
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    await place.says(start, mark, deaf, dead, living)
    for run_id, left in ((dead, 1), (living, 0)):
        await place.host.end_orphans(run_id)
        await place.host.end_orphans(run_id)
        assert len(await place.running(mark)) == left


@posix_only
@on_every_host
async def test_stat_says_what_stands_at_a_path(place: Place) -> None:
    await place.says(
        """
import os, sys
os.chdir(sys.argv[1])
open("file", "w").write("12345"); os.chmod("file", 0o640); os.utime("file", ns=(0, 1_234_567_890_123_456_789))
os.mkdir("folder"); os.symlink("nowhere", "link"); os.mkfifo("fifo")
""",
        place.folder,
    )
    kinds = {"file": FileKind.FILE, "folder": FileKind.FOLDER, "link": FileKind.LINK, "fifo": FileKind.OTHER}
    for name, kind in kinds.items():
        found = await place.host.stat(f"{place.folder}/{name}")
        assert found is not None
        assert found.kind is kind
        assert found.inode > 0
    found = await place.host.stat(f"{place.folder}/file")
    assert found is not None
    assert (found.size, found.mode, found.modified) == (5, 0o640, 1_234_567_890_123_456_789)
    for nothing in ("nothing", "file/below"):
        assert await place.host.stat(f"{place.folder}/{nothing}") is None


@posix_only
@on_every_host
async def test_a_folder_is_listed_by_name_with_links_as_links(place: Place) -> None:
    await place.says(
        """
import os, sys
os.chdir(sys.argv[1])
open(".hidden", "w").close(); os.mkdir("папка"); os.symlink("папка", "link"); os.mkfifo("fifo")
open(os.fsencode("odd\\n") + b"\\xff", "w").close(); os.symlink("папка/..", "loop")
""",
        place.folder,
    )
    listed = await place.host.entries(place.folder, 100)
    odd = os.fsdecode(b"odd\n\xff")
    assert {each.name: each.kind for each in listed.entries} == {
        ".hidden": FileKind.FILE, "папка": FileKind.FOLDER, "link": FileKind.LINK, "loop": FileKind.LINK,
        "fifo": FileKind.OTHER, odd: FileKind.FILE,
    }  # fmt: skip
    assert [each.name for each in listed.entries] == sorted(each.name for each in listed.entries)
    assert not listed.cut
    assert (await place.host.entries(f"{place.folder}/папка", 100)).entries == ()
    for name, code in (("nothing", "missing"), (".hidden", "unreadable"), ("link", "unreadable"), ("\0", "unreadable")):
        error = await error_of(place.host.entries(f"{place.folder}/{name}", 100))
        assert error.code == f"host.file-{code}"


@on_every_host
async def test_of_a_crowded_folder_no_more_is_listed_than_was_asked_for(place: Place) -> None:
    await place.says(
        "import os,sys; os.chdir(sys.argv[1]); [open(f'{n:04}', 'w').close() for n in range(300)]", place.folder
    )
    first = await place.host.entries(place.folder, 250)
    assert (len(first.entries), first.cut) == (250, True)
    whole = await place.host.entries(place.folder, 300)
    assert (len(whole.entries), whole.cut) == (300, False)


@posix_only
@on_every_host
async def test_a_walk_tells_everything_below_as_stat_does_and_follows_no_link(place: Place) -> None:
    await place.says(
        """
import os, sys
os.chdir(sys.argv[1])
os.makedirs(os.fsencode("tree/deep") + b"/\\xff\\nline"); open("tree/ two words ", "w").write("12345")
os.symlink("..", "tree/up"); os.mkfifo("tree/fifo"); os.chmod("tree/ two words ", 0o4751)
os.utime("tree/ two words ", ns=(0, 1_234_567_890_123_456_789))
for number in range(700): open(f"tree/deep/{number}", "w").close()
""",
        place.folder,
    )
    found: dict[str, FileStat] = {}

    async def take(batch: Sequence[Below]) -> None:
        assert batch
        found.update({one.path: one.stat for one in batch})

    await place.host.walk(f"{place.folder}/tree", take)
    odd = os.fsdecode(b"deep/\xff\nline")
    assert set(found) == {" two words ", "up", "fifo", "deep", odd, *(f"deep/{number}" for number in range(700))}
    for name in (" two words ", "up", "fifo", odd, "deep/7"):
        assert found[name] == await place.host.stat(f"{place.folder}/tree/{name}")
    for wrong, code in (("never-there", "host.file-missing"), ("tree/ two words ", "host.file-unreadable")):
        assert (await error_of(place.host.walk(f"{place.folder}/{wrong}", take))).code == code

    async def enough(_batch: Sequence[Below]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await place.host.walk(f"{place.folder}/tree", enough)


@posix_only
@on_every_host
async def test_removing_a_tree_follows_no_link_and_minds_no_read_only_entry(place: Place) -> None:
    await place.says(
        """
import os, sys
os.chdir(sys.argv[1])
os.makedirs("outside/below"); open("outside/below/kept", "w").close()
os.makedirs(os.fsencode("tree") + b"/deep/\\xff\\n/deeper"); os.makedirs("tree/locked/below")
open("tree/locked/below/file", "w").close()
os.symlink("../outside", "tree/to-folder"); os.symlink("../outside/below/kept", "tree/to-file"); os.mkfifo("tree/fifo")
os.symlink("/", "tree/locked/to-root"); os.symlink("outside", "link-itself"); open("file-itself", "w").close()
os.chmod("tree/locked/below", 0o000); os.chmod("tree/locked", 0o500)
""",
        place.folder,
    )
    for name in ("tree", "link-itself", "file-itself", "never-there"):
        await place.host.remove_tree(f"{place.folder}/{name}")
    assert await place.names_in(place.folder) == ["outside"]
    assert await place.names_in(f"{place.folder}/outside/below") == ["kept"]


@on_every_host
async def test_scratch_folders_are_private_and_one_for_each_call(place: Place) -> None:
    folders = [await place.host.make_scratch("run-1") for _ in range(2)]
    assert len(set(folders)) == 2
    for folder in folders:
        found = await place.host.stat(folder)
        assert found is not None
        assert found.kind is FileKind.FOLDER
        assert sys.platform == "win32" or found.mode == 0o700
        await place.host.write_durably(f"{folder}/file", b"x")
        await place.host.remove_tree(folder)
        assert await place.host.stat(folder) is None


@on_every_host
async def test_a_kept_folder_is_private_and_the_same_again(place: Place) -> None:
    folder = await place.host.kept_folder("tools")
    await place.host.write_durably(f"{folder}/file", b"x")
    assert await place.host.kept_folder("tools") == folder
    assert await place.host.kept_folder("cache") != folder
    assert await place.host.read(f"{folder}/file") == b"x"
    found = await place.host.stat(folder)
    assert found is not None
    assert found.kind is FileKind.FOLDER
    assert sys.platform == "win32" or found.mode == 0o700


@on_every_host
async def test_an_uploaded_file_arrives_whole_with_its_mode_and_replaces(place: Place) -> None:
    target = f"{place.folder}/{ODD_NAMES[0]}"
    for content in (b"", os.urandom(5_000_001)):
        with here(content) as source:
            await place.host.upload(source, target, 0o700)
        assert await place.host.sha256(target) == hashlib.sha256(content).hexdigest()
    found = await place.host.stat(target)
    assert found is not None
    assert found.size == 5_000_001
    assert sys.platform == "win32" or found.mode == 0o700
    assert await place.names_in(place.folder) == [ODD_NAMES[0]]


@on_every_host
async def test_an_upload_that_fails_leaves_what_was_there(place: Place) -> None:
    target = f"{place.folder}/file"
    await place.host.write_durably(target, b"old")
    with here(b"new") as source:
        missing = place.host.upload(source.with_name("nothing"), target)
        assert (await error_of(missing)).code == "host.file-missing"
        assert (await error_of(place.host.upload(source.parent, target))).code == "host.file-unreadable"
        nowhere = place.host.upload(source, f"{place.folder}/nothing/file")
        assert (await error_of(nowhere)).code == "host.file-unwritable"
    assert await place.host.read(target) == b"old"
    assert await place.names_in(place.folder) == ["file"]


@on_every_host
async def test_only_a_file_that_is_there_has_a_hash(place: Place) -> None:
    assert (await error_of(place.host.sha256(f"{place.folder}/nothing"))).code == "host.file-missing"
    assert (await error_of(place.host.sha256(place.folder))).code == "host.file-unreadable"
