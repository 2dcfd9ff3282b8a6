"""MySQL and MariaDB: a dump of a point into a new database, made as the manifest says it was.

A database there cannot be renamed, so it has its own name from the beginning; until it is whole a table in it says so,
which is dropped last.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from app.foundation.errors import Problem, Refused, UserError
from app.foundation.words import plural, text
from app.hosts.host import Ending, Finished
from app.jobs.manifest import SqlDumpFacts
from app.jobs.pace import Pace
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED, Unchecked, expect_room, unknowable
from app.jobs.sources.loading import Order, name_taken, nearby, other_counts, while_telling
from app.jobs.sources.private_file import private_file
from app.settings.model import Source
from app.tools.found import ToolFound
from app.tools.mysql import load
from app.tools.mysql.errors import from_words
from app.tools.mysql.facts import Client, MysqlFacts, first_to_answer
from app.tools.mysql.load import Offers
from app.tools.mysql.programs import clients, find_programs, flavour_of, series
from app.tools.mysql.server import Server, check_name, option_file

SAID_AT_MOST = 2000
"""Characters."""


class MysqlLoader:
    """See `loading.Loader`."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._mark = f"overwinter_restoring_{order.run[:8]}"

    @property
    def staged(self) -> str:
        """The name, which it has from the beginning."""
        return self._order.name

    @property
    def _dump(self) -> SqlDumpFacts:
        """What the manifest says of it."""
        assert self._order.entry is not None, "removing alone needs no manifest"
        assert self._order.entry.sql_dump is not None, "what can be loaded is in the manifest"
        return self._order.entry.sql_dump

    @property
    def _facts(self) -> MysqlFacts:
        return self._dump.database

    async def check(self, ctx: Ctx) -> None:
        """Raises `Refused` when the server cannot take it."""
        check_name(self._order.name)
        if len(self._order.name) > load.LONGEST_NAME:
            raise _name_too_long(self._order.name)
        async with self._reached(ctx) as reached:
            check_offers(self._facts, self._order.name, await load.read_offers(reached.client, self._order.name))

    async def check_room(self, ctx: Ctx) -> None:
        """The server's own estimate of the database's size then is expected of the disk that holds its data."""
        async with self._reached(ctx) as reached:
            offers = await load.read_offers(reached.client, self._order.name)
        host = ctx.host(self._order.source.host)
        try:
            if not nearby(self._order.source) or await host.stat(offers.data_folder) is None:
                raise room_unknown(self._order.source)
            await expect_room(host, offers.data_folder, self._facts.size, text("the server's estimate at the backup"))
        except (Refused, Unchecked):
            raise
        except UserError as error:
            raise unknowable(error) from error

    async def load(self, ctx: Ctx, dump: str, pace: Pace) -> None:
        """Makes the database, then loads."""
        async with self._reached(ctx) as reached:
            await reached.client.ask(load.make_statements(self._order.name, self._facts, self._mark))

            async def size() -> int:
                return int((await reached.client.ask(load.size_statements(self._order.name)))[0])

            await while_telling(self._loaded(ctx, reached, dump), size, self._facts.size, pace)

    async def _loaded(self, ctx: Ctx, reached: Reached, dump: str) -> None:
        host = ctx.host(self._order.source.host)
        windows = (await host.facts()).system == "windows"
        command = load.load_command(reached.program, self._server, dump, reached.options, windows=windows)
        finished = await host.run(command)
        if finished.code != 0 or finished.ending is not Ending.EXITED:
            raise load_failed(self._server, finished)

    async def compare(self, ctx: Ctx) -> None:
        """Counts the rows of every table, and views, routines, triggers and events."""
        expected = {one.table: one.rows for one in self._dump.tables}
        async with self._reached(ctx) as reached:
            counts = await load.count_rows(reached.client, self._order.name, list(expected), self._facts.versioned)
            facts = (await reached.client.database()).facts
        was, now = _counts(expected, self._facts), _counts(dict(zip(expected, counts, strict=True)), facts)
        wrong = [f"{name}: {was[name]} → {now[name]}" for name in was if was[name] != now[name]]
        if wrong:
            raise other_counts(self._order.name, wrong)

    async def place(self, ctx: Ctx) -> Sequence[Problem]:
        """Takes the mark away; what runs as an account that is not there, or runs by itself, is told."""
        async with self._reached(ctx) as reached:
            offers = await load.read_offers(reached.client, self._order.name)
            await reached.client.ask(load.unmark_statements(self._order.name, self._mark))
        missing = sorted(set(self._facts.definers) - offers.accounts) if offers.accounts is not None else []
        return [
            *([definers_missing(self._order.name, missing)] if missing else []),
            *([_events_run(self._order.name, self._facts.events)] if self._facts.events else []),
        ]

    async def remove(self, ctx: Ctx) -> None:
        """Drops the database where the mark says that it is ours and not whole."""
        async with self._reached(ctx) as reached:
            if (await reached.client.ask(load.is_marked(self._order.name, self._mark)))[0] == "1":
                await reached.client.ask(load.drop_statements(self._order.name))

    def _reached(self, ctx: Ctx) -> AbstractAsyncContextManager[Reached]:
        return reached_for_loading(ctx, self._order, self._server)

    @property
    def _server(self) -> Server:
        return Server(self._order.source.server, self._order.source.port, self._order.source.user, self._order.name)


@dataclass(frozen=True)
class Reached:
    """A server that answers: the client that it answered, the program that loads, and their option file."""

    client: Client
    program: ToolFound
    version: str
    options: str


