"""The same work without Overwinter: restic as anybody starts it, in a repository and with a cache of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.bench.measure import finished
from tests.features.greenhouse import DATABASE, PASSWORD, REPOSITORY_PASSWORD, USER
from tests.real.servers.postgresql import PostgresServer


class ByHand:
    """restic on one repository below `folder`, and pg_dump on one server."""

    def __init__(self, folder: Path, restic: Path, server: PostgresServer, like: Path | None = None) -> None:
        """Makes the repository. With `like`, another one, both cut what they store in the same places.

        Those places are drawn by lot for each repository, and a growth of a few megabytes would be that lot's.
        """
        self.repository = folder / "repository"
        self._server = server
        self._restic = restic
        self._folder = folder
        folder.mkdir()
        self._password = self._secret_file("password", REPOSITORY_PASSWORD + "\n")
        login = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
        self._pgpass = self._secret_file("pgpass", f"127.0.0.1:*:*:{USER}:{login}\n")
        other = ["--from-repo", str(like), "--from-password-file", str(self._password), "--copy-chunker-params"]
        self._run("init", *(other if like else []))

    def back_up_dump(self, *options: str) -> dict[str, Any]:
        """`restic backup --stdin-from-command -- pg_dump -Fc -Z0 …`; gives restic's summary."""
        taken = ["--stdin-filename", "/database.dump", "--stdin-from-command", "--", *self._pg_dump("-Fc", "-Z0")]
        return self._run("backup", *options, *taken)

    def back_up_tree(self, root: Path, *options: str) -> dict[str, Any]:
        """`restic backup …` of a tree, or of one file; gives restic's summary."""
        return self._run("backup", *options, str(root))

    def back_up_gzip(self) -> dict[str, Any]:
        """`pg_dump | gzip` into a file, as scripts do, and that file into the repository."""
        target = self._folder / "database.sql.gz"
        with target.open("wb") as file, subprocess.Popen(
            self._pg_dump(), stdout=subprocess.PIPE, env=self._environment
        ) as dump:  # fmt: skip
            subprocess.run(["gzip"], stdin=dump.stdout, stdout=file, check=True)
        assert dump.returncode == 0
        return self.back_up_tree(target)

    def _pg_dump(self, *options: str) -> list[str]:
        server = self._server
        where = f"host={server.host} port={server.port} user={USER} dbname={DATABASE}"
        return [str(server.bin / "pg_dump"), *options, f"--dbname={where}"]

    def _run(self, command: str, *arguments: str) -> dict[str, Any]:
        places = {"--repo": self.repository, "--password-file": self._password, "--cache-dir": self._folder / "cache"}
        options = [f"{name}={path}" for name, path in places.items()]
        said = self._folder / "said"
        with said.open("wb") as out:
            process = subprocess.Popen(
                [str(self._restic), *options, "--json", command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                env=self._environment,
                start_new_session=True,
            )
            code = finished(process)
        lines = said.read_text("utf-8").splitlines()
        assert code == 0, "\n".join(lines)
        summary: dict[str, Any] = json.loads(lines[-1])
        return summary

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "PGPASSFILE": str(self._pgpass),
            "RESTIC_PROGRESS_FPS": "1",
        }

    def _secret_file(self, name: str, content: str) -> Path:
        path = self._folder / name
        path.touch(0o600)
        path.write_text(content)
        return path
