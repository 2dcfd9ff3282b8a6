"""What a restic repository can be asked to do; each method is one run of restic, and its result is typed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

import msgspec

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Host
from app.tools.restic.backup import (
    INCOMPLETE,
    LONGEST_ARGUMENTS,
    Backup,
    Label,
    Progress,
    Selection,
    Watch,
    dump_empty,
    no_summary,
    outcome,
    refuse_relative,
)
from app.tools.restic.errors import NOT_REMOVED, is_not_removed, no_such_snapshot, not_removed
from app.tools.restic.output import AnyMessage, Config, Found, Initialized, Lock, Snapshot, Stats
from app.tools.restic.session import Repository, Session
from app.tools.restic.tree import Tree
from app.tools.restic.way import Way

FORGOTTEN_AT_ONCE = LONGEST_ARGUMENTS // 65
"""So many ids, of 64 characters each, are named to one restic."""


class Restic:
    """One restic program at work on one repository. What is inside its snapshots is asked of `Tree`."""

    def __init__(self, host: Host, program: str, repository: Repository, password: str, way: Way | None = None) -> None:
        """`program` is the path of a fit restic on `host`; `way` leads to the repository where that is far away.

        Raises `Refused` `repository.credentials-in-address`, `repository.not-absolute`, `restic.password-unusable`.
        """
        self.session = Session(host, program, repository, password, way)

    async def init(self) -> str:
        """Makes the repository and gives its id; raises `restic.already-there` when there is one."""
        made: list[str] = []

        def take(said: AnyMessage) -> None:
            if isinstance(said, Initialized):
                made.append(said.id)

        answer = await self.session.follow(self.session.attempt(), ["init"], take)
        if not made:
            raise no_summary(answer.words)
        return made[0]

    async def config(self, *, lock: bool = True) -> Config:
        """The repository's identity; also the cheapest test of address, password, format and (with `lock`) locks."""
        answer = await self.session.ask(self.session.attempt(), "cat", "config", *([] if lock else ["--no-lock"]))
        return answer.document(Config)

    async def snapshots(self, tags: Sequence[str] = (), *, lock: bool = False) -> list[Snapshot]:
        """All snapshots that carry every one of `tags`, oldest first.

        A locked repository lists them too, unless it is to be locked (with `lock`) as work on it would.
        """
        options = [*([] if lock else ["--no-lock"]), *([f"--tag={','.join(tags)}"] if tags else [])]
        answer = await self.session.ask(self.session.attempt(), "snapshots", *options)
        return answer.document(list[Snapshot])

    async def forget(self, snapshots: Sequence[str]) -> None:
        """Removes these snapshots, by their full ids; their data stays until `prune`. Those that are gone are no error.

        Raises `restic.not-removed` when the repository keeps any of them; others may be gone then.
        """
        attempt = self.session.attempt()
        for first in range(0, len(snapshots), FORGOTTEN_AT_ONCE):
            some = snapshots[first : first + FORGOTTEN_AT_ONCE]
            answer = await self.session.run(attempt, ["forget", *some], accept=frozenset({0, NOT_REMOVED}))
            if answer.finished.code == NOT_REMOVED or is_not_removed(answer.words):
                raise not_removed(answer.words, attempt)

    async def prune(self) -> None:
        """Frees what no snapshot needs any more; may be interrupted at any moment, and takes a while."""
        await self.session.run(self.session.attempt(), ["prune"])

    async def stats(self, *, lock: bool = True) -> Stats:
        """What the repository's data takes; reads every tree, so it takes minutes where there are many files.

        Without a lock nobody waits for it meanwhile, and it may fail where somebody removes something.
        """
        options = [] if lock else ["--no-lock"]
        answer = await self.session.ask(self.session.attempt(), "stats", "--mode", "raw-data", *options)
        return answer.document(Stats)

    async def locks(self) -> list[Lock]:
        """Who holds the repository now."""
        attempt = self.session.attempt()
        listed = await self.session.ask(attempt, "list", "locks", "--no-lock")
        found: list[Lock] = []
        for name in listed.finished.stdout.decode("ascii", "replace").split():
            answer = await self.session.ask(attempt, "cat", "lock", name, "--no-lock")
            found.append(msgspec.structs.replace(answer.document(Lock), id=name))
        return found

    async def find(self, pattern: str, snapshot: str = "", *, ignore_case: bool = False) -> list[Found]:
        """Files and folders whose name (or path, where it holds a "/") matches a glob, in one or all snapshots."""
        attempt = self.session.attempt(snapshot=snapshot)
        options = [*(["--snapshot", snapshot] if snapshot else []), *(["--ignore-case"] if ignore_case else [])]
        answer = await self.session.ask(attempt, "find", *options, "--", pattern)
        if any(line.startswith("Ignoring ") for line in answer.words.text):  # restic calls that success
            raise no_such_snapshot(answer.words, attempt)
        return answer.document(list[Found])

    def tree(self, snapshot: str) -> Tree:
        """What is inside one snapshot, named by its id."""
        return Tree(self.session, snapshot)

    async def unlock(self) -> None:
        """Removes the locks of processes of this computer that are gone, and those older than half an hour.

        Those of work that goes on, here or elsewhere, stay (restic manual, "unlock").
        """
        await self.session.run(self.session.attempt(), ["unlock"])

    async def backup(self, selection: Selection, label: Label, progress: Progress | None = None) -> Backup:
        """Takes files and folders into a snapshot. What could not be read is named in the result (`partial`)."""
        refuse_relative(selection.paths)
        listed = await self._list_file(selection.paths)
        targets = ["--files-from-raw", listed] if listed else ["--", *selection.paths]
        arguments = ["backup", *label.arguments(), *selection.arguments(), *targets]
        try:
            return await self._backed_up(arguments, selection.paths, progress)
        finally:
            if listed:
                await self.session.host.remove_tree(listed)

    async def backup_one_file(self, folder: str, name: str, label: Label, progress: Progress | None = None) -> Backup:
        """Takes the file `name` of `folder` so that it is `/name` in the snapshot, whole or not at all.

        The one place where restic is given a relative path: its tree then holds the bare name.
        """
        refuse_relative([folder])
        made = await self._backed_up(["backup", *label.arguments(), "--", name], [name], progress, folder=folder)
        if made.partial:
            raise UserError(
                text("The file {name} could not be read.", name=name),
                text("It is not in the backup."),
                text("Check the folder {folder}, then try again.", folder=folder),
                "restic.file-unreadable",
                "\n".join(f"{item.path}: {item.why}" for item in made.unreadable),
            )
        return made

    async def backup_output(
        self, command: Command, filename: str, label: Label, progress: Progress | None = None
    ) -> Backup:
        """Takes what `command` writes as `/filename`. A command that fails leaves no snapshot: raises `DumpFailed`.

        `command` is a child of restic: it gets an empty standard input, restic's environment and its own added.
        """
        watch = Watch(progress)
        arguments = ["backup", *label.arguments(), "--stdin-from-command", "--stdin-filename", filename]
        answer = await self.session.follow(
            self.session.attempt(command=command.program),
            [*arguments, "--", *self.session.child(command.program, command.arguments)],
            watch.take,
            environment=command.environment,
            folder=command.folder,
            accept=frozenset({0, INCOMPLETE}),
        )
        made = outcome(answer.finished.code, watch.summary, answer.words, ())
        if made.partial:
            raise dump_empty(command.program, made.snapshot)
        return made

    async def _backed_up(
        self, arguments: Sequence[str], paths: Sequence[str], progress: Progress | None, folder: str = ""
    ) -> Backup:
        watch = Watch(progress)
        answer = await self.session.follow(
            self.session.attempt(), arguments, watch.take, folder=folder, accept=frozenset({0, INCOMPLETE})
        )
        return outcome(answer.finished.code, watch.summary, answer.words, paths)

    async def _list_file(self, paths: Sequence[str]) -> str:
        """A file that holds the paths, NUL-separated, when they are too many for a command line; else ""."""
        names = [path.encode("utf-8", "surrogateescape") for path in paths]
        folder = self.session.repository.temporary_folder
        if not folder or sum(map(len, names)) <= LONGEST_ARGUMENTS:
            return ""
        listed = _inside(folder, f"paths-{secrets.token_hex(8)}")
        await self.session.host.write_durably(listed, b"".join(name + b"\0" for name in names))
        return listed


def _inside(folder: str, name: str) -> str:
    """A path on the host, whose system may not be ours."""
    path = PurePosixPath(folder) if PurePosixPath(folder).is_absolute() else PureWindowsPath(folder)
    return str(path / name)
