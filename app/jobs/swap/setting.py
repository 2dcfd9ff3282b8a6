"""What the steps of a swap work with: the trees that are meant, where they stand, and what was found out."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from app.jobs.cutover.shelf import Shelf
from app.jobs.manifest import SourceEntry
from app.jobs.restore.choice import Swap
from app.jobs.restore.setting import RestoreState, Setting
from app.jobs.sources.driver import Equipment
from app.jobs.sources.swapping import StagedDatabase
from app.jobs.swap.foreseen import Foreseen
from app.jobs.swap.kept import Old
from app.jobs.swap.place import Place
from app.jobs.swap.staged import StagedTree
from app.settings.model import Site, Source


class Part(msgspec.Struct, frozen=True):
    """A tree or a database that is to be swapped: what the point has of it, and where the site has it now."""

    entry: SourceEntry
    source: Source


@dataclass
class SwapState(RestoreState):
    """What the steps of one swap hand on; `places`, `staged` and `databases` by source.

    `safety` is the run of the backup of the state before, `bypass` the token that opens the site in maintenance, `old`
    what stays of the old state.
    """

    places: dict[str, Place] = field(default_factory=dict)
    staged: dict[str, StagedTree] = field(default_factory=dict)
    databases: dict[str, StagedDatabase] = field(default_factory=dict)
    foreseen: list[Foreseen] = field(default_factory=list)
    safety: str = ""
    bypass: str = ""
    old: list[Old] = field(default_factory=list)


class SwapSetting(msgspec.Struct, frozen=True):
    """One swap with everything it needs to know; `globals` are the roles of the servers of its databases, by source.

    `staged_by` is the run that has staged it, where that was another one; it gives everything its name.
    """

    base: Setting
    swap: Swap
    trees: tuple[Part, ...]
    databases: tuple[Part, ...]
    equipment: Equipment
    shelf: Shelf
    globals: dict[str, SourceEntry] = {}
    staged_by: str = ""

    @property
    def site(self) -> Site:
        """The site."""
        return self.base.site

    @property
    def run(self) -> str:
        """The id of the run that things are named by."""
        return self.staged_by or self.base.run
