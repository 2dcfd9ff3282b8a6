"""The greenhouse that the faults happen to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.gate import Gate
from tests.faults.prepared import Prepared
from tests.real.servers.postgresql import postgres_server
from tests.real.servers.restic import VERSIONS, restic_program


@pytest.fixture(scope="session")
def greenhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """A site on a database server of its own (some tests crash it), made once in a session."""
    if sys.platform != "linux":
        pytest.skip("processes are watched and disks are filled as Linux does it")
    folder = tmp_path_factory.mktemp("greenhouse")
    with postgres_server(folder) as server, Gate(server.port) as gate:
        yield Prepared(folder, Path(restic_program(VERSIONS[-1])), server, gate)
