"""What a site is: one greenhouse installation, with its hosts, its sources, its repository and its rules.

The one description: forms, the site file and the export are made from these fields and what they tell of themselves.
What must fit together between fields is said in `rules`.
"""

from __future__ import annotations

import enum
import re
from typing import Annotated, Any

import msgspec

from app.foundation.words import text
from app.settings.fields import entry
from app.settings.paths import inside

THIS_COMPUTER = "this-computer"
"""The host that always exists."""

TAG = r"^[A-Za-z0-9._-]{1,64}\Z"
"""What restic's tags can carry: it splits a list of them at commas."""

_DURATION = re.compile(r"^([1-9][0-9]{0,5})(s|m|h)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SPAN = re.compile(r"^(?:([0-9]{1,4})y)?(?:([0-9]{1,4})m)?(?:([0-9]{1,4})d)?(?:([0-9]{1,4})h)?\Z")

REPOSITORY_PASSWORD = "repository-password"
S3_SECRETS = ("s3-access-key", "s3-secret-key", "s3-session-token")
REST_SECRETS = ("rest-username", "rest-password")
KIT_FINGERPRINT_KEY = "kit-fingerprint-key"
"""Made here, not typed: with it the fingerprints of a recovery kit are compared with the secrets."""

_SECRET_NAME = re.compile(
    rf"({'|'.join((REPOSITORY_PASSWORD, *S3_SECRETS, *REST_SECRETS, KIT_FINGERPRINT_KEY))}|board-archive-key"
    r"|source:[A-Za-z0-9._-]{1,64}:password|host:[A-Za-z0-9._-]{1,64}:(password|key-passphrase))\Z"
)

_TAG_REMEDY = text("Use letters A to Z, digits, dot, underscore and hyphen only, at most 64.")


def valid_secret_name(name: str) -> bool:
    """Whether a site can have a secret of this name."""
    return _SECRET_NAME.match(name) is not None


class HostKind(enum.Enum):
    """How a host is reached."""

    SSH = "ssh"
    CONTAINER = "container"


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


class CommandWhen(enum.Enum):
    """At which moment of a cutover a command runs."""

    MAINTENANCE_ON = "maintenance_on"
    STOP = "stop"
    AFTER_RESTORE = "after_restore"
    START = "start"
    MAINTENANCE_OFF = "maintenance_off"
    SMOKE = "smoke"


POSTGRESQL_KINDS = (SourceKind.POSTGRESQL, SourceKind.POSTGRESQL_GLOBALS, SourceKind.POSTGRESQL_BASE)
MYSQL_KINDS = (SourceKind.MYSQL, SourceKind.MYSQL_USERS)
SERVER_KINDS = (*POSTGRESQL_KINDS, *MYSQL_KINDS)
"""Sources that a database server is asked for."""
DATABASE_KINDS = (*SERVER_KINDS, SourceKind.SQLITE)
"""Sources that `--only databases` takes."""
TREE_KINDS = (SourceKind.FILES, SourceKind.DOCKER_VOLUME)

_LAYERS = {SourceKind.BOARDS: "esp32", SourceKind.RECORDS: "overwinter"}
_PORTS: dict[enum.Enum, int] = {
    HostKind.SSH: 22,
    **dict.fromkeys(MYSQL_KINDS, 3306),
    **dict.fromkeys(POSTGRESQL_KINDS, 5432),
}

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Kept = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Paths = tuple[Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\0]*\Z")], ...]
Argument = Annotated[str, msgspec.Meta(pattern=r"^[^\0]*\Z")]


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """Where recovery points go: any repository of restic by its address, or a bucket of an S3 service."""

    url: Annotated[
        str,
        entry(
            text("Address"),
            text("The repository as restic names it, or the folder it is in."),
            text(
                "Write an absolute path, or an address that begins with sftp:, rest:, s3: or another of restic's kinds."
            ),
            example="/mnt/disk/repo",
            pattern=r"^[^\0\r\n]*\Z",
        ),
    ] = ""
    endpoint: Annotated[
        str,
        entry(
            text("S3 endpoint"),
            text("The address of the S3 service; empty is Amazon's."),
            text("Write the name of the server, with http:// in front if it has no encryption, and no path."),
            example="https://s3.eu-central-1.amazonaws.com",
            pattern=r"^[^\s?#]*\Z",
        ),
    ] = ""
    bucket: Annotated[
        str,
        entry(
            text("S3 bucket"),
            text("The bucket in the S3 service."),
            text("Write the bucket's name: letters, digits, dots and hyphens, 3 to 63 of them."),
            example="greenhouse-backups",
            pattern=r"^([A-Za-z0-9._-]{3,63})?\Z",
        ),
    ] = ""
    prefix: Annotated[
        str,
        entry(
            text("Folder in the bucket"),
            text("Where in the bucket the repository is; empty is the bucket itself."),
            text("Write names with / between them, without .. and without a line break."),
            example="north-house",
            pattern=r"^(?!.*(^|/)\.\.?(/|\Z))[^\0\r\n]*\Z",
        ),
    ] = ""
    region: Annotated[
        str,
        entry(
            text("S3 region"),
            text("The region of the bucket, where the service wants to know it."),
            text("Write the region's short name, such as eu-central-1."),
            example="eu-central-1",
            pattern=r"^[A-Za-z0-9-]{0,64}\Z",
        ),
    ] = ""

    @property
    def address(self) -> str:
        """The repository as restic names it; credentials are never part of it."""
        if not self.bucket:
            return self.url
        where = [self.endpoint.rstrip("/") or "s3.amazonaws.com", self.bucket, self.prefix.strip("/")]
        return "s3:" + "/".join(part for part in where if part)

    def secret_names(self) -> tuple[str, ...]:
        """The secrets that this kind of repository may need."""
        if self.address.startswith("s3:"):
            return (REPOSITORY_PASSWORD, *S3_SECRETS)
        if self.address.startswith("rest:"):
            return (REPOSITORY_PASSWORD, *REST_SECRETS)
        return (REPOSITORY_PASSWORD,)


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A place where commands run: a server over SSH, or a container there or here."""

    name: Annotated[
        str,
        entry(
            text("Name"),
            text("How sources and commands name this host; it is the tag host: of its snapshots."),
            _TAG_REMEDY,
            example="server",
            pattern=TAG,
        ),
    ]
    kind: Annotated[
        HostKind,
        entry(
            text("Kind"),
            text("How the host is reached: over SSH, or as a container."),
            text("Write ssh or container."),
            example="ssh",
        ),
    ]
    address: Annotated[
        str,
        entry(
            text("Address"),
            text("The server's name or IP address."),
            text("Write a name or an IP address without spaces, user and port; these have fields of their own."),
            example="10.0.0.5",
            only=(HostKind.SSH,),
            needed=(HostKind.SSH,),
            pattern=r"^[^\s@/-][^\s@/]*\Z|^\Z",
        ),
    ] = ""
    port: Annotated[
        Port,
        entry(
            text("Port"),
            text("The port of the SSH server; 22 unless it was moved."),
            text("Write a whole number from 1 to 65535."),
            example="22",
            only=(HostKind.SSH,),
        ),
    ] = 0
    user: Annotated[
        str,
        entry(
            text("User"),
            text("The account to log in with; empty is your own name."),
            text("Write the name of an account, without spaces."),
            example="ops",
            only=(HostKind.SSH,),
            pattern=r"^[^\s@:/-][^\s@:/]*\Z|^\Z",
        ),
    ] = ""
    jump: Annotated[
        str,
        entry(
            text("Jump host"),
            text("Another SSH host of this site that the way leads through."),
            text("Write the name of another host of kind ssh in this site."),
            example="gateway",
            only=(HostKind.SSH,),
        ),
    ] = ""
    key_file: Annotated[
        str,
        entry(
            text("Key file"),
            text("The private key on this computer; empty asks the SSH agent."),
            text("Write the path of a private key on this computer."),
            example="~/.ssh/id_ed25519",
            only=(HostKind.SSH,),
            pattern=r"^[^\0\r\n]*\Z",
        ),
    ] = ""
    sudo: Annotated[
        bool,
        entry(
            text("Use sudo"),
            text("Commands that need it run with the rights of root."),
            text("Write true or false."),
            only=(HostKind.SSH,),
        ),
    ] = False
    on: Annotated[
        str,
        entry(
            text("Container runs on"),
            text("The host whose container this is."),
            text("Write this-computer or the name of a host of kind ssh in this site."),
            example="server",
            only=(HostKind.CONTAINER,),
        ),
    ] = ""
    container: Annotated[
        str,
        entry(
            text("Container"),
            text("The container's name, as docker ps shows it."),
            text("Write the container's name: letters, digits, dot, underscore and hyphen."),
            example="hydro-prod-db-1",
            only=(HostKind.CONTAINER,),
            needed=(HostKind.CONTAINER,),
            pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*)?\Z",
        ),
    ] = ""

    def __post_init__(self) -> None:
        """What was left out gets what its kind has."""
        _fill(self, "port", _PORTS.get(self.kind, 0))
        _fill(self, "on", THIS_COMPUTER if self.kind is HostKind.CONTAINER else "")

    @property
    def upstream(self) -> str:
        """The host that the way to this one leads through, "" or this computer for none."""
        return self.jump if self.kind is HostKind.SSH else self.on

    def secret_names(self) -> tuple[str, ...]:
        """The secrets that this kind of host may need."""
        return (self.password_name, self.passphrase_name) if self.kind is HostKind.SSH else ()

    @property
    def password_name(self) -> str:
        """The name of the secret that is its account's password."""
        return f"host:{self.name}:password"

    @property
    def passphrase_name(self) -> str:
        """The name of the secret that opens its key file."""
        return f"host:{self.name}:key-passphrase"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is backed up: a database, a tree of files, the boards."""

    name: Annotated[
        str,
        entry(
            text("Name"),
            text("How runs and recovery points name this source; it is the tag source: of its snapshots."),
            _TAG_REMEDY,
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
            _TAG_REMEDY,
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
        _fill(self, "layer", _LAYERS.get(self.kind, self.kind.value))
        _fill(self, "port", _PORTS.get(self.kind, 0))
        _fill(self, "server", "127.0.0.1" if self.kind in SERVER_KINDS else "")
        for name in ("include", "exclude", "keep_live", "clear_after"):
            paths = tuple(inside(self.root, path) for path in getattr(self, name))
            msgspec.structs.force_setattr(self, name, paths)

    def secret_names(self) -> tuple[str, ...]:
        """The secrets that this kind of source may need."""
        return (f"source:{self.name}:password",) if self.kind in SERVER_KINDS else ()


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A program that is run around a cutover, without a shell."""

    name: Annotated[
        str,
        entry(
            text("Name"),
            text("How runs name this command."),
            _TAG_REMEDY,
            example="maintenance",
            pattern=TAG,
        ),
    ]
    host: Annotated[
        str,
        entry(
            text("Host"),
            text("Where it runs: this-computer, or one of the hosts of this site."),
            text("Write this-computer or the name of a host in this site."),
            example=THIS_COMPUTER,
        ),
    ] = THIS_COMPUTER
    folder: Annotated[
        str,
        entry(
            text("Working folder"),
            text("The folder it is started in; empty is a neutral one."),
            text("Write an absolute path without .., or leave it out."),
            example="/var/www/laravel",
            pattern=r"^[^\0]*\Z",
        ),
    ] = ""
    when: Annotated[
        CommandWhen,
        entry(
            text("When"),
            text("At which moment of a restore it runs."),
            text("Write one of the moments of a cutover."),
            example="maintenance_on",
        ),
    ]
    run: Annotated[
        Annotated[tuple[Argument, ...], msgspec.Meta(min_length=1)],
        entry(
            text("Program and arguments"),
            text("A list, never a shell's line. {{staged}} is the restored tree, {{bypass}} the maintenance token."),
            text('Write a list with the program first, such as ["php", "artisan", "down"].'),
            example="php artisan down --secret={bypass}",
        ),
    ]
    undo: Annotated[
        tuple[Argument, ...],
        entry(
            text("Undo"),
            text("What takes it back when the restore is rolled back."),
            text('Write a list with the program first, such as ["php", "artisan", "up"].'),
            example="php artisan up",
        ),
    ] = ()
    optional: Annotated[
        bool,
        entry(
            text("May fail"),
            text("Its failure is a warning and does not stop the restore."),
            text("Write true or false."),
        ),
    ] = False
    timeout: Annotated[
        str,
        entry(
            text("Time limit"),
            text("After this long it is ended and counts as failed."),
            text('Write a whole number with s, m or h behind it, such as "60s" or "2m".'),
            example="60s",
            pattern=_DURATION.pattern,
        ),
    ] = "60s"

    @property
    def deadline(self) -> float:
        """The time limit in seconds."""
        return float(seconds(self.timeout))


class Span(msgspec.Struct, frozen=True):
    """A length of time as a calendar counts it."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Which complete recovery points are kept; a point stays as long as one of these rules keeps it.

    `keep_last` counts points, `keep_hourly` to `keep_yearly` count hours, days … in which there are points: of each
    the last one is kept, in the site's time zone. `keep_within` keeps all that are so much older than the newest.
    """

    keep_last: Annotated[
        Kept,
        entry(
            text("Last"),
            text("So many of the newest points are kept, however close together they are."),
            text("Write a whole number from 0 to 10000."),
        ),
    ] = 0
    keep_hourly: Annotated[
        Kept,
        entry(
            text("Hourly"),
            text("For so many hours with points the last point of the hour is kept."),
            text("Write a whole number from 0 to 10000."),
        ),
    ] = 0
    keep_daily: Annotated[
        Kept,
        entry(
            text("Daily"),
            text("For so many days the last point of the day is kept."),
            text("Write a whole number from 0 to 10000."),
            always=True,
        ),
    ] = 7
    keep_weekly: Annotated[
        Kept,
        entry(
            text("Weekly"),
            text("For so many weeks the last point of the week is kept."),
            text("Write a whole number from 0 to 10000."),
            always=True,
        ),
    ] = 4
    keep_monthly: Annotated[
        Kept,
        entry(
            text("Monthly"),
            text("For so many months the last point of the month is kept."),
            text("Write a whole number from 0 to 10000."),
            always=True,
        ),
    ] = 12
    keep_yearly: Annotated[
        Kept,
        entry(
            text("Yearly"),
            text("For so many years the last point of the year is kept."),
            text("Write a whole number from 0 to 10000."),
        ),
    ] = 0
    keep_within: Annotated[
        str,
        entry(
            text("Within"),
            text("Every point is kept that is at most so much older than the newest one; empty keeps none for this."),
            text("Write years, months, days and hours as restic does, such as 14d, 2m or 1y6m; or leave it out."),
            example="14d",
            pattern=_SPAN.pattern,
        ),
    ] = ""

    @property
    def within(self) -> Span | None:
        """`keep_within` in figures; None when there is no such rule."""
        parts = _SPAN.match(self.keep_within)
        return Span(*(int(part or 0) for part in parts.groups())) if self.keep_within and parts else None

    @property
    def keeps_nothing(self) -> bool:
        """Whether no rule keeps anything."""
        counts = (self.keep_last, self.keep_hourly, self.keep_daily, self.keep_weekly)
        return not any((*counts, self.keep_monthly, self.keep_yearly, self.keep_within))


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One greenhouse installation. `name` is its id everywhere: in tags, in phrases, in commands."""

    name: Annotated[
        str,
        entry(
            text("Short name"),
            text("The site's id in tags, confirmations and commands. It cannot be changed later."),
            text("Use small letters a to z, digits and hyphens only, at most 40."),
            example="north-house",
            pattern=r"^[a-z0-9-]{1,40}\Z",
        ),
    ]
    title: Annotated[
        str,
        entry(
            text("Title"),
            text("The site's name as people say it, in any script."),
            text("Write one line of at most 200 characters."),
            example="North house",
            always=True,
            max_length=200,
            pattern="^[^\\0-\\x1f\\x7f\\ud800-\\udfff\\u2028\\u2029]*\\Z",
        ),
    ] = ""
    app: Annotated[
        str,
        entry(
            text("Application"),
            text("The software that the site runs; it is the tag app: of its snapshots. Empty is the short name."),
            _TAG_REMEDY,
            example="hydro",
            always=True,
            pattern=r"^[A-Za-z0-9._-]{0,64}\Z",
        ),
    ] = ""
    env: Annotated[
        str,
        entry(
            text("Environment"),
            text("Production, staging and the like; it is the tag env: of its snapshots."),
            _TAG_REMEDY,
            example="production",
            always=True,
            pattern=TAG,
        ),
    ] = "production"
    time_zone: Annotated[
        str,
        entry(
            text("Time zone"),
            text("The site's own zone: schedules and days of retention follow it."),
            text("Write a zone as the tz database names it, such as Europe/Prague, or UTC."),
            example="Europe/Prague",
            always=True,
        ),
    ] = "UTC"
    repository: Annotated[
        Repository,
        entry(
            text("Repository"),
            text("Where recovery points go."),
            text("Write a table [repository] with url, or with endpoint and bucket."),
        ),
    ]
    hosts: Annotated[
        tuple[Host, ...],
        entry(
            text("Hosts"),
            text("Servers and containers besides this computer."),
            text("Write a table [[hosts]] for each of them."),
        ),
    ] = ()
    sources: Annotated[
        tuple[Source, ...],
        entry(
            text("What to back up"),
            text("Databases first, then files."),
            text("Write a table [[sources]] for each of them."),
        ),
    ] = ()
    commands: Annotated[
        tuple[Command, ...],
        entry(
            text("Commands"),
            text("Programs that run around a cutover, in this order."),
            text("Write a table [[commands]] for each of them."),
        ),
    ] = ()
    retention: Annotated[
        Retention,
        entry(
            text("Retention"),
            text("How many recovery points are kept."),
            text("Write a table [retention]."),
            always=True,
        ),
    ] = Retention()

    def __post_init__(self) -> None:
        """A site without a title or an application goes by its name."""
        _fill(self, "title", self.name)
        _fill(self, "app", self.name)

    def way_to(self, host: str) -> tuple[Host, ...]:
        """The hosts that lead to a host, the nearest first and itself last; none to this computer."""
        by_name = {each.name: each for each in self.hosts}
        way: list[Host] = []
        while host in by_name and by_name[host] not in way:
            way.insert(0, by_name[host])
            host = way[0].upstream
        return tuple(way)

    def secret_names(self) -> tuple[str, ...]:
        """The names of all secrets that this site may have."""
        hosts = [name for host in self.hosts for name in host.secret_names()]
        sources = [name for source in self.sources for name in source.secret_names()]
        return (*self.repository.secret_names(), *sources, *hosts)


def seconds(duration: str) -> int:
    """A duration as the site file writes it ("60s", "2m", "1h"), in seconds."""
    match = _DURATION.match(duration)
    if match is None:
        raise ValueError(f"{duration} is not a duration")
    return int(match[1]) * _SECONDS[match[2]]


def _fill(struct: msgspec.Struct, name: str, value: Any) -> None:
    """Gives a field that was left out its value, while the struct is made."""
    if not getattr(struct, name):
        msgspec.structs.force_setattr(struct, name, value)
