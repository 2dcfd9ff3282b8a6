"""Restores to another place when something goes wrong on the way: what was there stays, and nothing half is left."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.assembly import Overwinter
from app.foundation.events import ItemStatus, Outcome, StepStarted
from app.jobs.restore import checks
from app.jobs.restore.choice import Folder, NewDatabase, RestoreChoice, Target
from app.records.run import Run
from app.tools.restic.tree import Restored, Tree
from tests.contracts.test_restores import (
    HYDRO,
    RESTORED,
    SHOP,
    SITE,
    Greenhouse,
    everything_below,
    make_site,
    plain_dump,
    unmake_site,
)
from tests.faults.test_full_disks import disk_at
from tests.features.greenhouse import REPOSITORY_PASSWORD
from tests.real.servers.mariadb import MariadbServer
from tests.real.servers.postgresql import PostgresServer
from tests.real.servers.restic import VERSIONS, fresh_repository, restic_program
from tests.running import run

if sys.platform != "linux":
    pytest.skip("extended attributes as Linux has them", allow_module_level=True)


@pytest.fixture
def greenhouse(
    tmp_path: Path, postgres: PostgresServer, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Greenhouse]:
    program = restic_program(VERSIONS[-1])
    monkeypatch.setenv("OVERWINTER_RESTIC", program)
    fresh_repository(program, tmp_path / "repository", REPOSITORY_PASSWORD)
    made = Greenhouse(tmp_path, "this-computer", postgres, mariadb)
    make_site(made)
    yield made
    unmake_site(made)
    assert made.leftovers() == []


@pytest.mark.spec("R13", "R14")
def test_accounts_that_are_gone_are_named_and_the_data_is_back(greenhouse: Greenhouse) -> None:
    point = run(backed_up(greenhouse))
    greenhouse.mariadb.sql("DROP USER keeper@`127.0.0.1`")
    done = run(restored(greenhouse, point, "source:shop", NewDatabase(RESTORED["shop"])))
    assert done.outcome is Outcome.PARTIAL
    assert done.error is not None
    assert done.error.code == "restore.definer-missing"
    assert "keeper@127.0.0.1" in done.error.detail
    assert greenhouse.mariadb.sql("SELECT COUNT(*) FROM parted", RESTORED["shop"]) == "1000\n"


@pytest.mark.spec("R13")
def test_a_dump_that_does_not_load_leaves_no_database(greenhouse: Greenhouse) -> None:
    """Rows that a check would not take any more; a server that takes no long statement."""
    greenhouse.postgres.sql(
        "CREATE FUNCTION most() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 9';"
        "CREATE TABLE scarce (x int CHECK (x < most())); INSERT INTO scarce VALUES (5);"
        "CREATE OR REPLACE FUNCTION most() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 3'",
        HYDRO,
    )
    greenhouse.mariadb.sql("CREATE TABLE wide (t longtext); INSERT INTO wide VALUES (REPEAT('x', 200000))", SHOP)
    before = greenhouse.databases()
    point = run(backed_up(greenhouse))
    greenhouse.mariadb.sql("SET GLOBAL max_allowed_packet = 1024")
    try:
        for source, code in (("telemetry", "postgres.load-failed"), ("shop", "mysql.")):
            done = run(restored(greenhouse, point, f"source:{source}", NewDatabase(RESTORED[source])))
            assert done.outcome is Outcome.FAILED
            assert done.error is not None
            assert done.error.code.startswith(code), done.error  # MariaDB says why, or is gone before that
            assert "removed" in str(done.error.means)
    finally:
        greenhouse.mariadb.sql("SET GLOBAL max_allowed_packet = DEFAULT")
    assert greenhouse.databases() == before


async def backed_up(greenhouse: Greenhouse) -> str:
    """A point, by a program of its own: what is asked of servers between may not hold up its loop."""
    async with greenhouse.opened() as app:
        return await greenhouse.backed_up(app)


async def restored(greenhouse: Greenhouse, point: str, scope: str, target: Target, *, make_roles: bool = False) -> Run:
    """A restore by a program of its own."""
    async with greenhouse.opened() as app:
        done, _, _ = await greenhouse.restored(app, point, scope, target, make_roles=make_roles)
        return done


@pytest.mark.spec("R13", "R4", "X3")
def test_a_disk_that_runs_full_leaves_nothing_that_looks_whole(
    greenhouse: Greenhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk_folder = greenhouse.folder / "disk"
    disk_folder.mkdir()
    (greenhouse.root / "large").write_bytes(b"large" * 2_000_000)

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            with disk_at(disk_folder, "8m"):
                target = Folder(str(disk_folder / "back"))
                done, _, _ = await greenhouse.restored(app, point, "files", target)
                assert done.outcome is Outcome.REFUSED
                assert done.error is not None
                assert done.error.code == "restore.no-room"
                monkeypatch.setattr(checks, "ROOM_TO_SPARE", -(10**9))
                for folder in (disk_folder, disk_folder / "back"):
                    done, items, _ = await greenhouse.restored(app, point, "both", Folder(str(folder)))
                    assert done.outcome is Outcome.PARTIAL
                    assert items["laravel"].status is ItemStatus.FAILED
                    assert items["laravel"].error is not None
                    assert items["laravel"].error.code == "restic.target-full"
                    assert {path.name for path in folder.iterdir()} == {"telemetry", "shop", "readings"}
                    for path in folder.iterdir():
                        shutil.rmtree(path)

    run(story())


@pytest.mark.spec("R13", "J2")
@pytest.mark.parametrize("steps", [("load",), pytest.param(("fetch", "load", "compare"), marks=pytest.mark.long)])
def test_a_cancel_leaves_nothing(greenhouse: Greenhouse, steps: tuple[str, ...]) -> None:
    before, root = greenhouse.databases(), greenhouse.folder
    names = {path.name for path in root.iterdir()} | {"data"}
    into_folder: tuple[str, Target] = ("both", Folder(str(root / "back")))
    as_databases: list[tuple[str, Target]] = [
        (f"source:{source}", NewDatabase(RESTORED[source])) for source in RESTORED
    ]

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            tried = [(*into_folder, step) for step in ("source:laravel", "place")]
            tried += [(*one, step) for one in as_databases for step in steps]
            for scope, target, step in tried:
                assert await cancelled_at(app, RestoreChoice(point, (scope,), target), step) is Outcome.CANCELLED

    run(story())
    assert greenhouse.databases() == before
    assert {path.name for path in root.iterdir()} == names


async def cancelled_at(app: Overwinter, choice: RestoreChoice, step: str) -> Outcome | None:
    """How a restore ends that is cancelled when that step begins."""
    launched = await app.runner.launch(await app.plan_restore(SITE, choice))
    async for batch in app.runner.feed(SITE, launched.run).batches():
        if any(isinstance(event, StepStarted) and event.key == step for event in batch):
            await asyncio.sleep(0.02)
            await app.runner.cancel(SITE, launched.run)
            break
    return (await app.runner.wait(SITE, launched.run)).outcome


@pytest.mark.spec("R13")
def test_what_was_changed_on_its_way_is_not_taken_for_whole(
    greenhouse: Greenhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes into the folder that says it is incomplete: content fails it, a mode is told."""
    target = greenhouse.folder / "back"
    root = f"{target}.incomplete-restore-*/laravel/laravel"
    spoils = {
        "restore.not-as-in-point": lambda path: (path / ".env").write_text("another"),
        "restore.metadata-not-kept": lambda path: (path / ".env").chmod(0o600),
    }

    async def story(code: str) -> None:
        real = Tree.restore

        async def spoiled(tree: Tree, *arguments: Any, **named: Any) -> Restored:
            done = await real(tree, *arguments, **named)
            (found,) = greenhouse.folder.glob(Path(root).relative_to(greenhouse.folder).as_posix())
            spoils[code](found)
            return done

        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            monkeypatch.setattr(Tree, "restore", spoiled)
            done, items, _ = await greenhouse.restored(app, point, "files", Folder(str(target)))
            monkeypatch.undo()
            item = items["laravel"]
            assert item.error is not None
            assert item.error.code == code
            if code == "restore.not-as-in-point":
                assert done.outcome is Outcome.FAILED
                assert ".env" in item.error.detail
                assert not target.exists()
            else:
                assert done.outcome is Outcome.PARTIAL
                assert item.missing == ("laravel/.env",)

    run(story("restore.not-as-in-point"))
    monkeypatch.setenv("OVERWINTER_RESTIC", restic_program(VERSIONS[-1]))
    run(story("restore.metadata-not-kept"))


