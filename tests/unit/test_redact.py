"""No known secret, in no spelling, however the output is cut into pieces; and nothing else is touched."""

from __future__ import annotations

import base64
import json
import re
import shlex
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.foundation import redact
from app.foundation.redact import MASK, Redactor, spellings

pytestmark = pytest.mark.spec("S4")

URL_PASSWORD = re.compile(rb"://[^/\s:@\"']*:([^/\s\"']+)@")

one_line = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
)
secrets = st.lists(one_line.filter(bool) | st.sampled_from(["aa", "aba", "p:/@", "it's", "a b", "ü&<>"]), max_size=4)


@st.composite
def outputs(draw: st.DrawFn) -> tuple[list[str], bytes]:
    """Some secrets, and output in which they stand in all spellings, whole, overlapping, cut short, inside URLs."""
    known = draw(secrets)
    forms = [form for secret in known for form in sorted(spellings(secret))]
    noise = [b"a", b"b", b"://", b"x://u:", b"@h", b"/", b" ", b"\n", b"\xff", b"ab" * 20, MASK]
    whole = st.sampled_from(forms + noise)
    parts = draw(st.lists(whole | st.sampled_from(forms + noise).flatmap(_beginning_of) | st.binary(max_size=5)))
    return known, b"".join(parts)


def _beginning_of(form: bytes) -> st.SearchStrategy[bytes]:
    return st.integers(0, len(form)).map(lambda length: form[:length])


def expected(known: Iterable[str], data: bytes) -> bytes:
    """The slow and obvious way: mark each byte of each find, one mask for each run of finds that overlap."""
    finds = [match.span(1) for match in URL_PASSWORD.finditer(data)]
    for form in {form for secret in known for form in spellings(secret)}:
        finds += [(at, at + len(form)) for at in range(len(data)) if data.startswith(form, at)]
    clean, at = b"", 0
    for start in range(len(data)):
        ends = [end for begin, end in finds if begin == start]
        if ends and start >= at:
            at = max(ends)
            while reach := [end for begin, end in finds if begin < at < end]:
                at = max(reach)
            clean += MASK
        elif start >= at:
            clean += data[start : start + 1]
    return clean


