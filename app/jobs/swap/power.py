"""Whether this computer lasts until a cutover is over: one that dies in the middle leaves a site to be recovered."""

from __future__ import annotations

import msgspec
import psutil

from app.foundation.blocking import Blocking
from app.foundation.errors import Refused
from app.foundation.words import text
from app.jobs.restore.checks import UNCHANGED

LEAST = 25
"""Percent of its battery that a computer without mains must have left before it exchanges anything."""


class Battery(msgspec.Struct, frozen=True):
    """How full the battery is, in percent, and whether it is being charged or spared."""

    percent: float
    plugged: bool


def read_battery() -> Battery | None:
    """The battery of this computer; None where there is none, or the system tells nothing of it."""
    found = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if found is None:
        return None
    # None where the system does not know: a charge that is not told to fall is not assumed to.
    return Battery(float(found.percent), plugged=found.power_plugged is not False)


async def expect_power(blocking: Blocking) -> None:
    """Raises `Refused` `restore.battery-low` where the battery is low and nothing charges it."""
    battery = await blocking.call("files", read_battery)
    if battery is not None and not battery.plugged and battery.percent < LEAST:
        raise Refused(
            text(
                "The battery of this computer is at {percent} %, and it is not plugged in.",
                percent=int(battery.percent),
            ),
            UNCHANGED,
            text("Plug it in. Below {least} % nothing that is live is exchanged.", least=LEAST),
            "restore.battery-low",
        )
