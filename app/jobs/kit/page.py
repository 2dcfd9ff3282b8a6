"""What the printed page of a site says: where the repository is, its password in clear, and plain commands in order.

It must work alone: with restic and the database's own programs, without Overwinter, without the kit.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath

import msgspec

from app.foundation.words import Language, Text, text
from app.jobs.kit.typed import Typed
from app.jobs.tags import COMPLETE, MANIFEST, site_tag
from app.settings.check_characters import marked, without_marks
from app.settings.model import (
    MYSQL_KINDS,
    POSTGRESQL_KINDS,
    REPOSITORY_PASSWORD,
    REST_SECRETS,
    S3_SECRETS,
    THIS_COMPUTER,
    Site,
    Source,
    SourceKind,
)
from app.settings.site_file import write
from app.tools.mysql.server import Server as MysqlServer

PROSE_WIDTH = 110
IN_ONE_CODE = 900
"""Characters of one QR code that a phone still reads off paper."""

_VARIABLES = {
    S3_SECRETS[0]: "AWS_ACCESS_KEY_ID",
    S3_SECRETS[1]: "AWS_SECRET_ACCESS_KEY",
    S3_SECRETS[2]: "AWS_SESSION_TOKEN",
    REST_SECRETS[0]: "RESTIC_REST_USERNAME",
    REST_SECRETS[1]: "RESTIC_REST_PASSWORD",
}
_FIRST = {SourceKind.POSTGRESQL_GLOBALS: 0, SourceKind.MYSQL_USERS: 0}
_MAINTENANCE = "postgres"


class Section(msgspec.Struct, frozen=True):
    """A step: what to know, then what to type, each line with its mark."""

    title: Text
    prose: tuple[Text, ...]
    lines: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Section({self.title})"


class Code(msgspec.Struct, frozen=True):
    """What one QR code holds."""

    title: Text
    content: str

    def __repr__(self) -> str:
        return f"Code({self.title})"


class Page(msgspec.Struct, frozen=True):
    """The whole page. It holds secrets."""

    title: Text
    sections: tuple[Section, ...]
    site_file: str

    def __repr__(self) -> str:
        return f"Page({self.title})"

    def text(self, language: Language) -> str:
        """The page as text, a section after the other; what is to be typed stands alone in its line."""
        parts = [language.render(self.title)]
        for section in self.sections:
            said = [textwrap.fill(language.render(one), PROSE_WIDTH) for one in section.prose]
            parts.append("\n".join([language.render(section.title), *said, *section.lines]))
        return "\n\n".join([*parts, self.site_file])

    def codes(self) -> list[Code]:
        """To be scanned instead of typed: all lines in their order, without their marks, then the site file."""
        lines = _in_pieces("\n".join(without_marks([line for section in self.sections for line in section.lines])))
        site_file = _in_pieces(self.site_file)
        return [
            *(Code(text("Lines, {number} of {count}", number=number, count=len(lines)), piece)
              for number, piece in enumerate(lines, 1)),
            *(Code(text("Site file, {number} of {count}", number=number, count=len(site_file)), piece)
              for number, piece in enumerate(site_file, 1)),
        ]  # fmt: skip


class Made(msgspec.Struct, frozen=True):
    """When the page was made, by whom, and with which restic."""

    day: str
    who: str
    restic: str


def page_of(site: Site, secrets: Mapping[str, str], made: Made) -> Page:
    """The page of a site; `secrets` are those that are stored for it."""
    drafts = [
        _install(site, made),
        _repository(site, secrets),
        _points(site),
        *(_source(source, site) for source in _in_order(site)),
        _afterwards(),
    ]
    title = text(
        "Recovery page of {site} ({title}), made {day} by {who}. KEEP IT LOCKED AWAY: it opens every backup.",
        site=site.name, title=site.title, day=made.day, who=made.who,
    )  # fmt: skip
    return Page(title, (*_numbered(drafts), _site_file()), write(site))


def _in_order(site: Site) -> Sequence[Source]:
    """Roles and accounts before the databases that belong to them."""
    enabled = [source for source in site.sources if source.enabled]
    return sorted(enabled, key=lambda source: _FIRST.get(source.kind, 1))


class _Draft(msgspec.Struct, frozen=True):
    title: Text
    prose: tuple[Text, ...]
    typed: Typed


def _numbered(drafts: Sequence[_Draft]) -> list[Section]:
    """The sections with their lines counted through the whole page."""
    sections: list[Section] = []
    number = 0
    for draft in drafts:
        lines = [marked(number + place, line) for place, line in enumerate(draft.typed.lines, 1)]
        number += len(lines)
        sections.append(Section(draft.title, draft.prose, tuple(lines)))
    return sections


def _in_pieces(content: str) -> list[str]:
    """The content in pieces, whole lines where they are short enough, each for one QR code."""
    pieces: list[str] = []
    for line in content.splitlines(keepends=True):
        for piece in (line[at : at + IN_ONE_CODE] for at in range(0, len(line), IN_ONE_CODE)):
            if pieces and len(pieces[-1]) + len(piece) <= IN_ONE_CODE:
                pieces[-1] += piece
            else:
                pieces.append(piece)
    return pieces


def _install(site: Site, made: Made) -> _Draft:
    kinds = {source.kind for source in site.sources if source.enabled}
    needs = [text("restic 0.18 or newer (this was made with {version}): https://restic.net", version=made.restic)]
    typed = Typed()
    typed.add("restic version")
    if kinds & set(POSTGRESQL_KINDS):
        needs.append(text("PostgreSQL's client programs, no older than the server: package postgresql-client"))
        typed.add("pg_restore --version")
    if kinds & set(MYSQL_KINDS):
        needs.append(text("MariaDB's client programs, package mariadb-client; with MySQL its own: type mysql instead."))
        typed.add("mariadb --version")
    if site.repository.address.startswith("rclone:"):
        needs.append(
            text("rclone, with its configuration (rclone.conf), which is not on this page: https://rclone.org")
        )
    how = text(
        "Type the lines one by one into a terminal of Linux or macOS (on Windows: of WSL). Each ends in a mark such as "
        "#07-4K, which the shell passes over and which may be left out; where Overwinter is at hand, "
        "`overwinter kit typed FILE` finds the line that was mistyped by it. The QR codes hold the same lines."
    )
    return _Draft(text("1. Install"), (*needs, how), typed)


def _repository(site: Site, secrets: Mapping[str, str]) -> _Draft:
    typed = Typed()
    typed.add("mkdir -m 700 {folder}", folder=f"back-{site.name}")
    typed.add("cd {folder}", folder=f"back-{site.name}")
    typed.assign("RESTIC_REPOSITORY", site.repository.address, export=True)
    typed.assign("RESTIC_PASSWORD", secrets[REPOSITORY_PASSWORD], export=True)
    for name, variable in _VARIABLES.items():
        if name in site.repository.secret_names() and secrets.get(name):
            typed.assign(variable, secrets[name], export=True)
    if site.repository.region:
        typed.assign("AWS_DEFAULT_REGION", site.repository.region, export=True)
    where = text("The repository's address and password. Where its disk is mounted elsewhere, type that place instead.")
    return _Draft(text("2. Reach the repository"), (where,), typed)


def _points(site: Site) -> _Draft:
    typed = Typed()
    mine = f"{site_tag(site.name)},type:{MANIFEST},outcome:{COMPLETE}"
    typed.add("restic snapshots --tag {mine}", mine=mine)
    typed.add("restic snapshots --json --tag {mine} > points.json", mine=mine)
    typed.add("run=$(tr -c a-z0-9: '\\n' < points.json | grep '^run:' | tail -n 1); echo \"$run\"")
    typed.add('restic dump latest --tag "$run",type:{manifest} /manifest.json > manifest.json', manifest=MANIFEST)
    return _Draft(
        text("3. Choose the point"),
        (
            text("The list shows all complete points, the newest last. The third line takes the newest one; for an "
                 "older one type run=run:… with what stands in its tags. manifest.json says what belongs to it."),
        ),
        typed,
    )  # fmt: skip


def _source(source: Source, site: Site) -> _Draft:
    typed = Typed()
    title = text("Bring back {source} ({kind})", source=source.name, kind=source.kind.value)
    return _Draft(title, (*_where(source, site), *_BACK.get(source.kind, _tree)(typed, source)), typed)


def _where(source: Source, site: Site) -> tuple[Text, ...]:
    if source.host == THIS_COMPUTER:
        return ()
    way = ", ".join(f"{host.name} ({host.address or host.container})" for host in site.way_to(source.host))
    return (text("It belongs on the host {way}: take it there, or type these lines there.", way=way),)


def _dump(typed: Typed, source: Source, ending: str) -> str:
    """The line that takes one file out of the repository; gives the file's name here."""
    file = f"{source.name}.{ending}"
    command = 'restic dump latest --tag "$run",source:{source} {path} > {file}'
    typed.add(command, source=source.name, path=f"/{file}", file=f"./{file}")
    return f"./{file}"


