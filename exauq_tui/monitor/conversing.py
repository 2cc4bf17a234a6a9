"""Turn by turn with a server that is connected: sending, serving requests, looking, waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from exauq_tui.config import ServerProfile
from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.interface import HardwareInterface, PushesChanges, WatchesLink
from exauq_tui.monitor.abilities import is_pushing
from exauq_tui.monitor.contact import Contact
from exauq_tui.monitor.examining import Examinations
from exauq_tui.monitor.looking import look
from exauq_tui.monitor.pacing import Retries
from exauq_tui.monitor.requests import Requests
from exauq_tui.monitor.sending import (
    bind_latecomers,
    is_elsewhere,
    release_abandoned,
    send_cancels,
    send_submissions,
)
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.standing import Standing
from exauq_tui.monitor.tools import Tools

_SHORTEST_WAIT = 0.1
_SEARCH_EVERY = 10.0
_MOST_BATCHES = 20
LOST_AFTER = 30.0
"""Seconds of silence of a server that pushes after which the connection is given up."""

_SILENCE_CHECK = 3.0
_LIVELY = 4.0
"""For so many seconds after something was sent, looks follow each other ..."""
_LIVELY_PAUSE = 0.4
"""... at this distance: that is when somebody watches what comes of it."""


class Conversation:
    """What is done with one server while there is a connection; what is wanted outlives that.

    Any thread may say that something is wanted; `hold` is for the server's own.

    Args:
        profile: The server.
        tools: What it works with.
        standing: Is told of each wait and each answer.
        requests: What others want to have done.
        examinations: Likewise.
        retries: Is told when the server was reached.
        is_over: Tells whether the connection is to be left.
    """

    def __init__(
        self,
        profile: ServerProfile,
        tools: Tools,
        standing: Standing,
        requests: Requests,
        examinations: Examinations,
        retries: Retries,
        is_over: Callable[[], bool],
    ) -> None:
        self._profile = profile
        self._tools = tools
        self._standing = standing
        self._requests = requests
        self._examinations = examinations
        self._retries = retries
        self._is_over = is_over
        self._wake = threading.Event()
        self._look_asked = False
        self._news = False

    def adopt(self, profile: ServerProfile) -> None:
        """Go by a changed profile from the next turn on."""
        self._profile = profile

    def wake(self) -> None:
        """Have the next turn begin at once."""
        self._wake.set()

    def ask_look(self) -> None:
        """Have the next turn look at everything, as a person wants it; does not wake."""
        self._look_asked = True

    def look_soon(self) -> None:
        """Look at once: there may be news."""
        self._news = True
        self._wake.set()

    def hold(self, contact: Contact) -> None:
        """Look, send, serve requests, turn by turn; the first look tells what arrived before.

        Raises:
            HardwareInterfaceFailureError: There was trouble with the server.
            RecordError: There was trouble with the record.
            ValueError: The profile cannot be used any more.
        """
        next_look = lively_until = next_search = 0.0
        while not self._is_over():
            self._wake.clear()
            self._tools.store.sync()
            if is_elsewhere(contact):
                return  # connect anew, to that workspace
            bind_latecomers(contact)
            contact.heed_profile()
            contact.level = self._profile.level
            now = time.monotonic()
            if now >= next_search:
                release_abandoned(contact)
                next_search = now + _SEARCH_EVERY
            sent = contact.is_known and self._send(contact)
            self._serve_requests(contact)
            now = time.monotonic()
            is_due = now >= next_look or self._standing.state is ServerState.STALE
            heard = now
            if is_pushing(contact.interface):
                heard -= contact.interface.silence
                is_due = now - heard > _SILENCE_CHECK  # before that a look would tell nothing
            if asked := self._look_asked:
                contact.cursor = None  # a person wants everything, from the server itself
            if sent or asked or self._news or is_due:
                self._news = False
                if asked:
                    self._look_asked = False  # one that came this moment has its own turn
                self._standing.begin_wait(since=heard)
                look(contact)
                if sent:
                    lively_until = now + _LIVELY
                pause = _LIVELY_PAUSE if now < lively_until else self._tools.refresh
                next_look = time.monotonic() + min(pause, self._longest_pause(contact.interface))
                self._retries.succeeded()
                self._say_seen(contact, time.monotonic() - now, next_look - time.monotonic())
                if not contact.is_known:
                    contact.is_known = True
                    continue
            self._rest_between_looks(contact, next_look)

    def _rest_between_looks(self, contact: Contact, next_look: float) -> None:
        """Wait until something is to be done: news, a wish, or the time for a look."""
        interface = contact.interface
        if not is_pushing(interface):
            self._standing.end_wait()
            self._wake.wait(max(0.0, next_look - time.monotonic()))
            return
        # The server speaks every two seconds, news or not: one that is silent is asked.
        if interface.silence > LOST_AFTER and not isinstance(interface, WatchesLink):
            raise ConnectionLostError(f"nothing was heard for {interface.silence:.0f} s")
        silence = interface.silence
        self._standing.begin_wait(since=time.monotonic() - silence)
        self._wake.wait(max(_SHORTEST_WAIT, _SILENCE_CHECK - silence))

    def _longest_pause(self, interface: HardwareInterface) -> float:
        """The seconds between looks; a link of which nobody else tells is not left alone long."""
        refresh = self._tools.refresh
        unwatched = isinstance(interface, WatchesLink) and interface.link_silence is None
        return min(refresh, _SILENCE_CHECK) if unwatched else refresh

    def _say_seen(self, contact: Contact, latency: float, pause: float) -> None:
        target = self._tools.store.target(self._profile.name)
        workspace = target.place.workspace if target.is_known else ""
        interface = contact.interface
        if isinstance(interface, PushesChanges) and interface.latency is not None:
            latency = interface.latency
        live = is_pushing(interface)
        # Where there is no workspace yet, there is nothing to tell of.
        polled = isinstance(interface, PushesChanges) and not live and bool(contact.cursor)
        self._standing.say_seen(latency, None if live else pause, workspace, polled=polled)

    def _send(self, contact: Contact) -> bool:
        """Send what is pending; whether there was anything. Requests are served meanwhile."""
        if self._tools.read_only:
            return False  # another process may, or this one at another time
        sent = False
        for _ in range(_MOST_BATCHES):
            self._standing.begin_wait(is_long=True)
            cancelled = send_cancels(contact)
            self._standing.begin_wait(is_long=True)
            submitted = send_submissions(contact)
            sent = sent or cancelled or submitted
            if not submitted or self._is_over():
                break
            if contact.cursor is None:
                self._wake.set()  # an id was taken: who has it is looked at first
                break
            self._serve_requests(contact)
        return sent

    def _serve_requests(self, contact: Contact) -> None:
        if self._examinations.are_waiting:
            self._standing.end_wait()  # setup lines, say, may take their time
            self._examinations.serve(contact.interface)
        self._requests.serve(contact)
