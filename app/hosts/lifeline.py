"""Ties a program to this one, so that it ends when this one does, however it ends; for servers started for a run.

POSIX: a watcher beside the program reads what is the program's input here. Nobody ever writes there, so that it comes
back when this process is gone, killed or not, and it ends the program then. (Not PR_SET_PDEATHSIG: Linux has it alone,
and it is lost where the program is started by a thread that ends.) Windows: a job object whose last handle is ours.
"""

from __future__ import annotations

import sys

from app.hosts.host import Command

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.CreateJobObjectW.restype = wintypes.HANDLE
    _kernel.OpenProcess.restype = wintypes.HANDLE
    _kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
    _kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    _kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
    _EXTENDED_LIMITS, _KILL_ON_CLOSE = 9, 0x2000
    _SET_QUOTA_AND_TERMINATE = 0x0100 | 0x0001

    class _Limits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

        _fields_ = (
            ("process_time", ctypes.c_int64),
            ("job_time", ctypes.c_int64),
            ("flags", wintypes.DWORD),
            ("least_working_set", ctypes.c_size_t),
            ("largest_working_set", ctypes.c_size_t),
            ("processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority", wintypes.DWORD),
            ("scheduling", wintypes.DWORD),
            ("counters", ctypes.c_uint64 * 6),
            ("memory", ctypes.c_size_t * 4),
        )

    def _job() -> int:
        job = _kernel.CreateJobObjectW(None, None)
        limits = _Limits(flags=_KILL_ON_CLOSE)
        if not job or not _kernel.SetInformationJobObject(
            job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        ):
            raise ctypes.WinError(ctypes.get_last_error())
        return int(job)

    _OURS = _job()
    """Held as long as this process lives: its end closes the handle, and that ends everything in the job."""

    def tied(command: Command, umask: int = 0o077) -> Command:  # noqa: ARG001  there are no such rights here
        """The command itself; `tie` does the rest."""
        return command

    def tie(pid: int) -> None:
        """From now on this program ends with this one."""
        process = _kernel.OpenProcess(_SET_QUOTA_AND_TERMINATE, False, pid)
        if not process:
            return  # it has ended already
        try:
            if not _kernel.AssignProcessToJobObject(_OURS, process):
                raise ctypes.WinError(ctypes.get_last_error())
        finally:
            _kernel.CloseHandle(process)
else:
    # The watcher keeps none of the program's channels, so that their end is seen when the program ends.
    _TIED = 'umask "$0"; exec 3<&0; (read -r _ <&3; kill "$$") >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'

    def tied(command: Command, umask: int = 0o077) -> Command:
        """The command, to be started with `Host.start`; its input is not its own any more. On a server it ends with the
        connection.

        `umask` takes these rights from what it makes.
        """
        return Command(
            "sh",
            ("-c", _TIED, f"{umask:04o}", command.program, *command.arguments),
            environment=command.environment,
            folder=command.folder,
        )

    def tie(_pid: int) -> None:
        """Tied already."""
