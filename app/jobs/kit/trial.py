"""Tests a recovery kit: does it open, does it agree with what is stored here, does the repository open with it.

`plan_kit_test` opens the file with its passphrase; `plan_kit_comparison` needs neither, and compares fingerprints.
What was found goes into the audit log, from which `state` reads it.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from app.foundation.blocking import Blocking
from app.foundation.errors import Refused, UserError
from app.foundation.events import Phase
from app.foundation.words import plural, text
from app.jobs.kit.make import Known, without_hosts
from app.jobs.kit.state import COMPARED, FAIL, PASS, TESTED, UNCHECKED, KitState, Told
from app.jobs.plan import Ctx, OnFailure, Plan, Step
from app.jobs.repositories import Repositories
from app.records.run import new_run_id
from app.settings.kit import KitContent, SealedKit, comparable, fingerprints, opened_kit
from app.settings.model import KIT_FINGERPRINT_KEY, REPOSITORY_PASSWORD, THIS_COMPUTER, Site
from app.settings.site_file import read, write

KIND_TEST = "kit-test"
KIND_COMPARE = "kit-compare"
NOT_OPENING = frozenset({"restic.wrong-password", "kit.other-repository"})
"""What proves that a kit does not open the repository; anything else, such as a disk that is not plugged in, means that
it could not be found out."""


@dataclass
class TrialState:
    """What the steps hand on: which kit, what is known of it, and what was found.

    `inside` is what is in the kit, once it is open; `fingerprints` stand for it where it is not opened at all. `stale`
    names what is not as in the kit.
    """

    kit: str
    made: datetime
    fingerprints: Mapping[str, str]
    inside: KitContent | None = field(default=None, repr=False)
    outcome: str = UNCHECKED
    stale: tuple[str, ...] = ()


def plan_kit_test(
    site: Site, kit: SealedKit, passphrase: str, known: Known, *, repositories: Repositories, blocking: Blocking
) -> Plan[TrialState]:
    """The test of a kit's file, which is read already."""
    job = _Trial(site, known, repositories)
    state = TrialState(kit.header.kit, kit.header.made, {})

    async def open_kit(ctx: Ctx, state: TrialState) -> None:
        inside = await blocking.call("files", lambda: opened_kit(kit, passphrase))
        state.fingerprints = fingerprints(ctx.secret(KIT_FINGERPRINT_KEY), inside.comparable())
        state.inside = inside

    opening = Step("open", text("Open the kit with its passphrase"), Phase.PREFLIGHT, open_kit)
    return _plan(KIND_TEST, TESTED, job, state, (opening,))


def plan_kit_comparison(site: Site, newest: KitState, known: Known, repositories: Repositories) -> Plan[TrialState]:
    """The comparison of the newest kit that is known here with what is stored here, without the kit itself."""
    if newest.made is None:
        raise no_kit_known(site.name)
    if KIT_FINGERPRINT_KEY not in known.secrets:
        raise _fingerprints_lost()
    job = _Trial(site, known, repositories)
    return _plan(KIND_COMPARE, COMPARED, job, TrialState(newest.kit, newest.made, newest.fingerprints), ())


def _plan(
    kind: str, entry: str, job: _Trial, state: TrialState, first: tuple[Step[TrialState], ...]
) -> Plan[TrialState]:
    async def record(ctx: Ctx, state: TrialState) -> None:
        await job.record(ctx, state, entry)

    run = new_run_id()
    return Plan(
        run=run,
        kind=kind,
        site=without_hosts(job.site),
        choice=msgspec.json.encode({"kit": state.kit}).decode(),
        key=f"{kind} {run}",  # one with another passphrase may not join it
        steps=(
            *first,
            Step("compare", text("Compare it with what is stored here"), Phase.STAGE, job.compare),
            Step("repository", text("Open the repository with it"), Phase.STAGE, job.open_repository),
            Step("agree", text("See whether all agrees"), Phase.STAGE, job.judge, on_failure=OnFailure.PARTIAL),
            Step("record", text("Write down what was found"), Phase.FINISH, record),
        ),
        state=state,
        secrets=(KIT_FINGERPRINT_KEY,),
        optional_secrets=(REPOSITORY_PASSWORD, *job.known.secrets),
    )


