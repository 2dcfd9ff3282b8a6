"""The cases of a link that is cut: at which moments, how they must end, and what is told when they do not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from tests.faults.cut_matrix import CutMatrix
from tests.faults.cut_wire import Blow, Moment, Passed, Way
from tests.faults.cutover_child import NO_PLAN, Answer
from tests.faults.cutover_matrix import RECOVERED_WITHIN
from tests.faults.cutover_parts import NEW

WITHIN = 3 * RECOVERED_WITHIN
"""Seconds that a recovery may take: each operation is a program on the server, and where that does not know that the
laptop is gone, what still works there gets its time to end."""

ONLY_LOOKS = ("stat", "sha256", "read", "entries", "kept_folder", "end_orphans")
"""Operations that change nothing."""


def undisturbed(matrix: CutMatrix) -> list[Passed]:
    """What a cutover comes by when nothing happens; the site is the new one then."""
    matrix.fresh()
    with matrix.site.read_all_the_while():
        answer = matrix.carry_out()
    assert answer is not None
    assert (answer.code, answer.did) == ("", "smoke 0"), answer.told
    assert matrix.site.faults() == []
    assert matrix.site.state() == NEW
    return matrix.passed


def every_blow(passed: Sequence[Passed]) -> list[Blow]:
    """Before each operation that changes something, and at every other piece of it: sent by half, sent whole, or
    answered and the answer lost, in turn. What only looks lies between them."""
    blows = []
    for number in changing(passed):
        blows.append(Blow(number))
        pieces = range(number % 2, passed[number].sent, 2)
        blows += [Blow(number, list(Moment)[1:][(number + piece) % 3], piece) for piece in pieces]
    return blows


def changing(passed: Sequence[Passed]) -> list[int]:
    """The numbers of the operations that change something."""
    return [number for number, operation in enumerate(passed) if operation.name not in ONLY_LOOKS]


def some(blows: Sequence[Blow], count: int) -> list[Blow]:
    """So many of them, others each time."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201  shown when the test fails
    return sorted(random.Random(seed).sample(blows, count), key=lambda blow: blow.operation)


def recovered(matrix: CutMatrix, *, said: str = "") -> str:
    """A recovery with the link up again, which ends with a whole site; gives which of the two it is."""
    began = time.monotonic()
    answer = matrix.recover()
    assert time.monotonic() - began < WITHIN, said
    assert answer is not None, said
    assert answer.code == "", f"{said}: {answer.told}"
    assert matrix.site.faults(is_staged=answer.did == NO_PLAN) == [], f"{said}: {answer.did}"
    return matrix.site.state()


def whole(matrix: CutMatrix, answer: Answer, said: str) -> str:
    """What became of a cutover that was not killed: it went on, or rolled back, or is unfinished and then recovered.

    Gives how it ended.
    """
    said = f"{said}: {answer.code} {answer.told}"
    if answer.code == "restore.unfinished":
        recovered(matrix, said=said)
        return "recovered"
    left = any("restore.left-behind" in told for told in answer.told)
    is_begun = any(operation.name == "run" for operation in matrix.passed)  # else its plan was not placed even
    faults = matrix.site.faults(is_staged=not is_begun)
    assert [fault for fault in faults if not (left and "names" in fault)] == [], said
    is_new = matrix.site.state() == NEW
    assert is_new == (answer.code == "" or "check_smoke" in said), said
    return "went on" if is_new else "rolled back"


def told(blow: Blow, passed: Sequence[Passed]) -> str:
    """A blow as a person reads it."""
    return f"{blow} at {passed[blow.operation].name}"


class Cases:
    """One after the other; what fails is told when all have been tried."""

    def __init__(self) -> None:
        self._failed: list[str] = []
        self._ended: dict[str, int] = {}

    @contextmanager
    def one(self, said: str) -> Iterator[None]:
        """One case, which fails by an assertion."""
        try:
            yield
        except AssertionError as error:
            self._failed.append(f"{said}: {error}")
            print(self._failed[-1])  # noqa: T201  the long ones take an hour

    def count(self, how: str) -> None:
        """How the case ended."""
        self._ended[how] = self._ended.get(how, 0) + 1

    def all_passed(self) -> None:
        """Fails where one has."""
        print(self._ended)  # noqa: T201  shown when the test fails
        assert self._failed == []


def each_cut_ends_whole(matrix: CutMatrix, blows: Sequence[Blow], passed: Sequence[Passed]) -> None:
    cases = Cases()
    for blow in blows:
        matrix.fresh()
        with cases.one(told(blow, passed)), matrix.site.read_all_the_while():
            answer = matrix.carry_out(blow)
            assert answer is not None
            cases.count(whole(matrix, answer, told(blow, passed)))
    cases.all_passed()


def killed(matrix: CutMatrix, blow: Blow, said: str) -> bool:
    """The laptop is gone at that moment, with its link; False where it had come to its end before."""
    answer = matrix.carry_out(msgspec.structs.replace(blow, kills=True))
    assert answer is None or not matrix.has_struck, said
    return answer is None


def each_kill_recovers(matrix: CutMatrix, blows: Sequence[Blow], passed: Sequence[Passed]) -> None:
    """By the same laptop, and by one that has nothing but the site's description."""
    cases = Cases()
    for number, blow in enumerate(blows):
        said = told(blow, passed)
        matrix.fresh()
        with cases.one(said), matrix.site.read_all_the_while():
            if killed(matrix, blow, said) and number // 2 % 2:
                matrix.lose_the_laptop()
            cases.count(recovered(matrix, said=said))
    cases.all_passed()


def killing(blows: Sequence[Blow]) -> list[Blow]:
    """The link ends with the laptop, or the server does not hear of it, in turn."""
    return [msgspec.structs.replace(blow, way=list(Way)[number % 2]) for number, blow in enumerate(blows)]


def unfinished_at(matrix: CutMatrix, passed: Sequence[Passed], name: str) -> Callable[[], None]:
    """Makes a site that was left at the last operation of that name, each time anew."""
    last = max(number for number, operation in enumerate(passed) if operation.name == name)

    def leave() -> None:
        matrix.fresh()
        assert killed(matrix, Blow(last), name)

    return leave


def each_cut_recovery_recovers(matrix: CutMatrix, leave: Callable[[], None], blows: Sequence[Blow]) -> None:
    """A recovery ends whole in spite of a cut, or the next one does."""
    cases = Cases()
    for blow in blows:
        leave()
        with cases.one(str(blow)), matrix.site.read_all_the_while():
            answer = matrix.recover(blow=blow)
            assert answer is not None
            assert answer.code == "" or matrix.has_struck, answer.told
            cases.count(f"first {answer.did or answer.code}, then {recovered(matrix, said=str(blow))}")
    cases.all_passed()


def recovery_blows(matrix: CutMatrix, leave: Callable[[], None]) -> list[Blow]:
    """All that a recovery comes by."""
    leave()
    recovered(matrix)
    return every_blow(matrix.passed)
