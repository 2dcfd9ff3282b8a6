"""Questions with an answer of one line: a file, a folder, some words. Each opens over its window and calls `then`.

Qt's dialogs are imported when one is asked: making their Python classes takes a tenth of the time in which the window
opens. What stands where something is to be saved is never replaced, so nobody is asked about that.
"""
# ruff: noqa: PLC0415  as said above

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from app.foundation.words import Language, Text, text

if TYPE_CHECKING:
    from PySide6.QtWidgets import QFileDialog, QWidget


def ask_for_file(parent: QWidget, title: str, name: str, then: Callable[[str], object]) -> None:
    """Asks for the name of a new file or folder, beginning with this one; `then` gets its path."""
    from PySide6.QtWidgets import QFileDialog

    dialog = QFileDialog(parent, title, name)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.selectFile(name)
    _open(dialog, then)


def ask_for_existing_file(parent: QWidget, title: str, names: str, then: Callable[[str], object]) -> None:
    """Asks for a file that is there; `names` is what they are called, as Qt writes it (`*.kit;;*`)."""
    from PySide6.QtWidgets import QFileDialog

    dialog = QFileDialog(parent, title, "", names)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    _open(dialog, then)


def ask_for_folder(parent: QWidget, title: str, then: Callable[[str], object]) -> None:
    """Asks for a folder that is there."""
    from PySide6.QtWidgets import QFileDialog

    dialog = QFileDialog(parent, title)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    _open(dialog, then)


def _open(dialog: QFileDialog, then: Callable[[str], object]) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(then)
    dialog.open()


def ask_for_words(parent: QWidget, language: Language, title: Text, label: Text, then: Callable[[str], object]) -> None:
    """Asks for some words, which may be none; `then` gets them."""
    from PySide6.QtWidgets import QInputDialog

    dialog = QInputDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(language.render(title))
    dialog.setLabelText(language.render(label))
    dialog.setOkButtonText(language.render(text("OK")))
    dialog.setCancelButtonText(language.render(text("Cancel")))
    dialog.textValueSelected.connect(then)
    dialog.open()
