"""What a backup has added is read again from the repository: what arrived damaged is known the same day."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.foundation.events import Outcome, StepOutcome
from app.runs.files import LOG
from tests.faults.shims import lying_restic
from tests.real.damaging import SITE, Damaged, backup, point_of
from tests.real.servers.rclone import rest_server
from tests.real.servers.restic import VERSIONS, restic_program
from tests.running import run


@pytest.fixture(params=VERSIONS)
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Damaged:
    program = restic_program(request.param)
    monkeypatch.setenv("OVERWINTER_RESTIC", program)
    made = Damaged(tmp_path, program)
    made.read_back = True
    return made


newest_restic = pytest.mark.parametrize("site", VERSIONS[-1:], indirect=True)
NEWEST = "$(find {folder} -type f -size +200c -printf '%T@ %p\\n' | sort -n | tail -1 | cut -d' ' -f2)"
NEWEST_COPIED = (
    "$(find {copies} -path '*/restic/*/data/*' -type f -printf '%T@ %f\\n' | sort -n | tail -1 | cut -d' ' -f2)"
)


def damaging(site: Damaged, folder: str) -> Path:
    """A restic after whose last backup, the manifest's, a file in this folder of the repository is another."""
    return _damaging(site, [f'file="{NEWEST.format(folder=site.repository / folder)}"'])


def damaging_what_is_copied(site: Damaged) -> Path:
    """Such a restic, which damages a pack that restic keeps a copy of on this computer."""
    newest = NEWEST_COPIED.format(copies=site.folder / "laptop")
    return _damaging(site, [f'name="{newest}"', f'file="$(find {site.repository} -name "$name")"'])


def _damaging(site: Damaged, file: list[str]) -> Path:
    lines = [
        'real "$@"; code=$?',
        *file,
        "chmod u+w $file",
        "printf 'XXXX' | dd of=$file bs=1 seek=100 conv=notrunc 2>/dev/null",
        "exit $code",
    ]
    return lying_restic(site.folder / "restic-lying", Path(site.program), [("manifest.json", lines)])


@pytest.mark.spec("B11")
def test_a_backup_whose_data_is_well_costs_no_restic_more_for_it(site: Damaged) -> None:
    async def story() -> None:
        async with site.opened() as app:
            made = await backup(app)
            assert made.outcome is Outcome.SUCCESS, made.error
            steps = {step.key: step.outcome for step in await app.records(SITE).steps(made.id)}
            assert steps["read-back"] is StepOutcome.DONE
            log = (app.places.run_folder(made.id) / LOG).read_text("utf-8", "replace")
            assert log.count(" --repo ") == 4  # the list, two sources, the manifest

    run(story())


@pytest.mark.spec("B11")
@newest_restic
@pytest.mark.parametrize("folder", ["data", "index", "snapshots"])
def test_what_arrived_damaged_makes_the_run_partial_and_is_named(
    site: Damaged, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        monkeypatch.setenv("OVERWINTER_RESTIC", str(damaging(site, folder)))
        async with site.opened() as app:
            made = await backup(app)
            assert made.outcome is Outcome.PARTIAL
            assert made.error is not None
            assert made.error.code == "backup.arrived-damaged"
            assert f"{folder}/" in made.error.detail
            monkeypatch.setenv("OVERWINTER_RESTIC", site.program)
            if folder == "data":
                assert "Point" in made.error.detail
                assert not (await point_of(app, made)).complete

    run(story())


@pytest.mark.spec("B11")
@newest_restic
def test_it_can_be_switched_off_for_a_slow_link(site: Damaged, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        site.read_back = False
        monkeypatch.setenv("OVERWINTER_RESTIC", str(damaging(site, "data")))
        async with site.opened() as app:
            assert (await backup(app)).outcome is Outcome.SUCCESS

    run(story())


@pytest.mark.spec("B11")
@newest_restic
@pytest.mark.parametrize("lying", [partial(damaging, folder="data"), damaging_what_is_copied], ids=["last", "copied"])
def test_elsewhere_the_new_packs_are_fetched_and_no_others(
    site: Damaged, lying: Callable[[Damaged], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with site.opened() as app:
            assert (await backup(app)).outcome is Outcome.SUCCESS
            before = site.packs()
            (site.www / "small").write_text("other")
            made = await backup(app)
            assert made.outcome is Outcome.SUCCESS, made.error
            log = (app.places.run_folder(made.id) / LOG).read_text("utf-8", "replace")
            assert log.count(" list packs ") == 2
            assert log.count(" cat pack ") == site.packs() - before > 0
            monkeypatch.setenv("OVERWINTER_RESTIC", str(lying(site)))
        async with site.opened() as app:
            (site.www / "small").write_text("another")
            failed = await backup(app)
            assert failed.error is not None
            assert (failed.outcome, failed.error.code) == (Outcome.PARTIAL, "backup.arrived-damaged")
        assert site.locks() == []

    with rest_server(site.repository) as site.address:
        run(story())
