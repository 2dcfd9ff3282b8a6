"""Repairs a repository, step by step, so that nothing that is whole is ever lost.

First what carries the data: the index is made anew, and what is whole in damaged packs is saved into new ones; restic
keeps a copy of each pack first. Then a backup brings back what the site still has. Only what no index knows after that
is taken out of the points that need it, and these are marked as not whole.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.events import Phase
from app.foundation.words import Size, Text, plural, text
from app.jobs.check.damage import Damage, HitPoint, HitSource
from app.jobs.check.job import CHECK_STEP, Checker, CheckState, expect_share
from app.jobs.plan import Ctx, OnFailure, Plan, Step
from app.jobs.points import is_repaired
from app.jobs.repositories import OpenRepository
from app.jobs.tags import value_of
from app.records.site_records import SiteRecords
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site
from app.tools.restic.check import ALL, Share
from app.tools.restic.folder import RepositoryFolder, folder_of, path_of_pack
from app.tools.restic.output import Snapshot
from app.tools.restic.repair import (
    Broken,
    broken_snapshots,
    repair_index,
    repair_packs,
    repair_snapshots,
    stored_snapshot,
)

DATA_KIND, POINTS_KIND = "repair", "repair-points"
REPAIRED = "repository-repaired"
REPAIRING = "repository-repairing"
LARGEST_PACK = 128 * 1024 * 1024
"""The largest that restic makes; so much room is asked for where a pack's size cannot be seen."""


def repair_phrase(site: str) -> str:
    """What has to be typed to repair a site's repository."""
    return f"REPAIR {site}"


class RepairChoice(msgspec.Struct, frozen=True):
    """What was asked for: `share` is what is read before and after."""

    share: str = str(ALL)


class Repaired(msgspec.Struct, frozen=True):
    """What a repair did.

    `index` says that the index was made anew, `packs` which damaged packs went, `snapshots` whose records went because
    nobody could read them, and `restored` those whose records this computer still had. `kept` is the folder on this
    computer with copies of what went. `lacking` are the points that still need data which is gone, `lost` those that
    it was taken out of.
    """

    run: str
    index: bool = False
    packs: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    kept: str = ""
    lacking: tuple[HitPoint, ...] = ()
    lost: tuple[HitPoint, ...] = ()


@dataclass
class RepairState(CheckState):
    """What the steps of a repair hand on."""

    done: Repaired = field(kw_only=True)
    broken: list[Broken] = field(default_factory=list)


def steps_of(damage: Damage) -> list[Text]:
    """What a repair would do, in order."""
    said = []
    if damage.index:
        said.append(text("Make the index anew from the data."))
    if damage.packs:
        said.append(
            plural(
                "Copy {count} damaged file to this computer, save what is whole in it, and remove it.",
                "Copy {count} damaged files to this computer, save what is whole in them, and remove them.",
                len(damage.packs),
            )
        )
    if damage.snapshots:
        said.append(text("Put back the records that this computer still has, and move the others out."))
    if damage.packs or damage.index:
        said.append(text("Back up: what is still on the site as it was then heals the points that lack it."))
        said.append(text("Take out of the points what is lost for good, and mark them as not whole."))
    return [*said, text("Check again.")] if said else [text("There is nothing to repair.")]


def plan_data_repair(checker: Checker, choice: RepairChoice, confirmed: str) -> Plan[RepairState]:
    """The repair of what carries the data. Raises `Refused` `repair.not-confirmed` when another phrase was typed."""
    share = _expect_confirmed(checker.site, choice, confirmed)
    job = _Repair(checker, share)
    return job.plan(
        DATA_KIND,
        choice,
        Step(CHECK_STEP, text("Find out what is damaged"), Phase.PREFLIGHT, checker.read),
        Step("damage", text("Find out what is hit"), Phase.PREFLIGHT, checker.explain),
        Step("hit", text("Mark what is hit"), Phase.PREFLIGHT, job.mark_damage, on_failure=OnFailure.WARN),
        Step("index", text("Make the index anew"), Phase.STAGE, job.mend_index),
        Step("packs", text("Save what is whole out of damaged files"), Phase.STAGE, job.mend_packs),
        Step("records", text("Move aside what cannot be read"), Phase.STAGE, job.move_records),
        Step("lacking", text("Find out what is gone for good"), Phase.STAGE, job.find_lacking),
        *job.check_again(),
    )


