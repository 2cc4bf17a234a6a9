"""One worker thread per server: sole owner of its connection.

The thread connects, sends what is pending, looks, serves requests, and begins again after
trouble; how things stand is told to the store at each turn.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

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
    DeletesJobs,
    HardwareInterface,
    HostKey,
    ReadsLogs,
)
from exauq_tui.monitor.contact import Contact
from exauq_tui.monitor.interfaces import MakeInterface, Surroundings, endpoint_of, where_of
from exauq_tui.monitor.looking import look
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.sending import bind_workspace, send_cancels, send_submissions
from exauq_tui.monitor.snapshot import ServerState, ServerView
from exauq_tui.monitor.store import Place, Store
from exauq_tui.monitor.verbs import Prompter

_log = logging.getLogger(__name__)

T = TypeVar("T")

STALE_AFTER = 6.0
"""Seconds without an answer after which what is shown counts as stale."""

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_LIVELY = 4.0
"""For so many seconds after something was sent, looks follow each other ..."""
_LIVELY_PAUSE = 0.4
"""... at this distance: that is when somebody watches what comes of it."""


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """Something to do on the server's own thread, and where its result goes."""

    verb: Callable[[Contact], T]
    result: Future[T]


@dataclass(frozen=True, slots=True)
class Tools:
    """What every poller of a fleet is given.

    Attributes:
        record: The record of jobs.
        store: What is known, for everybody.
        prompter: Asks a person.
        make: Builds interfaces.
        own_known_hosts: Where accepted host keys are kept.
        refresh: Seconds between looks.
        clock: Gives seconds since 1970.
    """

    record: Record
    store: Store
    prompter: Prompter
    make: MakeInterface
    own_known_hosts: Path | None
    refresh: float
    clock: Callable[[], float]


