"""The plan of a restore to another place: a folder that holds nothing, or a database of a new name.

Neither touches what is live, so neither asks for a typed phrase. The steps are `folder`'s and `database`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.foundation.errors import Refused, UserError
from app.foundation.words import text
from app.jobs.manifest import SourceEntry
from app.jobs.plan import Plan, Step
from app.jobs.repositories import Repositories
from app.jobs.restore.choice import Folder, NewDatabase, RestoreChoice, check_scopes
from app.jobs.restore.contents import Contents, chosen, not_in_point
from app.jobs.restore.database import DatabaseRestore
from app.jobs.restore.folder import FolderRestore, pure
from app.jobs.restore.setting import RestoreState, Setting, put_away
from app.jobs.sources.driver import Equipment
from app.jobs.sources.kinds import LOADERS
from app.records.run import DRY_RUN, new_run_id
from app.settings.model import REPOSITORY_PASSWORD, THIS_COMPUTER, Site, Source, SourceKind
from app.settings.paths import is_absolute

KIND = "restore"
KINDS = {kind.value for kind in LOADERS}


def plan_restore(
    site: Site,
    choice: RestoreChoice,
    contents: Contents,
    repositories: Repositories,
    equipment: Equipment,
    *,
    trigger: str = "manual",
) -> Plan[RestoreState]:
    """The steps of this restore of a point whose contents were read.

    Raises `UserError` for a choice that is none, and `Refused` `restore.…` for one that the point or the site cannot
    fulfil.
    """
    check_scopes(choice.scopes)
    setting = Setting(site, choice, contents, tuple(chosen(contents, choice.scopes)), repositories, new_run_id())
    if isinstance(choice.target, Folder):
        return _into_folder(setting, choice.target, trigger)
    assert isinstance(choice.target, NewDatabase), "what takes the place of the live one is planned by `swap.job`"
    return _as_database(setting, choice.target, equipment, trigger)


def _into_folder(setting: Setting, folder: Folder, trigger: str) -> Plan[RestoreState]:
    path = str(pure(folder.path)) if is_absolute(folder.path) else folder.path
    hosts = {folder.host or entry.host for entry in setting.entries}
    _expect_hosts(setting.site, hosts)
    return _plan(setting, FolderRestore(setting, Folder(path, folder.host)).steps(), hosts, [], trigger)


def _as_database(setting: Setting, database: NewDatabase, equipment: Equipment, trigger: str) -> Plan[RestoreState]:
    site, contents = setting.site, setting.contents
    entry, source = _the_database(site, contents, setting.entries)
    roles = _globals_for(site, source, contents) if setting.choice.make_roles else None
    alone = msgspec.structs.replace(setting, entries=(entry,))
    steps = DatabaseRestore(alone, database, entry, source, equipment, roles).steps()
    return _plan(alone, steps, {source.host}, [source], trigger)


def _plan(
    setting: Setting, steps: list[Step[RestoreState]], hosts: set[str], sources: list[Source], trigger: str
) -> Plan[RestoreState]:
    site, asked = setting.site, msgspec.json.encode(setting.choice).decode()
    of_sources = [name for source in sources for name in source.secret_names()]
    of_hosts = [name for host in sorted(hosts) for each in site.way_to(host) for name in each.secret_names()]
    return Plan(
        run=setting.run,
        kind=KIND,
        site=site,
        choice=asked,
        key=f"{KIND} {asked}",
        steps=tuple(steps),
        state=RestoreState(setting.repositories.ways(), setting.entries),
        close=put_away,
        secrets=(REPOSITORY_PASSWORD,),
        optional_secrets=tuple(dict.fromkeys((*of_sources, *of_hosts))),
        items=tuple(entry.source for entry in setting.entries),
        tags=(DRY_RUN,) if setting.choice.dry_run else (),
        trigger=trigger,
    )


def _expect_hosts(site: Site, hosts: set[str]) -> None:
    unknown = hosts - {THIS_COMPUTER, *(host.name for host in site.hosts)}
    if unknown:
        raise _no_such_host(site, min(unknown))


def _the_database(site: Site, contents: Contents, entries: Sequence[SourceEntry]) -> tuple[SourceEntry, Source]:
    """The one database that is meant, and where the site has it now."""
    able = [entry for entry in entries if entry.kind in KINDS]
    if len(able) != 1:
        raise _not_one_database(entries)
    (entry,) = able
    if not entry.snapshot:
        raise not_in_point(contents.point, entry.source)
    if not any((entry.dump, entry.sql_dump, entry.copy)):
        raise _without_manifest(contents)
    source = next((one for one in site.sources if (one.name, one.kind.value) == (entry.source, entry.kind)), None)
    if source is None:
        raise _no_such_source(site, entry)
    return entry, source


def _globals_for(site: Site, source: Source, contents: Contents) -> SourceEntry:
    """The roles of the same server, as the point has them."""
    same = {
        one.name
        for one in site.sources
        if one.kind is SourceKind.POSTGRESQL_GLOBALS
        and (one.host, one.server, one.port) == (source.host, source.server, source.port)
    }
    found = next((entry for entry in contents.entries if entry.source in same and entry.snapshot), None)
    if found is None:
        raise _no_globals(contents)
    return found


def _not_one_database(entries: Sequence[SourceEntry]) -> UserError:
    names = ", ".join(entry.source for entry in entries if entry.kind in KINDS)
    return UserError(
        text("A new name is for one database, and these are meant: {sources}", sources=names or "-"),
        text("Nothing was started."),
        text("Name the one database: --scope source:NAME"),
        "usage.one-database",
    )


def _no_such_source(site: Site, entry: SourceEntry) -> Refused:
    return Refused(
        text(
            "{site} has no source {source} of kind {kind} any more.",
            site=site.name,
            source=entry.source,
            kind=entry.kind,
        ),
        text("Nothing was changed: it is not known on which server the new database is to be."),
        text("Add the source to the site's settings, or restore its dump to a folder: --mode folder:DIR"),
        "restore.source-unknown",
    )


def _no_such_host(site: Site, host: str) -> Refused:
    return Refused(
        text("{site} has no host {host} any more.", site=site.name, host=host),
        text("Nothing was changed."),
        text("Restore to this computer: --host this-computer"),
        "restore.host-unknown",
    )


def _without_manifest(contents: Contents) -> Refused:
    return Refused(
        text("The recovery point {point} has no manifest.", point=contents.point.short_id),
        text("Nothing was changed: what the new database has to be like is not known."),
        text("Restore the dump to a folder and load it by hand: --mode folder:DIR"),
        "restore.no-manifest",
    )


def _no_globals(contents: Contents) -> Refused:
    return Refused(
        text("The recovery point {point} does not hold the roles of that server.", point=contents.point.short_id),
        text("Nothing was changed."),
        text("Leave --make-roles out and create missing roles by hand; add a source of kind postgresql-globals."),
        "restore.no-globals",
    )
