"""Runs a Python program and writes down every program that it starts: when, and when that one had ended.

Started as a script, before anything of the program is imported: `python recorded.py JOURNAL PROGRAM [ARGUMENT]…`. The
journal gets one JSON object a line; its times are those of the monotonic clock, which all processes share.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

_start, _wait = subprocess.Popen.__init__, os.waitpid


def record(journal: Path) -> None:
    """From now on each child of this process is in the journal, with the memory of this process at its start."""
    this = psutil.Process()
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(**line: Any) -> None:
        os.write(file, json.dumps(line).encode() + b"\n")  # one write: threads end children too

    def start(child: Any, arguments: Any, *rest: Any, **named: Any) -> None:
        began, memory = time.monotonic(), this.memory_info().rss
        _start(child, arguments, *rest, **named)
        words = [os.fsdecode(word) for word in arguments]
        write(pid=child.pid, began=began, program=words[0], arguments=words[1:], memory=memory)

    def wait(pid: int, options: int) -> tuple[int, int]:
        ended = _wait(pid, options)
        if ended[0]:
            write(pid=ended[0], ended=time.monotonic())
        return ended

    subprocess.Popen.__init__ = start  # type: ignore[method-assign,assignment]  # recording is all this file is for
    os.waitpid = wait


if __name__ == "__main__":
    record(Path(sys.argv[1]))
    sys.argv = sys.argv[2:]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
