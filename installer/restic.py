"""restic for Overwinter: the one that is there when it is new enough, else a private copy fetched and checked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from installer import debian, releases
from installer.console import SetupFailed, say
from installer.places import tools_folder
from installer.system_packages import Family, family, line_to_type

Version = tuple[int, int, int]

MINIMUM: Version = (0, 18, 0)
PROGRAM = "restic.exe" if sys.platform == "win32" else "restic"
UNFINISHED = ".unfinished-"
VERSION_LINE = re.compile(r"restic (\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class Restic:
    """A restic that starts, and the version it says it is."""

    path: Path
    version: Version

    def __str__(self) -> str:
        return f"restic {'.'.join(map(str, self.version))} ({self.path})"


def parse_version(text: str) -> Version | None:
    """The version in the output of `restic version`, or in a package's version; None when there is none."""
    match = VERSION_LINE.match(text if text.startswith("restic ") else f"restic {text}")
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def version_of(program: Path) -> Version | None:
    """What the program says of itself; None when it does not start or is not restic."""
    try:
        done = subprocess.run([program, "version"], capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(done.stdout.decode(errors="replace")) if done.returncode == 0 else None


def is_fit(version: Version, series: tuple[int, int] | None) -> bool:
    """New enough and, when a series is asked for (0.18), of that series."""
    return version >= MINIMUM and series in (None, version[:2])


def find(series: tuple[int, int] | None = None) -> Restic | None:
    """The restic to use: named in OVERWINTER_RESTIC, on the PATH, or the newest private copy; None when none is fit."""
    named = [os.environ.get("OVERWINTER_RESTIC"), shutil.which("restic")]
    for name in filter(None, named):
        version = version_of(Path(name))
        if version and is_fit(version, series):
            return Restic(Path(name), version)
    return max((copy for copy in _private_copies() if is_fit(copy.version, series)), key=_by_version, default=None)


def _by_version(restic: Restic) -> Version:
    return restic.version


def _private_copies() -> list[Restic]:
    programs = (tools_folder() / "restic").glob(f"[0-9]*/{PROGRAM}")
    return [Restic(program, version) for program in programs if (version := parse_version(program.parent.name))]


def can_be_fetched(platform_name: str, release: Mapping[str, str]) -> bool:
    """Whether there is a way to a private copy: apt on the Debian family, a vouched-for release file elsewhere."""
    if family(platform_name, release) is Family.APT:
        return debian.can_fetch()
    return bool(releases.for_this_computer())


def fetch(platform_name: str, release: Mapping[str, str], series: tuple[int, int] | None = None) -> Restic:
    """Bring a private copy into the tools folder: whole and checked, or not at all.

    On the Debian family from a newer suite; the official release file elsewhere, or when no suite delivers.
    """
    failures: list[SetupFailed] = []
    for way in _ways(platform_name, release, series):
        try:
            if restic := way():
                return restic
        except SetupFailed as failure:
            failures.append(failure)
    line = line_to_type([], True, platform_name, release)
    raise SetupFailed(
        "restic could not be fetched.",
        "Overwinter cannot back up without it; what was in place before is as it was.",
        f"Look at the network connection, then type this line:\n  {line}",
        output="\n\n".join(f"{failure.output}\n{failure.what}".strip() for failure in failures),
    )


def _ways(
    platform_name: str, release: Mapping[str, str], series: tuple[int, int] | None
) -> Iterator[Callable[[], Restic | None]]:
    if family(platform_name, release) is Family.APT and debian.can_fetch():
        archive = debian.archive_of(debian.machine_sources(), release)
        if archive is None:
            say("The apt sources of this computer name no Debian or Ubuntu archive; restic cannot come from there.")
        else:
            yield from (partial(_from_suite, archive, suite, series) for suite in debian.SUITES[archive.distribution])
    for entry in releases.for_this_computer():
        if (version := parse_version(entry.version)) and is_fit(version, series):
            yield partial(fetch_release, entry)


def _from_suite(archive: debian.Archive, suite: str, series: tuple[int, int] | None) -> Restic | None:
    with _work_folder() as folder:
        work = Path(folder)
        for offered in debian.offered_versions(archive, suite, "restic", work):
            version = parse_version(offered)
            if version and is_fit(version, series):
                say(f"Fetching restic {offered} of {archive.distribution} {suite} through apt …")
                unpacked = debian.unpack("restic", offered, work)
                return _put_in_place(unpacked / "usr/bin/restic", unpacked / "usr/share/doc/restic/copyright")
    return None


def fetch_release(entry: releases.Release, address: str = releases.ADDRESS) -> Restic:
    """Bring one official release file into the tools folder; raises `SetupFailed` when its SHA-256 is another."""
    with _work_folder() as folder:
        say(f"Fetching the official restic {entry.version} …")
        return _put_in_place(releases.download(entry, Path(folder), address))


def _work_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder on the tools folder's file system, so that a rename puts its content in place; leftovers go first."""
    home = tools_folder() / "restic"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in home.glob(f"{UNFINISHED}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=home)


def _put_in_place(program: Path, *beside: Path) -> Restic:
    """Start the checked program once, then move it, whole, to `restic/<version>/`."""
    version = version_of(program)
    if version is None or version < MINIMUM:
        raise SetupFailed(
            f"The restic that was fetched does not start on this computer ({program.name}, version {version}).",
            "It was removed again; restic is still missing.",
            "Put a restic 0.18 or newer on the PATH (or name one in OVERWINTER_RESTIC), then type the same line again.",
        )
    whole = program.parent / "whole"
    whole.mkdir()
    for file in (program, *beside):
        file.replace(whole / (PROGRAM if file is program else file.name))
    place = tools_folder() / "restic" / ".".join(map(str, version))
    if place.exists():  # something that is no restic any more, else it would have been found
        shutil.rmtree(place)
    whole.replace(place)
    return Restic(place / PROGRAM, version)
