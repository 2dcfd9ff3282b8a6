"""The check on real repositories: well is what was read, damage is named with all it hits, the rest is unchecked."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.foundation.events import Outcome, Progress
from app.jobs.check.job import CheckChoice
from app.jobs.check.result import Verdict
from app.jobs.plan import AnyPlan
from tests.faults.shims import lying_restic
from tests.real.damaging import SITE, Damaged, aside, backup, check, cut, flip, point_of, snapshot_of
from tests.real.servers.restic import VERSIONS, restic_program
from tests.running import run


@pytest.fixture(params=VERSIONS)
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Damaged:
    program = restic_program(request.param)
    monkeypatch.setenv("OVERWINTER_RESTIC", program)
    return Damaged(tmp_path, program)


newest_restic = pytest.mark.parametrize("site", VERSIONS[-1:], indirect=True)
older_takes_long = pytest.mark.parametrize(
    "site", [pytest.param(VERSIONS[0], marks=pytest.mark.long), VERSIONS[-1]], indirect=True
)


@pytest.mark.spec("V2")
@older_takes_long
def test_a_cycle_reads_everything_and_any_laptop_continues_it(site: Damaged) -> None:
    async def story() -> None:
        async with site.opened("first") as app:
            await backup(app)
            begun, first = await check(app, "")
            assert first is not None
            assert first.cycle is not None
            assert (begun.outcome, first.share, first.verdict) == (Outcome.SUCCESS, "1/2", Verdict.PASS)
            assert (first.cycle.well, first.cycle.whole) == ((1,), False)
        async with site.opened("second") as app:
            _, second = await check(app, "")
            assert second is not None
            assert second.cycle is not None
            assert (second.share, second.cycle.well, second.cycle.whole) == ("2/2", (1, 2), True)
            assert first.packs + second.packs >= 6  # two for each of three snapshots, and those of the first mark
            _, again = await check(app, "")
            assert again is not None
            assert again.share == "1/2"
            assert len(list((site.repository / "snapshots").iterdir())) == 3 + 2  # of each share one mark is left
        assert site.locks() == []

    run(story())


@pytest.mark.spec("V2")
def test_a_flipped_byte_is_found_by_reading_and_named_with_what_it_hits(site: Damaged) -> None:
    async def story() -> None:
        async with site.opened() as app:
            old = await backup(app)
            before = await point_of(app, old)
            (site.www / "inner" / "file").write_bytes(b"other" * 1000)
            new = await backup(app)
            file, www = str(site.www / "inner" / "file"), snapshot_of(before, "www")
            pack = await aside(lambda: site.pack_of(www, file))
            flip(site.file(pack))
            found, result = await check(app)
            assert result is not None
            assert result.damage is not None
            assert (found.outcome, result.verdict) == (Outcome.FAILED, Verdict.FAIL)
            assert result.damage.packs == (pack,)
            (hit,) = result.damage.points
            (source,) = hit.sources
            assert (hit.point, source.source) == (old.id, "www")
            assert source.files == (str(site.www / "inner" / "file"),)
            assert found.error is not None
            assert found.error.code == "check.damaged"
            assert str(site.www / "inner" / "file") in found.error.detail
            points = {point.id: point for point in await app.points(SITE)}
            assert (points[old.id].complete, points[old.id].damaged) == (False, True)
            assert (points[new.id].complete, points[new.id].damaged) == (True, False)
            later = await backup(app)
            assert later.outcome is Outcome.PARTIAL
            assert later.error is not None
            assert later.error.code == "backup.repository-damaged"
            assert not (await point_of(app, later)).complete

    run(story())


def flipped_folder(site: Damaged, snapshot: str) -> None:
    flip(site.file(site.pack_of(snapshot, str(site.www / "inner"))))


def missing_pack(site: Damaged, snapshot: str) -> None:
    site.file(site.pack_of(snapshot, str(site.www / "inner" / "file"))).unlink()


def cut_pack(site: Damaged, snapshot: str) -> None:
    cut(site.file(site.pack_of(snapshot, str(site.www / "inner" / "file"))))


def cut_index(site: Damaged, _snapshot: str) -> None:
    cut(next((site.repository / "index").iterdir()))


def missing_index(site: Damaged, _snapshot: str) -> None:
    for index in (site.repository / "index").iterdir():
        index.unlink()


def flipped_record(site: Damaged, snapshot: str) -> None:
    flip(site.repository / "snapshots" / snapshot)


DAMAGES = [flipped_folder, missing_pack, cut_pack, cut_index, missing_index, flipped_record]


@pytest.mark.spec("V2")
@older_takes_long
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_kind_of_damage_is_found_and_explained(site: Damaged, damage: Callable[[Damaged, str], None]) -> None:
    async def story() -> None:
        async with site.opened() as app:
            made = await backup(app)
            www = snapshot_of(await point_of(app, made), "www")
            await aside(lambda: damage(site, www))
            found, result = await check(app)
            assert result is not None
            assert result.damage is not None
            assert (found.outcome, result.verdict) == (Outcome.FAILED, Verdict.FAIL), result
            if damage in (cut_index, missing_index):
                assert result.damage.index
            elif damage is flipped_record:
                assert len(result.damage.snapshots) == 1
            else:
                (hit,) = result.damage.points
                assert (hit.point, [source.source for source in hit.sources]) == (made.id, ["www"])
                assert not (await point_of(app, made)).complete
        assert site.locks() == []

    run(story())


async def checked(site: Damaged, code: str) -> None:
    """A check that ends so has checked nothing, and says so."""
    async with site.opened() as app:
        found, result = await check(app)
        assert found.outcome is Outcome.FAILED
        assert result is None or result.verdict is Verdict.UNCHECKED, result
        assert found.error is not None
        assert found.error.code == code, found.error


@pytest.mark.spec("V2")
@older_takes_long
def test_a_repository_that_is_away_locked_or_closed_is_unchecked(site: Damaged) -> None:
    async def story() -> None:
        async with site.opened() as app:
            await backup(app)
        lock = site.sealed.lock(user="ops", computer="elsewhere", pid=1)
        await checked(site, "restic.locked")
        (site.repository / "locks" / lock).unlink()
        keys = site.repository / "keys"
        keys.rename(site.folder / "keys")
        keys.mkdir()
        await checked(site, "restic.wrong-password")
        shutil.rmtree(site.repository)
        await checked(site, "restic.no-repository")

    run(story())


@pytest.mark.spec("V2")
@newest_restic
def test_a_disk_that_is_pulled_out_in_the_middle_is_no_damage(
    site: Damaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with site.opened() as app:
            await backup(app)
        away = f"mv {site.repository} {site.repository}.away; mkdir -p {site.repository}"
        pulled = ['real "$@"', "code=$?", away, "exit $code"]
        flip_all = [f"find {site.repository}/data -type f -exec truncate -s 1 {{}} +"]
        lying = lying_restic(tmp_path / "restic-lying", Path(site.program), [("check", [*flip_all, *pulled])])
        monkeypatch.setenv("OVERWINTER_RESTIC", str(lying))
        await checked(site, "restic.no-repository")

    run(story())


@pytest.mark.spec("V2", "J2", "X1")
@older_takes_long
def test_a_check_tells_how_far_it_is_and_can_be_cancelled(
    site: Damaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with site.opened() as app:
            await backup(app)
            plan: AnyPlan = await app.plan_check(SITE, CheckChoice("1/1"))
            launched = await app.runner.launch(plan)
            told = [event async for batch in app.runner.feed(SITE, launched.run).batches() for event in batch]
            last = [event for event in told if isinstance(event, Progress)][-1]
            assert last.bytes == last.total_bytes > 2 * 300_000
            assert last.files == last.total_files == site.packs() - 2  # without the check's own mark

        here = tmp_path / "here"
        slow = [f"touch {here}", 'exec sh -c "sleep 60 & wait"']
        lying = lying_restic(tmp_path / "restic-slow", Path(site.program), [("check", slow)])
        monkeypatch.setenv("OVERWINTER_RESTIC", str(lying))
        async with site.opened() as app:
            plan = await app.plan_check(SITE, CheckChoice())
            launched = await app.runner.launch(plan)
            async with asyncio.timeout(20):
                while not here.exists():  # noqa: ASYNC110  another program makes it
                    await asyncio.sleep(0.01)
            await app.runner.cancel(SITE, launched.run)
            ended = await app.runner.wait(SITE, launched.run)
            assert ended.outcome is Outcome.CANCELLED
        assert site.locks() == []
        assert list((site.folder / "laptop" / "data" / "scratch").iterdir()) == []

    run(story())


@pytest.mark.spec("V2")
@newest_restic
def test_a_share_that_cannot_be_is_wrong_usage(site: Damaged) -> None:
    async def story() -> None:
        async with site.opened() as app:
            for said in ("0/2", "3/2", "1/257", "2", "a/b", "1-2"):
                with pytest.raises(Exception, match=r"usage\.read-share"):
                    await app.plan_check(SITE, CheckChoice(said))

    run(story())
