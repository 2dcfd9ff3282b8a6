"""What a person sees of the set-up: progress on standard error, failures in three sentences, children and Ctrl+C."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_AFTER_INTERRUPT = 20.0
"""Seconds a child gets to end by itself after Ctrl+C, which the terminal sent to it as well."""


class SetupFailed(Exception):
    """The set-up cannot go on: what happened, what it means, the one next step; `output` is shown in full."""

    def __init__(self, what: str, means: str, next_step: str, output: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.means = means
        self.next_step = next_step
        self.output = output

    def __str__(self) -> str:
        parts = [self.output.rstrip(), f"{self.what}\n{self.means}\n{self.next_step}"]
        return "\n\n".join(part for part in parts if part)


def say(sentence: str) -> None:
    """Tell the person at once; on standard error, so that `run --json` keeps its standard output clean."""
    print(sentence, file=sys.stderr, flush=True)


def run_quietly(
    argv: Sequence[str | Path], what: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a command to its end and return what it printed; when it fails, `what` and all its output are raised."""
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT, env=env, cwd=cwd
        )
        code = _wait(process)
        printed.seek(0)
        output = printed.read().decode(errors="replace")
    if code != 0:
        command = shlex.join(str(part) for part in argv)
        raise SetupFailed(
            f"{what} failed (exit {code}).",
            "What was in place before is as it was.",
            "The command's own words are above; put right what they name, then type the same line again.",
            output=f"$ {command}\n{output}",
        )
    return output


def run_openly(argv: Sequence[str | Path], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run a command on this terminal and return its exit code."""
    sys.stdout.flush()
    return _wait(subprocess.Popen(argv, cwd=cwd, env=env))


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    except KeyboardInterrupt:
        try:
            process.wait(GRACE_AFTER_INTERRUPT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
