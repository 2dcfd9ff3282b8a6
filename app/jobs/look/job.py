"""The whole look at a host: walk, read what was met, fit it into the site."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence

import msgspec

from app.foundation.words import Text, plural, text
from app.hosts.file_errors import shown
from app.hosts.host import Host
from app.jobs.look.broker import FOLDERS as BROKER_FOLDERS
from app.jobs.look.broker import brokers
from app.jobs.look.clues import ClueKind, Clues
from app.jobs.look.compose import projects
from app.jobs.look.databases import nobody_names, servers_that_listen, sqlite_files
from app.jobs.look.found import Finding, Found
from app.jobs.look.laravel import laravel, laravel_by_releases
from app.jobs.look.proposals import Proposal, proposed
from app.jobs.look.python_services import services_by_environments, services_by_units
from app.jobs.look.walk import Limits, Walk, Walked
from app.settings.model import Site, Source, SourceKind

USUAL = ("/var/www", "/srv", "/opt", "/var/lib", *BROKER_FOLDERS)
"""Where sites usually are; the home of whoever logs in comes with them."""

_LIMITS = Limits()
_NAMED = 10  # folders that are told by name, of those that could not be looked into


class Look(msgspec.Struct, frozen=True):
    """What a look at a host came to: proposals, what a person should know, and how far it came."""

    host: str
    proposals: tuple[Proposal, ...]
    notes: tuple[Text, ...]
    walked: Walked


async def look(site: Site, host: Host, under: Sequence[str] = (), limits: Limits = _LIMITS) -> Look:
    """Looks below the folders `under`, or where sites usually are. Raises what keeps the host from being reached."""
    clues = Clues()
    walked = await Walk(host, limits, clues.visit).through(under or await _usual(host))
    findings: list[Finding] = []
    ports: frozenset[int] = frozenset()
    try:
        async with asyncio.timeout(limits.seconds):
            await _follow(host, clues, findings, everywhere=not under)
            ports = frozenset() if under else await servers_that_listen(host)
    except TimeoutError:
        findings.append(
            Finding(notes=(text("Not all that was met could be read in time. Look closer: --under FOLDER"),))
        )
    made = proposed(site, host.name, _all(findings))
    sources = [*site.sources, *(source for one in made.proposals for source in one.parts.sources)]
    notes = [note for finding in findings for note in finding.notes]
    listening = nobody_names(ports, _ports_of(sources, host.name))
    return Look(host.name, made.proposals, (*notes, *made.notes, *listening, *_limits_told(walked)), walked)


async def _usual(host: Host) -> tuple[str, ...]:
    facts = await host.facts()
    home = {"root": "/root", "": ""}.get(facts.user, f"/home/{facts.user}")
    return (*USUAL, *((home,) if home and facts.system == "linux" else ()))


async def _follow(host: Host, clues: Clues, findings: list[Finding], *, everywhere: bool) -> None:
    """Reads what the clues lead to, and adds what comes of it one by one: what was read until then stands."""

    async def keep(reading: Awaitable[Finding]) -> None:
        findings.append(await reading)

    for clue in clues.of(ClueKind.COMPOSE):
        await keep(projects(host, clue))
    for clue in clues.of(ClueKind.RELEASES):
        await keep(laravel_by_releases(host, clue.folder))
    for clue in clues.of(ClueKind.LARAVEL):
        await keep(laravel(host, clue.folder))
    if everywhere:
        await keep(services_by_units(host))
    known = [found.place for found in _all(findings) if found.place]
    findings.append(services_by_environments(clues.of(ClueKind.VIRTUALENV), known))
    await keep(brokers(host, clues.of(ClueKind.MOSQUITTO)))
    files = [str(found.values.get("db_file", "")) for found in _all(findings)]
    await keep(sqlite_files(host, clues.of(ClueKind.SQLITE), files))


def _all(findings: Iterable[Finding]) -> list[Found]:
    return [found for finding in findings for found in finding.found]


def _ports_of(sources: Iterable[Source], host: str) -> set[int]:
    return {source.port for source in sources if source.host == host and source.kind is not SourceKind.FILES}


def _limits_told(walked: Walked) -> Iterable[Text]:
    """What was not seen is said, never passed over."""
    if walked.cut:
        yield text(
            "There is more than a look goes through ({count} folders were seen). Look closer: --under FOLDER",
            count=walked.folders,
        )
    if walked.closed:
        yield plural(
            "{count} folder may not be read by this account: {folders}",
            "{count} folders may not be read by this account: {folders}",
            len(walked.closed),
            folders=_some(walked.closed),
        )
    if walked.mounts:
        yield text("Other file systems were not entered: {folders}", folders=_some(walked.mounts))


def _some(folders: Sequence[str]) -> str:
    return ", ".join((*map(shown, folders[:_NAMED]), *(("…",) if len(folders) > _NAMED else ())))
