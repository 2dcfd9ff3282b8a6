"""What an account may read of a database, out of its grants.

A dump leaves out without a word what its account may not see: triggers without TRIGGER, routines without EXECUTE,
whole tables without SELECT (measured with 10.11.19 and 9.7.4, exit code 0). So it is asked before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

# Only grants on everything or on a whole database count; those on a table or a column stand for too little.
_GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?P<database>\*|`(?:[^`]|``)+`)\.\* TO ", re.DOTALL)

_ALL = "ALL PRIVILEGES"

_ON_THE_DATABASE = ("SELECT", "TRIGGER", "EVENT")
_ROUTINES_ON_THE_DATABASE = frozenset({"EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE", "SHOW CREATE ROUTINE"})
_ROUTINES_EVERYWHERE = frozenset({"SELECT", "SHOW_ROUTINE"})


class Rights(msgspec.Struct, frozen=True):
    """What is granted on everything (`*.*`), and on one database."""

    everywhere: frozenset[str]
    on_database: frozenset[str]

    def has(self, right: str) -> bool:
        """Whether the database may be used so."""
        granted = self.everywhere | self.on_database
        return right in granted or _ALL in granted

    def missing(self, *, views: bool) -> tuple[str, ...]:
        """The rights without which a dump is not whole; `views` says that there are some."""
        needed = (*_ON_THE_DATABASE, *(("SHOW VIEW",) if views else ()))
        missing = tuple(right for right in needed if not self.has(right))
        return missing if self._sees_routines else (*missing, "EXECUTE")

    @property
    def _sees_routines(self) -> bool:
        """Without any right on routines they are not even listed; with one, what may not be read ends the dump."""
        return self._all or bool(
            self.everywhere & (_ROUTINES_ON_THE_DATABASE | _ROUTINES_EVERYWHERE)
            or self.on_database & _ROUTINES_ON_THE_DATABASE
        )

    @property
    def _all(self) -> bool:
        return _ALL in self.everywhere | self.on_database


def rights_in(grants: Iterable[str], database: str) -> Rights:
    """The rights in lines of SHOW GRANTS, those of the account's active roles included."""
    everywhere: set[str] = set()
    on_database: set[str] = set()
    for line in grants:
        found = _GRANT.match(line)
        if found is None:
            continue
        granted = {right.strip() for right in found["rights"].split(",")}
        if found["database"] == "*":
            everywhere |= granted
        elif _like(found["database"][1:-1].replace("``", "`")).fullmatch(database):
            on_database |= granted
    return Rights(frozenset(everywhere), frozenset(on_database))


def _like(pattern: str) -> re.Pattern[str]:
    """The names that a grant's database stands for: % is any text, _ any character, \\ takes that from them."""
    parts = re.findall(r"\\[%_\\]|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)