class Poller:
    """The thread that deals with one server.

    Args:
        profile: The server.
        tools: What it works with.
        owner: Who takes leases; unique among all threads and processes.
    """

    def __init__(self, profile: ServerProfile, tools: Tools, owner: str) -> None:
        self._profile = profile
        self._tools = tools
        self._owner = owner
        self._configured = profile.workspace_dir or ""
        self._requests: queue.SimpleQueue[Request[object]] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._retry = threading.Event()
        self._look_asked = False
        self._lock = threading.Lock()
        self._interface: HardwareInterface | None = None
        self._waiting_since: float | None = None
        self._failures = 0
        self._thread = threading.Thread(
            target=self._run, name=f"poller-{profile.name}", daemon=True
        )
        self._view = ServerView(
            name=profile.name,
            kind=profile.kind,
            where=where_of(profile),
            input_names=profile.input_names,
            level=profile.level,
        )
        self._place = self._find_place()
        tools.store.set_view(self._view)
        tools.store.set_place(self._place)

    @property
    def profile(self) -> ServerProfile:
        """The server's profile."""
        return self._profile

    @property
    def place(self) -> Place:
        """Where new jobs of this server go, as far as it is known."""
        return self._place

    @property
    def place_is_known(self) -> bool:
        """Whether the place has the workspace's absolute path."""
        return self._place_known

    @property
    def state(self) -> ServerState:
        """How things stand."""
        return self._view.state

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Make the thread end promptly, whatever it waits for; does not wait for it."""
        self._stopping.set()
        self._retry.set()
        self._wake.set()
        with self._lock:
            interface = self._interface
        if isinstance(interface, Connects):
            interface.close()

    def join(self, timeout: float) -> None:
        """Wait for the thread's end, `timeout` seconds at most."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    def look_now(self) -> None:
        """Look at once; where not connected, try at once."""
        self._look_asked = True
        self._retry.set()
        self._wake.set()

    def call(self, verb: Callable[[Contact], T]) -> Future[T]:
        """Have something done on the server's thread; fails at once where there is no link."""
        result: Future[T] = Future()
        if self.state not in (ServerState.UP, ServerState.STALE):
            result.set_exception(self._away())
        else:
            self._requests.put(Request(verb, result))  # type: ignore[arg-type]  # one queue for all
            self._wake.set()
            if self.state not in (ServerState.UP, ServerState.STALE):
                self._fail_requests()  # lost in between: nobody else would
        return result

    def check_stale(self) -> None:
        """Say STALE where an answer is overdue; called from another thread, now and then."""
        since = self._waiting_since
        if since is None or self.state is not ServerState.UP:
            return
        overdue = time.monotonic() - since
        if overdue > STALE_AFTER:
            self._set(ServerState.STALE, "no answer for more than 6 s")

    # How things stand

    def _set(
        self,
        state: ServerState,
        message: str = "",
        *,
        next_try: float | None = None,
        asks: bool = False,
    ) -> None:
        with self._lock:
            self._view = replace(
                self._view, state=state, message=message, next_try=next_try, asks=asks
            )
            view = self._view
        self._tools.store.set_view(view)

    def _set_seen(self, latency: float, pause: float) -> None:
        """Say that the server just answered, and when the next look is due."""
        now = self._tools.clock()
        with self._lock:
            self._view = replace(
                self._view,
                state=ServerState.UP,
                message="",
                latency=latency,
                last_seen=now,
                next_try=now + pause,
                workspace=self._place.workspace if self._place_known else "",
            )
            view = self._view
        self._tools.store.set_view(view)

    def _away(self) -> ConnectionLostError:
        view = self._view
        reason = f": {view.message}" if view.message else ""
        return ConnectionLostError(f"{view.name} is {view.state.value}{reason}")

    def _find_place(self) -> Place:
        record, endpoint = self._tools.record, endpoint_of(self._profile)
        found = record.place(self._profile.name, endpoint, self._configured)
        self._place_known = found is not None
        return Place(self._profile.name, endpoint, found or self._configured)

    # The thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except AuthenticationError as error:
                self._rest(ServerState.AUTH_NEEDED, error, None)
            except HostKeyError as error:
                state = (
                    ServerState.HOST_KEY_CHANGED if error.changed else ServerState.HOST_KEY_UNKNOWN
                )
                self._rest(state, error, None)
            except ConnectionLostError as error:
                self._rest(ServerState.LOST, error, self._next_pause())
            except (HardwareInterfaceFailureError, RecordError) as error:
                self._rest(ServerState.FAULT, error, _LONGEST_PAUSE)
            except ValueError as error:  # the profile does not make an interface
                self._rest(ServerState.FAULT, error, None)
            except Exception as error:  # noqa: BLE001 - see below
                # The one broad catch: a fault of ours in this thread must be seen, and must
                # not end the dashboard.
                _log.exception("unexpected error with server %s", self._profile.name)
                self._rest(ServerState.FAULT, error, _LONGEST_PAUSE)
        self._set(ServerState.OFFLINE)

    def _next_pause(self) -> float:
        """Double the pause with each failure, and blur it so that clients do not march."""
        pause = min(_FIRST_PAUSE * 2.0 ** min(self._failures, 10), _LONGEST_PAUSE)
        self._failures += 1
        return pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret

    def _rest(self, state: ServerState, error: Exception, pause: float | None) -> None:
        """Wait for the next try: for a while, or for a person where `pause` is None."""
        if self._stopping.is_set():
            return
        words = str(error) or type(error).__name__
        next_try = None if pause is None else self._tools.clock() + pause
        self._set(state, words, next_try=next_try)
        self._fail_requests()
        self._retry.wait(pause)

    def _fail_requests(self) -> None:
        while True:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                return
            if request.result.set_running_or_notify_cancel():
                request.result.set_exception(self._away())

    def _serve(self) -> None:
        """Connect, and deal with the server until there is trouble or an end."""
        if not self._stopping.is_set():
            self._retry.clear()
        interface = self._tools.make(self._profile, self._surroundings())
        with self._lock:
            self._interface = interface
        try:
            if self._stopping.is_set():
                return
            self._set(ServerState.CONNECTING)
            if isinstance(interface, Connects):
                interface.connect()
            self._set_verbs(interface)
            contact = Contact(
                interface,
                self._tools.record,
                self._tools.store,
                self._find_place(),
                self._configured,
                self._profile.level,
                self._owner,
                self._tools.clock,
            )
            bind_workspace(contact)
            self._take_place(contact)
            self._converse(contact)
        finally:
            with self._lock:
                self._interface = None
            self._waiting_since = None
            if isinstance(interface, Connects):
                interface.close()

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            workspace_dir=self._profile.workspace_dir
            or self._tools.record.place(self._profile.name, endpoint_of(self._profile), ""),
            ask_secret=self._ask_secret,
            accept_host_key=self._accept_host_key,
            own_known_hosts=self._tools.own_known_hosts,
        )

    def _ask_secret(self, prompt: str) -> str | None:
        with self._asking(ServerState.AUTH_NEEDED):
            return self._tools.prompter.ask_secret(self._profile.name, prompt)

    def _accept_host_key(self, key: HostKey) -> bool:
        with self._asking(ServerState.HOST_KEY_UNKNOWN):
            return self._tools.prompter.accept_host_key(self._profile.name, key)

    @contextmanager
    def _asking(self, state: ServerState) -> Iterator[None]:
        """Say that a person is asked, for as long as that takes."""
        self._set(state, "waiting for your answer", asks=True)
        try:
            yield
        finally:
            self._set(ServerState.CONNECTING)

    def _set_verbs(self, interface: HardwareInterface) -> None:
        verbs = {"submit", "cancel", "output"}
        if isinstance(interface, ReadsLogs):
            verbs.add("log")
        if isinstance(interface, DeletesJobs):
            verbs.add("delete")
        with self._lock:
            self._view = replace(self._view, verbs=frozenset(verbs))

    def _take_place(self, contact: Contact) -> None:
        self._place = contact.place
        self._place_known = bool(
            self._tools.record.place(self._profile.name, contact.place.endpoint, self._configured)
        )

    def _converse(self, contact: Contact) -> None:
        next_look = lively_until = 0.0
        while not self._stopping.is_set():
            self._wake.clear()
            self._waiting_since = time.monotonic()
            self._tools.store.sync()
            sent = send_cancels(contact)
            sent = send_submissions(contact) or sent
            self._serve_requests(contact)
            now = time.monotonic()
            if sent or self._look_asked or now >= next_look:
                self._look_asked = False
                look(contact)
                if sent:
                    lively_until = now + _LIVELY
                pause = _LIVELY_PAUSE if now < lively_until else self._tools.refresh
                next_look = time.monotonic() + min(pause, self._tools.refresh)
                self._failures = 0
                self._take_place(contact)
                self._set_seen(time.monotonic() - now, next_look - time.monotonic())
            self._waiting_since = None
            self._wake.wait(max(0.0, next_look - time.monotonic()))

    def _serve_requests(self, contact: Contact) -> None:
        while True:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                return
            if not request.result.set_running_or_notify_cancel():
                continue
            try:
                request.result.set_result(request.verb(contact))
            except ConnectionLostError as error:
                request.result.set_exception(error)
                raise
            except Exception as error:  # noqa: BLE001 - goes to whoever asked, who shows it
                request.result.set_exception(error)
