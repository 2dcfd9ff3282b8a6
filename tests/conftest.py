"""What every test gets: guards around it, and real servers that are made once in a session."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.guards import ExpectedLog, no_unexpected_log, nothing_left_running
from tests.real.servers.mariadb import MariadbServer, mariadb_server
from tests.real.servers.postgresql import PostgresServer, postgres_server

# A job that a shell put into the background ignores Ctrl+C, and so would every program the tests start from it.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["LANGUAGE"] = "en"  # tests read what the program says, whoever runs them

ONE_AFTER_THE_OTHER = {
    "tests/faults/test_ssh_faults.py": "the lease of a site on its server, which is this computer",
    "tests/features/test_server.py": "the lease of a site on its server, which is this computer",
    "tests/features/test_verify.py": "the lease of a site on its server, which is this computer",
    "tests/real/test_sqlite_swap.py": "the lease of a site on its server, which is this computer",
    "tests/real/test_swap.py": "the lease of a site on its server, which is this computer",
    "tests/real/test_swap_mysql.py": "the lease of a site on its server, which is this computer",
    "tests/real/test_sync.py": "the lease of a site on its server, which is this computer",
    "tests/features/test_demo.py": "what a practice leaves, looked for on the whole computer",
    "tests/real/test_practice.py": "what a practice leaves, looked for on the whole computer",
}
"""Files that share something outside of their own folders, and what."""


class FilesSideBySide(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Where several processes run the tests, a file is one's; so are files that share something."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return ONE_AFTER_THE_OTHER.get(file, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesSideBySide:
    """Asked only where several processes run the tests."""
    return FilesSideBySide(config, log)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole session; each test makes roles and databases of its own."""
    with postgres_server(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariadbServer]:
    """A MariaDB server for the whole session; each test makes accounts and databases of its own."""
    with mariadb_server(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    with nothing_left_running():
        yield


@pytest.fixture(autouse=True)
def expected_log() -> Iterator[ExpectedLog]:
    """Fails a test whose code logs a warning; one that is meant is named with `expected_log.expect(pattern)`."""
    with no_unexpected_log() as expected:
        yield expected
