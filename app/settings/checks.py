"""How the repository is made sure of, as the site file says it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from app.foundation.words import text
from app.settings.fields import entry


class Checks(msgspec.Struct, frozen=True, kw_only=True):
    """How the repository is made sure of: what backups wrote is read again, and everything share by share."""

    shares: Annotated[
        int,
        entry(
            text("Shares"),
            text("Each check reads one of so many shares of the data, in turn; so many checks read all of it."),
            text("Write a whole number from 1 to 256."),
            unit=text("shares"),
            ge=1,
            le=256,
        ),
    ] = 8
    read_back: Annotated[
        bool,
        entry(
            text("Read back"),
            text("After a backup what it added is read again from the repository: once more over a slow or paid link."),
            text("Write true or false."),
        ),
    ] = True
