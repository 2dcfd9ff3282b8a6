"""Shows the practice greenhouse beside a window that is open: a second program with a window of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import app
from app.demo.screen import VARIABLES
from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Host

_HANDED_ON = (*VARIABLES, "OVERWINTER_RESTIC")


async def show_practice(host: Host) -> None:
    """Runs the practice until its window is closed; who is cancelled meanwhile ends it, and it puts itself away."""
    seen = {name: value for name, value in os.environ.items() if name.startswith(_HANDED_ON)}
    finished = await host.run(Command(*_program(), environment=seen))
    if finished.code != 0:
        raise UserError(
            text("The practice greenhouse could not be shown."),
            text("Nothing of yours was touched, and nothing of it is left."),
            text("Try it again; the details say what was in the way."),
            "demo.failed",
            finished.stderr.decode("utf-8", "replace") or finished.stdout.decode("utf-8", "replace"),
        )


def _program() -> tuple[str, tuple[str, ...]]:
    """A packaged program has no Python to others: it is asked itself."""
    if getattr(sys, "frozen", False):
        return sys.executable, ("demo",)
    return sys.executable, (str(Path(app.__file__).parent.parent / "main.py"), "demo")
