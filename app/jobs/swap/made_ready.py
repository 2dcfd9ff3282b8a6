"""Changes in a tree that is not live yet; the folders that are changed keep their times.

All of it stands in a folder of ours that nobody else enters, and no link in it is followed: what one leads to is live.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from app.foundation.errors import Busy, UserError
from app.foundation.words import text
from app.hosts.host import Command, FileKind, FileStat, Host
from app.jobs.restore.checks import UNCHANGED
from app.jobs.restore.folder import below, pure
from app.jobs.swap.patterns import expanded, is_folder, is_reached, is_special, parts_of, under
from app.jobs.swap.place import WINDOWS

EVERY = "[!.]*"
"""What `*` means, where a leading dot is a character like any other."""


class Workshop(msgspec.Struct, frozen=True):
    """A tree that is made ready: `tree` is it, `live` the one whose place it will take; `scratch` is for our own."""

    host: Host
    live: str
    tree: str
    system: str
    scratch: str

    async def run(self, program: str, *arguments: str) -> None:
        """A program that has to succeed."""
        done = await self.host.run(Command(program, arguments))
        if done.code != 0:
            raise _failed(self.tree, f"{program}: {done.stderr.decode('utf-8', 'replace')}")

    @asynccontextmanager
    async def keeping_time(self, folder: str) -> AsyncIterator[None]:
        """What is done in a folder meanwhile is not to be seen by its time; Windows has no such program."""
        if self.system == WINDOWS or not await is_folder(self.host, folder):
            yield
            return
        clock = str(below(self.scratch, "time-of-folder"))
        await self.run("touch", "-r", folder, clock)
        yield
        await self.run("touch", "-m", "-r", clock, folder)

    async def like(self, live: FileStat, path: str) -> None:
        """Gives what was made the owner and the mode of the live one, as far as this account may."""
        if self.system != WINDOWS:
            made = await self.host.stat(path)
            if made is not None and (made.uid, made.gid) != (live.uid, live.gid):
                await self.host.run(Command("chown", (f"{live.uid}:{live.gid}", path)))  # only root may
            await self.run("chmod", f"{live.mode:05o}", path)  # five digits: four leave a folder its setgid

    async def make_way(self, path: str) -> bool:
        """Makes the folders that lead to `path` as the live tree has them; False where a link stands in the way."""
        parts = path.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            step = "/".join(parts[:count])
            live = await self.host.stat(under(self.live, step))
            if await self.host.stat(under(self.tree, step)) is None and live is not None:
                await self.make_like(live, step)
        return await is_reached(self.host, self.tree, path)

    async def make_like(self, live: FileStat, path: str) -> None:
        """An empty folder, or an empty file, that belongs to whom the live one belongs."""
        made = under(self.tree, path)
        async with self.keeping_time(str(pure(made).parent)):
            if live.kind is FileKind.FOLDER:
                await make_folder(self.host, made, self.system)
            else:
                await self.host.write_durably(made, b"")
            if live.kind is not FileKind.LINK:
                await self.like(live, made)


async def make_folder(host: Host, path: str, system: str) -> None:
    """A new folder for this account alone; raises `Busy` `restore.stage-taken` when something stands there.

    On Windows restic makes it.
    """
    if system == WINDOWS:
        if await host.stat(path) is not None:
            raise taken(path)
        return
    done = await host.run(Command("mkdir", ("-m", "700", path)))
    if done.code == 0:
        return
    if await host.stat(path) is not None:
        raise taken(path)
    raise _failed(path, done.stderr.decode("utf-8", "replace"))


async def clear(shop: Workshop, patterns: Sequence[str]) -> None:
    """Empties what the site wants emptied; a folder with any number of names takes one step."""
    for pattern in patterns:
        *above, last = parts_of(pattern) or [""]
        folders = await expanded(shop.host, shop.tree, ["/".join(above)]) if above else [""]
        for folder in folders:
            if last and await is_reached(shop.host, shop.tree, f"{folder}/x" if folder else "x"):
                await _clear_in(shop, folder, last)


async def _clear_in(shop: Workshop, folder: str, part: str) -> None:
    path = under(shop.tree, folder)
    async with shop.keeping_time(path):
        if part == "*":
            await shop.host.remove_matching(path, EVERY)
        elif re.match(r"[^*?\[]", part) and is_special(part):
            await shop.host.remove_matching(path, part)
        else:
            for one in await expanded(shop.host, path, [part]):
                await shop.host.remove_tree(under(path, one))


def taken(path: str) -> Busy:
    """Something stands where a stage is to be."""
    return Busy(
        text("{path} is there already: another restore is at work there, or died.", path=path),
        UNCHANGED,
        text("Wait for the other one, or run recover; then restore again."),
        "restore.stage-taken",
    )


def _failed(path: str, said: str) -> UserError:
    return UserError(
        text("{path} could not be made ready.", path=path),
        text("The site was not touched; what was made is removed again."),
        text("Look at the detail, mend what is named there, then restore again."),
        "restore.not-made-ready",
        said,
    )
