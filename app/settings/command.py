"""Programs that run around a cutover."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

from app.foundation.words import text
from app.settings.fields import entry
from app.settings.shapes import DURATION, TAG, TAG_REMEDY, THIS_COMPUTER, Argument, seconds


class CommandWhen(enum.Enum):
    """At which moment of a cutover a command runs."""

    MAINTENANCE_ON = "maintenance_on"
    STOP = "stop"
    AFTER_RESTORE = "after_restore"
    START = "start"
    MAINTENANCE_OFF = "maintenance_off"
    SMOKE = "smoke"


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A program that is run around a cutover, without a shell."""

    name: Annotated[
        str,
        entry(
            text("Name"),
            text("How runs name this command."),
            TAG_REMEDY,
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
            refers_to="hosts",
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
            text(
                "Started as it is, never by a shell. {{staged}} is the restored tree, {{bypass}} the maintenance token."
            ),
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
            pattern=DURATION.pattern,
        ),
    ] = "60s"

    @property
    def deadline(self) -> float:
        """The time limit in seconds."""
        return float(seconds(self.timeout))
