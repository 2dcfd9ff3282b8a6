"""Getting into a server, and what its account, its shell and its configuration may do to us; sshd is real."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.foundation.blocking import Blocking
from app.foundation.errors import Refused, UserError
from app.hosts.host import Command
from app.hosts.ssh import links, script, sftp
from app.hosts.ssh.host import SshHost
from app.hosts.ssh.links import Links
from app.hosts.ssh.login import Credentials, Route
from app.hosts.ssh.process import Ears
from tests.guards import ExpectedLog
from tests.real.servers.sshd import SshServer, ssh_server
from tests.running import run

pytestmark = [
    pytest.mark.spec("H2"),
    pytest.mark.skipif(sys.platform == "win32", reason="OpenSSH's server as POSIX systems have it"),
]

PASSPHRASE = "a passphrase with ünïcode"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's own keys, agent and configuration have no part in this."""
    home = tmp_path / "my-home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(tmp_path / "sshd") as server:
        yield server


def route_to(server: SshServer, **changes: Any) -> Route:
    """The way to the server as a site file describes it, with its key."""
    fields: dict[str, Any] = {"address": server.address, "port": server.port, "key_file": str(server.key_file)}
    return Route(site="north-house", name="server", **{**fields, **changes})


@asynccontextmanager
async def linked(folder: Path) -> AsyncIterator[Links]:
    """What a program has of connections; its pinned keys are in `folder`."""
    blocking = Blocking()
    links = Links(blocking, folder / "known-hosts")
    try:
        yield links
    finally:
        await links.close()
        blocking.close()


def says_hello(folder: Path, route: Route, **secrets: Credentials) -> None:
    """Logs in and runs a program; raises what keeps us out."""

    async def story() -> None:
        async with linked(folder) as links:
            done = await SshHost(links.to(route), secrets).run(Command("echo", ("hello",)))
            assert (done.code, done.stdout, done.stderr) == (0, b"hello\n", b"")

    run(story())


def refused(folder: Path, route: Route, **secrets: Credentials) -> UserError:
    """The error that keeps us out."""
    with pytest.raises(UserError) as raised:
        says_hello(folder, route, **secrets)
    return raised.value


# --- what we show -----------------------------------------------------------------------------


def encrypted(server: SshServer, file: Path, passphrase: str = PASSPHRASE) -> Path:
    """The server's key under a passphrase."""
    key = asyncssh.read_private_key(server.key_file)
    key.write_private_key(file, passphrase=passphrase)
    return file


def test_a_key_with_a_passphrase_opens_the_server(server: SshServer, tmp_path: Path) -> None:
    route = route_to(server, key_file=str(encrypted(server, tmp_path / "locked")))
    says_hello(tmp_path, route, server=Credentials(passphrase=PASSPHRASE))
    assert refused(tmp_path, route).code == "host.passphrase-missing"
    assert refused(tmp_path, route, server=Credentials(passphrase="wrong")).code == "host.passphrase-wrong"


