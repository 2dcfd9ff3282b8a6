"""Asks where something is to be saved; what stands there is never replaced, so nobody is asked about that."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def ask_for_file(parent: QWidget, title: str, name: str, then: Callable[[str], object]) -> None:
    """Asks for the name of a new file or folder, beginning with this one; `then` gets its path."""
    dialog = QFileDialog(parent, title, name)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.selectFile(name)
    _open(dialog, then)


def ask_for_folder(parent: QWidget, title: str, then: Callable[[str], object]) -> None:
    """Asks for a folder that is there."""
    dialog = QFileDialog(parent, title)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    _open(dialog, then)


def _open(dialog: QFileDialog, then: Callable[[str], object]) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(then)
    dialog.open()
