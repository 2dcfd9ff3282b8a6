"""What private servers have in common: an account to run as, a folder it can reach, a free port, and their end.

Database servers refuse to run as root. Then their programs are started as an account without rights, and their files
are where that account can reach them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

from app.foundation.blocking import Blocking
from app.hosts.files import remove_tree
from app.hosts.host import Host
from app.hosts.tree import Tree

if sys.platform == "win32":
    AT_ONCE = signal.SIGTERM

    def _ids(_account: str) -> tuple[int, int] | None:
        return None
else:
    import pwd

    AT_ONCE = signal.SIGQUIT  # PostgreSQL's immediate shutdown, MariaDB's end: nobody needs the files any more

    def _ids(account: str) -> tuple[int, int] | None:
        try:
            found = pwd.getpwnam(account)
        except KeyError:
            return None
        return found.pw_uid, found.pw_gid


STARTS_WITHIN = 60
STOPS_WITHIN = 10.0
"""Seconds; then it is killed."""
LOOK_AGAIN = 0.02


class Account(msgspec.Struct, frozen=True):
    """An account of this computer that a server runs as; `prefix` starts a program as that account."""

    uid: int
    gid: int
    prefix: tuple[str, ...]


async def account_for(host: Host, own: str) -> Account | None:
    """The server's `own` account where it has one, else nobody's."""
    runuser = await host.which("runuser")
    for name in (own, "nobody"):
        ids = _ids(name)
        if runuser is not None and ids is not None:
            return Account(*ids, (runuser, "-u", name, "--"))
    return None


def give_to(account: Account | None, *paths: Path) -> None:
    """Makes the account the owner, where there is one."""
    if account is not None and sys.platform != "win32":
        for path in paths:
            os.chown(path, account.uid, account.gid)


def reachable_folder(account: Account | None) -> Path:
    """The system's temporary folder, or another one when that is closed to the account."""
    own = Path(tempfile.gettempdir())
    usual = [folder for folder in (own, Path("/tmp"), Path("/var/tmp")) if folder.is_dir()]
    return own if account is None else next((folder for folder in usual if _is_open(folder)), own)


def _is_open(folder: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def end_server(blocking: Blocking, name: str, folder: Path) -> None:
    """Ends whoever is called like that and serves files of the folder, also half started, and removes the folder.

    Nothing there is success.
    """
    serving = await blocking.call("files", lambda: _quit(name, folder))
    if not await _gone(serving):
        for tree in serving:
            tree.kill()
        await _gone(serving)
    await blocking.call("files", lambda: remove_tree(folder))


def _quit(name: str, folder: Path) -> list[Tree]:
    """Tells them to end at once; gives them and all they started."""
    serving = [process for process in psutil.process_iter() if _serves(process, name, folder)]
    trees = [Tree(process.pid) for process in serving]
    for process, tree in zip(serving, trees, strict=True):
        tree.living()  # while it can still be seen who belongs to it
        with contextlib.suppress(psutil.Error):  # it has just ended by itself
            process.send_signal(AT_ONCE)
    return trees


def _serves(process: psutil.Process, name: str, folder: Path) -> bool:
    with contextlib.suppress(psutil.Error):  # gone, or another user's
        return process.name().startswith(name) and any(str(folder) in word for word in process.cmdline())
    return False


async def _gone(trees: Sequence[Tree]) -> bool:
    """Waits until none of them runs; whether that is so in time."""
    over = time.monotonic() + STOPS_WITHIN
    while any(tree.living() for tree in trees):
        if time.monotonic() > over:
            return False
        await asyncio.sleep(LOOK_AGAIN)
    return True
