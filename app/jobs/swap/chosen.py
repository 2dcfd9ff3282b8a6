"""Which sources of a point a swap is for, and what is said of those it cannot be for."""

from __future__ import annotations

from collections.abc import Sequence

from app.foundation.errors import Refused, UserError
from app.foundation.words import text
from app.jobs.manifest import SourceEntry
from app.jobs.restore.choice import SOURCE, RestoreChoice, Swap
from app.jobs.restore.contents import Contents, chosen, not_in_point
from app.jobs.sources.kinds import SWAPS
from app.jobs.swap.setting import Part
from app.settings.model import Site, Source, SourceKind

TREES = (SourceKind.FILES.value,)
DATABASES = tuple(kind.value for kind in SWAPS)
GO_ALONG = (SourceKind.POSTGRESQL_GLOBALS.value, SourceKind.MYSQL_USERS.value, SourceKind.RECORDS.value)
"""Parts of a point that take nobody's place: roles are only added to, and our own records are the past of a laptop."""


def parts_of_choice(site: Site, contents: Contents, choice: RestoreChoice) -> list[Part]:
    """What is swapped, databases first.

    Raises `Refused` `restore.swap-unsupported`, `restore.source-unknown`, `restore.not-in-point`.
    """
    entries = [entry for entry in chosen(contents, choice.scopes) if not _goes_along(entry, choice)]
    if not entries:
        raise _nothing_to_swap(contents)
    return [_part(site, contents, entry) for entry in entries]


def _goes_along(entry: SourceEntry, choice: RestoreChoice) -> bool:
    return entry.kind in GO_ALONG and f"{SOURCE}{entry.source}" not in choice.scopes


def _part(site: Site, contents: Contents, entry: SourceEntry) -> Part:
    if entry.kind not in (*TREES, *DATABASES):
        raise _unsupported(entry)
    if not entry.snapshot:
        raise _refused(not_in_point(contents.point, entry.source))
    if entry.kind in DATABASES and (entry.dump or entry.sql_dump or entry.copy) is None:
        raise _refused(not_in_point(contents.point, entry.source))
    found = next((one for one in site.sources if (one.name, one.kind.value) == (entry.source, entry.kind)), None)
    if found is None:
        raise _no_source(site, entry)
    return Part(entry, found)


def globals_of(site: Site, source: Source, contents: Contents) -> SourceEntry | None:
    """The roles of the same PostgreSQL server, where the point has them."""
    if source.kind is not SourceKind.POSTGRESQL:
        return None
    same = {
        one.name
        for one in site.sources
        if one.kind is SourceKind.POSTGRESQL_GLOBALS
        and (one.host, one.server, one.port) == (source.host, source.server, source.port)
    }
    return next((entry for entry in contents.entries if entry.source in same and entry.snapshot), None)


def phrase_of(site: str, contents: Contents, scopes: Sequence[str]) -> str:
    """What has to be typed before anything takes the place of what is live."""
    return f"RESTORE {site} {contents.point.short_id} {'+'.join(scopes)}"


def expect_possible(choice: RestoreChoice) -> None:
    """In place nothing is staged, and owners stay their numbers. Raises `Refused` `usage.in-place`."""
    target = choice.target
    if not isinstance(target, Swap) or not target.in_place:
        return
    if target.stage_only or target.cutover:
        raise _not_in_place("--stage-only, --cutover")
    if choice.by_name:
        raise _not_in_place("--owners names")


def expect_phrase(site: Site, contents: Contents, choice: RestoreChoice, typed: str) -> None:
    """Raises `Refused` `restore.not-confirmed` for any other phrase; a dry run needs none."""
    phrase = phrase_of(site.name, contents, choice.scopes)
    if not choice.dry_run and typed != phrase:
        raise _not_confirmed(phrase)


def _not_confirmed(phrase: str) -> Refused:
    return Refused(
        text("What is live is replaced only when this is typed: {phrase}", phrase=phrase),
        text("Nothing was changed."),
        text('Look with --dry-run what would change; then add --confirm "{phrase}".', phrase=phrase),
        "restore.not-confirmed",
    )


def _not_in_place(option: str) -> Refused:
    return Refused(
        text("{option} is not for what is restored in place (--mode sync).", option=option),
        text("Nothing was changed."),
        text("Leave it out, or use --mode swap."),
        "usage.in-place",
    )


def _refused(error: UserError) -> Refused:
    problem = error.problem
    return Refused(problem.what, text("Nothing was changed."), problem.next, problem.code)


def _unsupported(entry: SourceEntry) -> Refused:
    return Refused(
        text("{source} ({kind}) cannot be swapped in by this version.", source=entry.source, kind=entry.kind),
        text("Nothing was changed: trees of files, and databases are swapped."),
        text("Name the others (--scope source:NAME), and restore this one beside: --mode database:NAME or folder:DIR"),
        "restore.swap-unsupported",
    )


def _nothing_to_swap(contents: Contents) -> Refused:
    return Refused(
        text("What is meant of the point {point} takes nothing's place.", point=contents.point.short_id),
        text("Nothing was changed."),
        text("Restore it to a folder: --mode folder:DIR"),
        "restore.swap-unsupported",
    )


def _no_source(site: Site, entry: SourceEntry) -> Refused:
    return Refused(
        text("{site} has no source {source} of kind {kind} any more.", site=site.name, source=entry.source,
             kind=entry.kind),
        text("Nothing was changed: it is not known where it belongs."),
        text("Add the source to the site's settings, or restore it to a folder: --mode folder:DIR"),
        "restore.source-unknown",
    )  # fmt: skip
