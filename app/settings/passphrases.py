"""Passphrases of recovery kits: what is too weak for a file that lies around for years, and a strong one made here."""

from __future__ import annotations

import secrets

from app.foundation.errors import UserError
from app.foundation.words import text

SHORTEST = 12
FEWEST_KINDS = 6
_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that is taken for another one on paper
_GROUPS, _IN_A_GROUP = 5, 5


def check_passphrase(passphrase: str) -> None:
    """Raises `UserError` `usage.kit-passphrase` for one that whoever finds the file could guess."""
    if len(passphrase) >= SHORTEST and len(set(passphrase)) >= FEWEST_KINDS:
        return
    raise UserError(
        text("This passphrase is too weak for a recovery kit."),
        text("No kit was made. A kit lies around for years, and whoever finds it can try as long as they like."),
        text(
            "Choose at least {count} characters, {kinds} of them different (four words do), or have one made.",
            count=SHORTEST,
            kinds=FEWEST_KINDS,
        ),
        "usage.kit-passphrase",
    )


def new_passphrase() -> str:
    """A passphrase of 122 random bits that is easy to write down and to type."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_IN_A_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)
