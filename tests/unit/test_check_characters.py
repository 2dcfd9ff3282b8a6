"""Lines typed from paper: every single wrong character and every exchange is found, and the line is named."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings.check_characters import (
    ALPHABET,
    LONGEST,
    LONGEST_TEXT,
    Mistake,
    check_characters,
    is_typeable,
    marked,
    mistakes,
    without_marks,
)

pytestmark = pytest.mark.spec("S6")

PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "
commands = (
    st.text(PRINTABLE, min_size=2, max_size=LONGEST_TEXT).map(lambda text: " ".join(text.split())).filter(is_typeable)
).filter(lambda text: len(text) > 1 and not text.endswith("#"))
PAGE = [marked(number, line) for number, line in enumerate(["restic version", "cd back", "export A='x y'"], 1)]


@given(line=commands, at=st.integers(0), wrong=st.sampled_from(PRINTABLE))
def test_every_wrong_character_is_found(line: str, at: int, wrong: str) -> None:
    at %= len(line)
    typed = line[:at] + wrong + line[at + 1 :]
    assert (check_characters(7, typed) == check_characters(7, line)) == (typed == line)


def test_every_wrong_character_at_every_place_of_a_longest_line_is_found() -> None:
    line = (PRINTABLE.strip() * 2)[:LONGEST_TEXT]
    right = check_characters(99, line)
    for at in range(len(line)):
        for wrong in set(PRINTABLE) - {line[at]}:
            assert check_characters(99, line[:at] + wrong + line[at + 1 :]) != right


@given(line=commands, one=st.integers(0), other=st.integers(0))
def test_every_exchange_of_two_characters_is_found(line: str, one: int, other: int) -> None:
    one, other = sorted((one % len(line), other % len(line)))
    typed = list(line)
    typed[one], typed[other] = typed[other], typed[one]
    assert (check_characters(7, "".join(typed)) == check_characters(7, line)) == ("".join(typed) == line)


@given(line=commands, at=st.integers(0, 1), wrong=st.sampled_from(ALPHABET))
def test_a_wrong_check_character_is_found(line: str, at: int, wrong: str) -> None:
    printed = marked(3, line)
    typed = printed[: len(printed) - 2 + at] + wrong + printed[len(printed) - 1 + at :]
    assert bool(mistakes([marked(1, "a"), marked(2, "b"), typed])) == (typed != printed)


@given(lines=st.lists(commands, min_size=1, max_size=30))
def test_what_is_typed_as_printed_is_right(lines: list[str]) -> None:
    printed = [marked(number, line) for number, line in enumerate(lines, 1)]
    assert max(map(len, printed)) <= LONGEST
    assert mistakes([f"  {line}  " for line in printed]) == []
    assert mistakes([line.replace(" ", "   ") for line in printed]) == []
    assert without_marks(printed) == lines


def test_case_and_misread_check_characters_do_not_matter() -> None:
    number = next(number for number in range(1, 999) if set("01") & set(check_characters(number, "x")))
    printed = marked(number, "x")
    sloppy = printed[:-2] + printed[-2:].replace("0", "o").replace("1", "l").lower()
    assert [mistake for mistake in mistakes([sloppy]) if mistake.why != "out-of-order"] == []


def test_the_line_is_named() -> None:
    wrong = PAGE[1].replace("back", "bakc")
    assert mistakes([PAGE[0], "", wrong, PAGE[2]]) == [Mistake(3, 2, "mistyped")]
    assert mistakes([PAGE[0], "cd back", PAGE[2]]) == [Mistake(2, 2, "no-mark")]
    assert mistakes([PAGE[0], PAGE[2]]) == [Mistake(2, 2, "out-of-order")]
    assert mistakes([PAGE[0], PAGE[0].replace("restic", "rеstic")]) == [Mistake(2, 2, "mistyped")]  # a Cyrillic е
    assert [each.why for each in mistakes([PAGE[1], PAGE[0], PAGE[2]])] == ["out-of-order"] * 3


@pytest.mark.parametrize("line", ["x" * (LONGEST_TEXT + 1), "ж", "a  b", " a", "a ", "a\tb", "a\nb", "a\0b"])
def test_what_paper_does_not_show_is_not_printed(line: str) -> None:
    with pytest.raises(ValueError, match="typed from paper"):
        marked(1, line)
