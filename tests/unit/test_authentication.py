"""How keys are read and methods are chosen, without a server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import paramiko
import pytest

from exauq_tui.errors import AuthenticationError, ConnectionLostError, HostKeyError
from exauq_tui.hardware.connection import prompts
from exauq_tui.hardware.connection.attempt import Attempt
from exauq_tui.hardware.connection.authentication import Authentication, Plan
from exauq_tui.hardware.connection.key_sources import Agent, Candidate, from_config, from_file
from exauq_tui.hardware.connection.login import Login
from exauq_tui.hardware.connection.memory import Memory
from exauq_tui.hardware.connection.openssh_config import HostConfig
from exauq_tui.hardware.connection.private_keys import KeyFile
from exauq_tui.hardware.interface import HostKey, HostKeyDecision

SECRET = "open sesame"
AWKWARD = "-my 'key' \"of\" ünï $HOME;*"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    for name, options, passphrase in (
        ("ed25519", ["-t", "ed25519"], ""),
        ("ecdsa", ["-t", "ecdsa", "-b", "384"], ""),
        ("rsa", ["-t", "rsa", "-b", "2048"], ""),
        ("rsa-pem", ["-t", "rsa", "-b", "2048", "-m", "PEM"], ""),
        ("ecdsa-pem-locked", ["-t", "ecdsa", "-m", "PEM"], SECRET),
        ("rsa-pkcs8", ["-t", "rsa", "-b", "2048", "-m", "PKCS8"], ""),
        ("rsa-pkcs8-locked", ["-t", "rsa", "-b", "2048", "-m", "PKCS8"], SECRET),
        ("locked", ["-t", "ed25519"], SECRET),
        (AWKWARD, ["-t", "ed25519"], ""),
    ):
        subprocess.run(
            ["ssh-keygen", "-q", *options, "-N", passphrase, "-f", str(directory / name)],
            check=True,
            stdin=subprocess.DEVNULL,
        )
    return directory


class Asked:
    """Answers questions from a list, and remembers them."""

    def __init__(self, *answers: str | None) -> None:
        self._answers = list(answers)
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        return self._answers.pop(0)


# Login: exactly one way


@pytest.mark.parametrize(
    "ways",
    [
        {"key_filename": "k", "ssh_config_path": "c"},
        {"key_filename": "k", "use_ssh_agent": True},
        {"ssh_config_path": "c", "use_ssh_agent": True},
        {"key_filename": "k", "ssh_config_path": "c", "use_ssh_agent": True},
    ],
)
def test_more_than_one_way_is_refused_and_named(ways: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="only one") as caught:
        Login(host="hpc", **ways)
    assert all(name in str(caught.value) for name in ways)


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""},
        {"host": "-oProxyCommand=x"},
        {"host": "a b"},
        {"host": "h", "user": "-l"},
        {"host": "h", "user": "a\nb"},
        {"host": "h", "port": 0},
        {"host": "h", "port": 65536},
        {"host": "h", "max_attempts": 0},
    ],
)
def test_values_that_cannot_be_right_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|is not a"):
        Login(**wrong)


def test_what_a_login_asks_with_is_not_in_its_text() -> None:
    assert "ask_secret" not in repr(Login(host="h", ask_secret=lambda _: "hidden"))


# Key files


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ed25519", "ssh-ed25519"),
        ("ecdsa", "ecdsa-sha2-nistp384"),
        ("rsa", "ssh-rsa"),
        ("rsa-pem", "ssh-rsa"),
        ("rsa-pkcs8", "ssh-rsa"),
        (AWKWARD, "ssh-ed25519"),
    ],
)
def test_plain_keys_are_read_without_a_question(keys: Path, name: str, kind: str) -> None:
    ask = Asked()
    (candidate,) = from_file(str(keys / name), ask, 3, Memory())
    (key,) = candidate.load()
    assert key.get_name() == kind
    public = (keys / f"{name}.pub").read_text().split()[1]
    assert key.get_base64() == public
    assert ask.prompts == []


@pytest.mark.parametrize("name", ["locked", "ecdsa-pem-locked", "rsa-pkcs8-locked"])
def test_encrypted_keys_are_opened_by_their_passphrase_after_wrong_ones(
    keys: Path, name: str
) -> None:
    ask, memory = Asked("wrong", SECRET), Memory()
    (candidate,) = from_file(str(keys / name), ask, 3, memory)
    (key,) = candidate.load()
    assert key.get_base64() == (keys / f"{name}.pub").read_text().split()[1]
    assert len(ask.prompts) == 2
    assert name in ask.prompts[0]
    # The next connection of the same object asks nobody.
    (again,) = from_file(str(keys / name), Asked(), 3, memory)
    assert again.load()[0] == key


@pytest.mark.parametrize("answers", [("a", "b", "c"), (None,), ("",)])
def test_a_passphrase_that_nobody_gives_is_an_authentication_error(
    keys: Path, answers: tuple[str | None, ...]
) -> None:
    (candidate,) = from_file(str(keys / "locked"), Asked(*answers), 3, Memory())
    with pytest.raises(AuthenticationError, match="locked"):
        candidate.load()


def test_a_key_in_the_home_directory_is_found_by_a_tilde(keys: Path, isolated_home: Path) -> None:
    (isolated_home / "k").write_bytes((keys / "ed25519").read_bytes())
    assert KeyFile("~/k").path == isolated_home / "k"


def test_a_tilde_that_is_part_of_a_name_stays(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("~no-such-user").write_bytes((keys / "ed25519").read_bytes())
    assert not KeyFile("~no-such-user").is_encrypted


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a private key"),
        (b"\x00\xff" * 100, "not a private key"),
        (b"ssh-ed25519 AAAA me@here", "is a public key"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519", "puttygen"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "not a"),
        (b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "not a"),
        (
            b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIGhvaG9ob2hvaG9ob2hvaG9ob2hvaG9ob2"
            b"hvaG9ob2hv\n-----END PRIVATE KEY-----",
            "kind of key",
        ),
    ],
)
def test_a_file_that_is_no_private_key_is_refused_in_words(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "id"
    path.write_bytes(content)
    with pytest.raises(AuthenticationError, match=words) as caught:
        KeyFile(str(path))
    assert str(path) in str(caught.value)


def test_a_missing_key_file_and_a_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError, match="No such file"):
        KeyFile(str(tmp_path / "missing"))
    with pytest.raises(AuthenticationError, match="directory"):
        KeyFile(str(tmp_path))


# Keys named by a config file


def test_config_keys_that_need_a_passphrase_come_last(keys: Path) -> None:
    names = ("missing", "locked", "ed25519", "ed25519.pub", "rsa")
    config = HostConfig("h", "u", 22, tuple(str(keys / name) for name in names))
    ask = Asked(None)
    offered = list(from_config(config, None, ask, 3, Memory()))
    assert [candidate.label.rpartition("/")[2] for candidate in offered] == [
        "ed25519",
        "rsa",
        "locked",
    ]
    assert offered[-1].load() == []  # left out where nobody gives the passphrase


# The ssh-agent


def test_having_no_agent_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(AuthenticationError, match="ssh-add"):
        Agent()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    with pytest.raises(AuthenticationError, match="gone"):
        Agent()


# Methods, against a server that is played


class FakeSession:
    """Plays the server: a method's name leads to its answers, in order."""

    def __init__(self, allowed: list[str], **answers: list[Any]) -> None:
        self.allowed = allowed
        self.answers = answers
        self.calls: list[Any] = []
        self.active = True
        self.farewell = ""
        self.auth_timeout = 1.0

    def is_active(self) -> bool:
        return self.active

    def close(self) -> None:
        self.active = False

    def _take(self, name: str) -> list[str]:
        method = name.replace("_", "-")
        if method not in self.allowed:
            raise paramiko.BadAuthenticationType("no", self.allowed)
        outcome = self.answers[name].pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        if outcome:
            self.allowed = outcome
        return list(outcome)

    def auth_none(self, user: str) -> list[str]:
        return self._take("none")

    def auth_publickey(self, user: str, key: Any) -> list[str]:
        self.calls.append(key)
        return self._take("publickey")

    def auth_password(self, user: str, password: str, fallback: bool = True) -> list[str]:
        assert not fallback
        self.calls.append(password)
        return self._take("password")

    def auth_interactive(self, user: str, handler: Callable[..., list[str]]) -> list[str]:
        step = self.answers["keyboard_interactive"].pop(0)
        for title, instructions, questions in step["ask"]:
            self.calls.append(handler(title, instructions, [(text, False) for text in questions]))
        if isinstance(step["then"], Exception):
            raise step["then"]
        return list(step["then"])


