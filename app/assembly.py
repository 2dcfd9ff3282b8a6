"""Builds every object once, for the window and the command line alike; no globals, nothing looked up by name.

`Overwinter` is the program without a face: what a page or a command asks for is one method here.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import Problem, UserError
from app.foundation.events import Outcome, Recorded
from app.foundation.redact import Redactor
from app.foundation.words import text
from app.hosts.host import Host
from app.hosts.local import LocalHost
from app.jobs.backup import KIND as BACKUP
from app.jobs.backup import BackupChoice, BackupState, plan_backup
from app.jobs.catalogue.catalogue import Catalogue
from app.jobs.catalogue.comparing import Comparison, LiveComparison, points_compared
from app.jobs.check.job import CheckChoice, Checker, CheckState, plan_check
from app.jobs.check.repair import RepairChoice, RepairState, plan_data_repair, plan_point_repair
from app.jobs.cutover.job import RecoveryState, plan_recovery
from app.jobs.cutover.plan import StagingPlan
from app.jobs.cutover.recover import Found, Wanted, look
from app.jobs.cutover.shelf import Shelf, found_on_hosts, spots_of, unfinished
from app.jobs.cutover.undo import KIND as UNDO
from app.jobs.cutover.undo import UndoState, expect_undo_phrase, no_way_back, plan_undo
from app.jobs.disks import Disks
from app.jobs.editing import SiteEditing
from app.jobs.effects.effect import World
from app.jobs.extending import Added, switched_off_news, with_proposals, write_for_a_person
from app.jobs.health.memory import Memory
from app.jobs.health.overviews import Overviews
from app.jobs.kit.kits import Kits
from app.jobs.new_password import PasswordState, plan_new_password
from app.jobs.plan import AnyPlan, Plan
from app.jobs.points import Point, point_named
from app.jobs.repositories import OpenRepository, Repositories
from app.jobs.repository_state import RepositoryStates
from app.jobs.restore.choice import RestoreChoice, Swap
from app.jobs.restore.clearing import remove_left
from app.jobs.restore.contents import read_contents
from app.jobs.restore.job import plan_restore
from app.jobs.restore.setting import RestoreState
from app.jobs.restore.unfinished import clear, left
from app.jobs.retention.decision import Decision
from app.jobs.retention.deletion import plan_deletion
from app.jobs.retention.job import plan_retention, preview
from app.jobs.retention.keep import KeepChoice, KeepState, plan_keep
from app.jobs.retention.removal import RemovalState
from app.jobs.runbook.made import MADE, RunbookState, made_fields, runbook_state
from app.jobs.saving import SaveChoice, SaveState, plan_save
from app.jobs.sources.driver import Equipment
from app.jobs.support.bundle import Support
from app.jobs.swap.cleanup import CleanupState, plan_cleanup, remove_old_states
from app.jobs.swap.job import plan_swap
from app.jobs.swap.kept import STAYS
from app.jobs.swap.safety import SiteSaving
from app.jobs.swap.waiting import all_waiting, waiting_of
from app.jobs.trying import Trials, Typed
from app.jobs.unlock import Unlocked, unlock_stale
from app.jobs.verify.job import VerifyChoice, VerifyState, plan_verify
from app.jobs.verify.kinds import removers
from app.jobs.verify.throwaways import left_over, sweep
from app.records.across_sites import AcrossSites
from app.records.audit import AuditEntry
from app.records.cleaned import cleaned_problem
from app.records.run import Run, new_run_id
from app.records.site_records import SiteRecords
from app.runs.context import RunContext
from app.runs.files import LOG
from app.runs.recovery import INTERRUPTED
from app.runs.runner import Launched, Runner
from app.runs.site_lock import busy
from app.runs.work import missing_secret
from app.settings.keyring_secrets import KeyringSecrets
from app.settings.missing_secrets import MissingSecrets, missing_of
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, HostKind, Site
from app.settings.places import Places, places
from app.settings.presets import Use, filled, with_parts
from app.settings.secrets import AskPassphrase, Secrets
from app.settings.site_file import ReadSite, read
from app.settings.sites import Sites, exists
from app.store.engine import Database, open_database
from app.tools.found import ToolFound
from app.tools.mysql import programs as mysql
from app.tools.postgres import programs as postgres
from app.tools.restic.program import private_programs
from app.tools.sqlite import programs as sqlite

if TYPE_CHECKING:
    from app.hosts.ssh.servers import Servers
    from app.jobs.look.job import Look
    from app.jobs.look.proposals import Proposal
    from app.jobs.runbook.document import Part

LARGEST_SITE_FILE = 1024 * 1024
LOOK_FOR_RUNS_EVERY = 1.0  # seconds between looks for runs that other programs have started


class Overwinter:
    """The whole program; `close` puts it away."""

    def __init__(
        self,
        places_: Places,
        blocking: Blocking,
        database: Database,
        ask_passphrase: AskPassphrase | None,
        keyring: KeyringSecrets | None,
    ) -> None:
        self.places = places_
        self.sites = Sites(database)
        self.across_sites = AcrossSites(database)
        self._blocking = blocking
        self._database = database
        self._redactor = Redactor()
        self.secrets = Secrets(
            self.places, database, blocking, self._redactor, ask_passphrase=ask_passphrase, keyring=keyring
        )
        self._here = LocalHost(blocking, self.places.scratch)
        self._servers: Servers | None = None
        self._versions = VersionFile(self.places.cache / "versions.json")
        self.disks = Disks(self.places.cache / "disks.json", self.sites, blocking)
        self._repositories = Repositories(
            _restic_candidates(self.places),
            self._versions.known,
            str(self.places.cache / "restic"),
            self._redactor,
            self.disks.expect,
        )
        self._equipment = Equipment(blocking, self._versions.known, _own_python(), self._write_records)
        self.catalogue = Catalogue(self.places.catalogue, blocking, self.sites, self.repository)
        self._indexing: asyncio.Task[None] | None = None
        self.shelf = Shelf(self._here, str(self.places.cutovers))
        self.kits = Kits(
            sites=self.sites,
            secrets=self.secrets,
            records=self.records,
            here=self._here,
            servers=self._ssh,
            repositories=self._repositories,
            blocking=blocking,
            redactor=self._redactor,
        )
        self.overviews = Overviews(
            Memory(self.places.overviews, blocking),
            self.catalogue,
            blocking,
            sites=self.sites,
            records=self.records,
            kit=self.kits.state,
            repository=self.repository,
        )
        self.support = Support(
            places=self.places,
            sites=self.sites,
            secrets=self.secrets,
            records=self.records,
            tools=self.tools,
            log_file=lambda run: self.places.run_folder(run) / LOG,
            redactor=self._redactor,
            blocking=blocking,
        )
        self.editing = SiteEditing(self.sites, self.secrets, self.records, blocking)
        self.repository_states = RepositoryStates(
            self.sites, self.repository, self.records, self.places.cache / "repositories", blocking
        )
        self.trials = Trials(
            examined=self.editing.examined,
            secret=self._typed_or_stored,
            reach=self._reached_anew,
            here=self._here,
            repositories=self._repositories,
            equipment=self._equipment,
        )
        self.runner = Runner(
            places=self.places,
            blocking=blocking,
            redactor=self._redactor,
            secrets=self.secrets,
            records=self.records,
            hosts=self._hosts,
            unlock=self._clear_after_death,
            permit=self._permit,
            interrupted=self._interrupted,
            clear=self._remove_old_states,
        )

    def records(self, site: str) -> SiteRecords:
        """What happened on that site."""
        return SiteRecords(self._database, site, self._redactor)

    async def _write_records(self, site: str, target: str) -> Mapping[str, int]:
        return await self._database.extract(site, Path(target))

    async def _hosts(self, plan: AnyPlan, secrets: Mapping[str, str]) -> Mapping[str, Host]:
        """The hosts of a plan; nothing is opened yet."""
        return await self._hosts_of(plan.site, secrets, plan.run)

    async def _hosts_of(self, site: Site, secrets: Mapping[str, str], run: str) -> Mapping[str, Host]:
        if not _has_servers(site):
            return {THIS_COMPUTER: self._here}
        return {THIS_COMPUTER: self._here, **(await self._ssh()).of(site, secrets, run)}

    async def _ssh(self) -> Servers:
        """The servers over SSH; what works with them is loaded when a site first has one, since that takes a while."""
        if self._servers is None:
            made = await self._blocking.call("files", _load_servers)
            self._servers = self._servers or made(self._blocking, self.places.known_hosts)
        return self._servers

    async def host(self, site: str, name: str) -> Host:
        """A host of a site, for questions; raises `UserError` `usage.host-unknown`."""
        if name == THIS_COMPUTER:
            return self._here
        found = await self.sites.get(site)
        return (await self._ssh()).of(found, await self._host_secrets(found, name))[name]

    async def _host_secrets(self, site: Site, name: str) -> Mapping[str, str]:
        """What is shown to a server and to those on the way to it."""
        way = site.way_to(name)
        if not way or way[-1].kind is not HostKind.SSH:
            raise _no_such_server(site, name)
        return {each: await self.secrets.get(site.name, each) or "" for host in way for each in host.secret_names()}

    async def trust_host(self, site: str, name: str, fingerprint: str) -> None:
        """Pins the host key with that fingerprint, which the server has to show now; whatever was pinned before."""
        found = await self.sites.get(site)
        secrets = await self._host_secrets(found, name)
        await (await self._ssh()).trust(found, name, fingerprint, secrets)
        await self.audit(site, "host-key-trusted", host=name, fingerprint=fingerprint)

    def cleaned(self, problem: Problem) -> Problem:
        """The problem without the secrets that are known now, as it may be shown."""
        return cleaned_problem(self._redactor, problem)

    async def tools(self) -> list[ToolFound]:
        """The outside programs on this computer."""
        return [
            *await self._repositories.tools(self._here),
            *await postgres.find_programs(self._here, self._versions.known),
            *await mysql.find_programs(self._here, self._versions.known),
            *await sqlite.find_programs(self._here, self._equipment.python, self._versions.known),
        ]

    async def add_site(self, content: bytes, *, replace: bool = False) -> ReadSite:
        """Sets a site up from a site file; credentials found in its repository's address go to the secret store."""
        return await self.add_read_site(read(content), replace=replace)

    async def add_read_site(self, found: ReadSite, *, replace: bool = False) -> ReadSite:
        """Sets up a site that was read from a file or typed into forms, with the secrets that came with it."""
        await self.sites.add_with_secrets(found, self.secrets, replace=replace)
        await self.audit(found.site.name, "site-replaced" if replace else "site-added")
        return found

    async def missing_secrets(self, site: str) -> MissingSecrets:
        """The secrets that a site has not got yet."""
        found = await self.sites.get(site)
        stored = {one.name for one in await self.secrets.names(site)}
        return missing_of(found, stored)

    async def expect_no_site(self, name: str) -> None:
        """Raises `Refused` `site.exists`."""
        if await self.sites.find(name) is not None:
            raise exists(name)

    async def write_file(self, path: Path, content: str, *, replace: bool = False) -> None:
        """Writes a file for a person; raises `Refused` `file.exists` unless it may be replaced."""
        await write_for_a_person(self._here, str(path), content, replace=replace)

    async def add_presets(self, site: str, uses: Sequence[Use]) -> Added:
        """Adds what presets bring to a site; what this version cannot back up comes switched off."""
        before = await self.sites.get(site)
        grown = before
        for use in uses:
            grown = with_parts(grown, filled(use))
        return await self._grow(before, grown, {}, [use.preset for use in uses])

    async def look(self, site: str, host: str, under: Sequence[str] = ()) -> Look:
        """What a host of a site has that the site does not; passwords that are met are known to the redactor."""
        from app.jobs.look.job import look  # noqa: PLC0415  it and YAML are loaded when somebody looks

        found = await look(await self.sites.get(site), await self.host(site, host), under)
        for proposal in found.proposals:
            for password in proposal.passwords.values():
                self._redactor.teach(password.value)
        return found

    async def add_proposals(self, site: str, proposals: Sequence[Proposal]) -> Added:
        """Adds what a look found to a site, and its passwords to the secret store: both, or neither."""
        before = await self.sites.get(site)
        secrets = {name: password.value for one in proposals for name, password in one.passwords.items()}
        return await self._grow(before, with_proposals(before, proposals), secrets, [one.preset for one in proposals])

    async def _grow(self, before: Site, grown: Site, secrets: Mapping[str, str], presets: Sequence[str]) -> Added:
        added = switched_off_news(before, grown)
        await self.sites.add_with_secrets(ReadSite(added.site, secrets), self.secrets, replace=True)
        await self.audit(before.name, "site-extended", presets=", ".join(presets))
        return added

    async def runbook(self, site: str) -> list[Part]:
        """The site's runbook as it would be made now."""
        from app.jobs.runbook.contents import Facts, contents  # noqa: PLC0415  likewise, when one is made

        found = await self.sites.get(site)
        stored = {one.name: one.where.value for one in await self.secrets.names(site)}
        computer = (await self._here.facts()).computer
        return contents(found, Facts(datetime.now(UTC).astimezone(), computer, stored))

    async def runbook_made(self, site: str, target: str) -> None:
        """Remembers that a runbook was made."""
        await self.audit(site, MADE, **made_fields(await self.sites.get(site), target))

    async def runbook_state(self, site: str) -> RunbookState:
        """When the newest runbook was made, and whether the site has changed since."""
        return await runbook_state(await self.sites.get(site), self.records(site))

    async def add_site_file(self, file: str) -> ReadSite:
        """Sets a site up from the site file at this path."""
        return await self.add_site(await self._here.read(file, LARGEST_SITE_FILE))

    async def remove_site(self, site: str) -> None:
        """Forgets a site here, with its secrets and the logs of its runs; its repository is never touched.

        Raises `Busy` `run.busy` while something works on it, `Refused` `restore.unfinished` while half of it is.
        """
        holder = await self.records(site).site_holder()
        if holder is not None:
            raise busy(site, holder)
        await self._expect_whole(site)
        await self.audit(site, "site-removed")
        await self.secrets.remove_all(site)
        await self.repository_states.forget(site)
        done = await self.records(site).runs()
        if _has_servers(await self.sites.get(site)):
            await (await self._ssh()).forget(site)
        await self.sites.remove(site)
        await self.catalogue.forget(site)
        await self.overviews.forget(site)
        for run in done:
            await self._here.remove_tree(str(self.places.run_folder(run.id)))

    async def set_secret(self, site: str, name: str, value: str) -> str:
        """Stores a secret of a known site and says where (keyring or vault)."""
        await self.sites.get(site)
        where = await self.secrets.set(site, name, value)
        await self.audit(site, "secret-stored", name=name)
        return where.value

    async def remove_secret(self, site: str, name: str) -> None:
        """Removes a stored secret of a known site."""
        await self.sites.get(site)
        await self.secrets.remove(site, name)
        await self.audit(site, "secret-removed", name=name)

    async def audit(self, site: str, what: str, **fields: str) -> None:
        """Writes down who did what."""
        await self.records(site).add_audit(getpass.getuser(), what, fields)

    async def put_in_order(self) -> list[Run]:
        """Clears away, on all sites, what runs left whose process died, and gives those runs; done at every start.

        What cannot be done now is left for the site's next run.
        """
        found: list[Run] = []
        for site in dict.fromkeys(site for site, _ in await self.across_sites.active()):
            with suppress(UserError):
                interrupted = await self.runner.recovery.close_interrupted(site)
                found += interrupted
                if interrupted and await self._is_password_at_hand(site):
                    await self.runner.recovery.tidy(site)
        return found

    async def _is_password_at_hand(self, site: str) -> bool:
        """Whether the repository's password can be read without asking a person."""
        return await self.secrets.get(site, REPOSITORY_PASSWORD, ask=False) is not None

    async def _clear_after_death(self, site: str) -> None:
        """What dead runs left besides temporary files: locks, throwaway servers and databases, restores not whole.

        What of it cannot be removed now is told, and tried again at the next start and before the next run.
        """
        async with AsyncExitStack() as clearing:  # each is tried, whatever becomes of the others
            clearing.push_async_callback(self._clear_restores, site)
            clearing.push_async_callback(self._sweep, site)
            clearing.push_async_callback(self._unlock_after_death, site)

    async def _unlock_after_death(self, site: str) -> None:
        if await self.secrets.get(site, REPOSITORY_PASSWORD) is not None:
            await self.unlock_repository(site)

    async def _sweep(self, site: str) -> None:
        records = self.records(site)
        if await left_over(records):
            async with self._clearing(site) as (found, context):
                await sweep(context, removers(found, self._equipment))

    async def _clear_restores(self, site: str) -> None:
        """What an unfinished cutover needs stays where it is: that is its recovery's to put away."""
        records = self.records(site)
        if await left(records):
            plan = await self.shelf.unfinished(site)
            async with self._clearing(site) as (found, context):
                remove = partial(remove_left, context, found, self._equipment)
                await clear(records, remove, but="" if plan is None else plan.run)

    async def _remove_old_states(self, plan: AnyPlan) -> None:
        """What restores put aside and has stayed long enough; not before the one run that would put it back."""
        site = plan.site.name
        records = self.records(site)
        if plan.kind != UNDO and (await self.shelf.finished_runs(site) or await all_waiting(records)):
            async with self._clearing(site) as (_, context):
                await remove_old_states(World(context, self._equipment), self.shelf, site)

    @asynccontextmanager
    async def _clearing(self, site: str) -> AsyncIterator[tuple[Site, RunContext]]:
        """What clearing away needs of a site that no run holds."""
        found = await self.sites.get(site)
        secrets = {name: await self.secrets.get(site, name) or "" for name in found.secret_names()}
        run = new_run_id()
        hosts = await self._hosts_of(found, secrets, run)
        context = RunContext(run, hosts, secrets, _nobody_listens, self.records(site))
        try:
            yield found, context
        finally:
            await context.remove_scratch()

    async def _typed_or_stored(self, site: Site, name: str, typed: Typed) -> str:
        if name in typed:
            self._redactor.teach(typed[name])
            return typed[name]
        stored = await self.secrets.get(site.name, name)
        if stored is None:
            raise missing_secret(site.name, name)
        return stored

    @asynccontextmanager
    async def _reached_anew(self, site: Site, typed: Typed) -> AsyncIterator[RunContext]:
        """The hosts of a site as it may not be stored yet, each logged in to anew, so that a login is really tried."""
        for value in typed.values():
            self._redactor.teach(value)
        stored = {name: await self.secrets.get(site.name, name) or "" for name in site.secret_names()}
        secrets = {**stored, **typed}
        hosts: dict[str, Host] = {THIS_COMPUTER: self._here}
        async with AsyncExitStack() as ending:
            if _has_servers(site):
                servers = (await self._blocking.call("files", _load_servers))(self._blocking, self.places.known_hosts)
                ending.push_async_callback(servers.close)
                hosts |= servers.of(site, secrets)
            context = RunContext(new_run_id(), hosts, secrets, _nobody_listens, self.records(site.name))
            ending.push_async_callback(context.remove_scratch)
            yield context

    async def working(self) -> AsyncIterator[list[tuple[str, str]]]:
        """Site and id of every run that works now, whoever started it: at once, and whenever that changes."""
        known: list[tuple[str, str]] | None = None
        while True:
            now = known
            with suppress(UserError):  # a database that is busy or away for a moment is asked again
                now = await self.across_sites.active()
            if now is not None and now != known:
                yield now
                known = now
            await asyncio.sleep(LOOK_FOR_RUNS_EVERY)

    async def audit_log(self, site: str) -> list[AuditEntry]:
        """The audit log of a site, oldest first; also of one that was removed."""
        found = await self.records(site).audit()
        if not found:
            await self.sites.get(site)
        return found

    async def repository(self, site: str) -> OpenRepository:
        """A site's repository for questions: reached, its password read and known to the redactor."""
        found = await self.sites.get(site)
        password = await self.secrets.get(site, REPOSITORY_PASSWORD)
        if password is None:
            raise missing_secret(site, REPOSITORY_PASSWORD)
        return await self._repositories.open(self._here, found, password)

    async def points(self, site: str) -> list[Point]:
        """The recovery points of that site, newest first."""
        return [row.point for row in (await self.catalogue.refresh(site)).rows]

    def index_after_backups(self) -> None:
        """From now on the newest point's names are indexed after each backup, whichever program made it."""
        self._indexing = self._indexing or asyncio.create_task(self._index_after_backups(), name="index after backups")

    async def _index_after_backups(self) -> None:
        before: set[tuple[str, str]] = set()
        async for now in self.working():
            for site, run in before - set(now):
                with suppress(UserError):  # nobody asked for it: at the first need it is tried again, and told
                    done = await self.records(site).run(run)
                    if done.kind == BACKUP and done.outcome in (Outcome.SUCCESS, Outcome.PARTIAL):
                        await self.catalogue.index_newest(site)
            before = set(now)

    async def init_repository(self, site: str) -> str:
        """Makes the site's repository and gives its id."""
        made = await (await self.repository(site)).restic.init()
        await self.audit(site, "repository-made")
        return made

    async def unlock_repository(self, site: str) -> Unlocked:
        """Removes the repository's dead locks; says which were removed and which stay."""
        done = await unlock_stale(await self.repository(site))
        if done.removed:
            await self.audit(site, "repository-unlocked", removed=str(len(done.removed)))
        return done

    async def log_file(self, run: str) -> str:
        """Where the whole log of a run is; raises `run.log-gone` when it was cleared away."""
        file = str(self.places.run_folder(run) / LOG)
        if await self._here.stat(file) is None:
            raise UserError(
                text("The log file of this run is not there any more ({path}).", path=file),
                text("What the run did is as recorded; the beginning and the end of its log are shown here."),
                text("Look at what is shown; nothing has to be done."),
                "run.log-gone",
            )
        return file

    async def back_up(self, site: str) -> Launched:
        """Starts a backup of everything that is enabled."""
        return await self.runner.launch(await self.plan_backup(site, BackupChoice()))

    async def plan_backup(self, site: str, choice: BackupChoice) -> Plan[BackupState]:
        """The plan of a backup of that site."""
        return plan_backup(await self.sites.get(site), choice, self._repositories, self._equipment)

    async def plan_verify(self, site: str, choice: VerifyChoice) -> Plan[VerifyState]:
        """The plan of a verification of a point of that site."""
        found = await self.sites.get(site)
        logs = self.places.verifications(found.name)
        return plan_verify(found, choice, self._repositories, self._equipment, logs=logs, cleaned=self.cleaned)

    async def preview_retention(self, site: str) -> Decision:
        """What retention would do with the site's points now."""
        return await preview(await self.repository(site), self.records(site))

    async def plan_retention(self, site: str) -> Plan[RemovalState]:
        """The plan of letting old points go."""
        return plan_retention(await self.sites.get(site), self._repositories)

    async def plan_keep(self, site: str, choice: KeepChoice) -> Plan[KeepState]:
        """The plan of keeping a point."""
        return plan_keep(await self.sites.get(site), choice, self._repositories)

    async def plan_deletion(self, site: str, point: str, confirmed: str) -> Plan[RemovalState]:
        """The plan of deleting a point, for which `confirmed` was typed."""
        return plan_deletion(await self.sites.get(site), point, confirmed, self._repositories)

    async def plan_save(self, site: str, choice: SaveChoice) -> Plan[SaveState]:
        """The plan of saving files and folders out of a snapshot."""
        return plan_save(await self.sites.get(site), choice, self._repositories)

    async def compare_points(self, site: str, before: str, after: str) -> Comparison:
        """What is different between two points."""
        return await points_compared(await self.repository(site), before, after)

    async def compare_with_live(self, site: str, point: str) -> Comparison:
        """What is different between a point and what is live now."""
        found = await self.sites.get(site)
        listed = await self.catalogue.known(site) or await self.catalogue.refresh(site)
        members = point_named((row.point for row in listed.rows), found, point).snapshots
        return await LiveComparison(self.catalogue, found, partial(self.host, site)).run(members)

    async def plan_check(self, site: str, choice: CheckChoice) -> Plan[CheckState]:
        """The plan of reading a share of the repository's data and checking it."""
        return plan_check(await self.sites.get(site), choice, self._repositories, self._blocking)

    async def plan_new_password(self, site: str, new: str) -> Plan[PasswordState]:
        """The plan of giving the site's repository another password, and storing it."""
        self._redactor.teach(new)

        async def store(password: str) -> None:
            await self.set_secret(site, REPOSITORY_PASSWORD, password)

        return plan_new_password(await self.sites.get(site), new, store, self._repositories)

    async def plan_data_repair(self, site: str, choice: RepairChoice, confirmed: str) -> Plan[RepairState]:
        """The plan of repairing what carries a repository's data, for which `confirmed` was typed."""
        return plan_data_repair(await self._checker(site), choice, confirmed)

    async def plan_point_repair(self, site: str, choice: RepairChoice, confirmed: str) -> Plan[RepairState]:
        """The plan of taking out of the points what is lost for good, for which `confirmed` was typed."""
        return plan_point_repair(await self._checker(site), choice, confirmed)

    async def _checker(self, site: str) -> Checker:
        return Checker(await self.sites.get(site), self._repositories, self._blocking, new_run_id())

    async def plan_restore(self, site: str, choice: RestoreChoice, confirmed: str = "") -> Plan[RestoreState]:
        """The plan of restoring a point of that site; what the point holds is read first.

        For one that takes the place of what is live a phrase has to be `confirmed`.
        """
        contents = await read_contents(await self.repository(site), choice.point)
        if isinstance(choice.target, Swap):
            cutover, records = choice.target.cutover, self.records(site)
            return plan_swap(
                await self.sites.get(site),
                choice,
                contents,
                self._repositories,
                self._equipment,
                shelf=self.shelf,
                waiting=await waiting_of(records, cutover) if cutover else None,
                typed=confirmed,
            )
        return plan_restore(await self.sites.get(site), choice, contents, self._repositories, self._equipment)

    async def plan_cleanup(self, site: str) -> Plan[CleanupState]:
        """The plan of removing what restores put aside, where its time is over."""
        return plan_cleanup(await self.sites.get(site), self._equipment, self.shelf)

    async def plan_recovery(self, site: str, wanted: Wanted) -> Plan[RecoveryState] | None:
        """The plan of putting right what a restore that died has left; None where there is nothing.

        Where this computer knows of none it is looked for on the site's hosts: another one may have begun it.
        """
        found = await self.shelf.unfinished(site) or await self._unfinished_elsewhere(site)
        if found is None:
            return None
        ways = self._repositories.ways()
        saving = SiteSaving(found.site, self._repositories, self._equipment, ways)
        return plan_recovery(found, wanted, self._equipment, self.shelf, repository=saving, close=ways.close)

    async def found_unfinished(self, site: str) -> Found | None:
        """How far the unfinished restore of a site had come: its hosts are asked. None where there is none."""
        plan = await self.shelf.unfinished(site)
        if plan is None:
            return None
        async with self._clearing(site) as (_, context):
            return await look(plan, World(context, self._equipment))

    async def _unfinished_elsewhere(self, site: str) -> StagingPlan | None:
        async with self._clearing(site) as (found, context):
            hosts = [THIS_COMPUTER, *(host.name for host in found.hosts if host.kind is HostKind.SSH)]
            plan = await found_on_hosts(await spots_of(found, hosts, context.host), context.host)
            return plan if plan is not None and plan.site.name == site else None

    async def plan_undo(self, site: str, run: str) -> Plan[UndoState]:
        """The plan of putting back what a restore put aside. Raises `Refused` `restore.no-way-back`."""
        finished = await self.shelf.finished((await self.sites.get(site)).name, run)
        if finished is None:
            raise no_way_back(site, run)
        return plan_undo(finished, self._equipment, self.shelf)

    async def old_state(self, site: str, run: str) -> datetime | None:
        """Until when the old state that a restore put aside stays; None where there is nothing to put back."""
        finished = await self.shelf.finished((await self.sites.get(site)).name, run)
        return None if finished is None or finished.is_in_place else finished.made + STAYS

    async def undo(self, site: str, run: str, confirmed: str) -> Launched:
        """Puts back what a restore put aside, for which a phrase was typed.

        Raises `Refused` `restore.undo-not-confirmed`, `restore.no-way-back`.
        """
        expect_undo_phrase(site, run, confirmed)
        return await self.runner.launch(await self.plan_undo(site, run))

    async def _permit(self, plan: AnyPlan) -> None:
        """Nothing that needs a whole site begins while a restore of it is unfinished."""
        if plan.needs_whole_site:
            await self._expect_whole(plan.site.name)

    async def _expect_whole(self, site: str) -> None:
        if (found := await self.shelf.unfinished(site)) is not None:
            raise unfinished(found)

    async def _interrupted(self, run: Run) -> Problem:
        """What it means that a run died: one that left half a site is told apart."""
        found = await self.shelf.unfinished(run.site)
        return unfinished(found).problem if found is not None and found.run == run.id else INTERRUPTED

    async def close(self) -> None:
        """Cancels and puts away what runs, then closes the store."""
        if self._indexing is not None:
            self._indexing.cancel()
            await asyncio.gather(self._indexing, return_exceptions=True)
        await self.catalogue.close()
        await self.runner.close()
        if self._servers is not None:
            await self._servers.close()
        self._versions.save()
        await self._database.close()
        self._blocking.close()


