"""The library and the fleet by the user's own ssh program, against real sshd's."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
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
from exauq_tui.hardware import Input, JobStatus
from exauq_tui.hardware.connection import askpass
from exauq_tui.hardware.interface import HostKey
from exauq_tui.monitor.snapshot import ServerState
from tests.contract.machines import every_process, wait_until
from tests.live.conftest import MakeSite
from tests.live.outage import cut_connections, end
from tests.live.proxy import Proxy
from tests.live.sshd import PASSPHRASE, Account, Sshd, StartSshd, descendants, make_key
from tests.live.test_fleet import all_reach
from tests.live.test_ssh_connection import (
    Asked,
    Connection,
    config_for,
    nobody,
    openssh_fingerprint,
    read_line,
)
from tests.unit.fake_interfaces import stands

pytestmark = pytest.mark.live

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def private_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """See to it that no ssh process, zombie or private directory outlives a test."""
    place = Path(f"/tmp/exauq-{os.getpid()}")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    yield place
    wait_until(lambda: not ssh_children(), f"the end of {ssh_children()}")
    left = list(place.iterdir())
    shutil.rmtree(place)
    assert left == []


def ssh_children() -> list[str]:
    """Our own children that are ssh, zombies included."""
    table = subprocess.run(
        ["ps", "-ww", "-e", "-o", "ppid=,stat=,comm="], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in table.splitlines()]
    return [" ".join(row) for row in rows if int(row[0]) == os.getpid() and row[2] == "ssh"]


def reach(server: Sshd, **options: Any) -> Connection:
    options.setdefault("known_hosts", server.known_hosts)
    options.setdefault("ask_secret", nobody)
    options.setdefault("accept_host_key", nobody)
    options.setdefault("port", server.port)
    return Connection(server.user, server.host, "the server", ssh_backend="openssh", **options)


def by_key(server: Sshd, **options: Any) -> Connection:
    return reach(server, key_filename=server.keys.ed25519, **options)


def by_config(path: Path, **options: Any) -> Connection:
    options = {"ask_secret": nobody, "accept_host_key": nobody, **options}
    return Connection(
        "", "inner", "the server", ssh_config_path=path, ssh_backend="openssh", **options
    )


# Ways in


@pytest.mark.parametrize("name", ["plain", 'it\'s "quoted" $HOME `x` %d', "-dash", "schlüssel 鍵"])
def test_a_key_file_of_any_name_lets_us_in(sshd: Sshd, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    shutil.copy(sshd.keys.ed25519, path)
    with reach(sshd, key_filename=str(path)) as connection:
        assert connection.run('echo "$HOME" && pwd') == f"{sshd.home}\n{sshd.home}\n".encode()
        assert (connection.user, connection.host) == (sshd.user, "127.0.0.1")


def test_an_encrypted_key_is_opened_after_a_wrong_passphrase_and_stays_so(sshd: Sshd) -> None:
    ask = Asked("wrong", PASSPHRASE)
    with reach(sshd, key_filename=sshd.keys.encrypted, ask_secret=ask) as connection:
        assert connection.run("echo in") == b"in\n"
        connection.close()
        connection.connect()  # asks nobody: the list of answers is used up
    assert ask.prompts == [
        f"Passphrase for key {sshd.keys.encrypted}: ",
        f"That passphrase does not open it. Passphrase for key {sshd.keys.encrypted}: ",
    ]


def test_wrong_passphrases_are_an_authentication_error(sshd: Sshd) -> None:
    ask = Asked("wrong", "wrong")
    with pytest.raises(AuthenticationError) as caught:
        reach(sshd, key_filename=sshd.keys.encrypted, ask_secret=ask, max_attempts=2)
    assert "wrong" not in str(caught.value)


def test_a_key_that_the_server_does_not_know_is_an_error_and_no_question(
    sshd: Sshd, start_password_sshd: StartSshd
) -> None:
    with pytest.raises(AuthenticationError, match="publickey"):
        reach(sshd, key_filename=sshd.keys.unwelcome)
    server = start_password_sshd()
    with pytest.raises(AuthenticationError, match="did not accept the key file"):
        reach(server, key_filename=server.keys.unwelcome)


def test_a_missing_key_file_is_told_before_any_connection(tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError, match="does not exist"):
        Connection("me", "host.invalid", "x", key_filename=tmp_path / "none", ssh_backend="openssh")


def test_the_agents_key_lets_us_in_and_having_no_agent_is_told(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(AuthenticationError, match="No ssh-agent"):
        reach(sshd, use_ssh_agent=True)
    path = tmp_path_factory.mktemp("a") / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        wait_until(path.exists, "the agent")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        subprocess.run(["ssh-add", "-q", str(sshd.keys.rsa)], check=True)
        with reach(sshd, use_ssh_agent=True) as connection:
            assert connection.run("echo in") == b"in\n"
    finally:
        agent.terminate()
        agent.wait()


@pytest.mark.parametrize("method", ["PasswordAuthentication", "KbdInteractiveAuthentication"])
def test_a_password_lets_us_in_after_a_wrong_one_and_is_kept_for_the_next_connection(
    start_password_sshd: StartSshd, account: Account, method: str
) -> None:
    server = start_password_sshd(extra=(f"{method} no",))
    ask = Asked("wrong", account.password)
    with reach(server, ask_secret=ask) as connection:
        assert connection.run("whoami") == f"{account.name}\n".encode()
        connection.close()
        connection.connect()
    where = f"{account.name}@127.0.0.1:{server.port}"
    assert ask.prompts == [
        f"Password for {where}: ", f"That was not accepted. Password for {where}: "
    ]  # fmt: skip


def test_wrong_passwords_are_an_authentication_error(
    start_password_sshd: StartSshd, account: Account
) -> None:
    ask = Asked("wrong 1", "wrong 2")
    with pytest.raises(AuthenticationError) as caught:
        reach(start_password_sshd(), ask_secret=ask, max_attempts=2)
    assert len(ask.prompts) == 2
    assert "wrong" not in str(caught.value)


def test_a_key_and_then_a_password_are_given_where_the_server_wants_both(
    start_password_sshd: StartSshd, account: Account
) -> None:
    server = start_password_sshd(extra=("AuthenticationMethods publickey,keyboard-interactive",))
    with by_key(server, ask_secret=Asked(account.password)) as connection:
        assert connection.run("whoami") == f"{account.name}\n".encode()


def test_without_a_terminal_or_a_way_to_ask_a_password_is_an_authentication_error(
    start_password_sshd: StartSshd,
) -> None:
    with pytest.raises(AuthenticationError, match="no terminal"):
        reach(start_password_sshd(), ask_secret=None)


# Host keys


def test_an_unknown_host_key_is_refused_without_anybody_to_ask(sshd: Sshd) -> None:
    with pytest.raises(HostKeyError) as caught:
        by_key(sshd, known_hosts=None, accept_host_key=None)
    assert not caught.value.changed
    assert openssh_fingerprint(sshd.host_key) in str(caught.value)


def test_an_unknown_host_key_is_shown_and_refused_where_the_person_says_no(sshd: Sshd) -> None:
    shown: list[HostKey] = []
    with pytest.raises(HostKeyError, match="not accepted"):
        by_key(sshd, known_hosts=None, accept_host_key=shown.append)
    assert shown == [
        HostKey(f"[127.0.0.1]:{sshd.port}", "ssh-ed25519", openssh_fingerprint(sshd.host_key))
    ]


def test_an_accepted_host_key_is_remembered_in_the_applications_own_file_alone(
    sshd: Sshd, tmp_path: Path, isolated_home: Path
) -> None:
    users = isolated_home / ".ssh" / "known_hosts"
    users.parent.mkdir()
    users.write_text("# mine\n")
    own = tmp_path / "data" / "known_hosts"
    options: dict[str, Any] = {"known_hosts": None, "own_known_hosts": own}
    with by_key(sshd, accept_host_key=lambda _: True, **options) as connection:
        connection.close()
        connection.connect()
    by_key(sshd, **options).close()  # asks nobody
    (line,) = own.read_text().splitlines()
    assert line.startswith(f"[127.0.0.1]:{sshd.port} ssh-ed25519 ")
    assert users.read_text() == "# mine\n"


def test_an_accepted_host_key_is_not_asked_about_again_by_the_same_object(sshd: Sshd) -> None:
    answers = iter([True])
    with by_key(sshd, known_hosts=None, accept_host_key=lambda _: next(answers)) as connection:
        connection.close()
        connection.connect()


def test_a_changed_host_key_is_refused_whatever_the_person_would_say(
    sshd: Sshd, tmp_path: Path
) -> None:
    make_key(tmp_path / "other", "-t", "ed25519")
    kind, blob, _ = (tmp_path / "other.pub").read_text().split()
    path = tmp_path / "old ones"
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


def test_a_host_of_which_only_keys_of_other_types_are_known_has_changed(
    sshd: Sshd, tmp_path: Path
) -> None:
    make_key(tmp_path / "other", "-t", "rsa", "-b", "2048")
    kind, blob, _ = (tmp_path / "other.pub").read_text().split()
    path = tmp_path / "old"
    path.write_text(f"[127.0.0.1]:{sshd.port} {kind} {blob}\n")
    with pytest.raises(HostKeyError) as caught:
        by_key(sshd, known_hosts=path, accept_host_key=lambda _: True)
    assert caught.value.changed


def test_a_revoked_host_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    lines = sshd.known_hosts.read_text().splitlines()
    path = tmp_path / "revoked"
    path.write_text("\n".join([*lines, *(f"@revoked {line}" for line in lines)]))
    with pytest.raises(HostKeyError, match=rf"revoked in {path}:3") as caught:
        by_key(sshd, known_hosts=path, accept_host_key=lambda _: True)
    assert caught.value.changed


def test_a_configuration_that_trusts_every_host_is_not_followed(sshd: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        f"Host inner\n HostName 127.0.0.1\n Port {sshd.port}\n User {sshd.user}\n"
        f' IdentityFile "{sshd.keys.ed25519}"\n StrictHostKeyChecking no\n'
        " UserKnownHostsFile /dev/null\n NoHostAuthenticationForLocalhost yes\n"
    )
    with pytest.raises(HostKeyError, match="not accepted"):
        by_config(path, accept_host_key=lambda _: False)


# Configuration


def test_a_proxy_jump_goes_through_the_other_server_whose_host_key_is_asked_about(
    sshd: Sshd, start_sshd: StartSshd, tmp_path: Path, isolated_home: Path
) -> None:
    gate = start_sshd()
    path = config_for(tmp_path / "my config", sshd, gate, "ProxyJump gate")
    (tmp_path / "both known hosts").write_text(sshd.known_hosts.read_text())
    shown: list[HostKey] = []

    def accept(key: HostKey) -> bool:
        shown.append(key)
        return True

    own = tmp_path / "own"
    with by_config(path, accept_host_key=accept, own_known_hosts=own) as connection:
        assert connection.run("echo in") == b"in\n"
        assert f"Accepted publickey for {gate.user}" in gate.log_text()
        assert (connection.user, connection.host) == (sshd.user, "inner")
    assert [key.host for key in shown] == [f"[127.0.0.1]:{gate.port}"]
    assert own.read_text().startswith(f"[127.0.0.1]:{gate.port} ")
    assert (tmp_path / "both known hosts").read_text() == sshd.known_hosts.read_text()
    gate.stop()
    with pytest.raises(ConnectionLostError):
        by_config(path, own_known_hosts=own)


def test_a_master_that_the_user_keeps_running_is_used_and_none_is_left_behind(
    sshd: Sshd, tmp_path: Path, private_place: Path
) -> None:
    path = config_for(tmp_path / "config", sshd, sshd, "")
    master_socket = private_place.with_name(f"{private_place.name}.mux")
    path.write_text(
        f"ControlMaster auto\nControlPersist 60\nControlPath {master_socket}\n" + path.read_text()
    )
    by_config(path).close()
    assert not master_socket.exists()
    master = subprocess.Popen(
        ["ssh", "-F", str(path), "-M", "-N", "-o", "ControlPersist=no", "inner"]
    )
    try:
        wait_until(master_socket.exists, "the master")
        logins = sshd.log_text().count("Accepted publickey")
        with by_config(path) as connection:
            assert connection.run("echo in") == b"in\n"
        assert sshd.log_text().count("Accepted publickey") == logins
        assert master.poll() is None
    finally:
        master.terminate()
        master.wait()


def test_a_configuration_that_ssh_cannot_use_is_told_in_its_words(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Foo bar\n")
    with pytest.raises(HardwareInterfaceFailureError, match="Bad configuration option: foo"):
        by_config(path)


def test_a_missing_ssh_program_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(HardwareInterfaceFailureError, match="install openssh-client"):
            Connection("me", "host.invalid", "nowhere", ssh_backend="openssh")


def test_a_backend_that_there_is_not_is_refused_before_any_connection() -> None:
    with pytest.raises(ValueError, match="ssh_backend"):
        Connection("me", "host.invalid", "nowhere", ssh_backend="putty")


def test_several_ways_are_refused_before_any_connection() -> None:
    with pytest.raises(ValueError, match="only one"):
        Connection(
            "me", "host.invalid", "x", use_ssh_agent=True, key_filename="k", ssh_backend="openssh"
        )


# Streams and ends


def test_megabytes_come_back_as_they_were(sshd: Sshd) -> None:
    data = os.urandom(4 << 20)
    with by_key(sshd) as connection:
        stream = connection.open("cat")
        sender = threading.Thread(target=stream.send, args=(data, PATIENCE))
        sender.start()
        received = bytearray()
        while len(received) < len(data):
            received += stream.receive(1 << 20, PATIENCE)
        sender.join()
        assert received == data


def test_the_end_of_a_command_is_told(sshd: Sshd) -> None:
    with by_key(sshd) as connection:
        stream = connection.open("echo one; echo no such luck >&2; exit 7")
        assert read_line(stream) == b"one\n"
        assert stream.receive(10, PATIENCE) == b""
        assert stream.describe_end() == "exit code 7; it said: no such luck"


def test_what_comes_before_the_command_is_passed_over(start_sshd: StartSshd) -> None:
    noisy = "ForceCommand printf 'welcome\\nto '; exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\""
    with by_key(start_sshd(own_home=False, extra=(noisy,))) as connection:
        assert connection.run("echo in") == b"in\n"


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


def test_a_name_that_nobody_knows_is_named() -> None:
    with pytest.raises(ConnectionLostError, match=r"no-such-host\.invalid could not be looked up"):
        Connection("me", "no-such-host.invalid", "nowhere", ssh_backend="openssh")


def test_an_account_that_may_run_nothing_is_refused(start_sshd: StartSshd) -> None:
    with pytest.raises(ServerRefusedError, match="exit code 9: not here"):
        by_key(start_sshd(own_home=False, extra=("ForceCommand echo not here >&2; exit 9",)))


def closing_takes(connection: Connection, waiting: threading.Thread) -> float:
    started = time.monotonic()
    connection.close()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    wait_until(lambda: not ssh_children(), "the end of ssh")
    return time.monotonic() - started


def test_closing_ends_a_black_holed_connection_at_once(sshd: Sshd, tmp_path: Path) -> None:
    with Proxy(sshd.port) as proxy:
        known = tmp_path / "known"
        known.write_text(sshd.known_hosts.read_text().replace(f":{sshd.port} ", f":{proxy.port} "))
        connection = by_key(sshd, port=proxy.port, known_hosts=known)
        stream = connection.open("cat")
        proxy.go_dark()
        stream.send(b"into the dark", PATIENCE)
        errors: list[ConnectionLostError] = []

        def wait() -> None:
            try:
                stream.receive(1, 60)
            except ConnectionLostError as error:
                errors.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert closing_takes(connection, waiting) < 3
        assert "closed here" in str(errors[0])


def test_closing_ends_an_attempt_to_connect_to_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        connection = Connection(
            "me", "127.0.0.1", "mute", port=mute.getsockname()[1], connect=False,
            ssh_backend="openssh",
        )  # fmt: skip
        errors: list[ConnectionLostError] = []

        def connect() -> None:
            try:
                connection.connect()
            except ConnectionLostError as error:
                errors.append(error)

        waiting = threading.Thread(target=connect)
        waiting.start()
        mute.accept()
        assert closing_takes(connection, waiting) < 3
        assert "closed here" in str(errors[0])


def test_closing_while_a_person_is_asked_is_no_refusal(sshd: Sshd) -> None:
    asked, errors = threading.Event(), []

    def ask(prompt: str) -> None:
        asked.set()
        wait_until(lambda: not ssh_children(), "the end of ssh")  # as a dialog is closed

    connection = reach(sshd, key_filename=sshd.keys.encrypted, ask_secret=ask, connect=False)

    def connect() -> None:
        try:
            connection.connect()
        except HardwareInterfaceFailureError as error:
            errors.append(error)

    waiting = threading.Thread(target=connect)
    waiting.start()
    assert asked.wait(PATIENCE)
    assert closing_takes(connection, waiting) < 3
    assert [type(error) for error in errors] == [ConnectionLostError]


# Jobs


def test_jobs_run_through_the_library_without_paramiko(sshd: Sshd, tmp_path: Path) -> None:
    script = tmp_path / "model.sh"
    script.write_text('echo 1.5 >"$2"\n')
    code = f"""