@pytest.mark.spec("R14")
def test_roles_that_the_server_lacks_are_made_only_when_asked(greenhouse: Greenhouse) -> None:
    postgres = greenhouse.postgres
    postgres.sql("""ALTER ROLE "grower's" PASSWORD 'canary' CONNECTION LIMIT 3 VALID UNTIL '2030-01-01'""")
    postgres.sql("""ALTER ROLE "grower's" SET work_mem = '6MB'; GRANT reader TO "grower's" WITH ADMIN OPTION""")
    postgres.sql("""COMMENT ON ROLE "grower's" IS 'it''s; one'""")
    roles = (
        "SELECT r.rolname, r.rolconnlimit, a.rolpassword, r.rolvaliduntil, r.rolconfig,"
        " shobj_description(a.oid, 'pg_authid') FROM pg_roles r JOIN pg_authid a USING (oid) ORDER BY 1"
    )
    garden, before = plain_dump(postgres, HYDRO, "x"), postgres.sql(roles)

    greenhouse.with_globals = True
    point = run(backed_up(greenhouse))
    postgres.sql(f'DROP DATABASE "{HYDRO}" WITH (FORCE)')
    postgres.sql("""DROP ROLE "grower's"; ALTER ROLE reader CONNECTION LIMIT 2""")
    new, scope = NewDatabase(RESTORED["telemetry"]), "source:telemetry"
    done = run(restored(greenhouse, point, scope, new))
    assert done.error is not None
    assert done.error.code == "restore.roles-missing"
    assert "grower's" in str(done.error.what)
    done = run(restored(greenhouse, point, scope, new, make_roles=True))
    assert done.outcome is Outcome.SUCCESS, done.error
    assert plain_dump(postgres, RESTORED["telemetry"], "x") == garden
    limits = {row[0]: row[1] for row in postgres.sql(roles)}
    assert limits["reader"] == 2, "a role that exists is never changed"
    assert [row for row in postgres.sql(roles) if row[0] != "reader"] == [row for row in before if row[0] != "reader"]
    assert postgres.sql("SELECT pg_has_role('grower''s', 'reader', 'MEMBER')") == [(True,)]


