"""restic's official release files: which ones `tools.lock` knows, downloaded and held against their SHA-256."""

from __future__ import annotations

import bz2
import hashlib
import platform
import sys
import tomllib
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

from installer.console import SetupFailed
from installer.places import ROOT

TOOLS_LOCK = ROOT / "installer" / "tools.lock"
ADDRESS = "https://github.com/restic/restic/releases/download"
LARGEST = 64 * 1024 * 1024
"""Bytes; no release file comes near, so a download that grows past it is not one."""

SYSTEMS = {"linux": "linux", "darwin": "darwin", "win32": "windows"}
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Release:
    """One release file and the SHA-256 it must have; `target` is `<system>_<machine>` as restic names them."""

    version: str
    target: str
    file: str
    sha256: str

    @property
    def series(self) -> tuple[int, ...]:
        """The version in numbers."""
        return tuple(int(part) for part in self.version.split("."))


def read_lock(text: str) -> list[Release]:
    """The release files that `tools.lock` vouches for, newest first."""
    releases = [
        Release(entry["version"], target, file, sha256)
        for entry in tomllib.loads(text)["restic"]
        for target, (file, sha256) in entry["files"].items()
    ]
    return sorted(releases, key=lambda release: release.series, reverse=True)


def for_this_computer() -> list[Release]:
    """The vouched-for files that run here, newest first; empty where there are none."""
    target = f"{SYSTEMS.get(sys.platform)}_{MACHINES.get(platform.machine().lower())}"
    return [release for release in read_lock(TOOLS_LOCK.read_text()) if release.target == target]


def download(release: Release, work: Path, address: str) -> Path:
    """Download the file into `work`, check it, and return the program unpacked from it; unchecked bytes never run."""
    url = f"{address}/v{release.version}/{release.file}"
    file = work / release.file
    try:
        found = _fetch(url, file)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise SetupFailed(
            f"{url} could not be downloaded: {error}.",
            "restic is still missing; nothing was changed.",
            "Look at the network connection (or the proxy: https_proxy), then type the same line again.",
        ) from error
    if found != release.sha256:
        file.unlink()
        raise SetupFailed(
            f"{url} is not the file that installer/tools.lock vouches for (SHA-256 {found}).",
            "It was deleted without being opened or run; restic is still missing.",
            "Try from another network. If it stays so, tell the makers of Overwinter and do not use the file.",
        )
    return _unpack(file, work / ("restic.exe" if release.target.startswith("windows_") else "restic"))


def _fetch(url: str, file: Path) -> str:
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=30) as response, file.open("wb") as out:
        while chunk := response.read(1 << 20):
            digest.update(chunk)
            out.write(chunk)
            if out.tell() > LARGEST:
                raise ConnectionError(f"more than {LARGEST} bytes")
    return digest.hexdigest()


def _unpack(file: Path, program: Path) -> Path:
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            (member,) = (name for name in archive.namelist() if name.endswith(".exe"))
            program.write_bytes(archive.read(member))
    else:
        program.write_bytes(bz2.decompress(file.read_bytes()))
    program.chmod(0o755)
    return program
