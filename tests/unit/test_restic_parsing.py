"""What restic says, and what it means; recorded from 0.18.0 and 0.19.1 where it is theirs."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.errors import Busy, Cancelled
from app.hosts.host import Ending, Finished
from app.tools.restic.backup import INCOMPLETE, outcome
from app.tools.restic.errors import Attempt, DumpFailed, failure, holder
from app.tools.restic.names import as_pattern, shown, unquoted
from app.tools.restic.output import (
    Entry,
    ExitError,
    Failure,
    Found,
    Initialized,
    Snapshot,
    Status,
    Summary,
    Words,
    document,
    entry,
    message,
)

ATTEMPT = Attempt(repository="/repository", cache_folder="/cache", temporary_folder="/temporary")


def words(*lines: str, command: str = "") -> Words:
    said = Words(command)
    for line in lines:
        said.take(line.encode("utf-8", "surrogateescape"))
    return said


def exit_error(text: str, code: int = 1) -> str:
    return json.dumps({"message_type": "exit_error", "code": code, "message": text})


def ended(code: int, ending: Ending = Ending.EXITED) -> Finished:
    return Finished(code, ending, b"", b"", cut=False, seconds=1.0)


def code_of(text: str, code: int = 1) -> str:
    return failure(ended(code), words(exit_error(text, code)), ATTEMPT).code


# --- messages -------------------------------------------------------------------------------------------------------


def test_each_kind_of_message_is_known() -> None:
    lines: dict[bytes, type] = {
        b'{"message_type":"status","percent_done":0.179,"total_files":6,"bytes_done":64638000}': Status,
        b'{"message_type":"summary","total_duration":-9223372036.85,"data_added":7}': Summary,
        b'{"message_type":"error","error":{"message":"open x"},"during":"archival","item":"/x"}': Failure,
        b'{"message_type":"exit_error","code":12,"message":"Fatal: wrong password"}': ExitError,
        b'{"message_type":"initialized","id":"dd86","repository":"r"}': Initialized,
    }
    assert [type(message(line)) for line in lines] == list(lines.values())


@pytest.mark.parametrize("line", [b"", b"text", b"{", b"{}", b"null", b'{"message_type":"later"}', b'{"\xff":1}'])
def test_any_other_line_is_text(line: bytes) -> None:
    assert message(line) is None


@given(st.binary())
def test_no_line_breaks_the_reader(line: bytes) -> None:
    assert message(line) is None
    words().take(line)
    words().take(b"{" + line)


def test_both_shapes_of_an_error_say_why() -> None:
    said = words(
        '{"message_type":"error","error":{"message":"open: denied"},"during":"archival","item":"/a"}',
        '{"message_type":"error","message":"pack eb72 contains 2 errors"}',
    )
    assert list(said.failures.values()) == ["open: denied", "pack eb72 contains 2 errors"]


def test_what_the_scan_met_is_not_counted_again() -> None:
    line = '{{"message_type":"error","error":{{"message":"no"}},"during":"{}","item":"/a"}}'
    said = words(line.format("scan"), line.format("archival"))
    assert (said.failed, list(said.failures)) == (1, ["/a"])


def test_memory_stays_small_however_much_fails() -> None:
    said = Words()
    for number in range(5000):
        said.take(b'{"message_type":"error","error":{"message":"no"},"during":"archival","item":"/%d"}' % number)
        said.take(b"x" * 5000)
    assert said.failed == 5000
    assert len(said.failures) == 200
    assert len(said.detail) < 600_000


def test_the_dumps_own_words_are_kept_apart() -> None:
    said = words("subprocess /bin/a: b: no database", "subprocess ssh: refused", command="/bin/a: b")
    assert list(said.command) == ["no database"]
    assert list(said.text) == ["subprocess ssh: refused"]


def test_a_dump_whose_failure_restic_lost_is_still_to_blame() -> None:
    """restic's own end may come first; without a command the same words say nothing of one."""
    said = words(exit_error("Fatal: unable to save snapshot: no result", 1))
    failed = failure(ended(1), said, msgspec.structs.replace(ATTEMPT, command="pg_dump"))
    assert isinstance(failed, DumpFailed)
    assert (failed.code, failed.said) == ("restic.dump-failed", "")
    assert not isinstance(failure(ended(1), said, ATTEMPT), DumpFailed)


def test_go_traces_are_left_out_of_the_reason() -> None:
    said = words(exit_error("mkdir /x: permission denied\ngithub.com/restic/restic/internal.New\n\tcache.go:89"))
    assert said.why == "mkdir /x: permission denied"


# --- documents and entries ------------------------------------------------------------------------------------------


def test_a_document_is_found_among_text_lines() -> None:
    line = b'[{"id":"a","time":"2026-11-21T08:49:40.499375123+01:00","tree":"t","later":1}]'
    found = document(b"repository opened\n" + line + b"\n[bye\n", list[Snapshot])
    assert found is not None
    assert found[0].time.microsecond == 499375
    assert document(b"[]\n", list[Found]) == []
    assert document(b"nothing\n[1]\n{\n", list[Snapshot]) is None


def test_a_time_that_no_calendar_has_does_not_hide_the_file() -> None:
    found = entry(b'{"path":"/a","type":"file","mtime":"0000-01-01T00:00:00Z","struct_type":"node"}')
    assert found == Entry("/a", "file", mtime="0000-01-01T00:00:00Z")
    assert found.modified is None
    exact = Entry("/a/b", "file", mtime="2026-11-21T08:49:36.587513786+01:00")
    assert str(exact.modified) == "2026-11-21 07:49:36.587513+00:00"
    assert exact.name == "b"


