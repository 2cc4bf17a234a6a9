"""One worker thread per server: sole owner of its connection.

The thread connects, converses with the server, and begins again after trouble; how things
stand is told to the store at each turn.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TypeVar

from exauq_tui.config import ServerProfile
from exauq_tui.errors import (
    AuthenticationError,
    ConnectionLostError,
    HardwareInterfaceFailureError,
    HostKeyError,
    RecordError,
)
from exauq_tui.hardware.interface import (
    Connects,
    DiagnosesItself,
    HardwareInterface,
    PushesChanges,
    WaitsItsTurn,
)
from exauq_tui.monitor import pacing
from exauq_tui.monitor.abilities import verbs_of
from exauq_tui.monitor.contact import Contact, words_of
from exauq_tui.monitor.conversing import Conversation
from exauq_tui.monitor.examining import Examinations, Findings, Tell
from exauq_tui.monitor.keeping import Keeper
from exauq_tui.monitor.outlook import find_target
from exauq_tui.monitor.pacing import Retries
from exauq_tui.monitor.requests import Requests
from exauq_tui.monitor.sending import bind_workspace, release_abandoned
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.standing import Standing
from exauq_tui.monitor.tools import Tools

_log = logging.getLogger(__name__)

T = TypeVar("T")

_PATIENCE = 0.1


class Poller:
    """The thread that deals with one server.

    Args:
        profile: The server.
        tools: What it works with.
        owner: Who takes leases; unique among all threads and processes.
        predecessor: Who dealt with this server by another profile, and is being stopped: its
            thread comes to its end before this one does anything.
    """

    def __init__(
        self,
        profile: ServerProfile,
        tools: Tools,
        owner: str,
        predecessor: Poller | None = None,
    ) -> None:
        self._profile = profile
        self._tools = tools
        self._owner = owner
        self._predecessor = predecessor
        self._configured = profile.workspace_dir or ""
        self._examinations = Examinations(profile)
        self._stopping = threading.Event()
        self._is_off = self._is_wanted_back = False
        self._retries = Retries()
        self._thread = threading.Thread(
            target=self._run, name=f"poller-{profile.name}", daemon=True
        )
        self._standing = Standing(profile, tools.store, tools.clock, tools.history)
        self._requests = Requests(self._standing)
        self._keeper = Keeper(profile, tools, self._standing)
        self._conversation = Conversation(
            profile,
            tools,
            self._standing,
            self._requests,
            self._examinations,
            self._retries,
            is_over=lambda: self._is_leaving,
        )
        tools.store.set_target(find_target(self._profile, self._tools.record))

    @property
    def profile(self) -> ServerProfile:
        """The server's profile."""
        return self._profile

    def adopt(self, profile: ServerProfile) -> bool:
        """Deal with the server by a changed profile, over the connection that there is.

        Returns:
            Whether that can be done: another host, say, takes another one.
        """
        if not self._keeper.adopt(profile):
            return False
        self._profile = profile
        self._examinations.adopt(profile)
        self._standing.adopt(profile)
        self._conversation.adopt(profile)
        if self._standing.state is ServerState.FAULT:
            self._retries.wish()  # what was wrong may be right now
        self._conversation.wake()
        return True

    @property
    def configured(self) -> str:
        """The workspace as the profile has it, "" for none."""
        return self._configured

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Make the thread end promptly, whatever it waits for; does not wait for it."""
        self._stopping.set()
        self._retries.wish()
        self._conversation.wake()
        self._keeper.hang_up()

    def retire(self) -> None:
        """Stop, and tell nothing of this server any more."""
        self._standing.retire()
        self.stop()

    @property
    def is_off(self) -> bool:
        """Whether a person has disconnected the server."""
        return self._is_off

    def join(self, timeout: float) -> None:
        """Wait for the end of a thread that was stopped, `timeout` seconds at most."""
        deadline = time.monotonic() + timeout
        while self._thread.is_alive() and (left := deadline - time.monotonic()) > 0:
            self._thread.join(min(left, _PATIENCE))
            self._keeper.hang_up()  # what it may have begun to open while it was being stopped
        if (before := self._predecessor) is not None:
            before.join(max(0.0, deadline - time.monotonic()))

    def wake(self) -> None:
        """There is something to send."""
        self._conversation.wake()

    def look_now(self) -> None:
        """Look at once; where not connected, try at once."""
        self._conversation.ask_look()
        self._retries.wish()
        self._conversation.wake()

    def connect(self) -> None:
        """Connect, where a person had said `disconnect`; elsewhere try at once."""
        if self._is_off:
            self._is_wanted_back = True  # whatever the connection that was dropped still says
            self._is_off = False
        self._retries.wish()

    def disconnect(self) -> None:
        """Drop the connection, and make none until somebody says `connect`."""
        self._is_off = True
        self._retries.wish()
        self._conversation.wake()
        self._keeper.hang_up()

    def call(self, verb: Callable[[Contact], T]) -> Future[T]:
        """Have something done on the server's thread; fails at once where there is no link."""
        result = self._requests.add(verb)
        self._conversation.wake()
        return result

    def diagnose(self, tell: Tell) -> Future[Findings]:
        """Examine the server; where there is no connection, try at once to make it."""
        result = self._examinations.add(tell)
        self._retries.wish()
        self._conversation.wake()
        if self._stopping.is_set():
            self._end_examinations()  # its thread may have looked for the last time
        return result

    def _end_examinations(self) -> None:
        self._examinations.fail(None, ConnectionLostError("the dashboard is being left"))

    def check_stale(self) -> None:
        """Say STALE where a sign of life is overdue, and UP where it came late.

        Called from another thread, now and then.
        """
        if self._standing.check_stale():
            self._conversation.look_soon()
        if self._is_off:
            self._keeper.hang_up()  # what it may have begun to open meanwhile

    def awoke(self) -> None:
        """This machine has slept: see at once whether the connection outlived that."""
        self._standing.hurry()
        self._keeper.probe()
        self._conversation.look_soon()
        self._retries.awoke()

    # The thread

    def _run(self) -> None:
        self._await_predecessor()
        while not self._stopping.is_set():
            try:
                if self._is_off:
                    self._stay_away()
                else:
                    self._serve()
            except AuthenticationError as error:
                self._rest(ServerState.AUTH_NEEDED, error, None)
            except HostKeyError as error:
                state = (
                    ServerState.HOST_KEY_CHANGED if error.changed else ServerState.HOST_KEY_UNKNOWN
                )
                self._rest(state, error, None)
            except ConnectionLostError as error:
                self._rest(ServerState.LOST, error, self._retries.next_pause())
            except (HardwareInterfaceFailureError, RecordError) as error:
                self._rest(ServerState.FAULT, error, pacing.LONGEST_PAUSE)
            except ValueError as error:  # the profile does not make an interface
                self._rest(ServerState.FAULT, error, None)
            except Exception as error:  # noqa: BLE001 - see below
                # The one broad catch: a fault of ours in this thread must be seen, and must
                # not end the dashboard.
                _log.exception("unexpected error with server %s", self._profile.name)
                self._rest(ServerState.FAULT, error, pacing.LONGEST_PAUSE)
        self._standing.say(ServerState.OFFLINE)
        self._requests.fail()
        self._end_examinations()
        with suppress(RecordError):  # closed meanwhile, perhaps: leases end by themselves
            self._tools.record.release(self._owner)

    def _await_predecessor(self) -> None:
        while (before := self._predecessor) is not None and not self._stopping.is_set():
            before.join(_PATIENCE)
            if not before.is_alive:
                self._predecessor = None

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs, or that of one before it."""
        before = self._predecessor
        return self._thread.is_alive() or (before is not None and before.is_alive)

    def _rest(self, state: ServerState, error: Exception, pause: float | None) -> None:
        """Wait for the next try: for a while, or for a person where `pause` is None."""
        self._retries.forget_wish()  # from before this trouble: it is no answer to it
        if self._is_leaving or self._is_wanted_back:
            return
        next_try = None if pause is None else self._tools.clock() + pause
        self._standing.say(state, words_of(error), next_try=next_try)
        self._requests.fail()
        self._examinations.fail(self._keeper.last, error)
        self._retries.rest(pause)

    def _stay_away(self) -> None:
        """Wait until a person wants the connection back."""
        self._standing.say(ServerState.OFFLINE, "disconnected by hand")
        while self._is_off and not self._stopping.is_set():
            self._requests.fail()
            self._examinations.fail(self._keeper.last, self._standing.away_error())
            self._retries.rest(None)
            self._retries.forget_wish()

    def _serve(self) -> None:
        """Connect, and deal with the server until there is trouble or an end."""
        self._is_wanted_back = False
        interface = self._keeper.obtain()
        with self._keeper.using(interface):
            if self._is_leaving:
                return
            self._standing.say(ServerState.CONNECTING)
            if isinstance(interface, DiagnosesItself):
                interface.on_step(self._examinations.step)
            if isinstance(interface, WaitsItsTurn):
                interface.on_wait(self._say_wait)
            if isinstance(interface, Connects):
                interface.connect()
            try:
                if isinstance(interface, PushesChanges):
                    interface.on_news(self._conversation.look_soon)
                self._standing.say_verbs(verbs_of(interface))
                contact = self._make_contact(interface)
                bind_workspace(contact)
                release_abandoned(contact)
                self._conversation.hold(contact)
            finally:
                self._standing.end_wait()
                if isinstance(interface, PushesChanges):
                    interface.on_news(None)

    def _say_wait(self, name: str) -> None:
        """Say why nothing goes on while another server's log-in is waited for."""
        if self._standing.state is ServerState.CONNECTING and name != self._profile.name:
            words = f"waits for {name}, which logs in to the same account" if name else ""
            self._standing.say(ServerState.CONNECTING, words)

    @property
    def _is_leaving(self) -> bool:
        return self._stopping.is_set() or self._is_off

    def _make_contact(self, interface: HardwareInterface) -> Contact:
        target = find_target(self._profile, self._tools.record)
        self._tools.store.set_target(target)
        return Contact(
            interface,
            self._tools.record,
            self._tools.store,
            target.place,
            self._configured,
            self._profile.level,
            self._owner,
            self._tools.clock,
            heed_profile=partial(self._keeper.adapt, interface),
        )