def plan_point_repair(checker: Checker, choice: RepairChoice, confirmed: str) -> Plan[RepairState]:
    """Takes out of the points what is lost for good. Raises `Refused` `repair.not-confirmed`."""
    share = _expect_confirmed(checker.site, choice, confirmed)
    job = _Repair(checker, share)
    return job.plan(
        POINTS_KIND,
        choice,
        Step("lacking", text("Find out what is gone for good"), Phase.PREFLIGHT, job.find_lacking),
        Step("points", text("Take it out of the points that need it"), Phase.STAGE, job.mend_points),
        *job.check_again(),
    )


def _expect_confirmed(site: Site, choice: RepairChoice, confirmed: str) -> Share:
    phrase = repair_phrase(site.name)
    if confirmed != phrase:
        raise Refused(
            text("The repository is repaired only when this is typed: {phrase}", phrase=phrase),
            text("Nothing was changed."),
            text('Look first with --preview; then add --confirm "{phrase}" if you mean it.', phrase=phrase),
            "repair.not-confirmed",
        )
    return expect_share(choice.share)


class _Repair(msgspec.Struct, frozen=True):
    """One repair with everything it needs to know."""

    checker: Checker
    share: Share

    @property
    def site(self) -> Site:
        """The site whose repository it is."""
        return self.checker.site

    def plan(self, kind: str, choice: RepairChoice, *steps: Step[RepairState]) -> Plan[RepairState]:
        """A plan of these steps, after a look at what is there."""
        asked = msgspec.json.encode(choice).decode()
        looking = Step("look", text("Open the repository"), Phase.PREFLIGHT, self.look)
        return Plan(
            run=self.checker.run,
            kind=kind,
            site=self.site,
            choice=asked,
            key=f"{kind} {asked}",
            steps=(looking, *steps),
            state=RepairState(done=Repaired(self.checker.run)),
            secrets=(REPOSITORY_PASSWORD,),
            trigger=self.checker.trigger,
        )

    def check_again(self) -> tuple[Step[RepairState], ...]:
        """The last steps: what was done is written down, and checked."""
        return (
            Step("note", text("Write down what was done"), Phase.STAGE, self.note),
            Step("again", text("Check again"), Phase.STAGE, self.read_again),
            Step("mark", text("Write down the result"), Phase.STAGE, self.mark, on_failure=OnFailure.WARN),
            Step("verdict", text("Judge the result"), Phase.STAGE, self.judge),
        )

    async def look(self, ctx: Ctx, state: RepairState) -> None:
        """Reads what is there."""
        await self.checker.look(ctx, state)
        state.share = self.share

    async def kept(self, ctx: Ctx) -> str:
        """The folder on this computer for copies of what is removed."""
        name = f"repairs/{self.site.name}/{self.checker.run[:8]}"
        return await ctx.host(THIS_COMPUTER).kept_folder(name)

    def folder(self) -> RepositoryFolder | None:
        """The repository's folder, where it is one of this computer."""
        return folder_of(self.site.repository.address, self.checker.blocking)

    async def mark_damage(self, ctx: Ctx, state: RepairState) -> None:
        """Points that are hit look whole to nobody meanwhile, also when the repair is cut short."""
        if state.result is not None and state.result.damage is not None:
            await self.checker.note(ctx, state)

    async def mend_index(self, ctx: Ctx, state: RepairState) -> None:
        """Makes the index anew, after copying it where it can be seen, and looks again what is damaged then."""
        if state.result is None or state.result.damage is None or not state.result.damage.index:
            return
        kept = await self.kept(ctx)
        folder = self.folder()
        if folder is not None:
            await self._copy(ctx, folder, [f"index/{name}" for name in await folder.indexes()], kept)
        await self._begin(ctx, "index", ())
        await repair_index((await self.checker.repository(ctx)).restic.session)
        state.done = msgspec.structs.replace(state.done, index=True, kept=kept)
        await self.checker.read(ctx, state, "index")
        await self.checker.explain(ctx, state)

    async def mend_packs(self, ctx: Ctx, state: RepairState) -> None:
        """Saves what is whole in damaged packs, and removes these; restic copies them to this computer before.

        Packs that are missing are only taken out of the index, which restic does last: of one that is cut short it
        knows only by the index what is still in it.
        """
        damage = state.result.damage if state.result is not None else None
        if damage is None or not damage.packs:
            return
        session = (await self.checker.repository(ctx)).restic.session
        kept = await self.kept(ctx)
        packs = tuple(pack for pack in damage.packs if pack not in damage.missing)
        await self._expect_room(ctx, packs, kept)
        folder = self.folder()
        if folder is not None:  # what restic copies may come out of its cache
            await self._copy(ctx, folder, [path_of_pack(pack) for pack in packs], kept)
        await self._begin(ctx, "packs", damage.packs)
        await repair_packs(session, packs, kept)
        if damage.missing:
            await repair_index(session)
        state.done = msgspec.structs.replace(state.done, packs=damage.packs, kept=kept)

    async def move_records(self, ctx: Ctx, state: RepairState) -> None:
        """Puts the records of snapshots back that this computer still has, and moves the others out of the repository.

        restic itself has no way to; and with one that nobody can read in it, no files are backed up.
        """
        damage = state.result.damage if state.result is not None else None
        folder = self.folder()
        if damage is None or not damage.snapshots:
            return
        if folder is None:
            raise _records_elsewhere(damage.snapshots)
        kept = await self.kept(ctx)
        names = [name for name in await folder.snapshots() if name.startswith(damage.snapshots)]
        unreadable = [name for name in names if not await folder.is_well(f"snapshots/{name}")]
        await self._copy(ctx, folder, [f"snapshots/{name}" for name in unreadable], kept)
        await self._begin(ctx, "snapshots", unreadable)
        restored = [name for name in unreadable if await self._is_put_back(ctx, folder, name)]
        moved = [name for name in unreadable if name not in restored]
        for name in moved:
            await ctx.host(THIS_COMPUTER).remove_tree(str(folder.path / "snapshots" / name))
        state.done = msgspec.structs.replace(state.done, snapshots=tuple(moved), restored=tuple(restored), kept=kept)

    async def _is_put_back(self, ctx: Ctx, folder: RepositoryFolder, name: str) -> bool:
        """Whether restic's cache had the record of this snapshot, so that it is whole again."""
        restic, host = (await self.checker.repository(ctx)).restic, ctx.host(THIS_COMPUTER)
        cache = Path(restic.session.repository.cache_folder) / (await restic.config()).id
        cached = cache / "snapshots" / name[:2] / name
        if await host.stat(str(cached)) is None or await host.sha256(str(cached)) != name:
            return False
        damaged = await host.stat(str(folder.path / "snapshots" / name))
        await host.upload(cached, str(folder.path / "snapshots" / name), damaged.mode if damaged is not None else 0o400)
        return True

    async def find_lacking(self, ctx: Ctx, state: RepairState) -> None:
        """Finds the points that need data which is in no pack any more."""
        repository = await self.checker.repository(ctx)
        state.broken = await broken_snapshots(repository.restic.session)
        state.snapshots = await repository.restic.snapshots()
        lacking = _points(state.broken, state.snapshots)
        state.done = msgspec.structs.replace(state.done, lacking=lacking)

    async def mend_points(self, ctx: Ctx, state: RepairState) -> None:
        """Makes of each snapshot that lacks data one without it; the old one goes when the new one is there."""
        if not state.broken:
            return
        repository = await self.checker.repository(ctx)
        kept = await self.kept(ctx)
        ids = [_id_of(broken, state.snapshots) for broken in state.broken]
        for snapshot in ids:
            record = await stored_snapshot(repository.restic.session, snapshot)
            await ctx.host(THIS_COMPUTER).write_durably(str(Path(kept) / f"snapshot-{snapshot}.json"), record)
        await self._begin(ctx, "points", ids)
        await repair_snapshots(repository.restic.session, ids)
        await self._let_go(repository, state, ids)
        state.done = msgspec.structs.replace(state.done, kept=kept, lost=state.done.lacking, lacking=())

    async def _let_go(self, repository: OpenRepository, state: RepairState, ids: Sequence[str]) -> None:
        """Removes the snapshots that were mended, when all that should stand stands."""
        now = await repository.restic.snapshots()
        there = {snapshot.id for snapshot in now}
        made = {snapshot.original for snapshot in now if is_repaired(snapshot)}
        gone = {one for one, broken in zip(ids, state.broken, strict=True) if broken.gone}
        unmade = set(ids) - made - gone
        more_gone = {snapshot.id for snapshot in state.snapshots} - there - set(ids)
        if unmade or more_gone:
            raise _not_as_expected(unmade | more_gone)
        await repository.restic.forget([one for one in ids if one in made])
        state.snapshots = now

    async def note(self, ctx: Ctx, state: RepairState) -> None:
        """Writes down what was done."""
        fields = {"run": self.checker.run, "result": msgspec.json.encode(state.done).decode()}
        await ctx.records.add_audit(getpass.getuser(), REPAIRED, fields)

    async def read_again(self, ctx: Ctx, state: RepairState) -> None:
        """Checks what there is now, unless data is still lacking: then it is known not to be well."""
        await self.checker.look(ctx, state)
        if not state.done.lacking:
            await self.checker.read(ctx, state, "again")
            await self.checker.explain(ctx, state)

    async def mark(self, ctx: Ctx, state: RepairState) -> None:
        """Leaves the result in the repository, where everything was checked again."""
        if not state.done.lacking:
            await self.checker.note(ctx, state)

    async def judge(self, ctx: Ctx, state: RepairState) -> None:
        """Raises what is to be told of a repository that is still not well; data that is lacking comes next."""
        if not state.done.lacking:
            await self.checker.judge(ctx, state)

    async def _begin(self, ctx: Ctx, what: str, names: Sequence[str]) -> None:
        """Written down before it is done."""
        fields = {"run": self.checker.run, "what": what, "names": " ".join(names)}
        await ctx.records.add_audit(getpass.getuser(), REPAIRING, fields)

    async def _copy(self, ctx: Ctx, folder: RepositoryFolder, paths: Iterable[str], kept: str) -> None:
        host = ctx.host(THIS_COMPUTER)
        for path in paths:
            await host.upload(folder.path / path, str(Path(kept) / path.replace("/", "-")))

    async def _expect_room(self, ctx: Ctx, packs: Sequence[str], kept: str) -> None:
        """Raises `Refused` `repair.no-room` where the copies would not fit."""
        folder = self.folder()
        sizes = await folder.packs() if folder is not None else dict.fromkeys(packs, LARGEST_PACK)
        needed = 2 * sum(sizes.get(pack, 0) for pack in packs)
        free = await ctx.host(THIS_COMPUTER).free_space(kept)
        if free < needed:
            raise Refused(
                text("There is no room on this computer for copies of what is damaged."),
                text("Nothing was changed: nothing is removed before there is a copy of it."),
                text("Make {size} free on the disk of {folder}, then begin again.", size=Size(needed), folder=kept),
                "repair.no-room",
            )


