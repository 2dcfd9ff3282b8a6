"""Retention on real repositories: what was named goes, whole, its space comes free, and nothing is left half done."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.assembly import Overwinter
from app.foundation.errors import Refused
from app.foundation.events import Outcome, StepOutcome
from app.jobs.backup import BackupChoice
from app.jobs.plan import AnyPlan
from app.jobs.points import Point
from app.jobs.retention.deletion import phrase_of
from app.jobs.retention.keep import KeepChoice
from app.jobs.retention.removal import PRUNED, REMOVED, REMOVING
from app.records.run import Run
from app.runs.files import LOG
from tests.histories import DAY, Made, snapshots_of
from tests.real.practice import opened
from tests.real.servers.restic import VERSIONS, SealedRepository, fresh_repository, restic_program
from tests.retention_model import ZONES, World, histories, policies
from tests.running import run

SITE = "north-house"
PASSWORD = "correct horse"
SITE_FILE = """
format = 1
name = "north-house"
[repository]
url = "{repository}"
[[sources]]
name = "www"
kind = "files"
root = "{root}"
[retention]
keep_last = 2
keep_daily = 0
keep_weekly = 0
keep_monthly = 0
"""
NOW = datetime.now(UTC)
COMMANDS = ("cat", "snapshots", "backup", "forget", "prune", "dump")


class Place:
    """A site with a tree of one file and a repository; each opening of it is the program started anew."""

    def __init__(self, folder: Path, program: str, use: Callable[[str], None]) -> None:
        self.folder = folder
        self.program = program
        self.use = use
        """Makes the program use this restic from the next opening on."""
        folder.mkdir(exist_ok=True)
        self.root = folder / "tree"
        self.root.mkdir()
        (self.root / "file").write_text("content")
        self.address = str(folder / "repository")
        self.site_file = SITE_FILE
        fresh_repository(program, folder / "repository", PASSWORD)

    @property
    def sealed(self) -> SealedRepository:
        return SealedRepository(self.folder / "repository", PASSWORD)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Overwinter]:
        async with opened(self.folder) as app:
            content = self.site_file.format(repository=self.address, root=self.root)
            await app.add_site(content.encode(), replace=True)
            await app.set_secret(SITE, "repository-password", PASSWORD)
            yield app

    def restic(self, *arguments: str) -> bytes:
        """restic itself, without Overwinter."""
        command = [self.program, "-r", str(self.folder / "repository"), "--no-cache", *arguments]
        return subprocess.run(command, input=PASSWORD.encode() + b"\n", capture_output=True, check=True).stdout

    def write(self, *history: Made) -> None:
        """Puts a history into the repository."""
        self.restic("backup", "--tag", "site:another", str(self.root))
        tree = msgspec.json.decode(self.restic("snapshots", "--json"))[0]["tree"]
        sealed = self.sealed
        for made in history:
            for one in snapshots_of(made):
                sealed.add_snapshot(tree, one.time, made.laptop, one.tags)

    def snapshots(self) -> dict[str, list[str]]:
        """What restic itself lists: the tags of each snapshot."""
        listed = msgspec.json.decode(self.restic("snapshots", "--json", "--no-lock"))
        return {one["id"]: one["tags"] for one in listed}

    def packs(self) -> int:
        return sum(file.is_file() for file in (self.folder / "repository" / "data").rglob("*"))


@pytest.fixture(params=VERSIONS)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    def use(program: str) -> None:
        monkeypatch.setenv("OVERWINTER_RESTIC", program)

    program = restic_program(request.param)
    use(program)
    return Place(tmp_path, program, use)


newest_restic = pytest.mark.parametrize("place", VERSIONS[-1:], indirect=True)


async def done(app: Overwinter, plan: AnyPlan) -> Run:
    launched = await app.runner.launch(plan)
    async with asyncio.timeout(60):
        return await app.runner.wait(SITE, launched.run)


async def retention(app: Overwinter) -> Run:
    return await done(app, await app.plan_retention(SITE))


async def backup(app: Overwinter, **choice: object) -> Run:
    return await done(app, await app.plan_backup(SITE, BackupChoice(**choice)))  # type: ignore[arg-type]  # its fields


async def ids(app: Overwinter) -> set[str]:
    return {point.id for point in await app.points(SITE)}


async def steps(app: Overwinter, done_run: Run) -> dict[str, StepOutcome | None]:
    return {step.key: step.outcome for step in await app.records(SITE).steps(done_run.id)}


async def audited(app: Overwinter) -> list[str]:
    return [entry.what for entry in await app.records(SITE).audit((REMOVING, REMOVED, PRUNED))]


def restics(app: Overwinter, done_run: Run) -> list[str]:
    """The commands on the repository that restic was given in a run, as its log has them."""
    log = (app.places.run_folder(done_run.id) / LOG).read_text()
    lines = re.findall(r"^\$ \S*restic\S* --repo (.*)$", log, re.MULTILINE)
    return [next(word for word in line.split() if word in COMMANDS) for line in lines]


def code_of(done_run: Run) -> str:
    return done_run.error.code if done_run.error is not None else ""


def daily(count: int) -> list[Made]:
    return [Made(NOW - timedelta(hours=2) - number * DAY) for number in range(count)]


# --- what it removes -------------------------------------------------------------------------------------------------


@pytest.mark.spec("B7", "J5")
def test_what_the_preview_names_goes_whole_and_all_else_stays(place: Place) -> None:
    points = daily(6)
    kept = Made(NOW - 40 * DAY, keeps=((NOW + DAY).date(),))  # midnight may come meanwhile
    proven = Made(NOW - 41 * DAY, proofs=("pass",))
    others = [Made(NOW - 42 * DAY, kind="safety"), Made(NOW - 43 * DAY, kind="unfinished", laptop="dead")]
    place.write(*points, kept, proven, *others, Made(NOW - 44 * DAY, kind="partial", proofs=("fail",)))

    async def story() -> None:
        async with place.opened() as app:
            before = await app.points(SITE)
            named = await app.preview_retention(SITE)
            assert {point.id for point in named.points_going} == {
                *(made.run for made in points[2:]),
                Made(NOW - 44 * DAY).run,
            }
            assert await ids(app) == {point.id for point in before}, "a preview changes nothing"
            gone = await retention(app)
            assert gone.outcome is Outcome.SUCCESS
            assert restics(app, gone) == ["snapshots", "forget", "snapshots", "prune"]
            assert set(await app.points(SITE)) == set(before) - set(named.points_going)
            assert await audited(app) == [REMOVING, REMOVED, PRUNED]
            again = await retention(app)
            assert again.outcome is Outcome.SUCCESS
            assert restics(app, again) == ["snapshots"]

    run(story())
    left = msgspec.json.decode(place.restic("snapshots", "--json"))
    expected = [one for made in (*points[:2], kept, proven, *others) for one in snapshots_of(made)]
    assert len(left) == len(expected) + 1, "and the snapshot of another site"
    place.restic("check")


@pytest.mark.spec("B7")
def test_a_backup_removes_what_is_due_and_costs_nothing_when_nothing_is(place: Place) -> None:
    async def story() -> None:
        async with place.opened() as app:
            made, packs = [], []
            for _ in range(3):
                (place.root / "file").write_bytes(os.urandom(300_000))
                made.append(await backup(app))
                packs.append(place.packs())
            assert [one.outcome for one in made] == [Outcome.SUCCESS] * 3
            assert restics(app, made[0]) == ["snapshots", "backup", "backup"]
            assert restics(app, made[1]) == ["snapshots", "backup", "backup"]
            after = ["snapshots", "forget", "snapshots", "prune"]
            assert restics(app, made[2]) == ["snapshots", "backup", "backup", *after]
            assert await ids(app) == {one.id for one in made[1:]}
            assert packs[2] <= packs[1] + 1
            assert (await steps(app, made[2]))["prune"] is StepOutcome.DONE
            fourth = await backup(app, retention=False)
            assert restics(app, fourth) == ["snapshots", "backup", "backup"]
            assert len(await ids(app)) == 3

    run(story())


@newest_restic
@pytest.mark.spec("B7")
def test_after_a_partial_backup_retention_is_skipped_and_says_so(place: Place) -> None:
    place.write(*daily(5))

    async def story() -> None:
        async with place.opened() as app:
            part = f'[[sources]]\nname = "gone"\nkind = "files"\nroot = "{place.folder}/gone"\n'
            site = SITE_FILE.format(repository=place.address, root=place.root).replace(
                "[retention]", part + "[retention]"
            )
            await app.add_site(site.encode(), replace=True)
            made = await backup(app)
            assert (made.outcome, code_of(made)) == (Outcome.PARTIAL, "source.root-missing")
            skipped = next(step for step in await app.records(SITE).steps(made.id) if step.key == "retention")
            assert skipped.outcome is StepOutcome.SKIPPED
            assert skipped.error is not None
            assert skipped.error.code == "retention.skipped"
            assert len(await ids(app)) == 6

    run(story())


@newest_restic
@pytest.mark.spec("B7")
def test_a_clock_that_cannot_be_right_is_refused_and_a_backup_by_it_is_partial(place: Place) -> None:
    place.write(*[Made(NOW + 700 * DAY), *daily(4)])

    async def story() -> None:
        async with place.opened() as app:
            before = await ids(app)
            with pytest.raises(Refused, match=r"retention\.clock"):
                await app.preview_retention(SITE)
            refused = await retention(app)
            assert (refused.outcome, code_of(refused)) == (Outcome.REFUSED, "retention.clock")
            made = await backup(app)
            assert (made.outcome, code_of(made)) == (Outcome.PARTIAL, "retention.clock")
            assert restics(app, made)[-3:] == ["snapshots", "backup", "backup"]
            assert await ids(app) == before | {made.id}

    run(story())


@newest_restic
@pytest.mark.spec("B7")
def test_what_our_own_dead_runs_left_goes_after_a_week(place: Place) -> None:
    async def story() -> None:
        async with place.opened() as app:
            made = await backup(app)
            (manifest,) = [point.manifest for point in await app.points(SITE)]
            (place.folder / "repository" / "snapshots" / manifest).unlink()
            (unfinished,) = await app.points(SITE)
            assert (unfinished.id, unfinished.status) == (made.id, "unfinished")
            fresh = await app.preview_retention(SITE)
            assert fresh.going == ()
            tree = msgspec.json.decode(place.restic("snapshots", "--json"))[0]["tree"]
            (place.folder / "repository" / "snapshots" / unfinished.snapshots[0].id).unlink()
            place.sealed.add_snapshot(
                tree, NOW - 8 * DAY, "this-computer", [f"run:{made.id}", f"site:{SITE}", "type:full", "source:www"]
            )
            assert (await retention(app)).outcome is Outcome.SUCCESS
            assert await ids(app) == set()

    run(story())


# --- whatever has been -----------------------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn) -> World:
    history = draw(histories(NOW, recorded=False))
    return World(history, draw(policies), datetime.now(UTC), draw(st.sampled_from(ZONES)))


def holds_in(place: Place, world: World) -> None:
    """What goes is what the model says and the preview names, and restic itself lists all else afterwards."""
    rules = [f"{name} = {json.dumps(getattr(world.policy, name))}" for name in world.policy.__struct_fields__]
    head, _, _ = SITE_FILE.partition("keep_last")
    zoned = head.replace("format = 1", f'format = 1\ntime_zone = "{world.zone.key}"')
    place.site_file = zoned + "\n".join(rules)
    place.write(*world.history)
    before = place.snapshots()

    async def story() -> None:
        async with place.opened() as app:
            if world.refusal():
                with pytest.raises(Refused, match=re.escape(world.refusal())):
                    await app.preview_retention(SITE)
                refused = await retention(app)
                assert (refused.outcome, code_of(refused)) == (Outcome.REFUSED, world.refusal())
                return
            named = await app.preview_retention(SITE)
            assert {point.id for point in named.points_going} == world.going()
            assert (await retention(app)).outcome is Outcome.SUCCESS

    run(story())
    goes = set() if world.refusal() else {f"run:{run}" for run in world.going()}
    assert place.snapshots() == {id_: tags for id_, tags in before.items() if not goes & set(tags)}


def some_worlds(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """So many worlds for a test, each time the same ones."""

    def decorated(test: Callable[..., None]) -> Callable[..., None]:
        unhealthy = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
        chosen = settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=unhealthy)
        return chosen(given(world=worlds().filter(lambda world: len(world.history) > 8))(test))

    return decorated


@newest_restic
@pytest.mark.spec("B7")
@some_worlds(4)
def test_on_a_real_repository_goes_what_the_model_says(place: Place, world: World) -> None:
    holds_in(Place(place.folder / uuid.uuid4().hex, place.program, place.use), world)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.spec("B7")
@some_worlds(80)
def test_on_real_repositories_goes_what_the_model_says_in_many_worlds(place: Place, world: World) -> None:
    holds_in(Place(place.folder / uuid.uuid4().hex, place.program, place.use), world)


# --- repositories that do not let go ---------------------------------------------------------------------------------


@pytest.mark.spec("B7", "P2")
def test_a_locked_repository_loses_nothing_and_names_the_holder(place: Place) -> None:
    place.write(*daily(4))

    async def story() -> None:
        async with place.opened() as app:
            lock = place.sealed.lock(user="eva", computer="laptop-2", pid=4711)
            failed = await retention(app)
            assert (failed.outcome, code_of(failed)) == (Outcome.FAILED, "restic.locked")
            assert len(await ids(app)) == 4
            (place.folder / "repository" / "locks" / lock).unlink()
            assert (await retention(app)).outcome is Outcome.SUCCESS
            assert len(await ids(app)) == 2

    run(story())


@contextmanager
def append_only(folder: Path) -> Iterator[str]:
    """The address of a server that lets nothing be removed."""
    if shutil.which("rclone") is None:
        pytest.skip("rclone serves the repository here")
    serve = ("rclone", "serve", "restic", "--append-only", "--addr", "127.0.0.1:0", "--config", os.devnull)
    command = [*serve, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        try:
            assert server.stderr is not None
            said = iter(server.stderr.readline, b"")
            port = next(found[1] for line in said if (found := re.search(rb"127\.0\.0\.1:(\d+)", line)))
            yield f"rest:http://127.0.0.1:{port.decode()}/"
        finally:
            server.terminate()


@pytest.mark.spec("B7", "P1")
def test_an_append_only_repository_keeps_its_points_and_the_backup_is_partial(place: Place) -> None:
    place.write(*daily(4))

    async def story() -> None:
        async with place.opened() as app:
            failed = await retention(app)
            assert (failed.outcome, code_of(failed)) == (Outcome.FAILED, "restic.not-removed")
            made = await backup(app)
            assert (made.outcome, code_of(made)) == (Outcome.PARTIAL, "restic.not-removed")
            done_steps = await steps(app, made)
            assert done_steps["manifest"] is StepOutcome.DONE
            assert done_steps["retention"] is StepOutcome.FAILED
            assert "prune" not in done_steps
            points = await app.points(SITE)
            assert len(points) == 5
            assert all(point.complete for point in points)

    with append_only(place.folder / "repository") as address:
        place.address = address
        run(story())


# --- cut short -------------------------------------------------------------------------------------------------------

# A restic that is the real one, but for what stands between.
STAND_IN = """#!{python}
import os, signal, subprocess, sys
REAL, FOLDER, arguments = {real!r}, {folder!r}, sys.argv[1:]

