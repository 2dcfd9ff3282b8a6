"""A server that was made anew has the same accounts under other numbers: whose the files are then is asked first."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from app.foundation.events import Outcome, Warned
from app.jobs import accounts
from app.jobs.restore.choice import Folder, RestoreChoice
from tests.real.servers.restic import VERSIONS, restic_program
from tests.real.test_swap import SITE, Greenhouse, everything, greenhouse_in
from tests.running import run
from tests.trees import described

if sys.platform == "win32":
    pytest.skip("owners as POSIX has them", allow_module_level=True)

pytestmark = [
    pytest.mark.spec("R11", "R4"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away, and mounts"),
]

OWNER = (5, 60)
"""games, and its group, which have had these numbers for ever."""

TODAY = (5005, 6060)


class Rebuilt:
    """This computer as it would look after somebody has set it up anew: some accounts have moved, one is gone."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch

    def move(self, *, without: str = "-") -> None:
        """From now on games has other numbers, for us and for restic, and there is no account `without`."""
        for real, name, number in ((Path("/etc/passwd"), "USERS", TODAY[0]), (Path("/etc/group"), "GROUPS", TODAY[1])):
            lines = [line for line in real.read_text().splitlines() if not line.startswith(f"{without}:")]
            (self._folder / name).write_text("\n".join(_renumbered(line, number) for line in lines) + "\n")
            self._monkeypatch.setattr(accounts, name, str(self._folder / name))

    def use(self, version: str) -> None:
        """The restic of that version, which sees the accounts of today."""
        mounting = " && ".join(
            f"mount --bind {shlex.quote(str(self._folder / name))} {real}"
            for name, real in (("USERS", "/etc/passwd"), ("GROUPS", "/etc/group"))
        )
        program = self._folder / "restic"
        inside = shlex.quote(f'{mounting} && exec {shlex.quote(restic_program(version))} "$@"')
        program.write_text(f'#!/bin/sh\nexec unshare --mount sh -c {inside} sh "$@"\n')
        program.chmod(0o755)
        if subprocess.run([program, "version"], check=False, capture_output=True).returncode != 0:
            pytest.skip("may not mount here")
        self._monkeypatch.setenv("OVERWINTER_RESTIC", str(program))


def _renumbered(line: str, number: int) -> str:
    words = line.split(":")
    return ":".join([*words[:2], str(number), *words[3:]]) if words[0] == "games" else line


@pytest.fixture
def rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rebuilt:
    return Rebuilt(tmp_path, monkeypatch)


@pytest.fixture
def owned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Greenhouse:
    """Files of root, and some of another account, one of which runs with its rights."""
    greenhouse = greenhouse_in(tmp_path, monkeypatch)
    root = greenhouse.root
    (root / "storage").mkdir()
    (root / "storage" / "theirs").write_text("theirs")
    (root / "storage" / "tool").write_text("runs as them")
    for path in (root / "storage", *(root / "storage").iterdir()):
        os.chown(path, *OWNER)
    (root / "storage" / "tool").chmod(0o6755)
    (root / "storage").chmod(0o2775)
    return greenhouse


def owners_below(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path.relative_to(root)): (path.stat().st_uid, path.stat().st_gid) for path in sorted(root.rglob("*"))}


def test_files_go_to_the_accounts_of_the_same_names_when_that_is_meant(owned: Greenhouse, rebuilt: Rebuilt) -> None:
    root = owned.root

    async def story() -> None:
        async with owned.opened() as app:
            point = await owned.backed_up(app)
        rebuilt.move()
        rebuilt.use(VERSIONS[-1])
        before, whole = everything(root), described(root)
        async with owned.opened() as app:
            asked = await owned.swapped(app, point, dry=True)
            assert (asked.run.outcome, asked.code) == (Outcome.REFUSED, "restore.owners-moved")
            assert asked.run.error is not None
            assert asked.run.error.detail.splitlines() == [
                "user games: 5 then, 5005 now",
                "group games: 60 then, 6060 now",
            ]
            assert everything(root) == before
            done = await owned.swapped(app, point, by_name=True)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
        assert {owner for name, owner in owners_below(root).items() if name.startswith("storage")} == {TODAY}
        assert owners_below(root)["file"] == (0, 0)
        assert (root / "storage" / "tool").stat().st_mode & 0o7777 == 0o6755
        for path in (root / "storage", *(root / "storage").iterdir()):
            mode = path.stat().st_mode
            os.chown(path, *OWNER)
            path.chmod(mode & 0o7777)  # a change of owners takes it away
        assert described(root) == whole, "all but the owners"

    run(story())


def test_the_numbers_stay_when_a_person_says_so(owned: Greenhouse, rebuilt: Rebuilt) -> None:
    async def story() -> None:
        async with owned.opened() as app:
            point = await owned.backed_up(app)
            whole = described(owned.root)
            rebuilt.move()
            done = await owned.swapped(app, point, accept=("owners",))
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
        assert described(owned.root) == whole

    run(story())


def test_an_account_that_is_gone_and_a_restic_that_cannot_are_found_before(owned: Greenhouse, rebuilt: Rebuilt) -> None:
    async def story() -> None:
        async with owned.opened() as app:
            point = await owned.backed_up(app)
            before = everything(owned.root)
            rebuilt.move(without="games")
            done = await owned.swapped(app, point, by_name=True)
            assert (done.run.outcome, done.code) == (Outcome.REFUSED, "restore.owner-missing")
        rebuilt.move()
        rebuilt.use("0.18")
        async with owned.opened() as app:
            done = await owned.swapped(app, point, by_name=True)
            assert (done.run.outcome, done.code) == (Outcome.REFUSED, "restore.owners-unsupported")
        assert everything(owned.root) == before

    run(story())


def test_a_folder_to_look_at_only_says_so(owned: Greenhouse, rebuilt: Rebuilt) -> None:
    async def story() -> None:
        async with owned.opened() as app:
            point = await owned.backed_up(app)
        rebuilt.move()
        rebuilt.use(VERSIONS[-1])
        async with owned.opened() as app:
            for by_name, expected in ((False, OWNER), (True, TODAY)):
                target = owned.folder / f"look-{by_name}"
                choice = RestoreChoice(point, ("files",), Folder(str(target)), by_name=by_name)
                launched = await app.runner.launch(await app.plan_restore(SITE, choice))
                said: list[str] = []
                async for batch in app.runner.feed(SITE, launched.run).batches():
                    said += [event.warning.code for event in batch if isinstance(event, Warned)]
                assert (await app.runner.wait(SITE, launched.run)).outcome is Outcome.SUCCESS
                assert said == ([] if by_name else ["restore.owners-moved"])
                theirs = (target / "laravel" / "laravel" / "storage" / "theirs").stat()
                assert (theirs.st_uid, theirs.st_gid) == expected

    run(story())
