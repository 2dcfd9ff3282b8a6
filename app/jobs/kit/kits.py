"""What can be asked about recovery kits: made, tested, opened, printed, and what there is to remind of."""

from __future__ import annotations

import getpass
import secrets as randomness
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.foundation.blocking import Blocking
from app.foundation.errors import Refused
from app.foundation.redact import Redactor
from app.foundation.words import Language, text
from app.hosts import files
from app.hosts.host import Host
from app.jobs.kit.drawn import as_pdf
from app.jobs.kit.make import KitChoice, Known, MakingState, no_folder, plan_kit, target_exists
from app.jobs.kit.opening import Brought, bring_site, value_of
from app.jobs.kit.page import Made, Page, page_of
from app.jobs.kit.state import (
    OPENED,
    PAGE_PRINTED,
    PAGE_SAVED,
    STORED,
    WORDS,
    KitState,
    Told,
    kit_state,
)
from app.jobs.kit.trial import TrialState, no_kit_known, plan_kit_comparison, plan_kit_test
from app.jobs.plan import Plan
from app.jobs.repositories import Repositories
from app.records.site_records import SiteRecords
from app.settings.kit import LARGEST, Cost, SealedKit, fingerprints, opened_kit, parsed_kit
from app.settings.model import KIT_FINGERPRINT_KEY, REPOSITORY_PASSWORD, HostKind, Site
from app.settings.passphrases import SHORTEST, check_passphrase
from app.settings.secrets import Secrets
from app.settings.sites import Sites
from app.tools.found import first_fit
from app.tools.printer import print_document
from app.tools.restic.program import NAME

if TYPE_CHECKING:
    from app.hosts.ssh.servers import Servers

PAGE_PRINTING = "kit-page-printing"
PAGE_SAVING = "kit-page-saving"
"""Written down before it is done; `PAGE_PRINTED` and `PAGE_SAVED` when it was."""


