"""Starts restic on a host, always the same way: password on standard input, cache and temporary files where we say.

No secret is in its arguments or its environment, so none reaches the dumps that it starts: these get an empty
standard input of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.words import text
from app.hosts.host import KEPT, Command, Ending, Finished, Host, Sink
from app.hosts.lines import LineSink
from app.hosts.pipe import Pipe
from app.hosts.running import finish
from app.settings.addresses import parsed
from app.settings.paths import is_absolute
from app.tools.restic.errors import Attempt, failure
from app.tools.restic.output import AnyMessage, Words, document, message
from app.tools.restic.way import ADDRESS_OPTIONS, Way, child, through

T = TypeVar("T")

PROGRESS_PER_SECOND = 4
LARGEST_DOCUMENT = 64 * 1024 * 1024
"""A list of 50,000 snapshots takes half of it."""

UNLOCKS_WITHIN = 60.0
"""Seconds; a repository that is away by then keeps the lock, which restic itself takes for stale half an hour later."""

LONGEST_WORD = 64 * 1024
"""Longer lines on the error channel are cut."""


class Repository(msgspec.Struct, frozen=True):
    """A repository and how to work with it.

    `address` is restic's on this computer, without credentials. `retry_lock` is for how many seconds a lock is waited
    for. `cache_folder` and `temporary_folder` are on the host where restic runs; "" leaves temporary files to the
    system.
    """

    address: str
    cache_folder: str
    temporary_folder: str = ""
    retry_lock: int = 0


class Answer(msgspec.Struct, frozen=True):
    """How restic ended and what it said on its error channel."""

    finished: Finished
    words: Words

    def document(self, kind: type[T]) -> T:
        """The JSON document on its standard output; raises `restic.unclear-answer` when there is none."""
        found = None if self.finished.cut else document(self.finished.stdout, kind)
        if found is None:
            raise _unclear(self)
        return found


class Session:
    """One restic program, one repository, one password."""

    def __init__(self, host: Host, program: str, repository: Repository, password: str, way: Way | None = None) -> None:
        """`way` leads to the repository where `host` is not this computer.

        Raises `Refused` for an address or a password that restic could not use safely.
        """
        check_address(repository.address)
        _check_password(password)
        self.host = host
        self.repository = repository
        self.program = program
        self._password = password
        self._way = way

    def attempt(self, *, snapshot: str = "", path: str = "", target: str = "", command: str = "") -> Attempt:
        """What is being tried, for the errors."""
        return Attempt(
            repository=self.repository.address,
            cache_folder=self.repository.cache_folder,
            temporary_folder=self.repository.temporary_folder,
            snapshot=snapshot,
            path=path,
            target=target,
            command=command,
        )

    async def run(
        self,
        attempt: Attempt,
        arguments: Sequence[str],
        *,
        stdout: Sink | None = None,
        environment: Mapping[str, str] | None = None,
        folder: str = "",
        keep: int = KEPT,
        deadline: float | None = None,
        accept: frozenset[int] = frozenset({0}),
        on_error_line: Callable[[bytes], None] | None = None,
        plain: bool = False,
        into: Pipe | None = None,
    ) -> Answer:
        """Runs one command to its end; raises the error that an exit code outside `accept` stands for.

        `on_error_line` is told each line of the error channel; `plain` asks for restic's plain output instead of JSON;
        `into` is a pipe of its host that takes its standard output.
        """
        words = Words(attempt.command and self.child(attempt.command)[0])  # restic names its child's words so

        def hear(line: bytes) -> None:
            words.take(line)
            if on_error_line is not None:
                on_error_line(line)

        lines = LineSink(hear, limit=LONGEST_WORD)
        command = Command(
            program=self.program,
            arguments=(*self._options(plain=plain), *arguments),
            stdin=self._password.encode() + b"\n",
            environment={**self._environment(), **(environment or {})},
            folder=folder,
        )
        if into is not None:
            command = into.written_by(command)
        try:
            finished = await self._finished(command, stdout, lines, keep, deadline)
        except asyncio.CancelledError:
            if self._may_have_left_a_lock(arguments):
                await finish(asyncio.create_task(self._unlock()))
            raise
        await lines.finish()
        if finished.ending is Ending.KILLED and "unlock" not in arguments:
            await self._unlock()
        if finished.code not in accept:
            raise failure(finished, words, attempt)
        return Answer(finished, words)

    async def _finished(
        self, command: Command, stdout: Sink | None, stderr: Sink, keep: int, deadline: float | None
    ) -> Finished:
        if self._way is None:
            return await self.host.run(command, stdout=stdout, stderr=stderr, keep=keep, deadline=deadline)
        there = through(command, self._way.address)
        return await self._way.during(self.host.run(there, stdout=stdout, stderr=stderr, keep=keep, deadline=deadline))

    def _may_have_left_a_lock(self, arguments: Sequence[str]) -> bool:
        """Whether an interrupt may have met it while its lock was on its way to a server.

        Then it believes that it has none (measured with 0.18 and 0.19: 3 of 120 that were interrupted in that moment).
        """
        is_far = self._way is not None or parsed(self.repository.address).scheme != "local"
        return is_far and not {"unlock", "--no-lock"} & set(arguments)

    async def _unlock(self) -> None:
        """A restic that was killed could not remove its lock: another one does, which sees that nobody has it."""
        with contextlib.suppress(UserError):  # how the first one ended is what has to be told
            await self.run(self.attempt(), ["unlock"], deadline=UNLOCKS_WITHIN)

    async def ask(self, attempt: Attempt, *arguments: str) -> Answer:
        """Runs a command that answers with one JSON document, which may be long."""
        return await self.run(attempt, arguments, keep=LARGEST_DOCUMENT)

    async def follow(
        self,
        attempt: Attempt,
        arguments: Sequence[str],
        on_message: Callable[[AnyMessage], None],
        *,
        environment: Mapping[str, str] | None = None,
        folder: str = "",
        accept: frozenset[int] = frozenset({0}),
    ) -> Answer:
        """As `run`, with each message on standard output told as it comes; anything else there is passed over."""

        def take(line: bytes) -> None:
            if (said := message(line)) is not None:
                on_message(said)

        lines = LineSink(take)
        answer = await self.run(attempt, arguments, stdout=lines, environment=environment, folder=folder, accept=accept)
        await lines.finish()
        return answer

    def child(self, program: str, arguments: tuple[str, ...] = ()) -> tuple[str, ...]:
        """How a program is named to restic that is to start it."""
        return (program, *arguments) if self._way is None else child(program, arguments)

    def _options(self, *, plain: bool) -> list[str]:
        where = ("--repo", self.repository.address) if self._way is None else ADDRESS_OPTIONS
        options = [*where, *([] if plain else ["--json"]), "--cache-dir", self.repository.cache_folder]
        if self.repository.retry_lock:
            options += ["--retry-lock", f"{self.repository.retry_lock}s"]
        return options

    def _environment(self) -> dict[str, str]:
        settings = {"RESTIC_PROGRESS_FPS": str(PROGRESS_PER_SECOND)}
        if self.repository.temporary_folder:
            settings |= dict.fromkeys(("TMPDIR", "TMP", "TEMP"), self.repository.temporary_folder)
        return settings


def check_address(address: str) -> None:
    """Raises `Refused` for an address with credentials in it, or a folder that is not absolute."""
    parts = parsed(address)
    if parts.scheme == "local" and not is_absolute(parts.path):
        raise Refused(
            text("The repository's folder {address} is not an absolute path.", address=address),
            text("Nothing was done: it would depend on the folder the program happens to be in."),
            text("Write the whole path, from the root of the disk."),
            "repository.not-absolute",
        )
    if parts.has_password or (parts.login and parts.scheme != "sftp"):
        raise Refused(
            text("The repository's address holds credentials."),
            text("Nothing was done: everybody on this computer could read them while restic works."),
            text("Store them with `overwinter secret set` and take them out of the address."),
            "repository.credentials-in-address",
        )


def _check_password(password: str) -> None:
    if not password or password != password.strip("\r\n") or "\n" in password or "\0" in password:
        raise Refused(
            text("The repository's password is empty or holds a line break."),
            text("Nothing was done: restic reads its password as one line."),
            text("Store the password again, as one line."),
            "restic.password-unusable",
        )


def _unclear(answer: Answer) -> UserError:
    return UserError(
        text("restic's answer could not be understood."),
        text("Nothing was changed by this; the data is untouched."),
        text("Check that the program in use is restic itself; report this with the detail below."),
        "restic.unclear-answer",
        "\n".join([answer.finished.stdout[:1000].decode("utf-8", "backslashreplace"), answer.words.detail]),
    )