class _Trial(msgspec.Struct, frozen=True):
    """One test with everything it needs to know."""

    site: Site
    known: Known
    repositories: Repositories

    def _here(self, ctx: Ctx) -> dict[str, str]:
        names = (name for name in self.known.secrets if name != KIT_FINGERPRINT_KEY)
        return comparable(write(self.site), {name: ctx.secret(name) for name in names}, self.known.host_keys)

    async def compare(self, ctx: Ctx, state: TrialState) -> None:
        """Names what is not as in the kit: changed, not in it, or not here any more."""
        here = fingerprints(ctx.secret(KIT_FINGERPRINT_KEY), self._here(ctx))
        names = sorted(here.keys() | state.fingerprints.keys())
        state.stale = tuple(name for name in names if here.get(name) != state.fingerprints.get(name))

    async def open_repository(self, ctx: Ctx, state: TrialState) -> None:
        """Opens the repository with what is in the kit; without the kit itself, with what agrees with it."""
        site, password, known_id = self.site, ctx.secret(REPOSITORY_PASSWORD), ""
        if state.inside is not None:
            site = read(state.inside.site_file).site
            password = state.inside.secrets.get(REPOSITORY_PASSWORD, "")
            known_id = state.inside.repository_id
        try:
            scratch = await ctx.scratch(THIS_COMPUTER)
            opened = await self.repositories.open(ctx.host(THIS_COMPUTER), site, password, scratch)
            found = (await opened.restic.config()).id
            if known_id and found != known_id:
                raise _other_repository(site.repository.address)
        except UserError as error:
            state.outcome = FAIL if error.code in NOT_OPENING else UNCHECKED
            raise
        state.outcome = PASS

    async def judge(self, _ctx: Ctx, state: TrialState) -> None:
        """Raises what is stale."""
        if state.stale:
            raise _stale(state.stale)

    async def record(self, ctx: Ctx, state: TrialState, entry: str) -> None:
        """Writes down what was found; of a kit that did not open nothing was."""
        if not state.fingerprints:
            return
        outcome = FAIL if state.stale else state.outcome
        told = Told(state.kit, state.made, state.fingerprints, outcome, state.stale)
        await ctx.records.add_audit(getpass.getuser(), entry, told.fields())


def no_kit_known(site: str) -> Refused:
    """There is nothing to compare with."""
    return Refused(
        text("No recovery kit of {site} is known here.", site=site),
        text("Nothing was compared."),
        text("Make one: overwinter kit make {site} FILE. One that was made elsewhere: overwinter kit test FILE",
             site=site),
        "kit.none-known",
    )  # fmt: skip


def _fingerprints_lost() -> Refused:
    return Refused(
        text("The key with which the kit is compared is not in the keyring any more."),
        text("Nothing was compared; the kit itself needs no such key."),
        text("Test the kit with its passphrase, which makes a new one: overwinter kit test FILE"),
        "kit.fingerprints-lost",
    )


def _stale(names: tuple[str, ...]) -> UserError:
    return UserError(
        plural(
            "This is not in the kit as it is here: {names}.",
            "These are not in the kit as they are here: {names}.",
            len(names),
            names=", ".join(names),
        ),
        text("What else is in it is right. The kit would bring back the old ones."),
        text("Make a new kit, put it away, and destroy this one."),
        "kit.stale",
    )


def _other_repository(address: str) -> UserError:
    return UserError(
        text("At {address} there is another repository than when the kit was made.", address=address),
        text("The kit opens it, but the recovery points of that time are somewhere else. Nothing was changed."),
        text("Find out where the old repository is; when this one is meant, make a new kit."),
        "kit.other-repository",
    )
