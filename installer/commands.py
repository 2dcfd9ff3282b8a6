"""The four commands of the installer: setup, run, demo, test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from installer import checks, needs, python_packages, restic, system_packages
from installer.console import SetupFailed, run_openly, say
from installer.places import ROOT, as_typed, is_checkout, one_setup_at_a_time, venv_program
from installer.restic import Restic

INTERRUPTED = 130

# The tests run with both series that Overwinter supports; pytest learns of them by these names.
RESTICS_OF_TESTS = {"OVERWINTER_TEST_RESTIC_018": (0, 18), "OVERWINTER_TEST_RESTIC_019": (0, 19)}


def main(arguments: Sequence[str], usage: str) -> int:
    """Carry out one command; the exit code is 0, the started program's own, 1 failed, 2 wrong usage, 130 Ctrl+C."""
    commands: dict[str, Callable[[Sequence[str]], int]] = {
        "setup": _setup,
        "run": _run,
        "demo": lambda rest: _run(["demo", *rest]),
        "test": _test,
    }
    command = commands.get(arguments[0]) if arguments else None
    if command is None:
        say(usage)
        return 0 if arguments[:1] in (["--help"], ["-h"], ["help"]) else 2
    try:
        return command(arguments[1:])
    except SetupFailed as failure:
        say(f"\n{failure}")
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        say(f"\nSet-up stopped: {error}.\nWhat was finished stays.\nPut that right, then type the same line again.")
    return 1


def _setup(rest: Sequence[str]) -> int:
    if unknown := [argument for argument in rest if argument != "--dev"]:
        say(f"setup knows only --dev, not {' '.join(unknown)}")
        return 2
    development = is_checkout() or "--dev" in rest
    found = set_up(development=development, window=True)
    say(f"Overwinter is set up: {as_typed(venv_program('overwinter'))}, {found}")
    return 0


def _run(arguments: Sequence[str]) -> int:
    screen = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    set_up(development=False, window=screen)
    argv = [str(venv_program("python")), str(ROOT / "main.py"), *arguments]
    if sys.platform == "win32":  # there execv returns to the shell before the program has ended
        return run_openly(argv)
    return os.execv(argv[0], argv)


def _test(arguments: Sequence[str]) -> int:
    set_up(development=True, window=True)
    restics = {name: _restic_of(series) for name, series in RESTICS_OF_TESTS.items() if name not in os.environ}
    return checks.pass_all(arguments, restics)


def set_up(*, development: bool, window: bool) -> Restic:
    """Bring everything that is missing, quickest refusal first; returns the restic that Overwinter will use."""
    with one_setup_at_a_time():
        wanted = [
            *needs.for_python(),
            *(needs.for_window() if window else []),
            *(needs.for_tests() if development else []),
        ]
        found = _provide_programs(wanted)
        python_packages.bring_up_to_date(development)
    return found


def _provide_programs(wanted: Sequence[needs.Need]) -> Restic:
    release = system_packages.os_release()
    missing, found = needs.missing(wanted), restic.find()
    prefix = system_packages.privilege(release) if missing else []
    if prefix is None or (found is None and not restic.can_be_fetched(sys.platform, release)):
        raise system_packages.refuse(missing, found is None, sys.platform, release)
    if missing:
        system_packages.install(missing, prefix)
    return found or restic.fetch(sys.platform, release)


def _restic_of(series: tuple[int, int]) -> Restic:
    with one_setup_at_a_time():
        return restic.find(series) or restic.fetch(sys.platform, system_packages.os_release(), series)
