"""What a page can do itself about an error: which button stands on its card. Knows no Qt."""

from __future__ import annotations

import enum
from typing import NamedTuple

from app.foundation.errors import Problem
from app.foundation.words import Text, text

REPOSITORY_PASSWORD = "repository-password"


class Act(enum.Enum):
    """What pressing the button does."""

    STORE_SECRET = "store-secret"
    MAKE_REPOSITORY = "make-repository"
    TRY_AGAIN = "try-again"


class Remedy(NamedTuple):
    """A next step: the words on its button, what it does, and for a secret its name and whether it is a new one.

    `next` stands on the card in place of the error's own, where that one speaks of the command line.
    """

    word: Text
    act: Act
    secret: str = ""
    is_new: bool = False
    next: Text | None = None


TRY_AGAIN = Remedy(text("Try again"), Act.TRY_AGAIN)
_MAKE = Remedy(text("Make the repository"), Act.MAKE_REPOSITORY)
_UNLOCK = Remedy(text("Type the passphrase…"), Act.TRY_AGAIN)
_TO_STORE = text("Once stored it is kept in the keyring, or in an encrypted vault where there is none.")
_STORE, _STORE_ANOTHER = text("Store the password…"), text("Store another password…")

_NOT_STORED = ("secrets.missing", "secrets.gone")
_OF_CODE = {
    "restic.wrong-password": Remedy(_STORE_ANOTHER, Act.STORE_SECRET, REPOSITORY_PASSWORD),
    "restic.no-repository": _MAKE,
    "secrets.vault-locked": _UNLOCK,
    "secrets.wrong-passphrase": _UNLOCK,
    "secrets.locked": Remedy(text("Unlock the keyring…"), Act.TRY_AGAIN),
}
_OF_SOURCE = {"postgres.password-wrong": _STORE_ANOTHER, "postgres.password-missing": _STORE}


def remedy_of(problem: Problem) -> Remedy | None:
    """The next step that a page can take, if there is one."""
    fields = problem.what.fields
    if problem.code in _NOT_STORED:
        name = str(fields.get("name", REPOSITORY_PASSWORD))
        return Remedy(_STORE, Act.STORE_SECRET, name, is_new=True, next=_TO_STORE)
    if problem.code in _OF_SOURCE and "source" in fields:
        return Remedy(_OF_SOURCE[problem.code], Act.STORE_SECRET, f"source:{fields['source']}:password")
    return _OF_CODE.get(problem.code)


def secret_title(name: str) -> Text:
    """How a secret is called where it is asked for."""
    if name == REPOSITORY_PASSWORD:
        return text("The repository's password")
    return text("The secret {name}", name=name)


def secret_meaning(name: str) -> Text:
    """What a person should know before typing it."""
    if name == REPOSITORY_PASSWORD:
        return text("It encrypts everything in the repository. Whoever loses it loses every backup.")
    return text("It is kept in the keyring or in the encrypted vault, never in a file of the site.")
