"""What kinds and moments are called where a person chooses one; the site file has their short words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from app.foundation.words import Text, text
from app.settings.command import CommandWhen
from app.settings.host import HostKind
from app.settings.source import SourceKind

TITLES: Mapping[Enum, Text] = {
    HostKind.SSH: text("Server over SSH"),
    HostKind.CONTAINER: text("Container"),
    SourceKind.POSTGRESQL: text("PostgreSQL database"),
    SourceKind.POSTGRESQL_GLOBALS: text("Roles of a PostgreSQL server"),
    SourceKind.POSTGRESQL_BASE: text("PostgreSQL server as a whole"),
    SourceKind.WAL: text("PostgreSQL's write-ahead log"),
    SourceKind.MYSQL: text("MySQL or MariaDB database"),
    SourceKind.MYSQL_USERS: text("Accounts of a MySQL or MariaDB server"),
    SourceKind.SQLITE: text("SQLite database"),
    SourceKind.FILES: text("Files and folders"),
    SourceKind.DOCKER_VOLUME: text("Docker volume"),
    SourceKind.BOARDS: text("ESP32 boards"),
    SourceKind.RECORDS: text("Overwinter's own records"),
    CommandWhen.MAINTENANCE_ON: text("Maintenance on"),
    CommandWhen.STOP: text("Stop, just before the exchange"),
    CommandWhen.AFTER_RESTORE: text("After the exchange"),
    CommandWhen.START: text("Start again"),
    CommandWhen.MAINTENANCE_OFF: text("Maintenance off"),
    CommandWhen.SMOKE: text("Smoke check, when all is up"),
}
