"""rclone: serves a repository of this computer, or of any storage that rclone knows, to a restic that runs elsewhere.

Its server listens on the loopback alone, for one run, and lets in who has credentials made for that run. Which
repositories it can serve: a folder, and `rclone:` ones through the person's own rclone configuration. For `sftp:`,
`s3:`, `b2:` and the like rclone has a remote too, which would be described in its environment (RCLONE_CONFIG_…) with
the site's secrets; `rest:` it does not speak as a client. These are refused until they are built.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.words import Text, text
from app.hosts.host import Command, Dialogue, Finished, Host
from app.hosts.lifeline import tie, tied
from app.hosts.lines import LineSink
from app.settings.addresses import parsed
from app.tools.found import ToolFound, Versions, first_fit, said_version, version_numbers

NAME = "rclone"
OLDEST_FIT = (1, 60)
"""The oldest that this was tried with; Debian 12 and 13 and Ubuntu 24.04 have it."""

LOOPBACK = "127.0.0.1"
SERVES_WITHIN = 30.0
"""Seconds from its start until it answers; a remote is asked first whether the path is a folder."""

ANSWERS_WITHIN = 5.0
RESTARTS = 3
"""So often it is started again when it dies; restic tries on meanwhile."""

UNAUTHORIZED = "401"

WORDS_KEPT = 40
LONGEST_WORD = 4096

_SERVING = re.compile(r"Serving restic REST API on \[?http://127\.0\.0\.1:(\d+)/")


class Login(msgspec.Struct, frozen=True):
    """The credentials of one server: random, made for it, worthless after it."""

    user: str
    password: str


def new_login() -> Login:
    """128 random bits each."""
    return Login(secrets.token_hex(16), secrets.token_hex(16))


# --- the program -----------------------------------------------------------------------------------------------------


async def find_rclone(host: Host, versions: Versions) -> list[ToolFound]:
    """The rclone on the path, where there is one."""
    path = await host.which(NAME)
    if path is None:
        return []
    version = await said_version(host, path, ("version",), "rclone v", versions)
    why = _unfit(version)
    return [ToolFound(NAME, version, path, fit=not why, why=why)]


def _unfit(version: str) -> Text | str:
    if not version:
        return text("It does not start, or it does not answer as rclone does.")
    if version_numbers(version) < OLDEST_FIT:
        return text("Version {version} is too old; 1.60 or newer is needed.", version=version)
    return ""


def the_fit_rclone(found: Sequence[ToolFound]) -> ToolFound:
    """The one to use; raises `rclone.missing` or `rclone.unfit`."""
    fit = first_fit(found, NAME)
    if fit is not None:
        return fit
    if not found:
        raise UserError(
            text("rclone was not found on this computer."),
            text(
                "Without it a repository of this computer cannot be reached from a server; nothing was backed up there."
            ),
            text("Install the package rclone (with winget it is Rclone.Rclone), then try again."),
            "rclone.missing",
        )
    raise UserError(
        text("The rclone at {path} cannot be used: {why}", path=found[0].path, why=found[0].why),
        text("Without it a repository of this computer cannot be reached from a server; nothing was backed up there."),
        text("Install rclone 1.60 or newer, then try again."),
        "rclone.unfit",
    )


# --- what it serves --------------------------------------------------------------------------------------------------


class Place(msgspec.Struct, frozen=True):
    """Where the repository is, as rclone names it. `configured` says that it stands in the person's configuration."""

    path: str
    configured: bool


def place_of(address: str) -> Place:
    """What rclone is to serve for a repository's address; raises `Refused` `repository.not-servable` for the rest."""
    parts = parsed(address)
    match parts.scheme:
        case "local":
            return Place(parts.path, configured=False)
        case "rclone":
            return Place(parts.path, configured=True)
        case scheme:
            raise Refused(
                text("This version cannot bring a repository of kind {kind} to a server.", kind=f"{scheme}:"),
                text("Nothing was backed up from there; the credentials of the repository never leave this computer."),
                text("Use a folder of this computer or an rclone: repository, or back that server up from itself."),
                "repository.not-servable",
            )


