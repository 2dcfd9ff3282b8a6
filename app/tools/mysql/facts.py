"""What a server says of a database, asked through its client program on the host: enough to make it anew."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.tools.found import ToolFound
from app.tools.mysql.errors import INCOMPLETE, failed, from_words
from app.tools.mysql.grants import Rights, rights_in
from app.tools.mysql.programs import Flavour, flavour_of
from app.tools.mysql.server import Server

CONNECTS_WITHIN = 10
ANSWERS_WITHIN = 120.0
"""Seconds; a server with a hundred thousand tables needs some of them."""

LARGEST_ANSWER = 16 * 1024 * 1024


class MysqlFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A database and its server.

    `definers` are the accounts that its views, routines, triggers and events run as: they must exist where it is
    restored. `not_transactional` names tables whose rows are not taken in the dump's one moment, `versioned` those
    that keep their history. `size` is the server's own estimate in bytes. `identity` is what the server
    calls itself, "" where it does not.
    """

    server_version: str
    server: str
    database: str
    account: str
    character_set: str
    collation: str
    lower_case_table_names: int
    size: int
    views: int
    routines: int
    triggers: int
    events: int
    definers: tuple[str, ...] = ()
    not_transactional: tuple[str, ...] = ()
    versioned: tuple[str, ...] = ()
    identity: str = ""

    @property
    def flavour(self) -> Flavour:
        """Whose server it is."""
        return flavour_of(self.server_version)


class Answer(msgspec.Struct, frozen=True):
    """What a server said of the database, and what the account may read of it."""

    facts: MysqlFacts
    rights: Rights

    def check_rights(self) -> None:
        """Raises `mysql.no-rights` where a dump would leave something out without a word."""
        missing = self.rights.missing(views=self.facts.views > 0)
        if missing:
            raise _rights_missing(self.facts, missing)


_DATABASE = """
SET SESSION sql_mode = '';
SELECT JSON_OBJECT(
    'kind', 'database', 'server_version', VERSION(), 'comment', @@version_comment, 'database', SCHEMA_NAME,
    'account', CURRENT_USER(), 'character_set', DEFAULT_CHARACTER_SET_NAME, 'collation', DEFAULT_COLLATION_NAME,
    'lower_case_table_names', @@lower_case_table_names)
  FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE();
SELECT JSON_OBJECT('kind', 'table', 'name', t.TABLE_NAME, 'type', t.TABLE_TYPE,
                   'bytes', CAST(COALESCE(t.DATA_LENGTH, 0) + COALESCE(t.INDEX_LENGTH, 0) AS SIGNED),
                   'transactional', COALESCE(e.TRANSACTIONS, ''))
  FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
 WHERE t.TABLE_SCHEMA = DATABASE() ORDER BY t.TABLE_NAME;
SELECT JSON_OBJECT('kind', 'object', 'what', o.what, 'definer', o.definer, 'count', COUNT(*)) FROM (
    SELECT 'view' AS what, DEFINER AS definer FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()
    UNION ALL
    SELECT 'routine', DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()
    UNION ALL
    SELECT 'trigger', DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
    UNION ALL
    SELECT 'event', DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()
) o GROUP BY o.what, o.definer ORDER BY o.what, o.definer;
SHOW GRANTS;
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid');
"""

_TABLES = """
SELECT HEX(TABLE_NAME) FROM information_schema.TABLES
 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME;
"""

_SERVER_VERSION = "SELECT VERSION();\n"


class _Database(msgspec.Struct, frozen=True, tag_field="kind", tag="database"):
    server_version: str
    comment: str
    database: str
    account: str
    character_set: str
    collation: str
    lower_case_table_names: int


