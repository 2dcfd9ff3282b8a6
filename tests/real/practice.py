"""The whole program on a data folder of its own, and a site to try plans on; nothing of the person's is touched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from app.assembly import Overwinter, assemble
from app.jobs.plan import Ctx, Plan, Step
from app.records.run import new_run_id
from app.settings.places import places
from app.settings.secrets import PassphraseQuestion

SITE_FILE = """
format = 1
name = "north-house"
app = "hydro"

[repository]
url = "{repository}"
"""


@dataclass
class Seen:
    """The state of a plan in tests: what its steps wrote down."""

    words: list[str] = field(default_factory=list)


async def passphrase(_question: PassphraseQuestion) -> str | None:
    """The vault's, as somebody at the keyboard would type it."""
    return "correct horse battery staple"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Overwinter]:
    """The program on a data folder below `folder`, with the site `north-house`."""
    app = await assemble(places(folder / "data"), passphrase)
    try:
        if not await app.sites.all():
            await app.add_site(SITE_FILE.format(repository=folder / "repository").encode())
        yield app
    finally:
        await app.close()


async def plan_of(app: Overwinter, steps: Sequence[Step[Seen]], **fields: Any) -> Plan[Seen]:
    """A plan for the site `north-house` with these steps."""
    site = await app.sites.get("north-house")
    plan = Plan(
        run=new_run_id(), kind="practice", site=site, choice="{}", key="practice", steps=tuple(steps), state=Seen()
    )
    return msgspec.structs.replace(plan, **fields)


async def nothing(_ctx: Ctx, _state: Seen) -> None:
    """A step that does nothing."""
