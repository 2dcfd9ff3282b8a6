"""Files: a tree, or chosen parts of one, as it stands."""

from __future__ import annotations

import hashlib
import posixpath
import re
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from app.foundation.errors import Problem, UserError
from app.foundation.events import ItemStatus
from app.foundation.words import plural, text
from app.hosts.host import Host
from app.jobs.accounts import accounts_of
from app.jobs.manifest import TreeFacts
from app.jobs.plan import Ctx
from app.jobs.small_file import content_of
from app.jobs.sources.driver import Captured, Equipment, Intake
from app.settings.model import Source
from app.tools.restic.backup import Backup, Headway, Label, Selection
from app.tools.restic.names import as_pattern

OURS = ".overwinter-"
"""How the names of folders begin that restores put into a tree which cannot be moved."""

COMMIT = re.compile(r"[0-9a-f]{40,64}")


class FilesDriver:
    """Takes `root`, or the `include` parts of it, without the `exclude` parts."""

    def __init__(self, source: Source, _equipment: Equipment) -> None:
        self._source = source
        self._root = _path(source.root)

    async def capture(self, ctx: Ctx, intake: Intake) -> Captured:
        """One snapshot of the tree; partial when some of it could not be read, with the names."""
        host = ctx.host(self._source.host)
        present, absent = await self.parts(host)
        made = await intake.restic.backup(
            Selection(paths=tuple(present), excludes=self._excludes()),
            Label(self._source.host, intake.tags),
            lambda headway: _tell(intake, headway),
        )
        facts = TreeFacts(
            root=str(self._root),
            files=made.files,
            git_commit=await git_commit(host, self._root),
            composer_lock_sha256=await _sha256(host, self._root / "composer.lock"),
            accounts=await accounts_of(host),
        )
        return _captured(str(self._root), made, absent, facts)

    async def parts(self, host: Host) -> tuple[list[str], list[str]]:
        """What of the tree is there and what is not; restic 0.18 ends well when a part is missing, so we look first."""
        root = await host.stat(str(self._root))
        if root is None:
            raise _root_missing(self._source)
        wanted = [self._root / part for part in self._source.include] or [self._root]
        present = [str(path) for path in wanted if await host.stat(str(path)) is not None]
        absent = [str(path) for path in wanted if str(path) not in present]
        if not present:
            raise _root_missing(self._source)
        return present, absent

    def _excludes(self) -> tuple[str, ...]:
        """The excluded parts as restic's patterns, anchored at the root; `*` and `?` keep their meaning."""
        windows = isinstance(self._root, PureWindowsPath)
        root = as_pattern(str(self._root), windows=windows)
        excluded = (*self._source.exclude, f"{OURS}*")
        return tuple(str(_path(root, windows=windows) / part) for part in excluded)


def _path(path: str, *, windows: bool | None = None) -> PurePath:
    """A path of the source's own system, which need not be this computer's."""
    if windows is None:
        windows = not PurePosixPath(path).is_absolute()
    return PureWindowsPath(path) if windows else PurePosixPath(path)


def _tell(intake: Intake, headway: Headway) -> None:
    intake.pace.tell(
        headway.bytes,
        headway.total_bytes,
        files=headway.files,
        total_files=headway.total_files,
        current=headway.current,
    )


def _captured(root: str, made: Backup, absent: list[str], facts: TreeFacts) -> Captured:
    missing = (*absent, *(item.path for item in made.unreadable))
    count = len(absent) + made.unreadable_count
    return Captured(
        snapshot=made.snapshot,
        path=root,
        bytes=made.bytes,
        added=made.added,
        status=ItemStatus.PARTIAL if count else ItemStatus.SUCCESS,
        error=_incomplete(count, made) if count else None,
        missing=missing,
        missing_count=count,
        tree=facts,
    )


def _incomplete(count: int, made: Backup) -> Problem:
    return Problem(
        plural("{count} file could not be read.", "{count} files could not be read.", count),
        text("Everything else of this source is in the recovery point; these are not."),
        text("Look at their names and rights, then back up again."),
        "source.partly-unreadable",
        "\n".join(f"{item.path}: {item.why}" for item in made.unreadable),
    )


def _root_missing(source: Source) -> UserError:
    return UserError(
        text("The folder {root} of {source} is not there.", root=source.root, source=source.name),
        text("{source} is not in this recovery point; the other sources are.", source=source.name),
        text("Check that the disk is mounted and the path in the site's settings is right."),
        "source.root-missing",
    )


async def git_commit(host: Host, root: PurePath) -> str:
    """The commit that a checked-out tree stands at, "" when it is none or cannot be told."""
    head = await _first_line(host, root / ".git" / "HEAD")
    if not head.startswith("ref: "):
        return head if COMMIT.fullmatch(head) else ""
    name = posixpath.normpath(head.removeprefix("ref: "))
    if not name.startswith("refs/"):
        return ""
    loose = await _first_line(host, root / ".git" / name)
    return loose if COMMIT.fullmatch(loose) else await _packed_ref(host, root, name)


async def _packed_ref(host: Host, root: PurePath, name: str) -> str:
    for line in (await content_of(host, str(root / ".git" / "packed-refs"))).decode("utf-8", "replace").splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name and COMMIT.fullmatch(commit):
            return commit
    return ""


async def _first_line(host: Host, path: PurePath) -> str:
    return (await content_of(host, str(path))).decode("utf-8", "replace").partition("\n")[0].strip()


async def _sha256(host: Host, path: PurePath) -> str:
    content = await content_of(host, str(path))
    return hashlib.sha256(content).hexdigest() if content else ""
