"""Whom a connection trusts and what it remembers, by both backends, against real sshd's."""

from __future__ import annotations

import gc
import re
import socket
import subprocess
import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from exauq_tui.errors import AuthenticationError, HostKeyError
from exauq_tui.hardware import HostKey, HostKeyDecision, Input, JobStatus
from exauq_tui.hardware.connection.login import SSHBackend
from exauq_tui.monitor.snapshot import ServerState
from tests.live.conftest import MakeSite
from tests.live.sshd import CLIENT_KEYS, PASSPHRASE, Account, Sshd, StartSshd, make_key
from tests.live.test_fleet import all_reach
from tests.live.test_ssh_connection import Asked, by_key, openssh_fingerprint, reach
from tests.unit.fake_interfaces import TIMEOUT, stands, until

pytestmark = pytest.mark.live

CONTROL = "\x1b]0;owned\x07\x1b[2Jwelcome\r"


@pytest.fixture(params=["paramiko", "openssh"])
def backend(request: pytest.FixtureRequest) -> SSHBackend:
    chosen: SSHBackend = request.param
    return chosen


class Person:
    """Decides on host keys, and remembers them."""

    def __init__(self, decision: HostKeyDecision) -> None:
        self.decision = decision
        self.shown: list[HostKey] = []

    def __call__(self, key: HostKey) -> HostKeyDecision:
        self.shown.append(key)
        return self.decision


# Unknown host keys


def test_a_host_key_accepted_once_is_good_for_the_object_and_written_nowhere(
    sshd: Sshd, backend: SSHBackend, tmp_path: Path, isolated_home: Path
) -> None:
    own = tmp_path / "data" / "known_hosts"
    person = Person(HostKeyDecision.ONCE)
    options = {"known_hosts": None, "own_known_hosts": own, "ssh_backend": backend}
    with by_key(sshd, accept_host_key=person, **options) as connection:
        connection.close()
        connection.connect()
        assert connection.run("echo in") == b"in\n"
    assert len(person.shown) == 1
    assert not own.exists()
    assert not (isolated_home / ".ssh").exists()
    with by_key(sshd, accept_host_key=person, **options):
        assert len(person.shown) == 2


def test_a_host_key_to_be_remembered_is_one_more_line_in_the_applications_own_file(
    sshd: Sshd, backend: SSHBackend, tmp_path: Path
) -> None:
    own = tmp_path / "known_hosts"
    own.write_text("# a comment\nother.example.org ssh-ed25519 AAAA")
    person = Person(HostKeyDecision.REMEMBER)
    options = {"known_hosts": None, "own_known_hosts": own, "ssh_backend": backend}
    by_key(sshd, accept_host_key=person, **options).close()
    by_key(sshd, **options).close()  # asks nobody
    first, second, added = own.read_text().splitlines()
    assert (first, second) == ("# a comment", "other.example.org ssh-ed25519 AAAA")
    assert added.startswith(f"[127.0.0.1]:{sshd.port} ssh-ed25519 ")


def test_a_refused_host_key_is_written_nowhere(
    sshd: Sshd, backend: SSHBackend, tmp_path: Path
) -> None:
    own = tmp_path / "known_hosts"
    person = Person(HostKeyDecision.REFUSE)
    with pytest.raises(HostKeyError, match="not accepted") as caught:
        by_key(
            sshd,
            known_hosts=None,
            own_known_hosts=own,
            accept_host_key=person,
            ssh_backend=backend,
        )
    assert not caught.value.changed
    assert not own.exists()


# Certificates of hosts

Certify = Callable[..., Sshd]


@pytest.fixture
def certify(start_sshd: StartSshd, tmp_path: Path) -> Certify:
    """Give a function that starts a server whose key an authority, `ca`, vouches for."""
    make_key(tmp_path / "ca", "-t", "ed25519")

    def start(*options: str, kind: str = "ed25519") -> Sshd:
        directory = tmp_path / "sshd-0"
        directory.mkdir()
        for each in ("ed25519", "ecdsa"):
            make_key(directory / f"host_{each}", "-t", each)
        names = () if "-n" in options else ("-n", "127.0.0.1")
        sign(tmp_path / "ca", directory / f"host_{kind}", "-h", *names, *options)
        return start_sshd(extra=(f"HostCertificate {directory / f'host_{kind}-cert.pub'}",))

    return start


