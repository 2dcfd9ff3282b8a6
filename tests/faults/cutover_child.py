"""Carries cutovers and recoveries out, each in a process of its own that can be hit at every point it comes by.

A prepared process forks for each request, since a Python that loads everything anew takes a second. Points are counted:
the beginning and the end of every effect, and of every small operation below it. At a point the process may be killed,
or an error or a cancel may come. What was renamed and not synced is written down, to be forgotten by a power cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import shutil
import sys
import traceback
import typing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import psutil
import psycopg

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts import files
from app.hosts.host import Command, Ending, Finished
from app.hosts.local import LocalHost
from app.hosts.running import Patience
from app.jobs.cutover.forward import carry_out, check_smoke
from app.jobs.cutover.job import plan_recovery
from app.jobs.cutover.plan import StagingPlan, decode
from app.jobs.cutover.recover import Wanted
from app.jobs.cutover.shelf import Shelf, found_on_hosts
from app.jobs.effects.effect import World
from app.jobs.effects.every import AnyEffect
from app.jobs.sources.driver import Equipment
from app.runs.context import LoggedHost, RunContext
from app.runs.engine import new_loop
from app.settings.model import THIS_COMPUTER
from app.store import durable
from tests.real.servers.postgresql import kill_all

NO_PLAN = "no plan"
KILL, ERROR, CANCEL, LATER = "kill", "error", "cancel", "kill when a command is under way"
STATEMENT, COMMIT = "SQL", "COMMIT"
RENAME = f"{STATEMENT} RENAME TABLE"
WITH_SERVER, LOST = "kill, the database's server too", "the connection is lost"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work. `at` says what happens at which point; `answer` is the file for what came of it.

    `server` is the process of the database's server, where there is one: each statement and COMMIT is a point then.
    `secrets` are what it takes to log in there.
    """

    work: str
    data: str
    answer: str
    plan: str = ""
    wanted: str = ""
    at: dict[int, str] = {}
    journal: str = ""
    exchanges: bool = True
    server: int = 0
    secrets: dict[str, str] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request that was not killed; `points` are all that it came by."""

    points: list[str]
    code: str = ""
    did: str = ""
    told: list[str] = []


class Points:
    """Counts what is come by, and strikes where it was told to."""

    def __init__(self, request: Request) -> None:
        self._at = request.at
        self._server = request.server
        self._inside = 0
        self.names: list[str] = []
        self.task: asyncio.Task[Any] | None = None

    def reach(self, name: str, error: Callable[[], Exception]) -> None:
        """One point."""
        if self._inside:
            return
        self.names.append(name)
        self.strike(self._at.get(len(self.names) - 1, ""), error)

    def is_lost(self, name: str) -> bool:
        """One point, at which the connection may be lost."""
        if self._at.get(len(self.names), "") == LOST:
            self.names.append(name)
            return True
        self.reach(name, _injected)
        return False

    @contextlib.contextmanager
    def one_operation(self) -> Iterator[None]:
        """What is done inside has no points of its own."""
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    def strike(self, blow: str, error: Callable[[], Exception]) -> None:
        """What is to happen."""
        if blow == WITH_SERVER:
            kill_all(self._server)
        if blow in (KILL, WITH_SERVER):
            die()
        if blow == ERROR:
            raise error()
        if blow == LOST:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        if blow == CANCEL and self.task is not None:
            self.task.get_loop().call_soon_threadsafe(self.task.cancel)

    @property
    def waits_for_a_command(self) -> bool:
        """Whether it is to be killed at the next command."""
        return self._at.get(len(self.names) - 1, "") == LATER


def die() -> NoReturn:
    """At once, as nobody can prevent."""
    psutil.Process().kill()
    raise AssertionError


def _injected() -> Exception:
    said = text("An error of the test.")
    return UserError(said, said, said, "test.injected")


def _disk_error() -> Exception:
    return OSError(errno.EIO, "an error of the test")


def _refused_by_server() -> Exception:
    return psycopg.errors.InsufficientPrivilege("an error of the test")


def instrument(request: Request, points: Points) -> None:
    """Puts points around every effect and every small operation."""
    for kind in typing.get_args(AnyEffect):
        for method in ("do", "undo"):
            original = getattr(kind, method)
            setattr(kind, method, _effect_watched(original, f"{method} {kind.__name__}", points))
    journal = Journal(Path(request.journal)) if request.journal else None
    for name in ("_exchange", "_rename", "_replace", "sync_folder", "_sync"):
        has_no_such_step = name == "_exchange" and not request.exchanges
        operation = _no_exchange if has_no_such_step else getattr(durable, name)
        watched = _watched(operation, name.strip("_"), points, _disk_error, journal)
        setattr(durable, name, watched)
    files.remove_tree = _watched(files.remove_tree, "remove_tree", points, _injected, journal)
    LocalHost.run = _run_watched(LocalHost.run, points, journal)  # type: ignore[method-assign]
    if request.server:
        psycopg.Cursor.execute = _statement_watched(psycopg.Cursor.execute, points)  # type: ignore[method-assign]
        ended = _watched(psycopg.Transaction.__exit__, COMMIT, points, _refused_by_server, None)
        psycopg.Transaction.__exit__ = ended  # type: ignore[method-assign]


def _no_exchange(path: Path, target: Path) -> None:
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def _effect_watched(original: Any, name: str, points: Points) -> Any:
    @wraps(original)
    async def watched(effect: Any, world: World) -> None:
        points.reach(f"before {name}", _injected)
        await original(effect, world)
        points.reach(f"after {name}", _injected)

    return watched


def _watched(original: Any, name: str, points: Points, error: Callable[[], Exception], journal: Journal | None) -> Any:
    @wraps(original)
    def watched(*arguments: Any, **named: Any) -> Any:
        points.reach(f"before {name}", error)
        entry = None if journal is None else journal.begins(name, arguments)
        with points.one_operation():
            result = original(*arguments, **named)
        if journal is not None and entry is not None:
            journal.write(entry)
        points.reach(f"after {name}", error)
        return result

    return watched


def _statement_watched(original: Any, points: Points) -> Any:
    """What is asked again and again until the answer is right is one point: how often is chance. It is two questions at
    most, in turn."""
    lately: deque[str] = deque(maxlen=2)

    @wraps(original)
    def watched(cursor: Any, query: Any, parameters: Any = None, **named: Any) -> Any:
        said = query if isinstance(query, bytes | str) else query.as_string(cursor)
        asked = f"{said!r} {parameters}"
        is_again = asked in lately
        lately.append(asked)
        if is_again:
            with points.one_operation():
                return original(cursor, query, parameters, **named)
        words = " ".join((said.decode() if isinstance(said, bytes) else said).split()[:6])
        name = f"{STATEMENT} {words}"
        return _watched(original, name, points, _refused_by_server, None)(cursor, query, parameters, **named)

    return watched


def _run_watched(original: Any, points: Points, journal: Journal | None) -> Any:
    lately: deque[str] = deque(maxlen=3)

    @wraps(original)
    async def watched(host: LocalHost, command: Command, **named: Any) -> Any:
        if said := _said(command):
            return await _asked(said, partial(original, host, command, **named), points, lately)
        points.reach("before run", _injected)
        if not points.waits_for_a_command:
            entry = None if journal is None else journal.begins_command(command)
            done = await original(host, command, **named)
            if journal is not None and entry is not None and done.code == 0:
                journal.write(entry)
            return done
        running = asyncio.create_task(original(host, command, **named))
        while not psutil.Process().children():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.001)
        die()
        return await running

    return watched


def _said(command: Command) -> str:
    """The first words of what a client of MariaDB is to ask or do; "" for any other program."""
    if not command.program.endswith("mariadb"):
        return ""
    statements = command.stdin.decode("utf-8", "surrogateescape").partition("EXECUTE held;\n")[2] or "SELECT lock"
    renames = RENAME.partition(" ")[2]
    return f"{STATEMENT} {renames}" if renames in statements else f"{STATEMENT} {' '.join(statements.split()[:5])}"


async def _asked(said: str, ask: Callable[[], Any], points: Points, lately: deque[str]) -> Any:
    """One session is one point, before and after; what is asked until the answer is right, and whoever has to be ended
    for that, is chance."""
    is_again = said in lately or " KILL " in said
    lately.append(said)
    if is_again:
        return await ask()
    if points.is_lost(f"before {said}"):
        return _LOST
    if points.waits_for_a_command:
        running = asyncio.create_task(ask())
        while not psutil.Process().children():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.001)
        die()
        return await running
    done = await ask()
    return _LOST if points.is_lost(f"after {said}") else done


_LOST = Finished(
    1, Ending.EXITED, b"", b"ERROR 2013 (HY000) at line 1: Lost connection to server during query", False, 0
)


class Journal:
    """What was done to names and not synced yet, so that a power cut can forget it. Kept outside of the site."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def begins(self, name: str, arguments: Sequence[Any]) -> dict[str, str] | None:
        """What is to be written down when it is done: what it would take to forget it, or that it will last."""
        if name in ("exchange", "rename", "replace"):
            path, target = map(str, arguments[:2])
            kept = self._kept(target) if name == "replace" and Path(target).exists() else ""
            return {"what": name, "path": path, "target": target, "kept": kept}
        if name == "remove_tree" and Path(arguments[0]).is_file():
            path = str(arguments[0])
            return {"what": "remove", "path": path, "target": path, "kept": self._kept(path)}
        return {"what": "sync", "path": str(arguments[0])} if name == "sync_folder" else None

    def begins_command(self, command: Command) -> dict[str, str] | None:
        """Likewise for a command that changes a folder: its name, or whose it is."""
        if command.program not in ("mkdir", "rmdir", "chmod", "chown"):
            return None
        path = Path(command.arguments[-1])
        entry = {"what": command.program, "path": str(path), "target": str(path)}
        if command.program in ("chmod", "chown"):
            found = path.stat()
            entry |= {"mode": f"{found.st_mode & 0o7777}", "uid": f"{found.st_uid}", "gid": f"{found.st_gid}"}
        return entry

    def write(self, entry: dict[str, str]) -> None:
        """It is done."""
        with (self._folder / "journal").open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def _kept(self, path: str) -> str:
        kept = self._folder / f"{len(list(self._folder.iterdir()))}.kept"
        os.link(path, kept)
        return str(kept)