class _Table(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    name: str
    type: str
    bytes: int
    transactional: str


class _Object(msgspec.Struct, frozen=True, tag_field="kind", tag="object"):
    what: str
    definer: str
    count: int


_ROW: msgspec.json.Decoder[_Database | _Table | _Object] = msgspec.json.Decoder(_Database | _Table | _Object)


class Client:
    """A client program that asks one server."""

    def __init__(self, host: Host, program: ToolFound, server: Server, option_file: str) -> None:
        """`option_file` is the path of a file made by `server.option_file`."""
        self._host = host
        self._program = program
        self._server = server
        self._option_file = option_file

    async def database(self) -> Answer:
        """What the server says of the database; raises `UserError` `mysql.…`."""
        lines = await self._ask(_DATABASE, self._server.database)
        return _answer(lines, self._server)

    async def server_version(self) -> str:
        """The server's version, such as `10.11.19-MariaDB-0+deb12u1`; raises `UserError` `mysql.…`."""
        lines = await self._ask(_SERVER_VERSION)
        return lines[0] if lines else ""

    async def tables(self) -> list[str]:
        """The names of the database's tables, without views and sequences."""
        lines = await self._ask(_TABLES, self._server.database)
        return [bytes.fromhex(line).decode("utf-8", "replace") for line in lines if line]

    async def rows(self, tables: Sequence[str], versioned: Collection[str] = ()) -> dict[str, int]:
        """The rows of these tables; of those that are `versioned` with their history. Takes as long as reading them."""
        asked = [_count_of(table, with_history=table in versioned) for table in tables]
        lines = await self._ask("".join(asked), self._server.database, deadline=None)
        return dict(zip(tables, map(int, filter(None, lines)), strict=True))

    async def do(self, statement: str) -> None:
        """Has the server do something; raises `UserError` `mysql.…`."""
        await self._ask(statement)

    async def databases(self) -> list[str]:
        """The names of the databases that the account may see."""
        lines = await self._ask("SELECT HEX(SCHEMA_NAME) FROM information_schema.SCHEMATA;\n")
        return [bytes.fromhex(line).decode("utf-8", "replace") for line in lines if line]

    async def ask(self, statements: str, database: str = "") -> list[str]:
        """What the server answers, a row a line, without the last line's end; raises `UserError` `mysql.…`."""
        return (await self._ask(statements, database))[:-1]

    async def ask_if_allowed(self, statements: str) -> list[str] | None:
        """As `ask`; None where this account may not ask that."""
        try:
            return await self.ask(statements)
        except UserError as error:
            if error.code != "mysql.no-rights":
                raise
            return None

    async def _ask(self, statements: str, database: str = "", deadline: float | None = ANSWERS_WITHIN) -> list[str]:
        arguments = (
            f"--defaults-file={self._option_file}",
            *self._server.arguments(),
            f"--connect-timeout={CONNECTS_WITHIN}",
            "--default-character-set=utf8mb4",
            *("--batch", "--raw", "--skip-column-names"),
            *((f"--database={database}",) if database else ()),
        )
        command = Command(self._program.path, arguments, stdin=_sent(statements), environment={"LC_ALL": "C"})
        finished = await self._host.run(command, keep=LARGEST_ANSWER, deadline=deadline)
        if finished.code != 0 or finished.cut:
            said = finished.stderr.decode("utf-8", "replace").strip() or f"exit code {finished.code}"
            raise from_words(self._server, said) or failed(self._server, said)
        return finished.stdout.decode("utf-8", "replace").split("\n")


def _sent(statements: str) -> bytes:
    """A program of another character set is in its own bytes."""
    return statements.encode("utf-8", "surrogateescape")


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return "`" + name.replace("`", "``") + "`"


def _count_of(table: str, *, with_history: bool) -> str:
    return f"SELECT COUNT(*) FROM {quoted(table)}{' FOR SYSTEM_TIME ALL' if with_history else ''};\n"


async def first_to_answer(clients: Sequence[Client]) -> tuple[Client, str]:
    """The first client that can log in at all, and the server's version; raises `UserError` `mysql.…`.

    MySQL's newer programs have forgotten how MariaDB's accounts log in.
    """
    *before, last = clients
    for client in before:
        try:
            return client, await client.server_version()
        except UserError as error:
            if error.code != "mysql.login-unknown":
                raise
    return last, await last.server_version()


def _answer(lines: list[str], server: Server) -> Answer:
    try:
        rows = [_ROW.decode(line) for line in lines if line.startswith("{")]
    except msgspec.DecodeError as error:
        raise failed(server, str(error)) from error
    about = next((row for row in rows if isinstance(row, _Database)), None)
    if about is None:
        raise failed(server, "\n".join(lines[:20]) or "it said nothing of the database")
    grants = [line for line in lines if line.startswith("GRANT ")]
    identity = next((line.partition("\t")[2] for line in lines if line.startswith(_IDENTITY)), "")
    return Answer(_facts(about, rows, identity), rights_in(grants, about.database))


_IDENTITY = ("server_uuid\t", "server_uid\t")


def _facts(about: _Database, rows: list[_Database | _Table | _Object], identity: str) -> MysqlFacts:
    tables = [row for row in rows if isinstance(row, _Table)]
    objects = [row for row in rows if isinstance(row, _Object)]
    counts = {what: sum(row.count for row in objects if row.what == what) for what in _OBJECTS}
    real = [table for table in tables if "VIEW" not in table.type]
    return MysqlFacts(
        server_version=about.server_version,
        server=about.comment,
        database=about.database,
        account=about.account,
        character_set=about.character_set,
        collation=about.collation,
        lower_case_table_names=about.lower_case_table_names,
        size=sum(table.bytes for table in tables),
        views=counts["view"],
        routines=counts["routine"],
        triggers=counts["trigger"],
        events=counts["event"],
        definers=tuple(sorted({row.definer for row in objects})),
        not_transactional=tuple(table.name for table in real if table.transactional != "YES"),
        versioned=tuple(table.name for table in real if table.type == "SYSTEM VERSIONED"),
        identity=identity,
    )


_OBJECTS = ("view", "routine", "trigger", "event")


def _rights_missing(facts: MysqlFacts, missing: tuple[str, ...]) -> UserError:
    name, _, host = facts.account.rpartition("@")
    grant = f"GRANT {', '.join(missing)} ON `{facts.database}`.* TO `{name}`@`{host}`;"
    return UserError(
        text("{account} may not read everything in {database}.", account=facts.account, database=facts.database),
        INCOMPLETE,
        text("Let an administrator of the server run: {grant}", grant=grant),
        "mysql.no-rights",
        f"missing: {', '.join(missing)}",
    )
