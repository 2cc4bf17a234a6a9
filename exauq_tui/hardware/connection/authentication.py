"""Proves to a server who we are: keys, password, and what the server asks beyond.

One method after another is offered on one connection, as the server allows. paramiko's own
convenience for this prints and reads the terminal, so its single steps are used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import paramiko

from exauq_tui.errors import AuthenticationError, ConnectionLostError
from exauq_tui.hardware.connection.attempt import Attempt
from exauq_tui.hardware.connection.interactive import Questions, answer_interactively
from exauq_tui.hardware.connection.key_sources import Candidate
from exauq_tui.hardware.connection.memory import Memory
from exauq_tui.hardware.connection.questions import asks_for_password, on_one_line
from exauq_tui.hardware.connection.session import Session
from exauq_tui.hardware.interface import AskSecret

MOST_KEYS = 5  # a default sshd hangs up at the sixth failure on a connection (MaxAuthTries)
_MOST_STEPS = 8  # methods tried, or wanted by the server one after the other

# What one step came to: None where it was refused, else what the server wants beside it,
# which is nothing where it is content.
Outcome = tuple[str, ...] | None
DONE: Outcome = ()


@dataclass(slots=True)
class Plan:
    """What may be offered to the server.

    Attributes:
        keys: Private keys, in the order in which they are offered.
        may_ask: Whether a person is asked for a password where keys do not do.
        hint: What to do where the server refuses it all.
    """

    keys: Iterator[Candidate]
    may_ask: bool
    hint: str


@dataclass(slots=True)
class Authentication:
    """Authenticates one connection.

    Attributes:
        session: The connection, its host key checked.
        user: The account.
        where: The server, as it is named in questions and errors: ``user@host``.
        ask: Asks a person for a secret.
        max_attempts: How often.
        memory: Secrets from an earlier connection.
        attempt: Can be called off by another thread.
        timeout: How long an answer of the server may take, in seconds.
    """

    session: Session
    user: str
    where: str
    ask: AskSecret
    max_attempts: int
    memory: Memory
    attempt: Attempt
    timeout: float
    _allowed: tuple[str, ...] | None = field(default=None, init=False)
    _tried: list[str] = field(default_factory=list, init=False)
    _keys_offered: int = field(default=0, init=False)
    _answers_left: int = field(default=0, init=False)

    def run(self, plan: Plan) -> str:
        """Offer methods until the server is content, and tell what it was content with.

        Raises:
            AuthenticationError: It did not become so, or nobody answered a question.
            ConnectionLostError: The link broke, or an answer did not come in time.
        """
        steps: dict[str, Callable[[], Outcome]] = {
            "publickey": lambda: self._offer_keys(plan.keys),
            "none": self._learn_what_is_allowed,
            "password": self._offer_passwords,
            "keyboard-interactive": self._answer,
        }
        self.session.auth_timeout = self.timeout
        self._answers_left = self.max_attempts
        exhausted: set[str] = set()
        accepted: list[str] = []
        for _ in range(_MOST_STEPS):
            method = self._next_method(plan.may_ask, exhausted)
            if method is None:
                break
            outcome = steps[method]()
            if outcome is not None:
                accepted.append("no proof at all" if method == "none" else self._tried[-1])
            if outcome == DONE:
                return ", then ".join(accepted)
            if outcome is None:
                exhausted.add(method)
            else:
                # One factor was accepted and the server wants another: an answer of a
                # person is in order now, whatever was planned.
                self._allowed = outcome
                plan.may_ask = True
                self._answers_left = self.max_attempts
                exhausted.discard("keyboard-interactive")
        raise self._refusal(plan.hint)

    def _next_method(self, may_ask: bool, exhausted: set[str]) -> str | None:
        methods = ["publickey"]
        if may_ask:
            # Nobody should be asked for a password that the server does not take.
            methods += ["none"] if self._allowed is None else ["password", "keyboard-interactive"]
        for method in methods:
            allowed = self._allowed is None or method in self._allowed
            if allowed and method not in exhausted:
                return method
        return None

    def _learn_what_is_allowed(self) -> Outcome:
        outcome = self._offer(lambda: self.session.auth_none(self.user))
        if self._allowed is None:
            self._allowed = ("password", "keyboard-interactive")
        return outcome

    def _offer_keys(self, candidates: Iterator[Candidate]) -> Outcome:
        for candidate in candidates:
            for key in candidate.load():
                if self._keys_offered == MOST_KEYS:
                    self._tried.append("(no more than five keys are offered)")
                    return None
                self._keys_offered += 1
                self._tried.append(f"{candidate.label} ({key.get_name()})")
                outcome = self._offer(partial(self.session.auth_publickey, self.user, key))
                if outcome is not None:
                    return outcome
                if self._allowed is not None and "publickey" not in self._allowed:
                    return None
        return None

    def _offer_passwords(self) -> Outcome:
        remembered = self.memory.passwords.pop(self.where, None)
        if remembered is not None:
            outcome = self._offer_password(remembered)
            if outcome is not None:
                return outcome
        prompt = f"Password for {self.where}: "
        while self._answers_left:
            if self._allowed is not None and "password" not in self._allowed:
                return None
            self._answers_left -= 1
            outcome = self._offer_password(self._ask(prompt))
            if outcome is not None:
                return outcome
            prompt = f"That was not accepted. Password for {self.where}: "
        return None

    def _offer_password(self, password: str) -> Outcome:
        self._tried.append("a password")
        outcome = self._offer(
            lambda: self.session.auth_password(self.user, password, fallback=False)
        )
        if outcome is not None:
            self.memory.keep_password(self.where, password)
        return outcome

    def _answer(self) -> Outcome:
        """Let the server ask (PAM, one-time codes), as often as answers may be typed.

        Both this and the password method may lead to the same PAM, so they share one count.
        """
        while self._answers_left:
            rounds = _Rounds(self)
            self._tried.append("answers to the server's questions")
            outcome = self._offer(
                partial(
                    answer_interactively,
                    self.session,
                    self.user,
                    rounds.answer,
                    self.attempt,
                    self.timeout,
                )
            )
            if outcome is not None:
                rounds.keep()
                return outcome
            if rounds.asked_somebody:
                self._answers_left -= 1
            elif not rounds.used_memory:
                return None  # it asks nothing, so nothing would change
        return None

    def _ask(self, prompt: str) -> str:
        answer = self.ask(prompt)
        self.attempt.check()
        if answer is None:
            raise AuthenticationError(
                f"Could not log in to {self.where}: the question "
                f"{prompt.strip()!r} was not answered."
            )
        return answer

    def _offer(self, call: Callable[[], list[str]]) -> Outcome:
        """Take one step of the protocol and translate what comes of it."""
        started = time.monotonic()
        try:
            return tuple(call())
        except paramiko.BadAuthenticationType as error:
            self._allowed = tuple(error.allowed_types)
            return None
        except paramiko.AuthenticationException as error:
            self._check_link(error)
            if time.monotonic() - started >= self.timeout:
                raise ConnectionLostError(
                    f"{self.where} did not answer within {self.timeout:g} s while logging in."
                ) from error
            return None
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._check_link(error)
            raise ConnectionLostError(
                f"Logging in to {self.where} broke off: {error or type(error).__name__}."
            ) from error

    def _check_link(self, error: Exception) -> None:
        """Go on only where the connection still stands."""
        self.attempt.check()
        if self.session.is_active():
            return
        if self.session.farewell:
            raise AuthenticationError(
                f"{self.where} hung up while we were logging in: {self.session.farewell}. "
                f"Tried: {', '.join(self._tried)}."
            ) from error
        raise ConnectionLostError(
            f"The connection to {self.where} was lost while logging in."
        ) from error

    def _refusal(self, hint: str) -> AuthenticationError:
        if self._allowed is None:
            self._learn_what_is_allowed()
        tried = ", ".join(dict.fromkeys(self._tried)) or "nothing (there was nothing to offer)"
        allowed = ", ".join(self._allowed or ()) or "nothing"
        return AuthenticationError(
            f"{self.where} refused to let us in. Tried: {tried}. "
            f"The server allows: {allowed}. {hint}"
        )


class _Rounds:
    """Answers the questions of one keyboard-interactive attempt."""

    def __init__(self, owner: Authentication) -> None:
        self._owner = owner
        self._password: str | None = None
        self.asked_somebody = False
        self.used_memory = False

    def answer(self, questions: Questions) -> list[str]:
        owner = self._owner
        # A lone password prompt is a password by another name. A code is never kept.
        lone = len(questions.prompts) == 1 and asks_for_password(questions.prompts[0])
        if lone:
            self._password = owner.memory.passwords.pop(owner.where, None)
            if self._password is not None:
                self.used_memory = True
                return [self._password]
        answers = []
        for prompt in questions.prompts:
            words = f"{questions.instructions} {prompt}".strip()
            self.asked_somebody = True
            answers.append(owner._ask(f"{owner.where}: {on_one_line(words)} "))
        if lone:
            self._password = answers[0]
        elif answers:
            owner.attempt.code_typed = True
        return answers

    def keep(self) -> None:
        """Remember the password that was accepted."""
        if self._password is not None:
            self._owner.memory.keep_password(self._owner.where, self._password)
