"""How often everything is looked at: seldom where that takes the server long."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from exauq_tui.hardware import lookout
from exauq_tui.hardware.frames import Reply
from exauq_tui.hardware.lookout import Lookout


class Server:
    """A server that answers after a while, by a clock of its own."""

    may_push = True
    session = None

    def __init__(self, duration: float) -> None:
        self.duration = duration
        self.now = 1000.0
        self.asked: list[str] = []

    def ask(self, verb: str, fields: Sequence[str], timeout: float) -> Reply:
        self.asked.append(verb)
        if verb == "snapshot":
            self.now += self.duration
        return Reply("ok", b"generation 100 1764000000.0\n")


@pytest.mark.parametrize(
    ("push", "duration", "pause"),
    [
        (True, 0.01, 60),
        (True, 0.2, 100),
        (True, 5.0, 120),
        (False, 0.01, 10),
        (False, 0.1, 50),
        (False, 5.0, 120),
    ],
)
def test_looking_at_everything_takes_a_500th_of_the_time_or_comes_every_two_minutes(
    monkeypatch: pytest.MonkeyPatch, push: bool, duration: float, pause: int
) -> None:
    server = Server(duration)
    monkeypatch.setattr(lookout, "time", SimpleNamespace(monotonic=lambda: server.now))
    there = Lookout(server, server.ask, "hpc1")  # type: ignore[arg-type]
    looked_at_all = server.now + duration
    cursor = there.look("/ws", None, push=push).cursor
    server.may_push = False  # the journal is asked from here on
    while server.asked.count("snapshot") < 2:
        server.now += 1
        cursor = there.look("/ws", cursor, push=False).cursor
    assert server.now - duration - looked_at_all == pytest.approx(pause, abs=1.5)
