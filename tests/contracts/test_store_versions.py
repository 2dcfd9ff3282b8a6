"""The contract of stores: SQLite and PostgreSQL behave the same, from the first migration on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from app.foundation.errors import Refused
from app.foundation.redact import Redactor
from app.records.site_records import SiteRecords
from app.store import migrations, versions
from app.store.tables import metadata
from tests.contracts.conftest import StorePlace
from tests.contracts.store_rows import WEDNESDAY, a_run, add_a_site, open_and_close, two_sites
from tests.running import run


def test_the_known_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(versions.SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


@pytest.mark.spec("X6")
def test_the_migrations_make_the_tables_that_the_code_knows(place: StorePlace) -> None:
    async def story() -> None:
        async with place.opened():
            pass

    run(story())
    with place.behind_its_back() as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.spec("X6")
def test_opening_again_changes_nothing(place: StorePlace) -> None:
    async def story() -> None:
        async with two_sites(place) as (_, north, _south):
            await north.begin(a_run())
        async with place.opened() as database:
            assert len(await SiteRecords(database, "north", Redactor()).runs()) == 1

    run(story())
    assert place.rows("SELECT version_num FROM alembic_version") == [(migrations.HEAD,)]


def test_a_database_that_is_up_to_date_opens_without_alembic(sqlite_place: StorePlace) -> None:
    run(open_and_close(sqlite_place))
    script = """
import asyncio, sys
from app.foundation.blocking import Blocking
from app.store.engine import open_database
blocking = Blocking()
asyncio.Runner().run(open_database(sys.argv[1], blocking))
print("alembic" in sys.modules, "psycopg" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", script, sqlite_place.where], capture_output=True, check=True)
    assert said.stdout.split() == [b"False", b"False"]


@pytest.mark.spec("X6")
def test_a_newer_database_is_refused_untouched(place: StorePlace) -> None:
    run(open_and_close(place))
    place.change("UPDATE alembic_version SET version_num = '9999'")
    before = Path(place.where).read_bytes() if place.kind == "sqlite" else b""
    with pytest.raises(Refused) as refused:
        run(open_and_close(place))
    assert refused.value.code == "store.newer"
    assert place.kind != "sqlite" or Path(place.where).read_bytes() == before
    assert place.rows("SELECT version_num FROM alembic_version") == [("9999",)]


def test_another_programs_database_is_refused_untouched(place: StorePlace) -> None:
    Path(place.where).parent.mkdir(exist_ok=True) if place.kind == "sqlite" else None
    place.change("CREATE TABLE customers (name TEXT)")
    with pytest.raises(Refused) as refused:
        run(open_and_close(place))
    assert refused.value.code == "store.not-ours"
    with pytest.raises(DBAPIError):
        place.rows("SELECT * FROM sites")


def a_second_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """From now on there is a second version of the tables, as a later Overwinter will bring; gives its script."""
    scripts = tmp_path / "migrations"
    shutil.copytree(versions.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    script = scripts / "versions" / "0003_second.py"
    script.write_text(
        "from alembic import op\nrevision = '0003'\ndown_revision = '0002'\n"
        "def upgrade():\n    op.execute('CREATE TABLE later (name TEXT)')\n"
    )
    monkeypatch.setattr(versions, "SCRIPTS", scripts)
    monkeypatch.setattr(migrations, "HEAD", "0003")
    return script


@pytest.mark.spec("X6")
def test_an_older_database_is_brought_up_to_date(
    place: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(add_a_site(place))
    a_second_version(tmp_path, monkeypatch)
    run(open_and_close(place))
    assert place.rows("SELECT * FROM later") == []
    assert place.rows("SELECT name FROM sites") == [("north",)]


def test_of_an_older_file_a_copy_is_kept(
    sqlite_place: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(add_a_site(sqlite_place))
    a_second_version(tmp_path, monkeypatch)
    run(open_and_close(sqlite_place))
    copy = Path(f"{sqlite_place.where}.version-0002")
    assert copy.stat().st_mode & 0o777 == 0o600
    kept = StorePlace("sqlite", str(copy))
    assert kept.rows("SELECT version_num FROM alembic_version") == [("0002",)]
    assert kept.rows("SELECT name FROM sites") == [("north",)]


def test_a_migration_that_fails_leaves_the_older_database_as_it_was(
    place: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(add_a_site(place))
    with a_second_version(tmp_path, monkeypatch).open("a") as script:
        script.write("    op.execute('INSERT INTO nowhere VALUES (1)')\n")
    with pytest.raises(DBAPIError, match="nowhere"):
        run(open_and_close(place))
    assert place.rows("SELECT version_num FROM alembic_version") == [("0002",)]
    assert place.rows("SELECT name FROM sites") == [("north",)]
    with pytest.raises(DBAPIError, match="later"):
        place.rows("SELECT * FROM later")


OLD_RUN = (
    "INSERT INTO runs (site, id, kind, trigger, who, choice, key, owner_computer, owner_boot, owner_pid,"
    " owner_started, tags, started, closed, outcome, rollback, counters, log_excerpt) VALUES ('north', '{id}',"
    " 'backup', 'manual', 'ann', '', '{id}', 'x#1', '', 1, 1, '[]', '{started}', '{started}', 'success', 'none',"
    ' \'{{"total": 0, "processed": 0, "succeeded": 0, "failed": 0, "skipped": 0}}\', \'\')'
)


@pytest.mark.spec("X6", "J1")
def test_runs_of_the_first_version_keep_their_order_and_count_on(
    place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is made as the first version made it, by its own script."""
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "HEAD", "0001")
        earlier.setattr(command, "upgrade", partial(command_upgrade, to="0001"))
        run(open_and_close(place))
    late, early = (
        OLD_RUN.format(id=id_ * 32, started=f"2026-02-0{day} 02:00:00+00") for id_, day in (("a", 2), ("b", 1))
    )
    place.change(
        "INSERT INTO sites VALUES ('north', '', '2026-02-01 00:00:00+00', '2026-02-01 00:00:00+00')",
        *(statement.replace("+00", "") if place.kind == "sqlite" else statement for statement in (late, early)),
    )

    async def story() -> None:
        async with place.opened() as database:
            north = SiteRecords(database, "north", Redactor())
            newest = a_run(started=WEDNESDAY - timedelta(days=365))
            await north.begin(newest)
            assert [each.id for each in await north.runs()] == [newest.id, "a" * 32, "b" * 32]

    run(story())
    if place.kind == "sqlite":
        assert StorePlace("sqlite", f"{place.where}.version-0001").rows("SELECT count(*) FROM runs") == [(2,)]


def command_upgrade(config: Config, _revision: str, *, to: str) -> None:
    """Stops at an earlier version."""
    ScriptDirectory.from_config(config)
    UPGRADE(config, to)


UPGRADE = command.upgrade
