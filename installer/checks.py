"""`test`: lint, format, types for three platforms, room contracts and the tests, in this order, up to the first red."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from installer.console import run_openly, say
from installer.places import ROOT, venv_program
from installer.restic import Restic

PLATFORMS = ("linux", "win32", "darwin")

# Most of the time tests wait for programs that they started, so two at a time take half as long on two cores.
NOT_LONG = ("-m", "not long", "--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder")
TIERS: dict[str, tuple[str, ...]] = {"--fast": (*NOT_LONG, "tests/unit", "tests/contracts"), "--long": ()}


@dataclass(frozen=True)
class Check:
    """One step of the check run; `run` returns an exit code."""

    name: str
    run: Callable[[], int]


def pass_all(arguments: Sequence[str], restics: Mapping[str, Restic]) -> int:
    """Run the still checks, then pytest with the tier's and the person's arguments; the exit code of the first red."""
    return until_first_red([*_still_checks(), Check("pytest", lambda: _pytest(arguments, restics))])


def until_first_red(checks: Iterable[Check]) -> int:
    """Run one check after the other, saying how each ended, up to the first that fails; its exit code, else 0."""
    for check in checks:
        started = time.monotonic()
        code = check.run()
        if code != 0:
            say(f"Red: {check.name} (exit {code}). Nothing after it was run.")
            return code
        say(f"Green: {check.name}, {time.monotonic() - started:.1f} s")
    return 0


def _still_checks() -> tuple[Check, ...]:
    return (
        Check("ruff check", lambda: run_openly([venv_program("ruff"), "check", "."], ROOT)),
        Check("ruff format", lambda: run_openly([venv_program("ruff"), "format", "--check", "."], ROOT)),
        Check(f"mypy for {', '.join(PLATFORMS)}", _mypy),
        Check("room contracts", lambda: run_openly([venv_program("lint-imports")], ROOT)),
    )


def _mypy() -> int:
    """All platforms at once; each has a cache of its own, for they would overwrite each other's."""
    running = []
    for platform in PLATFORMS:
        printed = tempfile.TemporaryFile()  # noqa: SIM115  closed by _tell, after its process ended
        argv = [str(venv_program("mypy")), "--platform", platform, "--cache-dir", f".mypy_cache/{platform}"]
        running.append((platform, subprocess.Popen(argv, cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT), printed))
    return max(_tell(*one) for one in running)


def _tell(platform: str, process: subprocess.Popen[bytes], printed: IO[bytes]) -> int:
    with process, printed:
        code = process.wait()
        printed.seek(0)
        words = printed.read().decode(errors="replace").strip()
    say(f"mypy --platform {platform}: {words}")
    return abs(code)


def _pytest(arguments: Sequence[str], restics: Mapping[str, Restic]) -> int:
    chosen = [argument for argument in arguments if argument in TIERS]
    others = [argument for argument in arguments if argument not in TIERS]
    tier = TIERS[chosen[-1]] if chosen else NOT_LONG
    argv: list[str | Path] = [venv_program("python"), "-m", "pytest", *tier, *others]
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        **{name: str(restic.path.absolute()) for name, restic in restics.items()},
    }
    return run_openly(argv, ROOT, environment)
