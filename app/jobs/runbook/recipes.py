"""The commands that bring one source back with plain tools: out of the repository here, then on its host.

Nothing live is overwritten: what stands there is renamed first, and stays until a person removes it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import PureWindowsPath

import msgspec

from app.foundation.words import Text, text
from app.jobs.tags import site_tag
from app.settings.missing_secrets import needed_secret_names
from app.settings.model import THIS_COMPUTER, Host, HostKind, Site, Source, SourceKind
from app.settings.paths import is_absolute

BEFORE = ".before"
"""What is put behind the name of what stood there."""


class Recipe(msgspec.Struct, frozen=True):
    """How one source comes back: `fetch` on this computer, `apply` on its host; `hints` beside them."""

    fetch: tuple[str, ...]
    apply: tuple[str, ...]
    hints: tuple[Text, ...] = ()


def recipe_of(site: Site, source: Source) -> Recipe | None:
    """The recipe; None for a kind that has none."""
    make = _RECIPES.get(source.kind)
    return make(site, source) if make is not None else None


def repository_lines(site: Site) -> tuple[str, ...]:
    """What every terminal that restic is used in begins with; restic then asks for the password."""
    secrets = [name for name in needed_secret_names(site) if name.startswith("s3-")]
    variables = [f"read -rs {_S3[name]} && export {_S3[name]}    # {name}" for name in secrets]
    address = shlex.quote(site.repository.address)
    return (*variables, f"export RESTIC_REPOSITORY={address}", f"restic snapshots --tag {site_tag(site.name)}")


_S3 = {"s3-access-key": "AWS_ACCESS_KEY_ID", "s3-secret-key": "AWS_SECRET_ACCESS_KEY"}


def _from_newest(site: Site, source: Source) -> str:
    return f"--tag {site_tag(site.name)},source:{source.name}"


def _dumped(site: Site, source: Source, ending: str) -> str:
    """Gets the source's one file out of its newest snapshot, to its host."""
    name = f"{source.name}.{ending}"
    dump = f"restic dump {_from_newest(site, source)} latest {shlex.quote('/' + name)}"
    server = _server(site, source)
    if server is None:
        return f"{dump} > {shlex.quote(name)}"
    return f"{dump} | {_ssh(site, server)} {shlex.quote('cat > ' + shlex.quote(name))}"


def _server(site: Site, source: Source) -> Host | None:
    return next((host for host in site.hosts if host.name == source.host and host.kind is HostKind.SSH), None)


def _ssh(site: Site, server: Host) -> str:
    return shlex.join(["ssh", *_ssh_options(site, server), _login(server)])


def _ssh_options(site: Site, server: Host) -> list[str]:
    jumps = [_login(host) for host in site.way_to(server.name)[:-1]]
    port = ["-p", str(server.port)] if server.port != 22 else []
    key = ["-i", server.key_file] if server.key_file else []
    return [*port, *key, *(["-J", ",".join(jumps)] if jumps else [])]


def _login(server: Host) -> str:
    return f"{server.user}@{server.address}" if server.user else server.address


def _postgresql(site: Site, source: Source) -> Recipe:
    way = _postgresql_way(source)
    name, fresh, before = source.database, f"{source.database}_restored", f"{source.database}_before"
    dump = f"{source.name}.dump"
    swap = [f"ALTER DATABASE {_identifier(name)} RENAME TO {_identifier(before)}",
            f"ALTER DATABASE {_identifier(fresh)} RENAME TO {_identifier(name)}"]  # fmt: skip
    return Recipe(
        (_dumped(site, source, "dump"),),
        (
            shlex.join(["createdb", *way, "-T", "template0", fresh]),
            shlex.join(["pg_restore", *way, "--exit-on-error", "-d", fresh, dump]),
            *(shlex.join(["psql", *way, "-d", "postgres", "-c", statement]) for statement in swap),
        ),
        (
            text("Nobody may be connected while the databases change their names: stop the services first."),
            text("On a new server there is nothing to rename first: leave out the line with {name}.", name=before),
            text(
                "With TimescaleDB: in {name}, SELECT timescaledb_pre_restore(); before pg_restore, "
                "SELECT timescaledb_post_restore(); after it.",
                name=fresh,
            ),
        ),
    )


def _roles(site: Site, source: Source) -> Recipe:
    line = ["psql", *_postgresql_way(source), "-d", "postgres", "-f", f"{source.name}.sql"]
    hint = text("It says of roles that are there already that they exist; that is no fault.")
    return Recipe((_dumped(site, source, "sql"),), (shlex.join(line),), (hint,))


