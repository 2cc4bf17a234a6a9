"""Watches over one connection: whoever is at the other end is asked for signs of life.

What a server's program is doing tells nothing of the link: it may be busy for minutes. So the
connection itself is asked, by a message that every SSH server answers at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_OVERSLEPT = 2.0


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """How much silence of a link is put up with; all in seconds.

    Attributes:
        ping_after: After so much of it the server is asked for a sign of life.
        lost_after: After so much the connection is given up.
        precious_after: Likewise, where a one-time code was typed to make it: making it anew
            would ask a person again.
    """

    ping_after: float = 3.0
    lost_after: float = 30.0
    precious_after: float = 300.0


class Hears(Protocol):
    """A link that remembers when something came over it."""

    heard: float


class Pulse:
    """Asks for a sign of life where a link is silent, and gives up one that stays silent.

    Args:
        link: Tells when it was last heard, by the monotonic clock.
        ping: Asks for a sign of life; may block for as long as nothing leaves.
        give_up: Called, with the reason in words, when the silence has lasted too long.
        ping_after: Seconds of silence after which the server is asked.
        lost_after: Seconds of silence after which the link is given up.
        clock: The monotonic clock.
    """

    def __init__(
        self,
        link: Hears,
        ping: Callable[[], None],
        give_up: Callable[[str], None],
        *,
        ping_after: float,
        lost_after: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._ping = ping
        self._give_up = give_up
        self._ping_after = ping_after
        self._answer_within = lost_after - ping_after
        self._lost_after = lost_after
        self._clock = clock
        self._asked: float | None = None
        self._probing = False
        self._closed = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="exauq-tui-pulse", daemon=True)

    def start(self) -> None:
        """Begin to watch, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Watch no more; callable from any thread."""
        self._closed = True
        self._wake.set()

    def probe(self) -> None:
        """Ask for a sign of life now, whatever was heard just before; returns at once."""
        self._probing = True
        self._wake.set()

    @property
    def overdue(self) -> float:
        """For how many seconds a sign of life has been asked for in vain; 0 where none is."""
        asked = self._asked
        if asked is None or self._link.heard > asked:
            return 0.0
        return self._clock() - asked

    def _run(self) -> None:
        while not self._closed:
            pause = self.turn()
            if pause is None:
                return
            before = self._clock()
            self._wake.wait(pause)
            self._wake.clear()
            if self._clock() - before > pause + _OVERSLEPT:
                # This process was stopped: what came meanwhile may not have been read yet.
                self.probe()

    def turn(self) -> float | None:
        """Do what is due; gives the seconds until something will be, None after the end."""
        probing, self._probing = self._probing, False
        now = self._clock()
        overdue = self.overdue
        if overdue and not probing:
            if overdue >= self._answer_within:
                self._closed = True
                self._give_up(f"nothing was heard from it for {self._lost_after:g} s")
                return None
            return min(self._ping_after, self._answer_within - overdue)
        silence = now - self._link.heard
        if not probing and silence < self._ping_after:
            return self._ping_after - silence
        self._asked = now
        # In a thread of its own: it may wait for another one that sends, on a stuck link.
        threading.Thread(target=self._ping, name="exauq-tui-ping", daemon=True).start()
        return min(self._ping_after, self._answer_within)
