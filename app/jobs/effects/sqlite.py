"""A SQLite database gets what another file holds, by SQLite's own means: never is a file put in its place.

What was in it is saved first. Which of the two is in it is told by a mark that comes with the content; where there is
none any more, by the name of the saved one, which gets its last name when the new content is in.
"""

from __future__ import annotations

import msgspec

from app.foundation.errors import Problem, UserError
from app.foundation.events import Warned
from app.foundation.words import Text, text
from app.hosts.host import Command, Host
from app.jobs.cutover.names import kept_tree
from app.jobs.effects.effect import Happened, World, unclear
from app.jobs.effects.paths import pure, sync_parents
from app.tools.sqlite.copying import copy_database
from app.tools.sqlite.programs import find_programs, opener
from app.tools.sqlite.putting import LiveDatabase, names_beside

SAVING, PART = ".saving", ".part"
"""The ends of a saved one's name: before the new content is in the live one, and before it is whole itself."""


def parts_of(path: str) -> tuple[str, str]:
    """What a file is called before it is whole, and before even that is there."""
    return f"{path}{PART}", f"{path}{PART}.new"


class PutDatabase(msgspec.Struct, frozen=True, kw_only=True, tag="put-database"):
    """The database at `path` gets what the file `staged` holds; what it held is kept as `kept`. `number` is the staged
    file's inode, by which the whole is known.
    """

    host: str
    path: str
    staged: str
    kept: str
    number: int

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Put the restored content into {path} on {host}", path=self.path, host=self.host)

    @property
    def live(self) -> str:
        """The live database."""
        return self.path

    @property
    def facts(self) -> tuple[int, ...]:
        """What takes part."""
        return (self.number,)

    async def do(self, world: World) -> None:
        """Saves what is in it, then puts the new content in."""
        host = world.ctx.host(self.host)
        if not await self._is_new(world):
            if await host.stat(self.staged) is None:
                raise unclear(self.title, f"nothing stands at {self.staged} any more")
            await self._settle_old(world)
            await self._save(world, self.path, self._saving)
            await self._put(world, self.staged)
        if await host.stat(self.kept) is None:
            await host.rename(self._saving, self.kept)
        await self._unmark(world)
        for path in (self.staged, *parts_of(self.staged), *parts_of(self._saving)):
            await _remove(host, path)
        await sync_parents(host, self.staged, self.kept)

    async def undo(self, world: World) -> None:
        """Puts back what was saved; what was restored is staged again."""
        host = world.ctx.host(self.host)
        if await self._is_new(world):
            if await host.stat(self.staged) is None:
                await self._save(world, self.path, self.staged)
            await self._put(world, self.kept if await host.stat(self.kept) is not None else self._saving)
        await self._settle_old(world)
        await sync_parents(host, self.staged, self.kept)

    async def _settle_old(self, world: World) -> None:
        """The old content is in it: first the saved one has its former name again, then the mark may go."""
        host = world.ctx.host(self.host)
        if await host.stat(self.kept) is not None:
            await _remove(host, self._saving)
            await host.rename(self.kept, self._saving)
        await self._unmark(world)

    async def happened(self, world: World) -> Happened:
        """By the mark, and by the name of what was saved."""
        host = world.ctx.host(self.host)
        if await host.stat(self.path) is None:
            return Happened.UNCLEAR
        mark = await (await self._opened(world, self.path)).mark()
        if mark in (self._new, self._old):
            return Happened.YES if mark == self._new else Happened.NO
        if mark:
            return Happened.UNCLEAR
        return Happened.NO if await host.stat(self.kept) is None else Happened.YES

    @property
    def _saving(self) -> str:
        return f"{self.kept}{SAVING}"

    @property
    def _new(self) -> str:
        return f"new {self.number} {self.kept}"

    @property
    def _old(self) -> str:
        return f"old {self.number} {self.kept}"

    async def _is_new(self, world: World) -> bool:
        happened = await self.happened(world)
        if happened is Happened.UNCLEAR:
            raise unclear(self.title, f"{self.path} is not there, or has another restore's mark")
        return happened is Happened.YES

    async def _save(self, world: World, path: str, target: str) -> None:
        """Whole or not at all, and for nobody else's eyes."""
        host, (part, unwritten) = world.ctx.host(self.host), parts_of(target)
        for leftover in (part, target):
            await _remove(host, leftover)
        await host.write_durably(part, b"", temporary=unwritten)
        live = await self._opened(world, path)
        try:
            await copy_database(host, live.program, path, str(pure(part).parent), pure(part).name)
        except UserError as error:
            if error.code != "sqlite.damaged":
                raise
            world.ctx.emit(Warned(warning=_saved_damaged(path, error.problem)))  # that may be why it is replaced
        await _own_like(host, path, part)
        await host.rename(part, target)

    async def _put(self, world: World, source: str) -> None:
        live = await self._opened(world, self.path)
        mark = self._new if source == self.staged else self._old
        await (await self._opened(world, source)).give_mark(mark, await live.kind())
        await live.put(str(pure(source).parent), pure(source).name)

    async def _unmark(self, world: World) -> None:
        await (await self._opened(world, self.path)).unmark()

    async def _opened(self, world: World, path: str) -> LiveDatabase:
        host = world.ctx.host(self.host)
        program = opener(await find_programs(host, world.equipment.python, world.equipment.versions), host.name)
        return LiveDatabase(host, program, path, await world.ctx.scratch(self.host))

    def reversed(self, run: str) -> PutDatabase:
        """What takes it back later, in that run; see `aside`."""
        name, number = self.aside(run)
        return PutDatabase(host=self.host, path=self.path, staged=self.kept, kept=name, number=number)

    def aside(self, run: str) -> tuple[str, int]:
        """The name under which the run that takes it back keeps what is live until then, and its number."""
        return str(pure(self.kept).with_name(pure(kept_tree(self.path, run)).name)), self.number


class RemoveStaged(msgspec.Struct, frozen=True, kw_only=True, tag="remove-staged-database"):
    """Removes a database's file that was staged, and what was saved beside it; it is not undone.

    What is `kept` under its last name is not touched: that is the old state.
    """

    host: str
    staged: str
    kept: str

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Remove {path} on {host}", path=self.staged, host=self.host)

    @property
    def name(self) -> str:
        """What is removed."""
        return self.staged

    async def do(self, world: World) -> None:
        """Removes what is there."""
        host = world.ctx.host(self.host)
        for path in (self.staged, f"{self.kept}{SAVING}"):
            for one in (path, *parts_of(path)):
                await _remove(host, one)
        await sync_parents(host, self.staged, self.kept)

    async def undo(self, world: World) -> None:
        """Nothing: what is removed is gone."""

    async def happened(self, world: World) -> Happened:
        """Whether nothing is there."""
        return Happened.YES if await world.ctx.host(self.host).stat(self.staged) is None else Happened.NO


async def _remove(host: Host, path: str) -> None:
    for one in names_beside(path):
        await host.remove_tree(one)


async def _own_like(host: Host, live: str, path: str) -> None:
    """As far as this account may; Windows knows neither owners nor modes of this kind."""
    found = await host.stat(live)
    if found is None or (await host.facts()).system == "windows":
        return
    await host.run(Command("chown", ("--", f"{found.uid}:{found.gid}", path)))
    await host.run(Command("chmod", ("--", f"{found.mode:04o}", path)))


def _saved_damaged(path: str, why: Problem) -> Problem:
    return Problem(
        text("{database} is damaged, and was saved as it is.", database=path),
        text("What is kept of the old state may not be readable in all parts."),
        why.next,
        "sqlite.saved-damaged",
        why.detail,
    )
