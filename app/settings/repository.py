"""Where a site's recovery points go."""

from __future__ import annotations

from typing import Annotated

import msgspec

from app.foundation.words import text
from app.settings.fields import entry

REPOSITORY_PASSWORD = "repository-password"
S3_SECRETS = ("s3-access-key", "s3-secret-key", "s3-session-token")
REST_SECRETS = ("rest-username", "rest-password")


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
