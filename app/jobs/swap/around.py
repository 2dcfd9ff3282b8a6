"""The site's own commands around a cutover, with what they are told filled in."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

import msgspec

from app.foundation.errors import Problem
from app.foundation.words import text
from app.jobs.plan import Ctx
from app.jobs.restore.folder import pure
from app.jobs.swap.mounts import is_in
from app.jobs.swap.patterns import under
from app.jobs.swap.staged import StagedTree
from app.settings.model import Command, CommandWhen
from app.settings.paths import is_absolute

STAGED, BYPASS = "{staged}", "{bypass}"
BYPASS_BYTES = 16


class Call(msgspec.Struct, frozen=True):
    """A command of the site as it is run: nothing is left to fill in. `deadline` is in seconds."""

    name: str
    host: str
    folder: str
    run: tuple[str, ...]
    undo: tuple[str, ...]
    optional: bool
    deadline: float


def new_bypass() -> str:
    """A token that opens a site in maintenance: made for one run, and worthless after it."""
    return secrets.token_hex(BYPASS_BYTES)


class Around(msgspec.Struct, frozen=True):
    """The commands of one cutover. Until the trees are exchanged `{staged}` is where the new one stands; then its
    place. A command that asks for it where no tree of its host is swapped is left out.
    """

    commands: tuple[Command, ...]
    trees: tuple[StagedTree, ...]
    bypass: str

    def before(self, when: CommandWhen) -> list[Call]:
        """What runs while the old tree is live; what asks for the staged tree in maintenance comes with that."""
        return [self._filled(one, one.folder, "") for one in self._of(when) if self._can_run_now(one)]

    def in_staged(self) -> list[Call]:
        """Maintenance in the new tree, so that it is never up before its time: what asks for it, and what is run in
        the folder of a tree that is swapped once more in the new one. Taken back it is with the tree.
        """
        return list(self._in_staged())

    def after(self, when: CommandWhen) -> list[Call]:
        """What runs when the new tree has its place."""
        found = ((one, self._tree_for(one)) for one in self._of(when))
        return [
            self._filled(one, one.folder, tree.live if tree is not None else "")
            for one, tree in found
            if tree is not None or not _asks_for_staged(one)
        ]

    def _of(self, when: CommandWhen) -> list[Command]:
        return [command for command in self.commands if command.when is when]

    def _can_run_now(self, command: Command) -> bool:
        """Where the live tree is gone there is nothing to take down in it."""
        gone = (tree for tree in self.trees if tree.is_missing and tree.host == command.host)
        return not _asks_for_staged(command) and not any(_inside(command, tree) is not None for tree in gone)

    def _in_staged(self) -> Iterator[Call]:
        for command in self._of(CommandWhen.MAINTENANCE_ON):
            tree = self._tree_for(command)
            if tree is None or tree.stays:
                continue
            inside = _inside(command, tree)
            if inside is not None or _asks_for_staged(command):
                folder = under(tree.tree, inside) if inside is not None else command.folder
                call = self._filled(command, folder, tree.tree)
                yield msgspec.structs.replace(call, undo=())

    def _tree_for(self, command: Command) -> StagedTree | None:
        """The tree that a command's folder is in; of one that is run elsewhere the first of its host."""
        there = [tree for tree in self.trees if tree.host == command.host]
        holding = [tree for tree in there if _inside(command, tree) is not None]
        return next(iter(holding or there), None)

    def _filled(self, command: Command, folder: str, staged: str) -> Call:
        def fill(arguments: Sequence[str]) -> tuple[str, ...]:
            return tuple(one.replace(STAGED, staged).replace(BYPASS, self.bypass) for one in arguments)

        return Call(
            command.name,
            command.host,
            folder,
            fill(command.run),
            fill(command.undo),
            command.optional,
            command.deadline,
        )


def _asks_for_staged(command: Command) -> bool:
    return any(STAGED in one for one in command.run)


def _inside(command: Command, tree: StagedTree) -> str | None:
    """Where in a tree a command is run, as seen from its root; None for one that is run elsewhere."""
    for root in (tree.asked, tree.live):
        if command.folder and is_in(command.folder, root):
            return command.folder[len(root) :].strip("/\\")
    return None


async def missing_program(ctx: Ctx, command: Command, gone: Sequence[str]) -> Problem | None:
    """What keeps a command from being run at all: its program is not on its host, or its folder is not.

    `gone` are the trees that are not there, and that nothing has to be taken down in.
    """
    host = ctx.host(command.host)
    for arguments in (command.run, command.undo):
        program = arguments[0] if arguments else ""
        if program and STAGED not in program and await host.which(program) is None:
            return _no_program(command, program)
    needs_folder = command.when in (CommandWhen.MAINTENANCE_ON, CommandWhen.STOP) and command.folder
    if (
        needs_folder
        and not any(is_in(command.folder, root) for root in gone)
        and await host.stat(command.folder) is None
    ):
        return _no_folder(command)
    return None


def _no_program(command: Command, program: str) -> Problem:
    how = text("Install it there, or correct the command in the site's settings.")
    if not is_absolute(program) and pure(program).parent.name:
        how = text("Write its whole path, or only its name; where the command is run does not matter for that.")
    return Problem(
        text("The command {name} needs {program}, which {host} does not have.", name=command.name, program=program,
             host=command.host),
        text("Nothing was changed: without it the site cannot be taken down and brought up again."),
        how,
        "restore.command-missing",
    )  # fmt: skip


def _no_folder(command: Command) -> Problem:
    return Problem(
        text("The command {name} is to be run in {folder}, which {host} does not have.", name=command.name,
             folder=command.folder, host=command.host),
        text("Nothing was changed: without it the site cannot be taken down."),
        text("Correct the command's folder in the site's settings, or mark the command as optional."),
        "restore.command-folder-missing",
    )  # fmt: skip