def real(*given):
    return subprocess.run([REAL, *given]).returncode

{lines}
os.execv(REAL, [REAL, *arguments])
"""


def stand_in(place: Place, lines: str) -> None:
    """Uses a restic that does these lines of Python first."""
    script = place.folder / "restic-stand-in"
    script.write_text(STAND_IN.format(python=sys.executable, real=place.program, folder=str(place.folder), lines=lines))
    script.chmod(0o755)
    place.use(str(script))


FORGET_A_PART = """
if "forget" in arguments:
    at = arguments.index("forget") + 1
    part = arguments[at:][{part}]
    real(*arguments[:at], *part)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@newest_restic
@pytest.mark.spec("B7", "J2")
@pytest.mark.parametrize(
    "part", [slice(0, 1), slice(-1, None), slice(1, None)], ids=["source", "manifest", "all but one"]
)
def test_a_removal_that_was_cut_in_the_middle_looks_whole_to_nobody_and_is_finished(place: Place, part: slice) -> None:
    newest, *old = daily(4)
    place.write(newest, *old)
    stand_in(place, FORGET_A_PART.format(part=f"{part.start}:{part.stop or ''}"))

    async def cut() -> None:
        async with place.opened() as app:
            whole = {point.id for point in await app.points(SITE) if point.complete}
            failed = await retention(app)
            assert (failed.outcome, code_of(failed)) == (Outcome.FAILED, "restic.killed")
            after = await app.points(SITE)
            torn = [point for point in after if len(point.all_snapshots) < 3]
            assert torn
            assert not any(point.complete for point in torn)
            assert {newest.run, old[0].run} <= whole & {point.id for point in after if point.complete}

    async def finish() -> None:
        async with place.opened() as app:
            healed = await retention(app)
            assert healed.outcome is Outcome.SUCCESS
            assert restics(app, healed)[-1] == "prune"
            assert await ids(app) == {newest.run, old[0].run}
            assert (await audited(app))[-1] == PRUNED

    run(cut())
    place.restic("unlock")
    place.use(place.program)
    run(finish())


