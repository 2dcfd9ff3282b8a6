"""What a site is: one greenhouse installation, with its hosts, its sources, its repository and its rules.

The one description: forms, the site file and the export are made from these fields and what they tell of themselves.
Each part has a file of its own beside this one (`host`, `source`, `repository`, `command`, `retention`, and `shapes`
for what they have in common); the rest of the program takes them all from here.
What must fit together between fields is said in `rules`.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from app.foundation.words import text
from app.settings.checks import Checks
from app.settings.command import Command, CommandWhen
from app.settings.contacts import Contact, RunbookNotes
from app.settings.fields import entry
from app.settings.host import Host, HostKind
from app.settings.repository import REPOSITORY_PASSWORD, REST_SECRETS, S3_SECRETS, Repository
from app.settings.retention import Retention, Span
from app.settings.shapes import TAG, TAG_REMEDY, THIS_COMPUTER, fill
from app.settings.source import (
    DATABASE_KINDS,
    MYSQL_KINDS,
    POSTGRESQL_KINDS,
    SERVER_KINDS,
    TREE_KINDS,
    Source,
    SourceKind,
)

__all__ = [
    "DATABASE_KINDS",
    "KIT_FINGERPRINT_KEY",
    "MYSQL_KINDS",
    "POSTGRESQL_KINDS",
    "REPOSITORY_PASSWORD",
    "REST_SECRETS",
    "S3_SECRETS",
    "SERVER_KINDS",
    "THIS_COMPUTER",
    "TREE_KINDS",
    "Checks",
    "Command",
    "CommandWhen",
    "Host",
    "HostKind",
    "Repository",
    "Retention",
    "Site",
    "Source",
    "SourceKind",
    "Span",
    "valid_secret_name",
]

KIT_FINGERPRINT_KEY = "kit-fingerprint-key"
"""Made here, not typed: with it the fingerprints of a recovery kit are compared with the secrets."""

_SECRET_NAME = re.compile(
    rf"({'|'.join((REPOSITORY_PASSWORD, *S3_SECRETS, *REST_SECRETS, KIT_FINGERPRINT_KEY))}|board-archive-key"
    r"|source:[A-Za-z0-9._-]{1,64}:password|host:[A-Za-z0-9._-]{1,64}:(password|key-passphrase))\Z"
)


def valid_secret_name(name: str) -> bool:
    """Whether a site can have a secret of this name."""
    return _SECRET_NAME.match(name) is not None


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
            example=text("North house"),
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
            TAG_REMEDY,
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
            TAG_REMEDY,
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
    contacts: Annotated[
        tuple[Contact, ...],
        entry(
            text("Contacts"),
            text("Who is called when the site is down, in this order."),
            text("Write a table [[contacts]] for each of them."),
        ),
    ] = ()
    runbook: Annotated[
        RunbookNotes,
        entry(
            text("Runbook"),
            text("What only people know, for whoever brings the site back."),
            text("Write a table [runbook]."),
        ),
    ] = RunbookNotes()
    check: Annotated[
        Checks,
        entry(
            text("Check"),
            text("How the repository is made sure of."),
            text("Write a table [check]."),
        ),
    ] = Checks()

    def __post_init__(self) -> None:
        """A site without a title or an application goes by its name."""
        fill(self, "title", self.name)
        fill(self, "app", self.name)

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
