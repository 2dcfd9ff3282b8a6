"""Sealed files open with their key, for their purpose, and in no other case."""

from __future__ import annotations

import secrets
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.foundation.errors import UserError
from app.store.sealed import HEADER_SIZE, MAGIC, open_sealed, seal, write_sealed

KEY = bytes(range(32))
PURPOSE = b"vault"
SEALED = seal(KEY, b"the password", PURPOSE)


def refusal(key: bytes, sealed: bytes, purpose: bytes = PURPOSE) -> str:
    with pytest.raises(UserError) as refused:
        open_sealed(key, sealed, purpose)
    return refused.value.code


@pytest.mark.spec("S4")
@given(plain=st.binary(), purpose=st.binary())
def test_what_was_sealed_comes_back(plain: bytes, purpose: bytes) -> None:
    assert open_sealed(KEY, seal(KEY, plain, purpose), purpose) == plain


@pytest.mark.spec("S4")
def test_a_file_of_format_1_still_opens() -> None:
    head = "4f575345414c4544 01 b5d08968449a17fd 6465666768696a6b6c6d6e6f"
    body = "3c73bb46098825ed490d2d8c ac8ba2a6a00537bbfd241cd16bda0b39"
    assert open_sealed(KEY, bytes.fromhex(head + body), PURPOSE) == b"the password"


@pytest.mark.spec("S4")
def test_the_content_cannot_be_read_and_sealing_twice_looks_different() -> None:
    assert b"password" not in SEALED
    assert seal(KEY, b"the password", PURPOSE) != SEALED


@pytest.mark.spec("S4")
def test_another_key_is_told_from_damage() -> None:
    assert refusal(secrets.token_bytes(32), SEALED) == "sealed.wrong-key"


@pytest.mark.spec("S4")
def test_a_file_for_another_purpose_does_not_open() -> None:
    assert refusal(KEY, SEALED, b"board archive") == "sealed.damaged"


@pytest.mark.spec("S4")
def test_a_newer_format_is_told() -> None:
    newer = MAGIC + b"\x02" + SEALED[len(MAGIC) + 1 :]
    assert refusal(KEY, newer) == "sealed.newer"


@pytest.mark.spec("S4")
def test_no_flipped_bit_goes_unnoticed() -> None:
    mark_of_key = range(len(MAGIC) + 1, HEADER_SIZE)
    for place, byte in enumerate(SEALED):
        flipped = SEALED[:place] + bytes([byte ^ 1]) + SEALED[place + 1 :]
        assert refusal(KEY, flipped) == ("sealed.wrong-key" if place in mark_of_key else "sealed.damaged")


@pytest.mark.spec("S4")
def test_no_cut_goes_unnoticed() -> None:
    for length in range(len(SEALED)):
        assert refusal(KEY, SEALED[:length]) == "sealed.damaged"


def test_a_key_that_would_make_it_weaker_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal(bytes(16), b"", PURPOSE)


@pytest.mark.spec("S4")
def test_a_sealed_file_is_closed_to_others_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    for plain in (b"first", b"second"):
        write_sealed(path, KEY, plain, PURPOSE)
        assert open_sealed(KEY, path.read_bytes(), PURPOSE) == plain
    assert sys.platform == "win32" or stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["vault"]


@pytest.mark.spec("S4")
def test_a_file_that_cannot_be_replaced_stays_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    path.mkdir()
    with pytest.raises(OSError, match="vault"):
        write_sealed(path, KEY, b"", PURPOSE)
    assert [each.name for each in tmp_path.iterdir()] == ["vault"]
