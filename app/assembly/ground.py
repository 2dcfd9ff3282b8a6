"""What everything stands on: the store, the secrets, the hosts of a site and its repository, reached when asked."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.assembly.version_file import VersionFile
from app.foundation.blocking import Blocking
from app.foundation.errors import Problem, UserError
from app.foundation.events import Recorded
from app.foundation.redact import Redactor
from app.foundation.words import text
from app.hosts.host import Host
from app.hosts.local import LocalHost
from app.jobs.catalogue.catalogue import Catalogue
from app.jobs.cutover.shelf import Shelf
from app.jobs.disks import Disks
from app.jobs.plan import AnyPlan
from app.jobs.repositories import OpenRepository, Repositories
from app.jobs.sources.driver import Equipment
from app.records.across_sites import AcrossSites
from app.records.cleaned import cleaned_problem
from app.records.run import new_run_id
from app.records.site_records import SiteRecords
from app.runs.context import RunContext
from app.runs.work import missing_secret
from app.settings.keyring_secrets import KeyringSecrets
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, HostKind, Site
from app.settings.places import Places, places
from app.settings.secrets import AskPassphrase, Secrets
from app.settings.sites import Sites
from app.store.engine import Database
from app.tools.found import ToolFound
from app.tools.mysql import programs as mysql
from app.tools.postgres import programs as postgres
from app.tools.restic.program import private_programs
from app.tools.sqlite import programs as sqlite

if TYPE_CHECKING:
    from app.hosts.ssh.servers import Servers


class Ground:
    """The parts that every question needs, built once."""

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
        self.shelf = Shelf(self._here, str(self.places.cutovers))

    def records(self, site: str) -> SiteRecords:
        """What happened on that site."""
        return SiteRecords(self._database, site, self._redactor)

    async def _write_records(self, site: str, target: str) -> Mapping[str, int]:
        return await self._database.extract(site, Path(target))

    async def _hosts(self, plan: AnyPlan, secrets: Mapping[str, str]) -> Mapping[str, Host]:
        """The hosts of a plan; nothing is opened yet."""
        return await self._hosts_of(plan.site, secrets, plan.run)

    async def _hosts_of(self, site: Site, secrets: Mapping[str, str], run: str) -> Mapping[str, Host]:
        if not has_servers(site):
            return {THIS_COMPUTER: self._here}
        return {THIS_COMPUTER: self._here, **(await self._ssh()).of(site, secrets, run)}

    async def _ssh(self) -> Servers:
        """The servers over SSH; what works with them is loaded when a site first has one, since that takes a while."""
        if self._servers is None:
            made = await self._blocking.call("files", load_servers)
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

    async def audit(self, site: str, what: str, **fields: str) -> None:
        """Writes down who did what."""
        await self.records(site).add_audit(getpass.getuser(), what, fields)

    async def set_secret(self, site: str, name: str, value: str) -> str:
        """Stores a secret of a known site and says where (keyring or vault)."""
        await self.sites.get(site)
        where = await self.secrets.set(site, name, value)
        await self.audit(site, "secret-stored", name=name)
        return where.value

    async def repository(self, site: str) -> OpenRepository:
        """A site's repository for questions: reached, its password read and known to the redactor."""
        found = await self.sites.get(site)
        password = await self.secrets.get(site, REPOSITORY_PASSWORD)
        if password is None:
            raise missing_secret(site, REPOSITORY_PASSWORD)
        return await self._repositories.open(self._here, found, password)

    @asynccontextmanager
    async def _clearing(self, site: str) -> AsyncIterator[tuple[Site, RunContext]]:
        """What clearing away needs of a site that no run holds."""
        found = await self.sites.get(site)
        secrets = {name: await self.secrets.get(site, name) or "" for name in found.secret_names()}
        run = new_run_id()
        hosts = await self._hosts_of(found, secrets, run)
        context = RunContext(run, hosts, secrets, nobody_listens, self.records(site))
        try:
            yield found, context
        finally:
            await context.remove_scratch()


def nobody_listens(_event: Recorded) -> None:
    """Putting things in order is told by what it raises."""


def has_servers(site: Site) -> bool:
    """Whether any of its hosts is reached over SSH."""
    return any(host.kind is HostKind.SSH for host in site.hosts)


def load_servers() -> type[Servers]:
    """What works with servers over SSH; blocks for a moment."""
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
