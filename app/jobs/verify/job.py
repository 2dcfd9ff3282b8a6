"""Verify: takes the newest complete point, or a named one, brings each of its sources back for a moment, and compares.

All sources are tried whatever becomes of the others. What was found is written into the repository, so that every
computer knows it and retention keeps the newest point that is proven.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path

import msgspec

from app import __version__
from app.foundation.errors import Problem, Refused, UserError, as_problem
from app.foundation.events import Item, ItemFinished, ItemStatus, Phase
from app.foundation.words import plural, text
from app.hosts.host import Host
from app.jobs.manifest import MANIFEST_NAME, Manifest, SourceEntry, decode
from app.jobs.pace import Pace
from app.jobs.plan import Ctx, OnFailure, Plan, Step, StepSkipped
from app.jobs.points import Point, point_named, points_by_name, site_snapshots, zone_of
from app.jobs.repositories import OpenRepository, Repositories
from app.jobs.sources.driver import Equipment
from app.jobs.tags import MANIFEST, VERIFY, verify_tags
from app.jobs.verify import report
from app.jobs.verify.kinds import prove, removers
from app.jobs.verify.proof import Proof, Proving, Verdict, failed, is_wrong, unchecked
from app.jobs.verify.report import MARK_NAME, Verification, overall
from app.jobs.verify.throwaways import sweep
from app.jobs.ways import Ways
from app.records.run import new_run_id
from app.records.site_records import SiteRecords
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site, Source
from app.settings.private_files import make_folder
from app.tools.restic.backup import Label

KIND = "verify"
VERIFIED = "point-verified"
LARGEST_MANIFEST = 64 * 1024 * 1024

STATUS = {
    Verdict.PASS: ItemStatus.SUCCESS,
    Verdict.FAIL: ItemStatus.FAILED,
    Verdict.UNCHECKED: ItemStatus.UNCHECKED,
}


class VerifyChoice(msgspec.Struct, frozen=True):
    """What was asked for: a point by its id or a beginning of it, "" for the newest complete one."""

    point: str = ""


@dataclass
class VerifyState:
    """What the steps hand on: the ways to the repository, the point with its manifest, and what was found so far."""

    ways: Ways
    point: Point | None = None
    manifest: Manifest | None = None
    proofs: dict[str, Proof] = field(default_factory=dict)
    verification: Verification | None = None
    log: str = ""


def plan_verify(
    site: Site,
    choice: VerifyChoice,
    repositories: Repositories,
    equipment: Equipment,
    *,
    logs: Path,
    cleaned: Callable[[Problem], Problem],
    trigger: str = "manual",
) -> Plan[VerifyState]:
    """The steps of a verification. Its log goes into the folder `logs`; `cleaned` takes secrets out of what is kept."""
    job = _Verify(site, choice, repositories, equipment, new_run_id(), trigger, logs, cleaned)
    asked = msgspec.json.encode(choice).decode()
    of_sources = [name for source in site.sources for name in source.secret_names()]
    of_hosts = [name for host in site.hosts for name in host.secret_names()]
    return Plan(
        run=job.run,
        kind=KIND,
        site=site,
        choice=asked,
        key=f"{KIND} {asked}",
        steps=tuple(job.steps()),
        state=VerifyState(repositories.ways()),
        close=_close_ways,
        secrets=(REPOSITORY_PASSWORD,),
        optional_secrets=tuple(dict.fromkeys((*of_sources, *of_hosts))),
        trigger=trigger,
    )


async def _close_ways(state: VerifyState) -> None:
    await state.ways.close()


class _Verify(msgspec.Struct, frozen=True):
    """One verification with everything it needs to know."""

    site: Site
    choice: VerifyChoice
    repositories: Repositories
    equipment: Equipment
    run: str
    trigger: str
    logs: Path
    cleaned: Callable[[Problem], Problem]

    def steps(self) -> list[Step[VerifyState]]:
        """Find the point, prove each source, write down what was found, and say it."""
        proving = [
            Step(
                f"source:{source.name}",
                text("Verify {source}", source=source.name),
                Phase.STAGE,
                partial(self._prove_source, source),
                on_failure=OnFailure.FAIL_ITEM,
            )
            for source in self.site.sources
            if source.enabled
        ]
        return [
            Step("point", text("Find the point"), Phase.PREFLIGHT, self._find),
            *proving,
            Step(
                "others",
                text("Verify what the site's settings no longer name"),
                Phase.STAGE,
                self._prove_others,
                on_failure=OnFailure.FAIL_ITEM,
            ),
            Step("log", text("Write the log"), Phase.STAGE, self._write_log, on_failure=OnFailure.WARN),
            Step(
                "mark",
                text("Write down what was found"),
                Phase.STAGE,
                self._mark,
                on_failure=OnFailure.PARTIAL,
                happened=self._is_marked,
            ),
            Step("verdict", text("Judge"), Phase.FINISH, self._judge),
        ]

    async def _repository(self, ctx: Ctx) -> OpenRepository:
        here, password = ctx.host(THIS_COMPUTER), ctx.secret(REPOSITORY_PASSWORD)
        return await self.repositories.open(here, self.site, password, await ctx.scratch(THIS_COMPUTER))

    async def _points(self, ctx: Ctx) -> list[Point]:
        return points_by_name(await site_snapshots((await self._repository(ctx)).restic, self.site), self.site)

    async def _find(self, ctx: Ctx, state: VerifyState) -> None:
        """Clears away what dead runs left, finds the point, and reads its manifest."""
        await sweep(ctx, removers(self.site, self.equipment))
        points = await self._points(ctx)
        point = point_named(points, self.site, self.choice.point) if self.choice.point else _newest(points, self.site)
        if not point.manifest:
            raise _unfinished(point)
        try:
            tree = (await self._repository(ctx)).restic.tree(point.manifest)
            state.manifest = decode(await tree.head(f"/{MANIFEST_NAME}", LARGEST_MANIFEST))
        except UserError as error:
            if not is_wrong(error) or not await self._is_repository_there(ctx):
                raise
            problem = failed(MANIFEST, self.cleaned(error.problem))
            self._found(ctx, state, Proof(MANIFEST, MANIFEST, point.manifest, Verdict.FAIL, 0.0, error=problem))
        state.point = point

    def _found(self, ctx: Ctx, state: VerifyState, proof: Proof) -> None:
        state.proofs[proof.source] = proof
        ctx.emit(ItemFinished(item=Item(proof.source, STATUS[proof.verdict], proof.snapshot, error=proof.error)))

    async def _prove_source(self, source: Source, ctx: Ctx, state: VerifyState) -> None:
        entry = next((one for one in _entries(state) if one.source == source.name), None)
        if entry is None:
            raise _not_in_the_point(source.name)
        _tell(await self._proven(entry, source, ctx, state))

    async def _prove_others(self, ctx: Ctx, state: VerifyState) -> None:
        """What is in the point and has no step of its own."""
        sources = {source.name: source for source in self.site.sources}
        rest = [entry for entry in _entries(state) if entry.source not in state.proofs]
        for proof in [await self._proven(entry, sources.get(entry.source), ctx, state) for entry in rest]:
            _tell(proof)

    async def _proven(self, entry: SourceEntry, source: Source | None, ctx: Ctx, state: VerifyState) -> Proof:
        proving = Proving(
            site=self.site,
            run=self.run,
            entry=entry,
            source=source,
            repositories=self.repositories,
            equipment=self.equipment,
            ways=state.ways,
            pace=Pace(f"source:{entry.source}", ctx.emit),
        )
        proof = await self._proof(ctx, proving)
        self._found(ctx, state, proof)
        return proof

    async def _proof(self, ctx: Ctx, proving: Proving) -> Proof:
        """What was found; an error is judged and becomes part of it, also one that nobody expected."""
        entry, began = proving.entry, time.monotonic()

        def proof(verdict: Verdict, error: Problem | None = None) -> Proof:
            seconds = round(time.monotonic() - began, 1)
            return Proof(entry.source, entry.kind, entry.snapshot, verdict, seconds, error=error)

        try:
            shown = await prove(ctx, proving)
        except Exception as error:  # noqa: BLE001  told, recorded, and never taken for wrong data
            problem = self.cleaned(as_problem(error))
            if is_wrong(error) and await self._is_repository_there(ctx):
                return proof(Verdict.FAIL, failed(entry.source, problem))
            return proof(Verdict.UNCHECKED, unchecked(entry.source, problem))
        return msgspec.structs.replace(proof(Verdict.PASS), where=shown.where, compared=shown.compared)

    async def _is_repository_there(self, ctx: Ctx) -> bool:
        """What is missing in a repository whose disk was pulled out is not lost."""
        try:
            await (await self._repository(ctx)).restic.config()
        except UserError:
            return False
        return True

    async def _concluded(self, ctx: Ctx, state: VerifyState) -> Verification:
        """What was found of all sources, once and for all."""
        assert state.point is not None, "the point was found"
        if state.verification is None:
            proofs = tuple(state.proofs.values())
            state.verification = Verification(
                format=report.FORMAT,
                site=self.site.name,
                point=state.point.id,
                run=self.run,
                outcome=overall(proofs),
                proofs=proofs,
                who=getpass.getuser(),
                computer=(await ctx.host(THIS_COMPUTER).facts()).computer,
                made=datetime.now(UTC),
                made_by=__version__,
            )
        return state.verification

    async def _write_log(self, ctx: Ctx, state: VerifyState) -> None:
        assert state.point is not None, "the point was found"
        verification, host, zone = await self._concluded(ctx, state), ctx.host(THIS_COMPUTER), zone_of(self.site)
        await self.equipment.blocking.call("files", lambda: make_folder(self.logs))
        path = await _free_name(host, self.logs, verification, zone)
        content = report.log(verification, state.point, zone)
        await host.write_durably(path, content.encode("utf-8", "surrogateescape"))
        state.log = path

    async def _mark(self, ctx: Ctx, state: VerifyState) -> None:
        """Writes down here what was found, then the mark in the repository."""
        verification = await self._concluded(ctx, state)
        await ctx.records.add_audit(getpass.getuser(), VERIFIED, _as_audited(verification, state.log))
        repository = await self._repository(ctx)
        folder = await ctx.scratch(THIS_COMPUTER)
        await repository.host.write_durably(str(Path(folder) / MARK_NAME), report.mark(verification))
        outcome = verification.outcome.value
        tags = verify_tags(self.site, point=verification.point, trigger=self.trigger, outcome=outcome)
        made = await repository.restic.backup_one_file(folder, MARK_NAME, Label(THIS_COMPUTER, tags))
        await repository.expect(made.snapshot)

    async def _is_marked(self, ctx: Ctx, state: VerifyState) -> bool:
        """Whether there is a mark on the point that was not there before."""
        before = set() if state.point is None else {mark.id for mark in state.point.marks}
        now = next((point for point in await self._points(ctx) if state.point and point.id == state.point.id), None)
        return now is not None and any(mark.type == VERIFY and mark.id not in before for mark in now.marks)

    async def _judge(self, _ctx: Ctx, state: VerifyState) -> None:
        wrong = [proof.source for proof in state.proofs.values() if proof.verdict is Verdict.FAIL]
        if wrong and state.point is not None:
            raise _not_proven(state.point, wrong)


def _entries(state: VerifyState) -> Sequence[SourceEntry]:
    """The sources of the point; none when not even its manifest can be read."""
    return state.manifest.sources if state.manifest is not None else ()


def _tell(proof: Proof) -> None:
    """What did not pass ends its step, and nothing more."""
    if proof.error is None:
        return
    told = StepSkipped if proof.verdict is Verdict.UNCHECKED else UserError
    raise told(proof.error.what, proof.error.means, proof.error.next, proof.error.code, proof.error.detail)


def _newest(points: Sequence[Point], site: Site) -> Point:
    newest = next((point for point in points if point.complete), None)
    if newest is None:
        raise _no_complete_point(site)
    return newest


async def _free_name(host: Host, folder: Path, verification: Verification, zone: tzinfo) -> str:
    """A name that no log has yet; two verifications may end within a minute."""
    again = 0
    while True:
        name = report.log_name(verification.made, verification.outcome, zone, again)
        if await host.stat(str(folder / name)) is None:
            return str(folder / name)
        again += 1


def _as_audited(verification: Verification, log: str) -> dict[str, str]:
    proofs = [
        Summary(proof.source, proof.verdict, str(proof.where or ""), proof.compared, proof.seconds)
        for proof in verification.proofs
    ]
    return {
        "run": verification.run,
        "point": verification.point,
        "outcome": verification.outcome.value,
        "log": log,
        "proofs": msgspec.json.encode(proofs).decode(),
    }


class Summary(msgspec.Struct, frozen=True):
    """What was found of one source, without what was wrong with it, which the run's items tell."""

    source: str
    verdict: Verdict
    where: str
    compared: Mapping[str, int]
    seconds: float


