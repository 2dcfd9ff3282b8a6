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
from app.tools.restic.tree import Restored, Tree
from tests.contracts.test_restores import (
    HYDRO,
    RESTORED,
    SITE,
    Greenhouse,
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

if sys.platform == "win32":
    pytest.skip("owners and modes as POSIX has them", allow_module_level=True)


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
    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            greenhouse.mariadb.sql("DROP USER keeper@`127.0.0.1`")
            new = NewDatabase(RESTORED["shop"])
            done, items, _ = await greenhouse.restored(app, point, "source:shop", new)
            assert done.outcome is Outcome.PARTIAL
            assert items["shop"].error is not None
            assert items["shop"].error.code == "restore.definer-missing"
            assert "keeper@127.0.0.1" in items["shop"].error.detail

    run(story())
    assert greenhouse.mariadb.sql("SELECT COUNT(*) FROM parted", RESTORED["shop"]) == "1000\n"


@pytest.mark.spec("R13")
def test_a_dump_that_does_not_load_leaves_no_database(greenhouse: Greenhouse) -> None:
    """Rows that a check would not take any more; a server that takes no long statement."""
    greenhouse.postgres.sql(
        "CREATE FUNCTION most() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 9';"
        "CREATE TABLE few (x int CHECK (x < most())); INSERT INTO few VALUES (5);"
        "CREATE OR REPLACE FUNCTION most() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 3'",
        HYDRO,
    )
    before = greenhouse.databases()

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            greenhouse.mariadb.sql("SET GLOBAL max_allowed_packet = 1024")
            try:
                for source, code in (("telemetry", "postgres.load-failed"), ("shop", "mysql.row-too-big")):
                    new = NewDatabase(RESTORED[source])
                    done, items, _ = await greenhouse.restored(app, point, f"source:{source}", new)
                    assert done.outcome is Outcome.FAILED
                    error = items[source].error
                    assert error is not None
                    assert error.code == code, error
                    assert "removed" in str(error.means)
            finally:
                greenhouse.mariadb.sql("SET GLOBAL max_allowed_packet = DEFAULT")

    run(story())
    assert greenhouse.databases() == before


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
@pytest.mark.parametrize("step", ["source:laravel", "place", "fetch", "load", "compare"])
def test_a_cancel_leaves_nothing(greenhouse: Greenhouse, step: str) -> None:
    before, root = greenhouse.databases(), greenhouse.folder
    names = {path.name for path in root.iterdir()} | {"data"}
    in_folder = step in ("source:laravel", "place")

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            wanted: list[tuple[str, Target]] = [("both", Folder(str(root / "back")))]
            if not in_folder:
                wanted = [(f"source:{source}", NewDatabase(name)) for source, name in RESTORED.items()]
            for scope, target in wanted:
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

        async def spoiled(tree: Tree, *arguments: Any) -> Restored:
            done = await real(tree, *arguments)
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
    roles = "SELECT rolname, rolconnlimit, rolpassword, rolvaliduntil, rolconfig FROM pg_authid ORDER BY 1"
    garden, before = plain_dump(postgres, HYDRO, "x"), postgres.sql(roles)

    async def story() -> None:
        async with greenhouse.opened() as app:
            point = await greenhouse.backed_up(app)
            postgres.sql(f'DROP DATABASE "{HYDRO}" WITH (FORCE)')
            postgres.sql("""DROP ROLE "grower's"; ALTER ROLE reader CONNECTION LIMIT 2""")
            new, scope = NewDatabase(RESTORED["telemetry"]), "source:telemetry"
            done, _, _ = await greenhouse.restored(app, point, scope, new)
            assert done.error is not None
            assert done.error.code == "restore.roles-missing"
            assert "grower's" in str(done.error.what)
            done, _, _ = await greenhouse.restored(app, point, scope, new, make_roles=True)
            assert done.outcome is Outcome.SUCCESS, done.error

    greenhouse.with_globals = True
    run(story())
    assert plain_dump(postgres, RESTORED["telemetry"], "x") == garden
    limits = {row[0]: row[1] for row in postgres.sql(roles)}
    assert limits["reader"] == 2, "a role that exists is never changed"
    assert [row for row in postgres.sql(roles) if row[0] != "reader"] == [row for row in before if row[0] != "reader"]
    assert postgres.sql("SELECT pg_has_role('grower''s', 'reader', 'MEMBER')") == [(True,)]
