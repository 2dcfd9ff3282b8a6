"""One practice: the folder of everything, what is where in it, and its description as a site."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import msgspec

from app.demo.mariadb import PracticeMariadb
from app.demo.postgresql import PracticeServer
from app.foundation.words import text
from app.hosts.files import writing
from app.settings.contacts import Contact, RunbookNotes
from app.settings.keyring_secrets import KeyringAbsent, KeyringSecrets
from app.settings.model import Site, Source
from app.settings.places import Places
from app.settings.presets import Use, Value, filled, new_site, with_parts
from app.tools.mysql.server import Server as MysqlServer
from app.tools.postgres.server import Server as PostgresqlServer

SITE = "practice-house"
FILES, BROKER, TELEMETRY, DATABASE, RECIPES = "laravel", "broker", "telemetry", "database", "recipes"
"""The names of its sources."""


class Equipped(msgspec.Struct, frozen=True):
    """What of a greenhouse this computer has the programs for."""

    postgresql: PracticeServer | None = None
    mariadb: PracticeMariadb | None = None
    php: str | None = None

    def secrets(self) -> dict[str, str]:
        """The passwords of its databases by the names of their secrets."""
        servers = {DATABASE: self.postgresql, RECIPES: self.mariadb}
        return {f"source:{name}:password": one.password for name, one in servers.items() if one is not None}


class Practice(msgspec.Struct, frozen=True):
    """What is where. All of it is below `folder`, and goes with it; `name` tells this practice from any other."""

    name: str
    folder: Path

    @property
    def root(self) -> Path:
        """The tree of the greenhouse's server: what there is to lose."""
        return self.folder / "greenhouse"

    @property
    def picture(self) -> Path:
        """A file in that tree, to be saved out again."""
        return self.root / "storage" / "app" / "public" / "beds" / "bed-1.bmp"

    @property
    def broker(self) -> Path:
        """The folder of the broker's configuration."""
        return self.folder / "mosquitto"

    @property
    def telemetry(self) -> Path:
        """The SQLite file in that tree."""
        return self.root / "storage" / "telemetry.sqlite"

    @property
    def site_file(self) -> Path:
        """The description of the site."""
        return self.folder / f"{SITE}.toml"

    @property
    def repository(self) -> Path:
        """Where the backups go."""
        return self.folder / "repository"

    @property
    def places(self) -> Places:
        """The program's own data folder, never the person's."""
        return Places(self.folder / "data")

    @property
    def passphrase_file(self) -> Path:
        """The passphrase of the practice's vault, so that nobody has to be asked for it."""
        return self.folder / "passphrase"

    @property
    def saved(self) -> Path:
        """Where files are saved out to."""
        return self.folder / "saved"

    @property
    def restored(self) -> Path:
        """Where trees are restored to; made by the restore."""
        return self.folder / "restored"

    def make(self) -> None:
        """Makes the folder, which must not be there yet, for its owner only. Blocks; raises `UserError` `host.…`."""
        with writing(self.folder):
            self.folder.mkdir(mode=0o700, parents=True)
            self.saved.mkdir()
            self.passphrase_file.touch(mode=0o600)
            self.passphrase_file.write_text(new_secret(), "ascii")

    def site(self, title: str, equipped: Equipped) -> Site:
        """The greenhouse as a site, out of the same presets as any other."""
        files = Use("laravel", FILES, values={"root": str(self.root), "db": "none"})
        broker = Use("mosquitto", BROKER, values={"config": str(self.broker), "data": "", "unit": ""})
        telemetry = Use("sqlite", TELEMETRY, values={"file": str(self.telemetry)})
        uses = [*_databases(equipped), telemetry, broker]
        application = filled(files)
        if equipped.php is None:
            application = msgspec.structs.replace(application, commands=())
        made = with_parts(new_site(SITE, title, str(self.repository), (), uses), application)
        return msgspec.structs.replace(
            made,
            app="hydro",
            env="practice",
            sources=tuple(self._without_live_database(source) for source in made.sources),
            contacts=(Contact(name="You", role="technician in training"),),
            runbook=RunbookNotes(kit="a practice has none"),
        )

    def _without_live_database(self, source: Source) -> Source:
        """Telemetry is a source of its own: a copy of a file that is written to may be torn."""
        if source.name != FILES:
            return source
        name = self.telemetry.relative_to(self.root).as_posix()
        return msgspec.structs.replace(source, exclude=(*source.exclude, f"{name}*"))

    def keyring(self) -> KeyringSecrets:
        """No keyring: the person's own is left alone, so the practice's secrets go into a vault of its own."""
        return KeyringSecrets(self.places, find=_no_keyring)


def new_practice(keep: Path | None) -> Practice:
    """A practice in `keep`, or under a new name in the system's temporary folder. Nothing is made yet."""
    name = f"overwinter-practice-{secrets.token_hex(4)}"
    return Practice(name, (keep or Path(tempfile.gettempdir(), name)).absolute())


def new_secret() -> str:
    """A password for something that only this practice knows."""
    return secrets.token_urlsafe()


def _databases(equipped: Equipped) -> Iterator[Use]:
    if equipped.postgresql is not None:
        yield Use("postgresql", DATABASE, values=_values(equipped.postgresql.address))
    if equipped.mariadb is not None:
        yield Use("mysql", RECIPES, values=_values(equipped.mariadb.address))


def _values(address: PostgresqlServer | MysqlServer) -> dict[str, Value]:
    return {
        "database": address.database, "server": address.server, "port": address.port, "user": address.user,
    }  # fmt: skip


def _no_keyring() -> NoReturn:
    raise KeyringAbsent(
        text("A practice greenhouse uses no keyring."),
        text("Its secrets are in a vault of its own, and go with it."),
        text("Set up a real site to keep secrets in the keyring."),
        "secrets.absent",
    )
