"""What a person has chosen in the wizard so far, and the order that it makes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.foundation.words import Text, text

if TYPE_CHECKING:  # the engine's thread loads them
    from app.jobs.catalogue.rows import PointRow
    from app.jobs.manifest import SourceEntry
    from app.jobs.restore.choice import RestoreChoice
    from app.jobs.restore.contents import Contents


class Way(enum.Enum):
    """How the point comes back."""

    SWAP = "swap"
    LATER = "later"
    SYNC = "sync"
    FOLDER = "folder"
    DATABASE = "database"


WAY_WORDS = {
    Way.SWAP: (
        text("In place of what is live"),
        text("Prepared beside it while the site works, then exchanged in about a second. The old state stays a day."),
    ),
    Way.LATER: (
        text("Prepare now, switch later"),
        text("Everything is put beside what is live and compared. The exchange waits for you, for up to a week."),
    ),
    Way.SYNC: (
        text("In place, file by file"),
        text("Only where nothing can be exchanged: the site is down all the while, and no old state is kept."),
    ),
    Way.FOLDER: (text("Into a folder"), text("Nothing that is live is touched. Dumps come as files.")),
    Way.DATABASE: (text("As a new database"), text("One database, under a name that is not taken, on its own server.")),
}
"""What each way is called, and what it means."""


class Part(enum.Enum):
    """Which parts of the point come back."""

    BOTH = "both"
    FILES = "files"
    DATABASES = "databases"
    CHOSEN = "chosen"


PART_WORDS = {
    Part.BOTH: text("Everything that is in the point"),
    Part.FILES: text("Files only"),
    Part.DATABASES: text("Databases only"),
    Part.CHOSEN: text("Only these"),
}


@dataclass
class Wish:
    """Filled from step to step. `accepted` are checks that may stay open by the person's own word; `staged` is the run
    that has prepared it already, `named` the scopes in its words.
    """

    row: PointRow | None = None
    contents: Contents | None = None
    part: Part = Part.BOTH
    sources: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    way: Way = Way.SWAP
    folder: str = ""
    here: bool = True
    database: str = ""
    safety: bool = True
    make_roles: bool = False
    by_name: bool = False
    staged: str = ""
    onto_other: str = ""
    accepted: set[str] = field(default_factory=set)

    @property
    def scopes(self) -> tuple[str, ...]:
        """As the command line names them."""
        if self.named:
            return self.named
        if self.part is Part.CHOSEN:
            return tuple(f"source:{name}" for name in self.sources)
        return (self.part.value,)

    @property
    def replaces(self) -> bool:
        """Whether what is live is exchanged at the end."""
        return self.way in (Way.SWAP, Way.SYNC)

    @property
    def needs_phrase(self) -> bool:
        """Whether a phrase has to be typed."""
        return self.replaces or self.way is Way.LATER

    def entries(self) -> list[SourceEntry]:
        """The sources of the point that are meant and are in it."""
        from app.jobs.restore.contents import chosen  # noqa: PLC0415  loaded by the engine long before

        return [entry for entry in chosen(self.contents, self.scopes) if entry.snapshot] if self.contents else []

    def fault(self) -> Text | None:
        """What still has to be said before it can be checked; None when nothing."""
        if self.part is Part.CHOSEN and not self.sources:
            return text("Tick what is to come back.")
        if self.way is Way.FOLDER and not self.folder.startswith(("/", "\\")) and self.folder[1:2] != ":":
            return text("Choose the folder that it is to come into.")
        if self.way is Way.DATABASE and not self.database:
            return text("Give the new database a name.")
        return None

    def take(self, choice: RestoreChoice, contents: Contents, run: str) -> None:
        """What `run` has prepared by that choice is to be exchanged now."""
        self.contents, self.staged, self.way = contents, run, Way.SWAP
        self.make_roles, self.by_name, self.accepted = choice.make_roles, choice.by_name, set(choice.accepted)
        named = [one for one in Part if choice.scopes == (one.value,)]
        self.part = named[0] if named else Part.CHOSEN
        if self.part is Part.CHOSEN:
            self.named = choice.scopes

    def order(self, *, dry_run: bool) -> RestoreChoice:
        """What is asked of the engine."""
        from app.jobs.restore.choice import Folder, NewDatabase, RestoreChoice, Swap  # noqa: PLC0415  as above
        from app.settings.model import THIS_COMPUTER  # noqa: PLC0415  as above

        target: Folder | NewDatabase | Swap
        match self.way:
            case Way.FOLDER:
                target = Folder(self.folder, THIS_COMPUTER if self.here else "")
            case Way.DATABASE:
                target = NewDatabase(self.database)
            case _:
                target = Swap(
                    self.onto_other,
                    safety=self.safety,
                    stage_only=self.way is Way.LATER,
                    cutover=self.staged,
                    in_place=self.way is Way.SYNC,
                )
        return RestoreChoice(
            self.contents.point.id if self.contents is not None else "",
            self.scopes,
            target,
            tuple(sorted(self.accepted)),
            make_roles=self.make_roles,
            by_name=self.by_name,
            dry_run=dry_run,
        )
