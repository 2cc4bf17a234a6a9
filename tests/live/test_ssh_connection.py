"""SSHInterface against real sshd's: every way in, and every way in which a connection ends."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exauq_tui.errors import (
    AuthenticationError,
    ConnectionLostError,
    HardwareInterfaceFailureError,
    HostKeyError,
    ServerRefusedError,
)
from exauq_tui.hardware.connection.transport import ByteStream
from exauq_tui.hardware.interface import HostKey
from exauq_tui.hardware.ssh import SSHInterface
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Job, JobId
from tests.live.sshd import PASSPHRASE, Account, Sshd, StartSshd, make_key

pytestmark = pytest.mark.live

PATIENCE = 60.0


class Connection(SSHInterface):
    """As little of an interface as there can be, with what subclasses use made public."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.connections_made = 0
        super().__init__(*arguments, **options)

    def submit_job(self, job: Job) -> None:
        raise NotImplementedError

    def get_job_status(self, job_id: JobId) -> JobStatus:
        raise NotImplementedError

    def get_job_output(self, job_id: JobId) -> float | None:
        raise NotImplementedError

    def cancel_job(self, job_id: JobId) -> None:
        raise NotImplementedError

    def _after_connect(self) -> None:
        # Over the new connection already, which must neither lock up nor make another one.
        assert read_all(self.open("echo set up")) == b"set up\n"
        self.connections_made += 1

    def open(self, command: str) -> ByteStream:
        return self._open_stream(command, PATIENCE)

    def run(self, command: str) -> bytes:
        return read_all(self.open(command))


def read_all(stream: ByteStream) -> bytes:
    data = b""
    while piece := stream.receive(65536, PATIENCE):
        data += piece
    stream.close()
    return data


class Asked:
    """Answers questions from a list, and remembers them."""

    def __init__(self, *answers: str | None) -> None:
        self._answers = list(answers)
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        return self._answers.pop(0)


def nobody(question: object) -> Any:
    raise AssertionError(f"somebody was asked: {question}")


def reach(server: Sshd, **options: Any) -> Connection:
    options.setdefault("known_hosts", server.known_hosts)
    options.setdefault("ask_secret", nobody)
    options.setdefault("accept_host_key", nobody)
    options.setdefault("port", server.port)
    return Connection(server.user, server.host, "the server", **options)


def by_key(server: Sshd, **options: Any) -> Connection:
    return reach(server, key_filename=server.keys.ed25519, **options)


# Ways in


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_file_lets_us_in(sshd: Sshd, kind: str) -> None:
    with reach(sshd, key_filename=getattr(sshd.keys, kind)) as connection:
        assert connection.run('echo "$HOME" && pwd') == f"{sshd.home}\n{sshd.home}\n".encode()
        assert (connection.user, connection.host) == (sshd.user, "127.0.0.1")


