"""The printed page in the hands of real programs: a shell that is typed into, a PDF that is read."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from pypdf import PdfReader

from app.foundation.words import ENGLISH
from app.jobs.kit.drawn import as_pdf
from app.jobs.kit.page import Made, page_of
from app.jobs.kit.typed import Typed
from app.settings.check_characters import LONGEST_TEXT, is_typeable, marked, without_marks
from app.settings.model import Repository, Site, Source, SourceKind

pytestmark = pytest.mark.spec("S6")

VALUES = [
    "plain", "with space", "two  spaces", " around ", "it's", "'", "''''", '"', "\\", "$HOME `id` $(id)", "%s %d %%",
    "пароль", "emoji 🌱", "tab\there", "newline\n", "\n\nin\nthe middle\n\n", "x" * 1000, "'" * 300, "ж" * 300,
    "a " * 200 + "b", "-n", "#1-XX", "a=b;c", "*?[x]", "~", "\\055", "0" * 160, "\x01\x7f", "!history", " ", "é'\\%",
]  # fmt: skip

shells = pytest.mark.parametrize("shell", [name for name in ("dash", "bash", "sh") if shutil.which(name)])


@shells
def test_a_shell_gets_every_value_as_it_is(shell: str) -> None:
    typed = Typed()
    for number, value in enumerate(VALUES):
        typed.assign(f"v{number}", value)
        typed.add(f"printf '%s\\0' \"$v{number}\"")
        typed.add("printf '%s\\0' {value} head:{value}/tail", value=value)
    assert all(len(line) <= LONGEST_TEXT and is_typeable(line) for line in typed.lines)
    printed = [marked(number % 999, line) for number, line in enumerate(typed.lines)]
    done = subprocess.run([shell], input="\n".join(printed).encode(), capture_output=True, check=True)
    assert done.stderr == b""
    expected = [part for value in VALUES for part in (value, value, f"head:{value}/tail")]
    assert done.stdout.decode().split("\0")[:-1] == expected


@shells
def test_an_exported_value_reaches_a_program(shell: str) -> None:
    typed = Typed()
    for value in ("plain one", "ж" * 100, "x" * 300):
        typed.assign("VALUE", value, export=True)
        typed.add("printenv VALUE")
    done = subprocess.run([shell], input="\n".join(typed.lines).encode(), capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == ["plain one", "ж" * 100, "x" * 300]


def test_the_pdf_holds_every_line_whole(tmp_path: Path) -> None:
    source = Source(name="laravel", kind=SourceKind.FILES, root="/var/www/" + "long/" * 40)
    site = Site(name="north-house", title="Северная теплица", repository=Repository(url="/mnt/repo"), sources=(source,))
    page = page_of(site, {"repository-password": "O0Il1 " + "x" * 140}, Made("2026-11-21", "eva", "0.19.0"))
    document = PdfReader(io.BytesIO(as_pdf(page, ENGLISH)))
    text = "\n".join(sheet.extract_text() for sheet in document.pages)
    lines = [line for section in page.sections for line in section.lines]
    assert max(map(len, lines)) > 150
    assert [line for line in text.splitlines() if without_marks([line])] == lines
    assert "Северная теплица" in text
    sheet = document.pages[0].mediabox
    assert sheet.width > sheet.height
