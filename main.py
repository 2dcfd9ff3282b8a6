"""Starts Overwinter: the window, or with arguments the command line."""

from __future__ import annotations

import sys


def main() -> int:
    """The program's one entrance; gives its exit code."""
    if len(sys.argv) == 1:
        from app.ui.application import run_window

        return run_window()
    from app.cli.commands import run_command_line

    return run_command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
