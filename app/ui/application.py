"""Opens the window: paints it first, starts the engine behind it, and puts everything away when it is closed."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

import qasync
from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTimer, QTranslator
from PySide6.QtWidgets import QApplication

from app.foundation.words import Language, reader_language
from app.settings.places import Places, places
from app.ui.bridge import Bridge, Sight
from app.ui.defects import Defects
from app.ui.ending import EndAsked
from app.ui.garbage import GarbageRound
from app.ui.main_window import MainWindow
from app.ui.only_window import OnlyWindow
from app.ui.remembered import Remembered, recall, remember
from app.ui.theme import Theme

CANCELLED = 130
"""The exit code of a program that was told to end (the table of the command line)."""


def run_window(data: Path | None = None) -> int:
    """Shows the window until the person closes it or the system ends it; gives the program's exit code."""
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Overwinter")
    application.setQuitOnLastWindowClosed(False)  # the engine is put away first
    here = places(data)
    only = OnlyWindow(here)
    if not only.take():
        return 0
    remembered = recall(here)
    theme = Theme(application, remembered.look)
    garbage = GarbageRound()
    # An explicit factory: qasync.run would set a policy that gives every other thread the window's loop too.
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(application)) as runner:
        code, remembered = runner.run(_shown(here, only, theme, remembered, garbage))
    del runner
    only.release()
    remember(here, remembered)  # there is no window any more that could wait for it
    garbage.stop()  # only now is all of the window garbage; it must not be left to another thread
    return code


def speak(language: Language) -> None:
    """Has Qt's own words in the language too: the menus of its fields, the buttons of its dialogs."""
    translator = QTranslator(QCoreApplication.instance())
    if translator.load(f"qtbase_{language.code}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        QCoreApplication.installTranslator(translator)


async def _shown(
    here: Places, only: OnlyWindow, theme: Theme, remembered: Remembered, garbage: GarbageRound
) -> tuple[int, Remembered]:
    bridge = Bridge(here)
    language = reader_language(QLocale.system().uiLanguages())
    speak(language)
    window = MainWindow(bridge, language)
    window.restore(remembered)
    window.look_button.show_look(theme.look)
    window.look_button.chosen.connect(theme.choose)
    only.wanted.connect(window.come_forward)
    defects, ending = Defects(bridge, window.show_error), EndAsked(window.end)
    bridge.opened.connect(garbage.keep_all)
    window.show()
    sight = Sight(remembered.site, language) if remembered.site else None
    QTimer.singleShot(0, partial(bridge.start, sight))
    window.load(choose=remembered.site)
    await window.closed.wait()
    left = window.remembered(theme.look)
    await window.put_away()
    await bridge.close()
    ending.stop()
    defects.stop()
    for one in (window, bridge, ending):  # now, and in this thread
        one.deleteLater()
    return (CANCELLED if ending.asked else 0), left
