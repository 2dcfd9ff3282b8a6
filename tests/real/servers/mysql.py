"""A real MySQL server for tests, where one can be had: distributions mostly bring MariaDB in its place.

`OVERWINTER_TEST_MYSQL` names a folder with `mysqld`, `mysql` and `mysqldump`, all of MySQL's own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.real.servers.mariadb import SETTINGS, MariadbServer, running_server, start_program

KNOWN_TO_MARIADB_ALONE = ("innodb-log-file-size", "innodb-flush-method")


def mysql_programs() -> Path:
    """The folder with MySQL's programs; skips the test where there is none."""
    named = os.environ.get("OVERWINTER_TEST_MYSQL", "")
    if not named:
        pytest.skip("OVERWINTER_TEST_MYSQL names no folder with MySQL's own programs")
    return Path(named)


class MysqlServer(MariadbServer):
    """A running server of MySQL's."""

    settings: Mapping[str, str] = {
        **{name: value for name, value in SETTINGS.items() if name not in KNOWN_TO_MARIADB_ALONE},
        "mysqlx": "OFF",
        "secure-file-priv": "",
    }

    def __init__(self, program: Path, home: Path, log: Path) -> None:
        """See `MariadbServer`; its clients are beside the server's program."""
        self.client_program = str(program.with_name("mysql"))
        self.dump_program = str(program.with_name("mysqldump"))
        super().__init__(program, home, log)

    def create_account(self, name: str, password: str, *grants: str) -> None:
        """An account that logs in over 127.0.0.1; a grant is such as "SELECT ON db.*"."""
        self.sql(f"DROP USER IF EXISTS `{name}`@`127.0.0.1`")
        quoted = password.replace("\\", "\\\\").replace("'", "\\'")
        self.sql(f"CREATE USER `{name}`@`127.0.0.1` IDENTIFIED BY '{quoted}'")
        for grant in grants:
            self.sql(f"GRANT {grant} TO `{name}`@`127.0.0.1`")

    def _make_files(self) -> None:
        made = start_program(
            [self._program, "--no-defaults", "--initialize-insecure", f"--datadir={self._data}"], subprocess.PIPE
        )
        said, _ = made.communicate()
        if made.returncode != 0:
            raise RuntimeError(f"mysqld --initialize-insecure failed:\n{said.decode(errors='replace')}")

    def _tidy_accounts(self) -> None:
        """It makes none that it cannot use."""


@contextmanager
def mysql_server(folder: Path) -> Iterator[MysqlServer]:
    """A running server; its log goes into `folder`."""
    with running_server(MysqlServer, mysql_programs() / "mysqld", folder) as server:
        yield server
