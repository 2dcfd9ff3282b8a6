"""The menu of a log: everything that its keys do, to be found by whoever does not know them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu

from app.foundation.words import Language, Text, text

if TYPE_CHECKING:
    from app.ui.widgets.log_view import LogView

_Key = QKeySequence.StandardKey


def log_menu(view: LogView, language: Language) -> QMenu:
    """A menu for this view as it stands now; it goes when it is closed."""
    menu = QMenu(view)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def entry(name: Text, act: Callable[..., object], key: _Key | None = None) -> QAction:
        action = menu.addAction(language.render(name))
        if key is not None:
            action.setShortcut(QKeySequence(key))
            action.setShortcutVisibleInContextMenu(True)
        action.triggered.connect(act)
        return action

    def switch(name: Text, on: bool, turn: Callable[[bool], object]) -> None:
        action = entry(name, turn)
        action.setCheckable(True)
        action.setChecked(on)

    entry(text("Copy"), view.copy, _Key.Copy).setEnabled(view.has_selection)
    entry(text("Select all"), view.select_all, _Key.SelectAll).setEnabled(view.line_count > 0)
    entry(text("Find…"), view.search_wanted.emit, _Key.Find)
    menu.addSeparator()
    switch(text("Follow the end"), view.following, view.set_following)
    switch(text("Pause"), view.paused, view.set_paused)
    switch(text("Line numbers"), view.line_numbers, view.set_line_numbers)
    menu.addSeparator()
    entry(text("Open the log file"), view.file_wanted.emit)
    return menu
