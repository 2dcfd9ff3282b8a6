"""A dump of the live database of MySQL or MariaDB as it is just before its tables are exchanged.

A server that dies in a RENAME TABLE may not start again (measured: one in 150 kills). Then this is what it is rebuilt
from; it stands outside of the server's data folder.
"""

from __future__ import annotations

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.host import Ending, Finished
from app.jobs.effects.effect import Happened, World
from app.jobs.effects.mysql import Form
from app.jobs.effects.mysql_server import MysqlServer, on_server
from app.jobs.effects.paths import RemoveTree
from app.jobs.sources.private_file import private_file
from app.tools.found import ToolFound
from app.tools.mysql import exchanging
from app.tools.mysql.dump import keep_command, state_command
from app.tools.mysql.exchanging import Mark
from app.tools.mysql.load import quoted
from app.tools.mysql.server import option_file

BEFORE = "-before-"


class TakeDump(msgspec.Struct, frozen=True, tag="take-dump"):
    """Writes the database `live` to a file (`at.dump`), with the mark in `shadow`: a server that is rebuilt from it is
    known for what it is, the old state.

    `program` is the path of the dump program there, `version` its own; `history` says that there are versioned tables.
    """

    at: MysqlServer
    live: str
    shadow: str
    mark: Mark
    form: Form
    program: str
    version: str
    history: bool = False

    @property
    def title(self) -> Text:
        """As a step is named."""
        return text("Dump {database} to {path} on {host}, in case its server does not start again",
                    database=self.live, path=self.at.dump, host=self.at.host)  # fmt: skip

    @property
    def _unfinished(self) -> str:
        return f"{self.at.dump}.unfinished"

    async def do(self, world: World) -> None:
        """Dumps where that was not done, and the tables are not exchanged yet. Raises `cutover.not-dumped`."""
        if await self.happened(world) is Happened.YES or not await self._is_before(world):
            return
        host = world.ctx.host(self.at.host)
        content = option_file(world.ctx.secret(self.at.secret))
        async with private_file(world.ctx, self.at.host, "mysql-cutover-dump.cnf", content) as options:
            program = ToolFound("mariadb-dump", self.version, self.program, fit=True)
            dumping = state_command(program, self.at.database(self.live), options, history=self.history)
            finished = await host.run(keep_command(dumping, self._unfinished, self._head, self._tail))
        if finished.code != 0 or finished.ending is not Ending.EXITED:
            await host.remove_tree(self._unfinished)
            raise _not_dumped(self.live, finished)
        await host.rename(self._unfinished, self.at.dump)

    async def _is_before(self, world: World) -> bool:
        found, *_ = await on_server(world, self.at, lambda client: exchanging.look(client, self.mark, self.shadow))
        return found.marked

    @property
    def _head(self) -> str:
        made = exchanging.make_database(self.live, self.form.character_set, self.form.collation)
        return f"{made}USE {quoted(self.live)};\n"

    @property
    def _tail(self) -> str:
        made = exchanging.make_database(self.shadow, self.form.character_set, self.form.collation)
        return made + exchanging.make_mark(self.shadow, self.mark)

    async def undo(self, world: World) -> None:
        """The old state is live, so the dump is not needed."""
        host = world.ctx.host(self.at.host)
        for path in (self._unfinished, self.at.dump):
            await host.remove_tree(path)

    @property
    def removal(self) -> RemoveTree:
        """What removes it when what it holds is live again."""
        return RemoveTree(host=self.at.host, path=self.at.dump)

    def again(self, run: str, old: str) -> TakeDump:
        """What dumps the state that that run puts aside, which takes the old one out of the database `old` again."""
        path = f"{self.at.dump.rpartition(BEFORE)[0]}{BEFORE}{run[:8]}.sql"
        return msgspec.structs.replace(self, at=msgspec.structs.replace(self.at, dump=path), shadow=old)

    async def happened(self, world: World) -> Happened:
        """Whether it is there, whole."""
        found = await world.ctx.host(self.at.host).stat(self.at.dump)
        return Happened.NO if found is None else Happened.YES


def _not_dumped(name: str, finished: Finished) -> UserError:
    said = finished.stderr.decode("utf-8", "replace").strip()
    return UserError(
        text("{database} could not be dumped as it is now: {said}", database=name, said=said.partition("\n")[0]),
        text("Nothing was exchanged: without that dump a server that does not start again could not be rebuilt."),
        text("Put right what it says, then restore again."),
        "cutover.not-dumped",
        said,
    )
