"""The door to all secrets of sites: chooses between keyring and vault, remembers names, teaches the redactor.

The database knows the names of secrets, when they were stored and where; never a value. What is stored goes into the
keyring when there is one, into the vault when there is none at all; a keyring that is there and does not work is an
error, and what is in the one is never looked for in the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, delete, insert, select

from app.foundation.blocking import Blocking, DeadlineOver
from app.foundation.errors import Refused, UserError
from app.foundation.redact import Redactor
from app.foundation.words import Duration, Text, text
from app.settings.keyring_secrets import KeyringAbsent, KeyringSecrets
from app.settings.model import valid_secret_name
from app.settings.passphrase_file import PASSPHRASE_FILE_VARIABLE, read_passphrase
from app.settings.places import Places
from app.settings.secret_store import SecretStore, Where, check_value
from app.settings.vault import VaultSecrets, vault_locked
from app.store.engine import Database
from app.store.tables import secret_names as rows
from app.store.tables import sites

T = TypeVar("T")

DEADLINE = 10.0
"""Seconds that a keyring may take; one that asks a person for its password may need more."""


class PassphraseQuestion(msgspec.Struct, frozen=True):
    """Asks a person for the vault's passphrase; a new one (`is_new`) should be typed twice."""

    prompt: Text
    is_new: bool


AskPassphrase = Callable[[PassphraseQuestion], Awaitable[str | None]]
"""Gives the passphrase, or None when there is nobody to ask or the person does not want to."""


class StoredSecret(msgspec.Struct, frozen=True):
    """What is known of a secret besides its value."""

    name: str
    stored_at: datetime
    where: Where


class Secrets:
    """All secrets, by site and name. Every value that comes out of here, or goes in, is known to the redactor."""

    def __init__(
        self,
        places: Places,
        database: Database,
        blocking: Blocking,
        redactor: Redactor,
        *,
        ask_passphrase: AskPassphrase | None = None,
        environ: Mapping[str, str] = os.environ,
        deadline: float = DEADLINE,
        keyring: KeyringSecrets | None = None,
        vault: VaultSecrets | None = None,
    ) -> None:
        """`deadline` is in seconds, for each thing that is asked of the keyring."""
        self._database = database
        self._blocking = blocking
        self._redactor = redactor
        self._ask_passphrase = ask_passphrase
        self._environ = environ
        self._deadline = deadline
        self._keyring = keyring or KeyringSecrets(places)
        self._vault = vault or VaultSecrets(places.vault, places.locks / "vault.lock")
        self._opening = asyncio.Lock()  # a person is asked for the passphrase once, not by everybody who waits for it

    async def get(self, site: str, name: str, *, ask: bool = True) -> str | None:
        """The secret, taught to the redactor (whoever is done with it forgets it there); None when none is stored.

        Without `ask` nobody is asked for the vault's passphrase: a vault that is not open stays closed.
        Raises `UserError` `secrets.locked`, `.absent`, `.slow`, `.refused`, `.vault-locked`, … when it cannot be
        read, and `secrets.gone` when it was stored and is not there any more.
        """
        stored = await self._stored(site, name)
        if stored is None:
            return None
        store = self._keyring if stored.where is Where.KEYRING else await self._open_vault(make=False, ask=ask)
        value = await self._call(lambda: store.get(site, name), _NOTHING_CHANGED)
        if value is None:
            raise _gone(site, name, stored.where)
        self._redactor.teach(value)
        return value

    async def set(self, site: str, name: str, value: str) -> Where:
        """Stores the secret in place of the one before, reads it back, and says where it is kept.

        Where there is no keyring the first secret makes the vault, after asking for a passphrase.
        """
        _check_name(name)
        check_value(value)
        self._redactor.teach(value)
        await self._database.read(lambda connection: _check_site(connection, site))
        where, store = await self._place_for(await self._stored(site, name))
        await self._call(lambda: store.set(site, name, value), _UNKNOWN_WHETHER_STORED)
        stored = StoredSecret(name, datetime.now(UTC), where)
        await self._database.write(lambda connection: _remember(connection, site, stored))
        return where

    async def remove(self, site: str, name: str) -> None:
        """Removes the secret; one that is not stored is success."""
        stored = await self._stored(site, name)
        if stored is None:
            return
        if stored.where is Where.KEYRING:
            await self._call(lambda: self._keyring.remove(site, name), _UNKNOWN_WHETHER_STORED)
        else:
            await self._remove_from_vault(site, name)
        await self._database.write(lambda connection: _forget(connection, site, name))

    async def _remove_from_vault(self, site: str, name: str) -> None:
        if await self._vault_exists():
            vault = await self._open_vault(make=False)
            await self._call(lambda: vault.remove(site, name), _UNKNOWN_WHETHER_STORED)
        with contextlib.suppress(UserError):  # a copy of the time when there was a keyring, if it is back
            await self._call(lambda: self._keyring.remove(site, name), _UNKNOWN_WHETHER_STORED)

    async def remove_all(self, site: str) -> tuple[str, ...]:
        """Removes every secret of a site; gives the names of those that stay behind in a keyring that is not here."""
        left: list[str] = []
        for stored in await self.names(site):
            try:
                await self.remove(site, stored.name)
            except KeyringAbsent:  # it may never come back: a site must be removable all the same
                left.append(stored.name)
        return tuple(left)

    async def names(self, site: str) -> tuple[StoredSecret, ...]:
        """What is stored for a site, by name; values are not read, a locked keyring does not matter."""
        return await self._database.read(lambda connection: _names(connection, site))

    async def check(self) -> Where:
        """Where a new secret would be kept; raises what would keep it from being stored."""
        where, store = await self._place_for(None)
        await self._call(store.check, _NOTHING_CHANGED)
        return where

    async def _stored(self, site: str, name: str) -> StoredSecret | None:
        return next((stored for stored in await self.names(site) if stored.name == name), None)

    async def _place_for(self, stored: StoredSecret | None) -> tuple[Where, SecretStore]:
        """Where a value goes: into the vault if its name is there, else into the keyring if there is one at all."""
        if stored is not None and stored.where is Where.VAULT and await self._vault_exists():
            return Where.VAULT, await self._open_vault(make=False)
        try:
            await self._call(self._keyring.check, _NOTHING_CHANGED)
        except KeyringAbsent:
            return Where.VAULT, await self._open_vault(make=True)
        return Where.KEYRING, self._keyring

    async def _vault_exists(self) -> bool:
        return await self._call(self._vault.exists, _NOTHING_CHANGED)

    async def _open_vault(self, *, make: bool, ask: bool = True) -> VaultSecrets:
        """The vault, with its passphrase given; with `make` it is made where there is none."""
        async with self._opening:
            exists = await self._vault_exists()
            if not exists and not make:
                raise self._vault.missing()
            if not exists or not self._vault.is_unlocked():
                passphrase = await self._passphrase(is_new=not exists, ask=ask)
                self._redactor.teach(passphrase)
                unlock = self._vault.unlock if exists else self._vault.make
                await self._call(lambda: unlock(passphrase), _NOTHING_CHANGED)
            return self._vault

    async def _passphrase(self, *, is_new: bool, ask: bool) -> str:
        file = self._environ.get(PASSPHRASE_FILE_VARIABLE)
        if file:
            return await self._call(lambda: read_passphrase(Path(file)), _NOTHING_CHANGED)
        prompt = text("New passphrase for the secrets") if is_new else text("Passphrase of the secrets")
        somebody = self._ask_passphrase if ask else None
        passphrase = await somebody(PassphraseQuestion(prompt, is_new)) if somebody else None
        if not passphrase:
            raise vault_locked()
        return passphrase

    async def _call(self, work: Callable[[], T], means: Text) -> T:
        """Does what may block, off the loop and within the deadline."""
        try:
            return await self._blocking.call("secrets", work, deadline=self._deadline)
        except DeadlineOver as error:
            raise UserError(
                text("Reading or storing a secret took longer than {time}.", time=Duration(self._deadline)),
                means,
                text("If the keyring is asking for its password in a window somewhere, answer it; then try again."),
                "secrets.slow",
            ) from error


