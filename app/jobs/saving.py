"""Saves names out of a snapshot as a run, so that it is seen, cancelled and remembered like any other work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from app.foundation.errors import UserError
from app.foundation.events import Phase
from app.foundation.words import text
from app.jobs.browse import Saved, save_path, save_paths
from app.jobs.pace import Pace
from app.jobs.plan import Ctx, Plan, Step
from app.jobs.repositories import Repositories
from app.jobs.restore.folder import tell
from app.records.run import new_run_id
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site

KIND = "save"


class SaveChoice(msgspec.Struct, frozen=True):
    """What was asked for: one of the `paths` becomes `target`, several get into it under their own names.

    `target` is a free name on this computer.
    """

    snapshot: str
    paths: tuple[str, ...]
    target: str


@dataclass
class SaveState:
    """What came of it."""

    saved: Saved | None = None


def plan_save(site: Site, choice: SaveChoice, repositories: Repositories) -> Plan[SaveState]:
    """The plan of saving something. Raises `UserError` `usage.nothing-chosen`, `usage.target-not-absolute`."""
    if not choice.paths:
        raise _nothing_chosen()
    if not Path(choice.target).is_absolute():
        raise _not_absolute(choice.target)
    asked = msgspec.json.encode(choice).decode()
    return Plan(
        run=new_run_id(),
        kind=KIND,
        site=site,
        choice=asked,
        key=f"{KIND} {asked}",
        steps=(Step(KIND, text("Save it"), Phase.STAGE, partial(_save, site, choice, repositories)),),
        state=SaveState(),
        secrets=(REPOSITORY_PASSWORD,),
    )


async def _save(site: Site, choice: SaveChoice, repositories: Repositories, ctx: Ctx, state: SaveState) -> None:
    here, password = ctx.host(THIS_COMPUTER), ctx.secret(REPOSITORY_PASSWORD)
    repository = await repositories.open(here, site, password, await ctx.scratch(THIS_COMPUTER))
    progress, target = partial(tell, Pace(KIND, ctx.emit)), Path(choice.target)
    if len(choice.paths) == 1:
        state.saved = await save_path(repository, choice.snapshot, choice.paths[0], target, progress)
    else:
        state.saved = await save_paths(repository, choice.snapshot, choice.paths, target, progress)


def _nothing_chosen() -> UserError:
    return UserError(
        text("Nothing was chosen to be saved."),
        text("Nothing was written."),
        text("Choose files or folders first."),
        "usage.nothing-chosen",
    )


def _not_absolute(target: str) -> UserError:
    return UserError(
        text("{target} is not the whole path of a file or folder.", target=target),
        text("Nothing was written: it would depend on the folder the program happens to be in."),
        text("Choose where it is to be saved."),
        "usage.target-not-absolute",
    )
