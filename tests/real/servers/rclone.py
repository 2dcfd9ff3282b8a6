"""A real rclone for tests, and a second host to serve repositories to: this computer, taken for a server."""

from __future__ import annotations

import contextlib
import shutil

import psutil
import pytest

from app.hosts.local import LocalHost

SERVER = "server"


def rclone_program() -> str:
    """The rclone on the path; skips the test where there is none."""
    found = shutil.which("rclone")
    if found is None:
        pytest.skip("rclone is not here; `installer/bootstrap.py test` brings it")
    return found


class AnotherHost(LocalHost):
    """This computer under the name of a server: restic there gets to the repository through a tunnel alone."""

    @property
    def name(self) -> str:
        """The name in the site file."""
        return SERVER


def rclones() -> list[psutil.Process]:
    """The rclones that this process has started and that serve now."""
    return [process for process in psutil.Process().children(recursive=True) if _serves(process)]


def _serves(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.name() == "rclone" and process.status() != psutil.STATUS_ZOMBIE
    return False