REFUSED = paramiko.AuthenticationException("Authentication failed.")


class FakeKey:
    def __init__(self, name: str) -> None:
        self.name = name

    def get_name(self) -> str:
        return self.name


def offer(*names: str) -> Iterator[Candidate]:
    for name in names:
        key: Any = FakeKey(name)
        yield Candidate(f"key {name}", partial(list[Any], [key]))


def authenticate(
    session: FakeSession,
    ask: Callable[[str], str | None] = lambda _: pytest.fail("nobody should be asked"),
    *,
    candidates: Iterator[Candidate] = iter(()),  # noqa: B008 - empty, so nothing is shared
    may_ask: bool = False,
    memory: Memory | None = None,
    attempt: Attempt | None = None,
) -> None:
    fake: Any = session
    Authentication(
        session=fake,
        user="me",
        where="me@hpc",
        ask=ask,
        max_attempts=3,
        memory=Memory() if memory is None else memory,
        attempt=Attempt() if attempt is None else attempt,
        timeout=1.0,
    ).run(Plan(candidates, may_ask, "Look at your keys."))


def test_a_refused_key_is_followed_by_the_next_one() -> None:
    session = FakeSession(["publickey"], publickey=[REFUSED, []])
    authenticate(session, candidates=offer("a", "b", "c"))
    assert [key.name for key in session.calls] == ["a", "b"]