def sign(authority: Path, key: Path, *options: str) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(authority), "-I", "x", *options, f"{key}.pub"],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def vouching(tmp_path: Path, hosts: str = "[127.0.0.1]:*,127.0.0.1", more: str = "") -> Path:
    path = tmp_path / "authorities"
    public = (tmp_path / "ca.pub").read_text()
    path.write_text(f"@cert-authority {hosts} {public}{more}")
    return path


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
@pytest.mark.parametrize("hosts", ["[127.0.0.1]:*", "127.0.0.1"])
def test_a_host_that_only_a_certificate_authority_vouches_for_is_known(
    certify: Certify, backend: SSHBackend, tmp_path: Path, kind: str, hosts: str
) -> None:
    server = certify(kind=kind)
    path = vouching(tmp_path, hosts)
    with by_key(server, known_hosts=path, ssh_backend=backend) as connection:  # asks nobody
        assert connection.run("echo in") == b"in\n"


def test_a_certificate_counts_more_than_an_old_line_with_another_key(
    certify: Certify, backend: SSHBackend, tmp_path: Path
) -> None:
    server = certify()
    old = (tmp_path / "ca.pub").read_text().split()[:2]  # any key but the server's
    line = f"[127.0.0.1]:{server.port} {' '.join(old)}\n"
    by_key(server, known_hosts=vouching(tmp_path, more=line), ssh_backend=backend).close()


@pytest.mark.parametrize(
    ("options", "flaw"),
    [
        (("-V", "20200101:20200201"), "expired on 2020"),
        (("-n", "elsewhere.example.org"), "for elsewhere.example.org and not for 127.0.0.1"),
    ],
)
def test_a_certificate_that_is_not_good_makes_the_key_unknown_and_says_why(
    certify: Certify, tmp_path: Path, options: tuple[str, ...], flaw: str
) -> None:
    server = certify(*options)
    path = vouching(tmp_path)
    person = Person(HostKeyDecision.REFUSE)
    with pytest.raises(HostKeyError, match="not accepted") as caught:
        by_key(server, known_hosts=path, accept_host_key=person)
    (key,) = person.shown
    assert key.fingerprint == openssh_fingerprint(server.host_key)
    for text in (key.note, str(caught.value)):
        assert f"{path}:1" in text
        assert flaw in text
    with pytest.raises(HostKeyError, match="not accepted"):
        by_key(server, known_hosts=path, accept_host_key=person, ssh_backend="openssh")


def test_a_server_without_a_certificate_is_unknown_where_only_an_authority_is_known(
    sshd: Sshd, tmp_path: Path
) -> None:
    make_key(tmp_path / "ca", "-t", "ed25519")
    person = Person(HostKeyDecision.REFUSE)
    with pytest.raises(HostKeyError, match="the server shows no certificate"):
        by_key(sshd, known_hosts=vouching(tmp_path), accept_host_key=person)
    assert "the server shows no certificate" in person.shown[0].note


def test_a_revoked_authority_vouches_for_nobody(
    certify: Certify, backend: SSHBackend, tmp_path: Path
) -> None:
    server = certify()
    revoked = f"@revoked * {(tmp_path / 'ca.pub').read_text()}"
    path = vouching(tmp_path, more=revoked)
    with pytest.raises(HostKeyError, match=rf"revoked in {path}:2") as caught:
        by_key(server, known_hosts=path, ssh_backend=backend)
    assert caught.value.changed


