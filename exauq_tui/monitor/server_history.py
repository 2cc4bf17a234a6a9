"""Notes what happens with servers, for the record; never waits for the disk."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from exauq_tui.errors import RecordError
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import Event, ServerState

_log = logging.getLogger(__name__)

_MOST_WAITING = 1000


class ServerHistory:
    """What happened with servers since it was last written down; safe between threads.

    Args:
        record: Where it is kept.
        clock: Gives seconds since 1970.
    """

    def __init__(self, record: Record, clock: Callable[[], float]) -> None:
        self._record = record
        self._clock = clock
        self._waiting: deque[tuple[str, Event]] = deque(maxlen=_MOST_WAITING)
        self._lock = threading.Lock()
        self._told = ""

    def note(self, server: str, text: str) -> None:
        """Note what just happened; it is written with the next `flush`."""
        self._waiting.append((server, Event(self._clock(), text)))

    def flush(self) -> None:
        """Write down what was noted; what cannot be written is kept, as far as there is room."""
        with self._lock:
            events = []
            while self._waiting:
                events.append(self._waiting.popleft())
            if not events:
                return
            try:
                self._record.add_server_events(events)
                self._told = ""
            except RecordError as error:
                self._waiting.extendleft(reversed(events))
                if str(error) != self._told:
                    self._told = str(error)
                    _log.warning("no history of servers: %s", error)


class StateNotes:
    """Tells which changes of one server's state are worth noting, and in which words (pure)."""

    def __init__(self) -> None:
        self._last: tuple[ServerState, str] = (ServerState.OFFLINE, "")

    def words(self, state: ServerState, message: str) -> str:
        """Word a change; "" where it is none, or only a step on a way that goes on.

        A server that stays away is told of once, however often it is tried.
        """
        if state is ServerState.CONNECTING or (state is ServerState.OFFLINE and not message):
            return ""
        before, self._last = self._last, (state, message)
        if before == self._last:
            return ""
        if state is ServerState.UP:
            return "Answers again" if before[0] is ServerState.STALE else "Connected"
        return f"{state.value}: {message}" if message else state.value
