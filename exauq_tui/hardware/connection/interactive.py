"""Keyboard-interactive authentication: the server asks, a person answers, any number of times."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import paramiko

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.connection.attempt import Attempt
from exauq_tui.hardware.connection.session import Session

_SLICE = 0.1
_NEVER = 86400.0


@dataclass(frozen=True, slots=True)
class Questions:
    """What the server asks at once.

    Attributes:
        instructions: What it says before, often "".
        prompts: The single questions.
    """

    instructions: str
    prompts: tuple[str, ...]


def answer_interactively(
    session: Session,
    user: str,
    answer: Callable[[Questions], list[str]],
    attempt: Attempt,
    timeout: float,
) -> list[str]:
    """Let the server ask, and answer by `answer`, which runs in the calling thread.

    paramiko would call it in the thread that reads the connection: an exception there ends
    the connection, and its clock would run against the person who types.

    Returns:
        The methods that the server wants beside this one; none where it is content.

    Raises:
        ConnectionLostError: The server did not answer within `timeout` seconds, or the
            attempt was called off.
        paramiko.SSHException: The server refused, or the link broke.
    """
    events: queue.SimpleQueue[Questions | list[str] | Exception] = queue.SimpleQueue()
    answers: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()

    def ask(title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        words = " ".join(part.strip() for part in (title, instructions) if part.strip())
        events.put(Questions(words, tuple(prompt for prompt, _ in prompts)))
        given = answers.get()
        if given is None:
            raise paramiko.SSHException("nobody answered")
        return given

    def run() -> None:
        try:
            events.put(session.auth_interactive(user, ask))
        except (paramiko.SSHException, EOFError, OSError) as error:
            events.put(error)

    patience, session.auth_timeout = session.auth_timeout, _NEVER
    threading.Thread(target=run, name="exauq-tui-interactive", daemon=True).start()
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                event = events.get(timeout=_SLICE)
            except queue.Empty:
                attempt.check()
                if time.monotonic() < deadline:
                    continue
                session.close()
                raise ConnectionLostError(
                    f"The server did not answer within {timeout:g} s."
                ) from None
            if isinstance(event, Exception):
                raise event
            if isinstance(event, list):
                return event
            answers.put(answer(event))
            deadline = time.monotonic() + timeout
    finally:
        answers.put(None)  # whoever still waits for an answer gets none
        session.auth_timeout = patience
