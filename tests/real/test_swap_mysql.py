"""A database of MariaDB is swapped in as one of PostgreSQL is: whole, undone whole, refused where it cannot be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from app.foundation.events import Outcome
from app.jobs.cutover.plan import State
from app.jobs.effects.names import before_name, shadow_name
from app.jobs.restore.choice import NewDatabase, RestoreChoice, Swap
from app.jobs.sources.mysql_swapping import mark_of
from app.jobs.swap.kept import STAYS
from tests.real.servers.mariadb import MariadbServer
from tests.real.servers.sshd import ssh_server
from tests.real.swapping_mysql import CHANGES, SITE, Shop, shop_in
from tests.running import run

if sys.platform == "win32":
    pytest.skip("a database on Windows is refused", allow_module_level=True)


@pytest.fixture
def shop(tmp_path: Path, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    made = shop_in(tmp_path, mariadb, monkeypatch)
    yield made
    made.unmake()


def is_there(path: str) -> bool:
    return Path(path).exists()


def size_of(path: str) -> int:
    return Path(path).stat().st_size


@pytest.mark.spec("R6", "R9", "R14")
def test_a_database_comes_back_identical_and_so_does_the_old_one_on_request(shop: Shop) -> None:
    async def story() -> None:
        async with shop.opened() as app:
            then, granted = shop.dump(), shop.grants()
            point = await shop.backed_up(app)
            shop.server.sql(CHANGES, shop.database)
            now = shop.dump()
            assert now != then
            done = await shop.swapped(app, point)
            assert done.run.outcome is Outcome.SUCCESS, (done.run.error, done.said)
            assert shop.dump() == then
            assert shop.grants() == granted
            assert not shop.locked()
            before = before_name(shop.database, done.run.id)
            assert shop.databases() == {shop.database, before}
            assert done.state is not None
            names = {old.name: old.bytes for old in done.state.old}
            (dump,) = names.keys() - {before}
            assert (names[before] or 0) > 10_000
            assert size_of(dump) == names[dump]
            undone = await shop.carried_out(app, await app.plan_undo(SITE, done.run.id))
            assert undone.run.outcome is Outcome.SUCCESS, undone.run.error
            assert shop.dump() == now
            assert not shop.locked()
            assert shop.databases() == {shop.database, before_name(shop.database, undone.run.id)}

    run(story())


@pytest.mark.spec("R5")
def test_a_dry_run_changes_nothing(shop: Shop) -> None:
    async def story() -> None:
        async with shop.opened() as app:
            point = await shop.backed_up(app)
            shop.server.sql(CHANGES, shop.database)
            now = shop.dump()
            done = await shop.swapped(app, point, dry=True)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            assert (shop.dump(), shop.databases()) == (now, {shop.database})
            assert done.state is not None
            (foreseen,) = done.state.foreseen
            assert foreseen.overwritten.count == 1

    run(story())


@pytest.mark.spec("R6", "R9")
def test_what_is_staged_waits_and_a_database_that_is_gone_is_made(shop: Shop) -> None:
    async def story() -> None:
        async with shop.opened() as app:
            then = shop.dump()
            point = await shop.backed_up(app)
            shop.server.sql(f"DROP DATABASE `{shop.database}`")
            staged = await shop.swapped(app, point, Swap(safety=False, stage_only=True))
            assert staged.run.outcome is Outcome.SUCCESS, staged.run.error
            assert shop.databases() == {shadow_name(shop.database, staged.run.id)}
            assert not shop.events_in(shadow_name(shop.database, staged.run.id))
            done = await shop.swapped(app, point, Swap(safety=False, cutover=staged.run.id))
            assert done.run.outcome is Outcome.SUCCESS, done.run.error
            assert shop.dump() == then
            undone = await shop.carried_out(app, await app.plan_undo(SITE, done.run.id))
            assert undone.run.outcome is Outcome.SUCCESS, undone.run.error
            assert shop.databases() == {before_name(shop.database, undone.run.id)}, "there was none"

    run(story())


@pytest.mark.spec("R9")
def test_the_old_state_goes_when_its_time_is_over_and_only_what_is_that(shop: Shop) -> None:
    async def story() -> None:
        async with shop.opened() as app:
            point = await shop.backed_up(app)
            done = await shop.swapped(app, point)
            assert done.state is not None
            before = before_name(shop.database, done.run.id)
            (dump,) = {old.name for old in done.state.old} - {before}
            await shop.backed_up(app)
            assert shop.databases() == {shop.database, before}, "its time is not over"
            plan = await app.shelf.finished(SITE, done.run.id)
            assert plan is not None
            early = msgspec.structs.replace(plan, made=plan.made - STAYS - timedelta(minutes=1))
            await app.shelf.settle(early, State.NEW, lambda _name: app._here)
            mark = mark_of(done.run.id).name
            shop.server.sql(f"RENAME TABLE `{before}`.`{mark}` TO `{before}`.`aside`")
            cleaned = await shop.carried_out(app, await app.plan_cleanup(SITE))
            assert cleaned.code == "aside.unclear", "another database by that name"
            shop.server.sql(f"RENAME TABLE `{before}`.`aside` TO `{before}`.`{mark}`")
            live = shop.dump()
            await shop.backed_up(app)
            assert (shop.databases(), shop.dump()) == ({shop.database}, live)
            assert not is_there(dump)
            assert await app.shelf.finished_runs(SITE) == []

    run(story())


@pytest.mark.spec("R4")
def test_what_the_account_lacks_is_named_as_a_line_to_run(shop: Shop) -> None:
    server, account = shop.server, f"`{shop.account}`@`127.0.0.1`"

    async def story() -> None:
        async with shop.opened() as app:
            point = await shop.backed_up(app)
            server.sql(rf"REVOKE ALL PRIVILEGES ON `{shop.database}\_\_before\_%`.* FROM {account}")
            refused = await shop.swapped(app, point)
            assert refused.code == "restore.may-not-swap"
            assert refused.run.error is not None
            server.sql(refused.run.error.detail)
            server.sql(f"REVOKE CREATE USER, CONNECTION ADMIN ON *.* FROM {account}")
            refused = await shop.swapped(app, point)
            assert refused.code == "restore.accounts-stay"
            assert refused.run.error is not None
            done = await shop.swapped(app, point, accept=("database-accounts",), dry=True)
            assert done.run.outcome is Outcome.SUCCESS, "a person may say so"
            server.sql(refused.run.error.detail)
            done = await shop.swapped(app, point)
            assert done.run.outcome is Outcome.SUCCESS, done.run.error

    run(story())


@pytest.mark.spec("R4")
def test_what_stands_in_the_way_is_named_and_nothing_is_changed(shop: Shop) -> None:
    other = f"{shop.database} other"
    ways = {
        "restore.foreign-keys": (
            f"CREATE DATABASE `{other}`; CREATE TABLE `{other}`.c (zone int,"
            f" CONSTRAINT away FOREIGN KEY (zone) REFERENCES `{shop.database}`.zones (id))",
            f"DROP DATABASE `{other}`",
        ),
        "restore.definer-missing": ("DROP USER keeper@`127.0.0.1`", "CREATE USER keeper@`127.0.0.1`"),
        "restore.live-unreadable": (
            f"CREATE VIEW `{shop.database}`.broken AS SELECT 1 FROM `{shop.database}`.nothing;"
            f"RENAME TABLE `{shop.database}`.kinds TO `{shop.database}`.gone",
            f"RENAME TABLE `{shop.database}`.gone TO `{shop.database}`.kinds; DROP VIEW `{shop.database}`.broken",
        ),
    }

    async def story() -> None:
        async with shop.opened() as app:
            point = await shop.backed_up(app)
            for code, (spoil, mend) in ways.items():
                shop.server.sql(spoil)
                refused = await shop.swapped(app, point)
                assert (refused.code, refused.run.outcome) == (code, Outcome.REFUSED), refused.run.error
                shop.server.sql(mend)
                assert shop.databases() == {shop.database}

    run(story())


@pytest.mark.spec("J2", "R6")
def test_what_a_load_that_fails_has_made_is_removed(shop: Shop) -> None:
    async def story() -> None:
        async with shop.opened() as app:
            shop.server.sql("CREATE TABLE zz (b longblob); INSERT INTO zz VALUES (REPEAT('x', 1500000))", shop.database)
            now = shop.dump()
            point = await shop.backed_up(app)
            shop.server.sql("SET GLOBAL max_allowed_packet = 1048576")
            try:
                failed = await shop.swapped(app, point)
            finally:
                shop.server.sql("SET GLOBAL max_allowed_packet = 16777216")
            # The server hangs up; a client that is still writing then may not read why.
            assert failed.code in ("mysql.row-too-big", "mysql.connection-lost")
            assert (shop.databases(), shop.dump()) == ({shop.database}, now)

    run(story())


@pytest.mark.long
@pytest.mark.spec("H2", "R6")
def test_a_database_of_a_server_is_swapped_there(
    tmp_path: Path, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_server(tmp_path / "sshd") as far:
        shop = shop_in(tmp_path, mariadb, monkeypatch, far)

        async def story() -> None:
            async with shop.opened() as app:
                then = shop.dump()
                point = await shop.backed_up(app)
                shop.server.sql(CHANGES, shop.database)
                now = shop.dump()
                done = await shop.swapped(app, point)
                assert done.run.outcome is Outcome.SUCCESS, (done.run.error, done.said)
                assert shop.dump() == then
                undone = await shop.carried_out(app, await app.plan_undo(SITE, done.run.id))
                assert undone.run.outcome is Outcome.SUCCESS, undone.run.error
                assert shop.dump() == now

        run(story())
        shop.unmake()


@pytest.mark.spec("R13")
def test_a_new_database_beside_the_live_one_does_not_alter_that(shop: Shop) -> None:
    """A dump with a program of another collation in it alters the database by its name, which is the live one's."""
    beside = shadow_name(shop.database, "beside00")
    collation = "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = '{}'"

    async def story() -> None:
        async with shop.opened() as app:
            point = await shop.backed_up(app)
            shop.server.sql(f"ALTER DATABASE `{shop.database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
            now = shop.dump()
            choice = RestoreChoice(point, ("source:shop",), NewDatabase(beside), ("database-space",))
            launched = await app.runner.launch(await app.plan_restore(SITE, choice))
            done = await app.runner.wait(SITE, launched.run)
            assert done.outcome in (Outcome.SUCCESS, Outcome.PARTIAL), done.error
            assert shop.server.sql(collation.format(shop.database)).split() == ["utf8mb4_general_ci"]
            assert shop.dump() == now
            assert shop.server.sql(collation.format(beside)).split() == ["utf8mb4_czech_ci"]
            early = "SELECT database_collation FROM information_schema.routines WHERE routine_name = 'early'"
            assert set(shop.server.sql(early).split()) == {"latin1_swedish_ci"}

    run(story())