def _connect(typed: Typed, source: Source) -> None:
    for name, value in (("PGHOST", source.server), ("PGPORT", str(source.port)), ("PGUSER", source.user)):
        if value:
            typed.assign(name, value, export=True)
        else:
            typed.add(f"unset {name}")


def _postgresql_roles(typed: Typed, source: Source) -> tuple[Text, ...]:
    file = _dump(typed, source, "sql")
    _connect(typed, source)
    typed.add("psql -d {database} -f {file}", database=source.database or _MAINTENANCE, file=file)
    return (
        text("The roles of the server, before its databases. That a role exists already is no harm."),
        _OLD_SERVER,
    )


def _postgresql(typed: Typed, source: Source) -> tuple[Text, ...]:
    file = _dump(typed, source, "dump")
    _connect(typed, source)
    typed.add("createdb {database}", database=source.database)
    typed.add("pg_restore --no-owner -d {database} {file}", database=source.database, file=file)
    return (
        text(
            "createdb refuses a database that exists: then an administrator has to move it away first. "
            "pg_restore must say nothing."
        ),
        _OLD_SERVER,
    )


def _mysql_users(typed: Typed, source: Source) -> tuple[Text, ...]:
    file = _dump(typed, source, "sql")
    _mariadb(typed, source, "-p < {file}", file=file)
    return (text("The accounts of the server, before its databases."), _OLD_SERVER)


