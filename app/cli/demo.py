"""`demo`: the main job on a practice greenhouse that is made on the spot, told as it goes, and put away again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path, PurePath
from typing import Any, TypeVar

import click
import msgspec

from app.assembly import Overwinter, assemble
from app.cli.output import print_line
from app.cli.session import CANCELLED, DONE, FAILED, Session, end_like_ctrl_c, exit_of, pass_session
from app.demo.greenhouse import grow
from app.demo.mariadb import PracticeMariadb
from app.demo.mariadb import find_server as find_mariadb
from app.demo.postgresql import PracticeServer
from app.demo.postgresql import find_server as find_postgresql
from app.demo.practice import DATABASE, FILES, SITE, TELEMETRY, Equipped, Practice, new_practice, new_secret
from app.demo.proof import same_bytes, same_readings, same_rows, same_trees
from app.demo.screen import has_screen, screen_answers
from app.demo.telemetry import record, written
from app.foundation.blocking import Blocking
from app.foundation.errors import UserError, as_problem
from app.foundation.events import Outcome
from app.foundation.words import Duration, Size, Text, text
from app.hosts.host import Command
from app.hosts.local import LocalHost
from app.jobs.backup import BackupChoice
from app.jobs.browse import save_path
from app.jobs.plan import AnyPlan
from app.jobs.points import Point, list_points
from app.jobs.repositories import OpenRepository
from app.jobs.restore.choice import Folder, RestoreChoice
from app.jobs.verify.job import Summary, VerifyChoice, verified_by
from app.jobs.verify.proof import Verdict
from app.records.run import Run
from app.runs.engine import run_engine
from app.settings.model import REPOSITORY_PASSWORD
from app.settings.passphrase_file import PASSPHRASE_FILE_VARIABLE
from app.settings.site_file import write
from app.tools.restic.program import NAME as RESTIC
from app.tools.restic.program import the_fit_restic

P = TypeVar("P")
S = TypeVar("S", PracticeServer, PracticeMariadb)

OpenWindow = Callable[[Path | None], int]
"""Shows the window on a data folder until it is closed, and gives the exit code; no command knows Qt itself."""

WHOLE = (Outcome.SUCCESS,)

WINDOW = "overwinter.window"
"""Where the root command's `meta` has the `OpenWindow`, if there is one."""


@click.command()
@click.option("--text", "as_text", is_flag=True, help="As text only, also where there is a screen.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Make everything in FOLDER, which must not be there yet, and leave it there.",
)
@click.pass_context
@pass_session
def demo(session: Session, context: click.Context, keep: Path | None, *, as_text: bool) -> None:
    """Show the main job on a practice greenhouse; nothing of yours is touched."""
    end_like_ctrl_c()
    wanted = has_screen() and not as_text and not session.output.json
    window: OpenWindow | None = context.meta.get(WINDOW) if wanted else None
    sys.exit(_Demo(session, new_practice(keep), kept=keep is not None, window=window).perform())


class _Here(msgspec.Struct, frozen=True):
    """This computer, for what the demo does itself."""

    blocking: Blocking
    host: LocalHost


