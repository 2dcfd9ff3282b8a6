"""What a run holds while it works, seen through the runner: leases on its servers, and what becomes of a lost one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from app.assembly import Overwinter
from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.foundation.events import Outcome, Phase, Warned
from app.foundation.words import text
from app.hosts.host import FileStat, Host
from app.hosts.local import LocalHost
from app.jobs.plan import AnyPlan, Ctx, Step
from app.records.owners import Owner
from app.records.run import Run, new_run_id
from app.runs import hold, lease
from app.runs.lease import Lease
from app.settings.model import THIS_COMPUTER
from tests.real.practice import SITE_FILE, Seen, nothing, opened, plan_of
from tests.running import run

SITE = "north-house"
SERVER = '\n[[hosts]]\nname = "server"\nkind = "ssh"\naddress = "10.0.0.5"\nuser = "ops"\n'
BOB = Owner("laptop-of-bob#12345678", "its boot", 4711, 12.5)


class Server(LocalHost):
    """This computer, as if it were reached over a network that can be cut."""

    away = False

    @property
    def name(self) -> str:
        """What the site file calls it."""
        return "server"

    async def write_durably(self, path: str, content: bytes, mode: int = 0o600, temporary: str = "") -> None:
        """Fails while the network is cut."""
        self._reach()
        await super().write_durably(path, content, mode, temporary)

    async def stat(self, path: str) -> FileStat | None:
        """Fails while the network is cut."""
        self._reach()
        return await super().stat(path)

    async def read(self, path: str, limit: int = 16 * 1024 * 1024) -> bytes:
        """Fails while the network is cut."""
        self._reach()
        return await super().read(path, limit)

    def _reach(self) -> None:
        if self.away:
            raise UserError(text("server does not answer."), text("Nothing."), text("Check it."), "host.unreachable")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Signs of life come so often that a test need not wait, and leases stay in the test's folder."""
    (tmp_path / "shared").mkdir()
    monkeypatch.setattr(hold, "BEAT", 0.02)
    monkeypatch.setattr(lease, "SHARED_FOLDER", str(tmp_path / "shared"))


@asynccontextmanager
async def with_server(folder: Path) -> AsyncIterator[tuple[Overwinter, Server]]:
    """The program with a site that has a server."""
    blocking = Blocking()
    async with opened(folder) as app:
        await app.add_site((SITE_FILE.format(repository=folder / "repository") + SERVER).encode(), replace=True)
        server = Server(blocking, folder / "scratch")
        here = await app.host(SITE, THIS_COMPUTER)

        async def hosts(_plan: AnyPlan, _secrets: Mapping[str, str]) -> Mapping[str, Host]:
            return {THIS_COMPUTER: here, "server": server}

        app.runner._hosts = hosts
        try:
            yield app, server
        finally:
            blocking.close()


def lease_file(folder: Path) -> Path:
    return folder / "shared" / f"overwinter-{SITE}.lease"


def step(do: object = nothing) -> Step[Seen]:
    return Step("step", text("A step"), Phase.STAGE, do)  # type: ignore[arg-type]  # each test gives a step's function


async def until_cancelled(_ctx: Ctx, _state: Seen) -> None:
    await asyncio.Event().wait()


async def begun(app: Overwinter, *steps: Step[Seen]) -> str:
    launched = await app.runner.launch(await plan_of(app, steps))
    async with asyncio.timeout(10):
        while len(await app.records(SITE).steps(launched.run)) < len(steps):  # noqa: ASYNC110  a row tells nobody
            await asyncio.sleep(0.01)
    return launched.run


async def ended(app: Overwinter, run_id: str) -> tuple[Run, list[str]]:
    """The record of a run that ends, and the codes of what it warned of."""
    async with asyncio.timeout(20):
        done = await app.runner.wait(SITE, run_id)
        told = [event async for batch in app.runner.feed(SITE, run_id).batches() for event in batch]
    return done, [event.warning.code for event in told if isinstance(event, Warned)]


def bobs(app: Overwinter, server: Server) -> Lease:
    """What another laptop wants, which shares nothing with us but the server."""
    wanted = Run(
        id=new_run_id(), site=SITE, kind="restore", trigger="manual", who="bob", choice="", key="", owner=BOB,
        started=datetime.now(UTC),
    )  # fmt: skip

    async def is_over(_run: str) -> bool:
        return False

    return Lease(server, wanted, is_over=is_over)