# Keys, and certificates beside them


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_beside_a_key_lets_us_in(
    start_sshd: StartSshd, backend: SSHBackend, tmp_path: Path, kind: str
) -> None:
    make_key(tmp_path / "ca", "-t", "ed25519")
    key = tmp_path / "my key"
    make_key(key, *CLIENT_KEYS[kind])
    server = start_sshd(extra=(f"TrustedUserCAKeys {tmp_path / 'ca.pub'}",))
    with pytest.raises(AuthenticationError):
        reach(server, key_filename=key, ssh_backend=backend)
    sign(tmp_path / "ca", key, "-n", "somebody-else")
    with pytest.raises(AuthenticationError):
        reach(server, key_filename=key, ssh_backend=backend)
    sign(tmp_path / "ca", key, "-n", server.user)
    with reach(server, key_filename=key, ssh_backend=backend) as connection:
        assert connection.run("echo in") == b"in\n"


def test_an_rsa_key_is_used_with_sha2(start_sshd: StartSshd, backend: SSHBackend) -> None:
    server = start_sshd(extra=("PubkeyAcceptedAlgorithms rsa-sha2-512",))
    reach(server, key_filename=server.keys.rsa, ssh_backend=backend).close()
    with pytest.raises(AuthenticationError):
        reach(server, key_filename=server.keys.ed25519, ssh_backend=backend)


# Wrong passwords


def refused_passwords(server: Sshd) -> int:
    """How many passwords the server was offered in vain."""
    return len(re.findall(r"^Failed (?:password|keyboard-interactive)", server.log_text(), re.M))


def test_three_wrong_passwords_are_three_tries_and_then_a_person_is_waited_for(
    start_password_sshd: StartSshd, make_site: MakeSite, backend: SSHBackend
) -> None:
    # With PAM, which takes two seconds to refuse one, and without.
    server = start_password_sshd(extra=() if backend == "paramiko" else ("UsePAM no",))
    site = make_site(server)
    site.person.secret = "wr0ng-secret"
    profile = replace(site.profile, key_filename=None, ssh_backend=backend)
    fleet = site.fleet(profile)
    stands(fleet, ServerState.AUTH_NEEDED)
    until(lambda: not fleet.server("hpc1").asks and len(site.person.asked) >= 3)
    until(
        lambda: (
            "refused" in fleet.server("hpc1").message or "none of" in fleet.server("hpc1").message
        )
    )
    assert len(site.person.asked) == 3
    until(lambda: refused_passwords(server) >= 3)
    fleet.submit("hpc1", [Input(1)])  # no reason to try by itself
    view = fleet.server("hpc1")
    assert (view.state, view.next_try) == (ServerState.AUTH_NEEDED, None)
    assert "wr0ng" not in view.message
    fleet.stop()
    assert refused_passwords(server) == 3
    assert len(site.person.asked) == 3


# What is remembered


class Secret(str):
    """A text of which can be told whether somebody still has it."""


def test_a_password_is_asked_for_by_each_log_in_where_it_is_not_to_be_remembered(
    start_password_sshd: StartSshd, account: Account, backend: SSHBackend
) -> None:
    server = start_password_sshd()
    ask = Asked(*[account.password] * 9)
    with reach(server, ask_secret=ask, remember=False, ssh_backend=backend) as connection:
        asked = len(ask.prompts)
        assert asked >= 1
        connection.close()
        connection.connect()
        assert len(ask.prompts) == 2 * asked
        assert not connection._memory.passwords


def test_a_passphrase_is_asked_for_by_each_log_in_where_it_is_not_to_be_remembered(
    sshd: Sshd, backend: SSHBackend
) -> None:
    ask = Asked(*[PASSPHRASE] * 9)
    options = {"key_filename": sshd.keys.encrypted, "remember": False, "ssh_backend": backend}
    with reach(sshd, ask_secret=ask, **options) as connection:
        asked = len(ask.prompts)
        connection.close()
        connection.connect()
        assert len(ask.prompts) == 2 * asked > 0
        assert not connection._memory.passphrases


