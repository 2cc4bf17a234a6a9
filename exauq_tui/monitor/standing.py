"""How things stand with one server: told to the store by its thread, read by everybody."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from exauq_tui.config import ServerProfile
from exauq_tui.errors import ConnectionLostError
from exauq_tui.monitor.outlook import first_view
from exauq_tui.monitor.server_history import ServerHistory, StateNotes
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.store import Store

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import WatchesLink

_log = logging.getLogger(__name__)

STALE_AFTER = 5.0
"""Seconds without an answer after which what is shown counts as stale."""

SIGN_WITHIN = 2.0
"""Likewise, seconds for which a sign of life was asked for in vain."""


class Standing:
    """How things stand with one server; safe between threads.

    Args:
        profile: The server.
        store: Is told of each change.
        clock: Gives seconds since 1970.
        history: Is told of each change that people may want to know of later.
    """

    def __init__(
        self,
        profile: ServerProfile,
        store: Store,
        clock: Callable[[], float],
        history: ServerHistory,
    ) -> None:
        self._store = store
        self._clock = clock
        self._history = history
        self._notes = StateNotes()
        self._lock = threading.Lock()
        self._waiting_since: float | None = None
        self._is_long = False
        self._is_hurried = False
        self._link: WatchesLink | None = None
        self._is_dark = False
        self._view = first_view(profile)
        self._is_retired = False
        store.set_view(self._view)

    def adopt(self, profile: ServerProfile) -> None:
        """Show what a changed profile says."""
        with self._lock:
            self._view = replace(self._view, input_names=profile.input_names, level=profile.level)
            self._publish()

    def retire(self) -> None:
        """Tell nothing from now on: another one, or nobody, speaks for this server."""
        with self._lock:
            self._is_retired = True

    def _publish(self) -> None:
        if not self._is_retired:
            self._store.set_view(self._view)

    @property
    def state(self) -> ServerState:
        """The state alone."""
        return self._view.state

    @property
    def is_linked(self) -> bool:
        """Whether requests can be made, as far as is known."""
        return self.state in (ServerState.UP, ServerState.STALE)

    def say(
        self,
        state: ServerState,
        message: str = "",
        *,
        next_try: float | None = None,
        asks: bool = False,
    ) -> None:
        """Tell of a new state."""
        with self._lock:
            self._log_change(state, message)
            self._view = replace(
                self._view, state=state, message=message, next_try=next_try, asks=asks
            )
            self._publish()

    def _log_change(self, state: ServerState, message: str = "") -> None:
        if not self._is_retired and (note := self._notes.words(state, message)):
            self._history.note(self._view.name, note)
        if (state, message) != (self.state, self._view.message):
            words = f": {message}" if message else ""
            _log.info("%s (%s) is %s%s", self._view.name, self._view.where, state.value, words)

    def say_seen(
        self, latency: float, pause: float | None, workspace: str, *, polled: bool = False
    ) -> None:
        """Tell that the server just spoke.

        Args:
            latency: The last round trip, in seconds.
            pause: When the next look is due, in seconds; None where the server pushes changes.
            workspace: The workspace's absolute path there, or "".
            polled: Whether the server has to be asked although it should tell of changes.
        """
        now = self._clock()
        with self._lock:
            self._waiting_since = None
            self._is_hurried = self._is_dark = False
            self._log_change(ServerState.UP)
            self._view = replace(
                self._view,
                state=ServerState.UP,
                message="",
                latency=latency,
                last_seen=now,
                next_try=None if pause is None else now + pause,
                workspace=workspace,
                polled=polled,
            )
            self._publish()

    def say_verbs(self, verbs: Iterable[str]) -> None:
        """Tell, with the next state, which verbs the server offers."""
        with self._lock:
            self._view = replace(self._view, verbs=frozenset(verbs))

    def watch(self, link: WatchesLink | None) -> None:
        """Have the link tell whether the server is there, where somebody watches over it."""
        self._link = link

    def begin_wait(self, since: float | None = None, *, is_long: bool = False) -> None:
        """From now on, or since that moment of the monotonic clock, an answer is due.

        Args:
            since: That moment.
            is_long: Whether the answer may take its time although all is well: then only the
                link tells, where it does.
        """
        self._is_long = is_long
        self._waiting_since = time.monotonic() if since is None else since

    def end_wait(self) -> None:
        """No answer is due any more."""
        self._waiting_since = None

    def hurry(self) -> None:
        """Take an answer to be overdue sooner than else, until the next one came."""
        self._is_hurried = True

    def check_stale(self) -> bool:
        """Say STALE where an answer is overdue, and UP where just the link had been silent.

        Called from another thread, now and then.

        Returns:
            Whether the server is back.
        """
        link = self._link.link_silence if self._link is not None else None
        is_dark = link is not None and link > SIGN_WITHIN
        with self._lock:
            since = self._waiting_since
            limit = SIGN_WITHIN if self._is_hurried else STALE_AFTER
            is_due = since is not None and not (self._is_long and link is not None)
            is_late = is_due and since is not None and time.monotonic() - since > limit
            if self.state is ServerState.UP and (is_dark or is_late):
                self._is_dark = is_dark and not is_late
                self._change(ServerState.STALE, f"no answer for more than {STALE_AFTER:g} s")
            elif self.state is ServerState.STALE and self._is_dark and not (is_dark or is_late):
                self._change(ServerState.UP, "")
                return True
        return False

    def _change(self, state: ServerState, message: str) -> None:
        self._log_change(state, message)
        self._view = replace(self._view, state=state, message=message, next_try=None)
        self._publish()

    def away_error(self) -> ConnectionLostError:
        """Make the error of a request that cannot be made now."""
        view = self._view
        reason = f": {view.message}" if view.message else ""
        return ConnectionLostError(f"{view.name} is {view.state.value}{reason}")
