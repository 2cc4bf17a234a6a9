"""The proxy that stands between the tests and their servers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.live.proxy import Direction, Proxy

PATIENCE = 60.0


class Echo:
    """A server that sends back what it hears, and keeps what each connection brought."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard: list[bytearray] = []
        self.ended = threading.Semaphore(0)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.heard.append(bytearray())
            threading.Thread(
                target=self._serve, args=(connection, self.heard[-1]), daemon=True
            ).start()

    def _serve(self, connection: socket.socket, heard: bytearray) -> None:
        with connection, suppress(OSError):
            while data := connection.recv(65536):
                heard += data
                connection.sendall(data)
        self.ended.release()

    def close(self) -> None:
        with suppress(OSError):  # closed before
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.port) as made:
        yield made


def connect(proxy: Proxy) -> socket.socket:
    connection = socket.create_connection((proxy.host, proxy.port), PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (piece := connection.recv(count - len(data))):
        data += piece
    return data


def receive_to_the_end(connection: socket.socket) -> bytes:
    data = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            data += piece
    return data


def hears_nothing(connection: socket.socket, seconds: float = 0.2) -> bool:
    connection.settimeout(seconds)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(PATIENCE)
    return False


def test_data_goes_both_ways_and_so_does_its_end(proxy: Proxy) -> None:
    data = bytes(range(256)) * 40_000  # more than any buffer on the way
    with connect(proxy) as connection:
        threading.Thread(target=connection.sendall, args=(data,), daemon=True).start()
        assert receive(connection, len(data)) == data
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_a_round_trip_takes_what_was_asked_for(echo: Echo) -> None:
    with Proxy(echo.port, round_trip=0.2) as proxy, connect(proxy) as connection:
        begun = time.monotonic()
        connection.sendall(b"x")
        assert receive(connection, 1) == b"x"
        assert time.monotonic() - begun >= 0.2
        assert proxy.round_trip == 0.2


def test_the_round_trip_can_be_changed_on_an_open_connection(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        proxy.round_trip = 0.2
        begun = time.monotonic()
        connection.sendall(b"x")
        assert receive(connection, 1) == b"x"
        assert time.monotonic() - begun >= 0.2


def test_pieces_are_delayed_side_by_side_and_stay_in_order(echo: Echo) -> None:
    with Proxy(echo.port, round_trip=0.6) as proxy, connect(proxy) as connection:
        begun = time.monotonic()
        for number in range(20):
            connection.sendall(b"%02d" % number)
            time.sleep(0.005)
        assert receive(connection, 40) == b"".join(b"%02d" % number for number in range(20))
        # One after the other they would take twelve seconds.
        assert time.monotonic() - begun < 6


def test_in_the_dark_sockets_stay_open_and_nothing_arrives(echo: Echo, proxy: Proxy) -> None:
    with connect(proxy) as connection:
        connection.sendall(b"before")
        assert receive(connection, 6) == b"before"
        proxy.go_dark()
        connection.sendall(b"lost?")
        assert hears_nothing(connection)
        assert echo.heard[0] == b"before"
        with connect(proxy) as second:
            second.sendall(b"second")
            assert hears_nothing(second)
            proxy.come_back()
            assert receive(connection, 5) == b"lost?"
            assert receive(second, 6) == b"second"


def test_what_is_under_way_is_held_in_the_dark(echo: Echo) -> None:
    with Proxy(echo.port, round_trip=0.4) as proxy, connect(proxy) as connection:
        connection.sendall(b"x")
        time.sleep(0.1)
        proxy.go_dark()
        assert hears_nothing(connection, 0.6)
        proxy.come_back()
        assert receive(connection, 1) == b"x"


def test_a_cut_ends_every_connection_on_both_sides_and_new_ones_work(
    echo: Echo, proxy: Proxy
) -> None:
    connections = [connect(proxy) for _ in range(3)]
    for connection in connections:
        connection.sendall(b"x")
        assert receive(connection, 1) == b"x"
    assert proxy.open_connections == 3
    assert proxy.cut() == 3
    for connection in connections:
        assert receive_to_the_end(connection) == b""
        connection.close()
        assert echo.ended.acquire(timeout=PATIENCE)
    assert proxy.open_connections == 0
    with connect(proxy) as connection:
        connection.sendall(b"again")
        assert receive(connection, 5) == b"again"
    assert proxy.traffic().cuts == 3


@pytest.mark.parametrize("round_trip", [0.0, 0.02])
@pytest.mark.parametrize("count", [1, 7, 100_000])
def test_exactly_n_bytes_reach_the_server_before_a_cut(
    echo: Echo, count: int, round_trip: float
) -> None:
    with Proxy(echo.port, round_trip=round_trip) as proxy:
        with connect(proxy) as connection:
            connection.sendall(b"before")
            assert receive(connection, 6) == b"before"
            proxy.cut_after(count, Direction.TO_SERVER)
            threading.Thread(target=send_quietly, args=(connection, b"y" * 200_000)).start()
            receive_to_the_end(connection)
            assert echo.ended.acquire(timeout=PATIENCE)
            assert echo.heard[0] == b"before" + b"y" * count
        with connect(proxy) as connection:  # it happens once
            connection.sendall(b"after")
            assert receive(connection, 5) == b"after"


@pytest.mark.parametrize("round_trip", [0.0, 0.02])
@pytest.mark.parametrize("count", [1, 7, 100_000])
def test_exactly_n_bytes_reach_the_client_before_a_cut(
    echo: Echo, count: int, round_trip: float
) -> None:
    with Proxy(echo.port, round_trip=round_trip) as proxy, connect(proxy) as connection:
        proxy.cut_after(count, Direction.TO_CLIENT)
        threading.Thread(target=send_quietly, args=(connection, b"y" * 200_000)).start()
        assert receive_to_the_end(connection) == b"y" * count
        assert proxy.traffic().to_client == count


def send_quietly(connection: socket.socket, data: bytes) -> None:
    with suppress(OSError):  # it is cut meanwhile
        connection.sendall(data)


def test_a_cut_can_be_taken_back(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        proxy.cut_after(3, Direction.TO_SERVER)
        proxy.never_cut()
        connection.sendall(b"whole")
        assert receive(connection, 5) == b"whole"


def test_connections_bytes_and_turns_are_counted(proxy: Proxy) -> None:
    with connect(proxy) as first, connect(proxy) as second:
        for _ in range(5):
            first.sendall(b"question")
            assert receive(first, 8) == b"question"
        second.sendall(b"one")
        assert receive(second, 3) == b"one"
        earlier = proxy.traffic()
        assert (earlier.connections, earlier.turns, earlier.cuts) == (2, 6, 0)
        assert earlier.to_server == earlier.to_client == 43
        second.sendall(b"two")
        assert receive(second, 3) == b"two"
        assert proxy.traffic().since(earlier).turns == 1


def test_what_a_client_says_without_waiting_is_one_turn(echo: Echo) -> None:
    with Proxy(echo.port, round_trip=0.4) as proxy, connect(proxy) as connection:
        for _ in range(10):
            connection.sendall(b"x")
            time.sleep(0.002)
        assert receive(connection, 10) == b"x" * 10
        assert proxy.traffic().turns == 1


def test_a_client_is_hung_up_on_where_there_is_no_server(echo: Echo) -> None:
    with Proxy(echo.port) as proxy:
        echo.close()
        with connect(proxy) as connection:
            assert receive_to_the_end(connection) == b""


def test_closing_ends_all_connections_and_the_thread(echo: Echo) -> None:
    proxy = Proxy(echo.port)
    with connect(proxy) as connection:
        connection.sendall(b"x")
        assert receive(connection, 1) == b"x"
        proxy.close()
        assert receive_to_the_end(connection) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    assert not proxy._thread.is_alive()
    proxy.close()
