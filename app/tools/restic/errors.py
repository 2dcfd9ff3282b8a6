"""What restic's exit codes and words mean for the person and the data."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from app.foundation.errors import Busy, Cancelled, Refused, UserError
from app.foundation.words import Text, text
from app.hosts.host import Ending, Finished
from app.tools.restic.names import shown
from app.tools.restic.output import Words

NO_REPOSITORY, LOCKED, WRONG_PASSWORD, INTERRUPTED = 10, 11, 12, 130

BROKEN_PIPE = 13
"""The signal of a program that writes to nobody."""

NOT_REMOVED = 3
"""restic's exit code for: `forget` could not remove a snapshot. 0.18 ends with 0 then, and only its words say it."""


READER_GONE = "restic.reader-gone"


class Attempt(msgspec.Struct, frozen=True):
    """What restic was asked about and where it writes; "" for what does not apply.

    `command` is the program whose output it was to save.
    """

    repository: str
    cache_folder: str
    temporary_folder: str = ""
    target: str = ""
    snapshot: str = ""
    path: str = ""
    command: str = ""


class DumpFailed(UserError):
    """The command whose output was to be saved failed; the repository is not to blame.

    `said` is what it wrote on its error channel, `ended` how restic saw it end, such as `exit status 1`.
    """

    def __init__(self, command: str, said: str, ended: str, detail: str) -> None:
        super().__init__(
            text("{command} failed ({ended}), so its output was not saved.", command=command, ended=ended),
            text("No snapshot of it was made; older ones are untouched."),
            text("Read below what the command said, and put that right."),
            "restic.dump-failed",
            said or detail,
        )
        self.said = said
        self.ended = ended


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock, as restic words it."""

    user: str
    computer: str
    pid: int
    since: str


def failure(finished: Finished, words: Words, attempt: Attempt) -> UserError:
    """The error that a restic which ended badly stands for."""
    if finished.code == -BROKEN_PIPE or _BROKEN_PIPE.search(words.why):
        return _reader_gone(words)
    if finished.ending is Ending.KILLED:
        return _killed(finished, words)
    known = _BY_CODE.get(finished.code)
    if known is not None:
        return known(words, attempt)
    if any(_SIGNALLED.search(line) for line in words.text):  # 0.18 ends with 1 then, not with 130
        return _interrupted(words, attempt)
    if attempt.command and (failed := _dump_failed(words, attempt.command)) is not None:
        return failed
    for pattern, explained in _BY_WORDS:
        if pattern.search(words.why) or any(pattern.search(why) for why in words.failures.values()):
            return explained(words, attempt)
    return _unknown(finished, words)


# --- by ending and exit code -----------------------------------------------------------------------------------------


def _killed(finished: Finished, words: Words) -> UserError:
    return UserError(
        text("restic was killed from outside (signal {signal}).", signal=-finished.code),
        text("It made no snapshot; it may have left a lock in the repository."),
        text("Check whether the computer ran out of memory, then try again."),
        "restic.killed",
        words.detail,
    )


_BROKEN_PIPE = re.compile(r"broken pipe|pipe is being closed", re.IGNORECASE)


def _reader_gone(words: Words) -> UserError:
    return UserError(
        text("Whatever read restic's output ended before restic."),
        text("Nothing was changed by this; the data is untouched."),
        text("Read in the log why the other program ended."),
        READER_GONE,
        words.detail,
    )


def _no_repository(words: Words, attempt: Attempt) -> UserError:
    return UserError(
        text("There is no repository at {repository}.", repository=attempt.repository),
        text("Nothing was written and nothing is lost."),
        text("Check the address and that its disk is plugged in, or create the repository."),
        "restic.no-repository",
        words.detail,
    )


_HOLDER = re.compile(
    r"locked (?:exclusively )?by PID (\d+) on (.+?) by (.+?) \(UID.*?\)(?:\nlock was created at (.+))?"
)


def holder(said: str) -> Holder | None:
    """Who holds the repository, out of restic's sentence."""
    found = _HOLDER.search(said)
    if found is None:
        return None
    pid, computer, user, since = found.groups()
    return Holder(user=user, computer=computer, pid=int(pid), since=since or "")


def _locked(words: Words, _attempt: Attempt) -> UserError:
    by = holder(words.why)
    who = (
        text("another restic")
        if by is None
        else text(
            "{user} on {computer} (process {pid}, since {since})",
            user=by.user,
            computer=by.computer,
            pid=by.pid,
            since=by.since,
        )
    )
    return Busy(
        text("The repository is locked by {who}.", who=who),
        text("Nothing was done, and nothing is wrong with the data."),
        text("Wait until that work has ended; if it died, remove its lock with `overwinter repo unlock`."),
        "restic.locked",
        words.detail,
    )


