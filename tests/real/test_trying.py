"""What the Test buttons try: each kind of source as a backup would use it, and what each says when it cannot."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.assembly import Overwinter, assemble
from app.foundation.errors import UserError
from app.jobs.trying import Tried
from app.settings.places import places
from tests.real.servers.mariadb import MariadbServer
from tests.real.servers.postgresql import PostgresServer
from tests.running import run
from tests.ui.technician import vault_with_passphrase_file

PASSWORD = "canary Zkouška 5"


def tried(folder: Path, source: dict[str, Any], typed: str = "") -> Tried:
    """The trial of one source of a site that is not stored."""
    document = {"name": "north-house", "repository": {"url": "/mnt/repo"}, "sources": [{"name": "it", **source}]}
    secrets = {"source:it:password": typed} if typed else {}
    with vault_with_passphrase_file(folder):
        return run(in_program(folder / "data", lambda app: app.trials.source(document, "it", secrets)))


async def in_program(data: Path, work: Callable[[Overwinter], Awaitable[Tried]]) -> Tried:
    app = await assemble(places(data))
    try:
        found = await work(app)
        assert list(app.places.scratch.iterdir()) == [], "nothing is left of a trial"
        return found
    finally:
        await app.close()


def code(folder: Path, source: dict[str, Any], typed: str = "") -> str:
    with pytest.raises(UserError) as raised:
        tried(folder, source, typed)
    return raised.value.code


def said(found: Tried) -> str:
    return " ".join(map(str, found.said))


@pytest.mark.spec("S2")
def test_files_are_looked_at_and_missing_parts_named(tmp_path: Path) -> None:
    root = tmp_path / "site"
    (root / "storage").mkdir(parents=True)
    assert "1 name is in it" in said(tried(tmp_path, {"kind": "files", "root": str(root)}))
    parts = tried(tmp_path, {"kind": "files", "root": str(root), "include": ["storage", "gone"]})
    assert [warning.code for warning in parts.warnings] == ["source.parts-missing"]
    assert code(tmp_path, {"kind": "files", "root": str(tmp_path / "no")}) == "source.root-missing"
    assert code(tmp_path, {"kind": "docker-volume", "volume": "x"}) == "source.kind-unsupported"
    assert code(tmp_path, {"kind": "files", "root": "not absolute"}) == "site.relative-root"


@pytest.mark.spec("S2")
def test_a_sqlite_database_is_opened_and_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "telemetry.sqlite"
    with closing(sqlite3.connect(file)) as made:
        made.execute("CREATE TABLE t (x)")
        made.commit()
    before = file.read_bytes()
    assert "The database opens" in said(tried(tmp_path, {"kind": "sqlite", "database": str(file)}))
    assert file.read_bytes() == before
    file.write_bytes(b"no database at all, but longer than a header" * 20)
    assert code(tmp_path, {"kind": "sqlite", "database": str(file)}).startswith("sqlite.")
    assert code(tmp_path, {"kind": "sqlite", "database": str(tmp_path / "no")}) == "sqlite.missing"


@pytest.mark.spec("S2")
def test_roles_without_their_passwords_are_a_warning(tmp_path: Path, postgres: PostgresServer) -> None:
    postgres.create_role("trial_globals", PASSWORD)
    source = {"kind": "postgresql-globals", "server": postgres.host, "port": postgres.port, "user": "trial_globals"}
    found = tried(tmp_path, source, PASSWORD)
    assert "PostgreSQL" in said(found)
    assert [warning.code for warning in found.warnings] == ["postgres.no-role-passwords"]
    assert code(tmp_path, source, "canary wrong") == "postgres.password-wrong"


@pytest.mark.spec("S2")
def test_a_mariadb_database_is_tried_with_its_rights(tmp_path: Path, mariadb: MariadbServer) -> None:
    mariadb.create_account("trial", PASSWORD)
    mariadb.sql("CREATE OR REPLACE DATABASE trial")
    source = {
        "kind": "mysql",
        "server": "127.0.0.1",
        "port": mariadb.port,
        "user": "trial",
        "database": "trial",
    }
    assert code(tmp_path, source, "canary wrong") == "mysql.password-wrong"
    assert code(tmp_path, source, PASSWORD) in ("mysql.no-rights", "mysql.database-missing", "mysql.not-allowed")
    mariadb.sql("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON trial.* TO trial@127.0.0.1")
    assert "All of trial may be read" in said(tried(tmp_path, source, PASSWORD))
