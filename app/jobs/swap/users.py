"""Which programs work in a tree: they keep the old one when another takes its place, until they are restarted."""

from __future__ import annotations

import re

from app.foundation.errors import UserError
from app.hosts.host import Command, Host

LOOKS_WITHIN = 30.0  # seconds
SHOWN = 10


async def users_of(host: Host, root: str) -> list[str]:
    """Names and numbers of the programs that have their working folder or an open file in a tree (Linux).

    What another account's programs have open is told to root alone; where nothing can be told there are none.
    """
    pattern = re.sub(r"([*?\[\\])", r"\\\1", root)
    where = ("(", "-name", "cwd", "-o", "-name", "root", "-o", "-path", "/proc/*/fd/*", ")")
    leads = ("(", "-lname", pattern, "-o", "-lname", f"{pattern}/*", ")")
    command = Command("find", ("/proc", "-mindepth", "2", "-maxdepth", "3", *where, *leads))
    done = await host.run(command, deadline=LOOKS_WITHIN)
    numbers = sorted({int(found[1]) for found in re.finditer(rb"^/proc/(\d+)/", done.stdout, re.MULTILINE)})
    return [await _named(host, number) for number in numbers[:SHOWN]]


async def _named(host: Host, number: int) -> str:
    try:
        name = (await host.read(f"/proc/{number}/comm")).decode("utf-8", "replace").strip()
    except UserError:  # it has just ended
        name = "?"
    return f"{name} ({number})"