WAIT_AT_PRUNE = """
if "prune" in arguments and not os.path.exists(FOLDER + "/go"):
    open(FOLDER + "/pruning", "w").close()
    signal.pause()
"""


async def until_there(file: Path) -> None:
    async with asyncio.timeout(30):
        while not file.exists():  # noqa: ASYNC110, ASYNC240  a file tells nobody
            await asyncio.sleep(0.01)


@newest_restic
@pytest.mark.spec("B7", "J2")
@pytest.mark.parametrize("job", ["retention", "backup"])
def test_a_cancel_between_forget_and_prune_is_healed_by_the_next_prune(place: Place, job: str) -> None:
    place.write(*daily(4))
    stand_in(place, WAIT_AT_PRUNE)

    async def story() -> None:
        async with place.opened() as app:
            plan = await (app.plan_retention(SITE) if job == "retention" else app.plan_backup(SITE, BackupChoice()))
            launched = await app.runner.launch(plan)
            await until_there(place.folder / "pruning")
            await app.runner.cancel(SITE, launched.run)
            cut = await app.runner.wait(SITE, launched.run)
            assert (cut.outcome, code_of(cut)) == (Outcome.PARTIAL, "run.cut-short")
            assert (await steps(app, cut))["prune"] is StepOutcome.CANCELLED
            assert len(await ids(app)) == 2
            assert await audited(app) == [REMOVING, REMOVED]
            (place.folder / "go").touch()
            healed = await retention(app)
            assert restics(app, healed) == ["snapshots", "prune"]
            assert (await audited(app))[-1] == PRUNED
            assert restics(app, await retention(app)) == ["snapshots"]

    run(story())
    assert list((place.folder / "repository" / "locks").iterdir()) == []


