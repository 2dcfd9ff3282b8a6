"""The process that cutovers happen in, for whoever asks it: one request, one answer, or none when it was killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.faults.cutover_child import Answer

ROOT = Path(__file__).resolve().parents[2]


class AskedChild:
    """Writes requests to it; what a child of its own answers stands in the file `answer`."""

    def __init__(self, process: subprocess.Popen[bytes], answer: Path) -> None:
        self._process = process
        self.answer = answer

    def ask(self, request: msgspec.Struct) -> Answer | None:
        """What it answers; None when it was killed meanwhile."""
        defect = Path(f"{self.answer}.defect")
        for left in (self.answer, defect):
            left.unlink(missing_ok=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(request) + b"\n")
        self._process.stdin.flush()
        ended = json.loads(self._process.stdout.readline())
        assert not defect.exists(), defect.read_text()
        if ended["signal"]:
            return None
        return msgspec.json.decode(self.answer.read_bytes(), type=Answer)


@contextmanager
def asked_child(module: str, folder: Path, environment: Mapping[str, str]) -> Iterator[AskedChild]:
    """Starts it, ready for requests; it ends when nothing more is asked."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**environment, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield AskedChild(process, folder / "answer.json")
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