def forget(folder: Path) -> int:
    """As a power cut does: what was not synced has never been. Gives how much that was."""
    lines = (folder / "journal").read_text().splitlines() if (folder / "journal").exists() else []
    entries = [json.loads(line) for line in lines]
    forgotten = 0
    for number, entry in reversed(list(enumerate(entries))):
        if entry["what"] == "sync":
            continue
        synced = {later["path"] for later in entries[number:] if later["what"] == "sync"}
        if _needs(entry) - synced:
            forgotten += _forgotten(entry)
    return forgotten


def _needs(entry: dict[str, str]) -> set[str]:
    """The folders that have to be synced for it to last."""
    if entry["what"] in ("chmod", "chown"):
        return {entry["path"]}
    return {str(Path(entry[name]).parent) for name in ("path", "target")}


def _forgotten(entry: dict[str, str]) -> bool:
    path, target, kept = Path(entry["path"]), Path(entry["target"]), entry.get("kept", "")
    with contextlib.suppress(FileNotFoundError):  # it had not been done yet
        if entry["what"] == "exchange":
            durable._exchange(path, target)
        elif entry["what"] == "remove":
            if not path.exists():
                os.link(kept, path)
        elif entry["what"] in ("mkdir", "rmdir"):
            path.rmdir() if entry["what"] == "mkdir" else path.mkdir(mode=0o700)
        elif entry["what"] in ("chmod", "chown"):
            shutil.chown(path, int(entry["uid"]), int(entry["gid"]))
            path.chmod(int(entry["mode"]))
        elif not path.exists() and target.exists():
            target.rename(path)
            if kept:
                os.link(kept, target)
        return True
    return False


