"""Which secrets a site has not got yet: those without which nothing goes, and those that somebody may ask for."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from app.settings.model import REPOSITORY_PASSWORD, S3_SECRETS, Site


class MissingSecrets(msgspec.Struct, frozen=True):
    """Secrets that are not stored: the `needed` ones, and those that may be asked for (`perhaps`)."""

    needed: tuple[str, ...]
    perhaps: tuple[str, ...]


def needed_secret_names(site: Site) -> tuple[str, ...]:
    """The secrets that a site cannot be without; the others depend on how its servers let people in."""
    return (REPOSITORY_PASSWORD, *(S3_SECRETS[:2] if site.repository.address.startswith("s3:") else ()))


def missing_of(site: Site, stored: Collection[str]) -> MissingSecrets:
    """What of a site's secrets is not among the names of the stored ones."""
    missing = [name for name in site.secret_names() if name not in stored]
    needed = needed_secret_names(site)
    return MissingSecrets(
        tuple(name for name in missing if name in needed), tuple(name for name in missing if name not in needed)
    )
