from __future__ import annotations

import socket
import subprocess
import threading
import time

import pytest

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.connection.attempt import Attempt
from exauq_tui.hardware.connection.sockets import (
    Link,
    ProxyProcess,
    open_tcp,
    patience,
    tcp_link,
)


def test_small_packets_leave_at_once_and_a_dead_peer_is_noticed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = open_tcp("127.0.0.1", server.getsockname()[1], Attempt(), 5)
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        wire.close()


def test_all_addresses_of_a_name_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        answers = [(*kind, ("127.0.0.9", port)), (*kind, ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
        wire = open_tcp("some.name", port, Attempt(), 5)
        assert wire.getpeername() == ("127.0.0.1", port)
        wire.close()


def test_a_refused_connection_names_address_and_reason() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ConnectionLostError, match=r"127\.0\.0\.1: Connection refused"):
            open_tcp("127.0.0.1", port, Attempt(), 5)


def test_a_lookup_that_hangs_is_given_up_and_can_be_called_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(20) and [])
    with pytest.raises(ConnectionLostError, match="looked up in time"):
        open_tcp("slow.name", 22, Attempt(), 0.3)
    attempt = Attempt()
    threading.Timer(0.2, attempt.cancel).start()
    started = time.monotonic()
    with pytest.raises(ConnectionLostError, match="closed here"):
        open_tcp("slow.name", 22, attempt, 20)
    assert time.monotonic() - started < 15
    release.set()


def test_connecting_to_an_address_that_swallows_everything_can_be_called_off() -> None:
    # A full backlog answers no further connection, like an address that nobody has.
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        attempt = Attempt()
        threading.Timer(0.3, attempt.cancel).start()
        started = time.monotonic()
        with pytest.raises(ConnectionLostError, match="closed here"):
            open_tcp(address[0], address[1], attempt, 20)
        assert time.monotonic() - started < 15
        with pytest.raises(ConnectionLostError, match="no answer"):
            open_tcp(address[0], address[1], Attempt(), 0.3)
        for filler in fillers:
            filler.close()


def test_a_link_that_takes_nothing_fails_the_sender_after_its_patience() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(0.05)
    link = tcp_link(ours)
    started = time.monotonic()
    with pytest.raises(OSError, match="timed out"), patience(1.0):  # noqa: PT012 - as paramiko does
        while True:
            try:
                link.send(bytes(65536))
            except TimeoutError as error:
                if error.errno is not None:  # the link's own, not the socket's
                    raise
    assert time.monotonic() - started < 10
    theirs.close()


def test_closing_a_link_wakes_who_waits_on_it() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    link = tcp_link(ours)
    received: list[bytes] = []
    waiter = threading.Thread(target=lambda: received.append(link.recv(1)))
    waiter.start()
    time.sleep(0.1)
    started = time.monotonic()
    link.close()
    link.close()
    waiter.join(20)
    assert time.monotonic() - started < 15
    assert received == [b""]
    theirs.close()


def test_a_link_closes_what_carries_it_once() -> None:
    closed: list[str] = []
    ours, theirs = socket.socketpair()
    link = Link(ours, lambda: closed.append("jump"))
    link.close()
    link.close()
    assert closed == ["jump"]
    ours.close()
    theirs.close()


def test_a_proxy_process_that_ignores_the_end_is_ended_and_reaped() -> None:
    process = ProxyProcess("sh -c 'trap \"\" TERM; echo words >&2; echo up; sleep 60'")
    assert process.link.recv(10) == b"up\n"
    assert process.words() == "words"
    child: subprocess.Popen[bytes] = process._process
    process.link.close()
    deadline = time.monotonic() + 20
    while child.returncode is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_an_attempt_opened_is_closed_in_reverse_when_it_is_called_off() -> None:
    attempt = Attempt()
    closed: list[int] = []
    for number in (1, 2):
        attempt.hold(lambda number=number: closed.append(number))  # type: ignore[misc]
    attempt.cancel()
    attempt.cancel()
    assert closed == [2, 1]
    with pytest.raises(ConnectionLostError):
        attempt.hold(lambda: closed.append(3))
    assert closed == [2, 1, 3]
