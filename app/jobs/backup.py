"""The main job: every chosen source into the repository, databases before files, and the manifest last.

A source that fails is named and leaves the others alone. The point is complete only when its manifest says so; a run
that dies before writing it leaves an "unfinished" point, never a half one that looks whole.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from app import __version__
from app.foundation.errors import Refused, UserError
from app.foundation.events import Item, ItemFinished, ItemStatus, Phase
from app.foundation.words import text
from app.jobs.check.job import Checker
from app.jobs.check.read_back import STEP as READ_BACK
from app.jobs.check.read_back import ReadBackState, look_before, read_back
from app.jobs.cutover.shelf import found_on_hosts, spots_of, unfinished
from app.jobs.manifest import FORMAT, MANIFEST_NAME, Manifest, SourceEntry, encode
from app.jobs.pace import Pace
from app.jobs.plan import Ctx, OnFailure, Plan, Step, StepSkipped
from app.jobs.points import Point, points_by_name, site_snapshots
from app.jobs.repositories import OpenRepository, Repositories
from app.jobs.retention.job import PRUNE_TITLE, REMOVE_TITLE, choose_by_policy, is_due, point_just_made
from app.jobs.retention.removal import Removal, RemovalState
from app.jobs.sources.driver import Captured, Equipment, Intake, nothing_captured
from app.jobs.sources.kinds import driver_of
from app.jobs.tags import COMPLETE, PARTIAL, manifest_tags, source_tags
from app.jobs.ways import Ways
from app.records.run import new_run_id
from app.settings.model import DATABASE_KINDS, REPOSITORY_PASSWORD, THIS_COMPUTER, Site, Source, SourceKind
from app.settings.site_file import write
from app.tools.restic.backup import Label

KIND = "backup"
SAFETY = "safety"
"""What starts a backup of the state that a restore is about to replace, and the type of its snapshots."""


class Only(enum.Enum):
    """A choice of sources by what they are."""

    DATABASES = "databases"
    FILES = "files"


class BackupChoice(msgspec.Struct, frozen=True):
    """What was asked for: named sources, or one kind of them, or everything enabled; `tags` are the caller's own."""

    sources: tuple[str, ...] = ()
    only: Only | None = None
    tags: tuple[str, ...] = ()
    retention: bool = True


@dataclass
class BackupState:
    """What the steps of one backup hand on: what became of each source, the ways to the repository, and what retention
    works with.

    `before` are the points there were before, read where old ones are to go afterwards.
    """

    ways: Ways
    entries: dict[str, SourceEntry] = field(default_factory=dict)
    before: list[Point] = field(default_factory=list)
    removal: RemovalState = field(default_factory=RemovalState)
    read_back: ReadBackState = field(default_factory=ReadBackState)


def plan_backup(
    site: Site,
    choice: BackupChoice,
    repositories: Repositories,
    equipment: Equipment,
    trigger: str = "manual",
    *,
    for_restore: str = "",
) -> Plan[BackupState]:
    """The steps of this backup. Raises `UserError` for a choice that names nothing or something unknown.

    `for_restore` is the run of a restore which is unfinished because it waits for this backup, with the site still
    whole.
    """
    sources = _chosen(site, choice)
    type_ = _type(site, sources, trigger)
    job = _Backup(site, sources, repositories, equipment, new_run_id(), trigger, type_, choice.tags, choice.retention,
                  for_restore)  # fmt: skip
    asked = msgspec.json.encode(choice).decode()
    return Plan(
        run=job.run,
        kind=KIND,
        site=site,
        choice=asked,
        key=f"{KIND} {asked}",
        steps=tuple(job.steps()),
        state=BackupState(repositories.ways()),
        close=_close_ways,
        secrets=(REPOSITORY_PASSWORD,),
        optional_secrets=_optional_secrets(site, sources),
        items=tuple(source.name for source in sources),
        tags=choice.tags,
        trigger=trigger,
        needs_whole_site=not for_restore,  # a recovery point of half a site would look like any other
    )


def _type(site: Site, sources: list[Source], trigger: str) -> str:
    if trigger == SAFETY:
        return SAFETY
    return "full" if {source.name for source in _enabled(site)} <= {source.name for source in sources} else "part"


def _optional_secrets(site: Site, sources: list[Source]) -> tuple[str, ...]:
    """Those of the sources, and those of the hosts on the way to them."""
    of_sources = [name for source in sources for name in source.secret_names()]
    of_hosts = [name for source in sources for host in site.way_to(source.host) for name in host.secret_names()]
    return tuple(dict.fromkeys((*of_sources, *of_hosts)))


async def _close_ways(state: BackupState) -> None:
    await state.ways.close()


def _enabled(site: Site) -> list[Source]:
    return [source for source in site.sources if source.enabled]


