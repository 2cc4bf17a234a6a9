"""What was typed to log in is found nowhere afterwards: on no disk, screen or command line."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.contract.machines import every_process
from tests.e2e.conftest import OpenTerminal
from tests.e2e.site import Site
from tests.e2e.terminal import Terminal, wait_until
from tests.live.questioner import Questioner, Round
from tests.live.sshd import ClientKeys, make_key

pytestmark = pytest.mark.live

# Another process that runs these tests at the same time must not be found by this one.
PASSPHRASE = f"phr4se {uuid4().hex}"
PASSWORD = f"p4ssword {uuid4().hex}"
CODE = f"c0de-{uuid4().hex[:8]}"
WRONG = f"wr0ng {uuid4().hex}"
SECRETS = (PASSPHRASE, PASSWORD, CODE, WRONG)

QUESTIONS = {"Passphrase for key": PASSPHRASE, "Password": PASSWORD, "Verification code:": CODE}
"""What is asked, and what the answer is."""


@pytest.fixture
def server(place: Path, client_keys: ClientKeys) -> Iterator[Questioner]:
    """A server that wants a key, and then a password and a code."""
    asks = Round(("Password: ", "Verification code: "), (PASSWORD, CODE), "Two factors.")
    # Its key file is encrypted by a passphrase that nothing else of the suite knows.
    make_key(place / "id", "-t", "ed25519", passphrase=PASSPHRASE)
    made = Questioner(place / "server", client_keys, [asks], wants_key=True)
    made.more_keys = (place / "id.pub").read_text()
    yield made
    made.close()


class Watcher:
    """Looks for secrets where others could see them while they are asked for and used."""

    def __init__(self) -> None:
        self.looks = 0
        self.ssh_seen = False
        self.found: set[str] = set()

    def look(self) -> None:
        """Look at all processes, and at the private directories of ssh programs."""
        self.looks += 1
        for _, command, environ, _ in every_process():
            self.ssh_seen |= b"ssh\0-F\0" in command
            self._search("command line", command)
            self._search("environment", environ)
        for directory in Path(tempfile.gettempdir()).glob("exauq-tui-*"):
            with suppress(OSError):  # it is gone as soon as the log-in is over
                for path in directory.iterdir():
                    if path.is_file():
                        self._search(str(path), path.read_bytes())

    def _search(self, where: str, data: bytes) -> None:
        self.found |= {f"{secret!r}: {where}" for secret in SECRETS if secret.encode() in data}


def last_asked(text: str) -> str | None:
    """Which question stands last in a text."""
    places = {text.rfind(question): question for question in QUESTIONS if question in text}
    return places[max(places)] if places else None


class Respondent:
    """Answers what is asked; the very first answer is wrong."""

    def __init__(self, terminal: Terminal, watcher: Watcher) -> None:
        self._terminal = terminal
        self._watcher = watcher
        self._has_erred = False

    def _type_answer(self, question: str) -> str:
        self._watcher.look()
        answer = QUESTIONS[question] if self._has_erred else WRONG
        self._has_erred = True
        self._terminal.type(answer)
        return answer

    def answer_dialogs(self) -> list[str]:
        """Answer dialogs until the server is up; gives the questions."""
        given: list[str] = []

        def text_of(screen: str) -> str:
            return " ".join(line.strip("│ ") for line in screen.split("\n"))

        def next_step(screen: str) -> bool:
            if "Sign in to" not in screen:
                return "● UP" in screen
            return "•" not in screen and last_asked(text_of(screen)) is not None

        while "Sign in to" in (screen := self._terminal.wait_for(next_step)):
            question = last_asked(text_of(screen))
            assert question is not None
            answer = self._type_answer(question)
            self._terminal.wait_for("•" * len(answer))
            self._terminal.press("Enter")
            self._terminal.wait_for("•", gone=True)
            given.append(question)
            self._watcher.look()
        return given

    def answer_command(self, *arguments: str) -> list[str]:
        """Run a command that asks on the terminal, to its end; gives the questions."""
        given: list[str] = []
        start = self._terminal.raw_file.stat().st_size

        def told() -> str:
            # Not the screen: what was answered still stands there.
            return self._terminal.raw_file.read_bytes()[start:].decode(errors="replace")

        def is_over() -> bool:
            return "exit code" in told()

        def is_asked() -> bool:
            text = told()
            return sum(text.count(question) for question in QUESTIONS) > len(given)

        self._terminal.start(*arguments)
        while True:
            wait_until(lambda: is_asked() or is_over(), "something is asked, or it is over")
            if not is_asked():
                return given
            question = last_asked(told())
            assert question is not None
            self._type_answer(question)
            self._terminal.press("Enter")
            given.append(question)
            self._watcher.look()


def files_with_secrets(*roots: Path) -> list[str]:
    """Find the files that hold a secret, also as part of others."""
    found = []
    for root in roots:
        assert any(root.iterdir())
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                found += [f"{secret!r}: {path}" for secret in SECRETS if secret.encode() in data]
    return found


@pytest.mark.parametrize("backend", ["paramiko", "openssh"])
def test_no_secret_is_left_by_a_log_in_with_passphrase_password_and_code(
    open_terminal: OpenTerminal, place: Path, server: Questioner, backend: str
) -> None:
    site = Site(
        place,
        server,  # type: ignore[arg-type] # has what a site needs of a server
        key_filename=str(place / "id"),
        ssh_backend=backend,
    )
    watcher = Watcher()
    terminal = open_terminal()
    person = Respondent(terminal, watcher)
    terminal.start()
    assert set(person.answer_dialogs()) == set(QUESTIONS)
    watcher.look()
    terminal.press("C-q")  # leaves whatever is open
    assert terminal.wait_for_end() == 0
    for command in (
        ("submit", "lab", "--input", "1,2,3", "--wait"),
        ("doctor", "lab", "--report", str(place / "report")),
    ):
        assert set(person.answer_command(*command)) == set(QUESTIONS)
    assert sum(site.ledger.ends().values()) == 1
    assert (place / "report").read_text()

    assert watcher.looks > 10
    assert watcher.ssh_seen or backend == "paramiko"  # others may run ssh at the same time
    assert watcher.found == set()
    shown = terminal.everything()
    assert not [secret for secret in SECRETS if secret in shown]
    home = Path(os.environ["HOME"]).parent  # the record, the log and the configuration as well
    assert list(home.rglob("*.log"))
    assert list(home.rglob("*.sqlite3"))
    assert files_with_secrets(place, home) == []
