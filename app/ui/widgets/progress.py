"""How far something is, in figures and as a bar."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from app.foundation.events import Progress
from app.foundation.words import Duration, Field, Language, Size, Text, text
from app.ui.theme import Tones

BAR_HEIGHT = 6


def fraction(progress: Progress | None) -> float | None:
    """How much is done, from 0 to 1; None when nobody knows."""
    if progress is None:
        return None
    if progress.total_bytes > 0:
        return min(1.0, progress.bytes / progress.total_bytes)
    if progress.total_files > 0:
        return min(1.0, progress.files / progress.total_files)
    return None


def percent(progress: Progress | None) -> Text | None:
    """`71 %`; a whole hundred only when all is done."""
    done = fraction(progress)
    return None if done is None else text("{percent} %", percent=int(done * 100))


def speed(progress: Progress | None) -> Text | None:
    """`48 MiB/s`."""
    return text("{size}/s", size=Size(round(progress.speed))) if progress is not None and progress.speed > 0 else None


def remaining(progress: Progress | None) -> Text | None:
    """`40 s left`, in steps that do not tremble."""
    if progress is None or progress.remaining < 0:
        return None
    if progress.remaining < 10:
        return text("a few seconds left")
    return text("{time} left", time=Duration(progress.remaining))


def elapsed(seconds: float) -> Field:
    """How long something has been going on, in whole seconds."""
    return text("{seconds} s", seconds=int(seconds)) if 0 <= seconds < 10 else Duration(max(0.0, seconds))


def figures(progress: Progress, language: Language) -> str:
    """All that is known, on one line: `1.2 GiB of 4.0 GiB · 48 MiB/s · 40 s left`."""
    known = (_amount(progress), speed(progress), remaining(progress))
    return " · ".join(language.render(part) for part in known if part is not None)


def _amount(progress: Progress) -> Text | None:
    if progress.total_bytes > 0:
        return text("{done} of {total}", done=Size(progress.bytes), total=Size(progress.total_bytes))
    if progress.total_files > 0:
        return text("{done} of {total} files", done=progress.files, total=progress.total_files)
    return text("{done} so far", done=Size(progress.bytes)) if progress.bytes else None


def paint_bar(painter: QPainter, tones: Tones, room: QRect, done: float) -> None:
    """A bar that is `done` (0 to 1) full."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    radius = room.height() / 2
    for width, colour in ((room.width(), tones.line), (max(room.height(), round(room.width() * done)), tones.accent)):
        painter.setBrush(QColor(colour))
        painter.drawRoundedRect(QRectF(room.x(), room.y(), width, room.height()), radius, radius)
