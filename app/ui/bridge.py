"""The one way between the window and the engine.

The engine is one thread with one asyncio loop, and no QObject lives there. Questions go over as coroutine functions
and come back as answers through one queued signal; events of a run come in batches, the next one only when the page
has taken the last, so the window is never flooded. What comes back as an error is cleaned of secrets on the way.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from PySide6.QtCore import QObject, QThread, Signal

from app.foundation.errors import Problem, UserError, as_problem
from app.foundation.events import Told
from app.foundation.redact import Redactor
from app.foundation.words import Language
from app.records.cleaned import cleaned_problem
from app.runs.engine import new_loop, run_engine
from app.settings.places import Places

if TYPE_CHECKING:  # the engine's thread imports them: the window is painted before
    from app.assembly import Overwinter
    from app.settings.secrets import PassphraseQuestion

T = TypeVar("T")

Question = Callable[["Overwinter"], Awaitable[T]]


class Bridge(QObject):
    """Asks the engine and follows its runs; lives in the window's thread, where all its answers arrive.

    Signals:
        sighted: how the site stood when the program was last here; carries an `Overview`, before anything is opened.
        opened: the program is open behind the window; all its code is loaded.
        answered: an answer came out of the engine (for the bridge itself).
        passphrase_wanted: the vault's passphrase has to be asked of the person; carries a `PassphraseWanted`.
        passphrase_withdrawn: nobody waits for that passphrase any more; carries the same object.
        failed: something broke in the engine that nobody had asked for; carries a cleaned `Problem`.
    """

    sighted = Signal(object)
    opened = Signal()
    answered = Signal(object)
    passphrase_wanted = Signal(object)
    passphrase_withdrawn = Signal(object)
    failed = Signal(object)

    def __init__(self, places: Places, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = _Engine(places, self)
        self._open: set[asyncio.Future[Any]] = set()
        self._started = False
        self._closing = False
        self._ended = asyncio.Event()
        self.answered.connect(self._on_answered)
        self._engine.finished.connect(self._on_engine_finished)

    def start(self, sight: Sight | None = None) -> None:
        """Starts the engine; questions asked before wait until it is ready, a sight of the last time does not."""
        if not self._closing and not self._started:
            self._started = True
            self._engine.sight = sight
            self._engine.start()

    async def ask(self, question: Question[T]) -> T:
        """The engine's answer; cancelling the caller cancels the question there.

        What the question raises arrives as a `UserError`; a defect as one with the code `internal.defect`. Once the
        bridge is being closed nobody is there to answer: the caller is cancelled.
        """
        if self._closing:
            raise asyncio.CancelledError
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open.add(answer)
        self._engine.submit(question, answer)
        try:
            return cast("T", await answer)
        except asyncio.CancelledError:
            self._engine.cancel(answer)
            raise
        finally:
            self._open.discard(answer)

    async def follow(self, site: str, run: str) -> AsyncIterator[list[Told]]:
        """What a run told and tells, in batches, to its end."""
        batches = await self.ask(lambda app: _batches(app, site, run))
        while (batch := await self.ask(lambda _: anext(batches, None))) is not None:
            yield batch

    async def working(self) -> AsyncIterator[list[tuple[str, str]]]:
        """Site and id of every run that works now, in whatever program: at once, and whenever that changes."""
        async for now in self.each(lambda app: app.working()):
            yield now

    async def each(self, tells: Callable[[Overwinter], AsyncIterator[T]]) -> AsyncIterator[T]:
        """What the engine tells one after the other, as it comes."""
        told = await self.ask(partial(_begun, tells))
        while (now := await self.ask(lambda _: anext(told, None))) is not None:
            yield now

    def _on_answered(self, answer: _Answer) -> None:
        future = answer.future
        if future.done():
            return
        if answer.cancelled:
            future.cancel()
        elif answer.error is not None:
            future.set_exception(answer.error)
        else:
            future.set_result(answer.result)

    def _on_engine_finished(self) -> None:
        self._closing = True  # also when it ended by itself: nobody may wait for an answer that never comes
        self._ended.set()
        for answer in list(self._open):
            answer.cancel()

    async def close(self) -> None:
        """Cancels what runs, waits until it is put away, and ends the engine; may be called again."""
        self._closing = True
        if not self._started:
            self._engine.discard()
            return
        self._engine.stop()
        await self._ended.wait()  # the window stays alive while a run removes its lock
        self._engine.wait()


@dataclass(frozen=True)
class Sight:
    """The site that is to be shown as it stood last, and the language to speak of it."""

    site: str
    language: Language


class PassphraseWanted:
    """A question for the person; `answer` takes what was typed, None when the person does not want to."""

    def __init__(self, question: PassphraseQuestion, answered: asyncio.Future[str | None]) -> None:
        self.question = question
        self._answered = answered

    def answer(self, passphrase: str | None) -> None:
        """Hands it to the engine."""
        with contextlib.suppress(RuntimeError):  # the engine has ended meanwhile
            self._answered.get_loop().call_soon_threadsafe(self._settle, passphrase)

    def _settle(self, passphrase: str | None) -> None:
        if not self._answered.done():
            self._answered.set_result(passphrase)


async def _batches(app: Overwinter, site: str, run: str) -> AsyncIterator[list[Told]]:
    return app.runner.feed(site, run).batches()


async def _begun(tells: Callable[[Overwinter], AsyncIterator[T]], app: Overwinter) -> AsyncIterator[T]:
    return tells(app)


class _Answer:
    """What came of a question; `cancelled` when it was ended without one."""

    def __init__(
        self,
        future: asyncio.Future[Any],
        result: object = None,
        error: Exception | None = None,
        *,
        cancelled: bool = False,
    ) -> None:
        self.future = future
        self.result = result
        self.error = error
        self.cancelled = cancelled


class _Engine(QThread):
    """The thread of the engine: opens the program, answers questions until it is told to stop, closes the program.

    Its loop is made before it starts, so that a question may be put at any time.
    """

    def __init__(self, places: Places, bridge: Bridge) -> None:
        super().__init__(bridge)
        self.setObjectName("engine")
        self._places = places
        self._bridge = bridge
        self.sight: Sight | None = None
        self._loop = new_loop()
        self._stopped = asyncio.Event()
        self._app: asyncio.Task[Overwinter] | None = None
        self._asked: dict[asyncio.Future[Any] | None, asyncio.Task[None]] = {}

    def run(self) -> None:  # Qt's name for what the thread does
        """Runs the engine's loop to its end."""
        run_engine(self._main(), self._loop)

    async def _main(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._on_lost_error)
        if self.sight is not None:
            self._tell_sight(self.sight)
        self._opening()
        await self._stopped.wait()
        asked = list(self._asked.values())
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await self._put_away()

    def _tell_sight(self, sight: Sight) -> None:
        """Reads two files of the cache, before there is anything else for this thread to do."""
        from app.jobs.health.overview import as_it_was  # noqa: PLC0415  not needed for the first paint

        try:
            overview = as_it_was(self._places, sight.site, datetime.now(UTC), sight.language)
        except UserError:  # a cache that cannot be read shows nothing
            return
        except Exception as error:  # noqa: BLE001  told; what somebody wrote into a cache keeps nobody from the program
            self._bridge.failed.emit(self._cleaned(error))
            return
        if overview is not None:
            self._bridge.sighted.emit(overview)

    def _opening(self) -> asyncio.Task[Overwinter]:
        """The program being opened, or open; one that could not be opened is tried again for the next question."""
        app = self._app
        if app is None or (app.done() and (app.cancelled() or app.exception() is not None)):
            app = self._app = asyncio.create_task(self._assemble())
        return app

    async def _assemble(self) -> Overwinter:
        from app.assembly import assemble  # noqa: PLC0415  heavy, and not needed for the first paint

        app = await assemble(self._places, self._ask_passphrase)
        try:
            with contextlib.suppress(UserError):  # a database that is busy now says so to whoever asks something of it
                await app.put_in_order()
            app.index_after_backups()
        except BaseException:
            await app.close()
            raise
        self._bridge.opened.emit()
        return app

    async def _put_away(self) -> None:
        app = self._app
        if app is None:
            return
        app.cancel()  # one that is being opened waits for a disk or a lock; an open one is not touched
        await asyncio.wait({app})
        if not app.cancelled() and app.exception() is None:
            await app.result().close()

    async def _ask_passphrase(self, question: PassphraseQuestion) -> str | None:
        answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        wanted = PassphraseWanted(question, answered)
        self._bridge.passphrase_wanted.emit(wanted)
        try:
            return await answered
        except asyncio.CancelledError:
            self._bridge.passphrase_withdrawn.emit(wanted)
            raise

    def submit(self, question: Question[Any], future: asyncio.Future[Any]) -> None:
        """Puts a question; its answer is sent to the bridge."""
        self._call(lambda: self._begin(question, future))

    def cancel(self, future: asyncio.Future[Any]) -> None:
        """Cancels a question wherever it is."""
        self._call(lambda: self._cancel(future))

    def stop(self) -> None:
        """Tells the engine to put everything away and end."""
        self._call(self._stopped.set)

    def discard(self) -> None:
        """The engine was never started and never will be."""
        self._loop.close()

    def _call(self, work: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the engine has ended
            self._loop.call_soon_threadsafe(work)

    def _begin(self, question: Question[Any], future: asyncio.Future[Any]) -> None:
        task = asyncio.create_task(self._answer(question, future))
        self._asked[future] = task
        task.add_done_callback(lambda _: self._asked.pop(future, None))

    def _cancel(self, future: asyncio.Future[Any]) -> None:
        if future in self._asked:
            self._asked[future].cancel()

    async def _answer(self, question: Question[Any], future: asyncio.Future[Any]) -> None:
        try:
            answer = _Answer(future, await question(await asyncio.shield(self._opening())))
        except asyncio.CancelledError:
            answer = _Answer(future, cancelled=True)
        except Exception as error:  # noqa: BLE001  handed to whoever asked
            answer = _Answer(future, error=_raised(self._cleaned(error)))
        self._bridge.answered.emit(answer)

    def _cleaned(self, error: BaseException) -> Problem:
        """The error as it may be shown: without the secrets that the program knows."""
        problem = described(error)
        app = self._app
        if app is not None and app.done() and not app.cancelled() and app.exception() is None:
            return app.result().cleaned(problem)
        return cleaned_problem(Redactor(), problem)  # no secret has been read yet

    def _on_lost_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception") or RuntimeError(context["message"])
        self._bridge.failed.emit(self._cleaned(error))


def described(error: BaseException) -> Problem:
    """The error as a person is shown it; under the details of a defect stands where in the program it arose."""
    problem = as_problem(error)
    if isinstance(error, UserError):
        return problem
    return msgspec.structs.replace(problem, detail="".join(traceback.format_exception(error)))


def _raised(problem: Problem) -> UserError:
    return UserError(problem.what, problem.means, problem.next, problem.code, problem.detail)
