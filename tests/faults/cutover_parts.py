"""What takes part in the cutovers of the matrix: trees, a file, a folder that cannot be moved; a database is one more.

Each knows the old and the new one of itself, the effects that exchange them, and what is not whole afterwards.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.jobs.cutover.names import kept_tree, kept_within, stage_folder
from app.jobs.cutover.plan import Kept
from app.jobs.effects.every import AnyEffect
from app.jobs.effects.owning import GiveOwning, MakeFolder, Owning
from app.jobs.effects.paths import ClearPaths, ExchangePaths, KeepLive, RemoveTree, RenamePath, ReplaceFile
from app.jobs.effects.trading import TradePlaces
from app.settings.model import THIS_COMPUTER
from tests.trees import described

OLD, NEW = "old", "new"

LIVE_ENV = "APP_KEY=of the live site, changed since it was staged\n"
LIVE_LOG = "of the live site"


@dataclass(frozen=True)
class Left:
    """What may be left beside a site that is whole: what `is_staged`, and what was put aside by the run `kept_by`."""

    is_staged: bool = False
    kept_by: str = ""


class Part(ABC):
    """Something of the site that there is an old and a new one of."""

    @abstractmethod
    def fresh(self, run: str) -> None:
        """Puts the old one in its place, and the new one where that run stages it."""

    def closing(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  the others' signature
        """What goes before anything is exchanged."""
        return ()

    @abstractmethod
    def swapping(self, run: str) -> Sequence[AnyEffect]:
        """What exchanges it."""

    def opening(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  likewise
        """What makes it seen again, after everything is exchanged."""
        return ()

    def clearing(self, run: str, state: str) -> Sequence[AnyEffect]:  # noqa: ARG002  likewise
        """What is cleared away when the site is that for good."""
        return ()

    def kept(self, run: str) -> Sequence[Kept]:  # noqa: ARG002  likewise
        """What stays of the old one when the new one has taken its place."""
        return ()

    @abstractmethod
    def seen(self) -> str | None:
        """Which of the two a client gets now; None when it is refused."""

    def leave(self) -> None:
        """The client goes away."""
        return

    @abstractmethod
    def faults(self, state: str, left: Left) -> list[str]:
        """In what it is not wholly the old or the new one; `names` is in what says that too much or too little stands
        there."""


def different(expected: dict[str, tuple[object, ...]], found: dict[str, tuple[object, ...]]) -> list[str]:
    """The names under which two trees are not the same."""
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


class TreePart(Part):
    """A tree of files, exchanged whole."""

    def __init__(self, folder: Path, name: str, pristine: Path) -> None:
        self.live = folder / name
        self._pristine = pristine / name
        for version in (OLD, NEW):
            _make_tree(self._pristine / version, version)

    def stage(self, run: str) -> Path:
        """The folder that the new one is in, beside the live one."""
        return Path(stage_folder(str(self.live), run))

    def staged(self, run: str) -> Path:
        """Where the new one is."""
        return self.stage(run) / self.live.name

    def fresh(self, run: str) -> None:
        """The new one as the restore leaves it, private; the settings of the live one have changed since."""
        _copy(self._pristine / OLD, self.live)
        self.stage(run).mkdir(mode=0o700)
        _copy(self._pristine / NEW, self.staged(run))
        shutil.copy2(self.live / ".env", self.staged(run) / ".env")
        (self.live / ".env").write_text(LIVE_ENV)

    def closing(self, run: str) -> Sequence[AnyEffect]:
        """The live settings once more."""
        live, staged = str(self.live), str(self.staged(run))
        return [KeepLive(host=THIS_COMPUTER, live=live, staged=staged, path=".env", old=self.live.stat().st_ino)]

    def swapping(self, run: str) -> Sequence[AnyEffect]:
        """One exchange."""
        return [_exchange(self.live, self.staged(run), Path(kept_tree(str(self.live), run)))]

    def opening(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  the others' signature
        """The caches that are in it."""
        return [ClearPaths(host=THIS_COMPUTER, folder=str(self.live), patterns=("cache/*.php", "views/*/*"))]

    def clearing(self, run: str, state: str) -> Sequence[AnyEffect]:  # noqa: ARG002  likewise
        """The stage."""
        return [RemoveTree(host=THIS_COMPUTER, path=str(self.stage(run)))]

    def kept(self, run: str) -> Sequence[Kept]:
        """The tree that was live."""
        return [Kept(host=THIS_COMPUTER, name=kept_tree(str(self.live), run), fact=self.live.stat().st_ino)]

    def seen(self) -> str | None:
        """By a file of it; nothing stands there for a moment where names cannot be exchanged."""
        return _version(self.live)

    def faults(self, state: str, left: Left) -> list[str]:  # noqa: ARG002  likewise
        """Compared in everything, but for what is cleared and kept."""
        expected = described(self._pristine / state, without=("cache", "views", ".env"))
        found = described(self.live, without=("cache", "views", ".env"))
        cleared = state == NEW
        return [
            *(f"{self.live.name}: {name}" for name in different(expected, found)),
            *([] if bool(list((self.live / "cache").glob("*.php"))) != cleared else [f"{self.live.name}: its cache"]),
            *([] if (self.live / ".env").read_text() == LIVE_ENV else [f"{self.live.name}: its .env"]),
        ]


class FilePart(Part):
    """One file outside all trees."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "broker.conf"
        self._by = folder / "by"

    def fresh(self, run: str) -> None:  # noqa: ARG002  the others' signature
        """The old one, and the new one beside it."""
        self._by.mkdir()
        self._path.write_text(OLD)
        (self._by / "broker.conf").write_text(NEW)

    def swapping(self, run: str) -> Sequence[AnyEffect]:  # noqa: ARG002  likewise
        """One replacement."""
        return [
            ReplaceFile(
                host=THIS_COMPUTER,
                path=str(self._path),
                source=str(self._by / "broker.conf"),
                kept=str(self._by / "broker.conf.old"),
                before=hashlib.sha256(OLD.encode()).hexdigest(),
                after=hashlib.sha256(NEW.encode()).hexdigest(),
            )
        ]

    def clearing(self, run: str, state: str) -> Sequence[AnyEffect]:  # noqa: ARG002  likewise
        """Both have to stand as long as it may be taken back."""
        return [RemoveTree(host=THIS_COMPUTER, path=str(self._by))] if state == OLD else []

    def seen(self) -> str | None:
        """What stands in it."""
        return self._path.read_text()

    def faults(self, state: str, left: Left) -> list[str]:  # noqa: ARG002  likewise
        """What stands in it."""
        return [] if self._path.read_text() == state else [f"broker.conf: {self._path.read_text()}"]