@pytest.mark.spec("B6")
def test_a_run_leaves_its_lease_on_the_server_as_long_as_it_works(tmp_path: Path) -> None:
    async def look(_ctx: Ctx, state: Seen) -> None:
        state.words.append(lease_file(tmp_path).read_text())

    async def story() -> None:
        async with with_server(tmp_path) as (app, _server):
            state = Seen()
            launched = await app.runner.launch(await plan_of(app, [step(look)], state=state))
            done, warned = await ended(app, launched.run)
            assert (done.outcome, warned) == (Outcome.SUCCESS, [])
            assert launched.run in state.words[0]
            assert list((tmp_path / "shared").iterdir()) == []

    run(story())


@pytest.mark.spec("B6")
def test_a_server_where_another_laptop_works_skips_the_run_and_names_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with with_server(tmp_path) as (app, server):
            theirs = bobs(app, server)
            await theirs.take()
            state = Seen()
            launched = await app.runner.launch(await plan_of(app, [step()], state=state))
            done, _ = await ended(app, launched.run)
            assert done.outcome is Outcome.SKIPPED
            assert done.error is not None
            assert done.error.code == "run.leased"
            assert "bob works on server from laptop-of-bob" in str(done.error.what)
            assert await theirs.renew()
            assert await app.records(SITE).site_holder() is None

    run(story())


@pytest.mark.spec("B6", "J5")
def test_a_dead_laptops_lease_is_taken_over_and_that_is_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with with_server(tmp_path) as (app, server):
            await bobs(app, server).take()
            for path in (tmp_path / "shared").iterdir():
                os.utime(path, (0, 0))
            monkeypatch.setattr(lease, "TIMES", lease.LeaseTimes(watched=0.2))
            launched = await app.runner.launch(await plan_of(app, [step()]))
            done, _ = await ended(app, launched.run)
            assert done.outcome is Outcome.SUCCESS
            (taken,) = [one for one in await app.audit_log(SITE) if one.what == "lease-taken-over"]
            assert (taken.fields["computer"], taken.fields["of"]) == ("laptop-of-bob", "bob")

    run(story())


@pytest.mark.spec("B6", "J2")
def test_a_run_whose_lease_another_laptop_took_stops(tmp_path: Path) -> None:
    """This laptop slept for an hour, and its backup with it."""

    async def story() -> None:
        async with with_server(tmp_path) as (app, server):
            run_id = await begun(app, step(until_cancelled))
            lease_file(tmp_path).unlink()
            theirs = bobs(app, server)
            with_it = False
            while not with_it:
                try:
                    await theirs.take()
                    with_it = True
                except UserError:  # our run was quicker, and took it again
                    lease_file(tmp_path).unlink(missing_ok=True)
            done, _ = await ended(app, run_id)
            assert done.outcome is Outcome.FAILED
            assert done.error is not None
            assert done.error.code == "run.taken-over"
            assert await theirs.renew()

    run(story())


@pytest.mark.spec("B5", "B6")
def test_a_server_that_is_away_is_warned_of_and_leased_when_it_comes_back(tmp_path: Path) -> None:
    async def comes_back(server: Server) -> None:
        server.away = False
        async with asyncio.timeout(10):
            while not lease_file(tmp_path).exists():  # noqa: ASYNC110  a file tells nobody
                await asyncio.sleep(0.01)

    async def story() -> None:
        async with with_server(tmp_path) as (app, server):
            server.away = True
            plan = await plan_of(app, [step(lambda _ctx, _state: comes_back(server))])
            launched = await app.runner.launch(plan)
            done, warned = await ended(app, launched.run)
            assert (done.outcome, warned) == (Outcome.SUCCESS, ["run.no-lease"])
            assert list((tmp_path / "shared").iterdir()) == []

    run(story())


@pytest.mark.spec("B6", "J2")
def test_a_run_that_others_took_for_dead_stops_and_ends_as_what_they_recorded(tmp_path: Path) -> None:
    async def story() -> None:
        async with with_server(tmp_path) as (app, _server):
            run_id = await begun(app, step(until_cancelled))
            error = msgspec.structs.replace(hold.TAKEN_OVER, code="run.interrupted")
            await app.records(SITE).interrupt(run_id, error, who="bob")
            done, _ = await ended(app, run_id)
            assert (done.outcome, done.error) == (Outcome.INTERRUPTED, error)
            again = await app.runner.launch(await plan_of(app, [step()]))
            assert (await ended(app, again.run))[0].outcome is Outcome.SUCCESS

    run(story())
