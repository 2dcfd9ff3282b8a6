"""A database of MariaDB that takes part in the cutovers of the matrix, on a server of its own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from app.jobs.cutover.plan import Kept
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.mysql import ChangePrograms, DropTables, Form, LockAccounts, SwapTables, UnlockAccounts, Users
from app.jobs.effects.mysql_dump import TakeDump
from app.jobs.effects.mysql_server import MysqlServer, key_of
from app.jobs.effects.names import before_name
from app.settings.model import THIS_COMPUTER
from app.tools.mysql import exchanging
from app.tools.mysql.accounts import Account
from app.tools.mysql.exchanging import Mark
from app.tools.mysql.split import programs_in
from tests.faults.cutover_parts import NEW, OLD, Left, Part
from tests.real.servers.mariadb import MariadbServer

LIVE, SHADOW, BEFORE = "hydro", "hydro__restored", "hydro__before"
TOOL, APP = "tool", "app"

SECRET = "source:database:password"
SECRETS = {SECRET: ""}

KINDS = (TakeDump, LockAccounts, ChangePrograms, SwapTables, UnlockAccounts, DropTables)

ROWS = {OLD: 20, NEW: 30}
QUESTIONS = 200
"""What a client asks on one connection before it connects anew."""

LEAVES_WITHIN = 10.0  # seconds

TABLES = """
CREATE TABLE ident (state varchar(10));
INSERT INTO ident VALUES ('{state}');
CREATE TABLE nodes (id int PRIMARY KEY);
INSERT INTO nodes SELECT seq FROM seq_1_to_{rows};
CREATE TABLE readings (node int, CONSTRAINT of_node FOREIGN KEY (node) REFERENCES nodes (id));
INSERT INTO readings VALUES (1), (2);
CREATE SEQUENCE counter START WITH {rows};
CREATE TABLE only_{state} (x int) WITH SYSTEM VERSIONING;
"""
PROGRAMS = """
CREATE TRIGGER noted AFTER INSERT ON nodes FOR EACH ROW INSERT INTO readings VALUES (NEW.id);
CREATE VIEW shown AS SELECT state FROM ident;
CREATE FUNCTION said() RETURNS varchar(10) DETERMINISTIC RETURN '{state}';
CREATE EVENT nightly_{state} ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01' DO DELETE FROM readings;
"""
ASKED = b"SELECT CONCAT_WS(' ', (SELECT state FROM ident), (SELECT COUNT(*) FROM nodes), state, said()) FROM shown;\n"
OURS = f"SELECT ID FROM information_schema.PROCESSLIST WHERE USER IN ('{TOOL}', '{APP}')"


class TablesPart(Part):
    """One database, whose accounts are locked while the site is exchanged."""

    def __init__(self, server: MariadbServer, folder: Path) -> None:
        self._server = server
        self._dumps = folder / "dumps"
        self._dumps.mkdir()
        self._client: subprocess.Popen[bytes] | None = None
        self._asked = 0
        self._run = ""
        self.make_accounts()
        self._programs: dict[str, str] = {}
        self._expected: dict[str, bytes] = {}
        for state in (NEW, OLD):
            server.sql(f"DROP DATABASE IF EXISTS {LIVE}; CREATE DATABASE {LIVE}")
            server.sql((TABLES + PROGRAMS).format(state=state, rows=ROWS[state]), LIVE)
            self._expected[state] = server.dump(LIVE)
            self._programs[state] = programs_in(self._expected[state]).decode()

    def make_accounts(self) -> None:
        """Ours, and that of the application."""
        self._server.sql(f"CREATE USER {TOOL}@localhost; GRANT ALL ON *.* TO {TOOL}@localhost WITH GRANT OPTION")
        self._server.sql(f"CREATE USER {APP}@localhost; GRANT ALL ON {LIVE}.* TO {APP}@localhost")

    def fresh(self, run: str) -> None:
        """The old one is live, the tables of the new one stand beside it with the mark, and nothing else is there."""
        self._run = run
        self._end_sessions()
        for path in self._dumps.iterdir():
            path.unlink()
        names = self._server.sql("SHOW DATABASES LIKE 'hydro%'").split()
        made = [
            *(f"DROP DATABASE {name};" for name in names),
            f"ALTER USER {APP}@localhost ACCOUNT UNLOCK; CREATE DATABASE {LIVE}; USE {LIVE};",
            (TABLES + PROGRAMS).format(state=OLD, rows=ROWS[OLD]),
            f"CREATE DATABASE {SHADOW}; USE {SHADOW};",
            TABLES.format(state=NEW, rows=ROWS[NEW]),
            exchanging.make_mark(SHADOW, self._mark(run)),
        ]
        self._server.sql("\n".join(made))

    def _mark(self, run: str) -> Mark:
        return Mark(f"overwinter_{run[:8]}", int(hashlib.sha256(run.encode()).hexdigest()[:12], 16))

    def _at(self, run: str) -> MysqlServer:
        return MysqlServer(
            host=THIS_COMPUTER,
            server=str(self._server.socket),
            port=0,
            user=TOOL,
            secret=SECRET,
            program=str(shutil.which("mariadb")),
            version="10.11.19-MariaDB",
            key=key_of(run),
            dump=str(self.dump_of(run)),
        )

    def dump_of(self, run: str) -> Path:
        """Where a run puts what was live."""
        return self._dumps / f"database-before-{run[:8]}.sql"

    def _users(self) -> Users:
        return Users(LIVE, (Account(APP, "localhost"),))

    def preparing(self, run: str) -> Sequence[AnyEffect]:
        """The dump."""
        program = str(shutil.which("mariadb-dump"))
        where = (self._at(run), LIVE, SHADOW, self._mark(run), self._form)
        return [TakeDump(*where, program, "10.11.19-MariaDB", True)]

    @property
    def _form(self) -> Form:
        return Form("utf8mb4", "utf8mb4_general_ci")

    def closing(self, run: str) -> Sequence[AnyEffect]:
        """Nobody is let in, and nothing runs by itself."""
        return [
            LockAccounts(self._at(run), self._users()),
            ChangePrograms(self._at(run), self._users(), self._mark(run), "take out", self._programs[OLD], ""),
        ]

    def swapping(self, run: str) -> Sequence[AnyEffect]:
        """All tables in one statement, and their programs."""
        at, users, mark = self._at(run), self._users(), self._mark(run)
        return [
            SwapTables(at, users, mark, SHADOW, BEFORE, self._form),
            ChangePrograms(at, users, mark, "make", "", self._programs[NEW]),
        ]

    def opening(self, run: str) -> Sequence[AnyEffect]:
        """Everybody is let in."""
        return [UnlockAccounts(self._at(run), self._users())]

    def clearing(self, run: str, state: str) -> Sequence[AnyEffect]:
        """What was staged is not needed where it is not live."""
        return [DropTables(self._at(run), SHADOW, self._mark(run))] if state == OLD else []

    def kept(self, run: str) -> Sequence[Kept]:
        """The tables that were live, and the dump of them."""
        return [
            Kept(host=THIS_COMPUTER, name=BEFORE, fact=self._mark(run).number, source="database"),
            Kept(host=THIS_COMPUTER, name=str(self.dump_of(run)), fact=0, source="database"),
        ]

    def seen(self) -> str | None:
        """What a client reads, which stays connected for a while."""
        if self._asked % QUESTIONS == 0:
            self.leave()
        self._asked += 1
        self._client = self._client or self._connect()
        answer = _answer(self._client)
        if not answer:
            self.leave()
            return None
        return next((state for state in (OLD, NEW) if answer == _whole(state)), answer)

    def leave(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            self._client.kill()
            for pipe in (self._client.stdin, self._client.stdout):
                assert pipe is not None
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
            self._client.wait()
            self._client = None

    def _connect(self) -> subprocess.Popen[bytes]:
        place = ("--no-defaults", "--protocol=socket", f"--socket={self._server.socket}", f"--user={APP}")
        form = ("--batch", "--raw", "--skip-column-names", "--unbuffered", f"--database={LIVE}")
        return subprocess.Popen(
            ["mariadb", *place, *form], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def faults(self, state: str, left: Left) -> list[str]:
        """By a dump of it, by its databases, its accounts, and the dumps that there are."""
        found = self._server.dump(LIVE)
        names = set(self._server.sql("SHOW DATABASES LIKE 'hydro%'").split())
        expected = {LIVE, *self._put_aside(state, left)}
        dumps = {path.name for path in self._dumps.iterdir()}
        locked = self._server.sql(f"SHOW CREATE USER {APP}@localhost").strip().endswith("ACCOUNT LOCK")
        return [
            *([] if found == self._expected[state] else [f"database: {found.decode()}"]),
            *([] if names - ({SHADOW} if left.is_staged else set()) == expected else [f"names of databases: {names}"]),
            *([] if dumps == self._kept_dumps(state, left) else [f"names of dumps: {dumps}"]),
            *(["database: its account is locked"] if locked else []),
        ]

    def _put_aside(self, state: str, left: Left) -> set[str]:
        if state == NEW:
            return {BEFORE}
        return {before_name(LIVE, left.kept_by)} if left.kept_by else set()

    def _kept_dumps(self, state: str, left: Left) -> set[str]:
        if state == NEW:
            return {self.dump_of(self._run).name}
        return {self.dump_of(left.kept_by).name} if left.kept_by else set()

    def _end_sessions(self) -> None:
        """Those that a killed process has left, too."""
        deadline = time.monotonic() + LEAVES_WITHIN
        while numbers := self._server.sql(OURS).split():
            assert time.monotonic() < deadline
            kills = "".join(f"KILL {number};\n" for number in numbers)
            subprocess.run([*self._server.client(), "--force"], input=kills.encode(), capture_output=True, check=False)


def _whole(state: str) -> str:
    return f"{state} {ROWS[state]} {state} {state}"


def _answer(client: subprocess.Popen[bytes]) -> str:
    """ "" when it is refused, or the connection was ended."""
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        client.stdin.write(ASKED)
        client.stdin.flush()
    except BrokenPipeError:
        return ""
    return client.stdout.readline().decode().strip()
