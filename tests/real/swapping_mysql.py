"""A site whose only source is a database of MariaDB with everything in it; its account has just the rights it takes."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.assembly import Overwinter
from app.foundation.events import Outcome, Warned
from app.jobs.backup import BackupChoice
from app.jobs.plan import Plan
from app.jobs.restore.choice import RestoreChoice, Swap
from app.jobs.swap.setting import SwapState
from app.records.run import Run
from app.tools.mysql.surroundings import ON_EACH
from tests.contracts.sources import AWKWARD, PASSWORD
from tests.features.greenhouse import REPOSITORY_PASSWORD
from tests.real.practice import opened
from tests.real.servers.mariadb import MariadbServer
from tests.real.servers.restic import VERSIONS, fresh_repository, restic_program
from tests.real.servers.sshd import SshServer

SITE = "north-house"

SITE_FILE = """
format = 1
name = "north-house"
[repository]
url = "{repository}"
[[sources]]
name = "shop"
kind = "mysql"
host = "{host}"
database = "{database}"
server = "127.0.0.1"
port = {port}
user = "{user}"
{more}
"""

SERVER = """
[[hosts]]
name = "server"
kind = "ssh"
address = "127.0.0.1"
port = {port}
key_file = "{key_file}"
"""

EVERYWHERE = ("CREATE USER", "PROCESS", "CONNECTION ADMIN", "SET USER")

MORE = """
CREATE TABLE journal (id int PRIMARY KEY AUTO_INCREMENT, what text);
CREATE TRIGGER written AFTER INSERT ON zones FOR EACH ROW INSERT INTO journal (what) VALUES (NEW.id);
CREATE TABLE history (x int) WITH SYSTEM VERSIONING;
INSERT INTO history VALUES (1); UPDATE history SET x = 2;
ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_swedish_ci;
CREATE FUNCTION early() RETURNS INT DETERMINISTIC RETURN 1;
ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_czech_ci;
GRANT EXECUTE ON FUNCTION one TO keeper@`127.0.0.1`;
"""

CHANGES = """
DELETE FROM journal; INSERT INTO zones (id) VALUES (77);
CREATE TABLE young (x int); DROP TABLE parted;
DROP TRIGGER before_nothing; DROP VIEW few, a_view_of_a_view; CREATE VIEW fresh AS SELECT 1 AS one;
DROP PROCEDURE fill; CREATE PROCEDURE filled() SELECT 2;
DROP EVENT nightly; CREATE EVENT hourly ON SCHEDULE EVERY 1 HOUR STARTS '2026-01-01' DO DELETE FROM journal;
DROP TRIGGER written;
CREATE TRIGGER written AFTER INSERT ON zones FOR EACH ROW INSERT INTO journal (what) VALUES (concat('v2 ', NEW.id));
"""


@dataclass
class Swapped:
    """How a swap ended; `said` are the codes of what was told meanwhile."""

    run: Run
    state: SwapState | None
    said: list[str] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The code of its error."""
        return self.run.error.code if self.run.error is not None else ""


