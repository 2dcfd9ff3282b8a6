"""Begins a file transfer: by the server's subsystem, else by starting OpenSSH's program for it."""

from __future__ import annotations

import asyncio
import secrets

import asyncssh
from asyncssh.sftp import start_sftp_client

from app.hosts.ssh import errors, script

BEGINS_WITHIN = 15.0
"""Seconds for the server's first answer."""

CHATTER = 64 * 1024
"""Bytes that a login shell may say before the transfer begins."""

PROGRAMS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/lib/sftp-server",
    "/usr/local/libexec/sftp-server",
)

_START = """\
m={mark};for f in {programs};do [ -x "$f" ]&&{{ echo;echo "$m";exec "$f";}};done
echo "none of {programs}" >&2
"""


async def begin(connection: asyncssh.SSHClientConnection, host: str) -> asyncssh.SFTPClient:
    """A file transfer on that connection. Raises `UserError` `host.no-sftp`, and what asyncssh raises for a cut."""
    try:
        return await _by_subsystem(connection)
    except (asyncssh.Error, OSError, TimeoutError) as refused:
        if connection.is_closed():
            raise
        subsystem = refused
    try:
        return await _by_program(connection)
    except (asyncssh.Error, OSError, TimeoutError, EOFError) as error:
        if connection.is_closed():
            raise
        raise errors.no_files(host, f"subsystem: {subsystem}; program: {error}") from error


async def _by_subsystem(connection: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
    """A login shell that talks when it is not asked breaks this; then the answer is garbage, or none."""
    async with asyncio.timeout(BEGINS_WITHIN):
        return await connection.start_sftp_client(path_errors="surrogateescape")


async def _by_program(connection: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
    mark = secrets.token_hex(16)
    start = _START.format(mark=mark, programs=" ".join(PROGRAMS))
    async with asyncio.timeout(BEGINS_WITHIN):
        writer, reader, _ = await connection.open_session(script.bootstrap(mark), encoding=None)
        writer.write(script.script([start], mark))
        try:
            await reader.readuntil(f"\n{mark}\n".encode(), CHATTER)
        except BaseException:
            writer.channel.abort()
            raise
        loop = asyncio.get_running_loop()
        return await start_sftp_client(connection, loop, "strict", reader, writer, "utf-8", "surrogateescape", 3)
