"""What there is to remind of about a kit, from what the audit log tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.foundation.redact import Redactor
from app.jobs.kit.state import KitState, Told, kit_state
from app.records.audit import AuditEntry

pytestmark = pytest.mark.spec("S6", "V6")

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def entry(what: str, days_ago: float, **fields: str) -> AuditEntry:
    return AuditEntry("north-house", 1, NOW - timedelta(days=days_ago), "eva", what, fields, "", "")


def of_kit(
    what: str, days_ago: float, kit: str = "k1", *, made: float | None = None, outcome: str = "", stale: str = ""
) -> AuditEntry:
    born = NOW - timedelta(days=days_ago if made is None else made)
    told = Told(kit, born, {"a": "1"}, outcome, tuple(filter(None, [stale])))
    return entry(what, days_ago, **told.fields())


def state(*log: AuditEntry) -> KitState:
    return kit_state("north-house", log, NOW)


def reminders(*log: AuditEntry) -> list[str]:
    return [reminder.value for reminder in state(*log).reminders]


STORED = entry("kit-stored", 5, kit="k1", where="safe")


def test_a_site_without_a_kit_is_told() -> None:
    assert reminders() == ["never-made"]
    assert reminders(entry("secret-stored", 9, name="repository-password")) == ["never-made"]


def test_a_new_kit_is_to_be_put_away_and_then_nothing_is_to_do() -> None:
    assert reminders(of_kit("kit-made", 6)) == ["not-stored"]
    found = state(of_kit("kit-made", 6), STORED)
    assert (found.reminders, found.stored_where, found.fingerprints) == ((), "safe", {"a": "1"})


def test_what_changed_since_is_named() -> None:
    changes = [
        entry("secret-stored", 4, name="repository-password"),
        entry("secret-removed", 3, name="s3-access-key"),
        entry("site-replaced", 2),
        entry("host-key-trusted", 1, host="server"),
    ]
    found = state(of_kit("kit-made", 6), STORED, *changes)
    assert found.changed == ("repository-password", "s3-access-key", "site-file", "host-keys")
    assert [each.value for each in found.reminders] == ["outdated"]
    assert "repository-password" in str(found.said[0])
    assert reminders(*changes, of_kit("kit-made", 0.5), STORED) == []
    assert reminders(of_kit("kit-made", 6), STORED, *changes, of_kit("kit-compared", 0, made=6, outcome="pass")) == []


def test_a_kit_is_compared_every_month_and_tested_every_third() -> None:
    assert reminders(of_kit("kit-made", 31), STORED) == []
    assert reminders(of_kit("kit-made", 32), STORED) == ["compare-due"]
    assert reminders(of_kit("kit-made", 93), STORED) == ["compare-due", "test-due"]
    compared = of_kit("kit-compared", 3, made=93, outcome="pass")
    assert reminders(of_kit("kit-made", 93), STORED, compared) == ["test-due"]
    tested = of_kit("kit-tested", 3, made=93, outcome="pass")
    assert reminders(of_kit("kit-made", 93), STORED, tested) == []


def test_a_failed_test_counts_until_one_passes_and_an_unclear_one_proves_nothing() -> None:
    made = of_kit("kit-made", 40)
    failed = of_kit("kit-tested", 3, made=40, outcome="fail", stale="s3-access-key")
    assert reminders(made, STORED, failed) == ["outdated", "last-test-failed", "compare-due"]
    unclear = of_kit("kit-tested", 3, made=40, outcome="unchecked")
    assert reminders(made, STORED, unclear) == ["compare-due"]
    assert reminders(made, STORED, failed, of_kit("kit-tested", 1, made=40, outcome="pass")) == []


def test_a_kit_made_elsewhere_is_known_once_it_was_opened_or_tested_here() -> None:
    found = state(of_kit("kit-opened", 1, "other", made=40))
    assert (found.kit, [each.value for each in found.reminders]) == ("other", ["not-stored", "compare-due"])
    newer = state(of_kit("kit-made", 10), of_kit("kit-tested", 1, "newer", made=4, outcome="pass"))
    assert newer.kit == "newer"
    older = state(of_kit("kit-made", 10), of_kit("kit-tested", 1, "older", made=50, outcome="fail", stale="x"))
    assert (older.kit, older.failed, older.changed) == ("k1", None, ())


def test_a_site_that_was_removed_begins_anew() -> None:
    assert reminders(of_kit("kit-made", 6), STORED, entry("site-removed", 1)) == ["never-made"]


def test_a_time_ahead_of_this_clock_proves_nothing() -> None:
    assert reminders(of_kit("kit-made", -2), entry("kit-stored", -2, where="safe")) == ["compare-due", "test-due"]


def test_an_entry_that_cannot_be_read_proves_nothing() -> None:
    made = of_kit("kit-made", 40)
    for spoilt in ("", "[secret]", made.fields["told"][:-1], "gg"):
        broken = entry("kit-tested", 1, kit="k1", outcome="pass", told=spoilt)
        assert reminders(made, STORED, broken) == ["compare-due"]
        assert reminders(entry("kit-made", 1, kit="k1", told=spoilt)) == ["never-made"]


@pytest.mark.parametrize("password", ["password", "pass", "2026", "12", "source", "database", "k1"])
def test_a_password_that_is_a_common_word_does_not_spoil_what_is_told(password: str) -> None:
    told = Told("k1", NOW, {"source:database:password": "0123456789abcdef"}, "pass")
    cleaned = {name: Redactor([password]).text(value) for name, value in told.fields().items()}
    assert state(of_kit("kit-made", 1, "k0"), entry("kit-tested", 0, **cleaned)).tested == NOW
