"""The printed page as PDF, made in memory: it holds secrets and must never be in a temporary file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.foundation.words import Language
from app.jobs.kit.page import Code, Page, Section

if TYPE_CHECKING:
    from fpdf import FPDF  # loads Pillow and fontTools: done on first use

FONT = Path(__file__).resolve().parents[3] / "resources" / "fonts" / "DejaVuSansMono.ttf"
"""A typeface in which 0 and O, 1, l and I cannot be taken for each other, with Cyrillic letters."""

_NAME = "page"
_SIZE = 7.8  # points: 160 characters fit across a landscape A4 or Letter page
_LINE = 4.2  # millimetres
_CODE = 62.0
_BETWEEN_CODES = 6.0
_MARGIN = 12.0


def as_pdf(page: Page, language: Language) -> bytes:
    """The page as PDF, A4 landscape. Blocks for about half a second."""
    from fpdf import FPDF  # noqa: PLC0415  slow to import

    pdf = FPDF(orientation="landscape", unit="mm", format="A4")
    pdf.set_margin(_MARGIN)
    pdf.set_auto_page_break(auto=True, margin=_MARGIN)
    pdf.set_title(language.render(page.title).partition(",")[0])
    pdf.add_font(_NAME, fname=str(FONT))
    pdf.set_font(_NAME, size=_SIZE)
    pdf.add_page()
    _write(pdf, language.render(page.title), size=_SIZE + 1.5)
    for section in page.sections:
        _section(pdf, section, language)
    _codes(pdf, page.codes(), language)
    return bytes(pdf.output())


def _section(pdf: FPDF, section: Section, language: Language) -> None:
    pdf.ln(_LINE / 2)
    _write(pdf, language.render(section.title), size=_SIZE + 1)
    for said in section.prose:
        _write(pdf, language.render(said), size=_SIZE - 0.6)
    for line in section.lines:
        _write(pdf, line)


def _write(pdf: FPDF, words: str, *, size: float = _SIZE) -> None:
    pdf.set_font(_NAME, size=size)
    pdf.multi_cell(0, _LINE, words, align="L", new_x="LMARGIN", new_y="NEXT")


def _codes(pdf: FPDF, codes: Sequence[Code], language: Language) -> None:
    """The codes in rows on pages of their own, each under its title."""
    width, height = _CODE + _BETWEEN_CODES, _CODE + _LINE + _BETWEEN_CODES
    in_row, rows = int((pdf.epw + _BETWEEN_CODES) // width), int((pdf.eph + _BETWEEN_CODES) // height)
    for place, code in enumerate(codes):
        row, column = divmod(place % (in_row * rows), in_row)
        if row == column == 0:
            pdf.add_page()
        pdf.set_xy(pdf.l_margin + column * width, pdf.t_margin + row * height)
        pdf.cell(_CODE, _LINE, language.render(code.title), new_x="LEFT", new_y="NEXT")
        _code(pdf, code.content)


def _code(pdf: FPDF, content: str) -> None:
    """One QR code as filled squares, at the present place of the page."""
    import segno  # noqa: PLC0415  needed for a page only

    matrix = segno.make_qr(content, error="m").matrix
    left, top, size = pdf.get_x(), pdf.get_y(), _CODE / len(matrix)
    for row, modules in enumerate(matrix):
        begin = 0
        while begin < len(modules):
            end = begin
            while end < len(modules) and modules[end]:
                end += 1
            if end > begin:
                pdf.rect(left + begin * size, top + row * size, (end - begin) * size, size, style="F")
            begin = max(end, begin + 1)
