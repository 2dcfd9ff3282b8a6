"""What may leave this computer: text without secrets, also without those that nobody has told us."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.foundation.redact import Redactor
from app.jobs.support.cleaning import LINE_LETTERS, cleaned
from app.jobs.support.facts import LOG_BYTES, end_of_log

SECRET = "k4nárek-of_the/greenhouse"

KEY = f"""-----BEGIN OPENSSH PRIVATE KEY-----
{SECRET}
-----END OPENSSH PRIVATE KEY-----"""

pytestmark = pytest.mark.spec("J10", "S4")


@pytest.mark.parametrize(
    "said",
    [
        f"password={SECRET}",
        f"DB_PASSWORD = '{SECRET}'",
        f'{{"passphrase": "{SECRET}", "user": "hydro"}}',
        f"aws_secret_access_key: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"Authorization: Basic {SECRET}",
        f"curl -H 'X: bearer {SECRET}'",
        f"mysqldump --password={SECRET} hydro",
        f"restic --password {SECRET} snapshots",
        f"rest:https://eva:{SECRET.replace('/', '%2F')}@backup.example/north",
        f"token: {SECRET}",
        f"before\n{KEY}\nafter",
        f"cut off\n-----BEGIN RSA PRIVATE KEY-----\n{SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(said: str) -> None:
    shown = cleaned(Redactor(), said)
    assert SECRET[:6] not in shown, shown
    assert "[secret]" in shown


@pytest.mark.parametrize(
    "said",
    [
        "repository-password  stored 2026-11-21 10:00 UTC, keyring",
        '{"what": "secret-stored", "name": "source:database:password"}',
        "The password does not open the repository.",
        "overwinter secret set north-house repository-password",
    ],
)
def test_what_only_speaks_of_secrets_stays(said: str) -> None:
    assert cleaned(Redactor(), said) == said


def test_nothing_hides_and_no_line_is_endless() -> None:
    shown = cleaned(Redactor(), "a\x1b[31mred\x00\u202ebackwards\r\n" + "x" * 10_000_000 + "\nпоследняя")
    first, second, third = shown.split("\n")
    assert first == "a\\x1b[31mred\\x00\\x202ebackwards\\x0d"
    assert len(second) < LINE_LETTERS + 40
    assert third == "последняя"


def test_of_a_long_log_the_last_whole_lines_are_told(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("the secret begins here " + "s" * LOG_BYTES + "\nlast line\n")
    told = end_of_log(log)
    assert told.endswith("\nlast line\n")
    assert "sss" not in told, "half a line may hold half a secret, which nobody would know"
    log.write_text("short\n")
    assert end_of_log(log) == "short\n"
    log.write_bytes(b"\xff\xfe" + b"x" * (LOG_BYTES + 5))
    assert end_of_log(log) == f"[… {LOG_BYTES + 7} bytes before …]\n"