FORGET_ONE_MORE = """
if "forget" in arguments:
    at = arguments.index("forget") + 1
    real(*arguments[:at], *arguments[at:], open(FOLDER + "/one more").read())
    sys.exit(0)
"""
FORGET_NOTHING = """
if "forget" in arguments:
    sys.exit(0)
"""


@newest_restic
@pytest.mark.spec("B7")
@pytest.mark.parametrize(
    ("lie", "code"), [(FORGET_ONE_MORE, "retention.more-gone"), (FORGET_NOTHING, "retention.not-gone")]
)
def test_when_not_exactly_what_was_named_is_gone_no_space_is_freed(place: Place, lie: str, code: str) -> None:
    place.write(*daily(4))
    stand_in(place, lie)

    async def story() -> None:
        async with place.opened() as app:
            newest = (await app.points(SITE))[0]
            (place.folder / "one more").write_text(newest.snapshots[0].id)
            failed = await retention(app)
            assert (failed.outcome, code_of(failed)) == (Outcome.FAILED, code)
            assert "prune" not in restics(app, failed)

    run(story())


# --- by hand ---------------------------------------------------------------------------------------------------------


async def point_of(app: Overwinter, made: Made) -> Point:
    return next(point for point in await app.points(SITE) if point.id == made.run)