def _wrong_password(words: Words, attempt: Attempt) -> UserError:
    return UserError(
        text("The password does not open the repository at {repository}.", repository=attempt.repository),
        text("Nothing was read or written; the data is untouched."),
        text("Enter the password that the repository was made with; it stands on the recovery kit's page."),
        "restic.wrong-password",
        words.detail,
    )


def _interrupted(words: Words, _attempt: Attempt) -> UserError:
    return Cancelled(
        text("restic was interrupted from outside."),
        text("It made no snapshot and removed its lock; what it had uploaded is kept."),
        text("Start it again."),
        "restic.interrupted",
        words.detail,
    )


Explained = Callable[[Words, Attempt], UserError]

_BY_CODE: dict[int, Explained] = {
    NO_REPOSITORY: _no_repository,
    LOCKED: _locked,
    WRONG_PASSWORD: _wrong_password,
    INTERRUPTED: _interrupted,
}

# --- by words: exit code 1 says no more than that it failed ----------------------------------------------------------

_SIGNALLED = re.compile(r"^signal \w+ received")
_COMMAND_ENDED = re.compile(r"command failed: (.+)")
_COMMAND_NOT_STARTED = re.compile(r"failed to start command: (.+)", re.DOTALL)
_NO_RESULT = re.compile(r"unable to save snapshot: no result")
"""What restic says in place of a command's failure when its own end comes first."""


def _dump_failed(words: Words, command: str) -> UserError | None:
    said = "\n".join(words.command)
    if found := _COMMAND_ENDED.search(words.why):
        return DumpFailed(command, said, found.group(1).strip(), words.detail)
    if found := _COMMAND_NOT_STARTED.search(words.why):
        return DumpFailed(command, said or found.group(1), "not started", words.detail)
    if _NO_RESULT.search(words.why):
        return DumpFailed(command, said, "restic did not say how", words.detail)
    return None


def _newer_format(words: Words, attempt: Attempt) -> UserError:
    return UserError(
        text(
            "The repository at {repository} has a format that this restic does not know.", repository=attempt.repository
        ),
        text("Nothing was read or written; the data is untouched."),
        text("Install a newer restic, then try again."),
        "restic.newer-format",
        words.detail,
    )


def _already_there(words: Words, attempt: Attempt) -> UserError:
    return Refused(
        text("There is a repository at {repository} already.", repository=attempt.repository),
        text("It was left as it is."),
        text("Use it with its own password, or choose another attempt."),
        "restic.already-there",
        words.detail,
    )


def _no_space(words: Words, attempt: Attempt) -> UserError:
    where, code = _full_place(words.detail, attempt)
    return UserError(
        text("{place} is full.", place=where),
        text("Nothing that was saved before is harmed; what was under way is not complete."),
        text("Free space there, then try again; what is uploaded already is not uploaded twice."),
        code,
        words.detail,
    )


def _full_place(said: str, attempt: Attempt) -> tuple[Text, str]:
    if "restic-temp-" in said:
        return text("The folder for temporary files {folder}", folder=attempt.temporary_folder), "restic.temporary-full"
    if attempt.cache_folder in said:
        return text("The disk of restic's cache {folder}", folder=attempt.cache_folder), "restic.cache-full"
    if attempt.target and attempt.target in said:
        return text("The disk of the target {folder}", folder=attempt.target), "restic.target-full"
    return text("The disk of the repository {repository}", repository=attempt.repository), "restic.repository-full"


def _not_permitted(words: Words, attempt: Attempt) -> UserError:
    return UserError(
        text("restic may not read or write something that it needs."),
        text("The work was not done; the data is untouched."),
        text(
            "Give this user access to the path named below; the repository is at {repository}.",
            repository=attempt.repository,
        ),
        "restic.not-permitted",
        words.detail,
    )


def _read_only(words: Words, attempt: Attempt) -> UserError:
    return UserError(
        text("The repository at {repository} cannot be written to.", repository=attempt.repository),
        text("Its data is untouched; nothing new was saved."),
        text("Check that its disk is not write-protected and not mounted read-only."),
        "restic.read-only",
        words.detail,
    )


