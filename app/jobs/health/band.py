"""What can be brought back to when: the points of each layer along time, the gaps between them, what would be lost."""

from __future__ import annotations

import bisect
import enum
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from app.jobs.health.judgement import STALE_AFTER
from app.jobs.points import Point
from app.jobs.tags import COMPLETE, PARTIAL


class Worth(enum.Enum):
    """How much a block of the band is worth."""

    PROVEN = "proven"
    WHOLE = "whole"
    PARTIAL = "partial"


class Block(msgspec.Struct, frozen=True):
    """A point of one layer. It serves from `start` to `end`: until the next one, at most until it is stale."""

    point: str
    start: datetime
    end: datetime
    worth: Worth


class Row(msgspec.Struct, frozen=True):
    """One layer: its blocks, oldest first."""

    layer: str
    blocks: tuple[Block, ...]

    def at(self, moment: datetime) -> Block | None:
        """The block that the layer would be brought back to if `moment` were wanted; None where there is none yet.

        One that is partial is passed over: it does not bring all of the layer back.
        """
        after = bisect.bisect_right(self.blocks, moment, key=lambda block: block.start)
        return next((block for block in reversed(self.blocks[:after]) if block.worth is not Worth.PARTIAL), None)

    def lost(self, moment: datetime) -> timedelta | None:
        """What would be lost of the layer if something broke at `moment`; None for everything."""
        block = self.at(moment)
        return None if block is None else moment - block.start


def rows_of(points: Sequence[Point], layers: Iterable[str], now: datetime) -> tuple[Row, ...]:
    """The rows of these layers by these points (newest first)."""
    return tuple(Row(layer, _blocks(points, layer, now)) for layer in layers)


def _blocks(points: Sequence[Point], layer: str, now: datetime) -> tuple[Block, ...]:
    held = [point for point in reversed(points) if layer in point.layers and point.status in (COMPLETE, PARTIAL)]
    ends = [*(point.time for point in held[1:]), max(now, held[-1].time)] if held else []
    return tuple(_block(point, end) for point, end in zip(held, ends, strict=True))


def _block(point: Point, end: datetime) -> Block:
    return Block(point.id, point.time, min(end, point.time + STALE_AFTER), _worth(point))


def _worth(point: Point) -> Worth:
    if point.status != COMPLETE:
        return Worth.PARTIAL
    return Worth.PROVEN if point.verified else Worth.WHOLE