@contextmanager
def short_lines_held() -> Iterator[None]:
    """Endless lines begin at 40 bytes instead of 64 KiB."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(redact, "LONGEST_LINE_HELD", 40)
        changed.setattr(redact, "URL_OVERLAP", 120)
        yield


def streamed(redactor: Redactor, data: bytes, cuts: Iterable[int]) -> bytes:
    """What a stream writes of `data` that arrives cut at these places."""
    stream = redactor.stream()
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[start:end] for start, end in pairwise(places)]
    return b"".join([*map(stream.feed, pieces), stream.finish()])


@given(outputs())
def test_every_find_goes_and_every_other_byte_stays(output: tuple[list[str], bytes]) -> None:
    known, data = output
    assert Redactor(known).clean(data) == expected(known, data)


@given(outputs(), st.lists(st.integers(0, 400)))
def test_a_stream_cut_anywhere_is_as_clean_as_the_whole(output: tuple[list[str], bytes], cuts: list[int]) -> None:
    known, data = output
    redactor = Redactor(known)
    assert streamed(redactor, data, cuts) == redactor.clean(data)


@given(outputs(), st.lists(st.integers(0, 2000)))
@settings(max_examples=300)
def test_an_endless_line_cut_anywhere_is_as_clean_as_the_whole(
    output: tuple[list[str], bytes], cuts: list[int]
) -> None:
    known, data = output
    data = data.replace(b"\n", b"") * 4
    redactor = Redactor(known)
    whole = redactor.clean(data)
    longest_authority = max((len(part) for part in re.split(rb"[/\s\"']", data)), default=0)
    with short_lines_held():
        if longest_authority < redact.URL_OVERLAP:
            assert streamed(redactor, data, cuts) == whole
        for part in streamed(redactor, data, cuts).split(MASK):
            assert not any(form in part for secret in known for form in spellings(secret))


@given(one_line.filter(bool))
def test_each_spelling_is_found(secret: str) -> None:
    html_safe = {ord(one): f"\\u{ord(one):04x}" for one in "<>&"}
    for spelled in (
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(secret, safe="$&+,;="),  # Go, in the user part of a URL
        shlex.quote(secret)[1:-1] if "'" in secret else secret,
        secret.replace("'", "'\\''"),
        secret.replace("'", "''"),  # SQL
        secret.replace("'", "\\'"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1].translate(html_safe),  # Go
        json.dumps(secret)[1:-1].replace("/", "\\/"),  # PHP
    ):
        assert Redactor([secret]).text(spelled) == "[secret]"


@given(st.binary(max_size=5), st.text(min_size=8, max_size=40), st.binary(max_size=5))
def test_base64_of_a_secret_is_found_wherever_it_stands_in_what_was_encoded(
    before: bytes, secret: str, after: bytes
) -> None:
    """Such as `user:password` in a header; a few characters at its ends may stay, which depend on its neighbours."""
    secret = secret.strip() or "not only spaces"
    plain = before + secret.encode() + after
    for encoded in (base64.b64encode(plain), base64.urlsafe_b64encode(plain)):
        clean = Redactor([secret]).clean(encoded)
        assert MASK in clean
        assert len(clean.replace(MASK, b"")) <= (len(before) + len(after)) * 4 / 3 + 8


def test_each_line_of_a_secret_with_several_is_one_but_not_its_braces() -> None:
    redactor = Redactor(['{\n  "private_key": "abc"\n}\n'])
    assert redactor.clean(b'{"x": {}}\nfound "private_key": "abc" here\n') == b'{"x": {}}\nfound [secret] here\n'


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        (b"rest:https://me:pass@host/repo", b"rest:https://me:[secret]@host/repo"),
        (b"https://me:p@ss#w?rd@host/repo", b"https://me:[secret]@host/repo"),
        (b"proxy http://:p@h:3128 and http://u:q@h", b"proxy http://:[secret]@h:3128 and http://u:[secret]@h"),
        (b"sftp://me@host:22/repo http://host:80/a@b", b"sftp://me@host:22/repo http://host:80/a@b"),
    ],
)
def test_credentials_in_a_url_go_also_when_nobody_knows_them(line: bytes, clean: bytes) -> None:
    assert Redactor().clean(line) == clean
    for cut in range(len(line)):
        assert streamed(Redactor(), line, [cut]) == clean
        with short_lines_held():
            assert streamed(Redactor(), b"x" * 150 + b" " + line + b" " + b"y" * 150, range(cut, 500)).count(MASK) == (
                clean.count(MASK)
            )


def test_a_secret_longer_than_any_line_that_is_held_is_found() -> None:
    secret = "".join(f"{number:06x}" for number in range(30_000))
    data = b"before " + secret.encode() + b" after"
    assert streamed(Redactor([secret]), data, range(0, len(data), 65536)) == b"before [secret] after"


def test_an_endless_line_of_nothing_but_secrets_needs_little_memory() -> None:
    stream = Redactor(["aa"]).stream()
    written = b"".join(stream.feed(b"a" * 65536) for _ in range(100))
    held = stream.finish()
    assert written + held == MASK


def test_a_secret_is_forgotten_when_all_its_users_are_done() -> None:
    redactor = Redactor()
    redactor.teach("hush")
    redactor.teach("hush")
    redactor.teach("")
    redactor.forget("hush")
    assert redactor.text("hush") == "[secret]"
    redactor.forget("hush")
    redactor.forget("hush")
    redactor.forget("never taught")
    assert redactor.text("hush") == "hush"


def test_text_that_is_no_text_is_redacted_too() -> None:
    """Bytes of a POSIX file name that are no UTF-8, and half characters of a Windows one."""
    redactor = Redactor(["pass\udcff", "half\ud800"])
    assert redactor.text("a pass\udcff \udcfe") == "a [secret] \udcfe"
    assert redactor.text("a half\ud800 \ud801") == "a [secret] \\ud801"


@pytest.mark.spec("S4")
def test_a_secret_as_long_as_a_private_key_is_taught_at_once() -> None:
    key = "".join(f"{number:x}/жKq" for number in range(20_000))
    began = time.perf_counter()
    redactor = Redactor([key])
    assert redactor.text(f"the key is {key}.") == "the key is [secret]."
    assert time.perf_counter() - began < 30  # it took more than ten minutes