class Verified(msgspec.Struct, frozen=True):
    """What a run of this job found: of which point, where its log is, what came of each source."""

    point: str
    outcome: Verdict
    log: str
    proofs: tuple[Summary, ...]


async def verified_by(records: SiteRecords, run: str) -> Verified | None:
    """What a run found; None for one that came to no end."""
    for entry in await records.audit((VERIFIED,)):
        if entry.fields["run"] == run:
            proofs = msgspec.json.decode(entry.fields["proofs"], type=tuple[Summary, ...])
            return Verified(entry.fields["point"], Verdict(entry.fields["outcome"]), entry.fields["log"], proofs)
    return None


def _no_complete_point(site: Site) -> Refused:
    return Refused(
        text("{site} has no complete recovery point.", site=site.name),
        text("There is nothing to verify."),
        text("Back up first: overwinter backup {site}", site=site.name),
        "verify.no-point",
    )


def _unfinished(point: Point) -> Refused:
    return Refused(
        text("{point} has no manifest: the run that made it did not come to its end.", point=point.short_id),
        text("What belongs to it, and what it should hold, is not known; nothing was verified."),
        text("Verify another point."),
        "verify.no-manifest",
    )


def _not_in_the_point(source: str) -> StepSkipped:
    return StepSkipped(
        text("{source} is not known to be part of this recovery point.", source=source),
        text("It was added to the site later, or left out of that backup."),
        text("Nothing has to be done: other points hold it."),
        "verify.not-in-point",
    )


def _not_proven(point: Point, wrong: Sequence[str]) -> UserError:
    return UserError(
        plural(
            "{count} source of {point} does not restore as it was: {names}",
            "{count} sources of {point} do not restore as they were: {names}",
            len(wrong),
            point=point.short_id,
            names=", ".join(wrong),
        ),
        text("This recovery point must not be relied on. What else is in it was looked at too."),
        text("Verify an older point, then make a new backup and verify that."),
        "verify.failed",
    )
