"""Effects alone, on this computer: what each does, undoes, and says of itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.events import Recorded, Warned
from app.hosts.local import LocalHost
from app.hosts.orphans import orphans_of
from app.hosts.running import Patience
from app.jobs.cutover.plan import StagingPlan, decode, encode
from app.jobs.effects.commands import RunCommand
from app.jobs.effects.effect import Happened, World
from app.jobs.effects.every import AnyEffect, TakenBack
from app.jobs.effects.paths import NOTHING, ClearPaths, ExchangePaths, KeepLive, RenamePath, ReplaceFile
from app.jobs.sources.driver import Equipment
from app.runs.context import LoggedHost, RunContext
from app.settings.command import CommandWhen
from app.settings.model import THIS_COMPUTER, Repository, Site
from tests.running import run

pytestmark = pytest.mark.spec("R8")

RUN = "0123456789abcdef" * 2

Story = Callable[[World, list[Recorded], Path], Coroutine[Any, Any, None]]


def on_this_computer(story: Story) -> Callable[[Path], None]:
    """Makes a test of a story; what is told while it goes is in its list."""

    async def told(folder: Path) -> None:
        blocking, events = Blocking(), list[Recorded]()

        async def log(_piece: bytes) -> None:
            pass

        async def no_records(_site: str, _path: str) -> dict[str, int]:
            return {}

        here = LocalHost(blocking, folder / "scratch", Patience(interrupt=0.3, terminate=0.2, output=0.3))
        hosts = {THIS_COMPUTER: LoggedHost(here, RUN, log)}
        context = RunContext(RUN, hosts, {}, events.append, None)  # type: ignore[arg-type]  # no effect asks for them
        (folder / "place").mkdir()
        try:
            equipment = Equipment(blocking, {}, sys.executable, no_records)
            await story(World(context, equipment), events, folder / "place")
        finally:
            blocking.close()

    def test(tmp_path: Path) -> None:
        run(told(tmp_path))

    test.__name__ = story.__name__
    return test


async def refusal(work: Coroutine[Any, Any, None]) -> str:
    """The code of the error it ends with."""
    with pytest.raises(UserError) as refused:
        await work
    return refused.value.code


def python(source: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", source, *arguments)


def command(run: tuple[str, ...], **others: Any) -> RunCommand:
    given = {"name": "one", "host": THIS_COMPUTER, "when": CommandWhen.STOP, **others}
    return RunCommand(run=run, **given)


@on_this_computer
async def test_a_command_that_fails_says_so_unless_it_may(world: World, events: list[Recorded], place: Path) -> None:
    fails = python("import sys; print('no such service'); sys.exit(3)")
    with pytest.raises(UserError) as failed:
        await command(fails).do(world)
    assert failed.value.code == "restore.command-failed"
    assert "no such service" in failed.value.problem.detail
    await command(fails, optional=True).do(world)
    (warned,) = [event for event in events if isinstance(event, Warned)]
    assert warned.warning.code == "restore.command-failed"
    await command(fails).undo(world)
    assert await refusal(command((), undoing=fails).undo(world)) == "restore.command-failed"


@on_this_computer
async def test_a_command_that_hangs_or_prints_for_ever_is_ended(
    world: World, events: list[Recorded], place: Path
) -> None:
    hangs = command(python("import time; time.sleep(600)"), timeout=0.5)
    assert await refusal(hangs.do(world)) == "restore.command-overdue"
    chatty = python("import os\nwhile True: os.write(2, b'-' * 65536)")
    assert await refusal(command(chatty, timeout=60).do(world)) == "restore.command-endless"
    quiet = python("import os\nwhile True: os.write(1, b'-' * 65536)")
    assert await refusal(command(quiet, timeout=0.5).do(world)) == "restore.command-overdue"
    assert orphans_of(RUN) == []


@pytest.mark.skipif(sys.platform == "win32", reason="sessions as POSIX has them")
@on_this_computer
async def test_a_service_that_was_started_is_no_orphan_of_the_run(
    world: World, events: list[Recorded], place: Path
) -> None:
    service = "import subprocess,sys; p=subprocess.Popen([sys.executable,'-c','import time; time.sleep(600)'],"
    service += "start_new_session=True,stdin=-3,stdout=-3,stderr=-3); open(sys.argv[1],'w').write(str(p.pid))"
    for when, left in ((CommandWhen.START, 0), (CommandWhen.STOP, 1)):
        pid = place / when.value
        await command(python(service, str(pid)), when=when).do(world)
        assert len(orphans_of(RUN)) == left
        os.kill(int(pid.read_text()), 9)


@on_this_computer
async def test_a_rename_never_replaces_and_knows_its_tree(world: World, events: list[Recorded], place: Path) -> None:
    one, other = place / "one", place / "other"
    one.mkdir()
    effect = RenamePath(host=THIS_COMPUTER, path=str(one), target=str(other), inode=one.stat().st_ino)
    assert await effect.happened(world) is Happened.NO
    await effect.undo(world)
    other.mkdir()
    assert await refusal(effect.do(world)) == "host.file-exists"
    other.rmdir()
    for _ in range(2):
        await effect.do(world)
        assert await effect.happened(world) is Happened.YES
    assert await TakenBack(effect).happened(world) is Happened.NO
    await TakenBack(effect).do(world)
    assert one.exists()
    one.rename(place / "kept")  # so that its inode is not given again
    one.mkdir()
    assert await effect.happened(world) is Happened.UNCLEAR
    assert await TakenBack(effect).happened(world) is Happened.UNCLEAR
    assert await refusal(effect.do(world)) == "effect.unclear"
    assert await refusal(effect.undo(world)) == "effect.unclear"


@on_this_computer
async def test_an_exchange_stops_at_what_it_does_not_know(world: World, events: list[Recorded], place: Path) -> None:
    live, staged, kept = (place / name for name in ("live", "staged", "kept"))
    live.mkdir()
    staged.mkdir()
    effect = ExchangePaths(
        host=THIS_COMPUTER, live=str(live), staged=str(staged), kept=str(kept),
        old=live.stat().st_ino, new=staged.stat().st_ino,
    )  # fmt: skip
    kept.mkdir()
    assert await refusal(effect.do(world)) == "effect.unclear"
    kept.rmdir()
    await effect.do(world)
    assert await effect.happened(world) is Happened.YES
    back = effect.reversed(str(place / "again"))
    assert await back.happened(world) is Happened.NO
    await back.do(world)
    assert (await back.happened(world), live.stat().st_ino) == (Happened.YES, effect.old)
    assert (place / "again").stat().st_ino == effect.new
    assert await effect.happened(world) is Happened.NO  # the other has gone elsewhere
    assert await refusal(effect.do(world)) == "effect.unclear"


@on_this_computer
async def test_a_file_that_was_not_there_is_taken_away_again(world: World, events: list[Recorded], place: Path) -> None:
    path, source = place / "there", place / "source"
    source.write_bytes(b"new")
    effect = ReplaceFile(
        host=THIS_COMPUTER, path=str(path), source=str(source), kept=str(place / "kept"),
        before=NOTHING, after=sha256(b"new").hexdigest(),
    )  # fmt: skip
    assert await effect.happened(world) is Happened.NO
    await effect.undo(world)
    await effect.do(world)
    assert (path.read_bytes(), await effect.happened(world)) == (b"new", Happened.YES)
    await effect.undo(world)
    assert not path.exists()
    path.write_bytes(b"somebody's")
    assert await effect.happened(world) is Happened.UNCLEAR
    assert await refusal(effect.do(world)) == "effect.unclear"
    assert await refusal(effect.undo(world)) == "effect.unclear"
    assert path.read_bytes() == b"somebody's"


@pytest.mark.spec("R6")
@on_this_computer
async def test_what_is_kept_of_the_live_site_is_as_it_was_last(
    world: World, events: list[Recorded], place: Path
) -> None:
    live, staged = place / "live", place / "staged"
    for tree in (live, staged):
        tree.mkdir()
        (tree / ".env").write_text(f"of {tree.name}")
    (live / ".env").chmod(0o640)
    keep = KeepLive(host=THIS_COMPUTER, live=str(live), staged=str(staged), path=".env", old=live.stat().st_ino)
    absent = msgspec.structs.replace(keep, path="absent")
    assert await keep.happened(world) is Happened.NO
    for effect in (keep, keep, absent):
        await effect.do(world)
        assert await effect.happened(world) is Happened.YES
    found = (staged / ".env").stat()
    assert ((staged / ".env").read_text(), found.st_mode) == ("of live", (live / ".env").stat().st_mode)
    live.rename(place / "old")
    staged.rename(live)
    (live / ".env").write_text("of the restored one, later")
    (place / "old").rename(staged)
    await keep.do(world)
    assert (staged / ".env").read_text() == "of live"


@pytest.mark.spec("R6")
@on_this_computer
async def test_caches_are_cleared_by_patterns_and_nothing_else(
    world: World, events: list[Recorded], place: Path
) -> None:
    for path in ("views/a", "views/b", "cache/x/data", "cache/y/data", "cache/y/keep.txt", "boot/a.php", "boot/a.txt"):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text("")
    (place / "elsewhere").mkdir()
    (place / "elsewhere" / "data").write_text("")
    if sys.platform != "win32":
        (place / "cache" / "link").symlink_to(place / "elsewhere")
    patterns = ("views/*", "cache/*/data", "boot/*.php", "absent/*")
    await ClearPaths(host=THIS_COMPUTER, folder=str(place), patterns=patterns).do(world)
    assert files_below(place) == {"cache/y/keep.txt", "boot/a.txt", "elsewhere/data"}


def files_below(place: Path) -> set[str]:
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}


# --- the plan that holds them ----------------------------------------------------------------------------------------


def a_plan(*effects: AnyEffect) -> StagingPlan:
    site = Site(name="north-house", repository=Repository(url="/repository"))
    return StagingPlan(run=RUN, kind="restore", site=site, point="0" * 32, effects=effects, spots=())


def test_a_plan_survives_being_written_down() -> None:
    odd = os.fsdecode(b"/site/not \xff text") if sys.platform != "win32" else "C:\\site"
    rename = RenamePath(host="server", path=odd, target="/site/теплица", inode=2**63)
    plan = a_plan(rename, TakenBack(rename), command(("true",), when=CommandWhen.SMOKE))
    assert decode(encode(plan)) == plan
    assert plan.decisive == (0, 1)
    assert plan.settled == 2


def test_a_smoke_check_comes_last() -> None:
    smoke, stop = command(("true",), when=CommandWhen.SMOKE), command(("true",))
    with pytest.raises(ValueError, match="smoke"):
        a_plan(smoke, stop)


def test_a_plan_of_a_newer_program_and_a_damaged_one_are_refused() -> None:
    newer = encode(a_plan()).replace(b'"format": 1', b'"format": 2')
    for content, code in (
        (newer, "restore.plan-newer"),
        (b"{", "restore.plan-unreadable"),
        (b"\xff", "restore.plan-unreadable"),
    ):
        with pytest.raises(UserError) as refused:
            decode(content)
        assert refused.value.code == code
