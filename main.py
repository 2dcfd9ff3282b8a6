"""Starts Overwinter: the window, or with arguments the command line."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """The program's one entrance; gives its exit code."""
    if len(sys.argv) == 1:
        return open_window()
    from app.cli.commands import run_command_line

    return run_command_line(sys.argv[1:], open_window)


def open_window(data: Path | None = None) -> int:
    """Shows the window on that data folder until the person closes it; gives the exit code."""
    from app.ui.application import run_window

    return run_window(data)


if __name__ == "__main__":
    sys.exit(main())
