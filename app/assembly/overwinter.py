"""Builds every object once, for the window and the command line alike; no globals, nothing looked up by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from app.assembly.ground import has_servers
from app.assembly.restore_questions import RestoreQuestions
from app.assembly.site_questions import SiteQuestions
from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.events import Outcome
from app.foundation.words import text
from app.jobs.backup import KIND as BACKUP
from app.jobs.backup import BackupChoice
from app.jobs.cutover.undo import expect_undo_phrase
from app.jobs.editing import SiteEditing
from app.jobs.health.memory import Memory
from app.jobs.health.overviews import Overviews
from app.jobs.kit.kits import Kits
from app.jobs.repository_state import RepositoryStates
from app.jobs.support.bundle import Support
from app.jobs.trying import Trials
from app.records.run import Run
from app.runs.files import LOG
from app.runs.runner import Launched, Runner
from app.runs.site_lock import busy
from app.settings.keyring_secrets import KeyringSecrets
from app.settings.model import REPOSITORY_PASSWORD
from app.settings.places import Places
from app.settings.secrets import AskPassphrase
from app.store.engine import Database, open_database

LOOK_FOR_RUNS_EVERY = 1.0  # seconds between looks for runs that other programs have started


class Overwinter(SiteQuestions, RestoreQuestions):
    """The whole program; `close` puts it away."""

    def __init__(
        self,
        places_: Places,
        blocking: Blocking,
        database: Database,
        ask_passphrase: AskPassphrase | None,
        keyring: KeyringSecrets | None,
    ) -> None:
        super().__init__(places_, blocking, database, ask_passphrase, keyring)
        self._indexing: asyncio.Task[None] | None = None
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
        if has_servers(await self.sites.get(site)):
            await (await self._ssh()).forget(site)
        await self.sites.remove(site)
        await self.catalogue.forget(site)
        await self.overviews.forget(site)
        for run in done:
            await self._here.remove_tree(str(self.places.run_folder(run.id)))

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

    async def undo(self, site: str, run: str, confirmed: str) -> Launched:
        """Puts back what a restore put aside, for which a phrase was typed.

        Raises `Refused` `restore.undo-not-confirmed`, `restore.no-way-back`.
        """
        expect_undo_phrase(site, run, confirmed)
        return await self.runner.launch(await self.plan_undo(site, run))

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
