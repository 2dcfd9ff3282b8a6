"""What there is to remind of about a site's recovery kit, read from the audit log: nothing here opens a kit.

The log says when a kit was made, put away, opened and tested, and when a secret or the site changed since.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from app.foundation.words import Text, plural, text
from app.settings.kit import HOST_KEYS, SETTINGS

if TYPE_CHECKING:  # the window shows this before it can wait for a database
    from app.records.audit import AuditEntry

MADE = "kit-made"
STORED = "kit-stored"
OPENED = "kit-opened"
TESTED = "kit-tested"
COMPARED = "kit-compared"
PAGE_PRINTED = "kit-page-printed"
PAGE_SAVED = "kit-page-saved"
SITE_REMOVED = "site-removed"
SITE_REPLACED = "site-replaced"
SECRET_CHANGES = ("secret-stored", "secret-removed")
HOST_KEY_TRUSTED = "host-key-trusted"
PASS, FAIL, UNCHECKED = "pass", "fail", "unchecked"
"""What a test found; a repository that could not be reached proves nothing."""

COMPARE_EVERY = timedelta(days=31)
TEST_EVERY = timedelta(days=92)


class Reminder(enum.StrEnum):
    """What is to be done about a kit."""

    MAKE = "never-made"
    RENEW = "outdated"
    STORE = "not-stored"
    COMPARE = "compare-due"
    TEST = "test-due"
    FAILED = "last-test-failed"


class KitState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the newest kit of a site. Nothing to remind of: `reminders` is empty.

    `compared` is when it was last seen that what is in it agrees with what is stored here and that the repository
    opens; `tested` when it was last opened with its passphrase too. `changed` names the secrets, `site-file` or
    `host-keys` that changed since it agreed. `stored` is what a person said; `page` when the page was last made.
    """

    site: str
    kit: str = ""
    made: datetime | None = None
    stored: datetime | None = None
    stored_where: str = ""
    page: datetime | None = None
    compared: datetime | None = None
    tested: datetime | None = None
    failed: datetime | None = None
    changed: tuple[str, ...] = ()
    fingerprints: Mapping[str, str] = {}
    reminders: tuple[Reminder, ...] = ()

    @property
    def said(self) -> tuple[Text, ...]:
        """The reminders as a person reads them."""
        return tuple(_SENTENCES[reminder] for reminder in self.reminders if reminder is not Reminder.RENEW) + (
            (_outdated(self.changed),) if Reminder.RENEW in self.reminders else ()
        )


_SENTENCES = {
    Reminder.MAKE: text("There is no recovery kit. When this computer is lost, so is the key to the backups."),
    Reminder.STORE: text("The kit is not known to be put away off this computer: overwinter kit stored SITE --where …"),
    Reminder.COMPARE: text("The kit was not compared with the secrets here for a month: overwinter kit compare SITE"),
    Reminder.TEST: text("The kit was not opened with its passphrase for three months: overwinter kit test FILE"),
    Reminder.FAILED: text("The last test of the kit failed. Make a new one and test it."),
}


def _outdated(changed: Sequence[str]) -> Text:
    return plural(
        "The kit is outdated; since then this changed: {names}. Make a new one.",
        "The kit is outdated; since then these changed: {names}. Make a new one.",
        len(changed),
        names=", ".join(changed),
    )


def kit_state(site: str, log: Sequence[AuditEntry], now: datetime) -> KitState:
    """The state that the entries of a site (oldest first) tell of."""
    state = KitState(site=site)
    for entry in log:
        state = _after(state, entry)
    return msgspec.structs.replace(state, reminders=tuple(_reminders(state, now)))


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an entry says of the kit that it is about. `outcome` and `stale` are a test's."""

    kit: str
    made: datetime
    fingerprints: Mapping[str, str]
    outcome: str = ""
    stale: tuple[str, ...] = ()

    def fields(self) -> dict[str, str]:
        """The fields of an entry: some to be read by people, and all of it in letters that no redaction takes apart.

        A database's password may be `password`, which is a part of its name too.
        """
        letters = msgspec.json.encode(self).hex().translate(_LETTERS)
        found = {"outcome": self.outcome, "stale": " ".join(self.stale)} if self.outcome else {}
        return {"kit": self.kit, **found, "told": letters}


