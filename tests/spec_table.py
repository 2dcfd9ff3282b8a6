"""The table of specification ids and the tests that prove them, made from the marks.

Run: python -m tests.spec_table [ID]…
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import pytest


class SpecMarks:
    """Collects, for each specification id, the tests that are marked with it; parameters of one test count once."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """pytest: everything was collected."""
        for item in items:
            for one in {spec for mark in item.iter_markers("spec") for spec in mark.args}:
                self.tests[one][item.nodeid.partition("[")[0]] += 1


def collected() -> SpecMarks:
    """The marks of the whole suite; no test is run."""
    marks = SpecMarks()
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123  the null device
        code = pytest.main(["--collect-only", "-q", "-m", "spec"], plugins=[marks])
    if code != pytest.ExitCode.OK:
        sys.exit(f"The tests could not be collected ({code}).")
    return marks


def in_order(spec: str) -> tuple[str, int]:
    """B2 stands before B10."""
    letters, number = re.fullmatch(r"([A-Z]+)(\d+)", spec).groups()  # type: ignore[union-attr]  # ids look like that
    return letters, int(number)


def table(tests: Mapping[str, Mapping[str, int]], asked: Sequence[str]) -> Iterator[str]:
    """A line for every id, or for each that was asked for, with its tests below it."""
    for spec in asked or sorted(tests, key=in_order):
        proven = tests.get(spec, {})
        yield f"{spec:4} {len(proven):3} tests, {sum(proven.values()):4} cases\n"
        if asked:
            yield from (f"     {name}\n" for name in sorted(proven))


if __name__ == "__main__":
    sys.stdout.writelines(table(collected().tests, sys.argv[1:]))