@pytest.mark.spec("B7", "J5")
def test_a_kept_point_stays_and_says_why_and_no_snapshot_is_changed(place: Place) -> None:
    history = daily(4)
    place.write(*history)

    async def story() -> None:
        async with place.opened() as app:
            oldest = await point_of(app, history[-1])
            for days in (30, 10):
                keep = KeepChoice(oldest.short_id, (NOW + days * DAY).date(), f"до ремонта насоса {days}")
                marked = await done(app, await app.plan_keep(SITE, keep))
                assert marked.outcome is Outcome.SUCCESS
            kept = await point_of(app, history[-1])
            assert (kept.kept, kept.kept_until, kept.complete) == (True, (NOW + 10 * DAY).date(), True)
            assert set(oldest.all_snapshots) < set(kept.all_snapshots)
            named = await app.preview_retention(SITE)
            (why,) = [judged.why for judged in named.staying if judged.point.id == kept.id]
            assert [str(reason) for reason in why] == [f"kept until {kept.kept_until}", "до ремонта насоса 10"]
            assert (await retention(app)).outcome is Outcome.SUCCESS
            assert await ids(app) == {*(made.run for made in history[:2]), kept.id}
            unknown = await done(app, await app.plan_keep(SITE, KeepChoice("0" * 8, NOW.date() + DAY, "why")))
            assert (unknown.outcome, code_of(unknown)) == (Outcome.REFUSED, "point.unknown")

    run(story())


