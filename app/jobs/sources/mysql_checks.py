"""What must be so for a database of MySQL or MariaDB to take the live one's place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from app.foundation.errors import Refused, UserError
from app.foundation.words import Text, text
from app.hosts.host import Finished
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED, Check, Unchecked, expect_room, unknowable
from app.jobs.sources.loading import Order, name_taken, nearby
from app.jobs.sources.mysql_loading import may_not_define, older_server, room_unknown, wrong_flavour
from app.settings.model import Source
from app.tools.mysql import load
from app.tools.mysql.facts import MysqlFacts
from app.tools.mysql.load import Offers, quoted
from app.tools.mysql.programs import flavour_of, series
from app.tools.mysql.server import check_name
from app.tools.mysql.surroundings import Surroundings

Look = Callable[[Ctx], Awaitable[Surroundings]]


class MysqlChecks:
    """The checks of one order; `look` asks its server."""

    def __init__(self, order: Order, staged: str, before: str, look: Look) -> None:
        self._order = order
        self._staged = staged
        self._before = before
        self._look = look

    def checks(self) -> list[Check]:
        """None changes anything. Left open they can be accepted, but for `database`."""
        return [
            Check("database", self._check),
            Check("database-identity", self._check_identity),
            Check("database-space", self._check_room),
            Check("database-dump-space", self._check_room_for_dump),
            Check("database-accounts", self._check_accounts),
            Check("database-keys", self._check_keys),
            Check("database-definers", self._check_definers),
            Check("database-grants", self._check_grants),
        ]

    @property
    def _facts(self) -> MysqlFacts:
        assert self._order.entry is not None, "a restore has a manifest"
        assert self._order.entry.sql_dump is not None, "what can be loaded is in the manifest"
        return self._order.entry.sql_dump.database

    @property
    def _name(self) -> str:
        return self._order.name

    async def _check(self, ctx: Ctx) -> None:
        """It answers, and can do it: name, system, server, rights."""
        check_name(self._name)
        longest = max(len(self._staged), len(self._before))
        if longest > load.LONGEST_NAME:
            raise _too_long(self._name, longest - len(self._name))
        host = ctx.host(self._order.source.host)
        if (await host.facts()).system == "windows":
            raise _windows(self._name)
        around = await self._look(ctx)
        if around.taken:
            raise name_taken(around.taken[0])
        offers = self._offers(around)
        if flavour_of(around.version) is not self._facts.flavour:
            raise wrong_flavour(self._facts, offers)
        if series(around.version) < series(self._facts.server_version):
            raise older_server(self._facts, offers)
        self._expect_rights(around, offers)

    def _offers(self, around: Surroundings) -> Offers:
        rights = around.rights[self._staged]
        return Offers(around.version, around.account, around.data_folder, around.exists, rights, None)

    def _expect_rights(self, around: Surroundings, offers: Offers) -> None:
        lacking = {name: around.lacking(name) for name in (self._name, self._staged, self._before)}
        if any(lacking.values()):
            raise _may_not(around.account, self._name, lacking)
        if not load.may_define(offers, self._facts):
            raise may_not_define(offers, self._facts)

    async def _check_identity(self, ctx: Ctx) -> None:
        """The server that answers is the one that the point was made from; on the source's own host, whose identity is
        compared by itself, one that does not tell is taken for it."""
        found, expected = (await self._look(ctx)).identity, self._facts.identity
        if found and expected and found != expected:
            raise _other_server(self._name, found, expected)
        if not (found and expected) and not nearby(self._order.source):
            raise _identity_unknown(self._name)

    async def _check_room(self, ctx: Ctx) -> None:
        """The tables stand beside the live ones, which stay."""
        host, around = ctx.host(self._order.source.host), await self._look(ctx)
        try:
            if not nearby(self._order.source) or await host.stat(around.data_folder) is None:
                raise room_unknown(self._order.source)
            await expect_room(host, around.data_folder, self._facts.size, text("the server's estimate at the backup"))
        except (Refused, Unchecked):
            raise
        except UserError as error:
            raise unknowable(error) from error

    async def _check_room_for_dump(self, ctx: Ctx) -> None:
        """What is live is dumped once more, outside of the server's data."""
        host, around = ctx.host(self._order.source.host), await self._look(ctx)
        folder = await ctx.scratch(host.name)
        if folder.startswith(around.data_folder):
            raise _dump_in_data(self._order.source, folder)
        await expect_room(host, folder, around.size, text("the server's estimate of what is live"))

    async def _check_accounts(self, ctx: Ctx) -> None:
        """All who use it can be kept out while its tables are exchanged."""
        around = await self._look(ctx)
        lacking = around.lacking_everywhere()
        if around.users is None or lacking:
            raise _may_not_lock(around, lacking)
        if not around.can_lock:
            raise _stay(self._name, text("This server cannot lock accounts."), "")
        if around.users.public:
            raise _stay(self._name, text("Everybody has rights on it (PUBLIC)."), "")
        if around.users.uncontrolled:
            who = ", ".join(around.users.uncontrolled)
            what = text("Who is in it and cannot be locked, for rights on everything or for being ours: {who}", who=who)
            raise _stay(self._name, what, who)

    async def _check_keys(self, ctx: Ctx) -> None:
        """No other database's foreign keys lead into it: they would go along with the old tables."""
        foreign = (await self._look(ctx)).foreign
        if foreign:
            raise _foreign(self._name, foreign)

    async def _check_definers(self, ctx: Ctx) -> None:
        """What runs as an account can only run where that account is."""
        accounts = (await self._look(ctx)).accounts
        if accounts is None:
            raise _definers_unknown(self._name, self._facts.definers)
        there = {f"{account.user}@{account.host}" for account in accounts}
        missing = sorted(set(self._facts.definers) - there)
        if missing:
            raise _definers_missing(self._name, missing)

    async def _check_grants(self, ctx: Ctx) -> None:
        """Grants on single routines go with these, and have to be made again."""
        around = await self._look(ctx)
        if (around.granted is None and self._facts.routines) or (around.granted and not around.grants_on):
            raise _grants_lost(self._name, around.account)


