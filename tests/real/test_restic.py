"""restic itself, 0.18 and 0.19: what it keeps it gives back exactly, and each of its failures is told apart."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import Busy, Cancelled, Refused, UserError
from app.hosts.host import Command
from app.hosts.local import LocalHost
from app.tools.restic.backup import Headway, Label, Selection
from app.tools.restic.errors import DumpFailed
from app.tools.restic.names import as_pattern, shown
from app.tools.restic.output import Config, Entry
from app.tools.restic.preflight import preflight
from app.tools.restic.program import find_restic, private_programs, the_fit_restic
from app.tools.restic.repository import Restic
from app.tools.restic.session import Repository
from tests.guards import descendants
from tests.real.servers.restic import VERSIONS, SealedRepository, fresh_repository, restic_program
from tests.running import run

PASSWORD = " correct horse: \\'battery' "
ROOT = sys.platform == "linux" and os.geteuid() == 0
LABEL = Label("server", ("site:test", "run:1"))

# The kinds of names that trip programs up; the last two are not UTF-8.
ODD_NAMES = (
    *(b"plain", b"-rf", b"new\nline", b"st*r[1]?", b"back\\slash", b"quo\"te's", b"  spaces ", b"!bang"),
    *("zimní сад 🌱".encode(), b"\xef\xbf\xbd real replacement", b"latin-\xe9", b"cut \xe2\x82"),
)


@pytest.fixture(params=VERSIONS)
def program(request: pytest.FixtureRequest) -> str:
    return restic_program(request.param)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[LocalHost]:
    blocking = Blocking()
    yield LocalHost(blocking, tmp_path / "scratch")
    blocking.close()


class Place:
    """A repository of a test: made once, opened with any password."""

    def __init__(self, host: LocalHost, program: str, folder: Path) -> None:
        self.host = host
        self.program = program
        self.folder = folder / "repository"
        self.cache = folder / "cache"
        self.temporary = folder / "temporary"
        self.temporary.mkdir(parents=True)

    def restic(self, password: str = PASSWORD, *, address: str = "", program: str = "") -> Restic:
        repository = Repository(address or str(self.folder), str(self.cache), str(self.temporary))
        return Restic(self.host, program or self.program, repository, password)

    async def snapshots(self) -> list[str]:
        return [found.id for found in await self.restic().snapshots()]

    @property
    def locks(self) -> list[Path]:
        return list((self.folder / "locks").iterdir())


@pytest.fixture
def place(host: LocalHost, program: str, tmp_path: Path) -> Place:
    place = Place(host, program, tmp_path)
    fresh_repository(program, place.folder, PASSWORD)
    return place


def tree_of_odd_names(folder: Path) -> dict[bytes, bytes]:
    """A folder whose names trip programs up, and what is in each file."""
    content = {name: b"content of " + name for name in ODD_NAMES}
    folder.mkdir()
    for name, text in content.items():
        (folder / os.fsdecode(name)).write_bytes(text)
    return content


async def listed(restic: Restic, snapshot: str, path: str = "/", *, recursive: bool = False) -> list[Entry]:
    entries: list[Entry] = []

    async def take(batch: Sequence[Entry]) -> None:
        entries.extend(batch)

    await restic.tree(snapshot).ls(take, path, recursive=recursive)
    return entries


async def dumped(restic: Restic, snapshot: str, path: str) -> bytes:
    pieces: list[bytes] = []

    async def sink(piece: bytes) -> None:
        pieces.append(piece)

    await restic.tree(snapshot).dump(path, sink)
    return b"".join(pieces)


# --- what it keeps it gives back ------------------------------------------------------------------------------------


@pytest.mark.spec("B1", "R2", "R11")
def test_files_with_odd_names_come_back_byte_for_byte(place: Place, tmp_path: Path) -> None:
    content = tree_of_odd_names(tmp_path / "tree")
    source = tmp_path / "tree"
    os.utime(source / "plain", ns=(1, 1_500_000_000_123_456_789))
    (source / "plain").chmod(0o640)

    async def work() -> None:
        restic = place.restic()
        made = await restic.backup(Selection((str(source),)), LABEL)
        assert (made.partial, made.files, made.bytes) == (False, len(content), sum(map(len, content.values())))
        restored = await restic.tree(made.snapshot).restore(str(source), str(tmp_path / "out"))
        assert restored.bytes == made.bytes

    run(work())
    out = tmp_path / "out" / "tree"
    assert {os.fsencode(path.name): path.read_bytes() for path in out.iterdir()} == content
    stat = (out / "plain").stat()
    assert (stat.st_mtime_ns, stat.st_mode & 0o777) == (1_500_000_000_123_456_789, 0o640)


@pytest.mark.spec("R2")
def test_each_odd_name_is_listed_and_dumped_and_restored_alone(place: Place, tmp_path: Path) -> None:
    content = tree_of_odd_names(tmp_path / "tree")
    source = str(tmp_path / "tree")

    async def work() -> None:
        restic = place.restic()
        snapshot = (await restic.backup(Selection((source,)), LABEL)).snapshot
        entries = await listed(restic, snapshot, source)
        assert sorted(entry.name for entry in entries) == sorted(shown(os.fsdecode(name)) for name in content)
        for entry in entries:
            name = os.fsencode((await restic.tree(snapshot).real_path(entry.path)).rpartition("/")[2])
            assert await dumped(restic, snapshot, entry.path) == content[name]
        for name in (b"st*r[1]?", b"latin-\xe9", b"back\\slash"):
            await restic.tree(snapshot).restore(f"{source}/{os.fsdecode(name)}", str(tmp_path / "one"))

    run(work())
    names = sorted(os.fsencode(path.name) for path in (tmp_path / "one").iterdir())
    assert names == [b"back\\slash", b"latin-\xe9", b"st*r[1]?"]


@pytest.mark.spec("R2")
def test_names_that_are_shown_alike_are_not_mixed_up(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"folder-\xe9")
    folder.mkdir()
    for name in (b"a\xe9", b"a\xe8"):
        (folder / os.fsdecode(name)).write_bytes(name)

    async def work() -> None:
        restic = place.restic()
        snapshot = (await restic.backup(Selection((str(folder),)), LABEL)).snapshot
        with pytest.raises(UserError) as ambiguous:
            await dumped(restic, snapshot, f"{tmp_path}/folder-\ufffd/a\ufffd")
        assert ambiguous.value.code == "restic.name-ambiguous"
        assert await dumped(restic, snapshot, f"{folder}/{os.fsdecode(b'a' + bytes([0xE8]))}") == b"a\xe8"
        content = await dumped(restic, snapshot, f"{tmp_path}/folder-\ufffd")
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            names = {os.fsencode(member.name) for member in archive if member.isfile()}
        assert names == {b"folder-\xe9/a\xe9", b"folder-\xe9/a\xe8"}

    run(work())


@pytest.mark.spec("R2")
def test_more_paths_than_a_command_line_holds_are_all_taken(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    names = [f"{number:04} \n* {'x' * 60}" for number in range(300)]
    for name in names:
        (folder / name).write_text(name)

    async def work() -> None:
        restic = place.restic()
        made = await restic.backup(Selection(tuple(str(folder / name) for name in names)), LABEL)
        entries = await listed(restic, made.snapshot, str(folder))
        assert [entry.name for entry in entries] == names

    run(work())
    assert list(place.temporary.iterdir()) == []


@pytest.mark.spec("B2")
def test_what_is_excluded_is_not_taken(place: Place, tmp_path: Path) -> None:
    root = tmp_path / "ro[o]t"
    for name in ("keep/a", "logs/b", "cache/c", "big/d"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(b"x" * (5000 if name == "big/d" else 5))
    (root / "cache" / "CACHEDIR.TAG").write_bytes(b"Signature: 8a477f597d28d172789f06886806bc55")
    selection = Selection(
        (str(root),),
        excludes=(f"{as_pattern(str(root))}/logs",),
        exclude_caches=True,
        one_file_system=True,
        exclude_larger_than=4096,
    )

    async def work() -> None:
        restic = place.restic()
        made = await restic.backup(selection, LABEL)
        files = [entry.path for entry in await listed(restic, made.snapshot, recursive=True) if entry.type == "file"]
        assert files == [f"{root}/cache/CACHEDIR.TAG", f"{root}/keep/a"]

    run(work())


@pytest.mark.spec("B1")
def test_one_file_stands_at_the_top_of_its_snapshot(place: Place, tmp_path: Path) -> None:
    content = bytes(range(256)) * 300
    (tmp_path / "manifest.json").write_bytes(content)

    async def work() -> None:
        restic = place.restic()
        made = await restic.backup_one_file(str(tmp_path), "manifest.json", LABEL)
        assert [entry.path for entry in await listed(restic, made.snapshot)] == ["/manifest.json"]
        assert await dumped(restic, made.snapshot, "/manifest.json") == content
        await restic.tree(made.snapshot).restore("/manifest.json", str(tmp_path / "out"))
        (found,) = await restic.snapshots(LABEL.tags)
        assert (found.id, found.hostname, found.tags) == (made.snapshot, "server", list(LABEL.tags))

    run(work())
    assert (tmp_path / "out" / "manifest.json").read_bytes() == content


@pytest.mark.spec("B3")
def test_a_commands_output_becomes_a_file_and_the_command_gets_no_secret(place: Place) -> None:
    script = "import os,sys; sys.stdout.write(repr((sys.stdin.read(), dict(os.environ))))"

    async def work() -> None:
        restic = place.restic()
        command = Command(sys.executable, ("-c", script), environment={"MARK": "passed on"})
        made = await restic.backup_output(command, "x.dump", LABEL)
        stdin, environment = eval((await dumped(restic, made.snapshot, "/x.dump")).decode())
        assert (stdin, environment["MARK"]) == ("", "passed on")
        assert PASSWORD not in repr(environment)

    run(work())


@pytest.mark.spec("R1", "R2")
def test_snapshots_are_found_by_all_their_tags_and_files_by_name(place: Place, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "Sensor.ini").write_text("x")

    async def work() -> None:
        restic = place.restic()
        first = await restic.backup(Selection((str(tmp_path / "tree"),)), Label("one", ("site:a", "run:1")))
        await restic.backup(Selection((str(tmp_path / "tree"),)), Label("one", ("site:a", "run:2")))
        assert [found.id for found in await restic.snapshots(("site:a", "run:1"))] == [first.snapshot]
        assert len(await restic.snapshots(("site:a",))) == 2
        assert await restic.snapshots(("site:none",)) == []
        (found,) = await restic.find("sensor*", first.snapshot, ignore_case=True)
        assert [entry.path for entry in found.matches] == [f"{tmp_path}/tree/Sensor.ini"]
        assert len(await restic.find("Sensor*")) == 2
        assert await restic.find("sensor*") == []
        assert (await restic.stats()).snapshots_count == 2

    run(work())


def test_headway_is_told_while_a_backup_runs(place: Place) -> None:
    told: list[Headway] = []
    script = "import sys,time\nfor _ in range(12): sys.stdout.write('x' * 100_000); sys.stdout.flush(); time.sleep(0.1)"

    async def work() -> None:
        command = Command(sys.executable, ("-c", script))
        await place.restic().backup_output(command, "slow.dump", LABEL, told.append)

    run(work())
    assert "/slow.dump" in [headway.current for headway in told]


# --- partial --------------------------------------------------------------------------------------------------------


@pytest.mark.spec("B5")
def test_what_cannot_be_read_makes_a_backup_partial_and_is_named(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "tree"
    (source / "closed").mkdir(parents=True)
    (source / "secret").write_text("x")
    (source / "open").write_text("x")
    (source / "secret").chmod(0)
    (source / "closed").chmod(0)

    async def work() -> None:
        restic = place.restic(program=without_the_rights_of_root(place.program, tmp_path))
        made = await restic.backup(Selection((str(source),)), LABEL)
        assert made.partial
        assert {item.path for item in made.unreadable} == {str(source / "secret"), str(source / "closed")}
        assert all("permission denied" in item.why for item in made.unreadable)
        assert made.unreadable_count == 2
        files = await listed(restic, made.snapshot, recursive=True)
        assert str(source / "open") in [entry.path for entry in files]

    run(work())


def without_the_rights_of_root(program: str, folder: Path) -> str:
    """A restic to which closed files are closed, also when root runs the tests."""
    if not ROOT:
        return program
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not here, and root may read everything")
    script = folder / "restic-with-fewer-rights"
    rights = "-dac_override,-dac_read_search"
    script.write_text(f'#!/bin/sh\nexec setpriv --bounding-set={rights} --inh-caps={rights} {program} "$@"\n')
    script.chmod(0o755)
    return str(script)


@pytest.mark.spec("B5")
@pytest.mark.parametrize("name", ["vanished", "two\nlines", "latin-\udce9"])
def test_a_source_that_vanished_makes_a_backup_partial(place: Place, tmp_path: Path, name: str) -> None:
    (tmp_path / "there").write_text("x")

    async def work() -> None:
        selection = Selection((str(tmp_path / "there"), str(tmp_path / name)))
        made = await place.restic().backup(selection, LABEL)
        assert made.partial
        assert [item.path for item in made.unreadable] == [shown(str(tmp_path / name))]
        assert made.unreadable_count == 1

    run(work())


def test_no_source_at_all_is_an_error_of_its_own(place: Place, tmp_path: Path) -> None:
    async def work() -> None:
        await expect("restic.sources-missing", place.restic().backup(Selection((str(tmp_path / "no"),)), LABEL))
        await expect("restic.sources-missing", place.restic().backup_one_file(str(tmp_path), "no", LABEL))
        assert await place.snapshots() == []

    run(work())


# --- each failure is told apart -------------------------------------------------------------------------------------


async def expect(code: str, work: object) -> UserError:
    with pytest.raises(UserError) as caught:
        await work  # type: ignore[misc]  # any awaitable
    assert caught.value.code == code, caught.value
    return caught.value


@pytest.mark.spec("P1")
def test_a_new_repository_opens_with_its_password(host: LocalHost, program: str, tmp_path: Path) -> None:
    place = Place(host, program, tmp_path)

    async def work() -> None:
        made = await place.restic().init()
        assert await place.restic().config() == Config(id=made, version=2)
        assert await place.snapshots() == []

    run(work())


@pytest.mark.spec("P1", "X3")
def test_a_wrong_password_no_repository_and_an_existing_one_are_told_apart(place: Place, tmp_path: Path) -> None:
    async def work() -> None:
        await expect("restic.wrong-password", place.restic("wrong").config())
        await expect("restic.wrong-password", place.restic(PASSWORD.strip()).config())
        await expect("restic.no-repository", place.restic(address=str(tmp_path / "nothing")).snapshots())
        already = await expect("restic.already-there", place.restic().init())
        assert isinstance(already, Refused)
        assert len((await place.restic().config()).id) == 64

    run(work())


@pytest.mark.spec("P2")
def test_a_lock_says_who_holds_it(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    name = SealedRepository(place.folder, PASSWORD).lock(user="eva", computer="greenhouse laptop", pid=4242)

    async def work() -> None:
        error = await expect("restic.locked", place.restic().backup(Selection((str(tmp_path / "file"),)), LABEL))
        assert isinstance(error, Busy)
        assert "eva on greenhouse laptop (process 4242" in str(error.problem.what)
        (lock,) = await place.restic().locks()
        assert (lock.id, lock.username, lock.hostname, lock.pid, lock.exclusive) == (
            *(name, "eva", "greenhouse laptop", 4242, True),
        )
        waiting = Repository(str(place.folder), str(place.cache), retry_lock=1)
        began = time.monotonic()
        await expect("restic.locked", Restic(place.host, place.program, waiting, PASSWORD).config())
        assert time.monotonic() - began > 1
        assert await place.snapshots() == []

    run(work())


@pytest.mark.spec("P3")
def test_a_newer_format_is_not_called_damage(place: Place) -> None:
    SealedRepository(place.folder, PASSWORD).change_config(lambda config: config.update(version=9))
    run(expect("restic.newer-format", place.restic().config()))


def test_a_damaged_repository_is_called_so(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(100_000))

    made = run(place.restic().backup(Selection((str(tmp_path / "file"),)), LABEL))
    for pack in (place.folder / "data").rglob("*"):
        if pack.is_file():
            pack.chmod(0o600)
            pack.write_bytes(pack.read_bytes()[:1000] + b"damage" + pack.read_bytes()[1006:])
    run(expect("restic.damaged", dumped(place.restic(), made.snapshot, str(tmp_path / "file"))))


@pytest.mark.spec("R2")
def test_a_snapshot_or_a_path_that_is_not_there_is_an_error(place: Place, tmp_path: Path) -> None:
    """restic itself lists, finds and restores nothing there, and calls that success."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_text("x")
    missing = str(tmp_path / "tree" / "missing")

    async def work() -> None:
        restic = place.restic()
        snapshot = (await restic.backup(Selection((str(tmp_path / "tree"),)), LABEL)).snapshot
        for path in (missing, f"{missing}/deeper"):
            await expect("restic.no-such-path", listed(restic, snapshot, path))
            await expect("restic.no-such-path", dumped(restic, snapshot, path))
            await expect("restic.no-such-path", restic.tree(snapshot).restore(path, str(tmp_path / "out")))
        await expect("restic.no-such-path", listed(restic, snapshot, f"{missing}\ufffd"))
        nowhere = "0" * 64
        await expect("restic.no-such-snapshot", listed(restic, nowhere))
        await expect("restic.no-such-snapshot", dumped(restic, nowhere, "/x"))
        await expect("restic.no-such-snapshot", restic.find("x", nowhere))
        await expect("restic.no-such-snapshot", restic.tree(nowhere).restore("/x", str(tmp_path / "out")))

    run(work())


