"""The site's own commands around a cutover, as effects. They leave no fact to ask for, so they may be done again."""

from __future__ import annotations

import msgspec

from app.foundation.errors import UserError
from app.foundation.events import Warned
from app.foundation.words import Text, text
from app.hosts.host import Command, Ending, Finished
from app.hosts.orphans import RUN_VARIABLE
from app.jobs.effects.effect import Happened, World
from app.settings.command import CommandWhen

KEPT = 64 * 1024
"""Bytes of what a command says that are kept; one may print for ever."""

COMPLAINTS_AT_MOST = 16 * 1024 * 1024

SHOWN = 2000

_MAY_LEAVE_SOMETHING = (CommandWhen.START, CommandWhen.MAINTENANCE_OFF)


class RunCommand(msgspec.Struct, frozen=True, kw_only=True, tag="run-command"):
    """One command, with everything in it resolved; `run` and `undo` begin with the program.

    It gets `timeout` seconds. One that is `optional` may fail: that is a warning. What a command that starts services
    leaves running is meant to outlive the run, so it carries no mark of it.
    """

    name: str
    host: str
    when: CommandWhen
    run: tuple[str, ...]
    undoing: tuple[str, ...] = ()
    folder: str = ""
    timeout: float = 60.0
    optional: bool = False
    staged: bool = False
    """Whether it works on the staged tree, so that it makes no sense once there is none."""

    @property
    def title(self) -> Text:
        """What it does."""
        return text("Run {command} on {host}", command=self.name, host=self.host)

    async def do(self, world: World) -> None:
        """Runs it to its end. Raises `restore.command-failed`, `restore.command-overdue`."""
        await self._carry_out(world, self.run, starts=self.when in _MAY_LEAVE_SOMETHING)

    async def undo(self, world: World) -> None:
        """Runs what takes it back, where there is such a thing."""
        if self.undoing:
            await self._carry_out(world, self.undoing, starts=True)

    async def happened(self, world: World) -> Happened:  # noqa: ARG002  every effect's signature
        """Not to be known from outside: as good as NO, since doing it again does no harm."""
        return Happened.NO

    async def _carry_out(self, world: World, words: tuple[str, ...], *, starts: bool) -> None:
        try:
            await self._run(world, words, starts=starts)
        except UserError as error:
            if not self.optional:
                raise
            world.ctx.emit(Warned(warning=error.problem))

    async def _run(self, world: World, words: tuple[str, ...], *, starts: bool) -> None:
        program, *arguments = words
        unmarked = {RUN_VARIABLE: ""} if starts else {}
        command = Command(program, tuple(arguments), folder=self.folder, environment=unmarked)
        host = world.ctx.host(self.host)
        finished = await host.run(command, stderr=_Complaints(self.name), keep=KEPT, deadline=self.timeout)
        if finished.ending is Ending.OVERDUE:
            raise UserError(*self._overdue(finished))
        if finished.code != 0:
            raise UserError(*self._failed(finished))

    def _overdue(self, finished: Finished) -> tuple[Text, Text, Text, str, str]:
        return (
            text("The command {command} did not end within {seconds} s.", command=self.name, seconds=self.timeout),
            text("It was ended, with all that it had started."),
            text("Find out what it waits for, or give it more time in the site's settings (timeout)."),
            "restore.command-overdue",
            _said(finished),
        )

    def _failed(self, finished: Finished) -> tuple[Text, Text, Text, str, str]:
        return (
            text("The command {command} failed on {host}.", command=self.name, host=self.host),
            text("What it was for is not done."),
            text("Read what it said, and mend it; one that may fail is marked so in the site's settings (optional)."),
            "restore.command-failed",
            _said(finished),
        )


class _Complaints:
    """Hears what a command says on its error channel, which all goes into the run's log; one that never stops is
    ended."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._heard = 0

    async def __call__(self, piece: bytes) -> None:
        self._heard += len(piece)
        if self._heard > COMPLAINTS_AT_MOST:
            raise UserError(
                text("The command {command} prints without end.", command=self._name),
                text("It was ended, with all that it had started."),
                text("Find out why, or have it print less."),
                "restore.command-endless",
            )


def _said(finished: Finished) -> str:
    end = b"\n".join(part[-SHOWN:] for part in (finished.stdout, finished.stderr) if part)
    return f"exit {finished.code}\n{end.decode('utf-8', 'replace')}".strip()