@dataclass
class Shop:
    """A site with one database on that server, that an application uses by an account of its own."""

    folder: Path
    server: MariadbServer
    far: SshServer | None = None
    more: str = ""
    database: str = field(default_factory=lambda: f"od-d сад {secrets.token_hex(2)}")
    account: str = field(default_factory=lambda: f"tool_{secrets.token_hex(2)}")

    @property
    def app(self) -> str:
        """The application's account."""
        return f"app_{self.account}"

    def make(self) -> None:
        """The database and both accounts."""
        self.server.sql("CREATE USER IF NOT EXISTS keeper@`127.0.0.1`")
        self.server.sql(f"CREATE DATABASE `{self.database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_czech_ci")
        self.server.sql(AWKWARD + MORE, self.database)
        pattern = self.database.replace("_", "\\_")
        names = (self.database, rf"{pattern}\_\_restored\_%", rf"{pattern}\_\_before\_%")
        on_each = [f"{', '.join(ON_EACH)} ON `{name}`.* " for name in names]
        grants = [*on_each, f"{', '.join(EVERYWHERE)} ON *.*", "SELECT ON mysql.*"]
        self.server.create_account(self.account, PASSWORD, *grants)
        self.server.sql(f"GRANT ALL ON `{self.database}`.* TO `{self.account}`@`127.0.0.1` WITH GRANT OPTION")
        self.server.create_account(self.app, PASSWORD, f"ALL ON `{self.database}`.*")

    def unmake(self) -> None:
        """Nothing of it is left on the server."""
        for name in self.databases():
            self.server.sql(f"SET foreign_key_checks = 0; DROP DATABASE `{name}`")
        self.server.sql(f"DROP USER `{self.account}`@`127.0.0.1`, `{self.app}`@`127.0.0.1`")

    def databases(self) -> set[str]:
        """Those whose names begin as its own."""
        return {name for name in self.server.sql("SHOW DATABASES").splitlines() if name.startswith(self.database)}

    def dump(self) -> bytes:
        """All of it, with the history of its tables."""
        return self.server.dump(self.database, "--dump-history")

    def grants(self) -> str:
        """Those on single routines."""
        return self.server.sql("SELECT Routine_name, User, Proc_priv FROM mysql.procs_priv WHERE User = 'keeper'")

    def events_in(self, name: str) -> str:
        """The events of a database."""
        return self.server.sql(f"SHOW EVENTS IN `{name}`")

    def locked(self) -> bool:
        """Whether the application's account is."""
        return "ACCOUNT LOCK" in self.server.sql(f"SHOW CREATE USER `{self.app}`@`127.0.0.1`")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Overwinter]:
        """The program with that site."""
        async with opened(self.folder) as app:
            await app.add_site(self._site_file().encode(), replace=True)
            await app.set_secret(SITE, "repository-password", REPOSITORY_PASSWORD)
            await app.set_secret(SITE, "source:shop:password", PASSWORD)
            yield app

    def _site_file(self) -> str:
        text = SITE_FILE.format(
            repository=self.folder / "repository", host="server" if self.far else "this-computer",
            database=self.database, port=self.server.port, user=self.account, more=self.more,
        )  # fmt: skip
        return text if self.far is None else text + SERVER.format(port=self.far.port, key_file=self.far.key_file)

    async def backed_up(self, app: Overwinter) -> str:
        """The id of a new point."""
        launched = await app.runner.launch(await app.plan_backup(SITE, BackupChoice(retention=False)))
        done = await app.runner.wait(SITE, launched.run)
        assert done.outcome in (Outcome.SUCCESS, Outcome.PARTIAL), done.error
        return launched.run

    async def swapped(
        self, app: Overwinter, point: str, target: Swap | None = None, *, accept: Sequence[str] = (), dry: bool = False
    ) -> Swapped:
        """Swaps the database of a point in; without a safety backup, but where the target asks for it."""
        choice = RestoreChoice(point, ("both",), target or Swap(safety=False), tuple(accept), dry_run=dry)
        return await self.carried_out(app, await app.plan_restore(SITE, choice, f"RESTORE {SITE} {point[:8]} both"))

    async def carried_out(self, app: Overwinter, plan: Plan) -> Swapped:  # type: ignore[type-arg]  # of any kind
        """A plan, to its end."""
        launched = await app.runner.launch(plan)
        said: list[str] = []
        async for batch in app.runner.feed(SITE, launched.run).batches():
            said += [event.warning.code for event in batch if isinstance(event, Warned)]
        state = plan.state if isinstance(plan.state, SwapState) else None
        return Swapped(await app.runner.wait(SITE, launched.run), state, said)


def shop_in(folder: Path, server: MariadbServer, monkeypatch: pytest.MonkeyPatch, far: SshServer | None = None) -> Shop:
    """With an empty repository."""
    program = restic_program(VERSIONS[-1])
    monkeypatch.setenv("OVERWINTER_RESTIC", program)
    fresh_repository(program, folder / "repository", REPOSITORY_PASSWORD)
    shop = Shop(folder, server, far)
    shop.make()
    return shop
