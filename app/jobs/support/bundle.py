"""What a support bundle holds, and how it is saved.

Everything in it was cleaned when it was written down. Here it is cleaned once more, of all secrets that can be read
now and of whatever looks like one. What was shown is what is saved, nothing else.
"""

from __future__ import annotations

import contextlib
import getpass
import io
import json
import secrets as randomness
import zipfile
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from app import __version__
from app.foundation.blocking import Blocking
from app.foundation.errors import Problem, UserError
from app.foundation.redact import Redactor
from app.hosts import files
from app.hosts.file_errors import missing
from app.jobs.support.cleaning import cleaned
from app.jobs.support.facts import WENT_WELL, computer_facts, end_of_log, library_versions, told_run
from app.records.run import Run
from app.records.site_records import SiteRecords
from app.settings.places import Places
from app.settings.secrets import Secrets
from app.settings.site_file import write
from app.settings.sites import Sites
from app.store import durable
from app.tools.found import ToolFound

RUNS_TOLD, AUDIT_TOLD = 50, 200
LOGS_OF_ANY, LOGS_OF_FAULTY = 2, 4
"""So many logs of the newest runs, and of the newest that did not go well."""
SAVED = "support-bundle-saved"

_FOR_PROGRAMS = "told"
"""A field of the audit log that only this program can read."""


class SupportFile(msgspec.Struct, frozen=True):
    """One file of a bundle: its name there, and all of its text."""

    name: str
    text: str


class Bundle(msgspec.Struct, frozen=True):
    """What would be saved. `unread` is why the site's secrets could not be looked for anew; None when they were."""

    site: str
    name: str
    files: tuple[SupportFile, ...]
    unread: Problem | None = None