def _chosen(site: Site, choice: BackupChoice) -> list[Source]:
    """The chosen sources, databases first, each in the order of the site file."""
    names = {source.name for source in site.sources}
    for name in choice.sources:
        if name not in names:
            raise _no_such_source(site, name)
    chosen = [source for source in site.sources if _is_chosen(source, choice)]
    if not chosen:
        raise Refused(
            text("There is nothing to back up on {site} with this choice.", site=site.name),
            text("Nothing was started."),
            text("Add sources to the site's settings, or choose others."),
            "backup.nothing-chosen",
        )
    return sorted(chosen, key=lambda source: source.kind not in DATABASES)


DATABASES = (*DATABASE_KINDS, SourceKind.WAL)


def _is_chosen(source: Source, choice: BackupChoice) -> bool:
    if choice.sources:
        return source.name in choice.sources
    if not source.enabled:
        return False
    is_database = source.kind in DATABASES
    return choice.only is None or is_database == (choice.only is Only.DATABASES)


def _no_such_source(site: Site, name: str) -> UserError:
    return UserError(
        text("{site} has no source {source}.", site=site.name, source=name),
        text("Nothing was started."),
        text("Its sources are: {sources}", sources=", ".join(source.name for source in site.sources)),
        "usage.source-unknown",
    )


