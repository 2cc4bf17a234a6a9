"""What the ssh program asks, and what it is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exauq_tui.errors import AuthenticationError, HostKeyError
from exauq_tui.hardware.connection.login import Login
from exauq_tui.hardware.connection.memory import Memory
from exauq_tui.hardware.connection.openssh_prompts import Answers, Kind, parse_prompt
from exauq_tui.hardware.interface import HostKey

DATA = Path(__file__).parents[1] / "data" / "ssh_program"
HOST_KEY = (DATA / "openssh-9.2p1-prompt-host-key.txt").read_text()
SHOWN = HostKey(
    "[127.0.0.1]:22987", "ssh-ed25519", "SHA256:laaBnSPmprdTxrQqYSNKyrxlcMsALOTgkxvO2f3xsVk"
)
WHERE = "alice@hpc1"
KEY = "Enter passphrase for key '/k/id': "
OTHER_TYPE = HOST_KEY.replace(
    "established.", "established\nbut keys of different type are already known for this host."
)


class Asked:
    def __init__(self, *answers: str | None) -> None:
        self._answers = list(answers)
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        return self._answers.pop(0)


def make(
    ask: Asked | None = None, memory: Memory | None = None, can_tell: bool = True, **login: Any
) -> Answers:
    return Answers(
        login=Login(host="hpc1", user="alice", ask_secret=ask or Asked(), **login),
        memory=memory or Memory(),
        where=WHERE,
        names=frozenset({WHERE, "alice@10.0.0.1"}),
        is_alone=False,
        can_tell=can_tell,
    )


def reply(
    answers: Answers, prompt: str, hint: str = "", said: str = "", *, partial: bool = False
) -> str | None:
    return answers.answer(prompt, hint, said, partial=partial)


@pytest.mark.parametrize(
    ("prompt", "hint", "kind", "subject"),
    [
        (HOST_KEY, "", Kind.HOST_KEY, "[127.0.0.1]:22987"),
        (OTHER_TYPE, "", Kind.HOST_KEY, "[127.0.0.1]:22987"),
        (KEY, "", Kind.PASSPHRASE, "/k/id"),
        ("Enter passphrase for key '/a b/it's': ", "", Kind.PASSPHRASE, "/a b/it's"),
        ("alice@hpc1's password: ", "", Kind.PASSWORD, "alice@hpc1"),
        ("(alice@hpc1) Password: ", "", Kind.PASSWORD, "alice@hpc1"),
        ("(alice@otp.example.org) Password: ", "", Kind.PASSWORD, "alice@otp.example.org"),
        ("(alice@hpc1) Verification code: ", "", Kind.SECRET, "alice@hpc1"),
        ("(alice@hpc1) One-time password (OATH): ", "", Kind.SECRET, "alice@hpc1"),
        ("(alice@hpc1) New password: ", "", Kind.SECRET, "alice@hpc1"),
        ("(alice@hpc1) Enter passphrase for key '/k/id': ", "", Kind.SECRET, "alice@hpc1"),
        (f"(alice@hpc1) {HOST_KEY}", "", Kind.PERMISSION, ""),
        ("Enter PIN for ED25519-SK key /k/id_sk: ", "", Kind.SECRET, ""),
        ("Confirm user presence for key ED25519-SK SHA256:x", "none", Kind.NOTICE, ""),
        ("Add key /k/id (alice) to agent?", "confirm", Kind.PERMISSION, ""),
        ("Allow forwarding (yes/no)? ", "", Kind.PERMISSION, ""),
    ],
)
def test_a_question_is_told_by_its_words(prompt: str, hint: str, kind: Kind, subject: str) -> None:
    question = parse_prompt(prompt, hint)
    assert (question.kind, question.subject) == (kind, subject)


def test_a_host_key_is_shown_with_type_and_fingerprint_and_accepted() -> None:
    shown: list[HostKey] = []

    def accept(key: HostKey) -> bool:
        shown.append(key)
        return True

    assert reply(make(accept_host_key=accept), HOST_KEY) == "yes"
    assert shown == [SHOWN]


def test_a_host_key_that_is_refused_is_an_error() -> None:
    with pytest.raises(HostKeyError, match="not accepted") as caught:
        reply(make(accept_host_key=lambda _: False), HOST_KEY)
    assert not caught.value.changed


def test_a_key_of_another_type_than_known_counts_as_changed() -> None:
    with pytest.raises(HostKeyError) as caught:
        reply(make(accept_host_key=lambda _: True), OTHER_TYPE)
    assert caught.value.changed


def test_a_password_that_worked_is_given_again_and_not_asked_for() -> None:
    memory, ask = Memory(), Asked("right")
    first = make(ask, memory)
    assert reply(first, "(alice@10.0.0.1) Password: ") == "right"
    first.keep()
    assert ask.prompts == ["Password for alice@hpc1: "]
    assert reply(make(Asked(), memory), "alice@hpc1's password: ") == "right"


def test_a_remembered_password_that_is_wrong_is_given_once() -> None:
    memory, ask = Memory(passwords={WHERE: "old"}), Asked("new")
    answers = make(ask, memory)
    assert reply(answers, "(alice@hpc1) Password: ") == "old"
    assert reply(answers, "(alice@hpc1) Password: ") == "new"
    assert ask.prompts == ["That was not accepted. Password for alice@hpc1: "]
    assert memory.passwords == {}
    answers.keep()
    assert memory.passwords == {WHERE: "new"}


def test_both_methods_of_a_server_share_one_count() -> None:
    answers = make(Asked("1", "2"), max_attempts=2)
    reply(answers, "(alice@hpc1) Password: ")
    reply(answers, "(alice@hpc1) Password: ")
    with pytest.raises(AuthenticationError, match="none of 2 answers"):
        reply(answers, "alice@hpc1's password: ")


@pytest.mark.parametrize(
    ("question", "precious"),
    [("(alice@hpc1) Verification code: ", True), ("(alice@hpc1) Password: ", False)],
)
def test_a_login_for_which_a_code_was_typed_is_known_as_such(question: str, precious: bool) -> None:
    answers = make(Asked("123"))
    reply(answers, question)
    assert answers.code_typed is precious


def test_a_code_is_asked_for_each_time_with_the_servers_words() -> None:
    memory, ask = Memory(), Asked("123", "456")
    for _ in range(2):
        answers = make(ask, memory)
        reply(answers, "(alice@hpc1) Response: ", said="Challenge:\n83472")
        answers.keep()
    assert ask.prompts == ["alice@hpc1: Challenge: 83472 Response: "] * 2
    assert memory == Memory()


def test_a_password_of_a_server_between_is_kept_apart() -> None:
    memory = Memory(passwords={WHERE: "ours"})
    ask = Asked("the gate's")
    assert reply(make(ask, memory), "(bob@gate) Password: ") == "the gate's"
    assert ask.prompts == ["Password for bob@gate: "]


def test_a_passphrase_is_remembered_and_a_wrong_one_asked_for_again() -> None:
    memory, ask = Memory(), Asked("wrong", "right")
    answers = make(ask, memory, key_filename="/k/id")
    assert [reply(answers, KEY), reply(answers, KEY)] == ["wrong", "right"]
    answers.keep()
    assert ask.prompts[1] == "That passphrase does not open it. Passphrase for key /k/id: "
    assert reply(make(Asked(), memory, key_filename="/k/id"), KEY) == "right"


def test_where_a_server_could_pass_for_ssh_nothing_remembered_is_given_to_it() -> None:
    memory = Memory(passphrases={"/k/id": b"mine"}, passwords={"bob@gate": "his"})
    ask = Asked("typed", "typed")
    answers = make(ask, memory, can_tell=False)
    assert reply(answers, KEY) == "typed"
    assert reply(answers, "bob@gate's password: ") == "typed"


def test_a_question_that_nobody_answers_is_an_error_without_the_answer() -> None:
    with pytest.raises(AuthenticationError, match="was not answered"):
        reply(make(Asked(None)), "(alice@hpc1) Password: ")


@pytest.mark.parametrize("way", [{"key_filename": "/k/id"}, {"use_ssh_agent": True}])
def test_a_refused_key_is_an_error_and_no_question(way: dict[str, Any]) -> None:
    with pytest.raises(AuthenticationError, match="did not accept"):
        reply(make(**way), "(alice@hpc1) Password: ")
    assert reply(make(Asked("code"), **way), "(alice@hpc1) Code: ", partial=True) == "code"
    assert reply(make(Asked("his"), **way), "(bob@gate) Password: ") == "his"


@pytest.mark.parametrize("can_tell", [True, False])
def test_the_pin_of_a_key_is_asked_for_each_time_and_named_by_its_file(can_tell: bool) -> None:
    memory, ask = Memory(), Asked("1234", "1234")
    for _ in range(2):
        answers = make(ask, memory, can_tell, key_filename="/k/id_sk")
        answers.is_alone = True
        answers.real = lambda words: words.replace("/tmp/x/key", "/k/id_sk")
        assert reply(answers, "Enter PIN for ED25519-SK key /tmp/x/key: ") == "1234"
        answers.keep()
    assert ask.prompts == ["alice@hpc1: Enter PIN for ED25519-SK key /k/id_sk: "] * 2
    assert memory == Memory()


def test_a_touch_that_is_wanted_is_noted_and_waits_for_no_answer() -> None:
    answers = make()
    assert reply(answers, "Confirm user presence for key ED25519-SK SHA256:x", "none") is None
    assert answers.notice == "Confirm user presence for key ED25519-SK SHA256:x"


def test_anything_else_that_wants_a_yes_gets_a_no() -> None:
    assert reply(make(), "Add key /k/id (alice) to agent?", "confirm") == "no"


def test_what_a_server_asks_cannot_break_the_line() -> None:
    ask = Asked("x")
    reply(make(ask), "(alice@hpc1) \x1b[2Jcode\r\n: ")
    assert ask.prompts == ["alice@hpc1: [2Jcode : "]
