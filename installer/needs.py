"""What Overwinter needs from outside Python, how its presence is seen, and what the package is called where."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Need:
    """Something that has to be on the computer; a package name is "" where that package manager has none."""

    name: str
    present: Callable[[], bool]
    apt: str = ""
    dnf: str = ""
    brew: str = ""
    winget: str = ""


# What the shared objects of PySide6-Essentials name as NEEDED beyond libc and their own, read with objdump -p:
# library, Debian's package, Fedora's package.
WINDOW_LIBRARIES = (
    ("libEGL.so.1", "libegl1", "libglvnd-egl"),
    ("libGL.so.1", "libgl1", "libglvnd-glx"),
    ("libX11.so.6", "libx11-6", "libX11"),
    ("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb"),
    ("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    ("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    ("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    ("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    ("libxcb-image.so.0", "libxcb-image0", "xcb-util-image"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    ("libxcb-randr.so.0", "libxcb-randr0", "libxcb"),
    ("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil"),
    ("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
    ("libxcb-shm.so.0", "libxcb-shm0", "libxcb"),
    ("libxcb-sync.so.1", "libxcb-sync1", "libxcb"),
    ("libxcb-xfixes.so.0", "libxcb-xfixes0", "libxcb"),
    ("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb"),
    ("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
)

FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")

# Server programs that their packages keep off the PATH: folder, pattern below it.
POSTGRESQL_PLACES = (
    ("/usr/lib/postgresql", "*/bin/initdb"),
    ("/usr", "pgsql-*/bin/initdb"),
    ("/opt/homebrew/opt", "postgresql*/bin/initdb"),
    ("/usr/local/opt", "postgresql*/bin/initdb"),
    ("C:/Program Files/PostgreSQL", "*/bin/initdb.exe"),
)

SCREEN_READER_BUS = ("/usr/libexec/at-spi-bus-launcher", "/usr/lib/at-spi2-core/at-spi-bus-launcher")

MARIADB_PLACES = ("/usr/sbin", "/usr/libexec", "/opt/homebrew/opt/mariadb/bin", "/usr/local/opt/mariadb/bin")


def for_python() -> list[Need]:
    """What this Python itself must bring; Debian cuts ensurepip off into a package of its own."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    return [Need("Python's venv and ensurepip", _can_make_venvs, apt=package, dnf="python3-pip")]


def for_window() -> list[Need]:
    """What the window needs; Windows and macOS have it all."""
    if sys.platform != "linux":
        return []
    libraries = [Need(soname, _library(soname), apt=apt, dnf=dnf) for soname, apt, dnf in WINDOW_LIBRARIES]
    return [*libraries, Need("a font", _has_fonts, apt="fonts-dejavu-core", dnf="dejavu-sans-fonts")]


def for_tests() -> list[Need]:
    """The servers that the tests start on loopback; a person needs rclone only for sites with other hosts."""
    postgresql = Need(
        "PostgreSQL's server programs",
        _has_postgresql,
        apt="postgresql",
        dnf="postgresql-server",
        brew="postgresql@17",
        winget="PostgreSQL.PostgreSQL.17",
    )
    servers = [
        postgresql,
        Need(
            "MariaDB's server program",
            _has_mariadb,
            apt="mariadb-server-core",
            dnf="mariadb-server",
            brew="mariadb",
            winget="MariaDB.Server",
        ),
        Need(
            "mariadb-dump",
            _program("mariadb-dump"),
            apt="mariadb-client",
            dnf="mariadb",
            brew="mariadb",
            winget="MariaDB.Server",
        ),
        Need("php", _program("php"), apt="php-cli", dnf="php-cli", brew="php", winget="PHP.PHP.8.4"),
        Need("rclone", _program("rclone"), apt="rclone", dnf="rclone", brew="rclone", winget="Rclone.Rclone"),
        Need("sqlite3", _program("sqlite3"), apt="sqlite3", dnf="sqlite", brew="sqlite", winget="SQLite.SQLite"),
    ]
    if sys.platform != "linux":
        return servers
    return [
        *servers,
        Need("dbus-run-session", _program("dbus-run-session"), apt="dbus", dnf="dbus-daemon"),
        Need("gnome-keyring-daemon", _program("gnome-keyring-daemon"), apt="gnome-keyring", dnf="gnome-keyring"),
        Need("sshd", _program("sshd", "/usr/sbin"), apt="openssh-server", dnf="openssh-server"),
        Need("ssh-agent", _program("ssh-agent"), apt="openssh-client", dnf="openssh-clients"),
        Need("Xvfb", _program("Xvfb"), apt="xvfb", dnf="xorg-x11-server-Xvfb"),
        Need("xdotool", _program("xdotool"), apt="xdotool", dnf="xdotool"),
        Need("the bus of screen readers", _has_screen_reader_bus, apt="at-spi2-core", dnf="at-spi2-core"),
    ]


def missing(needs: Iterable[Need]) -> list[Need]:
    """Those of the needs that are not on this computer."""
    return [need for need in needs if not need.present()]


def _program(name: str, *folders: str) -> Callable[[], bool]:
    """Whether a program is on the path, or in one of the folders that are often off it."""
    return lambda: shutil.which(name) is not None or any(shutil.which(name, path=folder) for folder in folders)


def _library(soname: str) -> Callable[[], bool]:
    def loads() -> bool:
        try:
            ctypes.CDLL(soname)
        except OSError:
            return False
        return True

    return loads


def _can_make_venvs() -> bool:
    importlib.invalidate_caches()  # it may have been installed a moment ago
    return all(importlib.util.find_spec(module) is not None for module in ("venv", "ensurepip"))


def _has_fonts() -> bool:
    folders = (Path(folder).expanduser() for folder in FONT_FOLDERS)
    return any(next(folder.rglob("*.[ot]tf"), None) is not None for folder in folders)


def _has_postgresql() -> bool:
    if shutil.which("initdb") and shutil.which("postgres"):
        return True
    return any(next(Path(folder).glob(pattern), None) for folder, pattern in POSTGRESQL_PLACES)


def _has_mariadb() -> bool:
    return shutil.which("mariadbd") is not None or any(Path(place, "mariadbd").exists() for place in MARIADB_PLACES)


def _has_screen_reader_bus() -> bool:
    return any(Path(place).is_file() for place in SCREEN_READER_BUS)