# --- what a person is told -------------------------------------------------------------------------------------------


def _too_long(name: str, added: int) -> Refused:
    return Refused(
        text("{name} is too long a name for this: {count} characters at most.", name=name,
             count=load.LONGEST_NAME - added),
        text("Nothing was changed: a second database of that name with a mark at its end must stand beside it."),
        text("Restore it as a new one: --mode database:NAME"),
        "restore.name-too-long",
    )  # fmt: skip


def _windows(name: str) -> Refused:
    return Refused(
        text("A database of MySQL or MariaDB on Windows ({name}) cannot be swapped in by this version.", name=name),
        UNCHANGED,
        text("Restore it as a new one: --mode database:NAME"),
        "restore.swap-unsupported",
    )


def _may_not(account: str, name: str, lacking: dict[str, tuple[str, ...]]) -> Refused:
    """The databases beside it have the run in their names, so the grant is on all of such names."""
    grants = [
        f"GRANT {', '.join(rights)} ON {_pattern(name, one)}.* TO {_quoted_account(account)};"
        for one, rights in lacking.items()
        if rights
    ]
    return Refused(
        text("{account} may not exchange the tables of {name}.", account=account, name=name),
        UNCHANGED,
        text("Let an administrator of the server run: {grants}", grants=" ".join(grants)),
        "restore.may-not-swap",
        "\n".join(grants),
    )


def _pattern(name: str, one: str) -> str:
    escaped = one.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
    return quoted(name) if one == name else quoted(escaped[: -len("12345678")] + "%")


def _quoted_account(account: str) -> str:
    user, _, host = account.rpartition("@")
    return f"{quoted(user)}@{quoted(host)}"