@pytest.mark.parametrize(
    "name", ["with a space", "-leading dash", 'it\'s "quoted" $HOME `x`', "schlüssel 鍵", "a\nb"]
)
def test_a_key_file_may_have_any_name(sshd: Sshd, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    shutil.copy(sshd.keys.ed25519, path)
    with reach(sshd, key_filename=str(path)) as connection:
        assert connection.run("echo in") == b"in\n"


def test_a_key_file_named_by_a_leading_dash_alone_is_found(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(sshd.keys.ed25519, tmp_path / "-key")
    reach(sshd, key_filename="-key").close()


def test_an_encrypted_key_is_opened_after_a_wrong_passphrase(sshd: Sshd) -> None:
    ask = Asked("wrong", PASSPHRASE)
    with reach(sshd, key_filename=sshd.keys.encrypted, ask_secret=ask) as connection:
        assert connection.run("echo in") == b"in\n"
        connection.close()
        connection.connect()  # asks nobody: the list of answers is used up
    assert len(ask.prompts) == 2


def test_three_wrong_passphrases_are_an_authentication_error(sshd: Sshd) -> None:
    ask = Asked("wrong", "wrong", "wrong")
    with pytest.raises(AuthenticationError, match="encrypted"):
        reach(sshd, key_filename=sshd.keys.encrypted, ask_secret=ask)


def test_a_key_that_the_server_does_not_know_is_refused_in_words(sshd: Sshd) -> None:
    with pytest.raises(AuthenticationError) as caught:
        reach(sshd, key_filename=sshd.keys.unwelcome)
    for words in (f"{sshd.user}@127.0.0.1", str(sshd.keys.unwelcome), "publickey", "authorized"):
        assert words in str(caught.value)


@pytest.fixture
def agent(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Run an ssh-agent of our own."""
    path = tmp_path_factory.mktemp("a") / "agent"
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(path.exists)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    yield path
    process.terminate()
    process.wait()


def add_to_agent(*paths: Path, options: tuple[str, ...] = (), **environment: str) -> None:
    subprocess.run(
        ["ssh-add", "-q", *options, *map(str, paths)],
        check=True,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_the_agents_key_lets_us_in(sshd: Sshd, agent: Path, kind: str) -> None:
    add_to_agent(sshd.keys.unwelcome, getattr(sshd.keys, kind))
    with reach(sshd, use_ssh_agent=True) as connection:
        assert connection.run("echo in") == b"in\n"


def test_an_agent_offers_five_keys_and_no_more(sshd: Sshd, agent: Path, tmp_path: Path) -> None:
    for number in range(6):
        make_key(tmp_path / f"key{number}", "-t", "ed25519")
        add_to_agent(tmp_path / f"key{number}")
    add_to_agent(sshd.keys.ed25519)
    with pytest.raises(AuthenticationError, match="no more than five"):
        reach(sshd, use_ssh_agent=True)


def test_a_key_that_the_agent_will_not_use_costs_only_that_key(sshd: Sshd, agent: Path) -> None:
    # -c: a person has to confirm each use, and here /bin/false does not.
    agent_options = {"SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"}
    add_to_agent(sshd.keys.ed25519, options=("-c",), **agent_options)
    add_to_agent(sshd.keys.ecdsa)
    reach(sshd, use_ssh_agent=True).close()


def test_no_agent_is_an_authentication_error_before_any_connection() -> None:
    with pytest.raises(AuthenticationError, match="No ssh-agent"):
        Connection("me", "host.invalid", "the server", use_ssh_agent=True)


def test_several_ways_are_refused_before_any_connection() -> None:
    with pytest.raises(ValueError, match="only one"):
        Connection("me", "host.invalid", "the server", use_ssh_agent=True, key_filename="k")


# Passwords


def test_a_password_lets_us_in_after_wrong_ones_and_is_kept_for_the_next_connection(
    start_password_sshd: StartSshd, account: Account
) -> None:
    server = start_password_sshd()
    ask = Asked("wrong", account.password)
    with reach(server, ask_secret=ask) as connection:
        assert connection.run("whoami") == f"{account.name}\n".encode()
        server.drop_connections()
        wait_until(lambda: not connection._connection or not connection._connection.is_open)
        assert connection.run("whoami") == f"{account.name}\n".encode()
    assert len(ask.prompts) == 2
    assert f"{account.name}@127.0.0.1" in ask.prompts[0]


def test_three_wrong_passwords_are_an_authentication_error(
    start_password_sshd: StartSshd, account: Account
) -> None:
    ask = Asked("wrong 1", "wrong 2", "wrong 3")
    server = start_password_sshd(extra=("UsePAM no",))  # which takes two seconds to refuse one
    with pytest.raises(AuthenticationError) as caught:
        reach(server, ask_secret=ask)
    assert len(ask.prompts) == 3
    assert "wrong" not in str(caught.value)


def test_without_a_terminal_or_a_way_to_ask_a_password_is_an_authentication_error(
    start_password_sshd: StartSshd,
) -> None:
    with pytest.raises(AuthenticationError, match="no terminal"):
        reach(start_password_sshd(), ask_secret=None)


def test_a_server_that_asks_questions_itself_gets_the_password(
    start_password_sshd: StartSshd, account: Account
) -> None:
    server = start_password_sshd(extra=("PasswordAuthentication no",))
    ask = Asked("wrong", account.password)
    with reach(server, ask_secret=ask) as connection:
        assert connection.run("whoami") == f"{account.name}\n".encode()
        connection.close()
        connection.connect()
    assert len(ask.prompts) == 2


@pytest.mark.parametrize("second", ["password", "keyboard-interactive"])
def test_a_key_and_then_a_password_are_given_where_the_server_wants_both(
    start_password_sshd: StartSshd, account: Account, second: str
) -> None:
    server = start_password_sshd(extra=(f"AuthenticationMethods publickey,{second}",))
    ask = Asked(account.password)
    with by_key(server, ask_secret=ask) as connection:
        assert connection.run("whoami") == f"{account.name}\n".encode()


# Host keys


def test_an_unknown_host_key_is_refused_without_anybody_to_ask(sshd: Sshd) -> None:
    with pytest.raises(HostKeyError) as caught:
        by_key(sshd, known_hosts=None, accept_host_key=None)
    assert not caught.value.changed
    assert openssh_fingerprint(sshd.host_key) in str(caught.value)


def test_an_unknown_host_key_is_shown_and_refused_where_the_person_says_no(sshd: Sshd) -> None:
    shown: list[HostKey] = []

    def refuse(key: HostKey) -> bool:
        shown.append(key)
        return False

    with pytest.raises(HostKeyError, match="not accepted"):
        by_key(sshd, known_hosts=None, accept_host_key=refuse)
    assert shown == [
        HostKey(f"[127.0.0.1]:{sshd.port}", "ssh-ed25519", openssh_fingerprint(sshd.host_key))
    ]


def test_an_accepted_host_key_is_remembered_in_the_applications_own_file(
    sshd: Sshd, tmp_path: Path, isolated_home: Path
) -> None:
    own = tmp_path / "data" / "known_hosts"
    options = {"known_hosts": None, "own_known_hosts": own}
    with by_key(sshd, accept_host_key=lambda _: True, **options) as connection:
        connection.close()
        connection.connect()
    by_key(sshd, **options).close()  # asks nobody
    assert own.read_text().startswith(f"[127.0.0.1]:{sshd.port} ssh-ed25519 ")
    assert not (isolated_home / ".ssh").exists()


def test_an_accepted_host_key_is_not_asked_about_again_by_the_same_object(sshd: Sshd) -> None:
    answers = iter([True])
    with by_key(sshd, known_hosts=None, accept_host_key=lambda _: next(answers)) as connection:
        connection.close()
        connection.connect()


def test_the_users_own_known_hosts_are_read_and_never_written(
    sshd: Sshd, isolated_home: Path
) -> None:
    (isolated_home / ".ssh").mkdir()
    path = isolated_home / ".ssh" / "known_hosts"
    path.write_bytes(sshd.known_hosts.read_bytes())
    by_key(sshd, known_hosts=None).close()
    assert path.read_bytes() == sshd.known_hosts.read_bytes()


def test_hashed_known_hosts_are_understood(sshd: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "hashed"
    shutil.copy(sshd.known_hosts, path)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    assert "127.0.0.1" not in path.read_text()
    by_key(sshd, known_hosts=path).close()


def test_a_host_that_is_known_by_another_type_of_key_is_asked_for_that_one(
    sshd: Sshd, tmp_path: Path
) -> None:
    path = tmp_path / "ecdsa only"
    path.write_text("".join(line for line in sshd.known_hosts.open() if "ecdsa-sha2" in line))
    by_key(sshd, known_hosts=path).close()


def test_a_changed_host_key_is_refused_whatever_the_person_would_say(
    sshd: Sshd, tmp_path: Path
) -> None:
    make_key(tmp_path / "other", "-t", "ed25519")
    kind, blob, _ = (tmp_path / "other.pub").read_text().split()
    path = tmp_path / "old"
    path.write_text(f"\n[127.0.0.1]:{sshd.port} {kind} {blob}\n")
    with pytest.raises(HostKeyError) as caught:
        by_key(sshd, known_hosts=path, accept_host_key=lambda _: True)
    assert caught.value.changed
    for words in (
        f"{path}:2",
        openssh_fingerprint(sshd.host_key),
        openssh_fingerprint(tmp_path / "other"),
    ):
        assert words in str(caught.value)


def test_a_revoked_host_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    lines = sshd.known_hosts.read_text().splitlines()
    path = tmp_path / "revoked"
    path.write_text("\n".join([*lines, *(f"@revoked {line}" for line in lines)]))
    with pytest.raises(HostKeyError, match="revoked") as caught:
        by_key(sshd, known_hosts=path, accept_host_key=lambda _: True)
    assert caught.value.changed


# Streams


def test_eight_megabytes_come_back_as_they_were(sshd: Sshd) -> None:
    data = hashlib.shake_256(b"any").digest(8 << 20)
    with by_key(sshd) as connection:
        stream = connection.open("cat")
        sender = threading.Thread(target=stream.send, args=(data, PATIENCE))
        sender.start()
        received = bytearray()
        while len(received) < len(data):
            received += stream.receive(1 << 20, PATIENCE)
        sender.join()
        assert received == data


def test_a_silent_stream_times_out_and_stays_good(sshd: Sshd) -> None:
    with by_key(sshd) as connection:
        stream = connection.open('read line; echo "$line"; exit 3')
        with pytest.raises(TimeoutError):
            stream.receive(10, 0.2)
        stream.send(b"still here\n", PATIENCE)
        assert read_line(stream) == b"still here\n"
        assert stream.receive(10, PATIENCE) == b""
        assert stream.describe_end() == "exit code 3"


def test_much_on_the_standard_error_blocks_nothing_and_its_end_is_told(sshd: Sshd) -> None:
    with by_key(sshd) as connection:
        stream = connection.open("head -c 40000000 /dev/zero >&2; echo last words >&2; echo done")
        assert read_line(stream) == b"done\n"
        assert stream.describe_end().endswith("last words")


def test_a_command_that_reads_nothing_does_not_hold_the_sender_for_ever(sshd: Sshd) -> None:
    with by_key(sshd) as connection:
        stream = connection.open("sleep 60")
        with pytest.raises(ConnectionLostError, match="took nothing in"):
            stream.send(bytes(64 << 20), 1.0)
        stream.close()
        assert connection.run("echo fine") == b"fine\n"
        assert connection.connections_made == 1


def test_sending_to_a_command_that_ended_says_how_it_ended(sshd: Sshd) -> None:
    with by_key(sshd) as connection:
        stream = connection.open("echo no such luck >&2; exit 7")
        assert stream.receive(1, PATIENCE) == b""
        time.sleep(0.2)  # the server closes the stream after its end
        with pytest.raises(ConnectionLostError, match=r"exit code 7.*no such luck"):
            stream.send(b"x", PATIENCE)


def test_a_server_that_opens_no_more_sessions_refuses(start_sshd: StartSshd) -> None:
    with by_key(start_sshd(extra=("MaxSessions 3",))) as connection:
        streams: list[ByteStream] = []

        def open_until_refused() -> None:
            for _ in range(10):
                streams.append(connection.open("cat"))

        # One slot may still be taken by the stream that was closed while connecting.
        streams += [connection.open("cat"), connection.open("cat")]
        with pytest.raises(ServerRefusedError, match="another channel"):
            open_until_refused()
        for stream in streams:
            stream.send(b"alive\n", PATIENCE)
            assert read_line(stream) == b"alive\n"


def test_a_small_request_takes_no_longer_than_its_round_trip(sshd: Sshd) -> None:
    # Without TCP_NODELAY the answer to each takes 40 ms and more, even on the loopback.
    with by_key(sshd) as connection:
        stream = connection.open("cat")

        def usual() -> float:
            durations = []
            for _ in range(21):
                started = time.monotonic()
                stream.send(b"x\n", PATIENCE)
                read_line(stream)
                durations.append(time.monotonic() - started)
            return sorted(durations)[10]

        # A busy machine may take as long now and then.
        assert min(usual() for _ in range(3)) < 0.03


# Ends


@pytest.mark.parametrize("what", ["stream", "connection"])
def test_closing_from_another_thread_ends_a_wait_at_once(sshd: Sshd, what: str) -> None:
    with by_key(sshd) as connection:
        stream = connection.open("sleep 60")
        errors: list[Exception] = []

        def wait() -> None:
            try:
                stream.receive(1, 60)
            except ConnectionLostError as error:
                errors.append(error)

        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.2)
        started = time.monotonic()
        (stream if what == "stream" else connection).close()
        waiter.join(PATIENCE)
        assert time.monotonic() - started < 15
        assert len(errors) == 1


def test_closing_ends_an_attempt_to_connect_to_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        connection = Connection(
            "me", "127.0.0.1", "mute", port=mute.getsockname()[1], connect=False
        )
        errors: list[Exception] = []

        def connect() -> None:
            try:
                connection.connect()
            except ConnectionLostError as error:
                errors.append(error)

        connecting = threading.Thread(target=connect)
        connecting.start()
        time.sleep(0.5)
        started = time.monotonic()
        connection.close()
        connecting.join(PATIENCE)
        assert time.monotonic() - started < 15
        assert "closed here" in str(errors[0])


def test_a_closed_interface_says_so_until_it_is_connected_again(sshd: Sshd) -> None:
    with by_key(sshd) as connection:
        connection.close()
        with pytest.raises(ConnectionLostError, match="connect\\(\\)"):
            connection.run("echo in")
        connection.connect()
        assert connection.run("echo in") == b"in\n"


def test_an_interface_made_without_connecting_connects_by_its_first_call(sshd: Sshd) -> None:
    with by_key(sshd, connect=False) as connection:
        assert connection.connections_made == 0
        assert connection.run("echo in") == b"in\n"
        assert connection.connections_made == 1


def test_threads_share_one_connection(sshd: Sshd) -> None:
    with by_key(sshd, connect=False) as connection:
        answers: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: answers.append(connection.run("echo in")))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert answers == [b"in\n"] * 8
        assert connection.connections_made == 1


def test_a_killed_server_is_a_lost_connection_and_the_next_call_makes_a_new_one(
    start_sshd: StartSshd,
) -> None:
    server = start_sshd()
    with by_key(server) as connection:
        stream = connection.open("cat")
        server.stop()
        with pytest.raises(ConnectionLostError, match="lost"):
            stream.receive(1, PATIENCE)
        with pytest.raises(ConnectionLostError, match="Connection refused"):
            connection.run("echo in")
        server.start()
        assert connection.run("echo in") == b"in\n"
        assert connection.connections_made == 2


def test_what_is_no_ssh_server_is_said_to_be_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:
        port = web.getsockname()[1]

        def serve() -> None:
            link, _ = web.accept()
            with link:
                link.sendall(b"HTTP/1.1 400 Bad \x1b]0;owned\x07Request\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(ConnectionLostError, match=f"SSH server.*{port}") as caught:
            Connection("me", "127.0.0.1", "web", port=port)
        assert str(caught.value).isprintable()


def test_a_name_that_nobody_knows_is_named() -> None:
    with pytest.raises(ConnectionLostError, match=r"no-such-host\.invalid"):
        Connection("me", "no-such-host.invalid", "nowhere")


def test_importing_the_interface_does_not_import_paramiko() -> None:
    code = "import sys, exauq_tui.hardware.ssh; sys.exit('paramiko' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_is_printed_and_the_program_ends_at_once(sshd: Sshd) -> None:
    # A connection that breaks in the middle of its making is where paramiko prints, and
    # where its timers keep a program from ending.
    code = f"""
import socket, sys
from tests.live.test_ssh_connection import Connection
from exauq_tui.errors import HardwareInterfaceFailureError
server = socket.create_server(("127.0.0.1", 0))
import threading
def serve():
    link, _ = server.accept()
    link.sendall(b"SSH-2.0-Odd\\r\\n" + bytes(range(1, 200)))
    link.close()
threading.Thread(target=serve, daemon=True).start()
try:
    Connection("me", "127.0.0.1", "odd", port=server.getsockname()[1])
except HardwareInterfaceFailureError:
    pass
kept = Connection({sshd.user!r}, "127.0.0.1", "kept", port={sshd.port},
    key_filename={str(sshd.keys.ed25519)!r}, known_hosts={str(sshd.known_hosts)!r})
stream = kept.open("sleep 60")
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
        cwd=Path(__file__).parents[2],
    )
    assert time.monotonic() - started < 10
    assert done.stdout + done.stderr == b""


# OpenSSH config files


def config_for(path: Path, inner: Sshd, gate: Sshd, how: str) -> Path:
    known_hosts = path.parent / "both known hosts"
    known_hosts.write_text(inner.known_hosts.read_text() + gate.known_hosts.read_text())
    path.write_text(
        f"""
        Host inner
            HostName 127.0.0.1
            Port {inner.port}
            {how}
        Host gate
            HostName 127.0.0.1
            Port {gate.port}
        Host *
            User {inner.user}
            IdentityFile "{inner.keys.ed25519}"
            UserKnownHostsFile "{known_hosts}"
        """
    )
    return path


def by_config(path: Path, **options: Any) -> Connection:
    options = {"ask_secret": nobody, "accept_host_key": nobody, **options}
    return Connection("", "inner", "the server", ssh_config_path=path, **options)


def test_an_alias_of_a_config_file_lets_us_in(sshd: Sshd, tmp_path: Path) -> None:
    path = config_for(tmp_path / "my config", sshd, sshd, "")
    with by_config(path) as connection:
        assert connection.run("echo in") == b"in\n"
        assert (connection.user, connection.host) == (sshd.user, "inner")


def test_the_agents_key_is_used_where_the_file_of_the_config_is_encrypted(
    sshd: Sshd, agent: Path, tmp_path: Path
) -> None:
    askpass = tmp_path / "askpass"
    askpass.write_text(f"#!/bin/sh\necho {shlex.quote(PASSPHRASE)}\n")
    askpass.chmod(0o700)
    add_to_agent(sshd.keys.unwelcome)
    add_to_agent(
        sshd.keys.encrypted, SSH_ASKPASS=str(askpass), SSH_ASKPASS_REQUIRE="force", DISPLAY=":0"
    )
    path = tmp_path / "config"
    path.write_text(f"IdentityFile {sshd.keys.encrypted}\nIdentitiesOnly yes\n")
    reach(sshd, ssh_config_path=path).close()


def test_a_config_without_a_key_that_fits_asks_for_a_password(
    start_password_sshd: StartSshd, account: Account, tmp_path: Path
) -> None:
    server = start_password_sshd()
    path = tmp_path / "config"
    path.write_text(f"IdentityFile {server.keys.unwelcome}\nUser {account.name}\n")
    ask = Asked(account.password)
    server.user = ""  # for the config file to say
    with reach(server, ssh_config_path=path, ask_secret=ask) as connection:
        assert connection.user == account.name
        assert connection.run("whoami") == f"{account.name}\n".encode()


def test_a_proxy_jump_goes_through_the_other_server(
    sshd: Sshd, start_sshd: StartSshd, tmp_path: Path
) -> None:
    gate = start_sshd()
    path = config_for(tmp_path / "config", sshd, gate, "ProxyJump gate")
    with by_config(path) as connection:
        assert connection.run("echo in") == b"in\n"
        assert f"Accepted publickey for {gate.user}" in gate.log_text()
        gate.stop()
        with pytest.raises(ConnectionLostError):
            connection.run("echo in")


def test_a_chain_of_jumps_goes_through_all(
    sshd: Sshd, start_sshd: StartSshd, tmp_path: Path
) -> None:
    gate = start_sshd()
    jumps = f"ProxyJump gate,{gate.user}@127.0.0.1:{gate.port},gate"
    path = config_for(tmp_path / "config", sshd, gate, jumps)
    with by_config(path) as connection:
        assert connection.run("echo in") == b"in\n"
    assert gate.log_text().count("Accepted publickey") == 3


def test_the_host_key_of_a_jump_is_checked_as_well(
    sshd: Sshd, start_sshd: StartSshd, tmp_path: Path
) -> None:
    gate = start_sshd()
    path = config_for(tmp_path / "config", sshd, gate, "ProxyJump gate")
    (tmp_path / "both known hosts").write_text(sshd.known_hosts.read_text())
    shown: list[HostKey] = []
    with pytest.raises(HostKeyError):
        by_config(path, accept_host_key=shown.append)
    assert [key.host for key in shown] == [f"[127.0.0.1]:{gate.port}"]


def test_a_jump_through_itself_is_refused_in_words(sshd: Sshd, tmp_path: Path) -> None:
    path = config_for(tmp_path / "config", sshd, sshd, "")
    path.write_text(f"ProxyJump gate\n{path.read_text()}")
    with pytest.raises(HardwareInterfaceFailureError, match="name itself"):
        by_config(path)


CONNECT = """
import os, socket, sys, threading
link = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536): link.sendall(data)
threading.Thread(target=up, daemon=True).start()
while data := link.recv(65536):
    while data: data = data[os.write(1, data):]
"""


def test_a_proxy_command_is_the_way_in_and_ends_with_the_connection(
    sshd: Sshd, tmp_path: Path
) -> None:
    script = tmp_path / "way in.py"
    script.write_text(CONNECT)
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} %h %p"
    path = config_for(tmp_path / "config", sshd, sshd, f"ProxyCommand {command}")
    with by_config(path) as connection:
        data = bytes(range(256)) * 8192
        stream = connection.open("cat")
        threading.Thread(target=stream.send, args=(data, PATIENCE)).start()
        received = b""
        while len(received) < len(data):
            received += stream.receive(1 << 20, PATIENCE)
        assert received == data
        assert processes_with(str(script))
    wait_until(lambda: not processes_with(str(script)))


def test_ssh_itself_can_be_the_proxy_command(
    sshd: Sshd, start_sshd: StartSshd, tmp_path: Path
) -> None:
    gate = start_sshd()
    path = tmp_path / "config"
    config_for(path, sshd, gate, f'ProxyCommand ssh -F "{path}" -W %h:%p gate')
    with by_config(path) as connection:
        assert connection.run("echo in") == b"in\n"


def test_what_a_failing_proxy_command_says_is_told(sshd: Sshd, tmp_path: Path) -> None:
    how = "ProxyCommand sh -c 'echo the gate is shut >&2; exit 1'"
    path = config_for(tmp_path / "config", sshd, sshd, how)
    with pytest.raises(ConnectionLostError, match="the gate is shut"):
        by_config(path)


# Helpers


def read_line(stream: ByteStream) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        piece = stream.receive(65536, PATIENCE)
        assert piece
        data += piece
    return data


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes_with(words: str) -> bool:
    table = subprocess.run(
        ["ps", "-ww", "-e", "-o", "args="], check=True, capture_output=True, text=True
    )
    return words in table.stdout


def openssh_fingerprint(key: Path) -> str:
    line = subprocess.run(
        ["ssh-keygen", "-l", "-f", f"{key}.pub"], check=True, capture_output=True, text=True
    ).stdout
    return line.split()[1]
