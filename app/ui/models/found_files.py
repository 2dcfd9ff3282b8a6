"""Names that were found in recovery points: the same file of many points is one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.foundation.words import Language, plural, text
from app.ui.models.files import modified_at, shown_name
from app.ui.models.rows import Column

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.catalogue.rows import Name, Searchable


IN_POINTS = 4
"""The column that says in how many points a file is."""


class FoundFile:
    """One file as it was at one time: alike in all of `points`, newest first; it can be taken out of `snapshot`."""

    __slots__ = ("name", "points", "snapshot", "source")

    def __init__(self, name: Name, tree: Searchable) -> None:
        self.name = name
        self.source = tree.source
        self.snapshot = tree.snapshot
        self.points = list(tree.points)


class FoundFiles:
    """What a search has found so far."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int, int | None], FoundFile] = {}

    def add(self, tree: Searchable, names: Sequence[Name]) -> list[FoundFile]:
        """What was found in one more tree; gives the files that were not met before."""
        new = []
        for name in names:
            key = (tree.source, name.path, name.size, name.modified)
            if (known := self._known.get(key)) is not None:
                known.points += tree.points
            else:
                new.append(self._known.setdefault(key, FoundFile(name, tree)))
        return new


def columns(language: Language, when: Callable[[str], str]) -> tuple[Column[FoundFile], ...]:
    """What stands in the columns; `when` says of a point when it was made."""

    def in_points(found: FoundFile) -> str:
        newest, others = when(found.points[0]), len(found.points) - 1
        more = plural("{newest} and {count} other point", "{newest} and {count} other points", others, newest=newest)
        return language.render(more) if others else newest

    def changed(found: FoundFile) -> str:
        at = modified_at(found.name)
        return "" if at is None else f"{at:%Y-%m-%d %H:%M}"

    return (
        Column(text("Name"), lambda one: shown_name(one.name.name), lambda one: one.name.name.casefold()),
        Column(text("Folder"), _folder, lambda one: one.name.path),
        Column(text("Size"), lambda one: language.size(one.name.size), lambda one: one.name.size, figures=True),
        Column(text("Changed"), changed, lambda one: one.name.modified or 0),
        Column(
            text("Points"), lambda one: str(len(one.points)), lambda one: len(one.points), figures=True, tip=in_points
        ),
    )


def _folder(found: FoundFile) -> str:
    return shown_name(found.name.path.rpartition("/")[0] or "/")
