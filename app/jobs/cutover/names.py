"""How the things around a cutover are called: beside or in the tree that is exchanged, on its file system."""

from __future__ import annotations

from app.jobs.effects.paths import pure
from app.jobs.sources.files import OURS


def stage_folder(root: str, run: str) -> str:
    """Where a tree is staged; the staged tree has the root's own name in it."""
    return _beside(root, f".{pure(root).name}.overwinter-stage-{run[:8]}")


def kept_tree(root: str, run: str) -> str:
    """What the live tree is called once another has taken its place."""
    return _beside(root, f"{pure(root).name}.__before_restore_{run[:8]}")


def kept_within(root: str, run: str) -> str:
    """The folder in a tree that cannot be moved itself which holds what was in it; no backup takes that."""
    return str(pure(root) / f"{OURS}before-{run[:8]}")


def plan_beside(root: str) -> str:
    """The file beside a tree that says that it is being exchanged. The same for every run, so that one alone can."""
    return _beside(root, f".{pure(root).name}.overwinter-cutover")


def plan_in(folder: str, site: str) -> str:
    """The same for a host where no tree is exchanged, in the folder of ours that stays there."""
    return str(pure(folder) / f"{site}.overwinter-cutover")


def sync_note(folder: str, site: str, source: str, run: str) -> str:
    """What says, in the folder of ours on its host, how far a tree is that is changed in place."""
    return str(pure(folder) / f"{site}.{run[:8]}.{source}.sync")


def _beside(root: str, name: str) -> str:
    return str(pure(root).with_name(name))
