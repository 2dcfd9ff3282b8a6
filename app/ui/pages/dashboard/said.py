"""What an overview says in the words of the Dashboard: its cards and lines. Knows no widget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from app.foundation.words import Language, Size, Text, plural, text
from app.ui.models.runs import LOOKS, RUNNING, kind_word
from app.ui.theme import State

if TYPE_CHECKING:  # the window is painted before the jobs' room is loaded
    from app.jobs.health.inventory import Growth
    from app.jobs.health.judgement import Aspect
    from app.jobs.health.notices import Notice
    from app.jobs.health.overview import Overview
    from app.jobs.kit.state import KitState
    from app.records.run import Run

DAYS_COUNTED = 30


class Fact(NamedTuple):
    """How one matter stands: in a few words, and more about it."""

    state: State
    headline: Text
    about: tuple[Text, ...] = ()


class Line(NamedTuple):
    """A line of a list: the state that it is about and its word, what it says, and what it opens."""

    state: State
    word: Text
    sentence: Text
    opens: str


# --- the repository ---------------------------------------------------------------------------


def repository_fact(overview: Overview, now: datetime, language: Language) -> Fact:
    """How large the repository is, and when it was last checked."""
    check, size = overview.health.check, _size(overview, now)
    if overview.away is not None:
        return Fact(State.UNKNOWN, text("It cannot be read now"), (size,))
    return Fact(State(check.condition.value), _checked(check, now, language), (size,))


def _size(overview: Overview, now: datetime) -> Text:
    if overview.inventory is None:
        return text("How large it is and how it grows is not known yet.")
    growth = _growth(overview.inventory.growth, now)
    size = text("{size}", size=Size(overview.samples[-1].bytes)) if overview.samples else None
    if size is None:
        return growth or text("How fast it grows is known after a day.")
    return size if growth is None else text("{size}, {growth}", size=size, growth=growth)


def _growth(growth: Sequence[Growth], now: datetime) -> Text | None:
    """None while it began less than a day ago: what the first points bring is no growth."""
    begun = min((one.time for one in growth), default=now)
    if now - begun < timedelta(days=1):
        return None
    counted = min(DAYS_COUNTED, (now - begun).days + 1)
    return text("+{size} a day lately", size=Size(sum(growth_of_days(growth, now)) // counted))


def growth_of_days(growth: Sequence[Growth], now: datetime) -> list[int]:
    """What each of the last days added, in bytes, oldest first."""
    today = now.astimezone().date()
    days = [0] * DAYS_COUNTED
    for one in growth:
        ago = (today - one.time.astimezone().date()).days
        if 0 <= ago < DAYS_COUNTED:
            days[-1 - ago] += one.bytes
    return days


def _checked(check: Aspect, now: datetime, language: Language) -> Text:
    if check.at is None:
        return text("Never checked") if _is(check, State.NEVER) else text("Not known now")
    age = language.age(now - check.at)
    return text("Damage found {age}", age=age) if _is(check, State.FAIL) else text("Checked {age}", age=age)


def _is(aspect: Aspect, state: State) -> bool:
    return State(aspect.condition.value) is state


# --- proof ------------------------------------------------------------------------------------


def proof_fact(overview: Overview, now: datetime, language: Language) -> Fact:
    """When it was last proven that what is backed up restores."""
    proof = overview.health.proof
    state = State(proof.condition.value)
    if proof.at is None:
        never = text("Never proven to restore") if overview.health.known else text("Not known now")
        return Fact(state, never, (text("A verification brings everything back for a moment and compares it."),))
    when = language.moment(proof.at, now)
    if state is State.FAIL:
        return Fact(state, text("The last verification failed"), (text("{when}", when=when),))
    overdue = (text("Once a week is a good habit."),) if state is State.STALE else ()
    return Fact(state, text("Proven to restore"), (text("{when}", when=when), *overdue))


# --- the recovery kit -------------------------------------------------------------------------


_KIT = {
    "never-made": text("When this computer is lost, so is the key to the backups."),
    "outdated": text("Something changed since it was made. Make a new one."),
    "not-stored": text("It has to leave this computer: print it, or carry it away on a stick."),
    "compare-due": text("It was not compared with the secrets here for a month."),
    "test-due": text("It was not opened with its passphrase for three months."),
    "last-test-failed": text("The last test of it failed. Make a new one."),
}


def kit_fact(kit: KitState, now: datetime, language: Language) -> Fact:
    """Whether there is a kit, where it is, and what there is to remind of."""
    about = tuple(_KIT[reminder.value] for reminder in kit.reminders)
    if kit.made is None:
        return Fact(State.NEVER, text("There is none yet"), about)
    state = State.STALE if kit.reminders else State.OK
    if kit.stored is None:
        return Fact(state, text("Made {when}", when=language.moment(kit.made, now)), about)
    where = text("{where}, {age}", where=kit.stored_where, age=language.age(now - kit.stored))
    tested = [] if kit.tested is None else [text("Tested {age}", age=language.age(now - kit.tested))]
    page = [] if kit.page is None else [text("Its page was made {age}", age=language.age(now - kit.page))]
    return Fact(state, text("Put away"), (where, *tested, *page, *about))


def kit_action(kit: KitState) -> Text | None:
    """The one thing to do about the kit now."""
    reminders = {reminder.value for reminder in kit.reminders}
    if reminders & {"never-made", "outdated", "last-test-failed"}:
        return text("Make the kit…")
    return text("It is put away…") if "not-stored" in reminders else None


# --- lists ------------------------------------------------------------------------------------


def run_line(run: Run, now: datetime, language: Language) -> Line:
    """A run in one line."""
    look = LOOKS[RUNNING if run.outcome is None else run.outcome.value]
    when = language.moment(run.started, now)
    return Line(look.state, look.word, text("{kind}, {when}", kind=kind_word(run.kind), when=when), run.id)


def notice_line(notice: Notice, now: datetime, language: Language) -> Line:
    """A notice in one line."""
    state, age = State(notice.condition.value), language.age(now - notice.at)
    said = text("{kind}, {age}: {what}", kind=kind_word(notice.kind), age=age, what=notice.sentence)
    return Line(state, LOOKS["failed" if state is State.FAIL else "partial"].word, said, notice.run)


def standing(overview: Overview, now: datetime, language: Language, *, reading: bool) -> Text:
    """How fresh all this is."""
    if overview.inventory is None:
        return text("Reading the repository…") if reading else text("Never read")
    age = language.age(now - overview.inventory.read)
    if reading:
        return text("As read {age} · reading…", age=age)
    return text("Last read {age}", age=age) if overview.away is not None else text("Read {age}", age=age)


def growth_sentence(days: Sequence[int]) -> Text:
    """What the bars show, in words."""
    return plural(
        "Added on the last {count} day: {size}",
        "Added on the last {count} days: {size}",
        len(days),
        size=Size(sum(days)),
    )


SPANS = (
    (text("2 days"), timedelta(days=2)),
    (text("2 weeks"), timedelta(days=14)),
    (text("2 months"), timedelta(days=60)),
    (text("A year"), timedelta(days=365)),
)
"""How much time the band may show."""