class Support:
    """Makes bundles and saves them."""

    def __init__(
        self,
        *,
        places: Places,
        sites: Sites,
        secrets: Secrets,
        records: Callable[[str], SiteRecords],
        tools: Callable[[], Awaitable[list[ToolFound]]],
        log_file: Callable[[str], Path],
        redactor: Redactor,
        blocking: Blocking,
    ) -> None:
        """`log_file` is where the log of a run is."""
        self._places = places
        self._sites = sites
        self._secrets = secrets
        self._records = records
        self._tools = tools
        self._log_file = log_file
        self._redactor = redactor
        self._blocking = blocking

    async def bundle(self, site: str) -> Bundle:
        """What a bundle would hold now; of this computer alone where `site` is "".

        What cannot be read is told in its place: a bundle is wanted when something is broken.
        """
        taught, unread = await self._taught(site)
        try:
            found = [await self._file("overwinter.txt", self._versions), await self._file("computer.txt", self._facts)]
            if site:
                found += await self._of_site(site)
        finally:
            for value in taught:
                self._redactor.forget(value)
        moment = datetime.now(UTC).astimezone().strftime("%Y%m%d-%H%M")
        name = "-".join(part for part in ("overwinter-support", site, moment) if part)
        return Bundle(site, name, tuple(found), unread)

    async def _taught(self, site: str) -> tuple[list[str], Problem | None]:
        """Every secret of the site that can be read without asking a person; and why one could not be."""
        taught: list[str] = []
        unread: Problem | None = None
        try:
            names = [stored.name for stored in await self._secrets.names(site)]
        except UserError as error:
            return [], error.problem
        for name in names:
            try:
                value = await self._secrets.get(site, name, ask=False)
            except UserError as error:
                unread = error.problem
            else:
                taught += [value] if value else []
        return taught, unread

    async def _of_site(self, site: str) -> list[SupportFile]:
        made = [
            await self._file("site.toml", partial(self._settings, site)),
            await self._file("secrets.txt", partial(self._secret_names, site)),
            await self._file("runs.jsonl", partial(self._runs, site)),
            await self._file("audit.jsonl", partial(self._audit, site)),
        ]
        with contextlib.suppress(UserError):  # why they cannot be read stands in runs.jsonl
            logs = _worth_a_log(await self._records(site).runs(limit=RUNS_TOLD))
            made += [await self._file(f"logs/{run.id}.txt", partial(self._log, run.id)) for run in logs]
        return made

    async def _file(self, name: str, content: Callable[[], Awaitable[str]]) -> SupportFile:
        try:
            said = await content()
        except UserError as error:
            said = f"{error.problem.code}: {error.problem.what} {error.problem.means}\n{error.problem.detail}"
        return SupportFile(name, await self._blocking.call("files", partial(cleaned, self._redactor, said)))

    # --- its parts -----------------------------------------------------------------------------

    async def _versions(self) -> str:
        libraries = await self._blocking.call("files", library_versions)
        return "\n".join([f"Overwinter {__version__}", *libraries, "", *map(_said, await self._tools()), ""])

    async def _facts(self) -> str:
        return await self._blocking.call("files", partial(computer_facts, self._places))

    async def _settings(self, site: str) -> str:
        return write(await self._sites.get(site))

    async def _secret_names(self, site: str) -> str:
        stored = await self._secrets.names(site)
        return "".join(f"{one.name}  stored {one.stored_at:%Y-%m-%d %H:%M} UTC, {one.where.value}\n" for one in stored)

    async def _runs(self, site: str) -> str:
        records = self._records(site)
        return _lines([await told_run(records, run) for run in await records.runs(limit=RUNS_TOLD)])

    async def _audit(self, site: str) -> str:
        entries = (await self._records(site).audit())[-AUDIT_TOLD:]
        return _lines(
            {"number": one.number, "at": one.at, "who": one.who, "what": one.what}
            | {name: value for name, value in one.fields.items() if name != _FOR_PROGRAMS}
            for one in entries
        )

    async def _log(self, run: str) -> str:
        return await self._blocking.call("files", partial(end_of_log, self._log_file(run)))

    # --- saving --------------------------------------------------------------------------------

    async def save(self, bundle: Bundle, names: Collection[str], target: Path) -> None:
        """Writes those files of a bundle that are named, as they were shown, into the new file `target`.

        It is there whole or not at all. Raises `host.file-exists`, `host.file-missing` where there is no such folder,
        `host.file-unwritable`, `host.disk-full`.
        """
        chosen = [file for file in bundle.files if file.name in names]
        await self._blocking.call("files", partial(_save, target, bundle.name, chosen))
        if bundle.site:
            fields = {"file": str(target), "files": " ".join(file.name for file in chosen)}
            await self._records(bundle.site).add_audit(getpass.getuser(), SAVED, fields)


def _said(tool: ToolFound) -> str:
    return f"{tool.name} {tool.version or '?'} {tool.path}{'' if tool.fit else ' (cannot be used)'}"


def _worth_a_log(runs: Sequence[Run]) -> list[Run]:
    faulty = [run for run in runs if run.outcome not in WENT_WELL][:LOGS_OF_FAULTY]
    chosen = {run.id for run in (*runs[:LOGS_OF_ANY], *faulty)}
    return [run for run in runs if run.id in chosen]


def _lines(rows: Iterable[object]) -> str:
    return "".join(json.dumps(msgspec.to_builtins(row), ensure_ascii=False) + "\n" for row in rows)


def _save(target: Path, folder: str, chosen: Sequence[SupportFile]) -> None:
    """Written aside, then given its name, which must be free."""
    if files.look(target.parent) is None:
        raise missing(target.parent)
    aside = target.with_name(f".overwinter-{randomness.token_hex(8)}.tmp")
    with files.writing(target):
        durable.create_durably(aside, _zipped(folder, chosen))
        try:
            durable.rename(aside, target)
        finally:
            aside.unlink(missing_ok=True)


def _zipped(folder: str, chosen: Sequence[SupportFile]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as bundle:
        for file in chosen:
            bundle.writestr(f"{folder}/{file.name}", file.text.encode())
    return made.getvalue()