def _sources_missing(words: Words, _attempt: Attempt) -> UserError:
    return UserError(
        text("None of the files and folders to back up is there."),
        text("No snapshot was made; older ones are untouched."),
        text("Check the source's paths, and that its disk is mounted."),
        "restic.sources-missing",
        words.detail,
    )


def no_such_snapshot(words: Words, attempt: Attempt) -> UserError:
    """The repository does not know that snapshot."""
    return UserError(
        text("The repository holds no snapshot {snapshot}.", snapshot=attempt.snapshot),
        text("Nothing was read; it may have been removed by the retention policy."),
        text("List the snapshots and choose one of them."),
        "restic.no-such-snapshot",
        words.detail,
    )


_NOT_REMOVED = re.compile(r"^unable to remove .*snapshot")


def is_not_removed(words: Words) -> bool:
    """Whether a `forget` says that it could not remove a snapshot."""
    return any(_NOT_REMOVED.match(line) for line in words.text)


def not_removed(words: Words, attempt: Attempt) -> UserError:
    """The repository keeps what it was asked to let go."""
    return UserError(
        text("The repository at {repository} lets nothing be removed.", repository=attempt.repository),
        text("Old points stay and take room; new backups are not affected."),
        text(
            "Where the server is append-only on purpose, remove old points from a computer that may, and back up with"
            " --no-retention here. Otherwise see that this user may delete files in the repository."
        ),
        "restic.not-removed",
        words.detail,
    )


def no_such_path(words: Words, attempt: Attempt) -> UserError:
    """The snapshot holds nothing under that path."""
    return UserError(
        text("The snapshot holds nothing at {path}.", path=shown(attempt.path)),
        text("Nothing was read and nothing was written."),
        text("List the folder above it to see what the snapshot holds."),
        "restic.no-such-path",
        words.detail,
    )


def _damaged(words: Words, attempt: Attempt) -> UserError:
    return UserError(
        text("Something in the repository at {repository} is damaged.", repository=attempt.repository),
        text("What was being read cannot be trusted; other data may be whole."),
        text("Run a check of the repository, and use its second copy if there is one."),
        "restic.damaged",
        words.detail,
    )


def _data_missing(words: Words, attempt: Attempt) -> UserError:
    return UserError(
        text("The repository at {repository} lacks data that it should hold.", repository=attempt.repository),
        text("What was being read cannot be had from it; other data may be whole."),
        text("See that its disk is still there. If it is, run a check of the repository, and use its second copy."),
        "restic.data-missing",
        words.detail,
    )


def _unreachable(words: Words, attempt: Attempt) -> UserError:
    return UserError(
        text("The repository at {repository} did not answer.", repository=attempt.repository),
        text("Nothing was saved now; what is in the repository is untouched."),
        text("Check the network and the address, then try again."),
        "repository.unreachable",
        words.detail,
    )


def _unknown(finished: Finished, words: Words) -> UserError:
    return UserError(
        text("restic failed: {why}", why=words.why or text("exit code {code}", code=finished.code)),
        text("The work was not done; what the repository held before is untouched."),
        text("Read below what restic said; run a check of the repository if it speaks of damage."),
        "restic.failed",
        words.detail,
    )


def _said(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# Ordered: a full disk also damages and forbids things on its way.
_BY_WORDS: tuple[tuple[re.Pattern[str], Explained], ...] = (
    (_said(r"unsupported repository version|unsupported (config|repository) format"), _newer_format),
    (_said(r"config file already exists|already initialized"), _already_there),
    (_said(r"no space left on device|not enough space on the disk|disk quota exceeded|disk is full"), _no_space),
    (_said(r"all source directories/files do not exist|all target directories/files do not exist"), _sources_missing),
    (_said(r"no matching ID found|no snapshot found|multiple IDs with prefix"), no_such_snapshot),
    (_said(r"(load|find) snapshot.*(no such file|cannot find the file|not found|not exist)"), no_such_snapshot),
    (_said(r"<data/.*(no such file|cannot find the file|not exist|not found)"), _data_missing),
    (_said(r"(blob|tree|id) \S+ not found"), _data_missing),
    (_said(r"not found in snapshot|path .*: not found"), no_such_path),
    (_said(r"ciphertext verification failed|is damaged|hash mismatch|does not match|invalid data returned"), _damaged),
    (_said(r"read-only file system|write protected"), _read_only),
    (_said(r"permission denied|access is denied|operation not permitted"), _not_permitted),
    (_said(r"connection refused|no such host|network is unreachable|i/o timeout|no route to host"), _unreachable),
)