def _arguments(place: Place, port: int) -> tuple[str, ...]:
    # No answer of ours to its questions. Links inside the repository are followed, as restic follows them.
    settings = ("--ask-password=false", "--copy-links", "--b2-hard-delete")
    # Where it is a plain folder the person's configuration is not even read.
    configuration = () if place.configured else ("--config=",)
    # Other restics work on the repository meanwhile: what it saw a moment ago may not be there any more.
    return (
        "serve",
        "restic",
        *configuration,
        *settings,
        "--cache-objects=false",
        f"--addr={LOOPBACK}:{port}",
        "--",
        place.path,
    )


# --- the server ------------------------------------------------------------------------------------------------------


class Server:
    """A running `rclone serve restic`; it is started again on the same port when it dies.

    `broken` gets the error when it cannot serve any more: it died too often, or its storage is full or closed to it.
    """

    def __init__(self, host: Host, program: str, place: Place, login: Login, umask: int) -> None:
        self.port = 0
        self.broken: asyncio.Future[UserError] = asyncio.get_running_loop().create_future()
        self._host = host
        self._program = program
        self._place = place
        self._login = login
        self._umask = umask
        self._dialogue: Dialogue | None = None
        self._serving: asyncio.Future[int]
        self._words: deque[str] = deque(maxlen=WORDS_KEPT)

    async def start(self) -> None:
        """Starts it and waits until it answers, to nobody without the credentials."""
        self._serving = asyncio.get_running_loop().create_future()
        lines = LineSink(self._heard, limit=LONGEST_WORD)
        command = Command(
            self._program,
            _arguments(self._place, self.port),
            environment={"RCLONE_USER": self._login.user, "RCLONE_PASS": self._login.password},
        )
        self._dialogue = await self._host.start(tied(command, self._umask), stderr=lines)
        tie(self._dialogue.pid)
        self.port = await self._announced(self._dialogue)
        await self._expect_guarded(self._dialogue)

    async def keep_up(self) -> None:
        """Starts it again when it dies; comes back when that is of no use."""
        why: UserError | None = None
        for _ in range(RESTARTS):
            await self._ended()
            try:
                await self.start()
                why = None
            except UserError as error:
                why = error
        finished = await self._ended()
        self._break(why or _ended(finished, self._detail))

    async def stop(self) -> None:
        """Ends it."""
        if self._dialogue is not None:
            await self._dialogue.stop()

    async def _ended(self) -> Finished:
        assert self._dialogue is not None
        return await self._dialogue.wait()

    async def _announced(self, dialogue: Dialogue) -> int:
        """The port, which it says itself when it listens: asking for a free one first could name one just taken."""
        ending = asyncio.create_task(dialogue.wait())
        either: set[asyncio.Future[Any]] = {self._serving, ending}
        try:
            await asyncio.wait(either, timeout=SERVES_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
        if self._serving.done():
            return self._serving.result()
        finished = await dialogue.stop()
        raise _not_serving(self._place, finished, self._detail)

    async def _expect_guarded(self, dialogue: Dialogue) -> None:
        """That it asks for its credentials and takes them: another program might do neither."""
        login = b64encode(f"{self._login.user}:{self._login.password}".encode()).decode()
        to_anybody, to_us = await _status(self.port), await _status(self.port, login)
        if to_anybody == UNAUTHORIZED and to_us not in ("", UNAUTHORIZED):
            return
        finished = await dialogue.stop()
        if "" in (to_anybody, to_us):
            raise _not_serving(self._place, finished, self._detail)
        raise _not_guarded(f"to anybody {to_anybody}, to us {to_us}", self._detail)

    def _heard(self, line: bytes) -> None:
        said = line.decode("utf-8", "replace")
        self._words.append(said)
        if (found := _SERVING.search(said)) and not self._serving.done():
            self._serving.set_result(int(found[1]))
        elif " ERROR " in said:
            for pattern, explained in _HOPELESS:
                if pattern.search(said):
                    self._break(explained(self._place, said))

    def _break(self, error: UserError) -> None:
        if not self.broken.done():
            self.broken.set_result(error)

    @property
    def _detail(self) -> str:
        return "\n".join(self._words)


@asynccontextmanager
async def serving(host: Host, program: str, place: Place, login: Login, umask: int = 0o077) -> AsyncIterator[Server]:
    """A server of the repository at `place` while the body runs, on `host`, which must be this computer.

    It ends with this process, even when that is killed. `umask` takes rights from the files it makes.
    Raises `rclone.not-serving`, `rclone.port-taken`, `rclone.not-guarded`.
    """
    server = Server(host, program, place, login, umask)
    keeping: asyncio.Task[None] | None = None
    try:
        await server.start()
        keeping = asyncio.create_task(server.keep_up())
        yield server
    finally:
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        await server.stop()


async def _status(port: int, credentials: str = "") -> str:
    """The status of its answer to a request that it knows nothing to do with; "" when there is none.

    That is answered when the credentials are looked at, before any storage is.
    """
    authorization = f"Authorization: Basic {credentials}\r\n" if credentials else ""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(f"PUT /nothing HTTP/1.0\r\nHost: {LOOPBACK}\r\n{authorization}\r\n".encode())
                answer = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):  # what was asked for is there, or is missed below
                    await writer.wait_closed()
    except OSError:  # a TimeoutError is one too
        return ""
    parts = answer.decode("ascii", "replace").split()
    return parts[1] if len(parts) > 1 else ""


