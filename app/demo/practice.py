"""One practice: the folder of everything, what is where in it, and its description as a site."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import NoReturn

import msgspec

from app.demo.server import PracticeServer
from app.foundation.words import text
from app.hosts.files import writing
from app.settings.keyring_secrets import KeyringAbsent, KeyringSecrets
from app.settings.model import Repository, Site, Source, SourceKind
from app.settings.places import Places

SITE = "practice-house"
FILES, DATABASE = "laravel", "database"
"""The names of its sources."""
DATABASE_PASSWORD = f"source:{DATABASE}:password"


class Practice(msgspec.Struct, frozen=True):
    """What is where. All of it is below `folder`, and goes with it; `name` tells this practice from any other."""

    name: str
    folder: Path

    @property
    def root(self) -> Path:
        """The tree of the greenhouse's server: what there is to lose."""
        return self.folder / "greenhouse"

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

    def make(self) -> None:
        """Makes the folder, which must not be there yet, for its owner only. Blocks; raises `UserError` `host.…`."""
        with writing(self.folder):
            self.folder.mkdir(mode=0o700, parents=True)
            self.saved.mkdir()
            self.passphrase_file.touch(mode=0o600)
            self.passphrase_file.write_text(new_secret(), "ascii")

    def site(self, title: str, server: PracticeServer | None) -> Site:
        """The greenhouse as a site: its tree, and its database where it has one."""
        database = () if server is None else (_database(server),)
        tree = Source(name=FILES, kind=SourceKind.FILES, layer=FILES, root=str(self.root), exclude=("storage/logs",))
        repository = Repository(url=str(self.repository))
        sources = (*database, tree)
        return Site(name=SITE, title=title, app="hydro", env="practice", repository=repository, sources=sources)

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


def _database(server: PracticeServer) -> Source:
    address = server.address
    return Source(
        name=DATABASE,
        kind=SourceKind.POSTGRESQL,
        database=address.database,
        server=address.server,
        port=address.port,
        user=address.user,
    )


def _no_keyring() -> NoReturn:
    raise KeyringAbsent(
        text("A practice greenhouse uses no keyring."),
        text("Its secrets are in a vault of its own, and go with it."),
        text("Set up a real site to keep secrets in the keyring."),
        "secrets.absent",
    )