_HEX, _PLAIN = "0123456789abcdef", "ghijklmnopqrstuv"
_LETTERS, _BACK = str.maketrans(_HEX, _PLAIN), str.maketrans(_PLAIN, _HEX)


def _told(entry: AuditEntry) -> Told | None:
    """What the entry says; None when it cannot be read, which proves nothing."""
    try:
        content = bytes.fromhex(entry.fields.get("told", "").translate(_BACK))
        return msgspec.json.decode(content, type=Told)
    except (ValueError, msgspec.MsgspecError):
        return None


def _after(state: KitState, entry: AuditEntry) -> KitState:
    """What is known after one more entry. One of an older kit than is known tells nothing."""
    return _EFFECTS[entry.what](state, entry) if entry.what in _EFFECTS else state


def _forgotten(state: KitState, _entry: AuditEntry) -> KitState:
    return KitState(site=state.site)


def _put_away(state: KitState, entry: AuditEntry) -> KitState:
    return msgspec.structs.replace(state, stored=entry.at, stored_where=entry.fields["where"])


def _paged(state: KitState, entry: AuditEntry) -> KitState:
    return msgspec.structs.replace(state, page=entry.at)


def _newer_kit(state: KitState, entry: AuditEntry) -> KitState:
    """The kit of this entry, if it is newer than the one known so far; or the same one, with its marks made anew."""
    told = _told(entry)
    if told is None or (state.made is not None and told.made < state.made):
        return state
    if told.kit == state.kit:
        return msgspec.structs.replace(state, fingerprints=told.fingerprints)
    return KitState(site=state.site, kit=told.kit, made=told.made, fingerprints=told.fingerprints, page=state.page)


def _tested(state: KitState, entry: AuditEntry) -> KitState:
    told, state = _told(entry), _compared(_newer_kit(state, entry), entry)
    if told is None or told.kit != state.kit or told.outcome != PASS:
        return state
    return msgspec.structs.replace(state, tested=entry.at)


def _compared(state: KitState, entry: AuditEntry) -> KitState:
    told = _told(entry)
    if told is None or told.kit != state.kit or told.outcome == UNCHECKED:
        return state
    if told.outcome == PASS:
        return msgspec.structs.replace(state, compared=entry.at, failed=None, changed=())
    changed = tuple(dict.fromkeys((*state.changed, *told.stale)))
    return msgspec.structs.replace(state, failed=entry.at, changed=changed)


def _changed(state: KitState, entry: AuditEntry) -> KitState:
    if not state.kit:
        return state
    name = {SITE_REPLACED: SETTINGS, HOST_KEY_TRUSTED: HOST_KEYS}.get(entry.what) or entry.fields.get("name", "")
    return msgspec.structs.replace(state, changed=tuple(dict.fromkeys((*state.changed, name))))


_EFFECTS: dict[str, Callable[[KitState, AuditEntry], KitState]] = {
    MADE: _newer_kit,
    OPENED: _newer_kit,
    STORED: _put_away,
    TESTED: _tested,
    COMPARED: _compared,
    PAGE_PRINTED: _paged,
    PAGE_SAVED: _paged,
    SITE_REMOVED: _forgotten,
    **dict.fromkeys((SITE_REPLACED, *SECRET_CHANGES, HOST_KEY_TRUSTED), _changed),
}
WORDS = tuple(_EFFECTS)
"""The entries of the audit log that matter here."""


def _reminders(state: KitState, now: datetime) -> list[Reminder]:
    if state.made is None:
        return [Reminder.MAKE]
    due = [Reminder.RENEW] if state.changed else []
    due += [Reminder.FAILED] if state.failed else []
    due += [] if state.stored else [Reminder.STORE]
    due += [Reminder.COMPARE] if _is_over(state.compared or state.made, COMPARE_EVERY, now) else []
    due += [Reminder.TEST] if _is_over(state.tested or state.made, TEST_EVERY, now) else []
    return due


def _is_over(since: datetime, span: timedelta, now: datetime) -> bool:
    """Whether it is so long ago; a time ahead of this clock proves nothing."""
    return not timedelta(minutes=-10) < now - since <= span
