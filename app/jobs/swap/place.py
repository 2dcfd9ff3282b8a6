"""Where a tree stands on its host, by what name it really goes, and what it is called while it is swapped."""

from __future__ import annotations

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.words import text
from app.hosts.host import Command, FileKind, FileStat, Host
from app.jobs.cutover.names import kept_tree, kept_within
from app.jobs.manifest import SourceEntry
from app.jobs.restore.checks import UNCHANGED
from app.jobs.restore.folder import below, pure
from app.jobs.sources.files import OURS
from app.settings.model import Source

WINDOWS = "windows"


class Place(msgspec.Struct, frozen=True):
    """A tree of the site. `root` is its real path, with no link in it; `found` what stands there, None for nothing.

    `asked` is the path in the site file, `system` that of its host. One that cannot be moved itself is swapped one
    level `down`: everything in it, one after the other.
    """

    source: str
    host: str
    asked: str
    root: str
    system: str
    found: FileStat | None = None
    down: bool = False

    @property
    def room(self) -> str:
        """The folder on whose file system the restored tree is put."""
        return self.root if self.down else self.parent

    @property
    def parent(self) -> str:
        """The folder that the tree is in."""
        return str(pure(self.root).parent)

    @property
    def name(self) -> str:
        """Its own name."""
        return pure(self.root).name

    def stage(self, run: str) -> str:
        """The folder that a run puts the restored tree into: on the same file system, closed to others."""
        if self.down:
            return str(below(self.root, f"{OURS}stage-{run[:8]}"))
        return str(below(self.parent, f".{self.name}.overwinter-stage-{run[:8]}"))

    def before(self, run: str) -> str:
        """What the tree that was live is called when a run has put another in its place; one level down, the folder
        that holds what was in it.
        """
        if self.down:
            return kept_within(self.root, run)
        return kept_tree(self.root, run)


async def place_of(host: Host, source: Source) -> Place:
    """Looks where the tree of a source is. Raises `Refused` `restore.…` for what cannot be swapped at all."""
    system = (await host.facts()).system
    asked = str(pure(source.root))
    found = await host.stat(asked)
    if found is not None and found.kind not in (FileKind.FOLDER, FileKind.LINK):
        raise _no_folder(source, host)
    root = await _real(host, asked, system) if found is not None else await _real_missing(host, asked, system)
    real = await host.stat(root)
    if real is not None and real.kind is not FileKind.FOLDER:
        raise _no_folder(source, host)
    if pure(root).parent == pure(root):
        raise whole_disk(root, host)
    return Place(source.name, host.name, asked, root, system, real)


async def _real_missing(host: Host, asked: str, system: str) -> str:
    """A tree that is gone comes back where it was: the folder above has to be there."""
    parent, name = str(pure(asked).parent), pure(asked).name
    if await host.stat(parent) is None:
        raise _nothing_above(parent, host)
    return str(below(await _real(host, parent, system), name))


async def _real(host: Host, folder: str, system: str) -> str:
    """The path without links; Windows' own kind of them (junctions) is seen as no folder."""
    if system == WINDOWS:
        return folder
    try:
        done = await host.run(Command("pwd", ("-P",), folder=folder))
    except UserError as error:
        if error.code != "host.program-not-startable":
            raise
        raise _closed_to_us(folder, host, error.problem.detail) from error
    if done.code != 0:
        raise _closed_to_us(folder, host, done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")


def stored_name(entry: SourceEntry) -> str:
    """The name of the tree in its snapshot."""
    return pure(entry.path).name


def _no_folder(source: Source, host: Host) -> Refused:
    return Refused(
        text("{path} on {host} is no folder.", path=source.root, host=host.name),
        text("Nothing was changed; what stands there is untouched."),
        text("Move it away, or correct the folder of {source} in the site's settings.", source=source.name),
        "restore.root-no-folder",
    )


def whole_disk(root: str, host: Host) -> Refused:
    """A tree that is the root of everything."""
    return Refused(
        text("{path} on {host} is a whole disk, which cannot be swapped.", path=root, host=host.name),
        UNCHANGED,
        text("Restore to a folder and move what is needed by hand: --mode folder:DIR"),
        "restore.root-whole-disk",
    )


def _nothing_above(above: str, host: Host) -> Refused:
    return Refused(
        text("The folder {folder} is not there on {host}.", folder=above, host=host.name),
        UNCHANGED,
        text("Make the folder, or mount its disk; then restore again."),
        "restore.no-folder",
    )


def _closed_to_us(folder: str, host: Host, said: str) -> Refused:
    return Refused(
        text("The folder {folder} on {host} cannot be entered.", folder=folder, host=host.name),
        UNCHANGED,
        text("Use an account that may, or correct its rights."),
        "restore.root-unreadable",
        said,
    )
