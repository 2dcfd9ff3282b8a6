"""Addresses of repositories: taken apart, credentials cut out of them, two of them compared."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote

import msgspec

from app.settings.model import REST_SECRETS, S3_SECRETS, Repository
from app.settings.paths import is_absolute, same_always

SCHEMES = ("local", "sftp", "rest", "s3", "b2", "azure", "gs", "swift", "rclone")
"""The kinds of repositories that restic knows, as its addresses begin."""

_SCHEME = re.compile(rf"({'|'.join(SCHEMES)}):")
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^:@/\s\[\]]+)"
_SERVER = re.compile(rf"{_HOST}(:[0-9]{{1,5}})?\Z")
_SFTP = re.compile(rf"(?:(?P<login>[^/]*)@)?(?P<host>{_HOST}):(?P<path>.*)\Z", re.DOTALL)
_AMAZON = re.compile(r"s3[a-z0-9.-]*\.amazonaws\.com\Z")
_SECRET_IN_RCLONE = re.compile(r"[:,][a-z0-9_]*(pass|secret|key|token)[a-z0-9_]*=", re.IGNORECASE)
_CREDENTIALS = {"s3": S3_SECRETS[:2], "rest": REST_SECRETS}
_USUAL_PORTS = re.compile(r":(22|80|443)\Z")


class Address(msgspec.Struct, frozen=True):
    """The parts of a repository's address. `scheme` is one of `SCHEMES`, `local` for a plain path.

    `login` is all that stands before the host's @, with a password if there is one.
    """

    scheme: str
    login: str
    server: str
    path: str

    @property
    def has_password(self) -> bool:
        """Whether a password stands in it that restic could not use, so that it can only be taken out by hand."""
        if self.scheme == "rclone":
            return _SECRET_IN_RCLONE.search(self.path) is not None
        return self.scheme == "sftp" and ":" in self.login

    @property
    def is_usable(self) -> bool:
        """Whether restic could make sense of it."""
        match self.scheme:
            case "local":
                return is_absolute(self.path)
            case "s3":
                return _SERVER.match(self.server) is not None and self.path.strip("/") != ""
            case "rest":
                return self.path.startswith("/") and (self.server == "" or _SERVER.match(self.server) is not None)
            case "sftp":
                return self.server != "" and self.path != ""
            case _:
                return ":" in self.path and not self.path.startswith(":/")


def parsed(url: str) -> Address:
    """The parts of an address as restic understands it."""
    found = _SCHEME.match(url)
    if found is None:
        return Address("local", "", "", url)
    scheme, rest = found[1], url[found.end() :]
    match scheme:
        case "rest" | "s3":
            return _over_http(scheme, rest)
        case "sftp":
            return _over_ssh(rest)
        case _:
            return Address(scheme, "", "", rest)


def _over_http(scheme: str, rest: str) -> Address:
    transport, mark, place = rest.partition("://")
    if transport == "http+unix":
        return Address(scheme, "", "", place)
    return Address(scheme, *_split(place if mark else rest))


def _over_ssh(rest: str) -> Address:
    if rest.startswith("//"):
        login, server, path = _split(rest[2:])
        return Address("sftp", login, server, path[1:])
    found = _SFTP.match(rest)
    return Address("sftp", found["login"] or "", found["host"], found["path"]) if found else Address("sftp", "", "", "")


def _split(place: str) -> tuple[str, str, str]:
    """Login, server and path. What is no server can only be the start of a password with a / in it."""
    server, slash, path = place.partition("/")
    login, _, server = server.rpartition("@")
    if not login and "@" in path and not _SERVER.match(server):
        login, _, rest = place.rpartition("@")
        server, slash, path = rest.partition("/")
    return login, server, slash + path


def without_credentials(repository: Repository) -> tuple[Repository, dict[str, str]]:
    """The repository with the credentials cut out of its addresses, and these by the names of their secrets."""
    url, from_url = _cut(repository.url)
    endpoint, from_endpoint = _cut(f"s3:{repository.endpoint}")
    clean = msgspec.structs.replace(repository, url=url, endpoint=endpoint.removeprefix("s3:"))
    return clean, from_url | from_endpoint


def _cut(url: str) -> tuple[str, dict[str, str]]:
    address = parsed(url)
    names = _CREDENTIALS.get(address.scheme)
    if not address.login or names is None:
        return url, {}
    user, _, password = address.login.partition(":")
    found = {name: unquote(value) for name, value in zip(names, (user, password), strict=True) if value}
    return url.replace(f"{address.login}@", "", 1), found


def identity(repository: Repository) -> str:
    """One spelling for all spellings of the same repository, as far as can be told without asking it."""
    address = parsed(repository.address)
    server = _USUAL_PORTS.sub("", address.server.lower())
    match address.scheme:
        case "local":
            return f"local:{same_always(address.path)}"
        case "s3" | "rest":
            server = "amazon" if address.scheme == "s3" and _AMAZON.match(server) else server
            return f"{address.scheme}:{server}{same_always('/' + address.path)}"
        case "sftp":
            login = "" if address.path.startswith("/") else f"{address.login}@"
            return f"sftp:{login}{server}:{posixpath.normpath(address.path)}"
        case _:
            place, _, path = address.path.partition(":")
            return f"{address.scheme}:{place}:{posixpath.normpath(path or '.')}"
