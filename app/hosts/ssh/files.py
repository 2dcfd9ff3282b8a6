"""Small questions about files on a server, durable writes, careful removal: by SFTP, and by the shell for what SFTP
does not tell (inodes, nanoseconds, mounts)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import posixpath
import re
import secrets
import stat as modes
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar, cast

import asyncssh
import msgspec

from app.foundation.errors import UserError
from app.hosts import file_errors
from app.hosts import files as local_files
from app.hosts.host import WHILE_COPIED, Entry, FileKind, FileStat, Finished, HostFacts, Listing
from app.hosts.running import Patience, finish
from app.hosts.ssh import errors, process
from app.hosts.ssh.exchange import BY_PERL, BY_PYTHON, EXCHANGE, NO_WAY, NOTHING_THERE
from app.hosts.ssh.links import LinkedServer
from app.hosts.ssh.script import FIND, Leftover, decoded, encoded

T = TypeVar("T")

Transfer = asyncssh.SFTPClient
Error = Callable[[str, str], UserError]

ELF = "7f454c46"
MACHINE = slice(36, 40)
"""Where an ELF file says, in hexadecimal, what machine it is for."""

GONE = (
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPNoConnection,
    asyncssh.DisconnectError,
    asyncssh.ChannelOpenError,
    OSError,
)

_KINDS = {modes.S_IFREG: FileKind.FILE, modes.S_IFDIR: FileKind.FOLDER, modes.S_IFLNK: FileKind.LINK}

# GNU, then busybox (whole seconds), then BSD and macOS; the mode is in hexadecimal, with the kind of file in it.
_STAT = """\
LC_ALL=C;export LC_ALL;f='%f %s %.9Y %u %g %i %d'
s=$(stat -c "$f" -- "$1" 2>/dev/null);case $s in *'?'*|*%*|'')
s=$(stat -c '%f %s %Y %u %g %i %d' -- "$1" 2>/dev/null)||s=$(stat -f '%Xp %z %Fm %u %g %i %d' -- "$1");esac;echo "$s"
"""

_WHICH = FIND + 'find "$1";printf %s "$found"'

_FACTS = "uname -n;uname -s;uname -m;id -un"

_REAL_AND_MOUNTS = 'cd -P -- "$1"&&pwd -P&&echo //&&{ cat /proc/self/mounts 2>/dev/null||mount;}'

_REMOVE = """\
rm -rf -- "$1" 2>/dev/null&&exit
[ -d "$1" ]&&[ ! -L "$1" ]&&find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \\; 2>/dev/null
rm -rf -- "$1"
"""

# Of the program and of the shell itself: what kind of machine an ELF file is for (its bytes 19 and 20).
_MACHINES = """\
[ -f "$1" ]&&case $(ls -ldL -- "$1") in -*x*)echo yes;;*)echo no;;esac
for f in "$1" /bin/sh;do od -An -tx1 -N20 -- "$f" 2>/dev/null|tr -d ' \\n';echo;done
echo //;cat /proc/self/mounts 2>/dev/null||mount
"""

_SCRATCH = "b=${XDG_CACHE_HOME:-$HOME/.cache}/overwinter/scratch\n"

_FORGOTTEN_AFTER = 2
"""Days after which temporary files of a run that never came back are removed."""

_MAKE_SCRATCH = (
    _SCRATCH
    + f"""\
