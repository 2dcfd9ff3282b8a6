#!/usr/bin/env python3
"""Sets Overwinter up on this computer and starts it. Needs nothing but Python 3.11 or newer.

python3 installer/bootstrap.py setup [--dev]
    make .venv, install the locked packages and the outside programs; in a checkout (or with --dev)
    also the lint, type and test tools and the servers the tests start
python3 installer/bootstrap.py run [ARGUMENTS]
    set up what is missing, then start the program
python3 installer/bootstrap.py demo [ARGUMENTS]
    set up what is missing, then show the practice greenhouse
python3 installer/bootstrap.py test [--fast | --long] [PYTEST ARGUMENTS]
    set up, then lint, types for three platforms, room contracts and the tests
"""

import importlib.util
import shutil
import sys
from pathlib import Path

# All of this file is also read by an older Python: only what Python 3.7 can parse.

OLDEST_PYTHON = (3, 11)
PARTS_OF_PYTHON = ("_ssl", "_ctypes", "_bz2", "_sqlite3")
AGAIN = "installer/bootstrap.py setup"


def line_for_newer_python(platform: str) -> str:
    """The one line that gets and uses a Python that is new enough, on a system whose `python3` is too old."""
    for minor in (14, 13, 12, 11):
        name = f"python3.{minor}"
        if shutil.which(name):
            return f"{name} {AGAIN}"
    if platform == "win32":
        return "winget install --exact --id Python.Python.3.13"
    if platform == "darwin":
        return f"brew install python@3.13 && python3.13 {AGAIN}"
    if shutil.which("dnf"):
        return f"sudo dnf install --assumeyes python3.12 && python3.12 {AGAIN}"
    return f"sudo apt-get install --yes python3.11 python3.11-venv && python3.11 {AGAIN}"


def why_unfit(version: "tuple[int, int]", platform: str) -> str:
    """What is wrong with this Python and the one line to type; "" when nothing is."""
    if version < OLDEST_PYTHON:
        return (
            f"This is Python {version[0]}.{version[1]}; Overwinter needs 3.11 or newer. Nothing was changed.\n"
            f"Type this line:\n  {line_for_newer_python(platform)}"
        )
    absent = [name[1:] for name in PARTS_OF_PYTHON if importlib.util.find_spec(name) is None]
    if absent:
        return (
            f"This Python ({sys.executable}) was built without {', '.join(absent)}. Nothing was changed.\n"
            f"Use your system's complete Python. Type this line:\n  /usr/bin/python3 {AGAIN}"
        )
    return ""


if __name__ == "__main__":
    unfit = why_unfit(sys.version_info[:2], sys.platform)
    if unfit:
        sys.stderr.write(unfit + "\n")
        sys.exit(1)
    # Run as a script, the first place Python looks in is this folder; the package stands one above it.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from installer.commands import main

    sys.exit(main(sys.argv[1:], usage=__doc__ or ""))
