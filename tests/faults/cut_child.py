"""A laptop that carries cutovers and recoveries out on a server over SSH, each in a process of its own.

A prepared process forks for each request (as `cutover_child` does). Of every operation on the server the wire is told
first, and may be cut then, or take this process away.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import socket
import sys
import threading
import traceback
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, cast

import msgspec
import psycopg

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.hosts.host import Host
from app.hosts.local import LocalHost
from app.hosts.running import Patience
from app.hosts.ssh import login
from app.hosts.ssh.servers import Servers
from app.jobs.cutover.forward import carry_out, check_smoke
from app.jobs.cutover.job import plan_recovery
from app.jobs.cutover.plan import StagingPlan, decode
from app.jobs.cutover.recover import Wanted
from app.jobs.cutover.shelf import Shelf, found_on_hosts, spots_of
from app.jobs.effects.effect import World
from app.jobs.sources.driver import Equipment
from app.runs.context import LoggedHost, RunContext
from app.runs.engine import new_loop
from app.settings.model import THIS_COMPUTER, Site
from tests.faults.cutover_child import NO_PLAN, Answer, NoRecords

SERVER = "server"
PATIENCE = Patience(interrupt=2, terminate=2)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work. `told_at` is the port of the wire that is told of each operation; `keep_alive` in seconds.

    `secrets` are what it takes to log in to a database there.
    """

    work: str
    data: str
    answer: str
    plan: str
    told_at: int
    secrets: dict[str, str] = {}
    wanted: str = ""
    keep_alive: float = login.KEEP_ALIVE


class Teller:
    """Tells the wire of every operation, and waits until it may begin. Databases are asked in threads of their own."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._socket.sendall(f"{os.getpid()}\n".encode())
        self._one_at_a_time = threading.Lock()

    def tell(self, name: str) -> None:
        """Does not come back when this process is to die."""
        with self._one_at_a_time:
            self._socket.sendall(f"{name}\n".encode())
            assert self._socket.recv(1) == b"\n"

    def close(self) -> None:
        """There is no more to tell."""
        self._socket.close()


class ToldHost:
    """A host of whose operations the wire is told."""

    def __init__(self, host: Host, teller: Teller) -> None:
        self._host = host
        self._teller = teller

    def tunnel(self, server: str, port: int) -> Any:
        """Told of when it is asked for."""
        self._teller.tell("tunnel")
        return self._host.tunnel(server, port)

    def __getattr__(self, name: str) -> Any:
        original = getattr(self._host, name)
        if not inspect.iscoroutinefunction(original):
            return original

        @wraps(original)
        async def told(*arguments: Any, **named: Any) -> Any:
            self._teller.tell(name)
            return await original(*arguments, **named)

        return told


def tell_statements(teller: Teller) -> None:
    """Each statement and COMMIT is an operation too; what is asked again until the answer is right (two questions at
    most, in turn) is the same."""
    cursor: Any = psycopg.Cursor  # the child watches what the program calls
    transaction: Any = psycopg.Transaction
    execute, ended = cursor.execute, transaction.__exit__
    lately: deque[str] = deque(maxlen=2)

    @wraps(execute)
    def told(of: Any, query: Any, parameters: Any = None, **named: Any) -> Any:
        said = query if isinstance(query, bytes | str) else query.as_string(of)
        asked = f"{said!r} {parameters}"
        is_again = asked in lately
        lately.append(asked)
        if not is_again:
            teller.tell(" ".join((said.decode() if isinstance(said, bytes) else said).split()[:6]))
        return execute(of, query, parameters, **named)

    @wraps(ended)
    def told_of_end(*arguments: Any) -> Any:
        teller.tell("COMMIT")
        return ended(*arguments)

    cursor.execute = told
    transaction.__exit__ = told_of_end


@asynccontextmanager
async def laptop(request: Request, site: Site, run: str, told: list[str]) -> AsyncIterator[tuple[World, Shelf]]:
    """What a run works with: this computer and the server."""
    blocking, teller = Blocking(), Teller(request.told_at)
    here = LocalHost(blocking, Path(request.data) / "scratch", PATIENCE)
    servers = Servers(blocking, Path(request.data) / "known-hosts")

    async def log(_piece: bytes) -> None:
        pass

    server = cast("Host", ToldHost(servers.of(site, {}, run)[SERVER], teller))
    hosts = {THIS_COMPUTER: LoggedHost(here, run, log), SERVER: LoggedHost(server, run, log)}
    tell_statements(teller)
    records: Any = NoRecords()  # of records it needs no more
    context = RunContext(run, hosts, request.secrets, lambda event: told.append(repr(event)), records)
    try:
        yield (
            World(context, Equipment(blocking, {}, sys.executable, _no_records)),
            Shelf(here, f"{request.data}/cutovers"),
        )
    finally:
        await servers.close()
        teller.close()
        blocking.close()


async def _no_records(_site: str, _path: str) -> dict[str, int]:
    return {}


async def carried_out(request: Request, plan: StagingPlan, told: list[str]) -> str:
    """A cutover, as the run that staged it does it."""
    async with laptop(request, plan.site, plan.run, told) as (world, shelf):
        await carry_out(plan, world, shelf)
        return f"smoke {len(await check_smoke(plan, world))}"


async def recovered(request: Request, plan: StagingPlan, told: list[str]) -> str:
    """A recovery; of the plan no more is used than the site's description, where this laptop has no plan of its own."""
    async with laptop(request, plan.site, "f" * 32, told) as (world, shelf):
        found = await shelf.unfinished(plan.site.name)
        found = found or await found_on_hosts(await spots_of(plan.site, [SERVER], world.ctx.host), world.ctx.host)
        if found is None:
            return NO_PLAN
        recovery = plan_recovery(found, Wanted(request.wanted), world.equipment, shelf)
        for step in recovery.steps:
            await step.do(world.ctx, recovery.state)
        assert recovery.state.recovered is not None
        return recovery.state.recovered.did.value


def perform(request: Request) -> None:
    """The whole of one request; the answer is written when it comes to its end."""
    login.KEEP_ALIVE = request.keep_alive
    plan = decode(Path(request.plan).read_bytes())
    told: list[str] = []
    work = carried_out if request.work == "carry out" else recovered
    with asyncio.Runner(loop_factory=new_loop) as runner:
        try:
            answer = Answer(points=[], did=runner.run(work(request, plan, told)), told=told)
        except UserError as error:
            answer = Answer(points=[], code=error.code, told=[*told, str(error), error.problem.detail])
    Path(request.answer).write_bytes(msgspec.json.encode(answer))


def serve() -> None:
    """Forks for every request that comes in; says how its process ended."""
    if sys.platform == "win32":
        raise AssertionError("Windows does not fork")
    for line in sys.stdin:
        request = msgspec.json.decode(line, type=Request)
        pid = os.fork()
        if pid == 0:
            _in_child(request)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}), flush=True)  # noqa: T201  this is how it answers


def _in_child(request: Request) -> NoReturn:
    try:
        perform(request)
    except BaseException:  # noqa: BLE001  told by the parent
        Path(request.answer + ".defect").write_text(traceback.format_exc())
        os._exit(70)
    os._exit(0)


if __name__ == "__main__":
    serve()
