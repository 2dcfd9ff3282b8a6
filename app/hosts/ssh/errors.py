"""What a person is told when a server cannot be reached, does not let us in, or goes away."""

from __future__ import annotations

from app.foundation.errors import Refused, UserError
from app.foundation.words import Text, text
from app.hosts.file_errors import shown
from app.hosts.host import Address

NOTHING_DONE = text("Nothing was started there and nothing was changed.")


def unreachable(host: str, address: str, port: int, detail: str) -> UserError:
    """Nobody answers there, or the way leads nowhere."""
    return UserError(
        text("{host} cannot be reached at {address}, port {port}.", host=host, address=address, port=port),
        NOTHING_DONE,
        text("Check that it is switched on and on the network, and that its address in the site's settings is right."),
        "host.unreachable",
        detail,
    )


def no_ssh(address: str, port: int, detail: str) -> UserError:
    """Somebody answers, but the SSH handshake comes to nothing."""
    return UserError(
        text("What answers at {address}, port {port} is no SSH server.", address=address, port=port),
        NOTHING_DONE,
        text("Check the address and the port in the site's settings."),
        "host.no-ssh",
        detail,
    )


def no_common_way(host: str, detail: str) -> UserError:
    """Both sides know no common method of encryption."""
    return UserError(
        text("{host} and this program know no common method of encryption.", host=host),
        NOTHING_DONE,
        text("Update the SSH server on {host}.", host=host),
        "host.too-old",
        detail,
    )


def login_refused(site: str, host: str, user: str, detail: str) -> UserError:
    """The server knows us not, by whatever we had to show."""
    return UserError(
        text("{host} did not let {user} log in.", host=host, user=user),
        NOTHING_DONE,
        text(
            "Allow one of your keys there (ssh-copy-id), or store the password: "
            "overwinter secret set {site} host:{host}:password",
            site=site,
            host=host,
        ),
        "host.login-refused",
        detail,
    )


def key_changed(site: str, host: str, expected: str, offered: str) -> Refused:
    """Another host key than the one that is pinned, or that ssh knows. Both are fingerprints; `offered` may be ""."""
    return Refused(
        text("The host key of {host} is not the one it had.", host=host),
        text(
            "The server was set up anew, or something else answers in its place and would see what is sent there. "
            "Nothing was sent."
        ),
        text(
            "Ask on the server itself for the fingerprint of its key. Only if it is {offered}: "
            "overwinter host trust {site} {host} {offered}",
            site=site,
            host=host,
            offered=offered or text("the one that is shown there"),
        ),
        "host.key-changed",
        f"expected {expected}, offered {offered or 'another kind of key'}",
    )


def key_not_pinned(host: str, given: str, offered: str) -> Refused:
    """The fingerprint that a person gave is not the server's."""
    return Refused(
        text("{host} shows another host key than the one you named.", host=host),
        text("Nothing was changed: the key that was pinned before, if any, stays."),
        text("Read the fingerprint on the server itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"),
        "host.key-not-as-named",
        f"named {given}, offered {offered}",
    )


def key_file_unusable(host: str, file: str, detail: str) -> UserError:
    """The private key cannot be read."""
    return UserError(
        text("The key file {file} of {host} cannot be used.", file=shown(file), host=host),
        NOTHING_DONE,
        text("Name the private key of an SSH key pair in the site's settings, or none to ask the SSH agent."),
        "host.key-file-unusable",
        detail,
    )


def passphrase_missing(site: str, host: str, file: str) -> UserError:
    """The private key is encrypted, no passphrase is stored, and no agent holds it."""
    return UserError(
        text("The key file {file} of {host} needs a passphrase, and none is stored.", file=shown(file), host=host),
        NOTHING_DONE,
        text("Store it: overwinter secret set {site} host:{host}:key-passphrase", site=site, host=host),
        "host.passphrase-missing",
    )


def passphrase_wrong(site: str, host: str, file: str) -> UserError:
    """The stored passphrase does not open the key."""
    return UserError(
        text("The stored passphrase does not open the key file {file} of {host}.", file=shown(file), host=host),
        NOTHING_DONE,
        text("Store the right one: overwinter secret set {site} host:{host}:key-passphrase", site=site, host=host),
        "host.passphrase-wrong",
    )


