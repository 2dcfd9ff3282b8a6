"""A SQLite database that takes part in the cutovers of the matrix, with its log beside it and a client that reads."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from app.jobs.cutover.names import kept_tree
from app.jobs.cutover.plan import Kept
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.names import shadow_name
from app.jobs.effects.sqlite import PutDatabase, RemoveStaged
from app.settings.model import THIS_COMPUTER
from app.tools.sqlite.putting import MARK
from tests.faults.cutover_parts import NEW, OLD, Left, Part

KINDS = (PutDatabase, RemoveStaged)

ROWS = {OLD: 300, NEW: 700}


class SqlitePart(Part):
    """The restored content is put into the live file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "sqlite"
        self._live = self._folder / "site.db"

    def fresh(self, run: str) -> None:
        """The live one has a log; the staged one has none, as the restore leaves it."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        make_database(self._live, OLD, wal=True)
        make_database(self._staged(run), NEW, wal=False)

    def _staged(self, run: str) -> Path:
        return self._folder / shadow_name("site.db", run)

    def _kept(self, run: str) -> Path:
        return Path(kept_tree(str(self._live), run))

    def swapping(self, run: str) -> Sequence[AnyEffect]:
        """By SQLite itself."""
        number = self._staged(run).stat().st_ino
        return [
            PutDatabase(
                host=THIS_COMPUTER,
                path=str(self._live),
                staged=str(self._staged(run)),
                kept=str(self._kept(run)),
                number=number,
            )
        ]

    def clearing(self, run: str, state: str) -> Sequence[AnyEffect]:
        """What was staged, where it is not to be put in."""
        staged, kept = str(self._staged(run)), str(self._kept(run))
        return [RemoveStaged(host=THIS_COMPUTER, staged=staged, kept=kept)] if state == OLD else []

    def kept(self, run: str) -> Sequence[Kept]:
        """What it held."""
        number = self._staged(run).stat().st_ino
        return [Kept(host=THIS_COMPUTER, name=str(self._kept(run)), fact=number, source="sqlite")]

    def seen(self) -> str | None:
        """Whoever has to wait gets no answer."""
        try:
            return state_of(self._live)
        except sqlite3.Error:
            return None

    def faults(self, state: str, left: Left) -> list[str]:
        """By two tables, by what SQLite itself finds, by the mark, and by the names that stand there."""
        read = state_of(self._live)
        with closing(sqlite3.connect(self._live)) as live:
            ((sound,),) = live.execute("PRAGMA integrity_check").fetchall()
            ((mode,),) = live.execute("PRAGMA journal_mode").fetchall()
            marks = live.execute("SELECT name FROM sqlite_master WHERE name = ?", (MARK,)).fetchall()
        names = {path.name for path in self._folder.iterdir() if not path.name.startswith("site.db-")}
        names -= {name for name in names if left.is_staged and "__restored_" in name}
        expected = {"site.db"} | ({self._kept(left.kept_by).name} if left.kept_by else set())
        return [
            *([] if read == state else [f"sqlite: {read}"]),
            *([] if (sound, mode, marks) == ("ok", "wal", []) else [f"sqlite: {sound} {mode} {marks}"]),
            *([] if names == expected else [f"names of sqlite: {sorted(names ^ expected)}"]),
        ]


def make_database(path: Path, state: str, *, wal: bool, page_size: int = 4096) -> None:
    """With two tables that have to agree."""
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute(f"PRAGMA page_size = {page_size}")
        made.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
        made.execute("BEGIN")
        made.execute("CREATE TABLE ident (state TEXT)")
        made.execute("CREATE TABLE nodes (id INTEGER PRIMARY KEY, t TEXT)")
        made.execute("INSERT INTO ident VALUES (?)", (state,))
        made.executemany(
            "INSERT INTO nodes (t) VALUES (?)", [(f"сад {number} {state}" * 5,) for number in range(ROWS[state])]
        )
        made.execute("COMMIT")


def state_of(path: Path) -> str:
    """By both tables."""
    with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=0)) as live:
        query = "SELECT (SELECT state FROM ident), (SELECT count(*) FROM nodes)"
        ((state, rows),) = live.execute(query).fetchall()
    return str(state) if rows == ROWS[str(state)] else f"{state} with {rows} rows"
