"""Opens the window: paints it first, starts the engine behind it, and puts everything away when it is closed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import qasync
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.foundation.words import reader_language
from app.settings.places import places
from app.ui.bridge import Bridge
from app.ui.defects import Defects
from app.ui.ending import EndAsked
from app.ui.garbage import GarbageRound
from app.ui.main_window import MainWindow
from app.ui.theme import Theme

CANCELLED = 130
"""The exit code of a program that was told to end (the table of the command line)."""


def run_window(data: Path | None = None) -> int:
    """Shows the window until the person closes it or the system ends it; gives the program's exit code."""
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Overwinter")
    application.setQuitOnLastWindowClosed(False)  # the engine is put away first
    Theme(application)
    garbage = GarbageRound()
    # An explicit factory: qasync.run would set a policy that gives every other thread the window's loop too.
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(application)) as runner:
        code = runner.run(_shown(data, garbage))
    del runner
    garbage.stop()  # only now is all of the window garbage; it must not be left to another thread
    return code


async def _shown(data: Path | None, garbage: GarbageRound) -> int:
    bridge = Bridge(places(data))
    window = MainWindow(bridge, reader_language())
    defects, ending = Defects(bridge, window.show_error), EndAsked(window.end)
    bridge.opened.connect(garbage.keep_all)
    window.show()
    QTimer.singleShot(0, bridge.start)
    window.load()
    await window.closed.wait()
    await window.put_away()
    await bridge.close()
    ending.stop()
    defects.stop()
    for one in (window, bridge, ending):  # now, and in this thread
        one.deleteLater()
    return CANCELLED if ending.asked else 0