@pytest.mark.parametrize("remember", [True, False])
def test_a_password_that_is_not_to_be_remembered_is_nowhere_in_memory_after_the_log_in(
    start_password_sshd: StartSshd, account: Account, backend: SSHBackend, remember: bool
) -> None:
    secrets: list[weakref.ref[Secret]] = []

    def ask(prompt: str) -> str:
        secret = Secret(account.password)
        secrets.append(weakref.ref(secret))
        return secret

    server = start_password_sshd()
    with reach(server, ask_secret=ask, remember=remember, ssh_backend=backend) as connection:
        gc.collect()
        assert [secret() is not None for secret in secrets] == [remember] * len(secrets)
        assert secrets
        assert connection.connections_made == 1


# Servers that say much, and that take little


def test_a_banner_and_noisy_start_up_files_break_nothing(
    start_sshd: StartSshd, make_site: MakeSite, backend: SSHBackend, tmp_path: Path
) -> None:
    banner = tmp_path / "banner"
    banner.write_text(CONTROL * 40)
    noise = (
        r"ForceCommand printf 'welcome\033[2J\nto '; exec /bin/sh -c " + '"$SSH_ORIGINAL_COMMAND"'
    )
    site = make_site(start_sshd(own_home=False, extra=(f"Banner {banner}", noise)))
    fleet = site.fleet(replace(site.profile, ssh_backend=backend))
    all_reach(fleet, fleet.submit("hpc1", [Input(1), Input(2)]), JobStatus.COMPLETED)


def test_a_banner_reaches_no_question_as_it_is(
    start_password_sshd: StartSshd, account: Account, backend: SSHBackend, tmp_path: Path
) -> None:
    server = start_password_sshd()
    server.stop()
    banner = server.directory / "banner"
    banner.write_text(CONTROL)
    server._extra = (f"Banner {banner}",)
    server.start()
    ask = Asked("wrong")  # once: PAM takes two seconds to refuse it
    with pytest.raises(AuthenticationError) as caught:
        reach(server, ask_secret=ask, max_attempts=1, ssh_backend=backend)
    assert ask.prompts
    assert all(prompt.isprintable() for prompt in ask.prompts)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("sessions", [1, 2])
def test_jobs_run_on_a_server_of_few_sessions(
    start_sshd: StartSshd, make_site: MakeSite, sessions: int
) -> None:
    site = make_site(start_sshd(extra=(f"MaxSessions {sessions}",)))
    fleet = site.fleet()
    keys = fleet.submit("hpc1", [Input(n) for n in range(5)])
    all_reach(fleet, keys, JobStatus.COMPLETED)
    (key, *_) = keys
    assert b"running" in fleet.read_log(key, 0, 1000).result(TIMEOUT).data
    assert sorted(site.ledger()) == sorted(str(n) for n in range(5))


def take_the_only_place(server: Sshd) -> socket.socket:
    """Connect and say nothing; the place may still be taken by who looked whether it answers."""
    while True:
        link = socket.create_connection((server.host, server.port), 10)
        if link.recv(4) == b"SSH-":
            return link
        link.close()


def test_a_server_that_takes_no_more_connections_is_lost_and_not_stormed(
    start_sshd: StartSshd, make_site: MakeSite, backend: SSHBackend
) -> None:
    server = start_sshd(extra=("MaxStartups 1",))
    site = make_site(server)
    with take_the_only_place(server):
        before = server.log_text().count("drop connection")
        fleet = site.fleet(replace(site.profile, ssh_backend=backend))
        tries: list[float] = []

        def another() -> bool:
            view = fleet.server("hpc1")
            if view.state is ServerState.LOST and view.next_try not in (None, *tries[-1:]):
                tries.append(view.next_try or 0.0)
                assert "did not answer as an SSH server should" in view.message
                assert view.message.isprintable()
            return len(tries) == 3

        until(another)
        first, second = (later - earlier for earlier, later in pairwise(tries))
        assert second > first > 1.0  # each pause is longer than the one before
        assert server.log_text().count("drop connection") == before + 3
    fleet.look_now("hpc1")
    stands(fleet, ServerState.UP)
