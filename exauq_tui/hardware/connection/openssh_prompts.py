"""What the ``ssh`` program asks, told apart by its words; and what is answered.

The words are those of OpenSSH's sshconnect.c, sshconnect2.c and sshkey's callers; they are
never translated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from exauq_tui.errors import AuthenticationError, HostKeyError
from exauq_tui.hardware.connection.login import Login
from exauq_tui.hardware.connection.memory import Memory
from exauq_tui.hardware.connection.prompts import accept_on_terminal, ask_secret_on_terminal
from exauq_tui.hardware.connection.questions import asks_for_password, on_one_line
from exauq_tui.hardware.interface import HostKey, HostKeyDecision

_LONGEST_INSTRUCTIONS = 400
_HOST = re.compile(r"^The authenticity of host '(\S+?)(?: \(([^)]*)\))?' can't be established")
_FINGERPRINT = re.compile(r"^(\S+) key fingerprint is (?:\S+:)?(SHA256:[A-Za-z0-9+/]+)", re.M)
_OTHER_TYPE = "keys of different type are already known for this host"
_PASSPHRASE = re.compile(r"^Enter passphrase for (?:RSA )?(?:key )?'?(.+?)'?: ?$", re.S)
_PASSWORD = re.compile(r"^(\S+@\S+)'s password: ?$")
_ASKED_BY = re.compile(r"^\((\S+@[^\s)]+)\) (.*)$", re.S)
_KEY_TYPES = {"ED25519": "ssh-ed25519", "RSA": "ssh-rsa"}


class Kind(Enum):
    """What a question is about."""

    HOST_KEY = "host key"
    PASSPHRASE = "passphrase"  # noqa: S105 - a word
    PASSWORD = "password"  # noqa: S105 - a word
    SECRET = "secret"  # noqa: S105 - a word
    PERMISSION = "permission"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Question:
    """One question of ``ssh``.

    Attributes:
        kind: What it is about.
        subject: The key file of a passphrase; ``user@host`` of a password or secret, "" where
            ssh does not say whose.
        text: What is to be answered, without the subject where that stands before it.
        key: The host key that is asked about.
        is_other_type: Whether only keys of other types are known of the host.
    """

    kind: Kind
    subject: str
    text: str
    key: HostKey | None = None
    is_other_type: bool = False


def parse_prompt(prompt: str, hint: str) -> Question:
    """Understand one question.

    Args:
        prompt: The words, as the helper program got them.
        hint: SSH_ASKPASS_PROMPT of its environment: "none", "confirm" or "".
    """
    if hint == "none":
        return Question(Kind.NOTICE, "", prompt)
    host, shown = _HOST.match(prompt), _FINGERPRINT.search(prompt)
    if host and shown:
        key = HostKey(host[1], _KEY_TYPES.get(shown[1], shown[1]), shown[2])
        return Question(Kind.HOST_KEY, host[1], prompt, key, _OTHER_TYPE in prompt)
    if hint == "confirm" or "(yes/no" in prompt:
        return Question(Kind.PERMISSION, "", prompt)
    if found := _PASSPHRASE.match(prompt):
        return Question(Kind.PASSPHRASE, found[1], prompt)
    if found := _PASSWORD.match(prompt):
        return Question(Kind.PASSWORD, found[1], "Password: ")
    subject, text = "", prompt
    if found := _ASKED_BY.match(prompt):
        subject, text = found[1], found[2]
    kind = Kind.PASSWORD if asks_for_password(text) else Kind.SECRET
    return Question(kind, subject, text)


@dataclass(slots=True)
class Answers:
    """Answers the questions of one ``ssh`` process.

    A remembered password or passphrase is given once; where it is asked for again, it was
    wrong and a person is asked. What worked is remembered by `keep`.

    Attributes:
        login: Who may be asked, and how often.
        memory: What a person said earlier.
        where: The server, as it is named in questions and errors: ``user@host``.
        names: How ssh may name this server and account in a question.
        is_alone: Whether no other server is gone through, which could ask as well.
        can_tell: Whether ssh marks what a server asks, so that it cannot pass for ssh's own
            question and be given what was remembered for another purpose.
        real: Replaces names of our own making in ssh's words by those that a person knows.
        notice: What ssh wants a person to do besides typing, or "".
        code_typed: Whether a person typed an answer that is good for this one time.
        only_once: Fingerprints of host keys that were accepted, but are not to be written down.
    """

    login: Login
    memory: Memory
    where: str
    names: frozenset[str]
    is_alone: bool
    can_tell: bool
    real: Callable[[str], str] = str
    notice: str = ""
    code_typed: bool = False
    only_once: set[str] = field(default_factory=set)
    _given: dict[tuple[Kind, str], str] = field(default_factory=dict, repr=False)
    _asked: dict[tuple[Kind, str, str], int] = field(default_factory=dict)

    def answer(self, prompt: str, hint: str, words: str, *, partial: bool) -> str | None:
        """Answer one question.

        Args:
            prompt: The question.
            hint: SSH_ASKPASS_PROMPT.
            words: What ssh said since the last question, which may be the server's
                instructions.
            partial: Whether the server has accepted one proof and wants another.

        Returns:
            The answer; None where none is expected, or the answer is no.

        Raises:
            AuthenticationError: Nobody answered, or nobody should be asked.
            HostKeyError: A host key was not accepted.
        """
        question = parse_prompt(prompt, hint)
        if question.kind is Kind.NOTICE:
            self.notice = on_one_line(self.real(question.text)).strip()
            return None
        if question.kind is Kind.PERMISSION:
            return "no"
        if question.key is not None:
            return self._accept(question.key, is_other_type=question.is_other_type)
        if question.kind is Kind.PASSPHRASE:
            return self._passphrase(self.real(question.subject))
        self._refuse_unwanted(question, partial=partial)
        subject = self._known_as(question.subject)
        if question.kind is Kind.PASSWORD:
            return self._password(subject, question)
        text = self.real(question.text)
        said = " ".join(part for part in (words[-_LONGEST_INSTRUCTIONS:], text) if part)
        answer = self._ask(Kind.SECRET, subject, f"{subject}: {on_one_line(said).strip()} ")
        self.code_typed = True
        return answer

    def keep(self) -> None:
        """Remember what was given last: it worked."""
        for (kind, subject), answer in self._given.items():
            if kind is Kind.PASSPHRASE:
                self.memory.keep_passphrase(subject, answer.encode())
            else:
                self.memory.keep_password(subject, answer)

    def _accept(self, key: HostKey, *, is_other_type: bool) -> str:
        if is_other_type:
            # Servers are asked for the known types first: this one no longer has such a key.
            raise HostKeyError(
                f"The host key of {key.host} has changed: only keys of other types are known. "
                f"Shown now: {key.key_type} {key.fingerprint}. Somebody could be listening in, "
                "or the server was set up anew. Ask its administrators; where the new key is "
                "right, remove the old lines from known_hosts and connect again.",
                changed=True,
            )
        decision = (self.login.accept_host_key or accept_on_terminal)(key)
        if not decision:
            raise HostKeyError(
                f"The host key of {key.host} is not known and was not accepted: "
                f"{key.key_type} {key.fingerprint}. Compare the fingerprint with what the "
                "server's administrators say, and accept it if it is the same."
            )
        if decision is HostKeyDecision.ONCE:
            self.only_once.add(key.fingerprint)
        return "yes"

    def _is_asked_here(self, question: Question) -> bool:
        """Tell whether ssh itself asks, such as for the PIN of a key, and no server does."""
        if question.kind is Kind.PASSWORD or question.subject:
            return False
        return self.can_tell or question.text.startswith("Enter PIN ")

    def _known_as(self, subject: str) -> str:
        return self.where if not subject or subject in self.names else subject

    def _refuse_unwanted(self, question: Question, *, partial: bool) -> None:
        """Refuse where a key is to prove who we are, and the server did not take it."""
        ours = self.is_alone or question.subject in self.names
        if partial or not ours or self._is_asked_here(question):
            return
        if self.login.key_filename is not None:
            raise AuthenticationError(
                f"{self.where} did not accept the key file {self.login.key_filename}. Check the "
                "user name, and that the key's public half is in ~/.ssh/authorized_keys there."
            )
        if self.login.use_ssh_agent:
            raise AuthenticationError(
                f"{self.where} did not accept the agent's keys. Check the user name, and with "
                "`ssh-add -l` that the agent holds the right key among its first five."
            )

    def _passphrase(self, path: str) -> str:
        asked = (Kind.PASSPHRASE, path)
        remembered = self.memory.passphrases.get(path) if self.can_tell else None
        if remembered is not None and asked not in self._given:
            self._given[asked] = remembered.decode()
            return self._given[asked]
        self.memory.passphrases.pop(path, None)
        again = "That passphrase does not open it. " if asked in self._given else ""
        answer = self._ask(Kind.PASSPHRASE, path, f"Passphrase for key {path}: ", again)
        self._given[asked] = answer
        return answer

    def _password(self, subject: str, question: Question) -> str:
        asked = (Kind.PASSWORD, subject)
        remembered = None
        if self.can_tell or subject == self.where:
            remembered = self.memory.passwords.pop(subject, None)
        if remembered is not None and asked not in self._given:
            self._given[asked] = remembered
            return remembered
        again = "That was not accepted. " if asked in self._given else ""
        text = on_one_line(question.text).strip()
        words = f"Password for {subject}: " if text == "Password:" else f"{subject}: {text} "
        answer = self._ask(Kind.PASSWORD, subject, words, again)
        self._given[asked] = answer
        return answer

    def _ask(self, kind: Kind, subject: str, prompt: str, again: str = "") -> str:
        # Passwords count together, in whatever words they are asked for: both methods of a
        # server may lead to one account that locks itself.
        counted = (kind, subject, prompt if kind is Kind.SECRET else "")
        tries = self._asked[counted] = self._asked.get(counted, 0) + 1
        if tries > self.login.max_attempts:
            raise AuthenticationError(
                f"Could not log in to {self.where}: none of {self.login.max_attempts} answers "
                f"to {prompt.strip()!r} was accepted. Check the user name, and what was typed."
            )
        answer = (self.login.ask_secret or ask_secret_on_terminal)(again + prompt)
        if answer is None:
            raise AuthenticationError(
                f"Could not log in to {self.where}: the question {prompt.strip()!r} "
                "was not answered."
            )
        return answer
