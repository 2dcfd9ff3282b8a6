"""What is remembered of a site stays between two starts, and is never taken for another repository's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from app.foundation.blocking import Blocking
from app.jobs.health.memory import SAMPLES_KEPT, Memory, Remembered, SizeSample
from tests.histories import NOON

HERE = "local:/mnt/disk"


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    """What the memory reads and writes by."""
    made = Blocking()
    yield made
    made.close()


def a_memory() -> Remembered:
    return Remembered(address=HERE, samples=(SizeSample(NOON, 7),), seen=NOON)


@pytest.mark.spec("V3")
def test_what_was_read_is_remembered_between_starts(tmp_path: Path, blocking: Blocking) -> None:
    async def story() -> None:
        await Memory(tmp_path, blocking).remember("north", a_memory())
        again = await Memory(tmp_path, blocking).recall("north", HERE)
        assert again == a_memory()
        assert (await Memory(tmp_path, blocking).recall("north", "local:/elsewhere")).samples == ()
        assert (await Memory(tmp_path, blocking).recall("south", HERE)) == Remembered(address=HERE)

    with asyncio.Runner() as runner:
        runner.run(story())


@pytest.mark.parametrize("content", [b"", b"{", b'{"samples": 7}', b"\xff\x00", b'{"address": "\xff"}'])
def test_a_damaged_memory_counts_as_none(tmp_path: Path, blocking: Blocking, content: bytes) -> None:
    (tmp_path / "north.json").write_bytes(content)

    async def story() -> None:
        memory = Memory(tmp_path, blocking)
        assert await memory.recall("north", HERE) == Remembered(address=HERE)
        await memory.remember("north", a_memory())
        assert await Memory(tmp_path, blocking).recall("north", HERE) == a_memory()
        for _ in range(2):  # what is not there is forgotten too
            await memory.forget("north")
        assert await Memory(tmp_path, blocking).recall("north", HERE) == Remembered(address=HERE)

    with asyncio.Runner() as runner:
        runner.run(story())


def test_of_sizes_the_newest_are_kept() -> None:
    remembered = Remembered()
    for number in range(SAMPLES_KEPT + 5):
        remembered = remembered.with_sample(SizeSample(datetime.fromtimestamp(number, UTC), number))
    assert [sample.bytes for sample in remembered.samples] == list(range(5, SAMPLES_KEPT + 5))
    assert msgspec.json.decode(msgspec.json.encode(remembered), type=Remembered) == remembered
