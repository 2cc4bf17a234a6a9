"""Ways to reach a server's SSH port: a TCP socket, a command's standard streams."""

from __future__ import annotations

import errno
import os
import queue
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from exauq_tui.errors import ConnectionLostError, ServerRefusedError
from exauq_tui.hardware.connection.attempt import Attempt
from exauq_tui.hardware.connection.last_words import LastWords
from exauq_tui.hardware.diagnosis import Check

_SLICE = 0.1  # how often a wait looks whether it was called off
_TICK = 1.0  # how often an idle link looks up; data and closing wake it at once
_WAITED = 0.2  # a send that took longer had to wait for room
_DEAD_AFTER = 30.0  # unacknowledged data for so long means that the peer is gone

Addresses = list[tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]]


def open_tcp(host: str, port: int, attempt: Attempt, timeout: float) -> socket.socket:
    """Connect to a server, trying all its addresses in turn.

    Args:
        host: A name or address.
        port: The TCP port.
        attempt: Can be called off from another thread meanwhile.
        timeout: For all of it, in seconds.

    Raises:
        ConnectionLostError: No address answered, or the attempt was called off.
    """
    deadline = time.monotonic() + timeout
    attempt.begin(Check.LOOKUP)
    addresses = _look_up(host, port, attempt, deadline)
    names = dict.fromkeys(str(address[-1][0]) for address in addresses)
    attempt.found(f"{host} is {', '.join(names)}" if host not in names else f"{host} is an address")
    attempt.begin(Check.TCP)
    failures = []
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        # The time that is left is shared among the addresses left, so that one that
        # swallows everything (a broken IPv6 route) does not use up the others' part.
        share = max(0.0, deadline - time.monotonic()) / (len(addresses) - index)
        try:
            link = socket.socket(family, kind, protocol)
        except OSError as error:  # such as no IPv6 in this kernel
            failures.append(f"{address[0]}: {error.strerror or error}")
            continue
        number = _connect(link, address, attempt, time.monotonic() + share)
        if number == 0:
            _tune(link)
            attempt.found(f"{address[0]} port {port} answers")
            return link
        link.close()
        words = "no answer" if number == errno.ETIMEDOUT else os.strerror(number)
        failures.append(f"{address[0]}: {words}")
    raise ConnectionLostError(
        f"Could not connect to {host} port {port} ({'; '.join(failures) or 'it has no address'}). "
        "Check the host name, the port, and that the network (VPN?) is up."
    )


def _look_up(host: str, port: int, attempt: Attempt, deadline: float) -> Addresses:
    """Ask for the host's addresses, in a thread since the resolver has no time-out to set."""
    answers: queue.SimpleQueue[Addresses | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(
                socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[arg-type]
            )
        except (OSError, UnicodeError) as error:  # UnicodeError: not a name that DNS could hold
            answers.put(error)

    threading.Thread(target=ask, name="exauq-tui-resolve", daemon=True).start()
    while True:
        attempt.check()
        try:
            answer = answers.get(timeout=_SLICE)
        except queue.Empty:
            if time.monotonic() < deadline:
                continue
            raise ConnectionLostError(
                f"The name {host} could not be looked up in time. Check the network."
            ) from None
        if isinstance(answer, Exception):
            words = getattr(answer, "strerror", None) or str(answer)
            raise ConnectionLostError(
                f"No address is known for the host {host} ({words}). "
                "Check its spelling, and that the network (VPN?) is up."
            ) from answer
        return answer


def _connect(link: socket.socket, address: object, attempt: Attempt, deadline: float) -> int:
    """Connect one socket; give the error number, 0 where it worked."""
    link.setblocking(False)
    number = link.connect_ex(address)  # type: ignore[arg-type]
    poller = select.poll()
    poller.register(link, select.POLLOUT)
    while number in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR):
        if attempt.cancelled:
            link.close()
            attempt.check()
        if poller.poll(_SLICE * 1000):
            number = link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        elif time.monotonic() >= deadline:
            return errno.ETIMEDOUT
    return number


def _tune(link: socket.socket) -> None:
    """Make small requests leave at once, and a dead peer known."""
    link.settimeout(_TICK)
    # paramiko never sets this, and without it each small request waits for a delayed
    # acknowledgement: 50 ms instead of 6 on loopback.
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # No keepalive: the protocol above pings, and notices sooner.
    _set_dead_after(link, _DEAD_AFTER)


def _set_dead_after(link: socket.socket, seconds: float) -> None:
    with suppress(OSError):  # closed meanwhile
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


class SocketLike(Protocol):
    """What is asked of a socket, and of a channel that stands for one."""

    def send(self, data: bytes, /) -> int:
        """Send some of the data."""

    def recv(self, size: int, /) -> bytes:
        """Receive some data."""

    def settimeout(self, value: float | None, /) -> None:
        """Set the time-out of both."""


class _Patience(threading.local):
    """How long the calling thread waits for a link that takes nothing, in seconds."""

    limit = _DEAD_AFTER


_patience = _Patience()


@contextmanager
def patience(limit: float) -> Iterator[None]:
    """Have links fail what the calling thread sends once nothing leaves for `limit` seconds."""
    before, _patience.limit = _patience.limit, limit
    try:
        yield
    finally:
        _patience.limit = before