@newest_restic
@pytest.mark.spec("B7")
def test_a_mark_of_a_clock_ahead_is_not_replaced_unseen(place: Place) -> None:
    point = Made(NOW - DAY)
    place.write(point)
    tags = [f"run:{point.run}", f"site:{SITE}", "type:keep", f"until:{(NOW + 3 * DAY).date()}"]
    tree = msgspec.json.decode(place.restic("snapshots", "--json"))[0]["tree"]
    place.sealed.add_snapshot(tree, NOW + 400 * DAY, "two", tags)

    async def story() -> None:
        async with place.opened() as app:
            keep = KeepChoice(point.run[:8], (NOW + 90 * DAY).date(), "for long")
            failed = await done(app, await app.plan_keep(SITE, keep))
            assert (failed.outcome, code_of(failed)) == (Outcome.FAILED, "keep.newer-mark")

    run(story())


@pytest.mark.spec("B7", "J5")
def test_one_point_is_deleted_whole_and_never_the_newest_proven(place: Place) -> None:
    newest, middle, oldest = daily(3)
    proven = msgspec.structs.replace(middle, proofs=("pass",))
    place.write(newest, proven, oldest)

    async def story() -> None:
        async with place.opened() as app:

            async def delete(made: Made) -> Run:
                return await done(app, await app.plan_deletion(SITE, made.run, phrase_of(SITE, made.run)))

            refused = await delete(proven)
            assert (refused.outcome, code_of(refused)) == (Outcome.REFUSED, "point.newest-proven")
            gone = await delete(newest)
            assert gone.outcome is Outcome.SUCCESS
            assert restics(app, gone) == ["snapshots", "forget", "snapshots", "prune"]
            assert await ids(app) == {proven.run, oldest.run}
            assert await audited(app) == [REMOVING, REMOVED, PRUNED]

    run(story())
