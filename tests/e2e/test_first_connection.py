"""The first connection to a server: its host key is asked about once, and the password."""

from __future__ import annotations

import getpass
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import OpenTerminal
from tests.e2e.site import Site
from tests.e2e.terminal import Terminal
from tests.live.sshd import Account, Sshd, StartSshd

pytestmark = pytest.mark.live

UNKNOWN = "HOST KEY UNKNOWN"
CHANGED = "not the host key that is known"
FINGERPRINT = "SHA256:"
WRONG_PASSWORD = "wrong donkey ß"


def fingerprint(key: Path) -> str:
    """The fingerprint of a public key, as OpenSSH's own tool prints it."""
    line = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(key.with_suffix(".pub"))],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return line.split()[1]


def is_up(screen: str) -> bool:
    return "● UP" in screen and FINGERPRINT not in screen


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=str)
def test_an_unknown_host_key_is_shown_refused_asked_about_again_and_remembered(
    open_terminal: OpenTerminal, place: Path, sshd: Sshd, size: tuple[int, int]
) -> None:
    Site(place, sshd, known_hosts=None)
    terminal = open_terminal(width=size[0], height=size[1])
    terminal.start()

    screen = terminal.wait_for(FINGERPRINT)
    assert fingerprint(sshd.host_key) in screen
    assert "127.0.0.1" in screen
    terminal.press("Escape")
    screen = terminal.wait_for(lambda screen: UNKNOWN in screen and FINGERPRINT not in screen)
    assert "● UP" not in screen

    terminal.press("r")
    terminal.wait_for(fingerprint(sshd.host_key))
    terminal.press("Enter")  # which refuses: the focus is on No
    terminal.wait_for(lambda screen: UNKNOWN in screen and FINGERPRINT not in screen)

    terminal.press("r")
    terminal.wait_for(fingerprint(sshd.host_key))
    terminal.press_until("y", FINGERPRINT, gone=True)  # it takes no `y` in its first moment
    terminal.wait_for(is_up)
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    shown = terminal.raw_file.read_bytes().count(FINGERPRINT.encode())

    terminal.start()
    terminal.wait_for(is_up)
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert terminal.raw_file.read_bytes().count(FINGERPRINT.encode()) == shown
    assert not list(Path(os.environ["HOME"]).glob(".ssh/*"))  # the user's own file is not touched


def test_a_changed_host_key_is_never_asked_about(
    open_terminal: OpenTerminal, place: Path, sshd: Sshd, start_sshd: StartSshd
) -> None:
    other = start_sshd()
    known = place / "known_hosts"
    stranger = other.host_key.with_suffix(".pub").read_text().split()[:2]
    known.write_text(f"[{sshd.host}]:{sshd.port} {' '.join(stranger)}\n")
    Site(place, sshd, known_hosts=str(known))
    terminal = open_terminal(width=80, height=24)
    terminal.start()

    screen = terminal.wait_for(CHANGED)
    words = re.sub(r"[│\s]", "", screen)  # a long path is broken to fit into the dialog
    for shown in (f"{known}:1", fingerprint(sshd.host_key), fingerprint(other.host_key)):
        assert shown in words
    terminal.type("yo ")
    assert "Trust" not in terminal.wait_for(CHANGED)
    terminal.press("Enter")
    terminal.wait_for(lambda screen: CHANGED not in screen and "HOST KEY CHANGED" in screen)
    terminal.press("r")
    terminal.wait_for(CHANGED)
    terminal.press("Escape")
    terminal.wait_for(lambda screen: CHANGED not in screen and "HOST KEY CHANGED" in screen)
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert not list(Path(os.environ["EXAUQ_TUI_DATA"]).glob("known_hosts*"))


def test_a_host_key_that_is_accepted_until_the_end_is_asked_about_by_the_next_dashboard(
    open_terminal: OpenTerminal, place: Path, sshd: Sshd
) -> None:
    Site(place, sshd, known_hosts=None)
    terminal = open_terminal()
    for _ in range(2):
        terminal.start()
        terminal.wait_for(fingerprint(sshd.host_key))
        terminal.press_until("o", FINGERPRINT, gone=True)
        terminal.wait_for(is_up)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert not list(Path(os.environ["EXAUQ_TUI_DATA"]).glob("known_hosts*"))


def test_a_password_is_asked_for_again_when_it_was_wrong_and_is_kept_nowhere(
    open_terminal: OpenTerminal,
    place: Path,
    start_password_sshd: StartSshd,
    account: Account,
    tmp_path: Path,
) -> None:
    server = start_password_sshd()
    Site(place, server, user=account.name, key_filename=None)
    assert account.name != getpass.getuser()
    terminal = open_terminal()
    terminal.start()

    sign_in(terminal, WRONG_PASSWORD)
    terminal.wait_for(lambda screen: asks(screen) and "•" not in screen)
    sign_in(terminal, account.password)
    terminal.wait_for(is_up)
    terminal.press("q")
    assert terminal.wait_for_end() == 0

    for secret in (WRONG_PASSWORD, account.password):
        assert secret not in terminal.everything()
        for root in (place, Path(os.environ["HOME"]).parent, server.directory, tmp_path):
            assert files_with(root, secret.encode()) == []


def asks(screen: str) -> bool:
    """Whether the dialog for a password is open."""
    return "Sign in" in screen


def sign_in(terminal: Terminal, password: str) -> None:
    """Answer the dialog for a password."""
    terminal.wait_for(asks)
    terminal.type(password)
    terminal.wait_for("•" * len(password))
    terminal.press("Enter")


def files_with(root: Path, words: bytes) -> list[Path]:
    """Find the files below a directory that hold something."""
    assert any(root.iterdir())
    return [path for path in root.rglob("*") if path.is_file() and words in path.read_bytes()]
