"""A lease on a server: a file that says which run, of which computer, works on the site there.

Laptops that share no records meet there. The lease stands under one name, taken by a rename that never replaces, and
is not written again; beside it the holder renews a sign of life of its own. How old that is, is told by the server's
own clock (the times of two files there), so laptops' clocks do not matter; before a silent holder is taken to be
gone, it is watched for a while, so that a server's clock that jumps does not matter either.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable

import msgspec

from app.foundation.errors import Busy, UserError
from app.foundation.words import text
from app.hosts.host import Host
from app.records.owners import Owner, owner_alive
from app.records.run import Run
from app.runs.site_lock import BEAT, SILENT_TOO_LONG

SHARED_FOLDER = "/tmp"
"""The one folder of a server where everybody may write, whatever user they log in as."""

READABLE = 0o644
LARGEST = 64 * 1024
TRIES = 5
SECOND = 10**9  # nanoseconds


_RUN = re.compile(r"[0-9a-f]{32}")


class LeaseHolder(msgspec.Struct, frozen=True):
    """Who has a lease; all is empty when the file could not be understood."""

    run: str = ""
    kind: str = ""
    who: str = ""
    owner: Owner = Owner("?#", "", 0, 0.0)

    @property
    def is_credible(self) -> bool:
        """Whether we could have written it: anybody may write there, and its words become paths and are shown."""
        said = (self.kind, self.who, self.owner.computer)
        return _RUN.fullmatch(self.run) is not None and all(word.isprintable() and len(word) < 256 for word in said)


_NOT_OURS = {
    "host.file-missing": None,
    "host.file-too-big": LeaseHolder(),
    "host.file-unreadable": LeaseHolder(),
}


class LeaseTimes(msgspec.Struct, frozen=True):
    """Seconds: silence that makes a holder suspicious, and for how long it is then watched for a sign of life."""

    silent_too_long: float = SILENT_TOO_LONG
    watched: float = 2.5 * BEAT


TIMES = LeaseTimes()


class _Sign(msgspec.Struct, frozen=True):
    """A sign of life: when it was given, by the host's clock, in nanoseconds since 1970, and what it says.

    Some hosts tell times in whole seconds; what it says is another one each time.
    """

    at: int = 0
    said: bytes = b""


class Lease:
    """What one run holds, or wants to hold, on one host. Everything raises `UserError` `host.…` when that is away."""

    def __init__(
        self,
        host: Host,
        run: Run,
        *,
        is_over: Callable[[str], Awaitable[bool]],
        folder: str = "",
        times: LeaseTimes | None = None,
    ) -> None:
        """`is_over` says whether our own records know a run as closed: that one holds nothing any more.

        The lease is in `folder`, "" being the one that all laptops use.
        """
        self._host = host
        self._me = LeaseHolder(run.id, run.kind, run.who, run.owner)
        self._site = run.site
        self._is_over = is_over
        self._path = f"{folder or SHARED_FOLDER}/overwinter-{run.site}.lease"
        self._times = times or TIMES
        self._beats = 0

    @property
    def host_name(self) -> str:
        """The host's name in the site file."""
        return self._host.name

    async def take(self) -> LeaseHolder | None:
        """Takes the lease; gives the dead holder it was taken over from, if there was one.

        Raises `Busy` `run.leased` that names a living holder.
        """
        await self._beat()
        try:
            return await self._taken()
        except BaseException:
            with contextlib.suppress(UserError):  # it is away: the first error is the one to tell
                await self._host.remove_tree(self._beat_of(self._me))
            raise

    async def _taken(self) -> LeaseHolder | None:
        over: LeaseHolder | None = None
        for _ in range(TRIES):
            if await self._place():
                return over
            found = await self._found()
            if found is None:
                continue
            if found == self._me:
                return over
            if not await self._is_gone(found):
                raise self._busy(found)
            over = found if await self._remove(found) else over
        raise self._busy(await self._found() or LeaseHolder())

    async def renew(self) -> bool:
        """A sign of life; False when the lease is somebody else's by now. One that vanished is taken again."""
        await self._beat()
        found = await self._found()
        return found == self._me or (found is None and (await self._place() or await self._found() == self._me))

    async def release(self) -> None:
        """Gives the lease back, or what a take that was cut short has left; one that is somebody else's stays."""
        if await self._found() == self._me:
            await self._remove(self._me)
        await self._host.remove_tree(self._beat_of(self._me))

    def _beat_of(self, holder: LeaseHolder) -> str:
        return f"{self._path}.{holder.run}.beat"

    async def _beat(self) -> None:
        self._beats += 1
        await self._host.write_durably(self._beat_of(self._me), str(self._beats).encode(), READABLE)

    async def _place(self) -> bool:
        """Puts the lease in its place; False when something stands there."""
        mine = f"{self._path}.{self._me.run}.new"
        await self._host.write_durably(mine, msgspec.json.encode(self._me), READABLE)
        try:
            await self._host.rename(mine, self._path)
        except UserError as error:
            await self._host.remove_tree(mine)
            if error.code != "host.file-exists":
                raise
            return False
        return True

    async def _found(self) -> LeaseHolder | None:
        return await self._read(self._path)

    async def _read(self, path: str) -> LeaseHolder | None:
        """The holder in a lease file; None when there is none."""
        try:
            found = msgspec.json.decode(await self._host.read(path, LARGEST), type=LeaseHolder)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return LeaseHolder()
        except UserError as error:
            if error.code not in _NOT_OURS:
                raise
            return _NOT_OURS[error.code]
        return found if found.is_credible else LeaseHolder()

    async def _is_gone(self, holder: LeaseHolder) -> bool:
        if await self._is_over(holder.run) or owner_alive(holder.owner) is False:
            return True
        before = await self._sign_of_life(holder)
        if 0 <= await self._age(before) < self._times.silent_too_long:
            return False
        await asyncio.sleep(self._times.watched)
        return await self._found() == holder and await self._sign_of_life(holder) == before

    async def _sign_of_life(self, holder: LeaseHolder) -> _Sign:
        """The last one that the holder gave; the lease itself counts as the first."""
        for path in (self._beat_of(holder), self._path):
            if (found := await self._host.stat(path)) is not None:
                with contextlib.suppress(UserError):  # not to be read by this user: its time has to do
                    return _Sign(found.modified, await self._host.read(path, LARGEST))
                return _Sign(found.modified)
        return _Sign()

    async def _age(self, sign: _Sign) -> float:
        """How many seconds ago it was given, by the clock of the host."""
        await self._beat()
        return ((await self._sign_of_life(self._me)).at - sign.at) / SECOND

    async def _remove(self, holder: LeaseHolder) -> bool:
        """Takes the lease of that holder away; False when it was not (or not any more) that holder's.

        It is renamed first, which only one succeeds in, and looked at then: should it have become somebody else's in
        the meantime, it is put back.
        """
        aside = f"{self._path}.{self._me.run}.gone"
        try:
            await self._host.rename(self._path, aside)
        except UserError as error:
            if error.code == "host.file-missing":
                return False
            if error.code != "host.file-unwritable":
                raise
            raise self._not_removable(holder, error) from error
        if await self._read(aside) != holder:
            with contextlib.suppress(UserError):  # a third one was quicker; whose it was notices, and stops
                await self._host.rename(aside, self._path)
            await self._host.remove_tree(aside)
            return False
        await self._host.remove_tree(aside)
        await self._host.remove_tree(self._beat_of(holder))
        return True

    def _busy(self, holder: LeaseHolder) -> Busy:
        return Busy(
            text(
                "{site} is busy: {who} works on {host} from {computer} ({kind}, run {run}).",
                site=self._site,
                who=holder.who or "?",
                host=self._host.name,
                computer=holder.owner.computer_name,
                kind=holder.kind or "?",
                run=holder.run[:8] or "?",
            ),
            text("Nothing was started; the other operation goes on."),
            text("Wait until it has ended, or have it cancelled on {computer}.", computer=holder.owner.computer_name),
            "run.leased",
            self._path,
        )

    def _not_removable(self, holder: LeaseHolder, error: UserError) -> Busy:
        return Busy(
            text(
                "{who} of {computer} stopped working on {host}, but its lease there cannot be removed by this user.",
                who=holder.who or "?",
                computer=holder.owner.computer_name,
                host=self._host.name,
            ),
            text("Nothing was started."),
            text("Have this file removed on {host}: {path}", host=self._host.name, path=self._path),
            "run.lease-not-removable",
            error.problem.detail,
        )
