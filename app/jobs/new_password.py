"""Gives a repository another password, so that the stored one opens it at every moment, whatever is cut short.

A second key is added and proven to open the repository; then the new password is stored; only then the old key goes.
What is left over when it dies in between is a key too many, which the list of keys shows.
"""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from app.foundation.errors import Problem, Refused, UserError
from app.foundation.events import Phase, Warned
from app.foundation.words import text
from app.jobs.plan import Ctx, OnFailure, Plan, Step
from app.jobs.repositories import Repositories
from app.jobs.sources.private_file import private_file
from app.records.run import new_run_id
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site
from app.tools.restic.keys import add_key, list_keys, remove_key
from app.tools.restic.repository import Restic

KIND = "new-password"
CHANGED = "repository-password-changed"

Store = Callable[[str], Awaitable[None]]


@dataclass
class PasswordState:
    """What the steps hand on: the key that was in use, and the keys that were there before."""

    old: str = ""
    before: frozenset[str] = frozenset()


def plan_new_password(site: Site, new: str, store: Store, repositories: Repositories) -> Plan[PasswordState]:
    """The change to the password `new`, which `store` puts into the secret store in place of the old one.

    Neither stands in the plan's choice, so none in a record. Raises `Refused` `restic.password-unusable`.
    """
    if new != new.strip() or not new or any(character in new for character in "\r\n\0"):
        raise _unusable()
    run = new_run_id()
    job = _Change(site, new, store, repositories)
    return Plan(
        run=run,
        kind=KIND,
        site=site,
        choice="{}",
        key=f"{KIND} {run}",  # another request may mean another password: it joins nothing
        steps=(
            Step("look", text("Open the repository with the old password"), Phase.PREFLIGHT, job.look),
            Step("add", text("Let the new password open it too"), Phase.STAGE, job.add),
            Step("store", text("Store the new password"), Phase.STAGE, job.keep),
            Step("remove", text("Take the old password away"), Phase.STAGE, job.remove, on_failure=OnFailure.WARN),
            Step("remind", text("Think of the recovery kit"), Phase.STAGE, job.remind, on_failure=OnFailure.WARN),
        ),
        state=PasswordState(),
        secrets=(REPOSITORY_PASSWORD,),
    )


class _Change(msgspec.Struct, frozen=True):
    """One change with everything it needs to know."""

    site: Site
    new: str
    store: Store
    repositories: Repositories

    def __repr__(self) -> str:
        return f"_Change({self.site.name})"

    async def _restic(self, ctx: Ctx, password: str) -> Restic:
        scratch = await ctx.scratch(THIS_COMPUTER)
        return (await self.repositories.open(ctx.host(THIS_COMPUTER), self.site, password, scratch)).restic

    async def look(self, ctx: Ctx, state: PasswordState) -> None:
        """Which key is in use, and which others there are."""
        restic = await self._restic(ctx, ctx.secret(REPOSITORY_PASSWORD))
        await restic.config()
        keys = await list_keys(restic.session)
        state.old = next(key.id for key in keys if key.current)
        state.before = frozenset(key.id for key in keys)

    async def add(self, ctx: Ctx, state: PasswordState) -> None:
        """Adds the new key and opens the repository with it; where that fails it is taken away again."""
        restic = await self._restic(ctx, ctx.secret(REPOSITORY_PASSWORD))
        try:
            async with private_file(ctx, THIS_COMPUTER, "new-password", self.new.encode()) as file:
                await add_key(restic.session, file)
            await (await self._restic(ctx, self.new)).config()
        except BaseException:
            with contextlib.suppress(UserError):  # why it failed is what has to be told
                await self._take_added(ctx, restic, state)
            raise

    async def _take_added(self, ctx: Ctx, restic: Restic, state: PasswordState) -> None:
        """Takes the new key away again; where it cannot be told from somebody else's, it stays."""
        computer = (await ctx.host(THIS_COMPUTER).facts()).computer
        keys = await list_keys(restic.session)
        added = [key.id for key in keys if key.id not in state.before and key.host_name == computer]
        if len(added) == 1:
            await remove_key(restic.session, added[0])

    async def keep(self, _ctx: Ctx, _state: PasswordState) -> None:
        """Stores it. Where it is not known whether that was done, both passwords go on opening the repository."""
        try:
            await self.store(self.new)
        except UserError as error:
            problem = error.problem
            raise UserError(
                problem.what,
                text("Both passwords open the repository now, the old one and the new one: nothing is lost."),
                problem.next,
                problem.code,
                problem.detail,
            ) from error

    async def remove(self, ctx: Ctx, state: PasswordState) -> None:
        """Takes the old key away, by the new one; other people's keys stay."""
        restic = await self._restic(ctx, self.new)
        await remove_key(restic.session, state.old)

    async def remind(self, ctx: Ctx, state: PasswordState) -> None:
        """Writes down what was done, and says who else has to know the new password."""
        await ctx.records.add_audit(getpass.getuser(), CHANGED, {"removed": state.old[:8]})
        ctx.emit(Warned(warning=_kit_is_old()))


def _kit_is_old() -> Problem:
    return Problem(
        text("The recovery kit and other computers still have the old password."),
        text("They cannot open the repository any more; this computer can."),
        text("Make and store a new recovery kit now, and type the new password on every computer of this site."),
        "kit.password-changed",
    )


def _unusable() -> UserError:
    return Refused(
        text("This cannot be the password of a repository."),
        text("Nothing was changed."),
        text("Type one line that neither begins nor ends with a space."),
        "restic.password-unusable",
    )
