"""Opens the program for one command and turns what comes of it into an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from app.assembly import Overwinter, assemble
from app.cli.output import Output
from app.foundation.errors import Busy, Cancelled, Refused, UserError, as_problem
from app.foundation.events import Outcome
from app.jobs.plan import AnyPlan
from app.records.run import Run
from app.runs.engine import run_engine
from app.settings.places import places
from app.settings.secrets import PassphraseQuestion

DONE, FAILED, USAGE, PARTIAL, REFUSED, BUSY, UNFINISHED, CANCELLED = 0, 1, 2, 3, 4, 5, 6, 130

EXIT_OF_OUTCOME = {
    Outcome.SUCCESS: DONE,
    Outcome.PARTIAL: PARTIAL,
    Outcome.FAILED: FAILED,
    Outcome.REFUSED: REFUSED,
    Outcome.SKIPPED: BUSY,
    Outcome.CANCELLED: CANCELLED,
    Outcome.INTERRUPTED: FAILED,
}

UNFINISHED_CODE = "restore.unfinished"

USAGE_ROOMS = ("site-file.", "usage.")


class Session(msgspec.Struct, frozen=True):
    """What a command needs: where the program keeps things, and how to print."""

    data: Path | None
    output: Output

    def perform(self, work: Callable[[Overwinter], Awaitable[int | None]]) -> None:
        """Opens the program, does `work`, closes it, and ends the command with its exit code."""
        end_like_ctrl_c()
        try:
            code = run_engine(self._opened(work))
        except KeyboardInterrupt:
            code = CANCELLED
        _ignore_signals()
        sys.exit(code)

    async def _opened(self, work: Callable[[Overwinter], Awaitable[int | None]]) -> int:
        app: Overwinter | None = None
        try:
            app = await assemble(places(self.data), self.ask_passphrase)
            try:
                for interrupted in await app.put_in_order():
                    self.output.interrupted(interrupted)
                code = await work(app) or DONE
                _ignore_signals()  # the command has said how it ended: its exit code stays what was said
                return code
            finally:
                await app.close()
        except BrokenPipeError:  # whoever read our output has closed it
            return FAILED
        except Exception as error:  # noqa: BLE001  a defect is shown as one, with its kind; never a bare traceback
            problem = as_problem(error)
            self.output.problem(problem if app is None else app.cleaned(problem))
            return exit_of(error) if isinstance(error, UserError) else FAILED

    async def ask_passphrase(self, question: PassphraseQuestion) -> str | None:
        """Asks for the vault's passphrase on a terminal; None where there is nobody to ask."""
        if not sys.stdin.isatty():
            return None
        prompt = self.output.language.render(question.prompt)
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=question.is_new, err=True))

    async def follow(self, app: Overwinter, plan: AnyPlan) -> tuple[Run, bool]:
        """Launches a plan (or joins it), shows it live, and gives its closed record and whether it was joined.

        Ctrl+C cancels the run and is answered with its record; a run that was only joined goes on without us.
        """
        site = plan.site.name
        launched = await app.runner.launch(plan)
        try:
            async for batch in app.runner.feed(site, launched.run).batches():
                self.output.progress(batch)
            return await app.runner.wait(site, launched.run), launched.joined
        except asyncio.CancelledError:
            if launched.joined:
                raise
        with contextlib.suppress(Refused):  # it has just ended, and its record says how
            await app.runner.cancel(site, launched.run)
        return await app.runner.wait(site, launched.run), launched.joined


def exit_of_run(run: Run) -> int:
    """The exit code of a command whose run has ended."""
    if run.error is not None and run.error.code == UNFINISHED_CODE:
        return UNFINISHED
    return EXIT_OF_OUTCOME[run.outcome or Outcome.INTERRUPTED]


def exit_of(error: UserError) -> int:
    """The exit code of an error that a person sees."""
    if error.code.startswith(USAGE_ROOMS):
        return USAGE
    if error.code == UNFINISHED_CODE:
        return UNFINISHED
    match error:
        case Refused():
            return REFUSED
        case Busy():
            return BUSY
        case Cancelled():
            return CANCELLED
        case _:
            return FAILED


def end_like_ctrl_c() -> None:
    """A polite end from outside (TERM, a closed terminal, Ctrl+Break) is the same as Ctrl+C: cancel, put away, end."""

    def interrupt(_number: int, _frame: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _polite_ends():
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it for a closed terminal
            signal.signal(number, interrupt)


def _polite_ends() -> list[signal.Signals]:
    return [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


def _ignore_signals() -> None:
    for number in (signal.SIGINT, *_polite_ends()):
        signal.signal(number, signal.SIG_IGN)


pass_session = click.make_pass_decorator(Session)