class _Demo:
    """One telling of the story, and what it has to put away."""

    def __init__(self, session: Session, practice: Practice, *, kept: bool, window: OpenWindow | None) -> None:
        self._session = session
        self._output = session.output
        self._practice = practice
        self._kept = kept
        self._window = window
        self._made = False
        self._servers: list[PracticeServer | PracticeMariadb] = []
        self._equipped = Equipped()
        self._left_out: list[Text] = []
        self._steps: list[dict[str, object]] = []
        self._point = ""
        self._verified: dict[str, str] = {}
        self._saved: list[dict[str, object]] = []
        self._restored: dict[str, object] = {}

    def perform(self) -> int:
        """Tells the story, shows the window where there is a screen, puts everything away; gives the exit code."""
        code = CANCELLED
        try:
            code = self._carried_out(self._story())
            if code == DONE and self._window is not None:
                code = self._show(self._window)
        except KeyboardInterrupt:
            code = CANCELLED
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # what follows is short, and has to come to its end
            left = self._carried_out(self._put_away(cancelled=code == CANCELLED))
        code = code or left
        self._say_end(code)
        return code

    def _carried_out(self, work: Coroutine[Any, Any, None]) -> int:
        """Runs `work` on the engine's loop to its end; its errors are shown. Gives the exit code."""
        try:
            run_engine(work)
        except KeyboardInterrupt:
            return CANCELLED
        except UserError as error:
            self._output.problem(error.problem)
            return exit_of(error)
        except BrokenPipeError:  # whoever read our output has closed it
            return FAILED
        except Exception as error:  # noqa: BLE001  a defect is shown as one, with its kind; never a bare traceback
            self._output.problem(as_problem(error))
            return FAILED
        return DONE

    def _show(self, window: OpenWindow) -> int:
        self._say(text("The window shows the practice greenhouse. Close it, and everything is put away."))
        try:
            return window(self._practice.places.data)
        except ImportError as missing:
            self._say(text("There is no window in this installation: {why}", why=str(missing)))
            return DONE

    async def _put_away(self, *, cancelled: bool) -> None:
        async with _here(self._practice) as here:
            try:
                for server in self._servers:
                    await server.remove(here.blocking)
            finally:
                if not self._kept or (self._made and cancelled):
                    await here.host.remove_tree(str(self._practice.folder))

    # --- the story -----------------------------------------------------------------------------

    async def _story(self) -> None:
        async with _here(self._practice) as here:
            await here.blocking.call("files", self._practice.make)
            self._made = True
            os.environ[PASSPHRASE_FILE_VARIABLE] = str(self._practice.passphrase_file)  # also for the window
            app = await assemble(self._practice.places, keyring=self._practice.keyring())
            try:
                await self._told(app, here)
            finally:
                await app.close()
            if self._window is not None and not await screen_answers(here.host):
                self._window = None
                self._say(text("The screen does not answer, so there is no window."))

    async def _told(self, app: Overwinter, here: _Here) -> None:
        the_fit_restic([tool for tool in await app.tools() if tool.name == RESTIC])
        self._say(text("A practice greenhouse, in {folder}.", folder=str(self._practice.folder)))
        self._say(text("Nothing of yours is touched: it has a data folder, a vault and passwords of its own."))
        with self._chapter("greenhouse", text("1. A greenhouse to protect")):
            await self._make_greenhouse(here)
        with self._chapter("site", text("2. The site file says what to back up, and where to")):
            await self._set_up(app, here)
        with self._chapter("repository", text("3. A repository, encrypted with the site's password")):
            await app.init_repository(SITE)
            self._tell(str(self._practice.repository))
        async with written(self._practice.telemetry, here.blocking):
            await self._proven(app, here)
        self._say_proven()

    async def _proven(self, app: Overwinter, here: _Here) -> None:
        """Backed up, found again and brought back, while the telemetry goes on being written."""
        with self._chapter("backup", text("4. The backup")):
            await self._back_up(app)
        repository = await app.repository(SITE)
        with self._chapter("point", text("5. The recovery point")):
            point = await self._find_point(repository)
        with self._chapter("verify", text("6. Verified: every source comes back for a moment, and is compared")):
            await self._verify(app)
        with self._chapter("save", text("7. Saved out again, and compared")):
            await self._save_file(repository, point, here)
            await self._save_readings(repository, point, here)
            if self._equipped.postgresql is not None:
                await self._save_dump(repository, point, here, self._equipped.postgresql)
        with self._chapter("restore", text("8. The application restored into a folder, and compared")):
            await self._restore(app, point, here)

    async def _make_greenhouse(self, here: _Here) -> None:
        practice = self._practice
        grown = await here.blocking.call("files", lambda: grow(practice.root, practice.broker))
        count, size = grown.files, Size(grown.bytes)
        self._tell(text("{folder}: {count} files, {size}", folder=str(practice.root), count=count, size=size))
        self._tell(text("{folder}: the broker's configuration, accounts and access list", folder=str(practice.broker)))
        rows = await here.blocking.call("files", lambda: record(practice.telemetry))
        file = practice.telemetry.name
        self._tell(text("{file}: {rows} rows of telemetry in SQLite, and more every moment", file=file, rows=rows))
        postgresql = await self._start(here, await find_postgresql(here.host, here.blocking), PracticeServer)
        mariadb = await self._start(here, await find_mariadb(here.host), PracticeMariadb)
        self._equipped = Equipped(postgresql, mariadb, await self._find_php(here))

    async def _start(self, here: _Here, programs: P | Text, kind: Callable[[P, str], S]) -> S | None:
        """A database server, running; None where there can be none, which is said."""
        if isinstance(programs, Text):
            self._leave_out(programs)
            return None
        server = kind(programs, f"{self._practice.name}-{len(self._servers)}")
        self._servers.append(server)
        try:
            await server.start(here.host, here.blocking)
        except UserError as failed:
            await server.remove(here.blocking)
            last = failed.problem.detail.rpartition("\n")[2]
            self._leave_out(text("{what} {detail}", what=failed.problem.what, detail=last))
            return None
        at, name = f"{server.address.server}:{server.address.port}", server.address.database
        told = text("{kind} {version} on {address}, database {name}", kind=server.kind, version=server.version,
                    address=at, name=name)  # fmt: skip
        self._tell(told)
        return server

    async def _find_php(self, here: _Here) -> str | None:
        """PHP, by which the application's artisan works; None where there is none, or it says nothing."""
        php = await here.host.which("php")
        if php is None:
            self._leave_out(text("PHP was not found on this computer, so nobody calls artisan."))
            return None
        answer = await here.host.run(Command(php, ("artisan", "about"), folder=str(self._practice.root)))
        if answer.code != 0:
            self._leave_out(text("PHP does not run artisan: {why}", why=answer.stderr.decode("utf-8", "replace")))
            return None
        self._tell(text("php artisan about: {answer}", answer=answer.stdout.decode("utf-8", "replace").strip()))
        return php

    def _leave_out(self, why: Text) -> None:
        self._left_out.append(why)
        self._tell(text("Left out: {why}", why=why))

    async def _set_up(self, app: Overwinter, here: _Here) -> None:
        """As a technician does it: a site file, its secrets."""
        title = self._output.language.render(text("Practice greenhouse"))
        site = self._practice.site(title, self._equipped)
        file = str(self._practice.site_file)
        await here.host.write_durably(file, write(site).encode())
        await app.add_site_file(file)
        await app.set_secret(SITE, REPOSITORY_PASSWORD, new_secret())
        for name, password in self._equipped.secrets().items():
            await app.set_secret(SITE, name, password)
        self._tell(text("{file}, made of presets:", file=file))
        for source in site.sources:
            self._tell(f"   {source.name}: {source.kind.value} {source.root or source.database}")
        for command in site.commands:
            self._tell(f"   {command.when.value}: {' '.join(command.run)}")

    async def _back_up(self, app: Overwinter) -> None:
        run = await self._carried_through(app, await app.plan_backup(SITE, BackupChoice()))
        for item in await app.records(SITE).items(run.id):
            read, added = Size(item.bytes), Size(item.added)
            self._tell(text("{source}: {size} read, {added} added", source=item.source, size=read, added=added))

    async def _carried_through(self, app: Overwinter, plan: AnyPlan, enough: Sequence[Outcome] = WHOLE) -> Run:
        """Runs a plan to its end, told as it goes; raises what kept it from being `enough`."""
        run, _ = await self._session.follow(app, plan)
        _stop_if_cancelled()
        if run.outcome not in enough:
            raise _not_done(run)
        return run

    async def _verify(self, app: Overwinter) -> None:
        """What cannot be verified on this computer is said, and proves nothing; what is wrong ends the practice."""
        plan = await app.plan_verify(SITE, VerifyChoice())
        run = await self._carried_through(app, plan, (*WHOLE, Outcome.PARTIAL))
        found = await verified_by(app.records(SITE), run.id)
        for proof in found.proofs if found is not None else ():
            self._verified[proof.source] = proof.verdict.value
            self._tell(_verdict(proof))

    async def _restore(self, app: Overwinter, point: Point, here: _Here) -> None:
        target = Folder(str(self._practice.restored))
        choice = RestoreChoice(point.id, (f"source:{FILES}",), target)
        plan = await app.plan_restore(SITE, choice)
        await self._carried_through(app, plan)
        site = await app.sites.get(SITE)
        left_out = next(source.exclude for source in site.sources if source.name == FILES)
        (restored,) = plan.state.planned
        tree = Path(restored.target) / self._practice.root.name
        files = await here.blocking.call("files", lambda: same_trees(self._practice.root, tree, left_out))
        self._restored = {"target": str(tree), "files": files}
        self._tell(text("{folder}: {files} files, the same as the live ones", folder=str(tree), files=files))

    async def _find_point(self, repository: OpenRepository) -> Point:
        (point,) = await list_points(repository.restic, repository.site)
        self._point = point.id
        layers = ", ".join(point.layers)
        self._tell(text("{point}, {status}: {layers}", point=point.short_id, status=point.status, layers=layers))
        return point

    async def _save_file(self, repository: OpenRepository, point: Point, here: _Here) -> None:
        original = self._practice.picture
        target = self._practice.saved / original.name
        await save_path(repository, _snapshot(point, FILES), _in_snapshot(original), target)
        same = await same_bytes(here.blocking, original, target)
        self._saved.append({"target": str(target), "bytes": same.bytes, "sha256": same.sha256})
        self._tell(text("{file}: {size}, SHA-256 {sum}", file=str(target), size=Size(same.bytes), sum=same.sha256))
        self._tell(text("The same bytes as the original."))

    async def _save_readings(self, repository: OpenRepository, point: Point, here: _Here) -> None:
        name = f"{TELEMETRY}.sqlite"
        target = self._practice.saved / name
        saved = await save_path(repository, _snapshot(point, TELEMETRY), f"/{name}", target)
        rows = await same_readings(here.blocking, self._practice.telemetry, target)
        self._saved.append({"target": str(target), "bytes": saved.bytes, "rows": rows})
        size = Size(saved.bytes)
        self._tell(text("{file}: {size}, {rows} rows of telemetry", file=str(target), size=size, rows=rows))
        self._tell(text("Whole, though the service wrote on: they are the first rows of the live file."))

    async def _save_dump(self, repository: OpenRepository, point: Point, here: _Here, server: PracticeServer) -> None:
        name = f"{DATABASE}.dump"
        target = self._practice.saved / name
        saved = await save_path(repository, _snapshot(point, DATABASE), f"/{name}", target)
        rows = await same_rows(here.host, server, here.blocking, target)
        self._saved.append({"target": str(target), "bytes": saved.bytes, "rows": rows})
        size = Size(saved.bytes)
        self._tell(text("{file}: {size}, {rows} rows of telemetry", file=str(target), size=size, rows=rows))
        self._tell(text("pg_restore reads it, and its rows are those of the database."))

    # --- what is said --------------------------------------------------------------------------

    def _say_proven(self) -> None:
        self._say(text("Proven: what was backed up came back the same, out of an encrypted repository."))
        self._say(text("For a site of your own:"))
        for line in COMMANDS:
            self._tell(line)

    def _say_end(self, code: int) -> None:
        """The last word, after everything was put away; with `--json` the only one."""
        if self._output.json:
            if code == DONE:
                self._output.result(self._document())
        elif self._kept and code != CANCELLED and self._made:
            self._say_kept()
        elif code in (DONE, CANCELLED):
            self._say(text("The practice greenhouse was removed; nothing of it is left."))

    def _say_kept(self) -> None:
        practice = self._practice
        self._say(text("It stays in {folder}. Look around in it:", folder=str(practice.folder)))
        word = "set" if sys.platform == "win32" else "export"
        self._tell(f"{word} {PASSPHRASE_FILE_VARIABLE}={practice.passphrase_file}")
        self._tell(f"overwinter --data {practice.places.data} points {SITE}")
        if self._servers:
            self._tell(text("Its databases were stopped and removed; the dumps are what is left of them."))

    def _document(self) -> dict[str, object]:
        return {
            "proven": True,
            "site": SITE,
            "kept": str(self._practice.folder) if self._kept else None,
            "left_out": self._left_out,
            "steps": self._steps,
            "point": self._point,
            "verified": self._verified,
            "saved": self._saved,
            "restored": self._restored,
        }

    @contextmanager
    def _chapter(self, key: str, title: Text) -> Iterator[None]:
        """One part of the story: its title, what it tells, and how long it took."""
        self._say(title)
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        self._steps.append({"step": key, "seconds": round(seconds, 3)})
        self._tell(text("Done in {time}.", time=Duration(seconds)))

    def _tell(self, sentence: Text | str) -> None:
        self._print(f"   {self._output.language.render(sentence)}".rstrip())

    def _say(self, sentence: Text) -> None:
        self._print(self._output.language.render(sentence))

    def _print(self, line: str) -> None:
        """At once, also into a pipe: the backup's progress comes out beside it."""
        if not self._output.json:
            print_line(line, sys.stdout)
            sys.stdout.flush()


