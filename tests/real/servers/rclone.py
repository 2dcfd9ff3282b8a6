"""A real rclone for tests, and a second host to serve repositories to: this computer, taken for a server."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

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


@contextlib.contextmanager
def rest_server(folder: Path, *options: str) -> Iterator[str]:
    """Serves a repository's folder as a REST server does; gives restic's address of it."""
    command = [rclone_program(), "serve", "restic", "--addr", "127.0.0.1:0", *options, str(folder)]
    serving = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "RCLONE_CONFIG": os.devnull})
    try:
        assert serving.stderr is not None
        for line in serving.stderr:
            if found := re.search(rb"http://127\.0\.0\.1:\d+/", line):
                yield f"rest:{found[0].decode()}"
                return
        raise AssertionError(f"rclone ended with {serving.wait()}")
    finally:
        serving.terminate()
        serving.communicate()