import sys, time
from exauq_tui.hardware import Input, Job, JobId, JobStatus, UnixServerScriptInterface
with UnixServerScriptInterface({sshd.user!r}, "127.0.0.1", "bash", {str(script)!r}, "x", 1,
        {str(tmp_path / "ws")!r}, {str(sshd.keys.ed25519)!r}, port={sshd.port},
        known_hosts={str(sshd.known_hosts)!r}, ssh_backend="openssh") as there:
    there.submit_job(Job(1, Input(1.0)))
    while there.get_job_status(JobId(1)) is not JobStatus.COMPLETED: time.sleep(0.05)
    print(there.get_job_output(JobId(1)), "paramiko" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, timeout=60, text=True
    )
    assert (done.stdout, done.stderr) == ("1.5 False\n", "")


def test_a_fleet_runs_jobs_through_cuts_and_a_dead_server(
    start_sshd: StartSshd, make_site: MakeSite, quick_retries: None
) -> None:
    site = make_site(start_sshd())
    fleet = site.fleet(replace(site.profile, ssh_backend="openssh"))
    keys = list(fleet.submit("hpc1", [Input(n) for n in range(5)]))
    all_reach(fleet, keys, JobStatus.COMPLETED)
    cut_connections(site.sshd)
    keys += fleet.submit("hpc1", [Input(n) for n in range(5, 10)])
    all_reach(fleet, keys, JobStatus.COMPLETED)
    end(site.sshd)
    stands(fleet, ServerState.LOST)
    keys += fleet.submit("hpc1", [Input(10)])
    site.sshd.start()
    stands(fleet, ServerState.UP)
    all_reach(fleet, keys, JobStatus.COMPLETED)
    assert sorted(site.ledger()) == sorted(str(n) for n in range(11))


