"""Where commands of a site run, besides this computer."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

from app.foundation.words import text
from app.settings.fields import entry
from app.settings.shapes import TAG, TAG_REMEDY, THIS_COMPUTER, Port, fill

SSH_PORT = 22


class HostKind(enum.Enum):
    """How a host is reached."""

    SSH = "ssh"
    CONTAINER = "container"


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A place where commands run: a server over SSH, or a container there or here."""

    name: Annotated[
        str,
        entry(
            text("Name"),
            text("How sources and commands name this host; it is the tag host: of its snapshots."),
            TAG_REMEDY,
            example="server",
            pattern=TAG,
        ),
    ]
    kind: Annotated[
        HostKind,
        entry(
            text("Kind"),
            text("How the host is reached: over SSH, or as a container."),
            text("Write ssh or container."),
            example="ssh",
        ),
    ]
    address: Annotated[
        str,
        entry(
            text("Address"),
            text("The server's name or IP address."),
            text("Write a name or an IP address without spaces, user and port; these have fields of their own."),
            example="10.0.0.5",
            only=(HostKind.SSH,),
            needed=(HostKind.SSH,),
            pattern=r"^[^\s@/-][^\s@/]*\Z|^\Z",
        ),
    ] = ""
    port: Annotated[
        Port,
        entry(
            text("Port"),
            text("The port of the SSH server; 22 unless it was moved."),
            text("Write a whole number from 1 to 65535."),
            example="22",
            only=(HostKind.SSH,),
        ),
    ] = 0
    user: Annotated[
        str,
        entry(
            text("User"),
            text("The account to log in with; empty is your own name."),
            text("Write the name of an account, without spaces."),
            example="ops",
            only=(HostKind.SSH,),
            pattern=r"^[^\s@:/-][^\s@:/]*\Z|^\Z",
        ),
    ] = ""
    jump: Annotated[
        str,
        entry(
            text("Jump host"),
            text("Another SSH host of this site that the way leads through."),
            text("Write the name of another host of kind ssh in this site."),
            example="gateway",
            only=(HostKind.SSH,),
            refers_to="hosts",
        ),
    ] = ""
    key_file: Annotated[
        str,
        entry(
            text("Key file"),
            text("The private key on this computer; empty asks the SSH agent."),
            text("Write the path of a private key on this computer."),
            example="~/.ssh/id_ed25519",
            only=(HostKind.SSH,),
            pattern=r"^[^\0\r\n]*\Z",
        ),
    ] = ""
    sudo: Annotated[
        bool,
        entry(
            text("Use sudo"),
            text("Commands that need it run with the rights of root."),
            text("Write true or false."),
            only=(HostKind.SSH,),
        ),
    ] = False
    on: Annotated[
        str,
        entry(
            text("Container runs on"),
            text("The host whose container this is."),
            text("Write this-computer or the name of a host of kind ssh in this site."),
            example="server",
            only=(HostKind.CONTAINER,),
            refers_to="hosts",
        ),
    ] = ""
    container: Annotated[
        str,
        entry(
            text("Container"),
            text("The container's name, as docker ps shows it."),
            text("Write the container's name: letters, digits, dot, underscore and hyphen."),
            example="hydro-prod-db-1",
            only=(HostKind.CONTAINER,),
            needed=(HostKind.CONTAINER,),
            pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*)?\Z",
        ),
    ] = ""

    def __post_init__(self) -> None:
        """What was left out gets what its kind has."""
        fill(self, "port", SSH_PORT if self.kind is HostKind.SSH else 0)
        fill(self, "on", THIS_COMPUTER if self.kind is HostKind.CONTAINER else "")

    @property
    def upstream(self) -> str:
        """The host that the way to this one leads through, "" or this computer for none."""
        return self.jump if self.kind is HostKind.SSH else self.on

    def secret_names(self) -> tuple[str, ...]:
        """The secrets that this kind of host may need."""
        return (self.password_name, self.passphrase_name) if self.kind is HostKind.SSH else ()

    @property
    def password_name(self) -> str:
        """The name of the secret that is its account's password."""
        return f"host:{self.name}:password"

    @property
    def passphrase_name(self) -> str:
        """The name of the secret that opens its key file."""
        return f"host:{self.name}:key-passphrase"
