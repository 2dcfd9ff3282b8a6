"""The catalogues in `resources/locale`: the program's sentences extracted, merged into each language, and compiled.

Run after a sentence was written or translated, with Babel of the development packages:

    .venv/bin/python -m installer.catalogues              # renews .pot, .po and .mo; counts what is not translated
    .venv/bin/python -m installer.catalogues missing      # also names each sentence that is not translated

A sentence is the first argument of `text` (the first two of `plural`), written out where it is said; presets have
theirs in their files. The compiled catalogues are kept too, so that a fresh checkout speaks every language at once.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from installer.console import say
from installer.places import ROOT

LANGUAGES = ("ru", "cs")
DOMAIN = "overwinter"
FOLDER = ROOT / "resources" / "locale"
TEMPLATE = FOLDER / f"{DOMAIN}.pot"

WORDS = "app.foundation.words"
HOME = "app/foundation/words.py"
SAYING = {"text": 1, "plural": 2}
"""The functions that make a sentence, and how many of their first arguments are its wording."""

Wording = tuple[str, ...]
"""One form, or the forms for one and for many."""


class NotLiteral(Exception):
    """A sentence that is put together while the program runs: no catalogue could hold it."""


def sentences(source: str, file: str) -> Iterator[Wording]:
    """The sentences of one module, as it says them; raises NotLiteral."""
    tree = ast.parse(source, file)
    names = {each: each for each in SAYING} if file == HOME else dict(_saying_names(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield _wording(node, SAYING[names[node.func.id]], file)


def _saying_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What `text` and `plural` are called in a module that imports them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == WORDS:
            yield from ((each.asname or each.name, each.name) for each in node.names if each.name in SAYING)


def _wording(call: ast.Call, forms: int, file: str) -> Wording:
    literals = [each.value for each in call.args[:forms] if isinstance(each, ast.Constant)]
    wording = tuple(each for each in literals if isinstance(each, str))
    if len(wording) != forms:
        raise NotLiteral(f"{file}:{call.lineno}: {ast.unparse(call)[:200]}")
    return wording


def preset_sentences(source: str) -> Iterator[Wording]:
    """What a preset says of itself and of the values it asks for."""
    preset = tomllib.loads(source)
    for said in (preset["title"], preset["about"], *(ask["what"] for ask in preset.get("asks", []))):
        yield (said,)


def extract() -> Catalog:
    """Every sentence of the program with the files that say it; without line numbers, which would change daily."""
    template = Catalog(
        project="Overwinter",
        version="1",
        msgid_bugs_address="",
        last_translator="Overwinter",
        header_comment="# Overwinter: what the program says, for a catalogue of another language.",
        creation_date=_created(),
        fuzzy=False,
    )
    for file in (*sorted((ROOT / "app").rglob("*.py")), *sorted((ROOT / "resources" / "presets").glob("*.toml"))):
        name, source = file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")
        for wording in sentences(source, name) if file.suffix == ".py" else preset_sentences(source):
            template.add(wording if len(wording) > 1 else wording[0], locations=[(name, 0)])
    return template


def read(file: Path) -> Catalog:
    """A catalogue or the template as it is kept."""
    with file.open("rb") as stored:
        return read_po(stored, locale=None if file == TEMPLATE else file.parent.parent.name, domain=DOMAIN)


def catalogue_of(language: str) -> Path:
    """Where the sentences of a language are translated."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def missing(catalogue: Catalog) -> list[Message]:
    """What is not translated, or not in all its forms."""
    return [each for each in catalogue if each.id and not _is_whole(each)]


def _is_whole(message: Message) -> bool:
    return all(message.string) if isinstance(message.string, tuple) else bool(message.string)


def renew(arguments: Sequence[str]) -> int:
    """Brings all up to what the program says today; gives 1 where it says what no catalogue can hold, else 0."""
    try:
        template = extract()
    except NotLiteral as composed:
        say(f"This sentence is put together, so it cannot be translated: {composed}")
        return 1
    _write(template, TEMPLATE)
    for language in LANGUAGES:
        _renew_language(language, template, name_missing="missing" in arguments)
    return 0


def _renew_language(language: str, template: Catalog, *, name_missing: bool) -> None:
    file = catalogue_of(language)
    catalogue = read(file)
    catalogue.update(template, no_fuzzy_matching=True)
    _write(catalogue, file)
    with file.with_suffix(".mo").open("wb") as compiled:
        write_mo(compiled, catalogue)
    absent = missing(catalogue)
    say(f"{language}: {len(catalogue)} sentences, {len(absent)} of them not translated")
    for each in absent if name_missing else ():
        say(f"  {each.locations[0][0]}: {each.id}")


def _write(catalogue: Catalog, file: Path) -> None:
    with file.open("wb") as stored:
        write_po(stored, catalogue, width=120, sort_by_file=True, include_lineno=False, ignore_obsolete=True)


def _created() -> datetime | str | None:
    """The day the template was begun: a date of each extraction would make every catalogue differ each time."""
    return read(TEMPLATE).creation_date if TEMPLATE.exists() else None


if __name__ == "__main__":
    sys.exit(renew(sys.argv[1:]))
