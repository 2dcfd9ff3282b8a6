"""What a run's events add up to: what was saved, how long it took, what went wrong. Knows no Qt."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.foundation.errors import Problem
from app.foundation.events import Item, ItemFinished, ItemStatus, Outcome, RunClosed, Told
from app.foundation.words import Duration, Size, Text, plural, text

SAVED = (ItemStatus.SUCCESS, ItemStatus.PARTIAL)
NAMED = 4
"""So many sources are named in a card with what is wrong with them; of the others only the number is told."""

_WENT_WELL = (Outcome.SUCCESS, Outcome.CANCELLED)


BACKUP = "backup"
_ENDINGS = {
    Outcome.SUCCESS: text("Done in {time}."),
    Outcome.PARTIAL: text("Ended after {time}; not all of it is well."),
    Outcome.FAILED: text("Failed after {time}."),
    Outcome.CANCELLED: text("Cancelled after {time}."),
}
"""How runs end that save nothing."""


class RunStory:
    """Takes what a run tells and says in a sentence how it stands or how it ended."""

    def __init__(self, kind: str = BACKUP) -> None:
        self._saves = kind == BACKUP
        self.items: dict[str, Item] = {}
        self.closed: RunClosed | None = None
        self._began: datetime | None = None

    def tell(self, event: Told) -> None:
        """Takes an event."""
        self._began = self._began or event.at
        match event:
            case ItemFinished():
                self.items[event.item.source] = event.item
            case RunClosed():
                self.closed = event
            case _:
                pass

    @property
    def _added(self) -> Size:
        return Size(sum(item.added for item in self.items.values()))

    @property
    def _saved(self) -> int:
        return sum(item.status in SAVED for item in self.items.values())

    def _took(self, closed: RunClosed) -> Duration:
        return Duration(max(0.0, (closed.at - (self._began or closed.at)).total_seconds()))

    @property
    def sentence(self) -> Text | None:
        """How it stands; None before there is anything to say."""
        if self.closed is not None:
            return self._ending(self.closed)
        if not self._saved or not self._saves:
            return None
        return plural(
            "{count} source saved so far, {size} added.",
            "{count} sources saved so far, {size} added.",
            self._saved,
            size=self._added,
        )

    def _ending(self, closed: RunClosed) -> Text:
        took = self._took(closed)
        match closed.outcome:
            case Outcome.SUCCESS | Outcome.PARTIAL | Outcome.FAILED | Outcome.CANCELLED if not self._saves:
                return msgspec.structs.replace(_ENDINGS[closed.outcome], fields={"time": took})
            case Outcome.SUCCESS:
                return plural(
                    "{count} source saved in {time}, {size} added.",
                    "{count} sources saved in {time}, {size} added.",
                    self._saved,
                    time=took,
                    size=self._added,
                )
            case Outcome.PARTIAL:
                return text(
                    "{saved} of {total} sources saved in {time}, {size} added. Not everything is in this point.",
                    saved=self._saved,
                    total=closed.counters.total,
                    time=took,
                    size=self._added,
                )
            case Outcome.FAILED:
                return text("Failed after {time}. It made no complete recovery point.", time=took)
            case Outcome.CANCELLED:
                return text("Cancelled after {time}. What was uploaded is not uploaded again.", time=took)
            case Outcome.REFUSED | Outcome.SKIPPED:
                return text("Nothing was started and nothing was changed.")
            case Outcome.INTERRUPTED:
                return text("The program that ran it stopped in the middle. What it had not done is not done.")

    @property
    def problem(self) -> Problem | None:
        """What a person has to know about and can mend, once the run is closed."""
        if self.closed is None or self.closed.outcome in _WENT_WELL:
            return None
        faulty = [(item, item.error) for item in self.items.values() if item.error is not None]
        if not faulty:
            return self.closed.error
        return _of_one(*faulty[0]) if len(faulty) == 1 else _of_several(faulty, self.closed.counters.total)


def _of_one(item: Item, error: Problem) -> Problem:
    what = text("{source}: {what}", source=item.source, what=error.what)
    return Problem(what, error.means, error.next, error.code, _detail(item, error))


def _of_several(faulty: list[tuple[Item, Problem]], total: int) -> Problem:
    named = [
        text("{source}: {what} {next}", source=item.source, what=error.what, next=error.next)
        for item, error in faulty[:NAMED]
    ]
    if len(faulty) > NAMED:
        named.append(plural("and {count} more, under Details", "and {count} more, under Details", len(faulty) - NAMED))
    return Problem(
        text("{count} of {total} sources are not whole in this point.", count=len(faulty), total=total),
        _lines(named),
        text("What was saved is kept. Mend these, then back up again."),
        "run.sources-failed",
        "\n\n".join(f"{item.source}\n{_whole(item, error)}" for item, error in faulty),
    )


def _lines(parts: list[Text]) -> Text:
    first, *rest = parts
    return text("{first}\n{rest}", first=first, rest=_lines(rest)) if rest else first


def _whole(item: Item, error: Problem) -> str:
    said = (str(error.what), str(error.means), str(error.next), error.code, _detail(item, error))
    return "\n".join(part for part in said if part)


def _detail(item: Item, error: Problem) -> str:
    """What the programs said, then the names of what is missing that they did not say."""
    names = [name for name in item.missing if name not in error.detail]
    unnamed = item.missing_count - len(item.missing)
    return "\n".join(filter(None, [error.detail, *names, f"… {unnamed}" if unnamed > 0 else ""]))