class NoRecords:
    """A recovery asks for earlier recoveries; there is no store here."""

    async def runs(self, **_asked: object) -> list[object]:
        return []


def perform(request: Request) -> None:
    """The whole of one request; the answer is written when it comes to its end."""
    points = Points(request)
    instrument(request, points)
    told: list[str] = []
    blocking = Blocking()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        work = carried_out if request.work == "carry out" else recovered
        try:
            did = runner.run(work(request, points, blocking, told))
            answer = Answer(points=points.names, did=did, told=told)
        except UserError as error:
            answer = Answer(
                points=points.names,
                code=error.code,
                told=[*told, str(error), str(error.problem.means), str(error.problem.next)],
            )
        except asyncio.CancelledError:
            answer = Answer(points=points.names, code="cancelled", told=told)
    Path(request.answer).write_bytes(msgspec.json.encode(answer))


def _world(request: Request, run: str, blocking: Blocking, told: list[str]) -> tuple[World, LocalHost]:
    here = LocalHost(blocking, Path(request.data) / "scratch", Patience(interrupt=2, terminate=2))

    async def log(_piece: bytes) -> None:
        pass

    hosts = {THIS_COMPUTER: LoggedHost(here, run, log)}
    records: Any = NoRecords()  # of records it needs no more
    context = RunContext(run, hosts, request.secrets, lambda event: told.append(repr(event)), records)
    return World(context, Equipment(blocking, {}, sys.executable, _no_records)), here


