"""How to get into a server: where it is, what we show, what we expect of it. Reading keys and configuration blocks.

What the site file says comes first, then the person's ~/.ssh/config, as ssh itself would take it.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import asyncssh
import msgspec
from asyncssh.public_key import get_default_public_key_algs

from app.hosts.ssh import errors
from app.hosts.ssh.host_keys import HostKeys

LOGS_IN_WITHIN = 30.0
"""Seconds for handshake and login; an agent may ask a person meanwhile."""

KEEP_ALIVE = 10.0
"""Seconds without a word after which the server is asked for one; it is given up after three unanswered ones."""

KEEP_ALIVE_MISSED = 3

QUICK_CIPHERS = (b"aes128-gcm@openssh.com", b"aes256-gcm@openssh.com")
"""Tried first: processors do most of their work. Measured against the usual first one: half as fast again and more."""

GLOBAL_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")


class Route(msgspec.Struct, frozen=True):
    """A server as the site file describes it. `name` is its name there; a `port` of 0 and "" were not given."""

    site: str
    name: str
    address: str
    port: int = 0
    user: str = ""
    key_file: str = ""
    jump: Route | None = None


class Credentials(msgspec.Struct, frozen=True):
    """The secrets of one host; "" where none is stored."""

    password: str = ""
    passphrase: str = ""


class Prepared(msgspec.Struct, frozen=True):
    """All that is needed to log in. `expected` is the fingerprint of the key that was pinned, "" at first use.

    `jump` is the server that the way leads through; `proxy` a program that leads there.
    """

    options: asyncssh.SSHClientConnectionOptions
    client: Client
    expected: str
    jump: Route | None
    proxy: tuple[str, ...]

    @property
    def address(self) -> str:
        """Where to connect to."""
        return self.options.host

    @property
    def port(self) -> int:
        """The port there."""
        return self.options.port

    @property
    def known_as(self) -> str:
        """The name that its host key goes by."""
        return self.options.host_key_alias or self.options.host


class Client(asyncssh.SSHClient):
    """Judges the host key, and remembers the one that was offered."""

    def __init__(self) -> None:
        self.trusts_any = False
        self.offered: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002  asyncssh's signature
        """Asked for a key that is not among those we expect."""
        self.offered = key
        return self.trusts_any


def prepare(
    route: Route,
    credentials: Credentials,
    keys: HostKeys,
    loop: asyncio.AbstractEventLoop,
    *,
    any_key: bool = False,
) -> Prepared:
    """Reads configuration and keys. Blocks. With `any_key` the pinned one does not matter.

    Raises `UserError` `host.key-file-unusable`, `host.passphrase-missing`, `host.passphrase-wrong`,
    `host.ssh-config-unusable`.
    """
    client = Client()
    options = _options(route, credentials, loop, client)
    expected = "" if any_key else _expect(options, keys)
    if any_key or not expected:
        _trust_any(options, client)
    proxy = options.proxy_command or ()
    return Prepared(options, client, expected, _jump(route, options.tunnel), tuple(map(str, proxy)))


def resolve(address: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    """The addresses behind a name, in the system's order of preference. Blocks; raises OSError."""
    found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
    return [(family, where) for family, _, _, _, where in found]


def _options(
    route: Route, credentials: Credentials, loop: asyncio.AbstractEventLoop, client: Client
) -> asyncssh.SSHClientConnectionOptions:
    shown = _what_we_show(route, credentials)
    try:
        options = asyncssh.SSHClientConnectionOptions(
            loop=loop,
            config=(),
            client_factory=lambda: client,
            host=route.address,
            port=route.port or (),
            username=route.user or (),
            password=credentials.password or None,
            passphrase=credentials.passphrase or None,
            keepalive_interval=KEEP_ALIVE,
            keepalive_count_max=KEEP_ALIVE_MISSED,
            login_timeout=LOGS_IN_WITHIN,
            # What a program of ours has no use for, whatever ~/.ssh/config says: forwarded agents and screens,
            # terminals, a command, our environment, Kerberos and certificates of X.509.
            agent_forwarding=False,
            x11_forwarding=False,
            request_pty=False,
            command=None,
            env={},
            send_env=(),
            gss_host=None,
            gss_kex=False,
            gss_auth=False,
            x509_trusted_certs=None,
            x509_trusted_cert_paths=(),
            encoding=None,
            **shown,
        )
    except asyncssh.KeyImportError as error:
        raise errors.key_file_unusable(route.name, route.key_file or "~/.ssh", str(error)) from error
    except asyncssh.ConfigParseError as error:
        raise errors.config_unusable(route.name, str(error)) from error
    except (OSError, ValueError) as error:  # a file it names is not there, a value is none
        raise errors.config_unusable(route.name, str(error)) from error
    if "agent_identities" in shown and "client_keys" not in shown:
        options.client_keys = []  # the agent holds the one key that was named
    if options.config.has_match_final():
        options.update(host=options.host, reload=True, canonical=False, final=True)
    if options.config.get("Ciphers") is None:
        options.encryption_algs = sorted(options.encryption_algs, key=lambda name: name not in QUICK_CIPHERS)
    return options


