"""A printed document: headings, paragraphs, tables and commands; as Markdown, and as one page of HTML by itself."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

import msgspec

from app.foundation.words import Language, Text


class Heading(msgspec.Struct, frozen=True):
    """A title; level 1 is the document's own."""

    level: int
    title: Text | str


class Paragraph(msgspec.Struct, frozen=True):
    """Plain text."""

    words: Text | str


class Items(msgspec.Struct, frozen=True):
    """A list; `numbered` where the order matters."""

    items: tuple[Text | str, ...]
    numbered: bool = False


class Table(msgspec.Struct, frozen=True):
    """Rows under their heads."""

    heads: tuple[Text, ...]
    rows: tuple[tuple[Text | str, ...], ...]


class Commands(msgspec.Struct, frozen=True):
    """What is typed, line by line."""

    lines: tuple[str, ...]


Part = Heading | Paragraph | Items | Table | Commands

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")
_MARKED = r"\\\1"

# Printed on A4 or Letter: no colour that a printer needs, commands never torn apart, links not followed by anything.
_STYLE = """\
@page { margin: 18mm 16mm; }
body { font: 11pt/1.45 "DejaVu Sans", "Segoe UI", "Helvetica Neue", sans-serif; max-width: 180mm; margin: 1.5em auto; }
h1 { font-size: 18pt; margin: 0 0 .3em; } h2 { font-size: 13pt; border-bottom: 1px solid; margin-top: 1.6em; }
h3 { font-size: 11pt; margin: 1.2em 0 .3em; }
h2, h3 { break-after: avoid; }
table { border-collapse: collapse; width: 100%; font-size: 10pt; }
th, td { border: 1px solid #777; padding: .25em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
pre { font: 9.5pt/1.5 "DejaVu Sans Mono", Consolas, Menlo, monospace; border: 1px solid #777; padding: .5em .7em;
      white-space: pre-wrap; overflow-wrap: anywhere; }
table, pre, tr { break-inside: avoid; }
"""


def as_markdown(parts: Sequence[Part], language: Language) -> str:
    """The document as Markdown (CommonMark with tables)."""
    return "\n\n".join(_markdown(part, language) for part in parts) + "\n"


def as_html(parts: Sequence[Part], language: Language) -> str:
    """The document as one page of HTML with its style in it, which needs nothing else and loads nothing."""
    title = next((language.render(part.title) for part in parts if isinstance(part, Heading)), "")
    body = "\n".join(_html(part, language) for part in parts)
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>\n<style>\n{_STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="{language.code}">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'


def _markdown(part: Part, language: Language) -> str:
    def plain(words: Text | str) -> str:
        return _SPECIAL.sub(_MARKED, language.render(words))

    match part:
        case Heading():
            return f"{'#' * part.level} {plain(part.title)}"
        case Paragraph():
            return plain(part.words)
        case Items():
            marks = [f"{number}." if part.numbered else "-" for number in range(1, len(part.items) + 1)]
            return "\n".join(f"{mark} {plain(item)}" for mark, item in zip(marks, part.items, strict=True))
        case Table():
            line = "|".join(" --- " for _ in part.heads)
            rows = (_row(row, language) for row in part.rows)
            return "\n".join((_row(part.heads, language), f"|{line}|", *rows))
        case Commands():
            return "\n".join(("```sh", *part.lines, "```"))


def _row(cells: Sequence[Text | str], language: Language) -> str:
    return f"| {' | '.join(_SPECIAL.sub(_MARKED, language.render(cell)) for cell in cells)} |"


def _html(part: Part, language: Language) -> str:
    def plain(words: Text | str) -> str:
        return html.escape(language.render(words))

    match part:
        case Heading():
            return f"<h{part.level}>{plain(part.title)}</h{part.level}>"
        case Paragraph():
            return f"<p>{plain(part.words)}</p>"
        case Items():
            kind = "ol" if part.numbered else "ul"
            return f"<{kind}>{''.join(f'<li>{plain(item)}</li>' for item in part.items)}</{kind}>"
        case Table():
            return "\n".join(_html_rows(part, language))
        case Commands():
            return f"<pre>{html.escape(chr(10).join(part.lines))}</pre>"


def _html_rows(table: Table, language: Language) -> Iterator[str]:
    yield "<table>"
    for mark, row in (("th", table.heads), *(("td", row) for row in table.rows)):
        cells = (f"<{mark}>{html.escape(language.render(cell))}</{mark}>" for cell in row)
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</table>"
