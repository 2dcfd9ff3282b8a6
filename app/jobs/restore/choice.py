"""What is asked of a restore: which parts of which point, and where to."""

from __future__ import annotations

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text

FILES, DATABASES, BOTH = "files", "databases", "both"
LAYER, SOURCE = "layer:", "source:"


class Folder(msgspec.Struct, frozen=True, tag="folder"):
    """A folder that holds nothing yet, on the host `host`; "" is each source's own."""

    path: str
    host: str = ""


class NewDatabase(msgspec.Struct, frozen=True, tag="database"):
    """A database that is not there yet, on the source's server; for SQLite the path of a file."""

    name: str


class Swap(msgspec.Struct, frozen=True, tag="swap"):
    """In place of what is live. `onto_other` is what was typed to mean another host than the point is of.

    `safety` says to back the present state up before; `stage_only` to stop when all stands beside what is live, and
    `cutover` is the run that has done so. `in_place`: files are changed where they stand, and nothing old is kept.
    """

    onto_other: str = ""
    safety: bool = True
    stage_only: bool = False
    cutover: str = ""
    in_place: bool = False


Target = Folder | NewDatabase | Swap


class RestoreChoice(msgspec.Struct, frozen=True):
    """What was asked for.

    `point` is an id or its beginning; `scopes` are `files`, `databases`, `both`, `layer:X`, `source:X`. `accepted` are
    the checks that may remain open. `make_roles` says to make roles that the server lacks out of the point's globals,
    `by_name` to give files to the accounts that have the owners' names today, whatever their numbers.
    """

    point: str
    scopes: tuple[str, ...]
    target: Target
    accepted: tuple[str, ...] = ()
    make_roles: bool = False
    by_name: bool = False
    dry_run: bool = False


def check_scopes(scopes: tuple[str, ...]) -> None:
    """Raises `usage.scope` for one that there is not."""
    for scope in scopes:
        named = scope.startswith((LAYER, SOURCE)) and not scope.endswith(":")
        if not named and scope not in (FILES, DATABASES, BOTH):
            raise _no_such_scope(scope)
    if not scopes:
        raise _no_such_scope("")


def target_of(mode: str, host: str = "") -> Target:
    """What `swap`, `sync`, `folder:DIR` or `database:NAME` stands for."""
    kind, _, value = mode.partition(":")
    if kind == "folder" and value:
        return Folder(value, host)
    if kind == "database" and value:
        return NewDatabase(value)
    if mode in ("swap", "sync"):
        return Swap(in_place=mode == "sync")
    raise UserError(
        text("There is no way to restore that is called {mode}.", mode=mode),
        text("Nothing was started."),
        text("Write --mode swap, sync, folder:DIR or database:NAME."),
        "usage.restore-mode",
    )


def _no_such_scope(scope: str) -> UserError:
    return UserError(
        text("What is to be restored is not said by {scope}.", scope=scope or "--scope"),
        text("Nothing was started."),
        text("Write files, databases, both, layer:NAME or source:NAME."),
        "usage.scope",
    )
