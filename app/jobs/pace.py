"""How fast a step goes and how long it still takes, told as Progress."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from app.foundation.events import Progress

WINDOW = 10.0  # seconds over which the speed is averaged: short enough to be true, long enough to be calm
FIRST_GUESS = 3.0  # seconds before a remaining time is worth saying


class Pace:
    """Turns counts of bytes into Progress events of one step."""

    def __init__(self, key: str, emit: Callable[[Progress], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._key = key
        self._emit = emit
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """From here on bytes are counted from 0, also when some were told before: another pass over them begins."""
        self._began = self._clock()
        self._seen: deque[tuple[float, int]] = deque([(self._began, 0)])

    def tell(self, done: int, total: int = 0, *, files: int = 0, total_files: int = 0, current: str = "") -> None:
        """Tells how far it is; `total` is 0 while it is not known."""
        speed = self._speed(done)
        self._emit(
            Progress(
                key=self._key,
                bytes=done,
                total_bytes=total,
                files=files,
                total_files=total_files,
                speed=speed,
                remaining=self._remaining(done, total, speed),
                current=current,
            )
        )

    def tell_files(self, done: int, total: int) -> None:
        """Tells how far it is by files, where nobody knows how big they are: the time that remains, but no speed."""
        remaining = self._remaining(done, total, self._speed(done))
        self._emit(Progress(key=self._key, files=done, total_files=total, remaining=remaining))

    def _speed(self, done: int) -> float:
        now = self._clock()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        first_at, first = self._seen[0]
        return (done - first) / (now - first_at) if now > first_at else 0.0

    def _remaining(self, done: int, total: int, speed: float) -> float:
        if not total or speed <= 0 or self._clock() - self._began < FIRST_GUESS:
            return -1.0
        return max(0.0, (total - done) / speed)