async def _no_records(_site: str, _path: str) -> dict[str, int]:
    return {}


def _plan_of(request: Request) -> StagingPlan:
    return decode(Path(request.plan).read_bytes())


async def carried_out(request: Request, points: Points, blocking: Blocking, told: list[str]) -> str:
    """A cutover, as the run that staged it does it."""
    points.task = asyncio.current_task()
    plan = _plan_of(request)
    world, here = _world(request, plan.run, blocking, told)
    await carry_out(plan, world, Shelf(here, f"{request.data}/cutovers"))
    return f"smoke {len(await check_smoke(plan, world))}"


async def recovered(request: Request, points: Points, blocking: Blocking, told: list[str]) -> str:
    """A recovery, with what the data folder and the target hold and nothing else."""
    points.task = asyncio.current_task()
    world, here = _world(request, "f" * 32, blocking, told)
    shelf = Shelf(here, f"{request.data}/cutovers")
    plan = await shelf.unfinished("north-house")
    if plan is None and request.plan:
        plan = await found_on_hosts(_plan_of(request).spots, world.ctx.host)
    if plan is None:
        return NO_PLAN
    recovery = plan_recovery(plan, Wanted(request.wanted), world.equipment, shelf)
    for step in recovery.steps:
        await step.do(world.ctx, recovery.state)
    assert recovery.state.recovered is not None
    return recovery.state.recovered.did.value


def serve() -> None:
    """Forks for every request that comes in; says how its process ended."""
    if sys.platform == "win32":
        raise AssertionError("Windows does not fork")
    for line in sys.stdin:
        request = msgspec.json.decode(line, type=Request)
        pid = os.fork()
        if pid == 0:
            _in_child(partial(perform, request), request)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}), flush=True)  # noqa: T201  this is how it answers


def _in_child(work: Callable[[], None], request: Request) -> NoReturn:
    try:
        work()
    except BaseException:  # noqa: BLE001  told by the parent
        Path(request.answer + ".defect").write_text(traceback.format_exc())
        os._exit(70)
    os._exit(0)


if __name__ == "__main__":
    serve()