umask 077;mkdir -p "$b" 2>/dev/null;[ -w "$b" ]||b=${{TMPDIR:-/tmp}}
[ "${{b%/scratch}}" = "$b" ]||
find "$b" -mindepth 1 -maxdepth 1 -mtime +{_FORGOTTEN_AFTER} -exec rm -rf {{}} + 2>/dev/null
d=$(mktemp -d "$b/$1-XXXXXXXX")&&printf %s "$d"
"""
)

_REMOVE_SCRATCH = _SCRATCH + 'for f in "$b/$1"-* "${TMPDIR:-/tmp}/$1"-*;do [ -d "$f" ]&&rm -rf -- "$f";done;:'

_KEPT_FOLDER = """\
umask 077;d=${XDG_CACHE_HOME:-$HOME/.cache}/overwinter/kept/$1
mkdir -p -- "$d"&&chmod 700 "$d"&&printf %s "$d"
"""

PIECE = 4 * 1024 * 1024
SHA256_DIGITS = 64

# The first program for it that is there; all of them begin their answer with the digits.
_SHA256 = f"""\
[ -f "$1" ]||{{ [ -e "$1" ]||exit {NOTHING_THERE};echo 'not a regular file' >&2;exit 1;}}
for t in sha256sum 'shasum -a 256' 'openssl dgst -sha256 -r' 'sha256 -q';do
command -v "${{t%% *}}" >/dev/null&&{{ $t <"$1";exit;}};done
echo 'no program there tells a SHA-256' >&2;exit 1
"""

_COPY = f"""\
[ -e "$1" ]||[ -L "$1" ]||exit {NOTHING_THERE}
{{ [ -f "$1" ]&&[ ! -L "$1" ];}}||{{ echo 'not a regular file' >&2;exit {NO_WAY};}}
umask 077;rm -f -- "$2";cp -a -- "$1" "$2"
"""

_REMOVE_MATCHING = """\
[ -d "$1" ]||{ [ ! -e "$1" ]&&exit;echo 'not a folder' >&2;exit 1;}
find "$1/." ! -name . -prune -name "$2" -type d -exec chmod -R u+rwX {} + 2>/dev/null
find "$1/." ! -name . -prune -name "$2" -exec rm -rf {} +
"""

_FREE = """LC_ALL=C df -Pk -- "$1"|awk 'NR==2{print $4}'"""


class _Mount(msgspec.Struct, frozen=True):
    """Where a file system is mounted, and how."""

    point: str
    options: str


class RemoteFiles:
    """The files of one server, as a run works on them."""

    def __init__(self, server: LinkedServer, patience: Patience, run: str) -> None:
        self._server = server
        self._run = run
        self._patience = patience
        self._facts: HostFacts | None = None

    async def which(self, program: str) -> str | None:
        """The absolute path under which `program` would be started, never from the current folder."""
        if not program or "\0" in program or ("/" in program and not program.startswith("/")):
            return None
        return _text((await self._ask(_WHICH, program)).stdout) or None

    async def facts(self) -> HostFacts:
        """What is known of this server; asked once."""
        if self._facts is None:
            said = _text((await self._ask(_FACTS)).stdout).splitlines()
            computer, system, machine, user = (*said, "", "", "", "")[:4]
            self._facts = HostFacts(computer, system.lower(), machine, user)
        return self._facts

    async def stat(self, path: str) -> FileStat | None:
        """What stands at `path`; None when nothing does. SFTP, which is quick, says whether; the shell says what."""
        if "\0" in path:
            raise file_errors.unreadable(path, "a NUL in its name")
        try:
            await self._read_by(path, lambda sftp: sftp.lstat(encoded(path)))
        except UserError as error:
            if error.code == "host.file-missing":
                return None
            if error.code != "host.no-sftp":
                raise
        return await self._details(path)

    async def why_not_started(self, program: str) -> UserError | None:
        """What keeps a program that is there from being started: its file system, or its kind of machine."""
        path = program if program.startswith("/") else await self.which(program)
        if path is None or "\0" in path:
            return None
        said, _, mounts = (await self._ask(_MACHINES, path)).stdout.partition(b"\n//\n")
        startable, *headers = said.decode("ascii", "replace").split("\n")
        if startable != "yes":
            return None
        ours, theirs = (*headers, "", "")[:2]
        if ours.startswith(ELF) and theirs.startswith(ELF) and ours[MACHINE] != theirs[MACHINE]:
            return errors.other_architecture(
                self._server.name, program, f"machine {ours[MACHINE]}, not {theirs[MACHINE]}"
            )
        return self._not_from_there(program, posixpath.dirname(path), mounts)

    def _not_from_there(self, program: str, folder: str, mounts: bytes) -> UserError | None:
        above = [mount for mount in _mounts(mounts) if f"{folder}/".startswith(mount.point.rstrip("/") + "/")]
        last = max(reversed(above), key=lambda mount: len(mount.point), default=None)
        if last is None or "noexec" not in last.options:
            return None
        return errors.may_not_run_there(self._server.name, program, last.point)

    async def _details(self, path: str) -> FileStat | None:
        done = await self._ask(_STAT, path)
        said = done.stdout.split()
        if len(said) != 7:
            if b"No such file" in done.stderr or b"Not a directory" in done.stderr:
                return None
            raise file_errors.unreadable(path, _text(done.stderr))
        mode = int(said[0], 16)
        whole, _, part = said[2].partition(b".")
        modified = int(whole) * 10**9 + int(part[:9].ljust(9, b"0") or b"0")
        kind = _KINDS.get(modes.S_IFMT(mode), FileKind.OTHER)
        size, uid, gid, inode, device = (int(said[number]) for number in (1, 3, 4, 5, 6))
        return FileStat(kind, size, modified, modes.S_IMODE(mode), uid, gid, inode, device)

    async def read(self, path: str, limit: int) -> bytes:
        """A small regular file's content. Pipes and devices are not even opened: that could hang."""

        async def read(sftp: Transfer) -> bytes:
            name = encoded(path)
            found = await sftp.stat(name)
            if not modes.S_ISREG(found.permissions or 0):
                raise file_errors.unreadable(path, "not a regular file")
            async with sftp.open(name, "rb") as file:
                content: bytes = await file.read(limit + 1)
                return content

        if "\0" in path:
            raise file_errors.unreadable(path, "a NUL in its name")
        content = await self._read_by(path, read)
        if len(content) > limit:
            raise file_errors.too_big(path, limit)
        return content

    async def free_space(self, path: str) -> int:
        """Free bytes for this user on the file system of `path`."""

        async def ask(sftp: Transfer) -> int:
            found = await sftp.statvfs(encoded(path))
            return found.bavail * found.frsize

        try:
            return await self._read_by(path, ask)
        except UserError as error:
            if error.code not in ("host.no-sftp", "host.file-unreadable"):
                raise
        done = await self._ask(_FREE, path)
        if not done.stdout.strip().isdigit():
            raise file_errors.missing(path)
        return int(done.stdout) * 1024

    async def write_durably(self, path: str, content: bytes, mode: int, temporary: str) -> None:
        """Temporary name in the same folder, sync, rename over the old one, sync the folder."""

        async def pieces() -> AsyncIterator[bytes]:
            yield content

        await self._place(path, len(content), mode, pieces, temporary)

    async def upload(self, source: Path, path: str, mode: int) -> None:
        """Brings a file of this computer there, as durably."""
        files = self._server.blocking
        opened = await files.call("files", lambda: local_files.open_regular(source))

        async def pieces() -> AsyncIterator[bytes]:
            while piece := await files.call("files", lambda: opened.read(PIECE)):
                yield piece

        try:
            size = await files.call("files", lambda: os.fstat(opened.fileno()).st_size)
            await self._place(path, size, mode, pieces)
        finally:
            await finish(asyncio.create_task(files.call("files", opened.close)))

    async def sha256(self, path: str) -> str:
        """The SHA-256 of a file's content as it stands there, told by a program there."""
        if "\0" in path:
            raise file_errors.unreadable(path, "a NUL in its name")
        done = await self._ask(_SHA256, path)
        if done.code == NOTHING_THERE:
            raise file_errors.missing(path)
        said = _text(done.stdout)[:SHA256_DIGITS]
        if done.code != 0 or len(said) != SHA256_DIGITS:
            raise file_errors.unreadable(path, _text(done.stderr) or _text(done.stdout))
        return said

    async def _place(
        self, path: str, size: int, mode: int, pieces: Callable[[], AsyncIterator[bytes]], called: str = ""
    ) -> None:
        if "\0" in path + called:
            raise file_errors.unwritable(path, "a NUL in its name")
        folder, name = posixpath.dirname(path), encoded(path)
        temporary = encoded(called or posixpath.join(folder, f".overwinter-{secrets.token_hex(8)}.tmp"))

        async def write(sftp: Transfer) -> None:
            if called:
                with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                    await sftp.remove(temporary)
            try:
                await self._write(sftp, temporary, pieces(), mode)
                await sftp.posix_rename(temporary, name)
            except BaseException as error:
                await finish(asyncio.create_task(self._take_away(sftp, temporary, path, size, error)))
                raise
            await self._sync_folders(sftp, folder)

        await self._write_by(path, write)

    async def rename(self, path: str, target: str) -> None:
        """Never replaces: what stands at the target is looked for, and the plain rename of SFTP refuses as well."""
        if "\0" in path + target:
            raise file_errors.unwritable(target, "a NUL in its name")

        async def rename(sftp: Transfer) -> None:
            if not await sftp.lexists(encoded(path)):
                raise file_errors.missing(path)
            if await sftp.lexists(encoded(target)):
                raise file_errors.taken(target)
            try:
                await sftp.rename(encoded(path), encoded(target))
            except asyncssh.SFTPFailure as refused:  # the one word for every reason
                if await sftp.lexists(encoded(target)):  # somebody else was a moment quicker
                    raise file_errors.taken(target) from refused
                raise
            await self._sync_folders(sftp, *{posixpath.dirname(path), posixpath.dirname(target)})

        await self._write_by(target, rename)

    async def exchange(self, path: str, target: str) -> None:
        """Exchanged by the best means that the server has; then made to last."""
        if "\0" in path + target:
            raise file_errors.unwritable(path, "a NUL in its name")
        done = await self._ask(EXCHANGE, path, target, BY_PYTHON, BY_PERL)
        if done.code == NOTHING_THERE:
            raise file_errors.missing(path if await self.stat(path) is None else target)
        if done.code == NO_WAY:
            raise file_errors.no_exchange(path, _text(done.stderr))
        if done.code != 0:
            raise file_errors.unwritable(path, _text(done.stderr))
        await self._sync_parents(path, target)

    async def _sync_parents(self, *paths: str) -> None:
        for folder in {posixpath.dirname(path) for path in paths}:
            await self.sync(folder)

    async def sync(self, folder: str) -> None:
        """Makes the names in a folder last."""
        await self._write_by(folder, lambda sftp: self._sync_folders(sftp, folder))

    async def copy(self, source: str, path: str) -> None:
        """Copied by the server's own cp under another name, synced, and put in its place."""
        if "\0" in source + path:
            raise file_errors.unwritable(path, "a NUL in its name")
        folder, name = posixpath.split(path)
        temporary = posixpath.join(folder, WHILE_COPIED.format(name=name))
        try:
            await self._copy_under(source, temporary, path)
            await self._write_by(path, lambda sftp: self._put_in_place(sftp, temporary, path))
        except BaseException:
            await finish(asyncio.create_task(self._discard(temporary)))
            raise

    async def _discard(self, temporary: str) -> None:
        try:
            await self._ask('rm -f -- "$1"', temporary)
        except UserError:  # the connection is gone
            self._server.leave(Leftover('rm -f -- "$1"', (temporary,)))

    async def _copy_under(self, source: str, temporary: str, path: str) -> None:
        done = await self._ask(_COPY, source, temporary)
        if done.code == NOTHING_THERE:
            raise file_errors.missing(source)
        if done.code == NO_WAY:
            raise file_errors.unreadable(source, _text(done.stderr))
        if done.code != 0:
            full = "No space left" in _text(done.stderr)
            raise (file_errors.full if full else file_errors.unwritable)(path, _text(done.stderr))

    async def _put_in_place(self, sftp: Transfer, temporary: str, path: str) -> None:
        async with sftp.open(encoded(temporary), asyncssh.FXF_READ, encoding=None) as file:
            await self._sync(file)
        await sftp.posix_rename(encoded(temporary), encoded(path))
        await self._sync_folders(sftp, posixpath.dirname(path))

    async def entries(self, folder: str, limit: int) -> Listing:
        """At most `limit` names of a folder, links not followed."""
        if "\0" in folder:
            raise file_errors.unreadable(folder, "a NUL in its name")

        async def read(sftp: Transfer) -> Listing:
            name = encoded(folder)
            if not modes.S_ISDIR((await sftp.lstat(name)).permissions or 0):
                raise file_errors.unreadable(folder, "not a folder")
            # It is a generator, which has to be closed here for the server to close the folder.
            names = cast("AsyncGenerator[asyncssh.SFTPName, None]", sftp.scandir(name))
            async with contextlib.aclosing(names):
                return await _first(names, limit)

        return await self._read_by(folder, read)

    async def make_scratch(self, name: str) -> str:
        """A new private folder for temporary files of one run."""
        done = await self._ask(_MAKE_SCRATCH, name)
        if not done.stdout:
            raise file_errors.unwritable("~/.cache/overwinter/scratch", _text(done.stderr))
        return _text(done.stdout)

    async def remove_scratch(self, name: str) -> None:
        """Removes the folders that `make_scratch(name)` made and nobody removed."""
        await self._ask(_REMOVE_SCRATCH, name)

    async def kept_folder(self, name: str) -> str:
        """A private folder that stays there from run to run."""
        done = await self._ask(_KEPT_FOLDER, name)
        if done.code != 0:
            raise file_errors.unwritable(f"~/.cache/overwinter/kept/{name}", _text(done.stderr))
        return _text(done.stdout)

    async def remove_tree(self, path: str) -> None:
        """Removes what stands at `path` and all below; where something is mounted below nothing is removed at all."""
        if "\0" in path:
            raise file_errors.unwritable(path, "a NUL in its name")
        path = path.rstrip("/") or "/"
        await self._refuse_mounts(path)
        done = await self._ask(_REMOVE, path)
        if done.code != 0:
            raise file_errors.unwritable(path, _text(done.stderr))

    async def remove_matching(self, folder: str, pattern: str) -> None:
        """Removes all of a folder whose name fits, by one program there."""
        if "\0" in folder + pattern:
            raise file_errors.unwritable(folder, "a NUL in its name")
        folder = folder.rstrip("/") or "/"
        await self._refuse_mounts(folder)
        done = await self._ask(_REMOVE_MATCHING, folder, pattern)
        if done.code != 0:
            raise file_errors.unwritable(folder, _text(done.stderr))

    async def _refuse_mounts(self, path: str) -> None:
        """A link is removed, not followed, so the place of the link counts, not what it names."""
        said = (await self._ask(_REAL_AND_MOUNTS, posixpath.dirname(path))).stdout
        parent, found, mounts = said.partition(b"\n//\n")
        if not found:
            return  # no such folder, so nothing is in it
        real = posixpath.join(decoded(parent), posixpath.basename(path))
        for mount in _mounts(mounts):
            if f"{mount.point}/".startswith(f"{real}/"):
                raise file_errors.mounted(path, mount.point)

    async def _write(self, sftp: Transfer, temporary: bytes, pieces: AsyncIterator[bytes], mode: int) -> None:
        flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_EXCL
        private = asyncssh.SFTPAttrs(permissions=0o600)
        async with sftp.open(temporary, flags, private, encoding=None) as file:
            await file.chmod(mode)
            async for piece in pieces:
                await file.write(piece)
            await self._sync(file)

    async def _sync(self, file: asyncssh.SFTPClientFile) -> None:
        """Makes it last; where the server has no such request, all of its disks are synced."""
        try:
            await file.fsync()
        except asyncssh.SFTPOpUnsupported:
            await self._ask("sync")

    async def _sync_folders(self, sftp: Transfer, *folders: str) -> None:
        """Makes the names in a folder last. OpenSSH opens a folder as it does a file; others may not."""
        for folder in folders:
            try:
                async with sftp.open(encoded(folder or "/"), asyncssh.FXF_READ, encoding=None) as opened:
                    await self._sync(opened)
            except GONE:
                raise
            except asyncssh.SFTPError:
                await self._ask("sync")

    async def _take_away(self, sftp: Transfer, temporary: bytes, path: str, size: int, why: BaseException) -> None:
        """Removes what a write left half done; SFTP does not say that a disk is full, so the disk is asked before."""
        full = isinstance(why, asyncssh.SFTPFailure) and await _is_full(sftp, posixpath.dirname(path), size)
        if isinstance(why, GONE):
            self._server.leave(Leftover('rm -f -- "$1"', (decoded(temporary),)))
        with contextlib.suppress(asyncssh.SFTPError, OSError):  # it was never made, or the connection is gone
            await sftp.remove(temporary)
        if full:
            raise file_errors.full(path, str(why)) from why

    async def _read_by(self, path: str, work: Callable[[Transfer], Awaitable[T]]) -> T:
        """What `work` reads; it changes nothing, so where the connection turns out to be dead it is done again."""
        try:
            return await self._by_sftp(path, work, file_errors.unreadable)
        except UserError as error:
            if error.code != "host.cut":
                raise
        return await self._by_sftp(path, work, file_errors.unreadable)

    async def _write_by(self, path: str, work: Callable[[Transfer], Awaitable[None]]) -> None:
        await self._by_sftp(path, work, file_errors.unwritable)

    async def _by_sftp(self, path: str, work: Callable[[Transfer], Awaitable[T]], refused: Error) -> T:
        try:
            return await work(await self._server.sftp())
        except GONE as error:
            self._server.link.drop_sftp()
            raise errors.cut(self._server.name, file_errors.shown(path)) from error
        except asyncssh.SFTPNoSuchFile as error:
            reading = refused is file_errors.unreadable
            raise (file_errors.missing(path) if reading else refused(path, error.reason)) from error
        except asyncssh.SFTPError as error:
            raise refused(path, error.reason) from error

    async def _ask(self, source: str, *arguments: str) -> Finished:
        async with self._server.link.programs:
            return await process.ask(self._server, source, *arguments, patience=self._patience, run=self._run)


