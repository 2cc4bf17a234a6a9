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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeGuard, TypeVar

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
    DiagnosesItself,
    HardwareInterface,
    HasWorkspace,
    HostKey,
    PushesChanges,
    ReadsLogs,
)
from exauq_tui.monitor.contact import CUT_OFF, Contact, words_of
from exauq_tui.monitor.examining import Examinations, Findings, Tell
from exauq_tui.monitor.interfaces import MakeInterface, Surroundings, endpoint_of
from exauq_tui.monitor.looking import look
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.sending import (
    bind_latecomers,
    bind_workspace,
    is_elsewhere,
    release_abandoned,
    send_cancels,
    send_submissions,
)
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.standing import Standing
from exauq_tui.monitor.store import Place, Store, Target
from exauq_tui.monitor.verbs import Prompter

_log = logging.getLogger(__name__)

T = TypeVar("T")

_PATIENCE = 0.1
_SEARCH_EVERY = 10.0
_MOST_BATCHES = 20
LOST_AFTER = 30.0
"""Seconds of silence of a server that pushes after which the connection is given up."""

_SILENCE_CHECK = 3.0
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
        self._examinations = Examinations(profile)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._retry = threading.Event()
        self._look_asked = False
        self._lock = threading.Lock()
        self._interface: HardwareInterface | None = None
        self._kept: HardwareInterface | None = None
        self._kept_for: str | None = None
        self._news = False
        self._failures = 0
        self._thread = threading.Thread(
            target=self._run, name=f"poller-{profile.name}", daemon=True
        )
        self._standing = Standing(profile, tools.store, tools.clock)
        tools.store.set_target(self._find_target())

    @property
    def profile(self) -> ServerProfile:
        """The server's profile."""
        return self._profile

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
        self._retry.set()
        self._wake.set()
        self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            interface = self._interface
        if isinstance(interface, Connects):
            interface.close()

    def join(self, timeout: float) -> None:
        """Wait for the end of a thread that was stopped, `timeout` seconds at most."""
        deadline = time.monotonic() + timeout
        while self._thread.is_alive() and (left := deadline - time.monotonic()) > 0:
            self._thread.join(min(left, _PATIENCE))
            self._hang_up()  # what it may have begun to open while it was being stopped

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
        if not self._standing.is_linked:
            result.set_exception(self._standing.away_error())
        else:
            self._requests.put(Request(verb, result))  # type: ignore[arg-type]  # one queue for all
            self._wake.set()
            if not self._standing.is_linked:
                self._fail_requests()  # lost in between: nobody else would
        return result

    def diagnose(self, tell: Tell) -> Future[Findings]:
        """Examine the server; where there is no connection, try at once to make it."""
        result = self._examinations.add(tell)
        self._retry.set()
        self._wake.set()
        if self._stopping.is_set():
            self._end_examinations()  # its thread may have looked for the last time
        return result

    def _end_examinations(self) -> None:
        self._examinations.fail(None, ConnectionLostError("the dashboard is being left"))

    def check_stale(self) -> None:
        """Say STALE where an answer is overdue; called from another thread, now and then."""
        self._standing.check_stale()

    def _find_target(self) -> Target:
        record, endpoint = self._tools.record, endpoint_of(self._profile)
        found = record.place(self._profile.name, endpoint, self._configured)
        place = Place(self._profile.name, endpoint, found or self._configured)
        return Target(place, found is not None)

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
        self._standing.say(ServerState.OFFLINE)
        self._fail_requests()
        self._end_examinations()
        with suppress(RecordError):  # closed meanwhile, perhaps: leases end by themselves
            self._tools.record.release(self._owner)

    def _next_pause(self) -> float:
        """Double the pause with each failure, and blur it so that clients do not march."""
        pause = min(_FIRST_PAUSE * 2.0 ** min(self._failures, 10), _LONGEST_PAUSE)
        self._failures += 1
        return pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret

    def _rest(self, state: ServerState, error: Exception, pause: float | None) -> None:
        """Wait for the next try: for a while, or for a person where `pause` is None."""
        self._retry.clear()  # a wish from before this trouble is no answer to it
        if self._stopping.is_set():
            return
        next_try = None if pause is None else self._tools.clock() + pause
        self._standing.say(state, words_of(error), next_try=next_try)
        self._fail_requests()
        self._examinations.fail(self._kept, error)
        self._retry.wait(pause)

    def _fail_requests(self) -> None:
        while True:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                return
            if request.result.set_running_or_notify_cancel():
                request.result.set_exception(self._standing.away_error())

    def _serve(self) -> None:
        """Connect, and deal with the server until there is trouble or an end."""
        interface = self._obtain_interface()
        with self._lock:
            self._interface = interface
        try:
            if self._stopping.is_set():
                return
            self._standing.say(ServerState.CONNECTING)
            if isinstance(interface, DiagnosesItself):
                interface.on_step(self._examinations.step)
            if isinstance(interface, Connects):
                interface.connect()
            if isinstance(interface, PushesChanges):
                interface.on_news(self._news_came)
            self._standing.say_verbs(_verbs_of(interface))
            target = self._find_target()
            self._tools.store.set_target(target)
            contact = Contact(
                interface,
                self._tools.record,
                self._tools.store,
                target.place,
                self._configured,
                self._profile.level,
                self._owner,
                self._tools.clock,
            )
            bind_workspace(contact)
            release_abandoned(contact)
            self._converse(contact)
        finally:
            with self._lock:
                self._interface = None
            self._standing.end_wait()
            if isinstance(interface, PushesChanges):
                interface.on_news(None)
            if isinstance(interface, Connects):
                interface.close()

    def _obtain_interface(self) -> HardwareInterface:
        """Give the interface: the one from before, which remembers what a person typed."""
        around = self._surroundings()
        kept, wanted = self._kept, around.workspace_dir
        has = kept.workspace_dir if isinstance(kept, HasWorkspace) else None
        if kept is None or wanted not in (self._kept_for, has):
            kept = self._tools.make(self._profile, around)
            self._kept, self._kept_for = kept, wanted
        return kept

    def _news_came(self) -> None:
        self._news = True
        self._wake.set()

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
        self._standing.say(state, "waiting for your answer", asks=True)
        try:
            yield
        finally:
            self._standing.say(ServerState.CONNECTING)

    def _converse(self, contact: Contact) -> None:
        """Look, send, serve requests, turn by turn; the first look tells what arrived before."""
        next_look = lively_until = next_search = 0.0
        while not self._stopping.is_set():
            self._wake.clear()
            self._tools.store.sync()
            if is_elsewhere(contact):
                return  # connect anew, to that workspace
            bind_latecomers(contact)
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
                if self._look_asked:
                    contact.cursor = None  # a person wants it from the server itself
            if sent or self._look_asked or self._news or is_due:
                self._look_asked = self._news = False
                self._standing.begin_wait(since=heard)
                look(contact)
                if sent:
                    lively_until = now + _LIVELY
                pause = _LIVELY_PAUSE if now < lively_until else self._tools.refresh
                next_look = time.monotonic() + min(pause, self._tools.refresh)
                self._failures = 0
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
        if interface.silence > LOST_AFTER:
            raise ConnectionLostError(f"nothing was heard for {interface.silence:.0f} s")
        silence = interface.silence
        self._standing.begin_wait(since=time.monotonic() - silence)
        self._wake.wait(max(_PATIENCE, _SILENCE_CHECK - silence))

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
        sent = False
        for _ in range(_MOST_BATCHES):
            self._standing.begin_wait()
            cancelled = send_cancels(contact)
            self._standing.begin_wait()
            submitted = send_submissions(contact)
            sent = sent or cancelled or submitted
            if not submitted or self._stopping.is_set():
                break
            self._serve_requests(contact)
        return sent

    def _serve_requests(self, contact: Contact) -> None:
        if self._examinations.are_waiting:
            self._standing.end_wait()  # setup lines, say, may take their time
            self._examinations.serve(contact.interface)
        while True:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                return
            if not request.result.set_running_or_notify_cancel():
                continue
            self._standing.begin_wait()
            try:
                request.result.set_result(request.verb(contact))
            except CUT_OFF as error:
                request.result.set_exception(error)
                raise
            except Exception as error:  # noqa: BLE001 - goes to whoever asked, who shows it
                request.result.set_exception(error)


def is_pushing(interface: HardwareInterface) -> TypeGuard[PushesChanges]:
    """Whether changes come unasked at this moment."""
    return isinstance(interface, PushesChanges) and interface.is_pushing


def _verbs_of(interface: HardwareInterface) -> Iterator[str]:
    yield from ("submit", "cancel", "output")
    if isinstance(interface, ReadsLogs):
        yield "log"
    if isinstance(interface, DeletesJobs):
        yield "delete"
