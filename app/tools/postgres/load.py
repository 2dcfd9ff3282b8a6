"""What pg_restore is told to do: a dump into an empty database, to its end or not at all."""

from __future__ import annotations

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Finished
from app.tools.postgres.dump import environment
from app.tools.postgres.server import Server

AT_ONCE = 4
"""Connections that load tables and build indexes side by side."""


def load_command(
    program: str, server: Server, dump: str, password_file: str = "", *, at_once: int = AT_ONCE
) -> Command:
    """Loads the dump at that path into the database that `server` names, which is empty. The first error ends it.

    TimescaleDB's catalogue does not come back right from several connections: there `at_once` is 1.
    """
    arguments = (
        "--exit-on-error",
        "--no-password",
        *((f"--jobs={at_once}",) if at_once > 1 else ()),
        f"--dbname={server.conninfo()}",
        dump,
    )
    return Command(program, arguments, environment=environment(password_file))


def load_failed(server: Server, finished: Finished) -> UserError:
    """Why a dump did not load."""
    said = finished.stderr.decode("utf-8", "replace").strip()
    why = next((line for line in said.splitlines() if "error:" in line), said.partition("\n")[0])
    full = "No space left on device" in said or "disk is full" in said
    return UserError(
        text("The dump could not be loaded into {database}: {why}", database=server.database, why=why)
        if said
        else text("Loading the dump into {database} was ended from outside.", database=server.database),
        text("What was loaded is removed again; all other databases are as they were."),
        text("Free space on the server's disk, then restore again.")
        if full
        else text("Put right what the server says below, then restore again."),
        "postgres.disk-full" if full else "postgres.load-failed",
        said,
    )
