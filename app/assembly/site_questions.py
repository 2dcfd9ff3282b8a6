"""What is asked of sites: set up, changed, extended, their secrets, their runbook, their audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.assembly.ground import Ground, has_servers, load_servers, nobody_listens
from app.hosts.host import Host
from app.jobs.extending import Added, switched_off_news, with_proposals, write_for_a_person
from app.jobs.runbook.made import MADE, RunbookState, made_fields, runbook_state
from app.jobs.trying import Typed
from app.records.audit import AuditEntry
from app.records.run import new_run_id
from app.runs.context import RunContext
from app.runs.work import missing_secret
from app.settings.missing_secrets import MissingSecrets, missing_of
from app.settings.model import THIS_COMPUTER, Site
from app.settings.presets import Use, filled, with_parts
from app.settings.site_file import ReadSite, read
from app.settings.sites import exists

if TYPE_CHECKING:
    from app.jobs.look.job import Look
    from app.jobs.look.proposals import Proposal
    from app.jobs.runbook.document import Part

LARGEST_SITE_FILE = 1024 * 1024


class SiteQuestions(Ground):
    """What a site is, as the settings and the command line ask for it."""

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

    async def remove_secret(self, site: str, name: str) -> None:
        """Removes a stored secret of a known site."""
        await self.sites.get(site)
        await self.secrets.remove(site, name)
        await self.audit(site, "secret-removed", name=name)

    async def audit_log(self, site: str) -> list[AuditEntry]:
        """The audit log of a site, oldest first; also of one that was removed."""
        found = await self.records(site).audit()
        if not found:
            await self.sites.get(site)
        return found

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
            if has_servers(site):
                servers = (await self._blocking.call("files", load_servers))(self._blocking, self.places.known_hosts)
                ending.push_async_callback(servers.close)
                hosts |= servers.of(site, secrets)
            context = RunContext(new_run_id(), hosts, secrets, nobody_listens, self.records(site.name))
            ending.push_async_callback(context.remove_scratch)
            yield context