@pytest.mark.spec("R13", "R5")
def test_what_cannot_be_done_is_refused_before_anything_is_changed(greenhouse: Greenhouse) -> None:
    made = greenhouse
    taken = made.folder / "taken"
    taken.mkdir()
    (taken / "mine").write_text("mine")
    tree, databases = everything_below(made.folder / "www"), made.databases()

    point = run(backed_up(made))

    def refused(scope: str, target: Target) -> str:
        done = run(restored(made, point, scope, target))
        assert done.outcome is Outcome.REFUSED, done.error
        assert done.error is not None
        return done.error.code

    assert refused("files", Folder(str(taken))) == "restore.folder-not-empty"
    assert refused("files", Folder(str(taken / "mine"))) == "restore.folder-not-empty"
    assert refused("files", Folder("relative/folder")) == "restore.not-absolute"
    assert refused("files", Folder(str(taken / "a" / "b"))) == "restore.no-folder"
    for source, name in (("telemetry", HYDRO), ("shop", SHOP), ("readings", str(made.readings))):
        assert refused(f"source:{source}", NewDatabase(name)) == "restore.database-exists"
    assert refused("source:telemetry", NewDatabase("сад" * 11)) == "restore.name-too-long"
    made.postgres.sql(f'DROP DATABASE "{HYDRO}" WITH (FORCE)')
    made.postgres.sql("""DROP ROLE "grower's" """)
    assert refused("source:telemetry", NewDatabase("x y")) == "restore.roles-missing"
    assert everything_below(made.folder / "www") == tree
    assert made.databases() == databases - {HYDRO}
    assert {path.name for path in taken.iterdir()} == {"mine"}


@pytest.mark.spec("R5", "R13")
def test_a_dry_run_says_what_would_come_and_writes_nothing(greenhouse: Greenhouse) -> None:
    made, back = greenhouse, greenhouse.folder / "back"
    point, before = run(backed_up(made)), everything_below(made.folder / "www")

    async def story() -> None:
        async with made.opened() as app:
            done, items, state = await made.restored(app, point, "files", Folder(str(back)), dry_run=True)
            assert done.outcome is Outcome.SUCCESS
            (planned,) = state.planned
            assert (planned.files, planned.bytes, items["laravel"].bytes) == (len(files), sizes, sizes)
            assert {one.key: one.verdict.value for one in state.judged} == dict.fromkeys(
                ("folder", "space", "ownership", "owners"), "pass"
            )
            for source, name in RESTORED.items():
                done, _, _ = await made.restored(app, point, f"source:{source}", NewDatabase(name), dry_run=True)
                assert done.outcome is Outcome.SUCCESS, done.error

    databases = made.databases()
    files = [path for path in (made.root, *made.root.rglob("*")) if not path.is_dir() or path.is_symlink()]
    sizes = sum(path.stat().st_size for path in files if path.is_file() and not path.is_symlink())
    run(story())
    assert (everything_below(made.folder / "www"), made.databases(), back.exists()) == (before, databases, False)
