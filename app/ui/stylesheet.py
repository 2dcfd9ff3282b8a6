"""What Fusion cannot be told by a palette: heights, corners, the visible focus, the one accent; colours are names."""

from __future__ import annotations

from string import Template

STYLESHEET = Template("""
QPushButton, QToolButton, QComboBox, QLineEdit {
    min-height: ${target}px; border: 1px solid $control; border-radius: ${radius}px; color: $text;
}
QPushButton, QComboBox { background: $surface; padding: 0 ${grid}px; }
QPushButton { padding: 0 16px; }
QPushButton:hover, QToolButton:hover, QComboBox:hover { background: $raised; }
QPushButton:pressed, QToolButton:pressed { background: $selection; }
QPushButton:disabled, QToolButton:disabled, QComboBox:disabled, QLineEdit:disabled {
    color: $disabled; border-color: $line;
}
QPushButton[kind="primary"] { background: $accent; border-color: $accent; color: $on_accent; font-weight: 600; }
QPushButton[kind="primary"]:hover { background: $accent_hover; }
QPushButton[kind="primary"]:disabled { background: $raised; border-color: $raised; color: $disabled; }
QPushButton[kind="quiet"], QToolButton, QToolButton:disabled { background: transparent; border-color: transparent; }
QPushButton[kind="quiet"] { color: $accent; padding: 0 ${grid}px; }
QPushButton[kind="quiet"]:hover, QToolButton:hover { background: $raised; }
QToolButton { min-width: ${target}px; max-height: ${target}px; padding: 0; }
QToolButton[words="true"] { padding: 0 ${grid}px; }
QPushButton[kind="quiet"]:disabled { color: $disabled; }
QFrame#card QPushButton[kind="quiet"] { padding: 0 ${half}px; }
QLineEdit QToolButton { min-width: 0; min-height: 0; border: none; }
QToolButton:checked { background: $selection; border-color: $accent; }
QLineEdit { background: $surface; padding: 0 ${grid}px; placeholder-text-color: $muted; }
QLineEdit, QPlainTextEdit { selection-background-color: $selection; selection-color: $text; }
QPushButton:focus, QToolButton:focus, QComboBox:focus, QLineEdit:focus {
    border: 2px solid $accent; min-height: ${inner}px;
}
QPushButton:focus { padding: 0 15px; }
QPushButton[kind="quiet"]:focus, QComboBox:focus, QLineEdit:focus { padding: 0 7px; }
QToolButton:focus { max-height: ${inner}px; min-width: ${inner}px; }
QToolButton[words="true"]:focus { padding: 0 7px; }
QFrame#card QPushButton[kind="quiet"]:focus { padding: 0 3px; }
QAbstractScrollArea:focus { border: 2px solid $accent; padding: 0; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; }
QComboBox::drop-down { border: none; width: 32px; }
QComboBox::down-arrow { image: none; }
QAbstractScrollArea { border: 1px solid $line; padding: 1px; border-radius: ${radius}px; background: $surface; }
QAbstractScrollArea::corner { background: $surface; border: none; }
QComboBox { combobox-popup: 0; }
QComboBox QAbstractItemView::item { min-height: ${target}px; padding: 0 ${grid}px; }
QComboBox QAbstractItemView::item:selected { background: $selection; color: $text; border: none; }
QComboBox QAbstractItemView { border: 1px solid $control; selection-background-color: $selection; }
QComboBox QAbstractItemView { selection-color: $text; }
QHeaderView { background: $surface; border: none; }
QHeaderView::section {
    background: $surface; color: $muted; border: none; border-bottom: 1px solid $line; font-weight: 600;
    padding: 0 12px; min-height: ${inner}px;
}
QScrollArea#bare, QScrollArea#bare > QWidget > QWidget { background: transparent; border: none; padding: 0; }
QSplitter::handle { background: transparent; }
QMenu { background: $surface; border: 1px solid $control; padding: ${half}px; }
QMenu::item { padding: 10px 24px 10px 16px; border-radius: ${half}px; }
QMenu::item:selected { background: $selection; }
QMenu::item:disabled { color: $disabled; }
QMenu::separator { height: 1px; background: $line; margin: ${half}px ${grid}px; }
QToolTip { background: $raised; color: $text; border: 1px solid $control; padding: ${half}px; }
QFrame#card { background: $surface; border: 1px solid $line; border-radius: ${grid}px; }
QFrame#card[state="fail"] { background: $fail_soft; border: 1px solid $fail; }
QFrame#card[state="stale"] { background: $stale_soft; border: 1px solid $stale; }
QFrame#card[state="ok"] { background: $ok_soft; border: 1px solid $ok; }
QFrame#navigation { background: $surface; border: none; border-right: 1px solid $line; }
QPushButton#entry { border-color: transparent; background: transparent; text-align: left; padding: 0 ${grid}px; }
QPushButton#entry:hover { background: $raised; }
QPushButton#entry:checked { background: $selection; font-weight: 600; }
QPushButton#entry:focus { border: 2px solid $accent; padding: 0 7px; }
QFrame#banner { background: $fail_soft; border: none; border-bottom: 2px solid $fail; }
QFrame#door { background: $surface; border: 1px solid $line; border-radius: ${grid}px; }
QLabel#fine { color: $muted; }
QFrame#strip { background: $surface; border: none; border-top: 1px solid $line; }
QPushButton#elided { border-color: transparent; background: transparent; text-align: left; padding: 0 ${grid}px; }
QPushButton#elided:hover { background: $raised; }
QPushButton#elided:focus { border: 2px solid $accent; padding: 0 7px; }
QLabel[tone="muted"] { color: $muted; }
QLabel[tone="ok"] { color: $ok; }
QLabel[tone="stale"] { color: $stale; }
QLabel[tone="fail"] { color: $fail; }
QLabel[tone="running"] { color: $running; }
QLabel[tone="never"] { color: $never; }
QLabel[tone="unknown"] { color: $unknown; }
QProgressBar { border: none; border-radius: 4px; background: $line; max-height: 8px; min-height: 8px; }
QProgressBar::chunk { border-radius: 4px; background: $accent; }
QScrollBar { background: transparent; }
QScrollBar:vertical { width: 16px; }
QScrollBar:horizontal { height: 16px; }
QScrollBar::handle { background: $control; border: 4px solid $surface; border-radius: 8px; }
QScrollBar::handle:vertical { min-height: ${icon}px; }
QScrollBar::handle:horizontal { min-width: ${icon}px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
""")
