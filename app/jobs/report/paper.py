"""A document as PDF, made without a window: headings, paragraphs, lists, tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.foundation.words import Language, Text
from app.jobs.kit.drawn import FONT
from app.jobs.runbook.document import Commands, Heading, Items, Paragraph, Part, Table

if TYPE_CHECKING:
    from fpdf import FPDF  # loads Pillow and fontTools: done on first use

_NAME = "page"
_SIZE = 9.0
_LINE = 5.0  # millimetres
_MARGIN = 16.0
_HEADINGS = {1: 14.0, 2: 11.5, 3: 10.0}


def as_pdf(parts: Sequence[Part], language: Language) -> bytes:
    """The document on A4. Blocks for about half a second."""
    from fpdf import FPDF  # noqa: PLC0415  slow to import

    pdf = FPDF(orientation="portrait", unit="mm", format="A4")
    pdf.set_margin(_MARGIN)
    pdf.set_auto_page_break(auto=True, margin=_MARGIN)
    pdf.add_font(_NAME, fname=str(FONT))
    pdf.set_font(_NAME, size=_SIZE)
    title = next((language.render(part.title) for part in parts if isinstance(part, Heading)), "")
    pdf.set_title(title)
    pdf.add_page()
    for part in parts:
        _put(pdf, part, language)
    return bytes(pdf.output())


def _put(pdf: FPDF, part: Part, language: Language) -> None:
    match part:
        case Heading():
            pdf.ln(_LINE / 2)
            _write(pdf, language.render(part.title), _HEADINGS.get(part.level, _SIZE))
        case Paragraph():
            _write(pdf, language.render(part.words))
        case Items():
            for number, item in enumerate(part.items, 1):
                mark = f"{number}." if part.numbered else "–"
                _write(pdf, f"{mark} {language.render(item)}")
        case Commands():
            for line in part.lines:
                _write(pdf, line)
        case Table():
            _table(pdf, [part.heads, *part.rows], language)


def _write(pdf: FPDF, words: str, size: float = _SIZE) -> None:
    pdf.set_font(_NAME, size=size)
    pdf.multi_cell(0, _LINE * size / _SIZE, words, align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font(_NAME, size=_SIZE)


def _table(pdf: FPDF, rows: Sequence[Sequence[Text | str]], language: Language) -> None:
    from fpdf.fonts import FontFace  # noqa: PLC0415  slow to import

    # The typeface has no bold of its own: heads stand on grey instead.
    heads = FontFace(fill_color=230)
    with pdf.table(headings_style=heads, text_align="LEFT", line_height=_LINE, padding=0.8) as table:
        for row in rows:
            table.row([language.render(cell) for cell in row])
    pdf.ln(_LINE / 2)
