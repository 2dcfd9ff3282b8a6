"""Programs on a server of a run whose Overwinter is gone: found by the mark in their environment, and ended.

Their own watch ends them when it sees that their connection is gone; it gets its time for that first.
"""

from __future__ import annotations

from app.hosts import running
from app.hosts.orphans import RUN_VARIABLE
from app.hosts.running import Patience
from app.hosts.ssh import process
from app.hosts.ssh.links import LinkedServer
from app.hosts.ssh.script import NAP

WATCH_LOOKS_EVERY = 1.0  # seconds between two looks of a watch at its connection

# Where there is no /proc nobody is found, and the watch has to do. A zombie has no environment any more.
_END = """\
left(){ grep -laF -- "$1" /proc/[0-9]*/environ 2>/dev/null|sed 's|^/proc/||;s|/environ$||';}
nap(){ sleep 0.05 2>/dev/null||sleep 1;}
i=0;while [ -n "$(left "$1")" ]&&[ $i -lt "$2" ];do i=$((i+1));nap;done
for p in $(left "$1");do kill -TERM "$p" 2>/dev/null;done
i=0;while [ -n "$(left "$1")" ]&&[ $i -lt "$3" ];do i=$((i+1));nap;done
i=0;while found=$(left "$1");[ -n "$found" ]&&[ $i -lt "$4" ];do kill -KILL $found 2>/dev/null;i=$((i+1));nap;done
echo $found
"""


async def end_orphans(server: LinkedServer, run: str, patience: Patience) -> None:
    """Comes back when none is left. Raises `host.program-unstoppable`."""
    seconds = (WATCH_LOOKS_EVERY + patience.interrupt, patience.terminate, patience.kill)
    looks = (str(max(1, round(each / NAP))) for each in seconds)
    async with server.link.programs:
        done = await process.ask(server, _END, f"{RUN_VARIABLE}={run}", *looks, patience=patience)
    if left := done.stdout.split():
        raise running.unstoppable(int(left[0]))
