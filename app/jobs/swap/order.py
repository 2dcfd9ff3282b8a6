"""The effects of a cutover in their order: the new state is never up before its time, nor without what the site keeps.

What changes nothing of the site · maintenance on · live files carried over once more · maintenance in the staged tree
too · services stopped · databases closed · trees exchanged, and what no backup has carried over · databases exchanged ·
databases opened · the site's commands · services started · maintenance off · smoke.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.jobs.cutover.names import kept_tree
from app.jobs.effects.commands import RunCommand
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.owning import GiveOwning, MakeFolder, Owning
from app.jobs.effects.paths import ExchangePaths, KeepLive, RenamePath
from app.jobs.effects.trading import TradePlaces
from app.jobs.restore.folder import below, pure
from app.jobs.sources.swapping import StagedDatabase
from app.jobs.swap.around import Around, Call
from app.jobs.swap.patterns import under
from app.jobs.swap.staged import Pair, StagedTree
from app.settings.model import CommandWhen


def effects_of(
    around: Around, trees: Sequence[StagedTree], databases: Sequence[StagedDatabase], run: str
) -> tuple[AnyEffect, ...]:
    """All of them, resolved."""
    return (
        *(effect for database in databases for effect in database.prepare),
        *_commands(CommandWhen.MAINTENANCE_ON, around.before(CommandWhen.MAINTENANCE_ON)),
        *(effect for tree in trees for effect in _carried_over(tree)),
        *_commands(CommandWhen.MAINTENANCE_ON, around.in_staged(), staged=True),
        *_commands(CommandWhen.STOP, around.before(CommandWhen.STOP)),
        *(effect for database in databases for effect in database.close),
        *(effect for tree in trees for effect in _exchanged(tree, run)),
        *(effect for database in databases for effect in database.exchange),
        *(effect for database in databases for effect in database.open),
        *_commands(CommandWhen.AFTER_RESTORE, around.after(CommandWhen.AFTER_RESTORE)),
        *_commands(CommandWhen.START, around.after(CommandWhen.START)),
        *_commands(CommandWhen.MAINTENANCE_OFF, around.after(CommandWhen.MAINTENANCE_OFF)),
        *_commands(CommandWhen.SMOKE, around.after(CommandWhen.SMOKE)),
    )


def _commands(when: CommandWhen, calls: Sequence[Call], *, staged: bool = False) -> Iterator[RunCommand]:
    for call in calls:
        yield RunCommand(
            name=call.name,
            host=call.host,
            when=when,
            run=call.run,
            undoing=call.undo,
            folder=call.folder,
            timeout=call.deadline,
            optional=call.optional,
            staged=staged,
        )


def _carried_over(tree: StagedTree) -> Iterator[KeepLive]:
    for path in tree.kept:
        pair = _pair_of(tree, path)
        if pair is not None and pair.live_inode:
            yield KeepLive(
                host=tree.host,
                live=pair.live,
                staged=pair.staged,
                path=_inside(tree, path, pair),
                old=pair.live_inode,
            )


def _exchanged(tree: StagedTree, run: str) -> Iterator[AnyEffect]:
    if tree.before_holds:
        yield MakeFolder(host=tree.host, path=tree.before)
    for pair in tree.pairs:
        kept = kept_at(tree, pair, run)
        if not pair.live_inode:
            yield RenamePath(host=tree.host, path=pair.staged, target=pair.live, inode=pair.staged_inode)
        elif not pair.staged_inode:
            yield RenamePath(host=tree.host, path=pair.live, target=kept, inode=pair.live_inode)
        else:
            yield ExchangePaths(
                host=tree.host,
                live=pair.live,
                staged=pair.staged,
                kept=kept,
                old=pair.live_inode,
                new=pair.staged_inode,
            )
    yield from _traded(tree, run)
    if tree.down and tree.root_before is not None and tree.root_after is not None:
        before, after = (Owning(one.mode, one.uid, one.gid) for one in (tree.root_before, tree.root_after))
        yield GiveOwning(host=tree.host, path=tree.live, before=before, after=after)


def _traded(tree: StagedTree, run: str) -> Iterator[TradePlaces]:
    """When the trees have changed places: from the old one, under its new name, into the one that is live by then."""
    for one in tree.left_alone:
        pair = _pair_of(tree, one.path)
        if pair is not None and pair.live_inode:
            inside = _inside(tree, one.path, pair)
            old = under(kept_at(tree, pair, run), inside)
            yield TradePlaces(
                host=tree.host,
                kept=kept_at(tree, pair, run),
                old=pair.live_inode,
                path=old,
                other=under(pair.live, inside),
                aside=str(below(str(pure(old).parent), f".{pure(old).name}.overwinter-{run[:8]}")),
                first=one.live_inode,
                second=one.staged_inode,
            )


def kept_at(tree: StagedTree, pair: Pair, run: str) -> str:
    """What the old tree, or the old one of a part, is called afterwards."""
    if tree.before_holds:
        return str(below(tree.before, pure(pair.live).name))
    return kept_tree(pair.live, run)


def _pair_of(tree: StagedTree, path: str) -> Pair | None:
    """The pair that holds a path, which is as seen from the root."""
    live = under(tree.live, path)
    return next((pair for pair in tree.pairs if pure(live).is_relative_to(pure(pair.live))), None)


def _inside(tree: StagedTree, path: str, pair: Pair) -> str:
    return pure(under(tree.live, path)).relative_to(pure(pair.live)).as_posix()
