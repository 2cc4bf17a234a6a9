"""The line to an agent, where sessions end early, late, or not at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from exauq_tui.errors import ConnectionLostError, ServerRefusedError, SessionEndedError
from exauq_tui.hardware import agent_line
from exauq_tui.hardware.agent import AgentSession
from exauq_tui.hardware.agent_line import AgentLine
from exauq_tui.hardware.frames import Reply
from tests.unit.agent_streams import MADE, Script, answering, frame
from tests.unit.fake_interfaces import TIMEOUT, until


@pytest.fixture(autouse=True)
def _no_session_outlives_its_test() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().close()


class Server:
    """A server that answers as many requests per session as it is told to; a `Way`.

    Attributes:
        most: How many requests a session answers before the server ends it.
        refusals: How many of the next sessions are refused.
        connected: Whether the connection lasts.
        sessions: The verbs that were asked, by session.
        given_up: How often the connection was given up.
    """

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.refusals = 0
        self.connected = True
        self.sessions: list[list[str]] = []
        self.given_up = 0

    def start(self, command: str) -> Script:
        if not self.connected:
            raise ConnectionLostError("no connection")
        if self.refusals:
            self.refusals -= 1
            raise ServerRefusedError("does not open another channel")
        verbs: list[str] = []
        self.sessions.append(verbs)
        most = self.most

        def answer(data: bytes, nonce: bytes) -> bytes:
            seq, verb = data.split(b" ")[:2]
            verbs.append(verb.decode())
            if len(verbs) > most:
                stream.end()
                return b""
            if len(verbs) == most:
                # Ended once the answer was read, and not because of another request.
                stream.end()
            return frame(nonce, int(seq), b"fine\n")

        def speak(data: bytes, nonce: bytes) -> bytes:
            if b"exauq" in data:
                return answering(lambda *_: b"")(data, nonce)
            return answer(data, nonce)

        stream = Script(speak)
        return stream

    def is_connected(self) -> bool:
        return self.connected

    def holds_on(self) -> bool:
        return False

    def give_up(self) -> None:
        self.given_up += 1

    def verbs(self) -> list[str]:
        return [verb for session in self.sessions for verb in session]


Ask = Callable[[str, Sequence[str]], Reply]


def make_line(
    server: Server, *, reconnect: bool = False, on_news: Callable[[], None] = lambda: None
) -> AgentLine:
    def greet(ask: Ask) -> None:
        ask("open", ())

    return AgentLine(server, "there", greet=greet, reconnect=reconnect, on_news=on_news)


def session_of(line: AgentLine) -> AgentSession:
    assert line.session is not None
    return line.session


def end(line: AgentLine) -> None:
    """Have the server end the session at hand, as if it had been idle."""
    session = session_of(line)
    stream = session._stream
    assert isinstance(stream, Script)
    stream.end()
    deadline = time.monotonic() + 10
    while session.is_open:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_one_session_serves_all_requests_where_it_stays_open() -> None:
    server = Server()
    line = make_line(server)
    line.ready()
    for _ in range(3):
        assert line.ask("look").payload == b"fine\n"
    line.ready()
    assert server.sessions == [["open", "look", "look", "look"]]
    assert line.may_push
    assert line.repeats == 0


@pytest.mark.parametrize("most", [1, 2])
def test_a_request_is_answered_however_few_a_session_answers(most: int) -> None:
    server = Server(most)
    line = make_line(server)
    for _ in range(5):
        assert line.ask("look").payload == b"fine\n"
    assert line.asks_singly == (most == 1)


def test_where_requests_go_unanswered_each_has_a_session_of_its_own() -> None:
    server = Server(1)
    line = make_line(server)
    line.ask("look")
    assert line.asks_singly
    assert not line.may_push
    assert line.repeats == 3
    del server.sessions[:]
    line.ready()
    line.ask("look")
    line.ask("log")
    assert server.sessions == [["look"], ["log"]]


def test_a_server_that_never_answers_is_a_lost_session_in_the_end() -> None:
    server = Server(0)
    line = make_line(server)
    with pytest.raises(SessionEndedError):
        line.ask("look")
    with pytest.raises(SessionEndedError):
        line.ready()
    assert server.given_up == 0
    assert len(server.sessions) < 20


def test_single_requests_greet_now_and_then_since_that_mends_what_died(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(1)
    line = make_line(server)
    line.ask("look")
    monkeypatch.setattr(agent_line, "_GREET_EVERY", -1.0)
    del server.sessions[:]
    line.ask("look")
    assert server.sessions == [["open"], ["look"]]


def test_after_a_while_a_session_that_stays_open_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agent_line, "TRY_AGAIN", 0.05)
    server = Server(1)
    line = make_line(server)
    line.ask("look")
    server.most = 1000
    deadline = time.monotonic() + 10
    while line.asks_singly:
        assert time.monotonic() < deadline
    del server.sessions[:]
    for _ in range(3):
        line.ask("look")
    assert server.sessions == [["open", "look", "look", "look"]]
    assert line.may_push


def test_sessions_that_end_within_a_moment_again_and_again_are_not_pushed_over() -> None:
    server = Server()
    line = make_line(server)
    for number in range(3):
        assert line.may_push, number
        line.ask("look")
        end(line)
    line.ask("look")
    assert not line.may_push
    assert not line.asks_singly


def test_sessions_that_lasted_are_pushed_over_though_they_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agent_line, "_SHORT", 0.0)
    server = Server()
    line = make_line(server)
    for _ in range(10):
        line.ask("look")
        end(line)
    assert line.may_push


def test_news_that_do_not_arrive_are_not_waited_for_for_some_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server()
    line = make_line(server)
    line.ask("look")
    line.stop_pushing()
    assert not session_of(line).is_open
    assert not line.may_push
    line.ask("look")
    assert len(server.sessions) == 2
    monkeypatch.setattr(agent_line, "TRY_AGAIN", 0.0)
    line.stop_pushing()
    assert line.may_push


def test_single_requests_are_no_news() -> None:
    news: list[str] = []
    server = Server(1)
    line = make_line(server, on_news=lambda: news.append("news"))
    line.ask("look")
    del news[:]
    line.ask("look")
    assert news == []


def test_a_session_that_is_refused_after_another_ended_is_asked_for_again() -> None:
    server = Server()
    line = make_line(server)
    line.ask("look")
    end(line)
    server.refusals = 2
    assert line.ask("look").payload == b"fine\n"


def test_the_first_session_that_is_refused_is_an_error_at_once() -> None:
    server = Server()
    server.refusals = 1
    with pytest.raises(ServerRefusedError):
        make_line(server).ready()


def test_closing_ends_the_wait_for_a_session_that_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agent_line, "_FREED_WITHIN", 3600.0)
    server = Server()
    line = make_line(server)
    line.ask("look")
    end(line)
    server.refusals = 10**6
    refused = threading.Event()

    def ask() -> None:
        with pytest.raises(ServerRefusedError):
            line.ask("look")
        refused.set()

    threading.Thread(target=ask).start()
    until(lambda: server.refusals < 10**6)
    line.close()
    assert refused.wait(TIMEOUT)


def test_a_connection_that_is_gone_is_given_up_and_told() -> None:
    server = Server()
    line = make_line(server)
    line.ask("look")
    server.connected = False
    end(line)
    with pytest.raises(ConnectionLostError, match="was lost"):
        line.ask("look")
    assert server.given_up == 1
    assert len(server.sessions) == 1