def _id_of(broken: Broken, snapshots: Sequence[Snapshot]) -> str:
    return next(snapshot.id for snapshot in snapshots if snapshot.id.startswith(broken.snapshot))


def _points(found: Sequence[Broken], snapshots: Sequence[Snapshot]) -> tuple[HitPoint, ...]:
    """The points that these snapshots belong to, newest first."""
    points: dict[str, HitPoint] = {}
    for broken in found:
        snapshot = next(one for one in snapshots if one.id.startswith(broken.snapshot))
        source = HitSource(value_of(snapshot.tags, "source"), snapshot.id, broken.files, broken.count, broken.folders)
        run = value_of(snapshot.tags, "run")
        known = points.get(run or snapshot.id, HitPoint(run, snapshot.time, ()))
        points[run or snapshot.id] = msgspec.structs.replace(known, sources=(*known.sources, source))
    return tuple(sorted(points.values(), key=lambda point: point.time, reverse=True))


async def repairs(records: SiteRecords, run: str) -> Repaired:
    """What a run of repair did, as far as it came."""
    entries = [entry for entry in await records.audit((REPAIRED,)) if entry.fields["run"] == run]
    return msgspec.json.decode(entries[-1].fields["result"], type=Repaired) if entries else Repaired(run)


def _records_elsewhere(snapshots: Sequence[str]) -> UserError:
    return UserError(
        text(
            "The records of {count} snapshots cannot be read, and the repository is not a folder here.",
            count=len(snapshots),
        ),
        text("restic cannot take them out. All other points are as they were."),
        text("Copy the files named below to a safe place with the means of that storage, and remove them there."),
        "repair.records-elsewhere",
        "\n".join(f"snapshots/{name}…" for name in snapshots),
    )


def _not_as_expected(snapshots: Iterable[str]) -> UserError:
    return UserError(
        text("Not every snapshot stands as it should after the repair."),
        text("No old snapshot was removed by it. The data is as it was."),
        text("See that nobody else works on the repository, then begin again."),
        "repair.not-as-expected",
        "\n".join(sorted(snapshots)),
    )
