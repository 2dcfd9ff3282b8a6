"""Overwinter as a technician starts it: the real program in a process of its own, on a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.settings.vault import ArgonCost, VaultSecrets
from tests.real.servers.restic import fresh_repository

ROOT = Path(__file__).resolve().parents[2]
READY = """
import os, sys
sys.path.insert(0, {root!r})
from app.cli.commands import run_command_line
import app.assembly, app.jobs.look.job, app.runs.runner, app.settings.keyring_secrets, app.store.versions, getpass, pwd
{become}
print("ready", file=sys.stderr, flush=True)
sys.stdin.readline()
sys.exit(run_command_line(sys.argv[1:]))
"""

PASSPHRASE = "correct horse battery staple"
CHEAP = ArgonCost(memory=32, passes=1, lanes=4)


@dataclass(frozen=True)
class Said:
    """What a command ended with and said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[Any]:
        """The objects on standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> dict[str, str]:
        """The error on standard error."""
        return next(json.loads(line)["error"] for line in self.err.splitlines() if line.startswith('{"error"'))


@dataclass
class Console:
    """Runs commands on one data folder; its secrets are in a vault, as on a server without a keyring."""

    folder: Path
    restic: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        passphrase = self.folder / "passphrase"
        passphrase.write_text(PASSPHRASE)
        passphrase.chmod(0o600)
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self.environment = {
            **inherited,
            "HOME": str(self.folder),
            "OVERWINTER_RESTIC": str(self.restic),
            "OVERWINTER_VAULT_PASSPHRASE_FILE": str(passphrase),
            **self.environment,
        }

    @property
    def data(self) -> Path:
        """The data folder of the program."""
        return self.folder / "data"

    def command(self, *arguments: str) -> list[str]:
        """The command as an argument list."""
        return [sys.executable, str(ROOT / "main.py"), "--data", str(self.data), "--json", *arguments]

    def run(self, *arguments: str, stdin: str = "", expect: int | None = 0, timeout: float = 120) -> Said:
        """Runs one command to its end; `expect` is the exit code it must have, None for any."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin.encode(),
            capture_output=True,
            env=self.environment,
            timeout=timeout,
            check=False,
        )
        said = Said(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
        assert expect is None or said.code == expect, f"exit {said.code}\n{said.out}\n{said.err}"
        return said

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts a command and leaves it running."""
        return subprocess.Popen(
            self.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.environment,
        )  # fmt: skip

    def start_ready(self, *arguments: str, user: int | None = None) -> subprocess.Popen[bytes]:
        """A command that has everything loaded and begins when it reads a line; as that user, where one is given.

        Python itself may be closed to another user, which is why that one comes in when all is loaded.
        """
        become = "" if user is None else f"os.setgroups([]); os.setgid({user}); os.setuid({user})"
        code = READY.format(root=str(ROOT), become=become)
        begun = subprocess.Popen(
            [sys.executable, "-c", code, *self.command(*arguments)[2:]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment,
        )  # fmt: skip
        assert begun.stderr is not None
        assert begun.stderr.readline() == b"ready\n"
        return begun

    def run_as(self, user: int, *arguments: str) -> Said:
        """Runs one command as another user of the computer; the folders above this one are opened to it."""
        if sys.platform == "win32":
            raise AssertionError("Windows knows no such users")
        for folder in (self.folder, *self.folder.parents):
            if folder.is_relative_to(tempfile.gettempdir()):
                folder.chmod(folder.stat().st_mode | 0o055)
        out, err = (begun := self.start_ready(*arguments, user=user)).communicate(b"\n", timeout=120)
        return Said(begun.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))

    def add_site(self, site_file: str, secrets: dict[str, str]) -> None:
        """Sets a site up with its secrets, and a repository and a vault whose keys are cheap: all start at once."""
        if "DBUS_SESSION_BUS_ADDRESS" not in self.environment:  # there is no keyring
            VaultSecrets(self.data / "vault", self.data / "locks" / "vault.lock", CHEAP).make(PASSPHRASE)
        file = self.folder / "site.toml"
        file.write_text(site_file, "utf-8")
        site = self.run("site", "add", str(file)).json["site"]
        for name, value in secrets.items():
            self.run("secret", "set", site, name, stdin=value + "\n")
        fresh_repository(str(self.restic), self.folder / "repository", secrets["repository-password"])
