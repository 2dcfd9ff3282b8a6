"""What of a site is backed up."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

from app.foundation.words import text
from app.settings.fields import entry
from app.settings.paths import inside
from app.settings.shapes import TAG, TAG_REMEDY, THIS_COMPUTER, Paths, Port, fill


class SourceKind(enum.Enum):
    """What a source is."""

    POSTGRESQL = "postgresql"
    POSTGRESQL_GLOBALS = "postgresql-globals"
    POSTGRESQL_BASE = "postgresql-base"
    WAL = "wal"
    MYSQL = "mysql"
    MYSQL_USERS = "mysql-users"
    SQLITE = "sqlite"
    FILES = "files"
    DOCKER_VOLUME = "docker-volume"
    BOARDS = "boards"
    RECORDS = "records"


POSTGRESQL_KINDS = (SourceKind.POSTGRESQL, SourceKind.POSTGRESQL_GLOBALS, SourceKind.POSTGRESQL_BASE)
MYSQL_KINDS = (SourceKind.MYSQL, SourceKind.MYSQL_USERS)
SERVER_KINDS = (*POSTGRESQL_KINDS, *MYSQL_KINDS)
"""Sources that a database server is asked for."""
DATABASE_KINDS = (*SERVER_KINDS, SourceKind.SQLITE)
"""Sources that `--only databases` takes."""
TREE_KINDS = (SourceKind.FILES, SourceKind.DOCKER_VOLUME)

_LAYERS = {SourceKind.BOARDS: "esp32", SourceKind.RECORDS: "overwinter"}
_PORTS = {**dict.fromkeys(MYSQL_KINDS, 3306), **dict.fromkeys(POSTGRESQL_KINDS, 5432)}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is backed up: a database, a tree of files, the boards."""

    name: Annotated[
        str,
        entry(
            text("Name"),
            text("How runs and recovery points name this source; it is the tag source: of its snapshots."),
            TAG_REMEDY,
            example="database",
            pattern=TAG,
        ),
    ]
    kind: Annotated[
        SourceKind,
        entry(
            text("Kind"),
            text("What is backed up."),
            text("Write one of the kinds of sources."),
            example="postgresql",
        ),
    ]
    layer: Annotated[
        str,
        entry(
            text("Layer"),
            text("The part of the site it belongs to; it is the tag layer: of its snapshots. Empty is the kind."),
            TAG_REMEDY,
            example="laravel",
            pattern=r"^[A-Za-z0-9._-]{0,64}\Z",
        ),
    ] = ""
    enabled: Annotated[
        bool,
        entry(
            text("Back it up"),
            text("A source that is switched off is left out of every backup."),
            text("Write true or false."),
        ),
    ] = True
    host: Annotated[
        str,
        entry(
            text("Host"),
            text("Where it is: this-computer, or one of the hosts of this site."),
            text("Write this-computer or the name of a host in this site."),
            example=THIS_COMPUTER,
            refers_to="hosts",
        ),
    ] = THIS_COMPUTER
    database: Annotated[
        str,
        entry(
            text("Database"),
            text("The database's name; for SQLite the absolute path of its file."),
            text("Write the name of the database; for SQLite an absolute path."),
            example="hydro",
            only=(*POSTGRESQL_KINDS, SourceKind.MYSQL, SourceKind.SQLITE),
            needed=(SourceKind.POSTGRESQL, SourceKind.MYSQL, SourceKind.SQLITE),
            pattern=r"^[^\0\r\n]*\Z",
        ),
    ] = ""
    server: Annotated[
        str,
        entry(
            text("Server"),
            text("Name or address of the database server as the host sees it, or the folder of its socket."),
            text("Write a name, an IP address, or the absolute path of a socket's folder (MySQL: or of the socket)."),
            example="127.0.0.1",
            only=SERVER_KINDS,
            pattern=r"^[^\0\r\n,]*\Z",
        ),
    ] = ""
    port: Annotated[
        Port,
        entry(
            text("Port"),
            text("The port of the database server; 5432 for PostgreSQL, 3306 for MySQL."),
            text("Write a whole number from 1 to 65535."),
            example="5432",
            only=SERVER_KINDS,
        ),
    ] = 0
    user: Annotated[
        str,
        entry(
            text("User"),
            text("The database's account to log in with; empty is the name of the account that runs the program."),
            text("Write the name of an account of the database server."),
            example="hydro",
            only=SERVER_KINDS,
            pattern=r"^[^\0\r\n]*\Z",
        ),
    ] = ""
    root: Annotated[
        str,
        entry(
            text("Folder"),
            text("The folder that is backed up."),
            text("Write an absolute path without .., such as /var/www/laravel or C:\\site."),
            example="/var/www/laravel",
            only=(SourceKind.FILES, SourceKind.WAL),
            needed=(SourceKind.FILES, SourceKind.WAL),
            pattern=r"^[^\0]*\Z",
        ),
    ] = ""
    volume: Annotated[
        str,
        entry(
            text("Volume"),
            text("The volume's name, as docker volume ls shows it."),
            text("Write the volume's name: letters, digits, dot, underscore and hyphen."),
            example="hydro-prod_mqtt_data",
            only=(SourceKind.DOCKER_VOLUME,),
            needed=(SourceKind.DOCKER_VOLUME,),
            pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*)?\Z",
        ),
    ] = ""
    include: Annotated[
        Paths,
        entry(
            text("Only these"),
            text("Files and folders in it that are taken; empty takes all."),
            text("Write a list of paths inside the folder, without .."),
            example=".env",
            only=TREE_KINDS,
        ),
    ] = ()
    exclude: Annotated[
        Paths,
        entry(
            text("Not these"),
            text("Files and folders in it that are left out; * stands for any name."),
            text("Write a list of paths inside the folder, without .."),
            example="storage/logs",
            only=TREE_KINDS,
        ),
    ] = ()
    keep_live: Annotated[
        Paths,
        entry(
            text("Keep the live ones"),
            text("Files that a restore leaves as they are on the site; where none is there the point's is taken."),
            text("Write a list of paths inside the folder, without .."),
            example=".env",
            only=TREE_KINDS,
        ),
    ] = ()
    clear_after: Annotated[
        Paths,
        entry(
            text("Empty after a restore"),
            text("Files that a restore removes from the restored tree, such as caches."),
            text("Write a list of paths inside the folder, without .."),
            example="storage/framework/cache/*",
            only=TREE_KINDS,
        ),
    ] = ()

    def __post_init__(self) -> None:
        """What was left out gets what its kind has."""
        fill(self, "layer", _LAYERS.get(self.kind, self.kind.value))
        fill(self, "port", _PORTS.get(self.kind, 0))
        fill(self, "server", "127.0.0.1" if self.kind in SERVER_KINDS else "")
        for name in ("include", "exclude", "keep_live", "clear_after"):
            paths = tuple(inside(self.root, path) for path in getattr(self, name))
            msgspec.structs.force_setattr(self, name, paths)

    def secret_names(self) -> tuple[str, ...]:
        """The secrets that this kind of source may need."""
        return (f"source:{self.name}:password",) if self.kind in SERVER_KINDS else ()
