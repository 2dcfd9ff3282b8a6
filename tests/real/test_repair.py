"""Repair on real repositories: what is whole stays as it was, what the site still has heals, the rest is marked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.assembly import Overwinter
from app.foundation.events import Outcome
from app.jobs.check.repair import RepairChoice, Repaired, repair_phrase, repairs
from app.jobs.check.result import Verdict
from app.jobs.points import Point
from app.records.run import Run
from tests.real.damaging import SITE, Damaged, aside, backup, check, done, flip, point_of, snapshot_of
from tests.real.servers.rclone import rest_server
from tests.real.servers.restic import VERSIONS, restic_program
from tests.real.test_check import DAMAGES, cut_pack, flipped_record, missing_index, missing_pack
from tests.running import run

PHRASE = repair_phrase(SITE)


@pytest.fixture(params=[pytest.param(VERSIONS[0], marks=pytest.mark.long), VERSIONS[-1]])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Damaged:
    program = restic_program(request.param)
    monkeypatch.setenv("OVERWINTER_RESTIC", program)
    return Damaged(tmp_path, program)


newest_restic = pytest.mark.parametrize("site", VERSIONS[-1:], indirect=True)


async def repair_data(app: Overwinter) -> tuple[Run, Repaired]:
    ended = await done(app, await app.plan_data_repair(SITE, RepairChoice(), PHRASE))
    return ended, await repairs(app.records(SITE), ended.id)


async def repair_points(app: Overwinter) -> tuple[Run, Repaired]:
    ended = await done(app, await app.plan_point_repair(SITE, RepairChoice(), PHRASE))
    return ended, await repairs(app.records(SITE), ended.id)


def records(site: Damaged) -> set[str]:
    """The records of snapshots in the repository."""
    return {file.name for file in (site.repository / "snapshots").iterdir()}


async def restored(site: Damaged, snapshot: str) -> dict[str, str]:
    """The hashes of all that plain restic gives back of a snapshot."""
    return await aside(lambda: files_of(site, snapshot))


def files_of(site: Damaged, snapshot: str) -> dict[str, str]:
    """As `restored`, for those who may wait."""
    target = site.folder / "restored" / snapshot
    site.restic("restore", snapshot, "--target", str(target))
    return {
        str(file.relative_to(target)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in target.rglob("*")
        if file.is_file()
    }


QUICK = (missing_pack,)


@pytest.mark.spec("V2")
@pytest.mark.parametrize(
    "damage", [damage if damage in QUICK else pytest.param(damage, marks=pytest.mark.long) for damage in DAMAGES]
)
def test_after_a_repair_all_is_well_and_what_was_whole_is_the_same(
    site: Damaged, damage: Callable[[Damaged, str], None]
) -> None:
    async def story() -> None:
        async with site.opened() as app:
            hit, whole = await two_points(app, site)
            before = {one.id: await restored(site, one.id) for one in whole.snapshots}
            hit_before = {one.id: await restored(site, one.id) for one in hit.snapshots}
            originals = contents(site.repository)
            www = snapshot_of(hit, "www")
            await aside(lambda: damage(site, www))
            broken = {name: now for name, now in contents(site.repository).items() if now != originals[name]}
            ended, did = await repair_data(app)
            assert ended.outcome is Outcome.SUCCESS, ended.error
            if did.lacking:
                ended, then = await repair_points(app)
                assert ended.outcome is Outcome.SUCCESS, ended.error
                assert then.lost == did.lacking
                assert [point.point for point in then.lost] == [hit.id]
            found, result = await check(app)
            assert result is not None
            assert (found.outcome, result.verdict) == (Outcome.SUCCESS, Verdict.PASS), result
            points = {point.id: point for point in await app.points(SITE)}
            assert points[whole.id].complete
            assert {one.id: await restored(site, one.id) for one in points[whole.id].snapshots} == before
            assert points[hit.id].complete is (damage not in (missing_pack, cut_pack))
            if points[hit.id].complete:  # also folders and records, of which restic's cache has copies
                assert {one.id: await restored(site, one.id) for one in points[hit.id].snapshots} == hit_before
            if damage is not missing_index and broken:
                kept = contents(Path(did.kept))
                assert set(broken.values()) <= set(kept.values())
        assert site.locks() == []

    run(story())


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their names."""
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def two_points(app: Overwinter, site: Damaged) -> tuple[Point, Point]:
    """An old point, and a new one that shares nothing of `www` with it."""
    old = await backup(app)
    (site.www / "inner" / "file").write_bytes(b"other" * 50_000)
    (site.www / "small").write_text("other")
    new = await backup(app)
    return await point_of(app, old), await point_of(app, new)


