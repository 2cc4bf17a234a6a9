"""The line to the agent on one server: a session that stays open, or one for each request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from exauq_tui.errors import ConnectionLostError, ServerRefusedError, SessionEndedError
from exauq_tui.hardware.agent import AgentSession
from exauq_tui.hardware.connection.transport import ByteStream
from exauq_tui.hardware.frames import Reply
from exauq_tui.hardware.server_program import COMMAND

T = TypeVar("T")

TRY_AGAIN = 300.0
"""Seconds after which a server that let no session last is given the chance to do so again."""

HELLO_WITHIN = 30.0
"""Seconds that an agent may take to introduce itself."""

_SHORT = 5.0
_MOST_SHORT = 3
"""After so many sessions in a row that the server ended within a moment nothing is pushed."""

_MOST_UNANSWERED = 3
"""After so many sessions that ended with a request unanswered each request has its own."""

_MOST_TRIES = 5
_GREET_EVERY = 60.0
_FREED_WITHIN = 5.0
_PAUSE = 0.1


class Way(Protocol):
    """How a machine is reached."""

    def start(self, command: str) -> ByteStream:
        """Start a command on the machine; a broken connection is made anew first."""

    def is_connected(self) -> bool:
        """Whether the connection itself lasts, as far as is known."""

    def holds_on(self) -> bool:
        """Whether an answer that is overdue is to be waited for, since it may be the link."""

    def give_up(self) -> None:
        """Take it that the connection is broken, whether or not that was noticed."""


class AgentLine:
    """Asks the agent on one server, over a session that stays open; safe between threads.

    A server that ends sessions, but keeps the connection, is asked over new ones: first over one
    that lasts for as long as the server lets it, and where requests go unanswered over one for
    each request. After some minutes it is tried again whether they last.

    Every verb can be repeated: a submission carries tokens, and the others change nothing the
    second time.

    Attributes:
        repeats: How often a request was sent again because its answer was lost.

    Args:
        way: How the machine is reached.
        where: The server, for messages.
        greet: Called with the function that asks, before anything else is asked over a session
            that stays open, and now and then where each request has its own.
        reconnect: Whether a connection that was lost is made anew.
        on_news: Called from another thread when the server told something unasked, or ended the
            session.
        settings: What agents are told (see `server_program.settings_of`).
    """

    def __init__(
        self,
        way: Way,
        where: str,
        *,
        greet: Callable[[Callable[[str, Sequence[str]], Reply]], None],
        reconnect: bool,
        on_news: Callable[[], None],
        settings: str = "",
    ) -> None:
        self._way = way
        self._where = where
        self._greet = greet
        self._reconnect = reconnect
        self._on_news = on_news
        self._settings = settings
        self._lock = threading.RLock()
        self._session: AgentSession | None = None
        self._counted: AgentSession | None = None
        self._closing = threading.Event()
        self.repeats = 0
        self._greeted: float | None = None
        self._short = 0
        self._no_push_until = 0.0
        self._singly_until = 0.0

    @property
    def session(self) -> AgentSession | None:
        """The session that is open or was open last."""
        return self._session

    @property
    def asks_singly(self) -> bool:
        """Whether each request has a session of its own at present."""
        return time.monotonic() < self._singly_until

    @property
    def may_push(self) -> bool:
        """Whether there is a session that lasts, for all we know, over which news can come."""
        return not self.asks_singly and time.monotonic() >= self._no_push_until

    def stop_pushing(self) -> None:
        """Take it that news do not arrive here, for some minutes."""
        self._no_push_until = time.monotonic() + TRY_AGAIN
        session = self._session
        if session is not None:
            session.close()

    def ready(self) -> None:
        """Have the server greeted; nothing happens where it was and the session is open.

        Raises:
            HardwareInterfaceFailureError: As `ask` raises it.
        """
        self._persist(lambda: self._greet_singly() if self.asks_singly else self.open())

    def ask(self, verb: str, fields: Sequence[str] = (), timeout: float = 60.0) -> Reply:
        """Ask one thing and wait for the answer.

        Args:
            verb: What is asked.
            fields: Its arguments.
            timeout: How long the server may be silent, in seconds.

        Raises:
            ConnectionLostError: The connection broke, or the server ends each session before it
                has answered. Whether the request was carried out is not known.
            ServerRefusedError: The server starts no session.
        """

        def ask_once() -> Reply:
            if not self.asks_singly:
                return self.open().request(verb, fields, timeout)
            with self._lock:
                self._greet_singly()
                return self._alone(lambda session: session.request(verb, fields, timeout))

        return self._persist(ask_once)

    def close(self) -> None:
        """End the session; callable from any thread, a waiting request fails at once."""
        # Without the lock: another thread may hold it while it waits for the server.
        self._closing.set()
        session = self._session
        if session is not None:
            session.close()

    def _persist(self, act: Callable[[], T]) -> T:
        """Do something over a session; where the server ended that, over another one."""
        fresh = self._session is None or not self._session.is_open
        unanswered = 0
        self._closing.clear()
        while True:
            try:
                return act()
            except ConnectionLostError as error:
                if isinstance(error, SessionEndedError) and self._way.is_connected():
                    unanswered += 1
                    if unanswered == _MOST_UNANSWERED:
                        self._singly_until = time.monotonic() + TRY_AGAIN
                    if unanswered == _MOST_TRIES:
                        raise
                else:
                    self._way.give_up()
                    if fresh or not self._reconnect:
                        raise
                    fresh = True
            self.repeats += 1

    def open(self) -> AgentSession:
        """Give the session that stays open, starting one where there is none.

        Raises:
            HardwareInterfaceFailureError: As `ask` raises it, which tries more than once.
        """
        with self._lock:
            session = self._session
            if session is not None and session.is_open:
                return session
            if session is not None:
                self._look_back(session)
                if not (self._reconnect or self._way.is_connected()):
                    # Whoever connects by themselves is told, and says that the server was lost.
                    raise ConnectionLostError(f"the connection to {self._where} was lost")
            session = self._start(self._on_news)
            try:
                self._greet(session.request)
            except BaseException:
                session.close()
                raise
            self._greeted = time.monotonic()
            return session

    def _look_back(self, session: AgentSession) -> None:
        """Count a session that ended, once."""
        if session is self._counted:
            return
        self._counted = session
        self._short = self._short + 1 if session.was_ended and session.lasted < _SHORT else 0
        if self._short >= _MOST_SHORT:
            self._short = 0
            self._no_push_until = time.monotonic() + TRY_AGAIN

    def greet_again(self, settings: str) -> None:
        """Greet the server once more, since it is to be told other things now.

        Over the session that there is; where there is none, or each request has its own, that
        is done before the next request. A session that is open keeps its settings.
        """
        with self._lock:
            self._settings, self._greeted = settings, None
            session = self._session
            if session is not None and session.is_open and not self.asks_singly:
                self._greet(session.request)
                self._greeted = time.monotonic()

    def _greet_singly(self) -> None:
        """Greet the server over a session of its own, where the last time was a while ago."""
        with self._lock:
            if self._greeted is None or time.monotonic() - self._greeted > _GREET_EVERY:
                self._alone(lambda session: self._greet(session.request))
                self._greeted = time.monotonic()

    def _alone(self, act: Callable[[AgentSession], T]) -> T:
        """Do one thing over a session of its own."""
        session = self._counted = self._start(None)
        try:
            return act(session)
        finally:
            session.close()

    def _start(self, on_news: Callable[[], None] | None) -> AgentSession:
        deadline = time.monotonic() + _FREED_WITHIN
        while True:
            try:
                stream = self._way.start(COMMAND)
                break
            except ServerRefusedError:
                # A server that lets us have few sessions may not have seen the end of the last.
                if self._session is None or time.monotonic() > deadline:
                    raise
                if self._closing.wait(_PAUSE):
                    raise
        self._session = AgentSession(
            stream, self._where, HELLO_WITHIN, on_news, self._way.holds_on, self._settings
        )
        return self._session