class Link:
    """A socket in the shape that paramiko wants, which gives up on a peer that takes nothing.

    paramiko tries to send for ever, whatever time-out a channel has. Here the send of a
    thread fails once nothing left for as long as that thread's `patience` says.

    Args:
        wire: The socket, or a channel through another server.
        close: Closes the wire and whatever carries it; wakes a waiting `recv`.
        endure: Has whatever carries the wire put up with so many seconds in which nothing
            is acknowledged.

    Attributes:
        heard: When the other end last gave a sign of life, by the monotonic clock.
        least: No send gives up before so many seconds.
    """

    def __init__(
        self,
        wire: SocketLike,
        close: Callable[[], None],
        endure: Callable[[float], object] = float,
    ) -> None:
        self._wire = wire
        self._close = close
        self._endure = endure
        self.heard = time.monotonic()
        self.least = 0.0
        self._stuck_since: float | None = None
        self._lock = threading.Lock()
        self._closed = False  # paramiko reads this name

    def send(self, data: bytes) -> int:
        """Send some of the data; TimeoutError where it should be tried again."""
        begun = time.monotonic()
        try:
            count = self._wire.send(data)
        except TimeoutError:
            now = time.monotonic()
            if self._stuck_since is None:
                self._stuck_since = now
            if now - self._stuck_since >= max(_patience.limit, self.least) - _TICK / 2:
                raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
            raise
        self._stuck_since = None
        if time.monotonic() - begun > _WAITED:
            # There was no room before: somebody took what had been sent.
            self.heard = time.monotonic()
        return count

    def recv(self, size: int) -> bytes:
        """Receive some data; TimeoutError now and then, for paramiko to look around."""
        try:
            data = self._wire.recv(size)
        except OSError:
            if self._closed:  # under our hands, by another thread
                return b""
            raise
        self.heard = time.monotonic()
        return data

    def endure(self, seconds: float) -> None:
        """Put up with so many seconds of silence, whoever sends meanwhile."""
        self.least = seconds
        self._endure(seconds)

    def settimeout(self, value: float | None) -> None:
        """Do nothing: paramiko would have an idle link wake ten times a second."""

    def close(self) -> None:
        """Close the wire; callable from any thread, more than once."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._close()


def tcp_link(wire: socket.socket) -> Link:
    """Wrap a connected TCP socket."""
    return Link(wire, lambda: _shut(wire), lambda seconds: _set_dead_after(wire, seconds))


def channel_link(
    wire: SocketLike, close: Callable[[], None], endure: Callable[[float], object]
) -> Link:
    """Wrap a channel through another server, whose connection `close` and `endure` concern."""
    wire.settimeout(_TICK)
    return Link(wire, close, endure)


def _shut(wire: socket.socket) -> None:
    """Close a socket, waking who waits on it: closing alone would leave them waiting."""
    with suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
    wire.close()


class ProxyProcess:
    """A ProxyCommand: a program whose standard streams are the way to the server.

    Args:
        command: For `/bin/sh`, tokens already replaced.

    Raises:
        ServerRefusedError: The shell could not be started.
    """

    def __init__(self, command: str) -> None:
        # One socket for both directions, as OpenSSH gives it; and a session of its own, so
        # that the program neither asks on our terminal nor hears a ctrl+C typed there.
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", "exec " + command],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise ServerRefusedError(f"The ProxyCommand could not be started: {error}.") from error
        finally:
            theirs.close()
        ours.settimeout(_TICK)
        self._words = LastWords()
        self._listener = threading.Thread(target=self._listen, name="exauq-tui-proxy", daemon=True)
        self._listener.start()
        self._wire = ours
        self.link = Link(ours, self._end)

    def words(self) -> str:
        """Give what the program last said on its standard error."""
        self._listener.join(_SLICE)
        return self._words.text()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as pipe:
            while data := os.read(pipe.fileno(), 4096):
                self._words.add(data)

    def _end(self) -> None:
        _shut(self._wire)
        self._process.terminate()
        threading.Thread(target=self._reap, name="exauq-tui-reap", daemon=True).start()

    def _reap(self) -> None:
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_SAFE = re.compile(r"[\w.:%@+~=,\[\]-]+", re.ASCII)


def expand_proxy_command(command: str, *, alias: str, host: str, port: int, user: str) -> str:
    """Replace %h, %n, %p, %r and %% in a ProxyCommand.

    Raises:
        ServerRefusedError: A name to be put in could mean something to the shell.
    """
    values = {"%": "%", "h": host, "n": alias, "p": str(port), "r": user}

    def replace(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if value is None:
            raise ServerRefusedError(
                f"The ProxyCommand for {alias} holds {match[0]}, which is not known "
                "(%h, %n, %p, %r and %% are)."
            )
        if not _SAFE.fullmatch(value) or value.startswith("-"):
            raise ServerRefusedError(
                f"The ProxyCommand for {alias} would be given {value!r}, "
                "which a shell could misread. Use a plain host and user name."
            )
        return value

    return re.sub(r"%(.?)", replace, command)
