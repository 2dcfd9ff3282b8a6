"""Stand-ins for outside programs: some write down how they are started and are then the real one, some lie."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# What the kernel gave the program is copied as it is. A dump that restic is told to start by its full path is started
# through its own stand-in, since no search path leads to it.
RECORDS_AND_IS_REAL = """#!/bin/sh
record=$(mktemp {records}/XXXXXXXX)
cat /proc/$$/cmdline > "$record.arguments"
cat /proc/$$/environ > "$record.environment"
for argument do
  shift
  case "$argument" in
    /*/pg_dump|/*/pg_dumpall) argument={folder}/$(basename "$argument") ;;
  esac
  set -- "$@" "$argument"
done
exec {real} "$@"
"""


@dataclass(frozen=True)
class Exec:
    """One start of a program: its arguments, and its environment, as the kernel has them."""

    arguments: tuple[str, ...]
    environment: tuple[str, ...]

    @property
    def program(self) -> str:
        """The name of the program that was stood in for; the first argument is the shell's."""
        return Path(self.arguments[1]).name

    @property
    def bytes(self) -> bytes:
        """Everything that anybody who may look at processes could see of it."""
        return os.fsencode("\0".join((*self.arguments, *self.environment)))


class Recorders:
    """Stand-ins that write down every start; `folder` goes first on the search path."""

    def __init__(self, home: Path, real: dict[str, Path]) -> None:
        """`real` names the program behind each stand-in."""
        self.folder = home / "recorders"
        self._records = home / "records"
        for made in (self.folder, self._records):
            made.mkdir()
        for name, program in real.items():
            script = RECORDS_AND_IS_REAL.format(
                records=shlex.quote(str(self._records)),
                folder=shlex.quote(str(self.folder)),
                real=shlex.quote(str(program)),
            )
            write_program(self.folder / name, script)

    def program(self, name: str) -> Path:
        """The stand-in of that name."""
        return self.folder / name

    def execs(self) -> list[Exec]:
        """Every start so far."""
        return [
            Exec(_strings(record), _strings(record.with_suffix(".environment")))
            for record in self._records.glob("*.arguments")
        ]

    def forget(self) -> None:
        """What was started so far does not count."""
        for record in self._records.iterdir():
            record.unlink()


def _strings(file: Path) -> tuple[str, ...]:
    return tuple(os.fsdecode(part) for part in file.read_bytes().split(b"\0")[:-1])


def write_program(path: Path, script: str) -> Path:
    """A script that can be started."""
    path.write_text(script)
    path.chmod(0o755)
    return path


def lying_restic(path: Path, real: Path, lies: Iterable[tuple[str, Sequence[str]]]) -> Path:
    """A restic that is the real one but for some commands: instead of each it does these lines of shell.

    In them `real` is the real restic with the arguments that were given.
    """
    cases = "".join(f"    {command})\n{_indented(lines)}\n      exit ;;\n" for command, lines in lies)
    script = (
        "#!/bin/sh\n"
        f'real() {{ {shlex.quote(str(real))} "$@"; }}\n'
        "for argument do\n"
        '  case "$argument" in\n'
        f"{cases}"
        "  esac\n"
        "done\n"
        f'exec {shlex.quote(str(real))} "$@"\n'
    )
    return write_program(path, script)


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"      {line}" for line in lines)
