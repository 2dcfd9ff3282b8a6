"""Makes a recovery kit: everything that a site needs on an empty computer, sealed into one new file."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from app import __version__
from app.foundation.blocking import Blocking
from app.foundation.errors import Problem, Refused, UserError
from app.foundation.events import Phase, Warned
from app.foundation.words import Text, text
from app.hosts import files
from app.jobs.kit.state import MADE, Told
from app.jobs.plan import Ctx, Plan, Step
from app.jobs.repositories import Repositories
from app.records.run import new_run_id
from app.settings.kit import Cost, KitContent, fingerprints, opened_kit, parsed_kit, sealed_kit
from app.settings.model import KIT_FINGERPRINT_KEY, REPOSITORY_PASSWORD, S3_SECRETS, THIS_COMPUTER, HostKind, Site
from app.settings.site_file import write

KIND = "kit"
WRONG = ("restic.wrong-password",)
"""What a repository says that makes a kit worthless; one that is only out of reach is no reason not to make one."""


class KitChoice(msgspec.Struct, frozen=True):
    """What was asked for: the new file."""

    target: str


class Known(msgspec.Struct, frozen=True):
    """What is stored for the site besides its settings: the names of its secrets, and its pinned host keys."""

    secrets: tuple[str, ...]
    host_keys: dict[str, str]


@dataclass
class MakingState:
    """What the steps hand on."""

    passphrase: str = field(repr=False)
    restic: str = ""
    repository_id: str = ""
    content: KitContent | None = None


def plan_kit(
    site: Site,
    choice: KitChoice,
    passphrase: str,
    known: Known,
    *,
    repositories: Repositories,
    blocking: Blocking,
    cost: Cost,
) -> Plan[MakingState]:
    """The making of a kit. Servers are not needed for it, so none is asked."""
    run = new_run_id()
    job = _Making(site, choice, known, repositories, blocking, cost, run)
    asked = msgspec.json.encode(choice).decode()
    return Plan(
        run=run,
        kind=KIND,
        site=without_hosts(site),
        choice=asked,
        key=f"{KIND} {run}",  # one with another passphrase may not join it
        steps=(
            Step("target", text("Look where the kit goes"), Phase.PREFLIGHT, job.expect_room),
            Step("repository", text("Open the repository"), Phase.PREFLIGHT, job.open_repository),
            Step("seal", text("Seal the kit, and open it again"), Phase.STAGE, job.seal),
        ),
        state=MakingState(passphrase),
        secrets=(REPOSITORY_PASSWORD, KIT_FINGERPRINT_KEY),
        optional_secrets=known.secrets,
    )


def without_hosts(site: Site) -> Site:
    """The site as a run sees it that works on this computer alone, such as when its servers are lost."""
    return msgspec.structs.replace(site, hosts=())


class _Making(msgspec.Struct, frozen=True):
    """One kit with everything it needs to know."""

    site: Site
    choice: KitChoice
    known: Known
    repositories: Repositories
    blocking: Blocking
    cost: Cost
    kit: str

    async def expect_room(self, ctx: Ctx, _state: MakingState) -> None:
        """Nothing may stand there, and the folder must be there."""
        target = Path(self.choice.target)
        if await ctx.host(THIS_COMPUTER).stat(str(target)) is not None:
            raise target_exists(str(target))
        if await ctx.host(THIS_COMPUTER).stat(str(target.parent)) is None:
            raise no_folder(str(target.parent))

    async def open_repository(self, ctx: Ctx, state: MakingState) -> None:
        """A kit with a wrong password would be worthless; a repository out of reach is told."""
        here, password = ctx.host(THIS_COMPUTER), ctx.secret(REPOSITORY_PASSWORD)
        try:
            opened = await self.repositories.open(here, self.site, password, await ctx.scratch(THIS_COMPUTER))
            state.restic = opened.version
            state.repository_id = (await opened.restic.config()).id
        except UserError as error:
            if error.code in WRONG:
                raise
            ctx.emit(Warned(warning=_unchecked(error.problem)))

    async def seal(self, ctx: Ctx, state: MakingState) -> None:
        """Writes the file and proves that the passphrase opens it."""
        content = self._content(ctx, state)
        sealed = await self.blocking.call("files", lambda: sealed_kit(content, self.kit, state.passphrase, self.cost))
        target = Path(self.choice.target)
        await self.blocking.call("files", partial(files.create, target, sealed))
        written = await ctx.host(THIS_COMPUTER).read(str(target))
        read = await self.blocking.call("files", lambda: opened_kit(parsed_kit(written), state.passphrase))
        if read != content:
            raise _not_as_written(str(target))
        marks = fingerprints(ctx.secret(KIT_FINGERPRINT_KEY), content.comparable())
        fields = Told(self.kit, content.made, marks).fields()
        await ctx.records.add_audit(getpass.getuser(), MADE, {**fields, "file": str(target)})
        state.content = content

    def _content(self, ctx: Ctx, state: MakingState) -> KitContent:
        names = (name for name in self.known.secrets if name != KIT_FINGERPRINT_KEY)
        return KitContent(
            site=self.site.name,
            made=datetime.now(UTC),
            who=getpass.getuser(),
            computer=platform.node(),
            overwinter=__version__,
            restic=state.restic,
            repository=self.site.repository.address,
            repository_id=state.repository_id,
            site_file=write(self.site),
            secrets={name: value for name in names if (value := ctx.secret(name))},
            host_keys=self.known.host_keys,
        )


def not_inside(site: Site, stored: Sequence[str]) -> list[Text]:
    """What the site may need and no kit of it holds."""
    needed = [name for name in site.repository.secret_names() if name != S3_SECRETS[2]]  # that one expires anyway
    missing = [text("The secret {name}: it is not stored here.", name=name) for name in needed if name not in stored]
    missing += [
        text("The key file {file} of {host}: keep a copy of it yourself.", file=host.key_file, host=host.name)
        for host in site.hosts if host.kind is HostKind.SSH and host.key_file
    ]  # fmt: skip
    if site.repository.address.startswith("rclone:"):
        missing.append(text("rclone's configuration (rclone.conf): keep a copy of it yourself."))
    return missing


def target_exists(target: str) -> Refused:
    """Nothing is ever replaced."""
    return Refused(
        text("There is something at {target} already.", target=target),
        text("Nothing was written, and what stands there is unchanged."),
        text("Choose a name that is free."),
        "kit.target-exists",
    )


def no_folder(folder: str) -> Refused:
    """The folder of a new file is missing."""
    return Refused(
        text("The folder {folder} is not there.", folder=folder),
        text("Nothing was written."),
        text("Make the folder, plug the disk in, or choose another."),
        "kit.no-folder",
    )


def _unchecked(why: Problem) -> Problem:
    return Problem(
        text("The repository could not be opened: {what}", what=why.what),
        text("The kit is made all the same, with the address and the password as they are stored here."),
        text("Test the kit when the repository can be reached: overwinter kit test FILE"),
        "kit.repository-unchecked",
        why.detail,
    )


def _not_as_written(target: str) -> UserError:
    return UserError(
        text("The kit at {target} does not read back as it was written.", target=target),
        text("It cannot be relied on; the disk may be failing."),
        text("Throw it away and make one on another disk."),
        "kit.not-as-written",
    )