def _postgresql_way(source: Source) -> list[str]:
    return ["-h", source.server, "-p", str(source.port), *(["-U", source.user] if source.user else [])]


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _mysql(site: Site, source: Source) -> Recipe:
    client = shlex.join(["mariadb", *_mysql_way(source)])
    fresh = f"{source.database}_restored"
    make = f"CREATE DATABASE `{fresh.replace('`', '``')}` CHARACTER SET utf8mb4"
    return Recipe(
        (_dumped(site, source, "sql"),),
        (f"{client} -e {shlex.quote(make)}", f"{client} {shlex.quote(fresh)} < {shlex.quote(source.name + '.sql')}"),
        (
            text("MySQL's client is called mysql. The right character set is in /manifest.json of the recovery point."),
            text(
                "A database cannot be renamed here: when {fresh} is right, let the site use it (DB_DATABASE in .env), "
                "or load the file into {name} after it was dropped.",
                fresh=fresh,
                name=source.database,
            ),
        ),
    )


def _accounts(site: Site, source: Source) -> Recipe:
    line = f"{shlex.join(['mariadb', *_mysql_way(source)])} < {shlex.quote(source.name + '.sql')}"
    return Recipe((_dumped(site, source, "sql"),), (line,))


def _mysql_way(source: Source) -> list[str]:
    user = ["-u", source.user] if source.user else []
    if is_absolute(source.server):
        return ["-S", source.server, *user, "-p"]
    return ["-h", source.server, "-P", str(source.port), *user, "-p"]


def _sqlite(site: Site, source: Source) -> Recipe:
    path, name = shlex.quote(source.database), shlex.quote(f"{source.name}.sqlite")
    before = shlex.quote(source.database + BEFORE)
    leftover = " ".join(shlex.quote(source.database + ending) for ending in ("-wal", "-shm", "-journal"))
    return Recipe(
        (_dumped(site, source, "sqlite"),),
        (f"mv {path} {before}", f"rm -f {leftover}", f"mv {name} {path}",
         f"chown --reference={before} {path} && chmod --reference={before} {path}"),
        (text("Its program must not run meanwhile."),),
    )  # fmt: skip


def _files(site: Site, source: Source) -> Recipe:
    fresh = f"{source.root.rstrip('/')}.restored"
    server = _server(site, source)
    inside = _in_snapshot(source.root)
    target = fresh if server is None else f"{source.name}.restored"
    fetch = [
        f"restic restore {_from_newest(site, source)} {shlex.quote('latest:' + inside)} --target {shlex.quote(target)}"
    ]
    if server is not None:
        shell = shlex.join(["ssh", *_ssh_options(site, server)])
        to = f"{_login(server)}:{fresh}/"
        fetch.append(shlex.join(["rsync", "-aHAX", "--numeric-ids", "-e", shell, f"{target}/", to]))
    return Recipe(tuple(fetch), tuple(_exchange(source, fresh)), tuple(_hints_of_files(source)))


def _exchange(source: Source, fresh: str) -> list[str]:
    """The trees change places; of chosen parts only those are put where they belong."""
    root, before = source.root.rstrip("/"), f"{source.root.rstrip('/')}{BEFORE}"
    if source.include:
        return [f"cp -a {shlex.quote(fresh)}/. {shlex.quote(root)}/"]
    kept = [f"cp -a {shlex.quote(f'{before}/{path}')} {shlex.quote(f'{root}/{path}')}" for path in source.keep_live]
    return [f"mv {shlex.quote(root)} {shlex.quote(before)}", f"mv {shlex.quote(fresh)} {shlex.quote(root)}", *kept]


def _hints_of_files(source: Source) -> list[Text]:
    hints = [text("Restore as root, else the owners of the files are lost.")]
    if source.include:
        hints.append(text("Look into {folder} first: the last line writes over what is there.", folder=source.root))
    if source.keep_live:
        live = ", ".join(source.keep_live)
        hints.append(
            text("On a new server there is no live {files}: leave that line out, the saved one counts.", files=live)
        )
    return hints


def _in_snapshot(root: str) -> str:
    """Where restic keeps a tree: a Windows drive is its first folder."""
    if not PureWindowsPath(root).drive:
        return root
    return "/" + root.replace(":", "", 1).replace("\\", "/")


_RECIPES: Mapping[SourceKind, Callable[[Site, Source], Recipe]] = {
    SourceKind.POSTGRESQL: _postgresql,
    SourceKind.POSTGRESQL_GLOBALS: _roles,
    SourceKind.MYSQL: _mysql,
    SourceKind.MYSQL_USERS: _accounts,
    SourceKind.SQLITE: _sqlite,
    SourceKind.FILES: _files,
}


def place_of(site: Site, source: Source) -> Text | str:
    """Where a source's second block of commands is typed."""
    server = _server(site, source)
    if source.host == THIS_COMPUTER:
        return text("on this computer")
    return text("on {host}: {login}", host=source.host, login=_ssh(site, server)) if server is not None else source.host