def _what_we_show(route: Route, credentials: Credentials) -> dict[str, Any]:
    """The one key that the site file names; nothing where the agent, ~/.ssh/config and the usual files are asked."""
    if not route.key_file:
        return {}
    file = Path(route.key_file).expanduser()
    try:
        key = asyncssh.read_private_key(file, credentials.passphrase or None)
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError) as error:
        if "passphrase" not in str(error).lower():
            raise errors.key_file_unusable(route.name, route.key_file, str(error)) from error
        if credentials.passphrase:
            raise errors.passphrase_wrong(route.site, route.name, route.key_file) from error
        return {"agent_identities": [_public_half(route, file)]}
    except OSError as error:
        raise errors.key_file_unusable(route.name, route.key_file, str(error)) from error
    return {"client_keys": [key], "agent_identities": [key.public_data]}


def _public_half(route: Route, file: Path) -> asyncssh.SSHKey:
    """Of an encrypted key whose passphrase we do not know, for the agent that may hold it."""
    try:
        return asyncssh.read_public_key(file.with_name(f"{file.name}.pub"))
    except (OSError, asyncssh.KeyImportError) as error:
        raise errors.passphrase_missing(route.site, route.name, route.key_file) from error


def _expect(options: asyncssh.SSHClientConnectionOptions, keys: HostKeys) -> str:
    """Which host key has to be shown: the pinned one, else one that ssh knows; gives its fingerprints, "" for none."""
    name = options.host_key_alias or options.host
    pinned = keys.pinned(name, options.port)
    if pinned is not None:
        options.known_hosts = _keys(pinned.key())
        return fingerprint(pinned.key())
    known = _known_to_ssh(options, name)
    if not (known[0] or known[1]):
        return ""
    options.known_hosts = known
    return ", ".join(fingerprint(key) for key in (*known[0], *known[1]))


def _known_to_ssh(options: asyncssh.SSHClientConnectionOptions, name: str) -> Any:
    """What the person's known_hosts says; a file that cannot be understood says nothing."""
    named = options.known_hosts if isinstance(options.known_hosts, list) else []
    files = [Path(file).expanduser() for file in named] or [Path("~/.ssh/known_hosts").expanduser(), GLOBAL_KNOWN_HOSTS]
    nothing = _keys()
    try:
        readable = [str(file) for file in files if file.is_file()]
        port = options.port if options.port != 22 else None
        found: Any = asyncssh.match_known_hosts(readable, name, "", port) if readable else nothing
    except (OSError, ValueError):
        return nothing
    return found


def _keys(*keys: asyncssh.SSHKey) -> Any:
    """Trusted keys, and no authorities and revoked ones, as asyncssh takes them."""
    return list(keys), [], []


def _trust_any(options: asyncssh.SSHClientConnectionOptions, client: Client) -> None:
    client.trusts_any = True
    options.known_hosts = _keys()
    # A plain key is pinned: a certificate would be judged by an authority that nobody named.
    options.server_host_key_algs = [name.decode("ascii") for name in get_default_public_key_algs()]


def fingerprint(key: asyncssh.SSHKey) -> str:
    """As `ssh-keygen -l` shows it."""
    return key.get_fingerprint("sha256")


def _jump(route: Route, tunnel: object) -> Route | None:
    """The server that the way leads through: the site file's own, else what ProxyJump in ~/.ssh/config names."""
    way = route.jump
    if way is None and isinstance(tunnel, str) and tunnel.lower() != "none":
        for word in filter(None, map(str.strip, tunnel.split(","))):
            way = msgspec.structs.replace(_hop(route.site, word), jump=way)
    return way


def _hop(site: str, word: str) -> Route:
    user, _, where = word.removeprefix("ssh://").rpartition("@")
    address, colon, port = where.rpartition(":")
    if not colon or not port.isdecimal() or (":" in address and not address.endswith("]")):
        address, port = where, "0"
    return Route(site, word, address.strip("[]"), int(port), user)