def config_unusable(host: str, detail: str) -> UserError:
    """The person's SSH configuration cannot be understood."""
    return UserError(
        text("The SSH configuration of this computer cannot be used for {host}.", host=host),
        NOTHING_DONE,
        text("Correct the line that is named below in ~/.ssh/config."),
        "host.ssh-config-unusable",
        detail,
    )


def cut(host: str, what: Text | str) -> UserError:
    """The connection went away under a running program or question."""
    return UserError(
        text("The connection to {host} was lost.", host=host),
        text("What was under way there is unfinished and does not count: {what}", what=what),
        text("See that the network and the server are up, then try again; what still runs there is ended first."),
        "host.cut",
    )


def no_shell(host: str, detail: str) -> UserError:
    """The account may log in but not start programs, or its shell is none that POSIX knows."""
    return UserError(
        text("{host} does not start programs for this account.", host=host),
        NOTHING_DONE,
        text("Give the account an ordinary shell on the server, and no forced command."),
        "host.no-shell",
        detail,
    )


def no_files(host: str, detail: str) -> UserError:
    """Neither the subsystem nor the program for file transfer is there."""
    return UserError(
        text("{host} offers no file transfer (SFTP).", host=host),
        text("Small files cannot be read or written there safely, so nothing was changed."),
        text("Install OpenSSH's sftp-server there, or switch on 'Subsystem sftp' in the server's sshd_config."),
        "host.no-sftp",
        detail,
    )


def no_tunnel(host: str, detail: str) -> UserError:
    """The server does not forward connections."""
    return UserError(
        text("{host} does not forward connections.", host=host),
        NOTHING_DONE,
        text("Allow it in the server's sshd_config: AllowTcpForwarding yes, AllowStreamLocalForwarding yes."),
        "host.no-tunnel",
        detail,
    )


def nothing_listens(host: str, at: Address, detail: str) -> UserError:
    """Nobody answers at the far end of a tunnel."""
    where = text("{server}, port {port}", server=at.server, port=at.port) if at.port else shown(at.server)
    return UserError(
        text("Nothing answers on {host} at {where}.", host=host, where=where),
        NOTHING_DONE,
        text("Start the service on {host}, or correct its server and port in the site's settings.", host=host),
        "host.nothing-listens",
        detail,
    )


def program_not_startable(host: str, program: str, detail: str) -> UserError:
    """The program is there but its system does not start it."""
    return UserError(
        text("{program} was found on {host} but could not be started.", program=shown(program), host=host),
        NOTHING_DONE,
        text("Install {program} on {host} again, for that system.", program=shown(program), host=host),
        "host.program-not-startable",
        detail,
    )


def folder_missing(host: str, program: str, folder: str) -> UserError:
    """The working folder of a program is not there."""
    return UserError(
        text(
            "{program} could not be started: its working folder {folder} is not there.",
            program=shown(program),
            folder=shown(folder),
        ),
        NOTHING_DONE,
        text("Check the folder {folder} on {host}, then try again.", folder=shown(folder), host=host),
        "host.program-not-startable",
    )


def other_architecture(host: str, program: str, detail: str) -> UserError:
    """The program was made for another kind of processor or system."""
    return UserError(
        text("{program} was made for another kind of computer than {host}.", program=shown(program), host=host),
        NOTHING_DONE,
        text("Install {program} on {host} for its own system.", program=shown(program), host=host),
        "host.program-not-startable",
        detail,
    )


def may_not_run_there(host: str, program: str, mount: str) -> UserError:
    """The file system of the program is mounted so that no program may be started from it (noexec)."""
    return UserError(
        text("No program may be started from {mount} on {host}.", mount=shown(mount), host=host),
        text("{program} was not started and nothing was changed.", program=shown(program)),
        text("Put the program into another folder of {host}, such as /usr/local/bin.", host=host),
        "host.program-not-startable",
        f"{mount} is mounted noexec",
    )
