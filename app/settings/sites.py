"""The sites that this program looks after, stored as their site files."""

from __future__ import annotations

import contextlib
import difflib
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select, update

from app.foundation.errors import Refused, UserError
from app.foundation.words import Text, text
from app.settings.addresses import identity
from app.settings.model import Site
from app.settings.rules import faults_of
from app.settings.secrets import Secrets
from app.settings.site_file import ReadSite, SiteFileError, read, write
from app.store.engine import Database
from app.store.tables import sites as rows

CHANGED_MEANWHILE = "site.changed-meanwhile"


class Sites:
    """The stored sites. Each belongs to itself: no two share a name or a repository."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, site: Site, *, replace: bool = False, instead_of: Site | None = None) -> None:
        """Stores a site, or with `replace` its new description; only in the place of `instead_of` where that is given.

        Raises `site.…` with the first fault of one that cannot be used, and `Refused` `site.exists`,
        `site.repository-taken`, `site.changed-meanwhile`.
        """
        expect_usable(site)
        await self._database.write(lambda connection: _store(connection, site, instead_of, replace=replace))

    async def add_with_secrets(
        self, found: ReadSite, secrets: Secrets, *, replace: bool = False, instead_of: Site | None = None
    ) -> None:
        """Stores a site together with the secrets that stood in its file: both, or neither when one fails."""
        if found.secrets:
            await secrets.check()
        before = await self.find(found.site.name)
        await self.add(found.site, replace=replace, instead_of=instead_of)
        try:
            for name, value in found.secrets.items():
                await secrets.set(found.site.name, name, value)
        except BaseException:
            if before is not None:
                await self.add(before, replace=True)
            else:
                with contextlib.suppress(UserError):  # the first error is the one to tell
                    await secrets.remove_all(found.site.name)
                await self.remove(found.site.name)
            raise

    async def get(self, name: str) -> Site:
        """The site of that name; raises `UserError` `site.unknown` with the nearest known one."""
        site = await self.find(name)
        if site is None:
            raise _unknown(name, [each.name for each in await self.all()])
        return site

    async def find(self, name: str) -> Site | None:
        """The site of that name; None when there is none."""
        query = select(rows.c.document).where(rows.c.name == name)
        document = await self._database.read(lambda connection: connection.scalar(query))
        return None if document is None else _read(name, document)

    async def all(self) -> tuple[Site, ...]:
        """Every site, by name."""
        return await self._database.read(_all)

    async def remove(self, name: str) -> None:
        """Forgets a site and all that is recorded of it; its repository is not touched.

        Its secrets must be removed before (`Secrets.remove_all`): their names go with it.
        """
        await self._database.write(lambda connection: connection.execute(delete(rows).where(rows.c.name == name)))


def _all(connection: Connection) -> tuple[Site, ...]:
    query = select(rows.c.name, rows.c.document).order_by(rows.c.name)
    return tuple(_read(name, document) for name, document in connection.execute(query))


def _read(name: str, document: str) -> Site:
    """A stored site file, as it was written here or by another version."""
    try:
        return read(document).site
    except SiteFileError as error:
        raise UserError(
            text("The stored site {name} cannot be read. {what}", name=name, what=error.problem.what),
            text("It was left as it is; its repository is not touched."),
            error.problem.next,
            "site.unreadable",
            error.problem.detail,
        ) from error


def _store(connection: Connection, site: Site, instead_of: Site | None, *, replace: bool) -> None:
    others = {each.name: each for each in _all(connection)}
    before = others.pop(site.name, None)
    if before is not None and not replace:
        raise exists(site.name)
    if instead_of is not None and before != instead_of:
        raise changed_meanwhile(site.name)
    for other in others.values():
        if identity(other.repository) == identity(site.repository):
            raise _repository_taken(site.name, other.name)
    now = datetime.now(UTC)
    values = {"document": write(site), "changed": now}
    if before is None:
        connection.execute(insert(rows).values(name=site.name, added=now, **values))
    else:
        connection.execute(update(rows).where(rows.c.name == site.name).values(**values))


def expect_usable(site: Site) -> None:
    """Raises `UserError` `site.…` with the first fault of a site that cannot be used."""
    faults = faults_of(site)
    if faults:
        raise UserError(
            faults[0].what,
            text("The site was not stored; nothing was changed."),
            faults[0].remedy,
            f"site.{faults[0].code}",
            "\n".join(f"{'.'.join(map(str, fault.where))}: {fault.what} {fault.remedy}" for fault in faults),
        )


def _unknown(name: str, known: list[str]) -> UserError:
    near = difflib.get_close_matches(name, known, 1)
    if near:
        remedy = text('Did you mean "{near}"?', near=near[0])
    elif known:
        remedy = text("The sites on this computer are: {known}.", known=", ".join(known))
    else:
        remedy = text("No site is set up on this computer yet: overwinter site add FILE.toml")
    return UserError(
        text("There is no site {name} on this computer.", name=name),
        text("Nothing was started and nothing was changed."),
        remedy,
        "site.unknown",
    )


def exists(name: str) -> UserError:
    """The site is there already."""
    return Refused(
        text("The site {name} is already set up on this computer.", name=name),
        text("It was left as it is."),
        text("Give the new one another name, or put it in the place of the old one with --replace."),
        "site.exists",
    )


def changed_meanwhile(name: str, who: Text | str = "") -> UserError:
    """Somebody else has stored the site since it was read; `who` says it in a sentence, where that is known."""
    return Refused(
        text("The settings of {name} were changed meanwhile. {who}", name=name, who=who),
        text("Yours were not saved: they would have undone that change. They are still here."),
        text("Read the settings anew, and make your changes once more."),
        CHANGED_MEANWHILE,
    )


def _repository_taken(name: str, other: str) -> UserError:
    return Refused(
        text("The repository of {name} is the one of the site {other}.", name=name, other=other),
        text("Two sites in one repository would mix up and remove each other's recovery points. Nothing was stored."),
        text("Choose another folder or bucket for {name}.", name=name),
        "site.repository-taken",
    )