COMMANDS = (
    "overwinter site new SITE --preset laravel --repository FOLDER",
    "overwinter site add SITE.toml",
    "overwinter secret set SITE repository-password",
    "overwinter repo init SITE",
    "overwinter backup SITE",
    "overwinter verify SITE",
    "overwinter save SITE SNAPSHOT PATH TARGET",
    "overwinter restore SITE POINT --scope files --mode folder:FOLDER",
)


@asynccontextmanager
async def _here(practice: Practice) -> AsyncIterator[_Here]:
    blocking = Blocking()
    try:
        yield _Here(blocking, LocalHost(blocking, practice.places.scratch))
    finally:
        blocking.close()


def _snapshot(point: Point, source: str) -> str:
    return next(found.id for found in point.snapshots if found.source == source)


def _in_snapshot(path: PurePath) -> str:
    """Where restic puts a file: on Windows the drive is its first folder."""
    drive = path.drive.removesuffix(":")
    return "/".join(("", *((drive,) if drive else ()), *path.parts[1:]))


def _verdict(proof: Summary) -> Text:
    if proof.verdict is not Verdict.PASS:
        return text("{source}: could not be verified here ({where})", source=proof.source, where=proof.where)
    compared = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in proof.compared.items())
    return text("{source}: the same, {where}: {compared}", source=proof.source, where=proof.where, compared=compared)


def _stop_if_cancelled() -> None:
    """A run that is followed takes Ctrl+C for its own, and may succeed all the same; the story ends with it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _not_done(run: Run) -> UserError:
    error = run.error or as_problem(RuntimeError(f"the run ended as {run.outcome}"))
    return UserError(
        text("The {kind} of the practice greenhouse did not succeed. {why}", kind=run.kind, why=error.what),
        text("The practice did not prove anything. Nothing of yours was touched."),
        error.next,
        error.code,
        error.detail,
    )
