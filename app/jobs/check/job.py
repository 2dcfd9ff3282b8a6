"""The check: reads a share of the repository's data, says what damage hits, and leaves a mark for the next one.

Well is only what was read. What could not be read is unchecked, which is neither well nor damaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from app import __version__
from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.events import Phase
from app.foundation.words import text
from app.jobs.check.damage import Damage, explained, in_words
from app.jobs.check.marks import CheckMark, check_marks, cycle_of, next_share, share_of, share_tag, superseded
from app.jobs.check.result import CHECK_NAME, FORMAT, Checked, CheckFile, Verdict, note_result
from app.jobs.pace import Pace
from app.jobs.plan import Ctx, OnFailure, Plan, Step
from app.jobs.repositories import OpenRepository, Repositories
from app.jobs.tags import FAIL, PASS, check_tags
from app.records.run import new_run_id
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site
from app.tools.restic.backup import Label
from app.tools.restic.check import MOST_SHARES, Findings, OnPacks, Share, check
from app.tools.restic.folder import folder_of, size_of_share
from app.tools.restic.output import Snapshot
from app.tools.restic.session import Session

KIND = "check"
CHECK_STEP = "check"
DAMAGED = "check.damaged"
UNREAD = "check.not-all-read"


class CheckChoice(msgspec.Struct, frozen=True):
    """What was asked for: a share such as `3/8`, or "" for the one that comes next."""

    share: str = ""


@dataclass
class CheckState:
    """What the steps of one check hand on.

    `snapshots` and `marks` are those that the repository had before; `result` is complete when there is a verdict.
    """

    share: Share | None = None
    snapshots: Sequence[Snapshot] = ()
    marks: list[CheckMark] = field(default_factory=list)
    findings: Findings | None = None
    result: Checked | None = None


def plan_check(
    site: Site, choice: CheckChoice, repositories: Repositories, blocking: Blocking, trigger: str = "manual"
) -> Plan[CheckState]:
    """The check of a share. Raises `UserError` `usage.read-share` for one that cannot be."""
    if choice.share:
        expect_share(choice.share)
    checker = Checker(site, repositories, blocking, new_run_id(), trigger)
    asked = msgspec.json.encode(choice).decode()
    return Plan(
        run=checker.run,
        kind=KIND,
        site=site,
        choice=asked,
        key=f"{KIND} {asked}",
        steps=(
            Step("share", text("Choose the share to read"), Phase.PREFLIGHT, partial(_choose, checker, choice)),
            Step(CHECK_STEP, text("Read the data and check it"), Phase.STAGE, checker.read),
            Step("damage", text("Find out what is hit"), Phase.STAGE, checker.explain),
            Step("mark", text("Write down the result"), Phase.STAGE, checker.note, on_failure=OnFailure.WARN),
            Step("verdict", text("Judge the result"), Phase.STAGE, checker.judge),
        ),
        state=CheckState(),
        secrets=(REPOSITORY_PASSWORD,),
        trigger=trigger,
    )


async def _choose(checker: Checker, choice: CheckChoice, ctx: Ctx, state: CheckState) -> None:
    await checker.look(ctx, state)
    state.share = expect_share(choice.share) if choice.share else next_share(state.marks, checker.shares)


def expect_share(said: str) -> Share:
    """A share as people write it; raises `UserError` `usage.read-share`."""
    share = share_of(said)
    if share is None or share.of > MOST_SHARES or "/" not in said:
        raise UserError(
            text("{share} is no share of the data.", share=said),
            text("Nothing was checked."),
            text("Write n/t, such as 1/8 for the first of eight shares, or 1/1 for everything; t is at most 256."),
            "usage.read-share",
        )
    return share


class Checker(msgspec.Struct, frozen=True):
    """One check, or one part of a longer run, with everything it needs to know."""

    site: Site
    repositories: Repositories
    blocking: Blocking
    run: str
    trigger: str = "manual"

    @property
    def shares(self) -> int:
        """In how many shares this site's data is read."""
        return self.site.check.shares

    async def repository(self, ctx: Ctx) -> OpenRepository:
        """The repository as it is reached from this computer."""
        here, password = ctx.host(THIS_COMPUTER), ctx.secret(REPOSITORY_PASSWORD)
        return await self.repositories.open(here, self.site, password, await ctx.scratch(THIS_COMPUTER))

    async def look(self, ctx: Ctx, state: CheckState) -> None:
        """Reads what earlier checks left; damage that hides it is for the check to find."""
        restic = (await self.repository(ctx)).restic
        await restic.config()
        try:
            state.snapshots = await restic.snapshots(lock=True)
        except UserError as error:
            if error.code not in ("restic.damaged", "restic.failed", "restic.unclear-answer"):
                raise
        state.marks = check_marks(state.snapshots)

    async def read(self, ctx: Ctx, state: CheckState, step: str = CHECK_STEP) -> None:
        """Reads the share, in the step with this key.

        When something is damaged the repository is asked once more whether it is there at all.
        """
        assert state.share is not None, "the share was chosen"
        repository = await self.repository(ctx)
        on_packs = await self._progress(Pace(step, ctx.emit), state.share)
        state.findings = await check(await self._session(ctx, repository), state.share, on_packs)
        if state.findings.is_damaged or state.findings.unread:
            await (await self.repository(ctx)).restic.config()

    async def _session(self, ctx: Ctx, repository: OpenRepository) -> Session:
        """A restic that makes its temporary cache in this run's folder, which goes even when restic is killed."""
        session = repository.restic.session
        there = msgspec.structs.replace(session.repository, cache_folder=await ctx.scratch(THIS_COMPUTER))
        return Session(session.host, session.program, there, ctx.secret(REPOSITORY_PASSWORD))

    async def _progress(self, pace: Pace, share: Share) -> OnPacks:
        """Tells progress in bytes where the packs' sizes can be seen, and else by their number."""
        folder = folder_of(self.site.repository.address, self.blocking)
        size = size_of_share(await folder.packs(), share) if folder is not None else 0

        def told(done: int, total: int) -> None:
            if size and total:
                pace.tell(size * done // total, size, files=done, total_files=total)
            else:
                pace.tell_files(done, total)

        return told

    async def explain(self, ctx: Ctx, state: CheckState) -> None:
        """Finds out what is hit, where something is."""
        assert state.share is not None, "the share was chosen"
        assert state.findings is not None, "the share was read"
        state.result = await self.judged(ctx, state.findings, str(state.share), state)

    async def judged(self, ctx: Ctx, findings: Findings, share: str, state: CheckState) -> Checked:
        """What findings come to."""
        damage = None
        if findings.is_damaged:
            damage = await explained((await self.repository(ctx)).restic.session, findings, state.snapshots)
        return Checked(
            run=self.run,
            share=share,
            verdict=Verdict.FAIL if damage else Verdict.UNCHECKED if findings.unread else Verdict.PASS,
            packs=findings.read,
            damage=damage,
            unread=findings.unread,
            said=findings.said,
        )

    async def note(self, ctx: Ctx, state: CheckState) -> None:
        """Writes the result down here and in the repository, where it is a verdict; old marks go."""
        assert state.result is not None, "there is a result"
        try:
            if state.result.verdict is not Verdict.UNCHECKED:
                state.marks = await self._mark(ctx, state, state.result)
        finally:
            cycle = cycle_of(state.marks, self.shares)
            state.result = msgspec.structs.replace(state.result, cycle=cycle)
            await note_result(ctx.records, state.result)

    async def _mark(self, ctx: Ctx, state: CheckState, result: Checked) -> list[CheckMark]:
        """Writes the mark, and gives all that stand then."""
        repository = await self.repository(ctx)
        folder = await ctx.scratch(THIS_COMPUTER)
        await repository.host.write_durably(str(Path(folder) / CHECK_NAME), await self._content(ctx, result))
        share, passed = share_of(result.share), result.verdict is Verdict.PASS
        hit = sorted({point.point for point in result.damage.points if point.point}) if result.damage else []
        tags = check_tags(
            self.site,
            run=self.run,
            trigger=self.trigger,
            share=share_tag(share),
            outcome=PASS if passed else FAIL,
            hit=hit,
        )
        made = await repository.restic.backup_one_file(folder, CHECK_NAME, Label(THIS_COMPUTER, tags))
        await repository.expect(made.snapshot)
        marks = [*state.marks, CheckMark(made.snapshot, datetime.now(UTC), share, passed, frozenset(hit))]
        await self._forget(repository, superseded(marks, self.shares))
        return marks

    async def _forget(self, repository: OpenRepository, marks: Sequence[str]) -> None:
        """Removes marks that say nothing any more; where nothing can be removed they do no harm."""
        try:
            await repository.restic.forget(marks)
        except UserError as error:
            if error.code != "restic.not-removed":
                raise

    async def _content(self, ctx: Ctx, result: Checked) -> bytes:
        facts = await ctx.host(THIS_COMPUTER).facts()
        file = CheckFile(FORMAT, self.site.name, datetime.now(UTC), __version__, facts.computer, result)
        return msgspec.json.format(msgspec.json.encode(file), indent=1)

    async def judge(self, _ctx: Ctx, state: CheckState) -> None:
        """Raises what is to be told of a share that is not well, or was not read to the end."""
        assert state.result is not None, "there is a result"
        raise_unless_well(self.site, state.result)


def raise_unless_well(site: Site, result: Checked) -> None:
    """Raises `check.damaged` or `check.not-all-read` for a result that is not well."""
    if result.damage is not None:
        raise damaged(site, result.damage, result.said)
    if result.verdict is Verdict.UNCHECKED:
        raise UserError(
            text("Not all that was to be checked could be read."),
            text("It is not known whether the repository is well."),
            text("Look at the disk or the link to the repository, then check again."),
            UNREAD,
            "\n".join(result.unread),
        )


def damaged(site: Site, damage: Damage, said: Sequence[str]) -> UserError:
    """What is told of damage that was found."""
    return UserError(
        text(
            "The repository of {site} is damaged: {points} recovery points are hit.",
            site=site.name,
            points=len(damage.points),
        ),
        text(
            "Points that are not hit are as they were. No backup from now on counts as complete before it is repaired."
        ),
        text("Look first at what a repair would do: overwinter repo repair {site} --preview", site=site.name),
        DAMAGED,
        "\n".join([*map(str, in_words(damage)), "", *said]),
    )