def test_the_snapshots_own_line_and_text_are_no_entries() -> None:
    assert entry(b'{"id":"a","struct_type":"snapshot","paths":["/"]}') is None
    assert entry(b"text with node") is None


def test_an_entry_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        entry(b'{"path":1,"type":"file","struct_type":"node"}')


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "real"),
    [
        ("plain", b"plain"),
        (r"a\xe2\x82b\xff", b"a\xe2\x82b\xff"),
        (r"\x01\x7f\u0085\u2028\U0001f331", "\x01\x7f\x85\u2028🌱".encode()),
        (r"back\\slash\"\n\t", b'back\\slash"\n\t'),
        ("\ufffd", "\ufffd".encode()),
    ],
)
def test_stored_names_have_their_real_bytes(stored: str, real: bytes) -> None:
    assert unquoted(stored).encode("utf-8", "surrogateescape") == real


@given(st.binary())
def test_a_name_is_shown_with_one_mark_for_each_stray_byte(name: bytes) -> None:
    real = name.decode("utf-8", "surrogateescape")
    assert len(shown(real)) == len(real)
    shown(real).encode()


def test_a_pattern_means_the_name_itself() -> None:
    assert as_pattern("/a*b[1]?\\x") == "/a\\*b\\[1]\\?\\\\x"
    assert as_pattern("C:\\a[1]", windows=True) == "C:\\a[[]1]"


# --- outcomes -------------------------------------------------------------------------------------------------------


def test_text_names_the_sources_that_were_not_there() -> None:
    """0.18 says it in text alone and ends with 0."""
    summary = Summary(snapshot_id="abc")
    said = words(
        "/gone does not exist, skipping", "lines does not exist, skipping", "/lat\udce9 does not exist, skipping"
    )
    made = outcome(0, summary, said, ["/there", "/gone", "/two\nlines", "/lat\udce9"])
    assert made.partial
    assert [item.path for item in made.unreadable] == ["/gone", "/two\nlines", "/lat\ufffd"]


def test_a_partial_backup_is_partial_even_when_it_names_nothing() -> None:
    made = outcome(INCOMPLETE, Summary(snapshot_id="abc"), words(), ["/a"])
    assert (made.partial, made.unreadable, made.unreadable_count) == (True, (), 0)


def test_an_error_that_only_the_scan_met_is_not_missing() -> None:
    """The file vanished before its turn came: then it is not part of the tree."""
    said = words('{"message_type":"error","error":{"message":"no such file"},"during":"scan","item":"/a"}')
    assert not outcome(0, Summary(snapshot_id="abc"), said, ["/"]).partial


# --- errors ---------------------------------------------------------------------------------------------------------

LOCKED = (
    "unable to create lock in backend: repository is already locked {}by PID 8461 on the vm by root (UID 0, GID 0)\n"
    "lock was created at 2026-11-21 08:53:09 (3.950987892s ago)\nstorage ID 8e2fe8e5\n"
    "the `unlock` command can be used to remove stale locks"
)


@pytest.mark.spec("P2")
@pytest.mark.parametrize("exclusively", ["", "exclusively "])
def test_a_lock_names_its_holder(exclusively: str) -> None:
    said = LOCKED.format(exclusively)
    by = holder(said)
    assert by is not None
    assert (by.user, by.computer, by.pid, by.since) == (
        *("root", "the vm", 8461),
        "2026-11-21 08:53:09 (3.950987892s ago)",
    )
    assert isinstance(failure(ended(11), words(exit_error(said, 11)), ATTEMPT), Busy)
    assert holder("locked by somebody") is None
    assert code_of("locked by somebody", 11) == "restic.locked"


@pytest.mark.spec("X3")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Fatal: config cannot be loaded: unsupported repository version 9", "restic.newer-format"),
        (
            "Fatal: unable to save snapshot: write /repository/data/22/a: no space left on device",
            "restic.repository-full",
        ),
        ("write /temporary/restic-temp-pack-17: no space left on device", "restic.temporary-full"),
        ("write /cache/CACHEDIR.TAG: no space left on device", "restic.cache-full"),
        ("write X: There is not enough space on the disk.", "restic.repository-full"),
        ("config or key dbae is damaged: ciphertext verification failed", "restic.damaged"),
        ("unable to create lock in backend: open locks/7: read-only file system", "restic.read-only"),
        ("Stat(<config/>) failed: stat config: permission denied", "restic.not-permitted"),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "repository.unreachable"),
        ("something new", "restic.failed"),
        ("", "restic.failed"),
    ],
)
def test_words_are_understood_in_their_order_of_weight(said: str, code: str) -> None:
    assert code_of(said) == code


def test_an_interrupt_is_seen_on_both_versions() -> None:
    text = "\x1b[2Ksignal interrupt received, cleaning up"
    for code in (1, 130):
        said = words(text, exit_error("Fatal: unable to save snapshot: context canceled", code))
        assert isinstance(failure(ended(code), said, ATTEMPT), Cancelled)
    assert code_of("context canceled") == "restic.failed"


def test_a_kill_names_its_signal() -> None:
    error = failure(ended(-9, Ending.KILLED), words(), ATTEMPT)
    assert (error.code, "signal 9" in str(error.problem.what)) == ("restic.killed", True)


def test_every_error_can_be_written_into_a_record() -> None:
    said = words("text \udce9", exit_error("Fatal: \udce9 no space left on device".encode("utf-8", "replace").decode()))
    msgspec.json.encode(failure(ended(1), said, msgspec.structs.replace(ATTEMPT, path="/\udce9")).problem)