async def assemble(
    where: Places, ask_passphrase: AskPassphrase | None = None, keyring: KeyringSecrets | None = None
) -> Overwinter:
    """Opens the program on its data folder; raises `UserError` when the folder or the database cannot be used.

    `keyring` stands in for the operating system's.
    """
    blocking = Blocking()
    try:
        await blocking.call("files", where.ready)
        database = await open_database(where.database, blocking)
    except BaseException:
        blocking.close()
        raise
    return Overwinter(where, blocking, database, ask_passphrase, keyring)


def _nobody_listens(_event: Recorded) -> None:
    """Putting things in order is told by what it raises."""


def _has_servers(site: Site) -> bool:
    return any(host.kind is HostKind.SSH for host in site.hosts)


def _load_servers() -> type[Servers]:
    from app.hosts.ssh.servers import Servers  # noqa: PLC0415  asyncssh takes longer to load than the window to open

    return Servers


def _no_such_server(site: Site, name: str) -> UserError:
    return UserError(
        text("{site} has no server {host} that is reached over SSH.", site=site.name, host=name),
        text("Nothing was started."),
        text("Its hosts are: {hosts}", hosts=", ".join([THIS_COMPUTER, *(host.name for host in site.hosts)])),
        "usage.host-unknown",
    )


def _restic_candidates(places_: Places) -> tuple[str, ...]:
    """The chosen restic, the one on the path, then those that set-up put away privately, newest first."""
    chosen = os.environ.get("OVERWINTER_RESTIC")
    private = [program for folder in (places_, places()) for program in private_programs(folder.tools)]
    return (*((chosen,) if chosen else ()), "restic", *dict.fromkeys(private))


def _own_python() -> str:
    """The Python that this runs on; "" in a packaged program, which is none to others."""
    return "" if getattr(sys, "frozen", False) else sys.executable


class VersionFile:
    """What programs said of their versions, remembered between starts; losing it costs a moment, no more."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.known: dict[str, str] = {}
        with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            self.known = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        self._saved = dict(self.known)

    def save(self) -> None:
        """Writes it down when something new was learnt."""
        if self.known != self._saved:
            with suppress(OSError):
                self._file.write_text(json.dumps(self.known))
