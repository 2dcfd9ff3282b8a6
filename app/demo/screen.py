"""Whether there is a screen that a window could be shown on."""

from __future__ import annotations

import os
import sys

from app.hosts.host import Command, Host

VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "QT_")
OPENS_IT = "from PySide6.QtWidgets import QApplication; QApplication([])"
ANSWERS_WITHIN = 20.0  # seconds


def has_screen() -> bool:
    """Whether this session seems to have one; Windows and macOS always do."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def screen_answers(host: Host) -> bool:
    """Tries it in a process of its own, for Qt ends its process at once when the screen is another user's, or gone."""
    seen = {name: value for name, value in os.environ.items() if name.startswith(VARIABLES)}
    finished = await host.run(Command(sys.executable, ("-c", OPENS_IT), environment=seen), deadline=ANSWERS_WITHIN)
    return finished.code == 0