def _mysql(typed: Typed, source: Source) -> tuple[Text, ...]:
    file = _dump(typed, source, "sql")
    _mariadb(typed, source, "-p -e {statement}", statement=f"CREATE DATABASE `{source.database}`")
    _mariadb(typed, source, "-p {database} < {file}", database=source.database, file=file)
    return (
        text(
            "The database must not exist yet. Its character set is in manifest.json; where it is not the server's own, "
            "add to the second line, behind the name: CHARACTER SET …"
        ),
        _OLD_SERVER,
    )


def _mariadb(typed: Typed, source: Source, command: str, **values: str) -> None:
    options = MysqlServer(source.server, source.port, source.user).arguments()
    named = {f"o{place}": option for place, option in enumerate(options, 1)}
    places = " ".join(f"{{{name}}}" for name in named)
    typed.add(f"mariadb {places} {command}", **named, **values)


def _sqlite(typed: Typed, source: Source) -> tuple[Text, ...]:
    file = _dump(typed, source, "sqlite")
    if source.kind is SourceKind.RECORDS:
        return (text("What Overwinter recorded of this site; nothing needs it to run."),)
    return (
        text("Stop the program that works on it, then put {file} in the place of {path}.",
             file=file, path=source.database),
    )  # fmt: skip


def _tree(typed: Typed, source: Source) -> tuple[Text, ...]:
    place, target = _in_repository(source.root), f"./tree-{source.name}"
    subtree = f"latest:{place}" if place else "latest"
    command = 'restic restore {subtree} --tag "$run",source:{source} --target {target}'
    typed.add(command, subtree=subtree, source=source.name, target=target)
    if not source.root:
        return (text("What was saved of it comes into the folder {target}.", target=target),)
    return (
        text("It comes into the folder {target}. When it is right, move it to {root}; the old tree first away.",
             target=target, root=source.root),
    )  # fmt: skip


def _in_repository(root: str) -> str:
    """Where restic keeps a folder: a Windows drive is a folder of its own there."""
    if not root or PurePosixPath(root).is_absolute():
        return root
    windows = PureWindowsPath(root)
    return "/".join(("", windows.drive.rstrip(":"), *windows.parts[1:]))


_OLD_SERVER = text(
    "Server and account are those of the old site; on another server type its own. Their password is asked for: "
    "it is in the sealed kit, and mostly in the site's own settings (.env)."
)

_BACK = {
    SourceKind.POSTGRESQL_GLOBALS: _postgresql_roles,
    SourceKind.POSTGRESQL: _postgresql,
    SourceKind.MYSQL_USERS: _mysql_users,
    SourceKind.MYSQL: _mysql,
    SourceKind.SQLITE: _sqlite,
    SourceKind.RECORDS: _sqlite,
}


def _afterwards() -> _Draft:
    typed = Typed()
    typed.add("unset RESTIC_PASSWORD AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN RESTIC_REST_PASSWORD")
    return _Draft(
        text("Afterwards"),
        (
            text(
                "Lock this page away again. What was typed is still in the terminal's history; `history -c` clears it. "
                "Whoever has seen this page can read every backup: where that was a stranger, give the repository "
                "another password (restic key passwd) and the storage other keys."
            ),
        ),
        typed,
    )


def _site_file() -> Section:
    prose = text("For Overwinter, without secrets; put its pieces together in one file, then: overwinter site add FILE")
    return Section(text("The site file"), (prose,))
