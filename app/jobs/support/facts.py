"""What is told of this computer and of single runs; all of it blocks, but for what the records are asked."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

from app.foundation.errors import Problem
from app.foundation.events import Outcome
from app.hosts import files
from app.records.run import Run
from app.records.site_records import SiteRecords
from app.settings.places import Places

LOG_BYTES = 200_000
WENT_WELL = (None, Outcome.SUCCESS, Outcome.SKIPPED)

_LIBRARIES = (
    "PySide6-Essentials", "qasync", "SQLAlchemy", "alembic", "keyring", "cryptography", "psycopg", "asyncssh", "httpx",
    "psutil", "msgspec",
)  # fmt: skip


def library_versions() -> list[str]:
    """Python and the libraries that matter, each with its version."""
    found = [f"Python {platform.python_version()} {platform.python_implementation()}"]
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # a packaged program does not say it of all
            found.append(f"{name} {importlib.metadata.version(name)}")
    return found


def computer_facts(places: Places) -> str:
    """This computer: its system, its memory, its clock, the disk of the data folder."""
    memory = psutil.virtual_memory()
    with files.reading(places.data):
        disk = shutil.disk_usage(places.data)
    booted = datetime.fromtimestamp(psutil.boot_time(), UTC)
    facts = {
        "system": platform.platform(),
        "machine": platform.machine(),
        "computer": platform.node(),
        "cores": psutil.cpu_count(),
        "memory": f"{memory.total} bytes, {memory.available} available",
        "started": f"{booted:%Y-%m-%d %H:%M} UTC",
        "clock": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, zone {time.strftime('%Z %z')}",
        "data folder": f"{places.data}: {disk.total} bytes, {disk.free} free",
    }
    return "".join(f"{name}: {fact}\n" for name, fact in facts.items())


def end_of_log(file: Path) -> str:
    """The last whole lines of a log. A line that was begun before is left out: half a secret could not be known."""
    with files.reading(file), file.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - LOG_BYTES))
        content = log.read(LOG_BYTES)
    if size <= LOG_BYTES:
        return content.decode("utf-8", "replace")
    whole = content.partition(b"\n")[2]
    return f"[… {size - len(whole)} bytes before …]\n{whole.decode('utf-8', 'replace')}"


async def told_run(records: SiteRecords, run: Run) -> dict[str, object]:
    """A run as its record has it, with what went wrong in its steps and items."""
    told: dict[str, object] = {
        "id": run.id, "kind": run.kind, "trigger": run.trigger, "who": run.who, "parent": run.parent,
        "started": run.started, "closed": run.closed, "outcome": run.outcome, "rollback": run.rollback,
        "counters": run.counters, "choice": run.choice, "tags": run.tags, "error": _problem(run.error),
    }  # fmt: skip
    if run.outcome not in WENT_WELL:
        told["steps"] = [
            {"key": step.key, "started": step.started, "ended": step.ended, "outcome": step.outcome}
            | {"error": _problem(step.error)}
            for step in await records.steps(run.id)
        ]
        told["items"] = [
            {"source": item.source, "status": item.status, "error": _problem(item.error)}
            for item in await records.items(run.id)
        ]
    return told


def _problem(problem: Problem | None) -> dict[str, str] | None:
    if problem is None:
        return None
    said = {"code": problem.code, "what": str(problem.what), "means": str(problem.means), "next": str(problem.next)}
    return said | ({"detail": problem.detail} if problem.detail else {})