class FixedRootPart(Part):
    """A folder that cannot be renamed itself, as a mount point cannot: what is in it is exchanged, name by name.

    It gets another owner and mode, and a log that no backup has goes over from the old `both` into the new one.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder / "volume"
        self._before = self._root / ".before"
        self._stage = self._root / ".stage"
        self._own = Owning(0, 0, 0)

    def fresh(self, run: str) -> None:  # noqa: ARG002  the others' signature
        """Each name as a folder with a word in it."""
        for version, place in ((OLD, self._root), (NEW, self._stage)):
            for name in self._names(version):
                (place / name).mkdir(parents=True)
                (place / name / "version").write_text(version)
            (place / "both" / "logs").mkdir()
        (self._root / "both" / "logs" / "log").write_text(LIVE_LOG)
        self._root.chmod(0o755)
        self._own = Owning(0o755, self._root.stat().st_uid, self._root.stat().st_gid)

    def _names(self, version: str) -> list[str]:
        return ["both", "gone" if version == OLD else "came"]

    def _owning(self, version: str) -> Owning:
        """Only root can give it away."""
        if version == OLD:
            return self._own
        return Owning(0o2751, *((33, 33) if self._own.uid == 0 else (self._own.uid, self._own.gid)))

    def swapping(self, run: str) -> Sequence[AnyEffect]:
        """As a restore does it one level down; the log is carried over when the two have changed places."""
        both, gone, came = self._root / "both", self._root / "gone", self._stage / "came"
        return [
            MakeFolder(host=THIS_COMPUTER, path=str(self._before)),
            _exchange(both, self._stage / "both", self._before / "both"),
            _rename(gone, self._before / "gone"),
            _rename(came, self._root / "came"),
            TradePlaces(
                host=THIS_COMPUTER,
                kept=str(self._before / "both"),
                old=both.stat().st_ino,
                path=str(self._before / "both" / "logs"),
                other=str(both / "logs"),
                aside=str(self._before / "both" / f".logs.overwinter-{run[:8]}"),
                first=(both / "logs").stat().st_ino,
                second=(self._stage / "both" / "logs").stat().st_ino,
            ),
            GiveOwning(host=THIS_COMPUTER, path=str(self._root), before=self._owning(OLD), after=self._owning(NEW)),
        ]

    def clearing(self, run: str, state: str) -> Sequence[AnyEffect]:  # noqa: ARG002  likewise
        """The stage."""
        return [RemoveTree(host=THIS_COMPUTER, path=str(self._stage))]

    def kept(self, run: str) -> Sequence[Kept]:  # noqa: ARG002  likewise
        """What is put into the folder for it."""
        return [
            Kept(host=THIS_COMPUTER, name=str(self._before / name), fact=(self._root / name).stat().st_ino)
            for name in self._names(OLD)
        ]

    def seen(self) -> str | None:
        """By the name that both have; it is not there for a moment."""
        return _version(self._root / "both")

    def faults(self, state: str, left: Left) -> list[str]:
        """By all names, the log, and the folder itself."""
        visible = {path.name: _version(path) for path in self._root.iterdir() if path.name in ("both", "gone", "came")}
        others = {path.name for path in self._root.iterdir()} - visible.keys()
        allowed = {".stage"} if left.is_staged else set()
        log, found = self._root / "both" / "logs" / "log", self._root.stat()
        owning = Owning(found.st_mode & 0o7777, found.st_uid, found.st_gid)
        return [
            *([] if visible == dict.fromkeys(self._names(state), state) else [f"volume: {visible}"]),
            *([] if log.exists() and log.read_text() == LIVE_LOG else ["volume: its log"]),
            *([] if owning == self._owning(state) else [f"volume: {owning}"]),
            *([] if others - allowed == self._put_aside(state, left) else [f"names of the volume: {others}"]),
        ]

    def _put_aside(self, state: str, left: Left) -> set[str]:
        if state == NEW:
            return {".before"}
        return {Path(kept_within(str(self._root), left.kept_by)).name} if left.kept_by else set()


def _exchange(live: Path, staged: Path, kept: Path) -> ExchangePaths:
    return ExchangePaths(
        host=THIS_COMPUTER,
        live=str(live),
        staged=str(staged),
        kept=str(kept),
        old=live.stat().st_ino,
        new=staged.stat().st_ino,
    )


def _rename(path: Path, target: Path) -> RenamePath:
    return RenamePath(host=THIS_COMPUTER, path=str(path), target=str(target), inode=path.stat().st_ino)


def _version(tree: Path) -> str | None:
    try:
        return (tree / "version").read_text()
    except FileNotFoundError:
        return None


def _copy(tree: Path, target: Path) -> None:
    """With its hard links, which Python's own does not keep."""
    subprocess.run(["cp", "-a", tree, target], check=True)


def _make_tree(root: Path, version: str) -> None:
    for folder in ("app", "cache", "views/deep", "storage"):
        (root / folder).mkdir(parents=True)
    (root / "version").write_text(version)
    (root / ".env").write_text("APP_KEY=of the live site when it was staged\n")
    for number in range(3):
        (root / "app" / f"{version}-{number}.php").write_bytes(os.urandom(500))
        (root / "cache" / f"{number}.php").write_text(version)
    (root / "views" / "deep" / "compiled").write_text(version)
    (root / "cache" / ".gitignore").write_text("*")
    (root / "link").symlink_to(f"app/{version}-0.php")
    os.link(root / "app" / f"{version}-1.php", root / "storage" / "the same")
    (root / "app" / f"{version}-2.php").chmod(0o640)
    (root / "storage").chmod(0o2770)