_NOTHING_CHANGED = text("Nothing was started and nothing was changed.")
_UNKNOWN_WHETHER_STORED = text("It is not known whether the change was made.")


def _names(connection: Connection, site: str) -> tuple[StoredSecret, ...]:
    query = select(rows.c.name, rows.c.stored_at, rows.c.where).where(rows.c.site == site).order_by(rows.c.name)
    return tuple(StoredSecret(name, at, Where(where)) for name, at, where in connection.execute(query))


def _check_site(connection: Connection, site: str) -> None:
    if connection.scalar(select(sites.c.name).where(sites.c.name == site)) is None:
        raise Refused(
            text("There is no site {name} on this computer.", name=site),
            text("Nothing was stored."),
            text("Add the site first: overwinter site add FILE.toml"),
            "site.unknown",
        )


def _forget(connection: Connection, site: str, name: str) -> None:
    connection.execute(delete(rows).where(rows.c.site == site, rows.c.name == name))


def _remember(connection: Connection, site: str, stored: StoredSecret) -> None:
    _forget(connection, site, stored.name)
    values = {"name": stored.name, "stored_at": stored.stored_at, "where": stored.where.value}
    connection.execute(insert(rows).values(site=site, **values))


def _check_name(name: str) -> None:
    if not valid_secret_name(name):
        raise Refused(
            text("There is no secret of the name {name}.", name=name),
            text("Nothing was stored."),
            text("Names are such as repository-password, s3-access-key, source:NAME:password, host:NAME:password."),
            "secrets.unknown-name",
        )


def _gone(site: str, name: str, where: Where) -> UserError:
    return UserError(
        text("The secret {name} of {site} is not in the {where} any more.", name=name, site=site, where=where.value),
        text("Nothing was started and nothing was changed."),
        text("Store it again: overwinter secret set {site} {name}", site=site, name=name),
        "secrets.gone",
    )