def test_at_most_five_keys_are_offered_and_the_refusal_says_what_is_allowed() -> None:
    session = FakeSession(["publickey", "password"], publickey=[REFUSED] * 9)
    with pytest.raises(AuthenticationError) as caught:
        authenticate(session, candidates=offer(*"abcdefg"))
    assert len(session.calls) == 5
    text = str(caught.value)
    for words in ("me@hpc", "key e", "publickey, password", "Look at your keys"):
        assert words in text
    assert "key f" not in text


def test_a_password_is_asked_for_three_times_and_never_told() -> None:
    session = FakeSession(["password"], password=[REFUSED] * 3)
    ask = Asked("first", "second", "third")
    with pytest.raises(AuthenticationError) as caught:
        authenticate(session, ask, may_ask=True)
    assert session.calls == ["first", "second", "third"]
    assert all("me@hpc" in prompt for prompt in ask.prompts)
    assert not any(word in str(caught.value) for word in session.calls)


def test_passwords_and_questions_share_one_count_of_answers() -> None:
    # With PAM both methods ask for the same password.
    session = FakeSession(["password", "keyboard-interactive"], password=[REFUSED] * 3)
    with pytest.raises(AuthenticationError):
        authenticate(session, Asked("a", "b", "c"), may_ask=True)


def test_a_password_is_not_asked_for_where_the_server_takes_none() -> None:
    with pytest.raises(AuthenticationError, match="allows: publickey"):
        authenticate(FakeSession(["publickey"]), may_ask=True)


def test_a_person_who_gives_no_password_ends_it() -> None:
    session = FakeSession(["password"], password=[])
    with pytest.raises(AuthenticationError, match="not answered"):
        authenticate(session, Asked(None), may_ask=True)
    assert session.calls == []


def test_a_password_that_worked_is_used_again_and_forgotten_when_refused() -> None:
    memory = Memory()
    authenticate(FakeSession(["password"], password=[[]]), Asked("p"), may_ask=True, memory=memory)
    session = FakeSession(["password"], password=[[]])
    authenticate(session, may_ask=True, memory=memory)
    assert session.calls == ["p"]
    session = FakeSession(["password"], password=[REFUSED, []])
    authenticate(session, Asked("new"), may_ask=True, memory=memory)
    assert session.calls == ["p", "new"]
    assert list(memory.passwords.values()) == ["new"]


def test_a_password_is_asked_for_each_time_where_nothing_is_to_be_remembered() -> None:
    memory, ask = Memory(keeps_secrets=False), Asked("p", "p")
    for _ in range(2):
        session = FakeSession(["password"], password=[[]])
        authenticate(session, ask, may_ask=True, memory=memory)
    assert len(ask.prompts) == 2
    assert memory.passwords == {}


def test_questions_of_the_server_stand_in_for_a_password() -> None:
    steps = [
        {"ask": [("", "", ["Password: "])], "then": REFUSED},
        {"ask": [("", "", ["Password: "]), ("", "", [])], "then": []},
    ]
    session = FakeSession(["keyboard-interactive"], keyboard_interactive=steps)
    ask, memory = Asked("wrong", "right"), Memory()
    authenticate(session, ask, may_ask=True, memory=memory)
    assert session.calls == [["wrong"], ["right"], []]
    assert list(memory.passwords.values()) == ["right"]


