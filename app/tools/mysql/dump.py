"""What mariadb-dump and mysqldump are told to do, so that each can be started as a child of restic."""

from __future__ import annotations

from app.hosts.host import Command
from app.tools.found import ToolFound
from app.tools.mysql.facts import MysqlFacts
from app.tools.mysql.programs import Flavour, flavour_of, series
from app.tools.mysql.server import Server

KEEPS_HISTORY = (10, 11)
"""The first series whose mariadb-dump can take the history of a versioned table."""

# One moment for all transactional tables, read row by row. No date, so that two dumps of the same state are the same
# bytes. Tablespaces would take the right PROCESS, and are nobody's here.
_CONTENT = (
    "--single-transaction",
    "--quick",
    "--routines",
    "--triggers",
    "--events",
    "--hex-blob",
    "--tz-utc",
    "--no-tablespaces",
    "--max-allowed-packet=1G",
)
_FORM = ("--default-character-set=utf8mb4", "--skip-dump-date", "--comments")

# "loose-": what an older mysqldump does not know yet is passed over. The position of a replica is no part of a
# database, and restoring it would need an administrator; statistics are gathered anew.
_MYSQL_ONLY = ("--loose-set-gtid-purged=OFF", "--loose-column-statistics=0", "--loose-skip-masking-policies")


def dump_command(program: ToolFound, server: Server, facts: MysqlFacts, option_file: str) -> Command:
    """Writes the database as SQL to standard output, without its name: it can go back under another one.

    `option_file` is the path of a file made by `server.option_file`.
    """
    history = ("--dump-history",) if facts.versioned and keeps_history(program) else ()
    return _command(program, server, option_file, (*_CONTENT, *history, "--", server.database))


def programs_command(program: ToolFound, server: Server, option_file: str) -> Command:
    """Writes how the database's tables are made, and its programs, without any row, to standard output."""
    return _command(program, server, option_file, (*_CONTENT, "--no-data", "--", server.database), to_words=False)


def state_command(program: ToolFound, server: Server, option_file: str, *, history: bool) -> Command:
    """As `dump_command`, with what it has to say on standard error; `history` says that there are versioned tables."""
    with_history = ("--dump-history",) if history and keeps_history(program) else ()
    return _command(program, server, option_file, (*_CONTENT, *with_history, "--", server.database), to_words=False)


def keep_command(dumping: Command, path: str, head: str, tail: str) -> Command:
    """Writes a dump, between what is to stand before and behind it, to a file at that path, and waits until it is on
    the disk. Not for Windows, which has no shell of ours.
    """
    words = ("-c", _BETWEEN, path, head, tail, dumping.program, *dumping.arguments)
    return Command("sh", words, environment=dumping.environment)


_BETWEEN = (
    'umask 077; head="$1"; tail="$2"; shift 2; '
    '{ printf %s "$head" && "$@" && printf %s "$tail"; } >"$0" && { sync "$0" 2>/dev/null || sync; }'
)


def words_file(option_file: str) -> str:
    """Where these programs write what they have to say, beside their option file.

    What a child of restic says last is lost now and then (measured: 4 of 220 dumps that failed on a busy computer).
    """
    return f"{option_file}.words"


def keeps_history(program: ToolFound) -> bool:
    """Whether it can take the history of versioned tables along."""
    return flavour_of(program.version) is Flavour.MARIADB and series(program.version) >= KEEPS_HISTORY


def users_command(program: ToolFound, server: Server, option_file: str) -> Command:
    """Writes the server's accounts, roles and grants as SQL to standard output.

    Of MySQL's programs only newer ones can (measured: 9.7.4). Password hashes may hold any byte: they are written in
    hexadecimal.
    """
    if flavour_of(program.version) is Flavour.MARIADB:
        return _command(program, server, option_file, ("--system=users",))
    in_hexadecimal = "--init-command=SET SESSION print_identified_with_as_hex = ON"
    return _command(program, server, option_file, ("--users", in_hexadecimal))


def _command(
    program: ToolFound, server: Server, option_file: str, what: tuple[str, ...], *, to_words: bool = True
) -> Command:
    own = _MYSQL_ONLY if flavour_of(program.version) is Flavour.MYSQL else ()
    # A file of stored logins is read by MySQL's programs in spite of --defaults-file, unless it is not there.
    environment = {"LC_ALL": "C", "MYSQL_TEST_LOGIN_FILE": f"{option_file}.none"}
    words = (f"--log-error={words_file(option_file)}",) if to_words else ()
    arguments = (f"--defaults-file={option_file}", *server.arguments(), *words, *_FORM, *own, *what)
    return Command(program.path, arguments, environment=environment)