class _Backup(msgspec.Struct, frozen=True):
    """One backup with everything it needs to know."""

    site: Site
    sources: list[Source]
    repositories: Repositories
    equipment: Equipment
    run: str
    trigger: str
    type: str
    own_tags: tuple[str, ...]
    retention: bool
    for_restore: str = ""

    def steps(self) -> list[Step[BackupState]]:
        """Open the repository, take each source, close the point, let old points go."""
        opening = Step("repository", text("Open the repository"), Phase.PREFLIGHT, self._open_repository)
        taking = [
            Step(
                f"source:{source.name}",
                text("Back up {source}", source=source.name),
                Phase.STAGE,
                partial(self._take, source),
                item=source.name,
                on_failure=OnFailure.FAIL_ITEM,
            )
            for source in self.sources
        ]
        closing = Step(
            "manifest", text("Write the manifest"), Phase.STAGE, self._close_point, happened=self._point_is_closed
        )
        return [opening, *taking, closing, self._reading_back(), *(self._retention_steps() if self.retention else [])]

    def _reading_back(self) -> Step[BackupState]:
        """What arrived damaged makes the run partial, and then old points stay."""
        title = text("Read back what was added")
        return Step(READ_BACK, title, Phase.STAGE, self._read_back, on_failure=OnFailure.PARTIAL)

    def _retention_steps(self) -> list[Step[BackupState]]:
        """What is done when the point stands, and harms it no more: the run is partial when it fails."""
        removing = Step("retention", REMOVE_TITLE, Phase.STAGE, self._remove_old_points, on_failure=OnFailure.PARTIAL)
        return [removing, Step("prune", PRUNE_TITLE, Phase.STAGE, self._prune, on_failure=OnFailure.PARTIAL)]

    async def _open_repository(self, ctx: Ctx, state: BackupState) -> None:
        """Fails in seconds when the repository is away or the password is wrong, before any source is touched.

        A list of snapshots tells that as well as the repository's identity does, and is what retention begins with.
        """
        await self._expect_whole(ctx)
        repository = await self._repository_here(ctx)
        listed = await site_snapshots(repository.restic, self.site, lock=True)
        state.before = points_by_name(listed, self.site)
        await look_before(repository, self.equipment.blocking, listed, state.read_back)

    async def _expect_whole(self, ctx: Ctx) -> None:
        """Raises `restore.unfinished` for what another computer has left half done, by what stands there."""
        for name in dict.fromkeys(source.host for source in self.sources):
            try:
                plan = await found_on_hosts(await spots_of(self.site, [name], ctx.host), ctx.host)
            except UserError:  # a host that is away: each of its sources says so itself
                continue
            if plan is not None and plan.run != self.for_restore:
                raise unfinished(plan)

    async def _read_back(self, ctx: Ctx, state: BackupState) -> None:
        checker = Checker(self.site, self.repositories, self.equipment.blocking, self.run, self.trigger)
        await read_back(ctx, checker, state.read_back)

    async def _repository_here(self, ctx: Ctx) -> OpenRepository:
        scratch = await ctx.scratch(THIS_COMPUTER)
        return await self.repositories.open(ctx.host(THIS_COMPUTER), self.site, self._password(ctx), scratch)

    async def _repository_on(self, ctx: Ctx, name: str, state: BackupState) -> OpenRepository:
        host, here = ctx.host(name), ctx.host(THIS_COMPUTER)
        return await self.repositories.open_on(
            host, here, self.site, self._password(ctx), scratch=await ctx.scratch(name), ways=state.ways
        )

    def _password(self, ctx: Ctx) -> str:
        return ctx.secret(REPOSITORY_PASSWORD)

    async def _take(self, source: Source, ctx: Ctx, state: BackupState) -> None:
        """One source into the repository. What fails is entered as failed before the error goes on."""
        try:
            captured = await self._captured(source, ctx, state)
        except UserError as error:
            state.entries[source.name] = _entry(source, nothing_captured(error.problem))
            raise
        state.entries[source.name] = _entry(source, captured)
        ctx.emit(ItemFinished(item=_item(source, captured)))

    async def _captured(self, source: Source, ctx: Ctx, state: BackupState) -> Captured:
        repository = await self._repository_on(ctx, source.host, state)
        tags = source_tags(self.site, source, run=self.run, trigger=self.trigger, type_=self.type)
        pace = Pace(f"source:{source.name}", ctx.emit)
        intake = Intake(self.site.name, repository.restic, (*tags, *self.own_tags), pace)
        captured = await driver_of(source, self.equipment).capture(ctx, intake)
        await repository.expect(captured.snapshot)
        return captured

    async def _close_point(self, ctx: Ctx, state: BackupState) -> None:
        """Writes the manifest, unless nothing was taken: then there is no point to close."""
        entries = list(state.entries.values())
        if not any(entry.snapshot for entry in entries):
            return
        complete = self._is_complete(state)
        repository = await self._repository_here(ctx)
        folder = await ctx.scratch(THIS_COMPUTER)
        manifest = Manifest(
            format=FORMAT,
            run=self.run,
            site=self.site.name,
            title=self.site.title,
            made=datetime.now(UTC),
            made_by=__version__,
            computer=(await repository.host.facts()).computer,
            restic=repository.version,
            type=self.type,
            complete=complete,
            sources=tuple(entries),
            site_file=write(self.site),
        )
        await repository.host.write_durably(str(Path(folder) / MANIFEST_NAME), encode(manifest))
        tags = manifest_tags(
            self.site,
            host=THIS_COMPUTER,
            run=self.run,
            trigger=self.trigger,
            outcome=COMPLETE if complete else PARTIAL,
            snapshots=sum(bool(entry.snapshot) for entry in entries),
        )
        label = Label(THIS_COMPUTER, (*tags, *self.own_tags))
        made = await repository.restic.backup_one_file(folder, MANIFEST_NAME, label)
        await repository.expect(made.snapshot)

    def _is_complete(self, state: BackupState) -> bool:
        """Whether every source that was asked for was taken whole."""
        entries = state.entries.values()
        return len(entries) == len(self.sources) and all(entry.status is ItemStatus.SUCCESS for entry in entries)

    async def _point_is_closed(self, ctx: Ctx, _state: BackupState) -> bool:
        """Whether the manifest is in the repository: restic may be interrupted when it has just written it."""
        restic = (await self._repository_here(ctx)).restic
        found = await restic.snapshots((f"run:{self.run}", "type:manifest"))
        return any(one.summary is not None and one.summary.total_files_processed == 1 for one in found)

    async def _remove_old_points(self, ctx: Ctx, state: BackupState) -> None:
        """Removes what the policy lets go, unless this backup lacks something: then every old point may be needed."""
        if not self._is_complete(state):
            raise _retention_skipped()
        made = point_just_made(self.run, complete=self.type == "full")
        if await is_due(self.site, [made, *state.before], ctx.records):
            await choose_by_policy(self._removal(), ctx, state.removal)
            await self._removal().let_go(ctx, state.removal)

    async def _prune(self, ctx: Ctx, state: BackupState) -> None:
        await self._removal().prune(ctx, state.removal)

    def _removal(self) -> Removal:
        return Removal(self.site, self.repositories, self.run)


def _retention_skipped() -> StepSkipped:
    return StepSkipped(
        text("Old points were not removed, because something is missing in this backup."),
        text("All of them are still there."),
        text("Mend what is missing; after the next complete backup old points are removed again."),
        "retention.skipped",
    )


def _entry(source: Source, captured: Captured) -> SourceEntry:
    return SourceEntry(
        source=source.name,
        layer=source.layer,
        kind=source.kind.value,
        host=source.host,
        status=captured.status,
        snapshot=captured.snapshot,
        path=captured.path,
        bytes=captured.bytes,
        added=captured.added,
        missing=captured.missing,
        missing_count=captured.missing_count,
        error_code=captured.error.code if captured.error is not None else "",
        tree=captured.tree,
        dump=captured.dump,
        sql_dump=captured.sql_dump,
        copy=captured.copy,
    )


def _item(source: Source, captured: Captured) -> Item:
    return Item(
        source=source.name,
        status=captured.status,
        snapshot=captured.snapshot,
        bytes=captured.bytes,
        added=captured.added,
        error=captured.error,
        missing=captured.missing,
        missing_count=captured.missing_count,
    )