@pytest.mark.spec("B3")
@pytest.mark.parametrize("ending", ["raise SystemExit(7)", "import os; os.kill(os.getpid(), 9)"])
def test_a_dump_that_fails_leaves_no_snapshot(place: Place, ending: str) -> None:
    script = f"import sys; print('half a dump'); sys.stdout.flush(); print('oh no', file=sys.stderr)\n{ending}"

    async def work() -> None:
        command = Command(sys.executable, ("-c", script))
        error = await expect("restic.dump-failed", place.restic().backup_output(command, "x.dump", LABEL))
        assert isinstance(error, DumpFailed)
        assert error.said == "oh no"
        assert error.ended == ("exit status 7" if "7" in ending else "signal: killed")
        assert await place.snapshots() == []

    run(work())
    assert place.locks == []


@pytest.mark.spec("B3")
def test_a_dump_that_cannot_start_or_writes_nothing_is_an_error(place: Place, tmp_path: Path) -> None:
    async def work() -> None:
        missing = Command(str(tmp_path / "no-such-program"))
        await expect("restic.dump-failed", place.restic().backup_output(missing, "x.dump", LABEL))
        assert await place.snapshots() == []
        await expect("restic.dump-empty", place.restic().backup_output(Command("true"), "x.dump", LABEL))

    run(work())


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own that is soon full."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if not ROOT or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root on Linux only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.spec("X3")
def test_a_full_disk_is_named_wherever_it_is(place: Place, program: str, host: LocalHost, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for big in (first, second):
        big.write_bytes(os.urandom(12_000_000))
    made = run(place.restic().backup(Selection((str(first),)), LABEL))
    selection = Selection((str(second),))
    with small_disk(tmp_path / "small", "8m") as full:
        restore = place.restic().tree(made.snapshot).restore(str(first), str(full / "out"))
        run(expect("restic.target-full", restore))
        shutil.rmtree(full / "out")

        temporary = Repository(str(place.folder), str(place.cache), str(full))
        run(expect("restic.temporary-full", Restic(host, program, temporary, PASSWORD).backup(selection, LABEL)))

        small = Place(host, program, full)
        small.temporary = place.temporary
        fresh_repository(program, small.folder, PASSWORD)
        run(expect("restic.repository-full", small.restic().backup(selection, LABEL)))
        assert small.locks == []
        assert run(small.snapshots()) == []


@pytest.mark.spec("X3")
def test_a_full_disk_below_the_cache_is_named_or_does_not_matter(place: Place, program: str, tmp_path: Path) -> None:
    """0.18 works on without a cache; 0.19 ends."""

    with small_disk(tmp_path / "small", "1m") as full:
        (full / "filler").write_bytes(b"x" * shutil.disk_usage(full).free)
        restic = Restic(place.host, program, Repository(str(place.folder), str(full / "cache")), PASSWORD)
        if program == restic_program("0.18"):
            assert run(restic.snapshots()) == []
        else:
            run(expect("restic.cache-full", restic.snapshots()))


@pytest.mark.spec("X3")
def test_a_repository_that_may_not_be_written_is_told_apart(place: Place, tmp_path: Path) -> None:
    (place.folder / "locks").chmod(0o500)
    restic = place.restic(program=without_the_rights_of_root(place.program, tmp_path))
    run(expect("restic.not-permitted", restic.config()))
    (place.folder / "locks").chmod(0o700)


# --- a restic that says nonsense ------------------------------------------------------------------------------------


class Liar:
    """A program in restic's place that says what a test wants."""

    def __init__(self, host: LocalHost, folder: Path) -> None:
        self._host = host
        self._folder = folder

    def saying(self, stdout: bytes, stderr: bytes = b"", code: int = 0) -> Restic:
        """A restic that says this, whatever it is asked."""
        (self._folder / "said").write_bytes(stdout)
        (self._folder / "complained").write_bytes(stderr)
        program = self._folder / "liar"
        program.write_text(
            f"#!/bin/sh\ncat >/dev/null\ncat {self._folder}/said\ncat {self._folder}/complained >&2\nexit {code}\n"
        )
        program.chmod(0o755)
        return Restic(self._host, str(program), Repository("/repository", "/cache"), PASSWORD)


@pytest.fixture
def liar(host: LocalHost, tmp_path: Path) -> Liar:
    return Liar(host, tmp_path)


SUMMARY = b'{"message_type":"summary","snapshot_id":"abc","total_files_processed":2,"total_duration":-9e9,"new":[1]}\n'
ALL = Selection(("/source",))


def test_garbage_around_a_summary_does_no_harm(liar: Liar) -> None:
    garbage = b'\x00\xff\xfe\x1b[2K{"message_type":"status"\n[1,2\n{"message_type":"new kind"}\n{}\nnull\n'
    long_line = b'{"message_type":"status","current_files":["' + b"x" * 10_000_000 + b'"]}\n'
    restic = liar.saying(garbage + long_line + SUMMARY + garbage, garbage + b"y" * 10_000_000)
    made = run(restic.backup(ALL, LABEL))
    assert (made.snapshot, made.files, made.partial) == ("abc", 2, False)


@pytest.mark.spec("B5", "X3")
@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("said", [b"", b"garbage\n", b'{"message_type":"summary"}\n', SUMMARY[:-20]])
def test_without_a_summary_it_is_never_success(liar: Liar, said: bytes, code: int) -> None:
    run(expect("restic.no-summary", liar.saying(said, code=code).backup(ALL, LABEL)))


def test_a_summary_does_not_outweigh_the_exit_code(liar: Liar) -> None:
    for code in (1, 2, 99):
        run(expect("restic.failed", liar.saying(SUMMARY, b"panic: something\n", code).backup(ALL, LABEL)))


def test_a_full_disk_behind_a_restore_is_believed_before_its_summary(liar: Liar) -> None:
    summary = b'{"message_type":"summary","total_files":10,"files_restored":10,"total_bytes":9,"bytes_restored":9}\n'
    error = b'{"message_type":"error","error":{"message":"write /t/big: no space left on device"},"during":"restore"}\n'
    restic = liar.saying(summary, error, 1)
    run(expect("restic.target-full", restic.tree("abc").restore("/big", "/t")))


def test_answers_that_are_no_answer_are_an_error(liar: Liar) -> None:
    restic = liar.saying(b"hello\n")

    async def nothing(batch: Sequence[Entry]) -> None:
        raise AssertionError

    for asked in (restic.snapshots(), restic.config(), restic.stats(), restic.find("x"), restic.locks()):
        run(expect("restic.unclear-answer", asked))
    run(expect("restic.no-summary", restic.init()))
    run(expect("restic.no-such-path", restic.tree("abc").ls(nothing, "/x")))
    node = b'{"struct_type":"node","path":["no"],"type":"file"}\n'
    run(expect("restic.unclear-answer", liar.saying(node).tree("abc").ls(nothing)))


def test_a_listing_of_any_length_comes_in_batches(liar: Liar) -> None:
    lines = b"".join(
        b'{"path":"/%d","type":"file","size":%d,"struct_type":"node","later":{}}\n' % (number, number)
        for number in range(50_000)
    )
    restic = liar.saying(lines)
    sizes: list[int] = []

    async def take(batch: Sequence[Entry]) -> None:
        sizes.append(len(batch))

    run(restic.tree("abc").ls(take, recursive=True))
    assert sum(sizes) == 50_000
    assert len(sizes) > 10


# --- cancel ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def slow_backup(place: Place) -> AsyncIterator[asyncio.Task[object]]:
    """A backup under way of a dump that does not end."""
    script = "import sys,time; sys.stdout.write('x' * 1_000_000); sys.stdout.flush(); time.sleep(600)"
    command = Command(sys.executable, ("-c", script))
    began = asyncio.Event()
    work = place.restic().backup_output(command, "x.dump", LABEL, lambda _: began.set())
    task: asyncio.Task[object] = asyncio.create_task(work)
    await asyncio.wait_for(began.wait(), 30)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def works(process: psutil.Process) -> bool:
    """Whether it still runs; a dead one that its new parent has not yet buried does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.spec("J2")
def test_cancel_leaves_no_snapshot_no_lock_and_no_dump(place: Place) -> None:
    async def work() -> None:
        async with slow_backup(place) as task:
            assert place.locks != []
            ours = descendants()
            assert len(ours) >= 2
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not any(works(process) for process in ours)
        assert await place.snapshots() == []

    run(work())
    assert place.locks == []
    assert list(place.temporary.iterdir()) == []


def restics_running() -> list[psutil.Process]:
    return [process for process in psutil.Process().children() if process.name().startswith("restic")]


@pytest.mark.spec("J2")
def test_an_interrupt_from_outside_counts_as_cancelled(place: Place) -> None:
    async def work() -> None:
        async with slow_backup(place) as task:
            for process in restics_running():
                process.terminate()
            with pytest.raises(Cancelled) as caught:
                await task
        assert caught.value.code == "restic.interrupted"

    run(work())
    assert place.locks == []


@pytest.mark.spec("J2", "P2")
def test_a_restic_that_is_killed_says_so_and_its_lock_is_removed(place: Place) -> None:
    async def work() -> None:
        async with slow_backup(place) as task:
            for process in restics_running():
                process.kill()
            await expect("restic.killed", task)
        assert await place.snapshots() == []

    run(work())
    assert place.locks == []


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.spec("S4")
def test_no_secret_is_in_any_argument_or_environment(place: Place, tmp_path: Path) -> None:
    """Every exec of restic is recorded on its way, and so is that of the dump it starts."""
    record = tmp_path / "record"
    shim = tmp_path / "restic-recorded"
    dump = f"(tr '\\0' '\\n' < /proc/$$/cmdline; env) >> {record}"
    shim.write_text(f'#!/bin/sh\n{dump}\nexec {place.program} "$@"\n')
    shim.chmod(0o755)

    async def work() -> None:
        restic = place.restic(program=str(shim))
        await restic.backup_output(Command("/bin/sh", ("-c", f"{dump}; echo x")), "x.dump", LABEL)
        await restic.snapshots()

    run(work())
    recorded = record.read_text()
    assert recorded.count("RESTIC_PROGRESS_FPS") == 3
    assert PASSWORD.strip() not in recorded
    assert "battery" not in recorded


@pytest.mark.spec("S3", "S4")
@pytest.mark.parametrize(
    "address", ["rest:http://user:secret@127.0.0.1:1/", "s3:https://key:secret@host/bucket", "rest:http://user@host/"]
)
def test_an_address_with_credentials_is_refused(host: LocalHost, address: str) -> None:
    with pytest.raises(Refused) as refused:
        Restic(host, "restic", Repository(address, "/cache"), "x")
    assert refused.value.code == "repository.credentials-in-address"
    assert "key:" not in repr(refused.value.problem)
    assert "user" not in repr(refused.value.problem)


@pytest.mark.parametrize("password", ["", "two\nlines", "ends with a return\r", "nul\0"])
def test_a_password_that_restic_would_cut_is_refused(host: LocalHost, password: str) -> None:
    with pytest.raises(Refused) as refused:
        Restic(host, "restic", Repository("/repository", "/cache"), password)
    assert refused.value.code == "restic.password-unusable"


def test_relative_paths_are_refused(place: Place) -> None:
    with pytest.raises(Refused) as refused:
        place.restic(address="repository")
    assert refused.value.code == "repository.not-absolute"
    run(expect("restic.path-not-absolute", place.restic().backup(Selection(("relative",)), LABEL)))


# --- finding it, and the repository ---------------------------------------------------------------------------------


@pytest.mark.spec("P3")
def test_the_first_fit_restic_is_used_and_the_others_are_named(host: LocalHost, program: str, tmp_path: Path) -> None:
    scripts = {
        "old": "#!/bin/sh\necho 'restic 0.14.0 compiled with go1.19.8 on linux/amd64'\n",
        "other": "#!/bin/sh\necho hello\n",
        "broken": "not a program",
        "tool-0.9": "#!/bin/sh\necho 'restic 0.9 compiled'; exit 3\n",
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    missing = str(tmp_path / "missing")

    async def work() -> None:
        versions: dict[str, str] = {}
        candidates = [*(str(tmp_path / name) for name in scripts), missing, program]
        found = await find_restic(host, candidates, versions)
        assert [(Path(tool.path).name, tool.fit) for tool in found] == [
            *((name, False) for name in (*scripts, "missing")),
            (Path(program).name, True),
        ]
        assert found[0].version == "0.14.0"
        assert "0.18" in str(found[0].why)
        assert the_fit_restic(found).path == program
        assert sorted(versions.values()) == sorted(["0.14.0", found[-1].version])
        versions.update(dict.fromkeys(versions, "9.9"))
        again = await find_restic(host, candidates, versions)
        assert again[-1].version == "9.9"  # not asked again
        with pytest.raises(UserError) as too_old:
            the_fit_restic(found[:1])
        assert too_old.value.code == "restic.too-old"
        with pytest.raises(UserError) as none:
            the_fit_restic(await find_restic(host, [missing], versions))
        assert none.value.code == "restic.missing"

    run(work())


def test_private_restics_are_offered_newest_first(tmp_path: Path) -> None:
    for version in ("0.18.1", "0.9.6", "0.19.0"):
        (tmp_path / "restic" / version).mkdir(parents=True)
        (tmp_path / "restic" / version / "restic").write_text("x")
    (tmp_path / "restic" / "0.20.0.part").mkdir()
    names = [Path(path).parent.name for path in private_programs(tmp_path)]
    assert names == ["0.19.0", "0.18.1", "0.9.6"]
    assert private_programs(tmp_path / "nothing") == []


@pytest.mark.spec("X3")
def test_an_unreachable_repository_is_found_in_seconds(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        port = nobody.getsockname()[1]
        addresses = (
            *(f"{tmp_path}/unplugged/repository", f"{tmp_path}/file", f"rest:http://127.0.0.1:{port}/site/"),
            *(f"s3:http://127.0.0.1:{port}/bucket/site", "rest:http://127.0.0.1:99999/"),
        )
        for address in addresses:
            error = run(expect("repository.unreachable", preflight(host, address)))
            assert address in str(error.problem.what)


def test_a_repository_that_answers_passes(host: LocalHost, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for address in (f"{tmp_path}/new", str(tmp_path), f"rest:http://127.0.0.1:{port}/x/", "sftp:nobody@nowhere:/x"):
            run(preflight(host, address))
