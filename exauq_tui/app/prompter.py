"""Carries questions of the servers' threads to a person, one at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import HostKey, HostKeyDecision


@dataclass(slots=True, eq=False)
class Question:
    """One question, and the place where its answer is left.

    Attributes:
        server: Which server's thread asks.
        prompt: What it wants to know; "" for a host key.
        host_key: The key to be accepted or refused, or None where a secret is asked for.
        answer: What the person typed, or None where they refused; for a host key the value of
            a `HostKeyDecision`.
    """

    server: str
    prompt: str = ""
    host_key: HostKey | None = None
    answer: str | None = None
    answered: threading.Event = field(default_factory=threading.Event)

    def give(self, answer: str | None) -> None:
        """Leave the answer and wake the thread that waits for it."""
        self.answer = answer
        self.answered.set()


class AppPrompter:
    """The `Prompter` that asks by dialogs.

    It is made before the fleet and the app; questions wait until the app is there, and all
    of them are refused once it is gone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Question] = deque()
        self._open: set[Question] = set()
        self._closed = False
        self._notify: Callable[[], None] | None = None

    def attach(self, notify: Callable[[], None]) -> None:
        """Set what is called, from any thread, when a question waits."""
        with self._lock:
            self._notify = notify
            waiting = bool(self._waiting)
        if waiting:
            notify()

    def close(self) -> None:
        """Refuse every question, now and from now on."""
        with self._lock:
            self._closed = True
            self._notify = None
            questions = [*self._waiting, *self._open]
            self._waiting.clear()
        for question in questions:
            question.give(None)

    def withdraw(self, server: str) -> None:
        """Refuse what a server asks at this moment: it is not wanted any more."""
        with self._lock:
            questions = [each for each in self._open if each.server == server]
            self._waiting = deque(each for each in self._waiting if each.server != server)
        for question in questions:
            question.give(None)

    def next(self) -> Question | None:
        """Take the question that waits longest, or None."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    @property
    def is_waiting(self) -> bool:
        """Whether a question waits to be shown."""
        return bool(self._waiting)

    def ask_secret(self, server: str, prompt: str) -> str | None:
        """Ask for a password, passphrase or code; None where the person refuses."""
        return self._ask(Question(server, prompt))

    def accept_host_key(self, server: str, key: HostKey) -> HostKeyDecision:
        """Ask whether an unknown host key is to be trusted."""
        answer = self._ask(Question(server, host_key=key))
        # Here, as the first picture does without the hardware's part.
        from exauq_tui.hardware.interface import HostKeyDecision  # noqa: PLC0415

        return HostKeyDecision.REFUSE if answer is None else HostKeyDecision(answer)

    def _ask(self, question: Question) -> str | None:
        with self._lock:
            if self._closed:
                return None
            self._waiting.append(question)
            self._open.add(question)
            notify = self._notify
        if notify is not None:
            notify()
        # Ends at the latest with close(), which every way out of the app goes through.
        question.answered.wait()
        with self._lock:
            self._open.discard(question)
        answer = question.answer
        question.answer = None  # a secret is kept by nobody but the one who asked
        return answer