@asynccontextmanager
async def reached_for_loading(ctx: Ctx, order: Order, server: Server) -> AsyncIterator[Reached]:
    """The order's server, where it answers; the file with the password is there while the body runs."""
    host = ctx.host(order.source.host)
    found = await clients(host, await find_programs(host, order.equipment.versions))
    (secret,) = order.source.secret_names()
    content = option_file(ctx.secret(secret))
    async with private_file(ctx, order.source.host, f"mysql-restore-{order.source.name}.cnf", content) as options:
        able = {Client(host, program, server, options): program for program in found}
        client, version = await first_to_answer(list(able))
        own = next((one for one in found if flavour_of(one.version) is flavour_of(version)), able[client])
        yield Reached(client, own, version, options)


def check_offers(facts: MysqlFacts, name: str, offers: Offers) -> None:
    """Raises `Refused` for the first thing that the server lacks, or that this account may not do there."""
    if offers.exists:
        raise name_taken(name)
    if flavour_of(offers.version) is not facts.flavour:
        raise wrong_flavour(facts, offers)
    if series(offers.version) < series(facts.server_version):
        raise older_server(facts, offers)
    if lacking := load.rights_lacking(offers, facts):
        raise _may_not_make(offers, name, lacking)
    if not load.may_define(offers, facts):
        raise may_not_define(offers, facts)


def _counts(rows: Mapping[str, int], facts: MysqlFacts) -> dict[str, int]:
    others = {"views": facts.views, "routines": facts.routines, "triggers": facts.triggers, "events": facts.events}
    return {**{f"`{table}`": count for table, count in rows.items()}, **others}


def _name_too_long(name: str) -> Refused:
    return Refused(
        text("{name} is too long for the name of a database: {count} characters.", name=name, count=load.LONGEST_NAME),
        UNCHANGED,
        text("Choose a shorter name."),
        "restore.name-too-long",
    )


def wrong_flavour(facts: MysqlFacts, offers: Offers) -> Refused:
    ours, theirs = facts.flavour.value, flavour_of(offers.version).value
    return Refused(
        text("The dump is of {ours}, and the server is {theirs}.", ours=ours, theirs=theirs),
        text("Nothing was changed: a dump of the one does not always load into the other."),
        text("Restore to a server of {ours}.", ours=ours),
        "restore.wrong-flavour",
    )


def older_server(facts: MysqlFacts, offers: Offers) -> Refused:
    return Refused(
        text("The server is {server}, and the dump is of {dump}.", server=offers.version, dump=facts.server_version),
        text("Nothing was changed: an older server does not understand the dump of a newer one."),
        text("Restore to a server of that version or newer."),
        "restore.older-server",
    )


def _may_not_make(offers: Offers, name: str, lacking: Sequence[str]) -> Refused:
    account, _, host = offers.account.rpartition("@")
    grant = f"GRANT {', '.join(lacking)} ON {load.quoted(name)}.* TO `{account}`@`{host}`;"
    return Refused(
        text("{account} may not make and fill a database {name}.", account=offers.account, name=name),
        UNCHANGED,
        text("Let an administrator of the server run: {grant}", grant=grant),
        "restore.may-not-make",
    )


def may_not_define(offers: Offers, facts: MysqlFacts) -> Refused:
    return Refused(
        text(
            "Something in the database runs as {definer}, which {account} may not make.",
            definer=load.others_of(offers, facts)[0],
            account=offers.account,
        ),
        UNCHANGED,
        text("Let an administrator grant SET USER to it (MySQL: SET_ANY_DEFINER), or use an account that may."),
        "restore.may-not-define",
        "\n".join(load.others_of(offers, facts)),
    )


def load_failed(server: Server, finished: Finished) -> UserError:
    said = _errors(finished.stderr.decode("utf-8", "replace"))
    known = from_words(server, said)
    return UserError(
        text(
            "The dump could not be loaded into {database}: {why}", database=server.database, why=said.partition("\n")[0]
        )
        if said
        else text("Loading the dump into {database} was ended from outside.", database=server.database),
        text("What was loaded is removed again; all other databases are as they were."),
        text("Put right what the server says below, then restore again."),
        known.code if known is not None else "mysql.load-failed",
        said,
    )


def _errors(said: str) -> str:
    """Its errors alone: the statement that failed is said too, with all the rows in it."""
    errors = [line for line in said.splitlines() if line.startswith("ERROR ")]
    return "\n".join(errors) or said.strip()[:SAID_AT_MOST]


def definers_missing(name: str, missing: Sequence[str]) -> Problem:
    return Problem(
        text("Views, routines, triggers or events of {name} run as accounts that are not there.", name=name),
        text("All data is back, and counted. What runs as them fails when it is used, and so does the next dump."),
        text("Create them: {accounts}", accounts=", ".join(missing)),
        "restore.definer-missing",
        "\n".join(missing),
    )


def _events_run(name: str, count: int) -> Problem:
    return Problem(
        plural("{name} has {count} event of its own.", "{name} has {count} events of their own.", count, name=name),
        text("Where the server runs events, they run in the new database too, from now on."),
        text("Disable them if that is not meant: ALTER EVENT … DISABLE."),
        "restore.events-run",
    )


def room_unknown(source: Source) -> Unchecked:
    return Unchecked(
        text("How much room the database server of {source} has cannot be told from its host.", source=source.name),
        text("Nothing was changed. When its disk runs full meanwhile, the live databases suffer too."),
        text("Look yourself."),
        "restore.room-unknown",
    )
