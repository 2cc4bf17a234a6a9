"""What the ssh program says at its end, and the errors that are made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exauq_tui.errors import (
    AuthenticationError,
    ConnectionLostError,
    HardwareInterfaceFailureError,
    HostKeyError,
    ServerRefusedError,
)
from exauq_tui.hardware.connection.host_keys import KnownKey, fingerprint
from exauq_tui.hardware.connection.openssh_errors import (
    Offence,
    explain,
    find_offence,
    has_partial_success,
    plain_words,
)

DATA = Path(__file__).parents[1] / "data" / "ssh_program"
WHERE = "alice@hpc1"


def captured(name: str) -> str:
    return (DATA / f"openssh-9.2p1-{name}.txt").read_bytes().decode()  # with its CR LF


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("denied", AuthenticationError, "too many keys or passwords"),
        ("denied-key", AuthenticationError, "(publickey,password,keyboard-interactive)"),
        ("name", ConnectionLostError, "no-such.invalid could not be looked up: Name or service"),
        ("refused", ConnectionLostError, "127.0.0.1 port 1: Connection refused"),
        ("http", ConnectionLostError, "did not answer as an SSH server should"),
        ("closed", ConnectionLostError, "did not answer as an SSH server should"),
        ("nego", ServerRefusedError, "no matching cipher found"),
        ("badcfg", HardwareInterfaceFailureError, "Bad configuration option: foo"),
        ("jump-refused", ConnectionLostError, "on the way to alice@hpc1"),
        ("ended", ConnectionLostError, "was lost: Connection to 127.0.0.1 closed by remote host"),
        ("changed", HostKeyError, ".ssh/kh2:1"),
        ("revoked", HostKeyError, "revoked"),
    ],
)
def test_the_end_of_ssh_becomes_the_error_that_it_means(
    name: str, kind: type[Exception], words: str
) -> None:
    error = explain(255, captured(name), WHERE)
    assert type(error) is kind
    assert words in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("code", [255, -9, None])
def test_an_end_without_words_is_a_lost_connection(code: int | None) -> None:
    error = explain(code, "", WHERE)
    assert type(error) is ConnectionLostError
    assert str(error) == "The connection to alice@hpc1 was lost."


def test_an_account_that_may_run_nothing_is_a_refusal() -> None:
    error = explain(1, "This account is currently not available.\n", WHERE)
    assert type(error) is ServerRefusedError
    assert "exit code 1: This account is currently not available." in str(error)


def test_a_changed_key_is_told_with_both_fingerprints_and_its_line() -> None:
    text = captured("changed")
    line = KnownKey("/home/alice/.ssh/kh2", 1, "h", "ssh-ed25519", b"old", revoked=False)
    asked: list[Offence] = []

    def find(offence: Offence) -> list[KnownKey]:
        asked.append(offence)
        return [line]

    error = explain(255, text, WHERE, find)
    shown = "SHA256:laaBnSPmprdTxrQqYSNKyrxlcMsALOTgkxvO2f3xsVk"
    assert asked == [
        Offence("[127.0.0.1]:22987", "ED25519", shown, ("/home/alice/.ssh/kh2:1",), False)
    ]
    assert isinstance(error, HostKeyError)
    assert error.changed
    for words in (shown, fingerprint(b"old"), "/home/alice/.ssh/kh2:1"):
        assert words in str(error)


def test_a_revoked_key_is_told_with_its_line_and_never_acceptable() -> None:
    key = b"the key"
    line = KnownKey("/etc/kh", 7, "h", "ssh-ed25519", key, revoked=True)
    error = explain(255, captured("revoked"), WHERE, lambda _: [line])
    assert isinstance(error, HostKeyError)
    assert error.changed
    assert "/etc/kh:7" in str(error)
    assert fingerprint(key) in str(error)


def test_what_ssh_tells_of_itself_is_no_reason() -> None:
    assert plain_words(captured("ended")) == "Connection to 127.0.0.1 closed by remote host."
    assert plain_words('Authenticated to h ([1.2.3.4]:22) using "publickey".\nbash: no\n') == (
        "bash: no"
    )


def test_one_proof_of_two_is_recognised() -> None:
    assert has_partial_success('x\nAuthenticated using "publickey" with partial success.\n')
    assert not has_partial_success('Authenticated to h ([1.2.3.4]:22) using "publickey".\n')


def test_braces_in_the_words_of_a_server_are_only_words() -> None:
    error = explain(255, "kex_exchange_identification: {0} {where}", WHERE)
    assert "{0} {where}" in str(error)


def test_an_ordinary_end_is_no_offence() -> None:
    assert find_offence(captured("denied")) is None
