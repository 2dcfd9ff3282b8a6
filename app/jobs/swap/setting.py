"""What the steps of a swap work with: the trees that are meant, where they stand, and what was found out."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from app.jobs.manifest import SourceEntry
from app.jobs.restore.choice import Swap
from app.jobs.restore.setting import RestoreState, Setting
from app.jobs.sources.driver import Equipment
from app.jobs.swap.place import Place
from app.jobs.swap.staged import StagedTree
from app.settings.model import Site, Source


class Tree(msgspec.Struct, frozen=True):
    """A tree that is to be swapped: what the point has of it, and where the site has it now."""

    entry: SourceEntry
    source: Source


@dataclass
class SwapState(RestoreState):
    """What the steps of one swap hand on; `places` and `staged` by source."""

    places: dict[str, Place] = field(default_factory=dict)
    staged: dict[str, StagedTree] = field(default_factory=dict)


class SwapSetting(msgspec.Struct, frozen=True):
    """One swap with everything it needs to know."""

    base: Setting
    swap: Swap
    trees: tuple[Tree, ...]
    equipment: Equipment

    @property
    def site(self) -> Site:
        """The site."""
        return self.base.site

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.base.run
