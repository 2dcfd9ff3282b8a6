"""What a dry run names is what the restore then does, over trees that are made up."""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path

import pytest

from app.foundation.events import Outcome
from app.hosts.host import FileKind
from app.jobs.restore.listing import Essence
from app.jobs.swap.foreseen import NAMED, Comparison
from app.settings.model import Source, SourceKind
from tests.real.test_swap import greenhouse_in
from tests.running import run
from tests.trees import described

if sys.platform == "win32":
    pytest.skip("modes as POSIX has them", allow_module_level=True)

NAMES = ("a", "b", "Zelí ☘", "-c", "d e", ".hidden", "x" * 60)
MORE = (
    "",
    'keep_live = [".env", "storage"]',
    'exclude = ["logs", "deep/*/tmp"]',
    'clear_after = ["cache/*"]',
    'keep_live = [".env"]\nexclude = ["logs"]\nclear_after = ["cache/*"]',
)
FOLDERS = ("", "storage", "logs", "cache", "deep", "deep/one", "deep/one/tmp", "deep/two")


def some_path(chance: random.Random) -> str:
    return "/".join(filter(None, (chance.choice(FOLDERS), chance.choice((*NAMES, ".env")))))


def put(root: Path, chance: random.Random) -> None:
    """Something new at some place, whatever stands there."""
    path = root / some_path(chance)
    for above in reversed(path.relative_to(root).parents):
        place = root / above
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            place.unlink()
        place.mkdir(exist_ok=True)
    remove(path)
    match chance.randrange(8):
        case 0:
            path.symlink_to(chance.choice(("a", "nowhere", "/etc/hostname")))
        case 1:
            path.mkdir()
        case _:
            path.write_bytes(chance.randbytes(chance.choice((0, 1, 100, 5000))))
            os.utime(path, ns=(0, chance.randrange(10**18, 17 * 10**17)))
    if not path.is_symlink():
        path.chmod(chance.choice((0o640, 0o755, 0o700)))


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def change(root: Path, chance: random.Random) -> None:
    """Some names go, some change, some come."""
    there = sorted(root.rglob("*"))
    for path in chance.sample(there, len(there) // 3):
        if not path.is_symlink() and path.exists():
            match chance.randrange(4):
                case 0:
                    remove(path)
                case 1:
                    path.chmod(0o711)
                case 2 if path.is_file():
                    path.write_bytes(b"other")
                case _:
                    pass
    for _ in range(12):
        put(root, chance)


def seen(root: Path) -> dict[str, tuple[object, ...]]:
    """What a name is like; a folder changes its time with what is in it."""
    found = described(root)
    return {name: what[:3] if (root / name).is_dir() and not (root / name).is_symlink() else what[:-1]
            for name, what in found.items()}  # fmt: skip


@pytest.mark.spec("R5", "R6")
@pytest.mark.parametrize(
    "seed", [*range(4), 6, *(pytest.param(seed, marks=pytest.mark.long) for seed in (4, 5, *range(7, 50)))]
)
def test_what_a_dry_run_names_is_what_the_restore_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    root = tmp_path / "made-up"
    root.mkdir()
    for _ in range(40):
        put(root, chance)
    greenhouse = greenhouse_in(tmp_path, monkeypatch)
    greenhouse.more = MORE[seed % len(MORE)]
    shutil.rmtree(greenhouse.root, ignore_errors=True)
    root.rename(greenhouse.root)
    root = greenhouse.root

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            change(root, chance)
            before = seen(root)
            dry = await greenhouse.swapped(app, point, dry=True)
            assert dry.run.outcome is Outcome.SUCCESS, dry.run.error
            assert seen(root) == before
            done = await greenhouse.swapped(app, point)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            after = seen(root)
            named = {(one.path, one.sort) for one in dry.state.changes}
            did = {(name, "created") for name in after.keys() - before.keys()}
            did |= {(name, "deleted") for name in before.keys() - after.keys()}
            did |= {(name, "overwritten") for name in before.keys() & after.keys() if before[name] != after[name]}
            assert named == did
            (foreseen,) = dry.state.foreseen
            counted = {"created": foreseen.created, "overwritten": foreseen.overwritten, "deleted": foreseen.deleted}
            for sort, amount in counted.items():
                assert amount.count == sum(each == sort for _, each in did)

    run(story())


@pytest.mark.spec("R5")
def test_of_a_great_many_changes_all_are_counted_and_the_first_are_named() -> None:
    source = Source(name="laravel", kind=SourceKind.FILES, root="/srv/laravel")
    found = Comparison(source)
    for number in range(NAMED + 5):
        found.meet(f"file-{number}", Essence(f"file-{number}", FileKind.FILE, 1, None, None, (0, 0)))
    assert found.deleted.count == NAMED + 5
    assert len(found.changes) == NAMED