def processes_of_ssh() -> list[tuple[bytes, bytes]]:
    """Command lines and environments of ssh and all that it started."""
    mark = f"{askpass.TOKEN_VARIABLE}=".encode()
    return [(command, environ) for _, command, environ, _ in every_process() if mark in environ]


def test_no_secret_is_seen_outside_this_process(
    start_password_sshd: StartSshd,
    account: Account,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    private_place: Path,
    sshd: Sshd,
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[tuple[bytes, bytes]] = []
    files: list[bytes] = []
    secrets = [account.password.encode(), PASSPHRASE.encode(), b"wr0ng-secret"]

    def look(answers: Iterator[str]) -> Any:
        def ask(prompt: str) -> str:
            ours = descendants(os.getpid())  # others make keys of the same passphrase meanwhile
            seen.extend(
                (command, environ) for pid, command, environ, _ in every_process() if pid in ours
            )
            files.extend(path.read_bytes() for path in private_place.rglob("*") if path.is_file())
            return next(answers)

        return ask

    password = look(iter(["wr0ng-secret", account.password]))
    with reach(start_password_sshd(), ask_secret=password) as connection:
        seen += processes_of_ssh()
        assert account.password not in repr(connection.__dict__)
    phrase = look(iter(["wr0ng-secret", PASSPHRASE]))
    with reach(sshd, key_filename=sshd.keys.encrypted, ask_secret=phrase):
        seen += processes_of_ssh()
    printed = capfd.readouterr()
    written = [(printed.out + printed.err + caplog.text).encode(), *files]
    assert any(b"ssh\0-F\0" in command for command, _ in seen)
    assert any(b"askpass.py\0" in command for command, _ in seen)
    for secret in secrets:
        assert not [command for command, _ in seen if secret in command]
        assert not [True for _, environ in seen if secret in environ]
        assert not [True for text in written if secret in text]