def _may_not_lock(around: Surroundings, lacking: Sequence[str]) -> Unchecked:
    account = _quoted_account(around.account)
    grants = [f"GRANT {', '.join(lacking)} ON *.* TO {account};"] if lacking else []
    grants += [f"GRANT SELECT ON mysql.* TO {account};"] if around.users is None else []
    return Unchecked(
        text("{account} may not keep out who uses the database.", account=around.account),
        text("Nothing was changed. While the tables are exchanged, what is written may miss its triggers."),
        text("Let an administrator of the server run: {grants}", grants=" ".join(grants)),
        "restore.accounts-stay",
        "\n".join(grants),
    )


def _stay(name: str, why: Text, who: str) -> Unchecked:
    return Unchecked(
        text("Not everybody can be kept out of {database}. {why}", database=name, why=why),
        text("Nothing was changed. Sessions are ended; who comes again meanwhile may miss triggers."),
        text("Give the application an account of its own, with rights on its database alone, or stop it."),
        "restore.accounts-stay",
        who,
    )


def _foreign(name: str, foreign: Sequence[str]) -> Unchecked:
    return Unchecked(
        text("Foreign keys of other databases lead into {database}: {first}", database=name, first=foreign[0]),
        text("Nothing was changed. They would lead to the old tables afterwards."),
        text("Drop them before, and make them anew afterwards."),
        "restore.foreign-keys",
        "\n".join(foreign),
    )


def _definers_missing(name: str, missing: Sequence[str]) -> Unchecked:
    return Unchecked(
        text("Views, routines, triggers or events of {name} run as accounts that are not there.", name=name),
        text("Nothing was changed. What runs as them would fail when it is used, and so would the next backup."),
        text("Create them: {accounts}", accounts=", ".join(missing)),
        "restore.definer-missing",
        "\n".join(missing),
    )


def _definers_unknown(name: str, definers: Sequence[str]) -> Unchecked:
    return Unchecked(
        text("Whether the accounts are there that parts of {name} run as cannot be told.", name=name),
        UNCHANGED,
        text("Let the account read mysql.user: GRANT SELECT ON mysql.*"),
        "restore.definers-unknown",
        "\n".join(definers),
    )


def _grants_lost(name: str, account: str) -> Unchecked:
    return Unchecked(
        text("{account} cannot give the rights on single routines of {name} again.", account=account, name=name),
        text("Nothing was changed. Whoever may use a routine by a right on that alone could not any more."),
        text("Let an administrator give it SELECT ON mysql.* and GRANT OPTION on {name}.*", name=name),
        "restore.routine-grants",
    )


def live_unreadable(name: str, finished: Finished) -> Refused:
    """The dump program stops at something in the live database."""
    said = finished.stderr.decode("utf-8", "replace").strip()
    return Refused(
        text("What runs in the live {database} cannot be written down: {said}", database=name,
             said=said.partition("\n")[0]),
        text("Nothing was changed: it could not be made again when the restore is taken back."),
        text("Repair or drop what is named there, such as a view of a table that is gone."),
        "restore.live-unreadable",
        said,
    )  # fmt: skip


def _other_server(name: str, found: str, expected: str) -> Refused:
    return Refused(
        text("This is not the server that {database} was backed up from.", database=name),
        text("Nothing was changed: the restore would replace another server's database."),
        text("Correct the site file; if this server is meant to have it, say so: --onto-other"),
        "restore.other-server",
        f"{found}, in the point {expected}",
    )


def _identity_unknown(name: str) -> Unchecked:
    return Unchecked(
        text("Whether this is the server that {database} was backed up from cannot be told.", database=name),
        text("Nothing was changed: the restore would replace a database that may be another site's."),
        text("See that server and port in the site file are those of this site."),
        "restore.identity-unknown",
    )


def _dump_in_data(source: Source, folder: str) -> Refused:
    return Refused(
        text("The last dump of {source} would stand in the server's own data folder ({folder}).", source=source.name,
             folder=folder),
        text("Nothing was changed: where the server does not start again that dump would be of no use."),
        text("Let Overwinter work as a user whose temporary files are elsewhere."),
        "restore.dump-in-data",
    )  # fmt: skip
