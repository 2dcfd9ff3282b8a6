"""Where Overwinter keeps things on this computer: all of it below one data folder."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
import platformdirs

from app.foundation.errors import Refused, UserError
from app.foundation.words import text
from app.settings.private_files import locked, make_folder, read_file, write_file

DATA_FOLDER_VARIABLE = "OVERWINTER_DATA"
LOCK_WAIT = 5.0

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_INSTALLATION = re.compile(rb"[0-9a-f]{12}\n\Z")


class Places(msgspec.Struct, frozen=True):
    """The data folder and what is where in it. Properties only name places; `ready` makes the folders.

    `<data>/tools/<program>/<version>/<program>` is where the installer puts private copies of outside programs.
    """

    data: Path

    @property
    def database(self) -> Path:
        """The built-in database (a file)."""
        return self.data / "overwinter.db"

    @property
    def runs(self) -> Path:
        """One folder per run: its events and its log."""
        return self.data / "runs"

    def run_folder(self, run: str) -> Path:
        """The folder of one run. Refuses what cannot be a run's id, such as a path out of `runs`."""
        if not _RUN_ID.match(run):
            raise Refused(
                text("{run} is not the id of a run.", run=run),
                text("Nothing was changed."),
                text("Choose a run from the list of runs."),
                "places.no-run-id",
            )
        return self.runs / run

    @property
    def cache(self) -> Path:
        """What can be made again: restic's cache, lists of snapshots, indexes."""
        return self.data / "cache"

    @property
    def catalogue(self) -> Path:
        """Lists of snapshots and the names in them."""
        return self.cache / "catalogue"

    @property
    def overviews(self) -> Path:
        """What each site was known to be last, for the next start."""
        return self.cache / "overviews"

    @property
    def scratch(self) -> Path:
        """Temporary files of runs; what a dead run left is removed."""
        return self.data / "scratch"

    def verifications(self, site: str) -> Path:
        """The logs of a site's verifications; made with the first one."""
        return self.data / "verify" / site

    @property
    def cutovers(self) -> Path:
        """The staging plans of restores: of those that are unfinished, and of those that can be taken back."""
        return self.data / "cutovers"

    @property
    def tools(self) -> Path:
        """Private copies of outside programs."""
        return self.data / "tools"

    @property
    def vault(self) -> Path:
        """The encrypted file of secrets where there is no keyring."""
        return self.data / "vault"

    @property
    def sealed(self) -> Path:
        """Secrets too long for the keyring, encrypted under keys that are in it."""
        return self.data / "sealed"

    @property
    def known_hosts(self) -> Path:
        """The pinned host keys of servers, one file per site."""
        return self.data / "known-hosts"

    @property
    def locks(self) -> Path:
        """Lock files between processes; empty, never removed."""
        return self.data / "locks"

    def ready(self) -> None:
        """Makes the folders that are missing, for their owner only. Blocks; raises `UserError` `places.…`."""
        for folder in (self.data, self.runs, self.cache, self.scratch, self.cutovers, self.locks):
            make_folder(folder)

    def installation(self) -> str:
        """Twelve characters that tell this data folder from any other, made at random on first use.

        Two data folders of one person may each have a site `north-house`; the keyring they share must not mix them up.
        Blocks; raises `UserError` `places.…`.
        """
        file = self.data / "installation"
        with locked(self.locks / "installation.lock", LOCK_WAIT):
            content = read_file(file)
            if content is None:
                content = secrets.token_hex(6).encode() + b"\n"
                write_file(file, content)
        if not _INSTALLATION.match(content):
            raise UserError(
                text("The file {path} is damaged.", path=str(file)),
                text("Without it the secrets of this data folder cannot be found in the keyring. Nothing was changed."),
                text(
                    "Put the file back from a copy of the data folder. If there is none, "
                    "remove it and store the secrets anew."
                ),
                "places.installation-damaged",
            )
        return content.strip().decode()


def places(data: Path | str | None = None, environ: Mapping[str, str] = os.environ) -> Places:
    """The places below `data`, or below `OVERWINTER_DATA`, or where the platform keeps a person's data."""
    chosen = data or environ.get(DATA_FOLDER_VARIABLE) or platformdirs.user_data_dir("overwinter", appauthor=False)
    return Places(Path(chosen).expanduser().absolute())