def test_a_key_file_that_is_none_is_named(server: SshServer, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_text("no key at all")
    for file in (garbage, tmp_path / "nothing", tmp_path):
        error = refused(tmp_path, route_to(server, key_file=str(file)))
        assert error.code == "host.key-file-unusable"
        assert str(file) in str(error.problem.what)


@contextmanager
def agent_with(key: Path, folder: Path) -> Iterator[str]:
    """An SSH agent that holds a key; gives the path of its socket."""
    agent, add = shutil.which("ssh-agent"), shutil.which("ssh-add")
    if agent is None or add is None:
        pytest.skip("OpenSSH's agent is not installed here")
    path = str(folder / "agent")
    process = subprocess.Popen([agent, "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        while not Path(path).exists():
            threading.Event().wait(0.01)
        subprocess.run([add, "-q", key], env={**os.environ, "SSH_AUTH_SOCK": path}, check=True)
        yield path
    finally:
        process.terminate()
        process.wait()


def test_an_agent_opens_the_server_also_for_a_locked_key_that_it_holds(
    server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = encrypted(server, tmp_path / "locked")
    shutil.copy(server.folder / "authorized_keys", tmp_path / "locked.pub")
    with agent_with(server.key_file, tmp_path) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        says_hello(tmp_path, route_to(server, key_file=""))
        says_hello(tmp_path, route_to(server, key_file=str(locked)))


def test_without_a_key_that_it_knows_the_server_lets_nobody_in(server: SshServer, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    other.write_private_key(tmp_path / "other")
    for key_file in ("", str(tmp_path / "other")):
        error = refused(tmp_path, route_to(server, key_file=key_file))
        assert error.code == "host.login-refused"
        assert "host:server:password" in str(error.problem.next)


class PasswordServer(asyncssh.SSHServer):
    """Knows one password; OpenSSH's own server would need an account of this computer for that."""

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002  asyncssh's signature
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("ops", "pass wörd")


async def _hello(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Stands in for a login shell: gives the command to the real one."""
    shell = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", process.command or "", stdin=-1, stdout=-1, stderr=-1, start_new_session=True
    )
    await process.redirect(stdin=shell.stdin, stdout=shell.stdout, stderr=shell.stderr)
    process.exit(await shell.wait())
    await process.wait_closed()


@asynccontextmanager
async def password_server() -> AsyncIterator[int]:
    listener = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=PasswordServer, server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=_hello, encoding=None,
    )  # fmt: skip
    try:
        yield listener.get_port()
    finally:
        listener.close()
        await listener.wait_closed()


def test_a_stored_password_opens_the_server_and_a_wrong_one_is_said_to_be_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with password_server() as port, linked(tmp_path) as links:
            route = Route("north-house", "server", "127.0.0.1", port, "ops")
            wrong = SshHost(links.to(route), {"server": Credentials(password="wrong")})
            with pytest.raises(UserError) as raised:
                await wrong.run(Command("echo"))
            assert raised.value.code == "host.login-refused"
            assert "wrong" not in str(raised.value)
            right = SshHost(links.to(route), {"server": Credentials(password="pass wörd")})
            assert (await right.run(Command("echo", ("hello",)))).stdout == b"hello\n"

    run(story())


# --- the way there ----------------------------------------------------------------------------


def test_the_persons_ssh_configuration_is_followed(server: SshServer, tmp_path: Path, own_home: Path) -> None:
    (own_home / ".ssh" / "config").write_text(
        f"Host green\n  HostName 127.0.0.1\n  Port {server.port}\n  User {server.user}\n"
        f"  IdentityFile {server.key_file}\n  ForwardAgent yes\n  RemoteCommand false\n  RequestTTY force\n"
    )
    says_hello(tmp_path, Route("north-house", "server", "green"))
    assert f"[127.0.0.1]:{server.port} ssh-ed25519 " in (tmp_path / "known-hosts" / "north-house").read_text()


def test_a_configuration_that_cannot_be_understood_is_named(server: SshServer, tmp_path: Path, own_home: Path) -> None:
    (own_home / ".ssh" / "config").write_text("Host *\n  Port many\n")
    error = refused(tmp_path, route_to(server, port=0))
    assert error.code == "host.ssh-config-unusable"
    assert "line 2" in error.problem.detail


def test_the_way_may_lead_through_another_server(tmp_path: Path, own_home: Path) -> None:
    """By the site file, by ProxyJump and by a ProxyCommand of the person's own configuration."""
    with ssh_server(tmp_path / "gate") as gate, ssh_server(tmp_path / "inner") as inner:
        jump = Route("north-house", "gate", gate.address, gate.port, key_file=str(gate.key_file))
        says_hello(tmp_path / "one", route_to(inner, jump=jump))
        (own_home / ".ssh" / "config").write_text(
            f"Host gate\n  HostName 127.0.0.1\n  Port {gate.port}\n  IdentityFile {gate.key_file}\n"
            f"Host jumped\n  HostName 127.0.0.1\n  ProxyJump gate\n"
            f"Host piped\n  HostName 127.0.0.1\n  ProxyCommand {sys.executable} -c '{RELAY}' %h %p\n"
        )
        says_hello(tmp_path / "two", route_to(inner, address="jumped"))
        said = gate.log.read_text()
        assert said.count("Accepted publickey") == 2
        says_hello(tmp_path / "three", route_to(inner, address="piped"))
        gate.stop()
        assert refused(tmp_path / "one", route_to(inner, jump=jump)).code == "host.unreachable"


RELAY = (
    "import os,socket,sys,threading;"
    "s=socket.create_connection((sys.argv[1],int(sys.argv[2])));"
    "answers=lambda:[os.write(1,b) for b in iter(lambda:s.recv(65536),bytes())];"
    "threading.Thread(target=answers,daemon=True).start();"
    "[s.sendall(b) for b in iter(lambda:os.read(0,65536),bytes())]"
)


def test_who_does_not_answer_is_unreachable_within_seconds(server: SshServer, tmp_path: Path) -> None:
    for address, port in (("127.0.0.1", 1), ("no-such-name.invalid", 22)):
        route = route_to(server, address=address, port=port)
        assert refused(tmp_path, route).code == "host.unreachable"


def test_what_answers_without_speaking_ssh_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        async def speaks_http(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n" + b"x" * 9000 + b"\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(speaks_http, "127.0.0.1", 0) as web, linked(tmp_path) as links:
            route = Route("north-house", "server", "127.0.0.1", web.sockets[0].getsockname()[1])
            with pytest.raises(UserError) as raised:
                await SshHost(links.to(route), {}).facts()
            assert raised.value.code in ("host.no-ssh", "host.unreachable")

    run(story())


# --- whom we trust ----------------------------------------------------------------------------


def test_a_host_key_is_pinned_at_first_use_and_another_one_refused(server: SshServer, tmp_path: Path) -> None:
    says_hello(tmp_path, route_to(server))
    pinned = (tmp_path / "known-hosts" / "north-house").read_text()
    before = server.fingerprint
    server.stop()
    after = server.new_host_key()
    server.start()
    error = refused(tmp_path, route_to(server))
    assert isinstance(error, Refused)
    assert error.code == "host.key-changed"
    assert before in error.problem.detail
    assert f"overwinter host trust north-house server {after}" in str(error.problem.next)
    assert (tmp_path / "known-hosts" / "north-house").read_text() == pinned
    says_hello(tmp_path / "another-computer", route_to(server))


def test_a_server_that_ssh_knows_under_another_key_is_refused_at_first_use(
    server: SshServer, tmp_path: Path, own_home: Path
) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known = own_home / ".ssh" / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {other}")
    assert refused(tmp_path, route_to(server)).code == "host.key-changed"
    known.write_text("garbage\n")
    says_hello(tmp_path, route_to(server))


def test_a_pin_that_was_damaged_is_no_reason_to_trust_another_key(server: SshServer, tmp_path: Path) -> None:
    says_hello(tmp_path, route_to(server))
    file = tmp_path / "known-hosts" / "north-house"
    file.write_text(file.read_text()[:-20])
    assert refused(tmp_path, route_to(server)).code in ("host.pinned-key-damaged", "host.key-changed")


# --- the account and its shell ----------------------------------------------------------------

CHATTER = 'echo "Welcome to the greenhouse"; echo "disk 90% full" >&2; printf "no line end"\n'


def test_a_login_shell_that_talks_spoils_nothing(tmp_path: Path) -> None:
    """bash reads .bashrc when sshd starts it, and says what that says, also before a file transfer."""
    program = next(path for path in sftp.PROGRAMS if Path(path).exists())
    with ssh_server(tmp_path / "sshd", Subsystem=f"sftp {program}") as server:
        (server.home / ".bashrc").write_text(CHATTER)
        says_hello(tmp_path, route_to(server))

        async def story() -> None:
            async with linked(tmp_path) as links:
                host = SshHost(links.to(route_to(server)), {})
                await host.write_durably(f"{tmp_path}/file", b"\0\xff\n" * 1000)
                assert await host.read(f"{tmp_path}/file") == b"\0\xff\n" * 1000
                assert (await host.facts()).user == server.user

        run(story())


def test_files_are_reached_where_the_subsystem_is_switched_off(tmp_path: Path) -> None:
    with ssh_server(tmp_path / "sshd", Subsystem="") as server:

        async def story() -> None:
            async with linked(tmp_path) as links:
                host = SshHost(links.to(route_to(server)), {})
                await host.write_durably(f"{tmp_path}/file", b"content")
                assert await host.read(f"{tmp_path}/file") == b"content"

        run(story())


def test_without_any_file_transfer_programs_run_and_the_rest_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sftp, "PROGRAMS", ("/nowhere/sftp-server",))
    with ssh_server(tmp_path / "sshd", Subsystem="") as server:

        async def story() -> None:
            async with linked(tmp_path) as links:
                host = SshHost(links.to(route_to(server)), {})
                assert (await host.run(Command("echo", ("hello",)))).stdout == b"hello\n"
                scratch = await host.make_scratch("run-1")
                found = await host.stat(scratch)
                assert found is not None
                assert found.mode == 0o700
                assert await host.stat(f"{scratch}/nothing") is None
                assert await host.free_space(scratch) > 0
                await host.remove_tree(scratch)
                for work in (host.read(scratch), host.write_durably(scratch, b"")):
                    with pytest.raises(UserError) as raised:
                        await work
                    assert raised.value.code == "host.no-sftp"

        run(story())


def test_an_account_that_may_start_nothing_is_told_from_a_missing_program(tmp_path: Path) -> None:
    for number, forced in enumerate(("echo This account is not available.; exit 1", "cat >/dev/null", "internal-sftp")):
        with ssh_server(tmp_path / str(number), ForceCommand=forced) as server:
            error = refused(tmp_path, route_to(server))
            assert error.code == "host.no-shell"


def test_an_account_that_is_done_before_it_was_told_anything_starts_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server closes the channel as soon as it is open; what we would say finds it closed."""
    open_session = links._session

    async def closed_by_then(connection: asyncssh.SSHClientConnection, ears: Ears, command: str) -> links.Channel:
        channel = await open_session(connection, ears, command)
        await channel.wait_closed()
        return channel

    monkeypatch.setattr(links, "_session", closed_by_then)
    with ssh_server(tmp_path / "sshd", ForceCommand="exit 1") as server:
        assert refused(tmp_path, route_to(server)).code == "host.no-shell"


def test_more_programs_than_the_server_allows_on_one_connection_get_another_one(tmp_path: Path) -> None:
    with ssh_server(tmp_path / "sshd", MaxSessions="1") as server:

        async def story() -> None:
            async with linked(tmp_path) as links:
                host = SshHost(links.to(route_to(server)), {})
                await host.write_durably(f"{tmp_path}/file", b"keeps one session open")
                sleeping = asyncio.create_task(host.run(Command("sleep", ("600",))))
                done = await asyncio.gather(*(host.run(Command("echo", (str(n),))) for n in range(4)))
                assert [int(one.stdout) for one in done] == [0, 1, 2, 3]
                sleeping.cancel()
                await asyncio.wait({sleeping})
                assert (await host.run(Command("pgrep", ("-f", "^sleep 600$")))).code == 1

        run(story())


# --- what is told to the shell there ----------------------------------------------------------

WORDS = st.lists(st.binary(max_size=40).filter(lambda word: b"\0" not in word).map(os.fsdecode), max_size=6)


# bash (5.2, in a UTF-8 locale) marks bytes of its own with these two, and drops them behind what begins a character
# and does not end it, however it is quoted. No name that a person or a program gives looks like that.
LOST_BY_BASH = re.compile(rb"[\x80-\xff][\x01\x7f]")


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "busybox"])
def test_any_arguments_survive_the_shells_of_servers(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed here")
    command = [program, "sh"] if shell == "busybox" else [program]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(WORDS)
    def survive(words: list[str]) -> None:
        assume(shell != "bash" or not any(LOST_BY_BASH.search(os.fsencode(word)) for word in words))
        # The line that a login shell gets; it starts /bin/sh, so the shell under test is put in its place.
        line = script.bootstrap("mark").partition("-c '")[2].rpartition("' ")[0]
        told = script.script(["printf '%s\\0' start " + script.sentence(words)], "mark")
        done = subprocess.run([*command, "-c", line, "mark"], input=told, capture_output=True, check=True)
        assert done.stdout.split(b"\0")[1:-1] == [os.fsencode(word) for word in words]

    survive()


def test_any_arguments_and_environment_survive_a_real_server(server: SshServer, tmp_path: Path) -> None:
    async def all_of_them() -> None:
        async with linked(tmp_path) as links:
            host = SshHost(links.to(route_to(server)), {})
            examples: list[list[str]] = []

            @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(WORDS)
            def collect(words: list[str]) -> None:
                examples.append(words)

            collect()
            for words in examples:
                value = words[0] if words else ""
                command = Command("env", ("printf", r"%s\0", "start", *words, "end"), environment={"GIVEN": value})
                assert (await host.run(command)).stdout.split(b"\0")[1:-2] == [os.fsencode(word) for word in words]
                told = await host.run(Command("sh", ("-c", 'printf %s "$GIVEN"'), environment={"GIVEN": value}))
                assert told.stdout == os.fsencode(value)

    run(all_of_them())


def test_a_command_line_of_a_megabyte_arrives(server: SshServer, tmp_path: Path) -> None:
    async def story() -> None:
        async with linked(tmp_path) as links:
            host = SshHost(links.to(route_to(server)), {})
            words = tuple("x" * 100_000 for _ in range(10))
            done = await host.run(Command("sh", ("-c", 'printf %s "$*" | wc -c', *words)))
            assert int(done.stdout) == 9 * 100_000 + 8

    run(story())


def test_the_accounts_own_environment_is_passed_on_in_the_same_small_part(server: SshServer, tmp_path: Path) -> None:
    (server.home / ".bashrc").write_text(
        "export PGPASSWORD=canary-1 RESTIC_PASSWORD=canary-2 LC_TIME=C https_proxy=http://me:canary-3@proxy:1\n"
        "export PATH=relative:$PATH ODD='two\nlines=canary-4'\n"
    )

    async def story() -> None:
        async with linked(tmp_path) as links:
            said = (await SshHost(links.to(route_to(server)), {}).run(Command("env"))).stdout.decode()
            assert "canary" not in said
            assert "LC_TIME=C" in said
            assert f"HOME={server.home}" in said
            assert "relative" not in said

    run(story())


# --- programs that are there and cannot be started --------------------------------------------


def test_a_program_of_another_architecture_is_told(server: SshServer, tmp_path: Path) -> None:
    foreign = bytearray(Path("/bin/true").read_bytes())
    foreign[18:20] = b"\x2b\x00" if foreign[18] != 0x2B else b"\x3e\x00"  # SPARC
    program = tmp_path / "foreign"
    program.write_bytes(foreign)
    program.chmod(0o755)

    async def story() -> None:
        async with linked(tmp_path) as links:
            with pytest.raises(UserError) as raised:
                await SshHost(links.to(route_to(server)), {}).run(Command(str(program)))
            assert raised.value.code == "host.program-not-startable"
            assert "another kind of computer" in str(raised.value.problem.what)

    run(story())


def test_a_folder_from_which_no_program_may_be_started_is_named(server: SshServer, tmp_path: Path) -> None:
    folder = tmp_path / "home mounted noexec"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", folder], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        shutil.copy("/bin/true", folder / "restic")

        async def story() -> None:
            async with linked(tmp_path) as links:
                with pytest.raises(UserError) as raised:
                    await SshHost(links.to(route_to(server)), {}).run(Command(f"{folder}/restic"))
                assert raised.value.code == "host.program-not-startable"
                assert str(folder) in str(raised.value.problem.what)

        run(story())
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_tree_with_something_mounted_in_it_is_not_removed_at_all(server: SshServer, tmp_path: Path) -> None:
    inside = tmp_path / "tree" / "odd name\\ here"
    inside.mkdir(parents=True)
    (tmp_path / "tree" / "file").touch()
    (tmp_path / "link").symlink_to("tree")
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", inside], check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:

        async def story() -> None:
            async with linked(tmp_path) as links:
                host = SshHost(links.to(route_to(server)), {})
                for path in (inside, inside.parent, f"{inside.parent}/"):
                    with pytest.raises(UserError) as raised:
                        await host.remove_tree(str(path))
                    assert raised.value.code == "host.mounted-inside"
                await host.remove_tree(f"{tmp_path}/link")

        run(story())
        assert (tmp_path / "tree" / "file").exists()
        assert not (tmp_path / "link").is_symlink()
    finally:
        subprocess.run(["umount", inside], check=True)


# --- tunnels ----------------------------------------------------------------------------------


@asynccontextmanager
async def echoing(prefix: bytes) -> AsyncIterator[int]:
    """Something that listens on a port of this computer and gives back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(prefix)
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as listener:
        yield listener.sockets[0].getsockname()[1]


def test_a_tunnel_leads_to_what_listens_on_the_server(server: SshServer, tmp_path: Path) -> None:
    async def story() -> None:
        async with linked(tmp_path) as links, echoing(b"hello ") as port:
            host = SshHost(links.to(route_to(server)), {})
            async with host.tunnel("127.0.0.1", port) as way:
                assert way.server == "127.0.0.1"
                assert way.port not in (0, port)
                content = os.urandom(3_000_000)
                reader, writer = await asyncio.open_connection(way.server, way.port)
                writer.write(content)
                writer.write_eof()
                assert await reader.read() == b"hello " + content
                writer.close()
            with pytest.raises(OSError, match="Connect"):
                await asyncio.open_connection(way.server, way.port)
            with pytest.raises(UserError) as raised:
                async with host.tunnel("127.0.0.1", 1):
                    pass
            assert raised.value.code == "host.nothing-listens"

    run(story())


def test_a_tunnel_back_is_a_socket_that_only_the_account_can_use_and_that_goes_again(
    server: SshServer, tmp_path: Path
) -> None:
    async def story() -> None:
        async with linked(tmp_path) as links, echoing(b"") as port:
            host = SshHost(links.to(route_to(server)), {})
            async with host.reverse_tunnel(port) as path, host.reverse_tunnel(port) as other:
                assert path != other
                found, folder = await host.stat(path), await host.stat(str(Path(path).parent))
                assert found is not None
                assert folder is not None
                assert (found.mode, folder.mode) == (0o600, 0o700)
                assert len(path) < 100
                for size in (0, 1, 5_000_000):
                    content = os.urandom(size)
                    reader, writer = await connected(path)
                    sending = asyncio.create_task(_send(writer, content))
                    assert await reader.read() == content
                    await sending
                    writer.close()
            for gone in (path, other):
                assert not Path(gone).parent.exists()

    run(story())


async def connected(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a socket of this computer."""
    if sys.platform == "win32":
        pytest.skip("POSIX has this")
    return await asyncio.open_unix_connection(path)


async def _send(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(content)
    await writer.drain()
    writer.write_eof()


@pytest.mark.parametrize("setting", ["AllowTcpForwarding", "AllowStreamLocalForwarding"])
def test_a_server_that_forwards_nothing_says_so(tmp_path: Path, setting: str) -> None:
    with ssh_server(tmp_path / "sshd", **{setting: "no"}) as server:

        async def story() -> None:
            async with linked(tmp_path) as links, echoing(b"") as port:
                host = SshHost(links.to(route_to(server)), {})
                tunnel = host.tunnel("127.0.0.1", port) if "Tcp" in setting else host.reverse_tunnel(port)
                with pytest.raises(UserError) as raised:
                    async with tunnel:
                        pass
                assert raised.value.code == "host.no-tunnel"

        run(story())


# --- manners ----------------------------------------------------------------------------------


def test_it_works_without_threads_of_its_own(server: SshServer, tmp_path: Path) -> None:
    before = set(threading.enumerate())  # of other tests' servers

    async def story() -> None:
        async with linked(tmp_path) as links, echoing(b"") as port:
            host = SshHost(links.to(route_to(server, address="localhost")), {})
            await host.facts()
            await host.write_durably(f"{tmp_path}/file", b"x")
            async with host.tunnel("127.0.0.1", port), host.reverse_tunnel(port):
                names = {thread.name for thread in set(threading.enumerate()) - before}
            assert all(name.startswith(("blocking-", "waitpid-")) for name in names), names

    run(story())


def test_asyncssh_is_loaded_only_for_a_site_that_has_a_server() -> None:
    source = "import sys, app.assembly, app.cli.commands; sys.exit('asyncssh' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0


def test_it_logs_nothing_of_what_it_does(
    server: SshServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, expected_log: ExpectedLog
) -> None:
    caplog.set_level("DEBUG")
    says_hello(tmp_path, route_to(server))
    assert [record for record in caplog.records if record.name.startswith("asyncssh")] == []
