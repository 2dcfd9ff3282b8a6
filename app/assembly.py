"""Builds every object once, for the window and the command line alike; no globals, nothing looked up by name.

`Overwinter` is the program without a face: what a page or a command asks for is one method here.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import Problem
from app.foundation.redact import Redactor
from app.hosts.host import Host
from app.hosts.local import LocalHost
from app.jobs.backup import BackupChoice, BackupState, plan_backup
from app.jobs.plan import AnyPlan, Plan
from app.jobs.points import Point, list_points
from app.jobs.repositories import OpenRepository, Repositories
from app.jobs.retention.decision import Decision
from app.jobs.retention.deletion import plan_deletion
from app.jobs.retention.job import plan_retention, preview
from app.jobs.retention.keep import KeepChoice, KeepState, plan_keep
from app.jobs.retention.removal import RemovalState
from app.jobs.sources.driver import Equipment
from app.records.cleaned import cleaned_problem
from app.records.site_records import SiteRecords
from app.runs.runner import Launched, Runner
from app.runs.work import missing_secret
from app.settings.keyring_secrets import KeyringSecrets
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER
from app.settings.places import Places, places
from app.settings.secrets import AskPassphrase, Secrets
from app.settings.site_file import ReadSite, read
from app.settings.sites import Sites
from app.store.engine import Database, open_database
from app.tools.found import ToolFound
from app.tools.postgres.programs import find_programs
from app.tools.restic.program import private_programs

LARGEST_SITE_FILE = 1024 * 1024


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
        self._blocking = blocking
        self._database = database
        self._redactor = Redactor()
        self.secrets = Secrets(
            self.places, database, blocking, self._redactor, ask_passphrase=ask_passphrase, keyring=keyring
        )
        self._here = LocalHost(blocking, self.places.scratch)
        self._versions = VersionFile(self.places.cache / "versions.json")
        self._repositories = Repositories(
            _restic_candidates(self.places), self._versions.known, str(self.places.cache / "restic")
        )
        self._equipment = Equipment(blocking, self._versions.known)
        self.runner = Runner(
            places=self.places,
            blocking=blocking,
            redactor=self._redactor,
            secrets=self.secrets,
            records=self.records,
            hosts=self._hosts,
        )

    def records(self, site: str) -> SiteRecords:
        """What happened on that site."""
        return SiteRecords(self._database, site, self._redactor)

    def _hosts(self, _plan: AnyPlan) -> Mapping[str, Host]:
        return {THIS_COMPUTER: self._here}

    def cleaned(self, problem: Problem) -> Problem:
        """The problem without the secrets that are known now, as it may be shown."""
        return cleaned_problem(self._redactor, problem)

    async def tools(self) -> list[ToolFound]:
        """The outside programs on this computer."""
        return [
            *await self._repositories.tools(self._here),
            *await find_programs(self._here, self._versions.known),
        ]

    async def add_site(self, content: bytes, *, replace: bool = False) -> ReadSite:
        """Sets a site up from a site file; credentials found in its repository's address go to the secret store."""
        found = read(content)
        await self.sites.add_with_secrets(found, self.secrets, replace=replace)
        await self.audit(found.site.name, "site-replaced" if replace else "site-added")
        return found

    async def add_site_file(self, file: str) -> ReadSite:
        """Sets a site up from the site file at this path."""
        return await self.add_site(await self._here.read(file, LARGEST_SITE_FILE))

    async def remove_site(self, site: str) -> None:
        """Forgets a site here, with its secrets and the logs of its runs; its repository is never touched."""
        await self.audit(site, "site-removed")
        await self.secrets.remove_all(site)
        done = await self.records(site).runs()
        await self.sites.remove(site)
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

    async def repository(self, site: str) -> OpenRepository:
        """A site's repository for questions: reached, its password read and known to the redactor."""
        found = await self.sites.get(site)
        password = await self.secrets.get(site, REPOSITORY_PASSWORD)
        if password is None:
            raise missing_secret(site, REPOSITORY_PASSWORD)
        return await self._repositories.open(self._here, found, password)

    async def points(self, site: str) -> list[Point]:
        """The recovery points of that site, newest first."""
        opened = await self.repository(site)
        return await list_points(opened.restic, opened.site)

    async def init_repository(self, site: str) -> str:
        """Makes the site's repository and gives its id."""
        made = await (await self.repository(site)).restic.init()
        await self.audit(site, "repository-made")
        return made

    async def unlock_repository(self, site: str) -> tuple[int, int]:
        """Removes the repository's dead locks; gives how many were removed and how many stay."""
        restic = (await self.repository(site)).restic
        before = await restic.locks()
        await restic.unlock()
        left = len(await restic.locks())
        await self.audit(site, "repository-unlocked", removed=str(len(before) - left))
        return len(before) - left, left

    async def back_up(self, site: str) -> Launched:
        """Starts a backup of everything that is enabled."""
        return await self.runner.launch(await self.plan_backup(site, BackupChoice()))

    async def plan_backup(self, site: str, choice: BackupChoice) -> Plan[BackupState]:
        """The plan of a backup of that site."""
        return plan_backup(await self.sites.get(site), choice, self._repositories, self._equipment)

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

    async def close(self) -> None:
        """Cancels and puts away what runs, then closes the store."""
        await self.runner.close()
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


def _restic_candidates(places_: Places) -> tuple[str, ...]:
    """The chosen restic, the one on the path, then those that set-up put away privately, newest first."""
    chosen = os.environ.get("OVERWINTER_RESTIC")
    private = [program for folder in (places_, places()) for program in private_programs(folder.tools)]
    return (*((chosen,) if chosen else ()), "restic", *dict.fromkeys(private))


class VersionFile:
    """What programs said of their versions, remembered between starts; losing it costs a moment, no more."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.known: dict[str, str] = {}
        with suppress(OSError, msgspec.MsgspecError):
            self.known = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        self._saved = dict(self.known)

    def save(self) -> None:
        """Writes it down when something new was learnt."""
        if self.known != self._saved:
            with suppress(OSError):
                self._file.write_text(json.dumps(self.known))
