"""The system's package manager: which one it is, whether we may use it, and the one line to type when we may not."""

from __future__ import annotations

import enum
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from installer.console import SetupFailed, run_quietly, say
from installer.needs import Need
from installer.places import ROOT, as_typed

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")

# The first releases whose own archive has a restic that is new enough (0.18).
FIRST_WITH_NEW_RESTIC = {"debian": (13,), "ubuntu": (25, 10)}

RESTIC = Need("restic 0.18 or newer", lambda: False, apt="restic", dnf="restic", brew="restic", winget="restic.restic")


class Family(enum.Enum):
    """The package managers whose package names we know; the value is the command."""

    APT = "apt-get"
    DNF = "dnf"
    BREW = "brew"
    WINGET = "winget"
    UNKNOWN = ""


def os_release() -> Mapping[str, str]:
    """What the Linux distribution says of itself; empty where nothing does."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def family(platform_name: str, release: Mapping[str, str]) -> Family:
    """Which package manager this computer has, by what the system is: its command may be off the PATH."""
    if platform_name == "win32":
        return Family.WINGET
    if platform_name == "darwin":
        return Family.BREW
    names = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if names & {"debian", "ubuntu"}:
        return Family.APT
    if names & {"fedora", "rhel", "centos"}:
        return Family.DNF
    return Family.UNKNOWN


def own_restic_is_new(release: Mapping[str, str]) -> bool:
    """Whether this Debian's or Ubuntu's own `restic` package is new enough."""
    first = FIRST_WITH_NEW_RESTIC.get(release.get("ID", ""))
    version = tuple(int(part) for part in release.get("VERSION_ID", "").split(".") if part.isdecimal())
    return first is not None and version >= first


def privilege(release: Mapping[str, str]) -> list[str] | None:
    """What to put before a command that changes the system; None when we may not change it without asking."""
    if family(sys.platform, release) is not Family.APT or not shutil.which(Family.APT.value):
        return None
    if _is_root():
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def install(needs: Sequence[Need], prefix: Sequence[str]) -> None:
    """Install the Debian packages of the needs, and look again: what is still missing is an error."""
    packages = _names(needs, Family.APT)
    say(f"Installing with the system's package manager: {' '.join(packages)}")
    environment = {"DEBIAN_FRONTEND": "noninteractive", "PATH": _path_for_dpkg()}
    command = [*prefix, "env", *(f"{name}={value}" for name, value in environment.items()), "apt-get"]
    update_words = ""
    try:
        run_quietly([*command, "update"], "Reading the package lists")
    except SetupFailed as failure:  # one broken third-party source is no reason to stop; the install tells
        update_words = failure.output + "\n"
    try:
        run_quietly(
            [*command, "install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", *packages],
            "Installing packages",
        )
    except SetupFailed as failure:
        failure.output = update_words + failure.output
        raise
    if left := [need.name for need in needs if not need.present()]:
        raise SetupFailed(
            f"The packages are installed, but this is still missing: {', '.join(left)}.",
            "Overwinter would not start or its tests could not run; the virtual environment was not touched.",
            f"See what the packages brought: dpkg --listfiles {' '.join(packages)}",
        )


def refuse(needs: Sequence[Need], restic_missing: bool, platform_name: str, release: Mapping[str, str]) -> SetupFailed:
    """The error for what we may not install ourselves: everything missing, and one exact line to type."""
    names = [need.name for need in needs] + ([RESTIC.name] if restic_missing else [])
    line = line_to_type(needs, restic_missing, platform_name, release)
    return SetupFailed(
        f"Missing on this computer: {', '.join(names)}.",
        f"{_why_not(restic_missing, platform_name, release)} Nothing was installed.",
        f"Type this line:\n  {line}" if line else "Install it the way this system does, then type the same line again.",
    )


def _why_not(restic_missing: bool, platform_name: str, release: Mapping[str, str]) -> str:
    reason = "Set-up cannot install it by itself: that takes root, or sudo without a password, and apt-get on the PATH."
    if restic_missing and family(platform_name, release) is Family.APT and not own_restic_is_new(release):
        reason += " (This release's own restic is too old; with apt-get on the PATH set-up fetches a newer one.)"
    return reason


def line_to_type(needs: Sequence[Need], restic_missing: bool, platform_name: str, release: Mapping[str, str]) -> str:
    """One line that installs everything missing and, where a shell can chain, goes on with the set-up."""
    kind = family(platform_name, release)
    # An older Debian's own restic is too old to name: its set-up fetches a newer one through apt, without root.
    name_restic = restic_missing and (kind is not Family.APT or own_restic_is_new(release))
    packages = _names([*needs, *([RESTIC] if name_restic else [])], kind)
    sudo = "" if _is_root() else "sudo "
    install = {
        Family.APT: [
            f"{sudo}apt-get update",
            f"{sudo}apt-get install --yes --no-install-recommends {' '.join(packages)}",
        ],
        Family.DNF: [f"{sudo}dnf install --assumeyes {' '.join(packages)}"],
        Family.BREW: [f"brew install {' '.join(packages)}"],
        Family.WINGET: [f"winget install --exact {' '.join(packages)}"],
        Family.UNKNOWN: [],
    }[kind]
    if kind in (Family.UNKNOWN, Family.WINGET):  # cmd and PowerShell agree on no way to chain two commands
        return " ".join(install) if packages else ""
    again = f"{_this_python()} {shlex.quote(as_typed(ROOT / 'installer' / 'bootstrap.py'))} setup"
    return " && ".join([*_path_repair(), *(install if packages else []), again])


def _names(needs: Iterable[Need], kind: Family) -> list[str]:
    column = {Family.APT: "apt", Family.DNF: "dnf", Family.BREW: "brew", Family.WINGET: "winget"}.get(kind)
    return sorted({name for need in needs if column and (name := getattr(need, column))})


def _path_repair() -> list[str]:
    """A PATH without the system's own folders hides the package manager, also from the line itself."""
    have = os.environ.get("PATH", os.defpath).split(os.pathsep)
    lost = [folder for folder in SYSTEM_FOLDERS if folder not in have and Path(folder).is_dir()]
    if "/usr/bin" not in lost:
        return []
    return [f'export PATH="$PATH:{":".join(lost)}"']


def _path_for_dpkg() -> str:
    """dpkg refuses to work without ldconfig and start-stop-daemon on the PATH; `su` leaves sbin off."""
    have = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([*have, *(folder for folder in SYSTEM_FOLDERS if folder not in have)])


def _this_python() -> str:
    if (found := shutil.which("python3")) and Path(found).resolve() == Path(sys.executable).resolve():
        return "python3"
    return shlex.quote(sys.executable)


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0
