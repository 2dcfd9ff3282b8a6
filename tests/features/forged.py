"""Recovery points that are not what they say: one of their snapshots, or their manifest, is put in another's place."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.features.console import Console

Manifest = dict[str, Any]


def throwaway_folders(console: Console) -> list[Path]:
    """The folders that this console's verifications have made and not removed."""
    runs = {folder.name[:8] for folder in (console.data / "runs").iterdir()}
    return [path for path in Path("/var/tmp").glob("overwinter_verify_*") if path.name.rpartition("_")[2] in runs]


class Forger:
    """Changes points behind Overwinter's back, with plain restic."""

    def __init__(self, console: Console, password: str) -> None:
        self._console = console
        self._password = password

    def restic(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What restic itself says; its password comes from a file, so that its input is free."""
        file = self._console.folder / "plain-password"
        file.write_text(self._password)
        repository = self._console.folder / "repository"
        command = [str(self._console.restic), "-r", str(repository), "--no-cache", "-p", str(file)]
        done = subprocess.run([*command, *arguments], input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def manifest(self, point: dict[str, Any]) -> Manifest:
        """What the point's manifest says."""
        found: Manifest = json.loads(self.restic("dump", point["manifest"], "/manifest.json"))
        return found

    def entry(self, point: dict[str, Any], source: str) -> dict[str, Any]:
        """What it says of one source."""
        found: dict[str, Any] = next(one for one in self.manifest(point)["sources"] if one["source"] == source)
        return found

    def content(self, point: dict[str, Any], source: str) -> bytes:
        """The dump of a source."""
        entry = self.entry(point, source)
        return self.restic("dump", entry["snapshot"], entry["path"])

    def change(self, point: dict[str, Any], source: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Has the manifest say something else of a source."""
        manifest = self.manifest(point)
        change(next(one for one in manifest["sources"] if one["source"] == source))
        self.replace(point["manifest"], "/manifest.json", json.dumps(manifest).encode())

    def swap(self, point: dict[str, Any], source: str, content: bytes) -> None:
        """Puts another content in the place of a source's dump; the manifest names it as its own."""
        entry = self.entry(point, source)
        made = self.replace(entry["snapshot"], entry["path"], content)
        self.change(point, source, lambda one: one.update(snapshot=made, bytes=len(content)))

    def replace(self, snapshot: str, path: str, content: bytes) -> str:
        """Another snapshot with the same tags, of the same moment; the old one goes."""
        (old,) = [one for one in json.loads(self.restic("snapshots", "--json")) if one["id"] == snapshot]
        tags = [f"--tag={tag}" for tag in old["tags"]]
        moment = old["time"][:19].replace("T", " ")
        arguments = ("--stdin", "--stdin-filename", path, "--host", old["hostname"], "--time", moment)
        said = self.restic("backup", "--json", *arguments, *tags, stdin=content)
        made = next(line for line in map(json.loads, said.splitlines()) if line["message_type"] == "summary")
        self.restic("forget", snapshot)
        identity: str = made["snapshot_id"]
        return identity
