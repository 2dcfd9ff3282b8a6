"""A shadow database that is not wanted any more is dropped: what was staged, and never anything else."""

from __future__ import annotations

import msgspec

from app.foundation.words import Text, text
from app.jobs.effects.effect import Happened, World
from app.jobs.restore.put_aside import PutAside, drop_shadow


class DropShadow(msgspec.Struct, frozen=True, kw_only=True, tag="drop-shadow"):
    """Drops it by its number, while it has its name of ours; it is not undone."""

    shadow: PutAside

    @property
    def host(self) -> str:
        """From where its server is reached."""
        return self.shadow.at.host

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Drop the staged database {name}", name=self.shadow.name)

    async def do(self, world: World) -> None:
        """Drops it where it is there."""
        await drop_shadow(world, self.shadow)

    async def undo(self, world: World) -> None:
        """Nothing: what is dropped is gone."""

    async def happened(self, world: World) -> Happened:  # noqa: ARG002  every effect's signature
        """Not asked: dropping what is gone does no harm."""
        return Happened.NO
