"""Whom to call, and what only people know: the parts of a site that no program needs, but its runbook does."""

from __future__ import annotations

from typing import Annotated

import msgspec

from app.foundation.words import text
from app.settings.fields import entry

_LINE = "^[^\\0-\\x1f\\x7f\\ud800-\\udfff\\u2028\\u2029]{0,200}\\Z"
"""One line, as it can be printed."""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is called when the site is down; all of it is printed in the runbook."""

    name: Annotated[
        str,
        entry(
            text("Name"),
            text("Who it is: a person, a company, or a service desk."),
            text("Write one line of at most 200 characters."),
            example="Olga Nováková",
            min_length=1,
            pattern=_LINE,
        ),
    ]
    role: Annotated[
        str,
        entry(
            text("Role"),
            text("What to call them for."),
            text("Write one line of at most 200 characters."),
            example=text("grower on duty"),
            pattern=_LINE,
        ),
    ] = ""
    phone: Annotated[
        str,
        entry(
            text("Telephone"),
            text("The number, as it is dialled."),
            text("Write digits, spaces, and + ( ) . / - only, such as +420 123 456 789."),
            example="+420 123 456 789",
            pattern=r"^[0-9+(). /-]{0,40}\Z",
        ),
    ] = ""
    email: Annotated[
        str,
        entry(
            text("E-mail"),
            text("The address for what can wait."),
            text("Write one address, such as olga@example.org."),
            example="olga@example.org",
            pattern=r"^([^\s@<>]{1,100}@[^\s@<>]{1,150})?\Z",
        ),
    ] = ""
    note: Annotated[
        str,
        entry(
            text("Note"),
            text("When they can be reached, what they have the keys of."),
            text("Write one line of at most 200 characters."),
            example=text("nights; has the key of the pump room"),
            pattern=_LINE,
        ),
    ] = ""


class RunbookNotes(msgspec.Struct, frozen=True, kw_only=True):
    """What only people know, and whoever brings the site back has to know; it is printed in the runbook."""

    kit: Annotated[
        str,
        entry(
            text("Recovery kit"),
            text("Where the recovery kit is kept, and who can get at it."),
            text("Write one line of at most 200 characters."),
            example=text("safe in the office, envelope 4; Olga and Petr"),
            pattern=_LINE,
        ),
    ] = ""
    keys: Annotated[
        str,
        entry(
            text("Keys"),
            text("Where the keys of rooms, cabinets and servers are."),
            text("Write one line of at most 200 characters. No passwords: they belong into the secret store."),
            example=text("key box beside the pump room"),
            pattern=_LINE,
        ),
    ] = ""
    notes: Annotated[
        tuple[Annotated[str, msgspec.Meta(pattern=_LINE)], ...],
        entry(
            text("Notes"),
            text("What else has to be known, a paragraph each."),
            text("Write a list of lines of at most 200 characters. No passwords: they belong into the secret store."),
            example=text("Close the CO2 valve by hand first."),
        ),
    ] = ()
