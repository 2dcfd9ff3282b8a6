"""A database of MariaDB is swapped in as one of PostgreSQL is: whole, undone whole, refused where it cannot be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.foundation.events import Outcome
from app.jobs.effects.names import before_name
from tests.real.servers.mariadb import MariadbServer
from tests.real.swapping_mysql import CHANGES, SITE, Shop, shop_in
from tests.running import run

if sys.platform == "win32":
    pytest.skip("a database on Windows is refused", allow_module_level=True)


@pytest.fixture
def shop(tmp_path: Path, mariadb: MariadbServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    made = shop_in(tmp_path, mariadb, monkeypatch)
    yield made
    made.unmake()


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
