"""Takes a dump apart: tables with their rows, and programs (triggers, views, routines, events).

A trigger keeps its table from being renamed, and an event begins to run where it is loaded. The form that makes this
exact is that of `written`: a statement begins a line, line breaks in texts are escaped, bodies stand between DELIMITER
lines. What belongs to programs alone stands in comments of four versions.
"""

from __future__ import annotations

from app.hosts.host import Command
from app.tools.found import ToolFound
from app.tools.mysql.load import load_arguments
from app.tools.mysql.server import Server

BEGIN_SO = (b"/*!50001 ", b"/*!50003 ", b"/*!50013 ", b"/*!50106 ")
"""Lines outside of bodies that belong to programs, up to one that ends as `_ENDS` says."""

_ALTERS = b"ALTER DATABASE "
"""Around a program that was made while its database had another collation. It names the live one."""

_DELIMITER, _BACK, _ENDS = b"DELIMITER ", b"DELIMITER ;", (b"*/;", b"*/ ;")

# sed, as mawk takes two minutes for a line of 80 MB (measured).
_SED = r"""
/^DELIMITER ;;$/,/^DELIMITER ;$/{
w {programs}
d
}
/^ALTER DATABASE /{
w {programs}
d
}
/^\/\*!(50001|50003|50013|50106) /{
:more
w {programs}
/\*\/ ?;$/d
s/.*//
N
s/^\n//
b more
}
${
p
s/.*/-- the end/
w {programs}
d
}
"""

_END = b"-- the end"

HEAD = (
    b"SET NAMES utf8mb4;\nSET TIME_ZONE = '+00:00';\nSET SQL_MODE = 'NO_AUTO_VALUE_ON_ZERO';\n"
    b"SET FOREIGN_KEY_CHECKS = 0;\nSET SQL_NOTES = 0;\n"
)
"""What a dump says before everything."""


def programs_in(dump: bytes) -> bytes:
    """The programs of a dump, as statements that make them in the database that is in use; b"" where it has none."""
    found: list[bytes] = []
    in_body = is_open = False
    for line in dump.split(b"\n"):
        if line.startswith(_DELIMITER):
            in_body = line != _BACK
        elif not in_body and not line.startswith(_ALTERS):
            if not is_open and not line.startswith(BEGIN_SO):
                continue
            is_open = not line.endswith(_ENDS)
        found.append(line)
    return as_script(b"\n".join(found))


def as_script(programs: bytes) -> bytes:
    """Statements to be run by themselves, out of those of a dump that belong to programs."""
    return HEAD + programs.rstrip(b"\n") + b"\n" if programs.strip() else b""


def split_programs(written: bytes) -> bytes | None:
    """The programs that `load_tables_command` has written down, as `programs_in` gives them; None: not all of them."""
    lines = written.rstrip(b"\n").split(b"\n")
    return as_script(b"\n".join(lines[:-1])) if lines[-1] == _END else None


def sed_script(programs: str) -> str:
    """What sed is told: to leave the tables, and to write the programs to the file at that path."""
    return _SED.replace("{programs}", programs)


def load_tables_command(program: ToolFound, server: Server, dump: str, programs: str, option_file: str) -> Command:
    """Loads the tables of the dump at that path; its programs are written to the file `programs`. The first error ends
    it; that nothing is missing has to be counted. Not for Windows, which has no sed.
    """
    loads = (program.path, *load_arguments(server, option_file))
    return Command("sh", ("-c", _PIPES, dump, sed_script(programs), *loads), environment={"LC_ALL": "C"})


_PIPES = 'sed -E -e "$1" <"$0" | { shift; exec "$@"; }'