class Kits:
    """The recovery kits of all sites, on this computer."""

    def __init__(
        self,
        *,
        sites: Sites,
        secrets: Secrets,
        records: Callable[[str], SiteRecords],
        here: Host,
        servers: Callable[[], Awaitable[Servers]],
        repositories: Repositories,
        blocking: Blocking,
        redactor: Redactor,
    ) -> None:
        """`here` is this computer; `servers` are asked for pinned host keys only."""
        self._sites = sites
        self._secrets = secrets
        self._records = records
        self._here = here
        self._servers = servers
        self._repositories = repositories
        self._blocking = blocking
        self._redactor = redactor
        self.cost = Cost()
        """What a guess at the passphrase of a new kit costs."""

    async def plan_kit(self, site: str, target: Path, passphrase: str) -> Plan[MakingState]:
        """The making of a kit as the new file `target`. Raises `UserError` `usage.kit-passphrase` for a weak one."""
        check_passphrase(passphrase)
        self._teach(passphrase)
        found = await self._sites.get(site)
        await self._fingerprint_key(site)
        return plan_kit(
            found,
            KitChoice(str(target)),
            passphrase,
            await self._known(found),
            repositories=self._repositories,
            blocking=self._blocking,
            cost=self.cost,
        )

    async def plan_test(self, file: Path, passphrase: str) -> Plan[TrialState]:
        """The test of a kit's file, against the site that it is of."""
        self._teach(passphrase)
        kit = await self._read(file)
        site = await self._sites.get(kit.header.site)
        await self._fingerprint_key(site.name)
        known = await self._known(site)
        return plan_kit_test(site, kit, passphrase, known, repositories=self._repositories, blocking=self._blocking)

    async def plan_comparison(self, site: str) -> Plan[TrialState]:
        """The comparison of the newest kit known here with what is stored here; needs no passphrase and no file."""
        found = await self._sites.get(site)
        return plan_kit_comparison(found, await self.state(site), await self._known(found), self._repositories)

    async def open(self, file: Path, passphrase: str, *, replace: bool = False) -> Brought:
        """Brings the site of a kit here. Raises `Refused` `kit.site-differs`; see `opening`."""
        self._teach(passphrase)
        kit = await self._read(file)
        content = await self._blocking.call("files", lambda: opened_kit(kit, passphrase))
        for value in content.secrets.values():
            self._redactor.teach(value)
        await self._secrets.check()
        pinned = await (await self._servers()).pinned(content.site) if content.host_keys else {}
        brought = await bring_site(content, self._sites, self._secrets, pinned, replace=replace)
        if content.host_keys:
            await (await self._servers()).take_over(content.site, content.host_keys)
        key = await self._fingerprint_key(content.site)
        fields = Told(kit.header.kit, content.made, fingerprints(key, content.comparable())).fields()
        await self._audit(content.site, OPENED, {**fields, "replaced": " ".join(brought.replaced)})
        return brought

    async def state(self, site: str) -> KitState:
        """What is known of the site's newest kit, and what there is to remind of."""
        await self._sites.get(site)
        return kit_state(site, await self._records(site).audit(WORDS), datetime.now(UTC))

    async def stored(self, site: str, where: str) -> KitState:
        """Writes down that a person has put the newest kit away, and where."""
        state = await self.state(site)
        if not state.kit:
            raise no_kit_known(site)
        await self._audit(site, STORED, {"kit": state.kit, "where": where})
        return await self.state(site)

    async def print_page(self, site: str, language: Language, printer: str = "") -> None:
        """Prints the page; it is in memory only. Raises `UserError` `printer.…`."""
        document = await self._document(site, "page.pdf", language)
        await self._audit(site, PAGE_PRINTING, {"printer": printer})
        await print_document(self._here, document, printer)
        await self._audit(site, PAGE_PRINTED, {"printer": printer})

    async def save_page(self, site: str, target: Path, confirmed: str, language: Language) -> None:
        """Writes the page, which opens every backup, into a new file: PDF, or text where its name ends in `.txt`.

        Raises `Refused` `kit.page-not-confirmed` unless `confirmed` is `CLEAR PAGE <SITE>`.
        """
        if confirmed != f"CLEAR PAGE {site}":
            raise _not_confirmed(site)
        if await self._here.stat(str(target)) is not None:
            raise target_exists(str(target))
        if await self._here.stat(str(target.parent)) is None:
            raise no_folder(str(target.parent))
        document = await self._document(site, target.name, language)
        await self._audit(site, PAGE_SAVING, {"file": str(target)})
        await self._blocking.call("files", partial(files.create, target, document))
        await self._audit(site, PAGE_SAVED, {"file": str(target)})

    async def _document(self, site: str, name: str, language: Language) -> bytes:
        page = await self._page(await self._sites.get(site))
        if name.lower().endswith(".txt"):
            return page.text(language).encode()
        return await self._blocking.call("files", lambda: as_pdf(page, language))

    async def _page(self, site: Site) -> Page:
        names = site.repository.secret_names()
        found: Mapping[str, str] = {name: await self._secrets.get(site.name, name) or "" for name in names}
        if not found[REPOSITORY_PASSWORD]:
            raise _no_password(site.name)
        restic = first_fit(await self._repositories.tools(self._here), NAME)
        made = Made(datetime.now(UTC).date().isoformat(), getpass.getuser(), restic.version if restic else "")
        return page_of(site, found, made)

    def _teach(self, passphrase: str) -> None:
        """A few letters open no kit of ours, and taking them out of everything would leave nothing to read."""
        if len(passphrase) >= SHORTEST:
            self._redactor.teach(passphrase)

    async def _read(self, file: Path) -> SealedKit:
        return parsed_kit(await self._here.read(str(file), LARGEST))

    async def _known(self, site: Site) -> Known:
        names = tuple(stored.name for stored in await self._secrets.names(site.name))
        has_servers = any(host.kind is HostKind.SSH for host in site.hosts)
        return Known(names, await (await self._servers()).pinned(site.name) if has_servers else {})

    async def _fingerprint_key(self, site: str) -> str:
        """The key of this computer's fingerprints of the site, made when there is none."""
        key = await value_of(self._secrets, site, KIT_FINGERPRINT_KEY)
        if key is None:
            key = randomness.token_urlsafe(32)
            await self._secrets.set(site, KIT_FINGERPRINT_KEY, key)
        return key

    async def _audit(self, site: str, what: str, fields: Mapping[str, str]) -> None:
        await self._records(site).add_audit(getpass.getuser(), what, fields)


def _not_confirmed(site: str) -> Refused:
    return Refused(
        text("The page as a file needs its phrase."),
        text("Nothing was written. The page holds the repository's password in clear; paper cannot be copied unseen."),
        text('Print it (--print). If it has to be a file, type: --confirm "CLEAR PAGE {site}"', site=site),
        "kit.page-not-confirmed",
    )


def _no_password(site: str) -> Refused:
    return Refused(
        text("The repository's password of {site} is not stored here.", site=site),
        text("Nothing was written or printed."),
        text("Store it: overwinter secret set {site} repository-password", site=site),
        "secrets.missing",
    )
