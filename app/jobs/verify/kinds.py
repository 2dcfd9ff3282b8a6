"""Who proves which kind of source: adding one is one file beside this one, and one line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from app.foundation.errors import UserError
from app.foundation.words import text
from app.jobs.plan import Ctx
from app.jobs.sources.driver import Equipment
from app.jobs.verify import files, mysql, postgresql, sqlite, statements
from app.jobs.verify.proof import Proving, Shown
from app.jobs.verify.throwaways import FOLDER, Remover, remove_folder
from app.settings.model import THIS_COMPUTER, Site, SourceKind

PROVERS: Mapping[str, Callable[[Ctx, Proving], Awaitable[Shown]]] = {
    SourceKind.FILES.value: files.prove,
    SourceKind.POSTGRESQL.value: postgresql.prove,
    SourceKind.POSTGRESQL_GLOBALS.value: statements.prove_roles,
    SourceKind.MYSQL.value: mysql.prove,
    SourceKind.MYSQL_USERS.value: statements.prove_accounts,
    SourceKind.SQLITE.value: sqlite.prove,
    SourceKind.RECORDS.value: sqlite.prove,
}


async def prove(ctx: Ctx, proving: Proving) -> Shown:
    """Proves one source; raises what `proof.is_wrong` calls wrong, or why it could not be told."""
    entry = proving.entry
    if not entry.snapshot:
        raise _not_in_the_point(entry.source)
    if entry.kind not in PROVERS:
        raise _unknown_kind(entry.kind)
    return await PROVERS[entry.kind](ctx, proving)


def removers(site: Site, equipment: Equipment) -> Mapping[str, Remover]:
    """How what each kind leaves over is removed."""
    hosts = frozenset({THIS_COMPUTER, *(host.name for host in site.hosts)})
    return {
        FOLDER: partial(remove_folder, hosts=hosts),
        postgresql.KIND: partial(postgresql.remove_left_over, site=site, equipment=equipment),
        mysql.KIND: partial(mysql.remove_left_over, site=site, equipment=equipment),
    }


def _not_in_the_point(source: str) -> UserError:
    return UserError(
        text("The recovery point does not hold it: its backup failed."),
        text("There is nothing to verify."),
        text("Mend what kept {source} from being backed up, then back up again.", source=source),
        "verify.not-in-point",
    )


def _unknown_kind(kind: str) -> UserError:
    return UserError(
        text("This version cannot verify sources of kind {kind}.", kind=kind),
        text("That says nothing about them."),
        text("Update Overwinter."),
        "verify.kind-unsupported",
    )
