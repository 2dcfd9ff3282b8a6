"""What of a site's software has to fit together: the key that its database is encrypted with, and its version."""

from __future__ import annotations

import hashlib

from app.foundation.errors import Problem, UserError
from app.foundation.events import Warned
from app.foundation.words import text
from app.hosts.host import Host
from app.jobs.manifest import SourceEntry
from app.jobs.plan import Ctx
from app.jobs.restore.contents import DATABASE_VALUES
from app.jobs.restore.folder import below, pure
from app.jobs.restore.setting import root_of
from app.jobs.small_file import content_of
from app.jobs.sources.files import git_commit
from app.jobs.swap.patterns import is_meant
from app.jobs.swap.setting import SwapSetting, SwapState
from app.settings.model import THIS_COMPUTER, Source, SourceKind
from app.tools.dotenv import variables

ENVIRONMENT = ".env"
KEY = "APP_KEY"


async def tell_software(setting: SwapSetting, state: SwapState, ctx: Ctx) -> None:
    """Warns where the database that is restored and the files that stay do not fit, or the other way about."""
    meant = {entry.source for entry in setting.base.entries}
    databases = any(entry.kind in DATABASE_VALUES for entry in setting.base.entries)
    for source in setting.site.sources:
        entry = next((one for one in setting.base.contents.entries if one.source == source.name), None)
        if entry is None or not entry.snapshot or source.kind is not SourceKind.FILES:
            continue
        comes_back = source.name in meant
        if not (comes_back and databases and not is_meant(ENVIRONMENT, source.keep_live)):
            await _compare_keys(setting, state, ctx, entry, source)
        if databases and not comes_back:
            await _compare_versions(ctx, entry, source)


async def _compare_keys(setting: SwapSetting, state: SwapState, ctx: Ctx, entry: SourceEntry, source: Source) -> None:
    live = _fingerprint(await _live(ctx.host(source.host), source))
    if not live:
        return
    content = bytearray()

    async def take(piece: bytes) -> None:
        content.extend(piece)

    tree = await setting.base.tree(ctx, THIS_COMPUTER, state, entry)
    try:
        await tree.dump(f"{root_of(entry)}/{ENVIRONMENT}", take)
    except UserError:  # the point has none, and then there is nothing to compare
        return
    then = _fingerprint(bytes(content))
    if then and then != live:
        ctx.emit(Warned(warning=_other_key(source, live, then)))


async def _live(host: Host, source: Source) -> bytes:
    return await content_of(host, str(below(source.root, ENVIRONMENT)))


def _fingerprint(content: bytes) -> str:
    """Of the key in a `.env`, "" where there is none; a key is 32 random bytes, which no fingerprint gives away."""
    key = variables(content).get(KEY, "")
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:8] if key else ""


async def _compare_versions(ctx: Ctx, entry: SourceEntry, source: Source) -> None:
    if entry.tree is None or not entry.tree.git_commit:
        return
    now = await git_commit(ctx.host(source.host), pure(source.root))
    if now and now != entry.tree.git_commit:
        ctx.emit(Warned(warning=_other_version(source, now, entry.tree.git_commit)))


def _other_key(source: Source, live: str, then: str) -> Problem:
    return Problem(
        text("{source} has another {key} now (fingerprint {live}) than in the point ({then}).", source=source.name,
             key=KEY, live=live, then=then),
        text("What the application stored encrypted can be read only with the key of its time; sessions end."),
        text("Look which {key} belongs to the data, and set it in the live {file} after the restore.", key=KEY,
             file=ENVIRONMENT),
        "restore.other-app-key",
    )  # fmt: skip


def _other_version(source: Source, now: str, then: str) -> Problem:
    return Problem(
        text("The software in {source} is at {now} now, and was at {then} in the point.", source=source.name,
             now=now[:10], then=then[:10]),
        text("The database comes back as that version had it."),
        text("Have a command of the site bring it up to date (when = after_restore, such as migrate --force)."),
        "restore.other-version",
    )  # fmt: skip
