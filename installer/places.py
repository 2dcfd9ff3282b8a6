"""Where things are: the checkout, its virtual environment, and the folder of private tools."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from installer.console import say

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"


def venv_program(name: str) -> Path:
    """A program of the virtual environment, whether it is there yet or not."""
    return VENV / "Scripts" / f"{name}.exe" if sys.platform == "win32" else VENV / "bin" / name


def is_checkout() -> bool:
    """Whether this is a working copy (then `setup` brings the tools of development too)."""
    return (ROOT / ".git").exists()


def data_folder(environ: Mapping[str, str], platform: str, home: Path) -> Path:
    """The program's per-user folder: what `platformdirs.user_data_dir("overwinter", appauthor=False)` says.

    Stated again because nothing is installed yet; a test holds the two together. `OVERWINTER_DATA` wins.
    """
    if chosen := environ.get("OVERWINTER_DATA"):
        return Path(chosen).expanduser().absolute()
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "overwinter"
    if (xdg := Path(environ.get("XDG_DATA_HOME", ""))).is_absolute():
        return xdg / "overwinter"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "overwinter"
    return home / ".local" / "share" / "overwinter"


def tools_folder() -> Path:
    """Where private copies of outside programs are: `<tool>/<version>/<program>`."""
    return data_folder(os.environ, sys.platform, Path.home()) / "tools"


@contextlib.contextmanager
def one_setup_at_a_time() -> Iterator[None]:
    """Hold this user's set-up lock; a second set-up waits. The system drops it with the process."""
    folder = tools_folder()
    for private in (folder.parent, folder):
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".setup.lock").open("a+b") as lock:
        if not _try_lock(lock.fileno()):
            say("Another set-up is running for this user; waiting for it to end …")
            _lock(lock.fileno())
        yield


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int, how: int = msvcrt.LK_NBLCK) -> bool:
        try:
            msvcrt.locking(descriptor, how, 1)
        except OSError:
            return False
        return True

    def _lock(descriptor: int) -> None:
        while not _try_lock(descriptor, msvcrt.LK_LOCK):  # which gives up after ten seconds
            pass

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def as_typed(path: PurePath) -> str:
    """A path of the checkout as a person types it from where they are."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
