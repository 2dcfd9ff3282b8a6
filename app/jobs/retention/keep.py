"""Keep: a mark that no policy removes a point before the end of a day, with the reason for it.

The mark is a small snapshot of its own, so that every computer that works on the site knows of it.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from app import __version__
from app.foundation.errors import Refused, UserError
from app.foundation.events import Phase
from app.foundation.words import text
from app.jobs.plan import Ctx, Plan, Step
from app.jobs.points import Point, point_named, points_by_name, site_snapshots, today_of
from app.jobs.repositories import OpenRepository, Repositories
from app.jobs.tags import KEEP, keep_tags
from app.records.run import new_run_id
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site
from app.tools.restic.backup import Label

KIND = "keep"
KEEP_NAME = "keep.json"
FORMAT = 1
LONGEST_REASON = 200  # characters


class Keep(msgspec.Struct, frozen=True):
    """What stands in the mark: which point is kept to the end of which day, and who said so, when and why."""

    format: int
    site: str
    point: str
    until: date
    reason: str
    who: str
    made: datetime
    made_by: str
    """Overwinter's version."""


class KeepChoice(msgspec.Struct, frozen=True):
    """What was asked for. `point` is an id or its beginning, `until` the last day in the site's time zone."""

    point: str
    until: date
    reason: str


@dataclass
class KeepState:
    """What the steps hand on: the point, once it is found."""

    point: Point | None = None


def plan_keep(site: Site, choice: KeepChoice, repositories: Repositories) -> Plan[KeepState]:
    """The mark that keeps this point. Raises `UserError` for a day that is over, and for a reason that says nothing."""
    if not choice.reason.strip() or len(choice.reason) > LONGEST_REASON or not choice.reason.isprintable():
        raise _reason_unusable()
    if choice.until < today_of(site):
        raise _day_is_over(choice.until)
    job = _Keep(site, choice, repositories)
    asked = msgspec.json.encode(choice).decode()
    return Plan(
        run=new_run_id(),
        kind=KIND,
        site=site,
        choice=asked,
        key=f"{KIND} {asked}",
        steps=(
            Step("point", text("Find the point"), Phase.PREFLIGHT, job.find),
            Step("keep", text("Write the mark"), Phase.STAGE, job.mark, happened=job.is_marked),
        ),
        state=KeepState(),
        secrets=(REPOSITORY_PASSWORD,),
    )


class _Keep(msgspec.Struct, frozen=True):
    """One mark with everything it needs to know."""

    site: Site
    choice: KeepChoice
    repositories: Repositories

    async def _repository(self, ctx: Ctx) -> OpenRepository:
        here, password = ctx.host(THIS_COMPUTER), ctx.secret(REPOSITORY_PASSWORD)
        return await self.repositories.open(here, self.site, password, await ctx.scratch(THIS_COMPUTER))

    async def _points(self, ctx: Ctx) -> list[Point]:
        return points_by_name(await site_snapshots((await self._repository(ctx)).restic, self.site), self.site)

    async def find(self, ctx: Ctx, state: KeepState) -> None:
        """Finds the point."""
        state.point = point_named(await self._points(ctx), self.site, self.choice.point)

    async def mark(self, ctx: Ctx, state: KeepState) -> None:
        """Writes the mark, and looks whether it says of the point what it should."""
        assert state.point is not None, "the point was found"
        repository = await self._repository(ctx)
        folder = await ctx.scratch(THIS_COMPUTER)
        await repository.host.write_durably(str(Path(folder) / KEEP_NAME), self._content(state.point))
        fields = {"point": state.point.id, "until": self.choice.until.isoformat(), "reason": self.choice.reason}
        await ctx.records.add_audit(getpass.getuser(), "point-keep", fields)
        tags = keep_tags(self.site, point=state.point.id, until=self.choice.until)
        made = await repository.restic.backup_one_file(folder, KEEP_NAME, Label(THIS_COMPUTER, tags))
        await repository.expect(made.snapshot)
        if not await self.is_marked(ctx, state):
            raise _newer_mark(state.point)

    async def is_marked(self, ctx: Ctx, state: KeepState) -> bool:
        """Whether the point is kept as it should be."""
        kept = {point.id for point in await self._points(ctx) if point.kept_until == self.choice.until}
        return state.point is not None and state.point.id in kept

    def _content(self, point: Point) -> bytes:
        keep = Keep(
            format=FORMAT,
            site=self.site.name,
            point=point.id,
            until=self.choice.until,
            reason=self.choice.reason,
            who=getpass.getuser(),
            made=datetime.now(UTC),
            made_by=__version__,
        )
        return msgspec.json.format(msgspec.json.encode(keep), indent=1)


async def reason_of(repository: OpenRepository, point: Point) -> str:
    """Why a point is kept, as its newest Keep says; "" when that cannot be read. Costs one restic."""
    keeps = [mark.id for mark in point.marks if mark.type == KEEP]
    content = bytearray()

    async def take(piece: bytes) -> None:
        content.extend(piece)

    try:
        await repository.restic.tree(keeps[-1]).dump(f"/{KEEP_NAME}", take)
        return msgspec.json.decode(content, type=Keep).reason
    except (UserError, msgspec.MsgspecError, UnicodeDecodeError):  # the mark itself counts; its reason is only said
        return ""


def _reason_unusable() -> UserError:
    return UserError(
        text("A point is kept for a reason, and this is none."),
        text("Nothing was changed."),
        text("Write in one line of at most {count} characters why it is to be kept.", count=LONGEST_REASON),
        "usage.keep-reason",
    )


def _day_is_over(until: date) -> UserError:
    return UserError(
        text("{day} is over already.", day=until.isoformat()),
        text("Nothing was changed."),
        text("Choose today or a later day; a Keep that is not needed any more ends with today."),
        "usage.keep-until",
    )


def _newer_mark(point: Point) -> Refused:
    return Refused(
        text("There is a newer mark on {point}, made on a computer whose clock is ahead.", point=point.short_id),
        text("The point is kept as that mark says."),
        text("Set the clocks of both computers, then keep the point again."),
        "keep.newer-mark",
    )