def test_several_questions_are_asked_one_by_one_and_no_code_is_kept() -> None:
    steps = [
        {"ask": [("Duo", "Pick\x1b[31m one", ["Password: ", "Verification code: "])], "then": []}
    ]
    session = FakeSession(["keyboard-interactive"], keyboard_interactive=steps)
    ask, memory = Asked("p", "123456"), Memory()
    authenticate(session, ask, may_ask=True, memory=memory)
    assert session.calls == [["p", "123456"]]
    assert "Verification code" in ask.prompts[1]
    assert "\x1b" not in "".join(ask.prompts)
    assert memory.passwords == {}


@pytest.mark.parametrize(
    ("question", "precious"),
    [("One-time password: ", True), ("Verification code: ", True), ("Password: ", False)],
)
def test_a_login_for_which_a_code_was_typed_is_known_as_such(question: str, precious: bool) -> None:
    steps = [{"ask": [("", "", [question])], "then": []}]
    session = FakeSession(["keyboard-interactive"], keyboard_interactive=steps)
    attempt = Attempt()
    authenticate(session, Asked("123"), may_ask=True, attempt=attempt)
    assert attempt.code_typed is precious


def test_a_lone_code_is_not_kept_either() -> None:
    steps = [{"ask": [("", "", ["One-time password: "])], "then": []}]
    session = FakeSession(["keyboard-interactive"], keyboard_interactive=steps)
    memory = Memory()
    authenticate(session, Asked("123"), may_ask=True, memory=memory)
    assert memory.passwords == {}


def test_a_person_who_does_not_answer_the_server_ends_it() -> None:
    steps = [{"ask": [("", "", ["Code: "])], "then": []}]
    session = FakeSession(["keyboard-interactive"], keyboard_interactive=steps)
    with pytest.raises(AuthenticationError, match="not answered"):
        authenticate(session, Asked(None), may_ask=True)


def test_a_second_factor_is_followed_after_a_key() -> None:
    steps = [{"ask": [("", "", ["Code: "])], "then": []}]
    session = FakeSession(
        ["publickey"], publickey=[["keyboard-interactive"]], keyboard_interactive=steps
    )
    authenticate(session, Asked("42"), candidates=offer("a"))
    assert session.calls[1:] == [["42"]]


def test_a_second_key_is_followed_after_the_first() -> None:
    session = FakeSession(["publickey"], publickey=[["publickey"], []])
    authenticate(session, candidates=offer("a", "b"))
    assert [key.name for key in session.calls] == ["a", "b"]


def test_a_server_that_hangs_up_with_a_reason_is_quoted() -> None:
    session = FakeSession(["publickey"], publickey=[REFUSED])
    session.active, session.farewell = False, "Too many authentication failures"
    with pytest.raises(AuthenticationError, match="Too many authentication failures"):
        authenticate(session, candidates=offer("a"))


def test_a_link_that_breaks_meanwhile_is_no_refusal() -> None:
    session = FakeSession(["publickey"], publickey=[EOFError()])
    session.active = False
    with pytest.raises(ConnectionLostError):
        authenticate(session, candidates=offer("a"))


def test_calling_off_ends_it_after_a_question() -> None:
    attempt = Attempt()

    def ask(prompt: str) -> str:
        attempt.cancel()
        return "p"

    session = FakeSession(["password"], password=[[]])
    with pytest.raises(ConnectionLostError, match="closed here"):
        authenticate(session, ask, may_ask=True, attempt=attempt)
    assert session.calls == []


# The terminal


def test_without_a_terminal_a_secret_is_an_error_that_says_what_to_give() -> None:
    assert not prompts.has_terminal()
    with pytest.raises(AuthenticationError, match=r"no terminal.*key_filename"):
        prompts.ask_secret_on_terminal("Password for me@hpc: ")


def test_without_a_terminal_an_unknown_host_key_is_refused_with_its_fingerprint() -> None:
    with pytest.raises(HostKeyError, match="SHA256:abc") as caught:
        prompts.accept_on_terminal(HostKey("hpc", "ssh-ed25519", "SHA256:abc"))
    assert not caught.value.changed


def test_on_a_terminal_a_host_key_is_accepted_by_yes_and_once_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter(["y\n", "\n", "YES\n", "once\n", "no\n", ""])
    monkeypatch.setattr(prompts, "has_terminal", lambda: True)
    monkeypatch.setattr(sys, "stdin", type("In", (), {"readline": lambda _: next(lines)})())
    key = HostKey("hpc", "ssh-ed25519", "SHA256:abc")
    decisions = [prompts.accept_on_terminal(key) for _ in range(4)]
    assert decisions == [
        HostKeyDecision.REMEMBER,
        HostKeyDecision.ONCE,
        HostKeyDecision.REFUSE,
        HostKeyDecision.REFUSE,
    ]
    assert "SHA256:abc" in capsys.readouterr().err
