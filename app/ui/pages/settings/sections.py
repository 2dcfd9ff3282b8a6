"""Which part of a site each section of the Settings page shows. Knows no Qt."""

from __future__ import annotations

import enum

import msgspec

from app.foundation.words import Text, text
from app.settings.checks import Checks
from app.settings.command import Command
from app.settings.contacts import Contact, RunbookNotes
from app.settings.host import Host
from app.settings.model import Site
from app.settings.repository import Repository
from app.settings.retention import Retention
from app.settings.rules import Where
from app.settings.source import Source


class Tried(enum.Enum):
    """What the Test button of a section tries."""

    HOST = "host"
    SOURCE = "source"
    REPOSITORY = "repository"


class Group(msgspec.Struct, frozen=True):
    """The fields of one struct at one place of the site; `title` stands above them where there are several groups."""

    where: Where
    struct: type[msgspec.Struct]
    title: Text | None = None


class Table(msgspec.Struct, frozen=True):
    """An array of tables of the site, each a `row`: what adds one, what is said of none, what removing one means."""

    row: type[msgspec.Struct]
    add: Text
    empty: Text
    gone: Text


class Section(msgspec.Struct, frozen=True):
    """One section: of `groups`, or of the tables of an array. `keys` are the keys of the site in it."""

    key: str
    title: Text
    about: Text
    keys: tuple[str, ...]
    groups: tuple[Group, ...] = ()
    table: Table | None = None
    tried: Tried | None = None
    reads_security: bool = False


SECTIONS = (
    Section(
        "site",
        text("Site"),
        text("What this greenhouse is called, here and in its snapshots."),
        ("name", "title", "app", "env", "time_zone"),
        groups=(Group((), Site),),
    ),
    Section(
        "hosts",
        text("Hosts"),
        text("Servers and containers besides this computer. Nothing is installed on them."),
        ("hosts",),
        table=Table(
            Host,
            add=text("Add a host"),
            empty=text("No host yet. What is on this computer needs none."),
            gone=text(
                "Nothing changes on the host itself. Its stored secrets stay until you remove them under Security."
            ),
        ),
        tried=Tried.HOST,
    ),
    Section(
        "sources",
        text("What to back up"),
        text("Databases first, then files, in this order."),
        ("sources",),
        table=Table(
            Source,
            add=text("Add a source…"),
            empty=text("Nothing is backed up yet. Take a preset, look at a host, or add a source by hand."),
            gone=text("It is left out of new backups. Its recovery points stay, as does its stored password."),
        ),
        tried=Tried.SOURCE,
    ),
    Section(
        "repository",
        text("Repository"),
        text("Where recovery points go: any restic repository by its address, or a bucket of an S3 service."),
        ("repository", "check"),
        groups=(Group(("repository",), Repository), Group(("check",), Checks, text("Checks"))),
        tried=Tried.REPOSITORY,
    ),
    Section(
        "retention",
        text("Retention"),
        text("A point stays as long as one of these rules keeps it. The policy is applied after every full backup."),
        ("retention",),
        groups=(Group(("retention",), Retention),),
    ),
    Section(
        "commands",
        text("Commands"),
        text("Programs that run around a restore, in this order: those of one moment one after the other."),
        ("commands",),
        table=Table(
            Command,
            add=text("Add a command"),
            empty=text("No command yet. Presets bring those that their software needs."),
            gone=text("Restores run without it from now on."),
        ),
    ),
    Section(
        "contacts",
        text("Contacts"),
        text("Who is called when the site is down, in this order. They are printed in the runbook."),
        ("contacts",),
        table=Table(
            Contact,
            add=text("Add a contact"),
            empty=text("Nobody yet. Whoever stands in the greenhouse at night will look here first."),
            gone=text("The next runbook is printed without this contact."),
        ),
    ),
    Section(
        "runbook",
        text("Runbook"),
        text("What only people know, for whoever brings the site back. It is printed: write no passwords here."),
        ("runbook",),
        groups=(Group(("runbook",), RunbookNotes),),
    ),
    Section(
        "security",
        text("Security"),
        text("The site's secrets. They are kept in the keyring, or in an encrypted vault where there is none."),
        (),
        reads_security=True,
    ),
)


def section_of(where: Where) -> Section:
    """The section that shows a place of the site."""
    key = where[0] if where else "name"
    return next(section for section in SECTIONS if key in section.keys)
