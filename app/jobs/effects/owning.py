"""A folder that stays while all that is in it is exchanged: its owner and mode, and where the old things are put."""

from __future__ import annotations

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import Text, text
from app.hosts.host import Command, Host
from app.jobs.effects.effect import Happened, World, unclear
from app.jobs.effects.paths import sync_parents


class Owning(msgspec.Struct, frozen=True):
    """Whose a folder is, and who may use it."""

    mode: int
    uid: int
    gid: int


class GiveOwning(msgspec.Struct, frozen=True, kw_only=True, tag="give-owning"):
    """A folder gets the owner and mode `after` in place of `before`."""

    host: str
    path: str
    before: Owning
    after: Owning

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Give {path} on {host} its owner and mode", path=self.path, host=self.host)

    async def do(self, world: World) -> None:
        """Changes it, unless it was."""
        await self._give(world, self.after)

    async def undo(self, world: World) -> None:
        """As it was before."""
        await self._give(world, self.before)

    async def happened(self, world: World) -> Happened:
        """By what it has now; somebody else's change to it is nothing that the site hangs on."""
        return Happened.YES if await self._found(world) == self.after else Happened.NO

    async def _give(self, world: World, wanted: Owning) -> None:
        found, host = await self._found(world), world.ctx.host(self.host)
        if found != wanted:
            await self._change(host, found, wanted)
        await host.sync(self.path)  # a dead process may have changed it and not come to this

    async def _change(self, host: Host, found: Owning, wanted: Owning) -> None:
        # Five digits: chmod leaves a folder its setuid and setgid when there are four.
        changes = [Command("chmod", (f"{wanted.mode:05o}", self.path))]
        if (found.uid, found.gid) != (wanted.uid, wanted.gid):  # first: it takes setuid and setgid away
            changes.insert(0, Command("chown", (f"{wanted.uid}:{wanted.gid}", self.path)))
        for change in changes:
            done = await host.run(change)
            if done.code != 0:
                raise _refused(self.path, done.stderr)

    async def _found(self, world: World) -> Owning:
        found = await world.ctx.host(self.host).stat(self.path)
        if found is None:
            raise unclear(self.title, f"nothing stands at {self.path}")
        return Owning(found.mode, found.uid, found.gid)


class MakeFolder(msgspec.Struct, frozen=True, kw_only=True, tag="make-folder"):
    """A folder of ours, closed to others, that old things are put into. It goes again when it is empty, not before."""

    host: str
    path: str

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Make {path} on {host}", path=self.path, host=self.host)

    async def do(self, world: World) -> None:
        """Makes it where it is not there."""
        host = world.ctx.host(self.host)
        if await host.stat(self.path) is None:
            done = await host.run(Command("mkdir", ("-m", "700", self.path)))
            if done.code != 0:
                raise _refused(self.path, done.stderr)
        await sync_parents(host, self.path)

    async def undo(self, world: World) -> None:
        """Removes it where nothing is in it."""
        host = world.ctx.host(self.host)
        if await host.stat(self.path) is not None:
            await host.run(Command("rmdir", (self.path,)))
        await sync_parents(host, self.path)

    async def happened(self, world: World) -> Happened:
        """Whether it is there."""
        return Happened.NO if await world.ctx.host(self.host).stat(self.path) is None else Happened.YES


def _refused(path: str, said: bytes) -> UserError:
    return UserError(
        text("{path} cannot be made, or not be given another owner or mode.", path=path),
        text("It is as it was."),
        text("Restore as root."),
        "restore.owning-refused",
        said.decode("utf-8", "replace"),
    )