# --- errors ----------------------------------------------------------------------------------------------------------


def _not_serving(place: Place, finished: Finished, said: str) -> UserError:
    if re.search(r"address already in use|Only one usage of each socket address", said):
        return UserError(
            text("Another program has taken the port over which rclone served the repository."),
            text("What was under way is not complete; what was saved before is untouched."),
            text("Start the backup again: it takes another port."),
            "rclone.port-taken",
            said,
        )
    return UserError(
        text("rclone cannot serve the repository at {place}.", place=place.path),
        text("Nothing was saved; what is in the repository is untouched."),
        text("Read below what rclone said, and put that right."),
        "rclone.not-serving",
        said or f"exit code {finished.code}",
    )


def _not_guarded(answers: str, said: str) -> UserError:
    return UserError(
        text("rclone does not ask for the credentials that were made for this run, or does not take them."),
        text("Nothing was saved: others on this computer could have reached the repository."),
        text("Check that the program in use is rclone itself, 1.60 or newer."),
        "rclone.not-guarded",
        f"{answers}\n{said}",
    )


def _ended(finished: Finished, said: str) -> UserError:
    return UserError(
        text("rclone, which served the repository, ended again and again (exit code {code}).", code=finished.code),
        text("What was under way is not complete; what was saved before is untouched."),
        text("Check whether this computer ran out of memory, then try again; what is uploaded is not uploaded twice."),
        "rclone.ended",
        said,
    )


def _full(place: Place, said: str) -> UserError:
    return UserError(
        text("The disk of the repository {repository} is full.", repository=place.path),
        text("Nothing that was saved before is harmed; what was under way is not complete."),
        text("Free space there, then try again; what is uploaded already is not uploaded twice."),
        "restic.repository-full",
        said,
    )


def _closed(place: Place, said: str) -> UserError:
    return UserError(
        text("The repository at {repository} cannot be read or written by this user.", repository=place.path),
        text("What was under way is not complete; what was saved before is untouched."),
        text("Give this user access to it, or mount its disk for writing; then try again."),
        "restic.not-permitted",
        said,
    )


# restic would try such a request again for a quarter of an hour.
_HOPELESS = (
    (re.compile(r"no space left|not enough space|remaining disk space|quota exceeded|disk full", re.IGNORECASE), _full),
    (re.compile(r"permission denied|access is denied|read-only file system|not permitted", re.IGNORECASE), _closed),
)
