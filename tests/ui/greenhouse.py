"""A small greenhouse for the window's tests: a few files, a site file, a repository whose key is quickly derived."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.guards import descendants
from tests.real.servers.restic import fresh_repository

if TYPE_CHECKING:
    from app.assembly import Overwinter

SITE = "north-house"
TITLE = "Северная теплица"
PASSWORD = "canary-Zimni+zahrada"
PASSWORD_NAME = "repository-password"
PASSPHRASE = "correct horse battery staple"
ENDLESS = 16 * 2**30  # bytes of nothing: far more than a test waits for


@dataclass(frozen=True)
class Greenhouse:
    """What is backed up and where to, all below one folder."""

    folder: Path
    name: str = SITE
    title: str = TITLE
    sources: tuple[str, ...] = ("laravel",)

    @property
    def repository(self) -> Path:
        """Where its backups go."""
        return self.folder / "repository"

    @property
    def data(self) -> Path:
        """The program's own folder."""
        return self.folder / "data"

    def root(self, source: str = "laravel") -> Path:
        """What one source takes."""
        return self.folder / source

    def grow(self, files: int = 20) -> Greenhouse:
        """Puts some files into every source."""
        for source in self.sources:
            self.root(source).mkdir(parents=True)
            for number in range(files):
                (self.root(source) / f"file-{number}").write_bytes(f"{source} {number}\n".encode() * 100)
        return self

    def make_endless(self) -> None:
        """Gives the first source so much to take that it does not end by itself."""
        with (self.root(self.sources[0]) / "endless").open("wb") as file:
            file.truncate(ENDLESS)

    @property
    def site_file(self) -> Path:
        """Its site file."""
        file = self.folder / "site.toml"
        file.write_text(self.toml, "utf-8")
        return file

    @property
    def toml(self) -> str:
        """What its site file says."""
        head = f'format = 1\nname = "{self.name}"\ntitle = "{self.title}"\n[repository]\nurl = "{self.repository}"\n'
        each = '[[sources]]\nname = "{0}"\nkind = "files"\nlayer = "{0}"\nroot = "{1}"\n'
        keep = "[retention]\nkeep_last = 20\n"  # else only the day's last point would stay
        return head + "".join(each.format(source, self.root(source)) for source in self.sources) + keep

    def make_repository(self, restic: str) -> None:
        """Makes its repository, by the way that costs no time."""
        fresh_repository(restic, self.repository, PASSWORD)

    async def set_up(self, app: Overwinter) -> None:
        """Adds the site with its password to the program."""
        await app.add_site(self.toml.encode())
        await app.set_secret(self.name, PASSWORD_NAME, PASSWORD)

    def environment(self, restic: str) -> dict[str, str]:
        """What a program of its own has to be started with, so that it knows this greenhouse and nothing else."""
        passphrase = self.folder / "passphrase"
        passphrase.write_text(PASSPHRASE)
        passphrase.chmod(0o600)
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {
            **inherited,
            "HOME": str(self.folder),
            "QT_QPA_PLATFORM": "offscreen",
            "OVERWINTER_DATA": str(self.data),
            "OVERWINTER_RESTIC": restic,
            "OVERWINTER_VAULT_PASSPHRASE_FILE": str(passphrase),
        }

    def locks(self) -> list[Path]:
        """What restic has left locked."""
        return list((self.repository / "locks").iterdir())


def restics_running() -> list[psutil.Process]:
    """The restics that this process started and that still run."""
    return [process for process in descendants() if process.name().startswith("restic")]