@pytest.mark.long
@pytest.mark.spec("V2")
def test_what_the_site_still_has_heals_every_point(site: Damaged) -> None:
    async def story() -> None:
        async with site.opened() as app:
            first, second = await backup(app), await backup(app)
            snapshots = [snapshot_of(await point_of(app, made), "www") for made in (first, second)]
            before = [await restored(site, snapshot) for snapshot in snapshots]
            pack = await aside(lambda: site.pack_of(snapshots[0], str(site.www / "inner" / "file")))
            flip(site.file(pack))
            await check(app)
            _, did = await repair_data(app)
            assert {point.point for point in did.lacking} == {first.id, second.id}
            assert not any(point.complete for point in await app.points(SITE))
            await backup(app)
            ended, then = await repair_points(app)
            assert (ended.outcome, then.lacking, then.lost) == (Outcome.SUCCESS, (), ())
            assert [await restored(site, snapshot) for snapshot in snapshots] == before
            points = await app.points(SITE)
            assert all(point.complete for point in points), points

    run(story())


@pytest.mark.long
@pytest.mark.spec("V2")
@newest_restic
def test_what_is_taken_out_of_a_point_is_named_and_the_rest_of_it_restores(site: Damaged) -> None:
    async def story() -> None:
        async with site.opened() as app:
            made = await point_of(app, await backup(app))
            old = snapshot_of(made, "www")
            before = await restored(site, old)
            path = str(site.www / "inner" / "file")
            flip(site.file(await aside(lambda: site.pack_of(old, path))))
            _, did = await repair_data(app)
            _, then = await repair_points(app)
            (lost,) = then.lost
            (source,) = lost.sources
            assert (source.source, source.snapshot) == ("www", old)
            assert path in source.files
            point = next(point for point in await app.points(SITE) if point.id == made.id)
            assert (point.status, point.complete, point.damaged) == ("partial", False, True)
            after = await restored(site, snapshot_of(point, "www"))
            kept_whole = {name: digest for name, digest in before.items() if f"/{name}" not in source.files}
            assert kept_whole
            assert {name: after[name] for name in kept_whole} == kept_whole
            record = json.loads((Path(then.kept) / f"snapshot-{old}.json").read_bytes())
            assert f"run:{made.id}" in record["tags"]
            assert did.kept

    run(story())


@pytest.mark.spec("V2")
@newest_restic
def test_nothing_is_repaired_without_the_phrase_or_without_damage(site: Damaged) -> None:
    async def story() -> None:
        async with site.opened() as app:
            await backup(app)
            with pytest.raises(Exception, match=r"repair\.not-confirmed"):
                await app.plan_data_repair(SITE, RepairChoice(), "repair north-house")
            before = sorted(str(file) for file in (site.repository / "data").rglob("*") if file.is_file())
            ended, did = await repair_data(app)
            assert (ended.outcome, did) == (Outcome.SUCCESS, Repaired(ended.id))
            after = sorted(str(file) for file in (site.repository / "data").rglob("*") if file.is_file())
            assert set(before) <= set(after)

    run(story())


def test_records_that_cannot_be_read_are_the_only_ones_that_are_moved(site: Damaged) -> None:
    async def story() -> None:
        async with site.opened() as app:
            made = await point_of(app, await backup(app))
        async with site.opened("another-laptop") as app:
            flipped_record(site, snapshot_of(made, "www"))
            left = records(site) - {snapshot_of(made, "www")}
            _, did = await repair_data(app)
            assert did.snapshots == (snapshot_of(made, "www"),)
            assert left <= records(site)
            assert (Path(did.kept) / f"snapshots-{snapshot_of(made, 'www')}").exists()

    run(story())


@pytest.mark.spec("V2", "P1")
@newest_restic
def test_a_repository_elsewhere_is_repaired_too_and_an_append_only_one_stays_as_it_is(site: Damaged) -> None:
    www = str(site.www / "inner" / "file")

    async def damaged() -> str:
        async with site.opened() as app:
            made = await backup(app)
            snapshot = snapshot_of(await point_of(app, made), "www")
            pack = await aside(lambda: site.pack_of(snapshot, www))
            flip(site.file(pack))
            return pack

    async def refused(pack: str) -> None:
        async with site.opened() as app:
            found, result = await check(app)
            assert result is not None
            assert (found.outcome, result.verdict) == (Outcome.FAILED, Verdict.FAIL)
            ended, did = await repair_data(app)
            assert (ended.outcome, did.packs) == (Outcome.FAILED, ())
            assert site.file(pack).exists()
            assert not any(point.complete for point in await app.points(SITE))

    async def repaired(pack: str) -> None:
        async with site.opened() as app:
            _, did = await repair_data(app)
            assert did.packs == (pack,)
            assert (Path(did.kept) / f"pack-{pack}").exists()
            ended, then = await repair_points(app)
            assert (ended.outcome, len(then.lost)) == (Outcome.SUCCESS, 1)

    with rest_server(site.repository) as site.address:
        pack = run(damaged())
    with rest_server(site.repository, "--append-only") as site.address:
        run(refused(pack))
    with rest_server(site.repository) as site.address:
        run(repaired(pack))
