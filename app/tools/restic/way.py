"""How restic on another host reaches a repository that is served from here, with nothing to find of it there.

The address holds credentials (worthless after the run), so it is neither an argument nor in the environment nor in a
file: a shell reads it as the first line of the input, puts it into a pipe, and becomes restic, which drains that pipe
as its `--repository-file` and then reads its password as the next line of the input.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

import msgspec

from app.hosts.host import Command

T = TypeVar("T")

SHELL = "sh"
ADDRESS_OPTIONS = ("--repository-file", "/dev/fd/3")

# The shell *becomes* restic, so an interrupt reaches restic itself. Its `read` takes no byte too many.
_READS_ADDRESS = 'IFS= read -r address; exec "$0" "$@" 3<<end\n$address\nend\n'
# Shells of old (bash before 5.1) put such a document into a file without a name; a dump may not read it once more.
_CLOSES_ADDRESS = 'exec "$0" "$@" 3<&-'


class Way(Protocol):
    """A repository that is served to another host, as long as a run needs it."""

    @property
    def address(self) -> str:
        """Where restic finds it there; a secret, since it holds the credentials."""

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Does `work` while the way stands; when it breaks, ends the work and raises why."""


def through(command: Command, address: str) -> Command:
    """The command of a restic with `ADDRESS_OPTIONS` among its arguments, given this address."""
    return msgspec.structs.replace(
        command,
        program=SHELL,
        arguments=("-c", _READS_ADDRESS, command.program, *command.arguments),
        stdin=address.encode() + b"\n" + command.stdin,
    )


def child(program: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """A program for such a restic to start, which has nothing of the address."""
    return (SHELL, "-c", _CLOSES_ADDRESS, program, *arguments)
