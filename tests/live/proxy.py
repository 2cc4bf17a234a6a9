"""A TCP proxy on the loopback that makes a link slow, dark or short, and counts what it carries.

Tests and benchmarks put it between themselves and a private server. It runs in a thread of its
own; its methods may be called from any other thread.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

_HOST = "127.0.0.1"
_PATIENCE = 60.0
_MOST_HELD = 8 * 1024 * 1024
"""A direction that holds so many bytes reads no more, as a network would."""


class Direction(Enum):
    """Which way bytes go."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a proxy has carried.

    Attributes:
        connections: How many connections clients have made.
        to_server: Bytes passed on to the server.
        to_client: Bytes passed on to clients.
        turns: How often a client spoke after it had heard the server (or had connected). A
            client that waits for an answer before it goes on makes one turn per round trip, so
            there were no more round trips than this that anybody waited for and went on from.
        cuts: How many connections were cut here.
    """

    connections: int = 0
    to_server: int = 0
    to_client: int = 0
    turns: int = 0
    cuts: int = 0

    def since(self, earlier: Traffic) -> Traffic:
        """Give what came on top of an earlier state."""
        return Traffic(
            self.connections - earlier.connections,
            self.to_server - earlier.to_server,
            self.to_client - earlier.to_client,
            self.turns - earlier.turns,
            self.cuts - earlier.cuts,
        )


class Proxy:
    """A proxy in front of one server on this machine; listens as soon as it is made.

    Each piece of data is passed on half a round trip after it came; pieces are delayed side by
    side, as on a long line, and never reordered. Bandwidth is not limited.

    Args:
        port: The server's port on the loopback.
        round_trip: Seconds that a round trip takes longer than it would.

    Attributes:
        host: Where clients connect.
        port: Likewise.
    """

    def __init__(self, port: int, *, round_trip: float = 0.0) -> None:
        self.host = _HOST
        self._target = port
        self._delay = round_trip / 2
        self._is_dark = False
        self._links: set[_Link] = set()
        self._connections = self._turns = self._cuts = 0
        self._carried = dict.fromkeys(Direction, 0)
        self._ends: dict[Direction, list[int]] = {way: [] for way in Direction}
        # How many bytes may still pass before the connection that brings them is cut.
        self._allowance: dict[Direction, int | None] = dict.fromkeys(Direction)
        # select() waits to the microsecond, where epoll rounds each wait up to a millisecond.
        self._loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        listener = socket.create_server((_HOST, 0))
        self.port: int = listener.getsockname()[1]
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            self._loop.create_server(lambda: _Link(self).client, sock=listener), self._loop
        ).result(_PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cut all connections and listen no more."""
        if self._loop.is_closed():
            return
        self._call(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        self._loop.run_forever()
        # What was closed last tells its transport so in one more turn of the loop.
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _call(self, action: Callable[[], T]) -> T:
        """Do something in the proxy's thread and wait for it."""
        result: Future[T] = Future()

        def act() -> None:
            result.set_result(action())

        self._loop.call_soon_threadsafe(act)
        return result.result(_PATIENCE)

    # What the link is like

    @property
    def round_trip(self) -> float:
        """Seconds that a round trip takes longer than it would; may be changed at any time."""
        return 2 * self._delay

    @round_trip.setter
    def round_trip(self, seconds: float) -> None:
        self._delay = seconds / 2

    def go_dark(self) -> None:
        """From now on take nothing and pass nothing on, and keep all sockets open.

        Connections that are made meanwhile hear nothing.
        """
        self._call(partial(self._set_dark, True))

    def come_back(self) -> None:
        """End the darkness: what was held goes on its way, as after a lost route came back."""
        self._call(partial(self._set_dark, False))

    def _set_dark(self, dark: bool) -> None:
        self._is_dark = dark
        for link in list(self._links):
            link.regulate()

    def cut(self) -> int:
        """Cut every connection now, with what is under way on it; tells how many there were."""
        return self._call(self._cut_all)

    def _cut_all(self) -> int:
        links = list(self._links)
        for link in links:
            link.cut()
        return len(links)

    def cut_after(self, count: int, direction: Direction) -> None:
        """Pass on `count` more bytes in a direction, then cut the connection that brought them.

        Those bytes arrive, what follows does not, and nothing more goes the other way. Happens
        once; connections made afterwards are left alone.
        """
        self._call(partial(self._allow, count, direction))

    def never_cut(self) -> None:
        """Take back `cut_after`."""
        for direction in Direction:
            self._call(partial(self._allow, None, direction))

    def _allow(self, count: int | None, direction: Direction) -> None:
        self._allowance[direction] = count

    # What it carried

    def traffic(self) -> Traffic:
        """Tell what was carried since the beginning."""
        return self._call(
            lambda: Traffic(
                self._connections,
                self._carried[Direction.TO_SERVER],
                self._carried[Direction.TO_CLIENT],
                self._turns,
                self._cuts,
            )
        )

    def ends(self, direction: Direction) -> list[int]:
        """After how many bytes each piece of data ended that was passed on so far."""
        return self._call(lambda: list(self._ends[direction]))

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return self._call(lambda: len(self._links))


class _Link:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.loop = proxy._loop
        self.client = _End(self)
        self.server = _End(self)
        self.to_server = _Lane(self, self.client, self.server, Direction.TO_SERVER)
        self.to_client = _Lane(self, self.server, self.client, Direction.TO_CLIENT)
        self.client.lane, self.server.lane = self.to_server, self.to_client
        self.client_has_heard = True
        self._connecting: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self.proxy._connections += 1
        self.proxy._links.add(self)
        self.regulate()
        self._connecting = self.loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self.loop.create_connection(lambda: self.server, _HOST, self.proxy._target)
        except OSError:
            self.end()
        else:
            self.regulate()

    def regulate(self) -> None:
        """Let data flow, or hold it, as the proxy's state demands."""
        for lane in (self.to_server, self.to_client):
            lane.regulate()

    def cut(self) -> None:
        self.proxy._cuts += 1
        self.end()

    def end(self) -> None:
        """Drop both connections with all that waits on them."""
        self.proxy._links.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        for lane in (self.to_server, self.to_client):
            lane.stop()
        for end in (self.client, self.server):
            end.drop()

    def end_if_done(self) -> None:
        if self.to_server.is_done and self.to_client.is_done:
            self.end()


class _End(asyncio.Protocol):
    """One of a link's two sockets."""

    lane: _Lane  # that takes what comes in here

    def __init__(self, link: _Link) -> None:
        self._link = link
        self.transport: asyncio.Transport | None = None
        self.is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self is self._link.client:
            self._link.begin()

    def data_received(self, data: bytes) -> None:
        self.lane.take(data)

    def eof_received(self) -> bool:
        self.lane.take(b"")
        return True  # the other direction may go on

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        self._link.regulate()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if error is not None:
            self._link.end()

    def drop(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class _Lane:
    """One direction of a link: what came in and is not yet due."""

    def __init__(self, link: _Link, source: _End, target: _End, direction: Direction) -> None:
        self._link = link
        self._source = source
        self._target = target
        self._direction = direction
        self._held: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False
        self._is_reading = True
        self.is_done = False

    def take(self, data: bytes) -> None:
        """Take in what came; b"" is the end."""
        link = self._link
        if data and self._direction is Direction.TO_SERVER and link.client_has_heard:
            link.client_has_heard = False
            link.proxy._turns += 1
        self._held.append((link.loop.time() + link.proxy._delay, data))
        self._size += len(data)
        self.regulate()

    def regulate(self) -> None:
        """Pass on what is due, and read only where there is room and light."""
        self._pass_on()
        transport = self._source.transport
        may_read = not self._link.proxy._is_dark and self._size < _MOST_HELD
        if transport is None or may_read == self._is_reading or transport.is_closing():
            return
        self._is_reading = may_read
        if may_read:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def _pass_on(self) -> None:
        loop = self._link.loop
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._held and not self._is_stopped:
            if self._link.proxy._is_dark or self._target.transport is None or self._target.is_full:
                return  # each of these calls `regulate` when it is over
            due, data = self._held[0]
            if due > loop.time():
                self._timer = loop.call_at(due, self.regulate)
                return
            self._held.popleft()
            self._size -= len(data)
            self._write(data)

    def _write(self, data: bytes) -> None:
        proxy, target = self._link.proxy, self._target.transport
        assert target is not None
        if not data:
            self.is_done = True
            try:
                target.write_eof()
            except OSError:  # reset meanwhile; whoever is told of it next ends the link
                self._link.end()
            self._link.end_if_done()
            return
        allowance = proxy._allowance[self._direction]
        if allowance is not None:
            data = data[:allowance]
            proxy._allowance[self._direction] = allowance - len(data)
        proxy._carried[self._direction] += len(data)
        proxy._ends[self._direction].append(proxy._carried[self._direction])
        target.write(data)
        if self._direction is Direction.TO_CLIENT:
            self._link.client_has_heard = True
        if proxy._allowance[self._direction] == 0:
            proxy._allowance[self._direction] = None
            # `close` delivers what was written, where `cut` would drop it.
            target.close()
            self._target.transport = None
            self._link.cut()

    def stop(self) -> None:
        self._is_stopped = True
        self._held.clear()
        if self._timer is not None:
            self._timer.cancel()