async def _first(names: AsyncIterator[asyncssh.SFTPName], limit: int) -> Listing:
    """The first names, but for the folder itself and the one above. The attributes are those of links themselves."""
    found: list[Entry] = []
    cut = False
    async for each in names:
        name = decoded(each.filename) if isinstance(each.filename, bytes) else each.filename
        if name in (".", ".."):
            continue
        if cut := len(found) == limit:
            break
        found.append(Entry(name, _KINDS.get(modes.S_IFMT(each.attrs.permissions or 0), FileKind.OTHER)))
    return Listing(tuple(sorted(found, key=lambda entry: entry.name)), cut)


async def _is_full(sftp: Transfer, folder: str, size: int) -> bool:
    try:
        found = await sftp.statvfs(encoded(folder or "/"))
    except asyncssh.SFTPError:
        return False
    return found.bavail * found.frsize < size or (found.files > 0 and found.favail == 0)


def _mounts(said: bytes) -> list[_Mount]:
    """As Linux lists them (odd characters as octal numbers), or as `mount` says them elsewhere."""
    found = []
    for line in decoded(said).splitlines():
        if (told := re.search(r" on (/.*) \((.*)\)$", line)) is not None:
            found.append(_Mount(told[1], told[2]))
        elif len(words := line.split(" ")) > 3:
            found.append(_Mount(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), words[1]), words[3]))
    return found


def _text(said: bytes) -> str:
    return decoded(said).removesuffix("\n")
