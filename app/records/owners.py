"""Which process works on a run, and whether it still lives.

A process number comes round again, so an owner is known by its start too. On Linux that is counted from the boot,
which has a name of its own: unlike a time of day, neither moves when somebody sets the clock.
"""

from __future__ import annotations

import os
import platform
import sys
import uuid
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil

if TYPE_CHECKING:  # the window shows runs before it can wait for a database
    from sqlalchemy import Row


class Owner(msgspec.Struct, frozen=True):
    """A process. `computer` is `name#mark`, the mark telling computers of the same name apart.

    On Linux `boot` names the running kernel's start and `started` is seconds since then; elsewhere `boot` is empty
    and `started` is seconds since 1970.
    """

    computer: str
    boot: str
    pid: int
    started: float

    @property
    def computer_name(self) -> str:
        """The computer's name as people know it."""
        return self.computer.rpartition("#")[0]


def this_process() -> Owner:
    """The process that asks."""
    pid = os.getpid()
    started = _started(pid)
    assert started is not None, "this process runs"
    return Owner(_computer(), _boot(), pid, started)


def owner_alive(owner: Owner) -> bool | None:
    """Whether that process still runs; None when nobody here can know.

    That is so on another computer, and where the system hides other users' processes from us.
    """
    if not is_here(owner):
        return None
    if owner.boot != _boot():
        return False
    started = _started(owner.pid)
    if started is None and _is_hidden(owner.pid):
        return None
    return started == owner.started


def is_here(owner: Owner) -> bool:
    """Whether that process is, or was, one of this computer."""
    return owner.computer == _computer()


def owner_columns(owner: Owner) -> dict[str, str | int | float]:
    """The owner as the columns of a row."""
    return {f"owner_{name}": value for name, value in msgspec.structs.asdict(owner).items()}


def owner_in(row: Row[Any]) -> Owner:
    """The owner in a row's columns."""
    return Owner(row.owner_computer, row.owner_boot, row.owner_pid, row.owner_started)


if sys.platform == "linux":

    def _boot() -> str:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def _started(pid: int) -> float | None:
        """When that process started; None when there is none, or only its remains."""
        try:
            status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, *fields = status.rpartition(")")[2].split()
        return None if state in "ZX" else int(fields[18]) / os.sysconf("SC_CLK_TCK")

    def _is_hidden(pid: int) -> bool:
        """Whether there is such a process although /proc shows none, as mounted with `hidepid`."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return not Path(f"/proc/{pid}").exists()
        return False  # ours, and only its remains

else:

    def _boot() -> str:
        return ""

    def _started(pid: int) -> float | None:
        """When that process started; None when there is none, or only its remains."""
        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
        except psutil.NoSuchProcess:
            return None

    def _is_hidden(_pid: int) -> bool:
        return False


@cache
def _computer() -> str:
    mark = sha256(b"overwinter" + _machine().encode()).hexdigest()[:8]
    return f"{platform.node()}#{mark}"


def _machine() -> str:
    """What this installation of the system calls itself, the same for every process; "" when it has no name."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415  only there

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])
    if sys.platform == "linux":
        for place in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
            if place.exists():
                return place.read_text().strip()
    node = uuid.getnode()
    made_up = node >> 40 & 1  # no network card was found, and every process would make up another number
    return "" if made_up else f"{node:x}"
