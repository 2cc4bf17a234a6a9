"""When a silent link is asked for a sign of life, and when it is given up."""

from __future__ import annotations

import math
import threading

import pytest

from exauq_tui.hardware.connection.pulse import Pulse


class Bench:
    """A pulse on a link of which a test says when it is heard, and what time it is."""

    def __init__(self, lost_after: float = 30.0) -> None:
        self.now = self.due = 100.0
        self.heard = 100.0
        self.pings = 0
        self.reasons: list[str] = []
        self._pinged = threading.Condition()
        self.pulse = Pulse(
            self,
            self._ping,
            self.reasons.append,
            ping_after=3.0,
            lost_after=lost_after,
            clock=lambda: self.now,
        )

    def _ping(self) -> None:
        with self._pinged:
            self.pings += 1
            self._pinged.notify_all()

    def pass_by(self, seconds: float) -> None:
        """Let time go by, and the pulse do at each moment what it said was due."""
        end = self.now + seconds
        while self.due <= end:
            self.now = max(self.now, self.due)
            pause = self.pulse.turn()
            self.due = self.now + pause if pause is not None else math.inf
        self.now = end

    def probe(self) -> None:
        self.pulse.probe()
        self.due = self.now

    def answer(self) -> None:
        self.now += 0.05
        self.heard = self.now

    def has_pinged(self, count: int) -> bool:
        with self._pinged:
            return self._pinged.wait_for(lambda: self.pings >= count, 10) and self.pings == count


def test_a_link_that_is_heard_often_is_never_asked() -> None:
    bench = Bench()
    for _ in range(20):
        bench.pass_by(2.0)
        bench.heard = bench.now
    assert bench.pings == 0
    assert bench.pulse.overdue == 0


def test_a_quiet_link_is_asked_every_three_seconds_and_no_more() -> None:
    bench = Bench()
    for count in range(1, 11):
        bench.pass_by(2.9)
        assert bench.has_pinged(count - 1)
        bench.pass_by(0.15)
        assert bench.has_pinged(count)
        bench.answer()
        assert bench.pulse.overdue == 0
    assert not bench.reasons


def test_a_silent_link_owes_an_answer_since_it_was_asked_and_is_asked_once() -> None:
    bench = Bench()
    bench.pass_by(5.0)
    assert bench.has_pinged(1)
    assert bench.pulse.overdue == pytest.approx(2.0)
    bench.pass_by(20.0)
    assert bench.has_pinged(1)
    assert bench.pulse.overdue == pytest.approx(22.0)
    bench.answer()
    assert bench.pulse.overdue == 0


@pytest.mark.parametrize("lost_after", [30.0, 300.0])
def test_a_link_is_given_up_after_its_time_and_not_before(lost_after: float) -> None:
    bench = Bench(lost_after)
    bench.pass_by(lost_after - 0.1)
    assert not bench.reasons
    bench.pass_by(0.2)
    assert bench.reasons == [f"nothing was heard from it for {lost_after:g} s"]


def test_a_link_that_comes_back_in_time_is_kept() -> None:
    bench = Bench()
    bench.pass_by(29.0)
    bench.answer()
    bench.pass_by(2.0)
    assert not bench.reasons
    bench.pass_by(27.0)
    assert not bench.reasons


def test_a_probe_asks_at_once_whatever_was_heard_just_before() -> None:
    bench = Bench()
    bench.probe()
    bench.pass_by(0.0)
    assert bench.has_pinged(1)
    bench.pass_by(2.0)
    assert bench.pulse.overdue == pytest.approx(2.0)


def test_a_probe_begins_the_count_anew_so_that_a_stopped_process_gives_nothing_up() -> None:
    bench = Bench()
    bench.pass_by(4.0)
    bench.now += 3600  # stopped: nobody read what came
    bench.probe()
    bench.pass_by(1.0)
    assert not bench.reasons
    assert bench.pulse.overdue == pytest.approx(1.0)


def test_a_ping_that_is_stuck_does_not_keep_the_link_from_being_given_up() -> None:
    bench = Bench()
    release = threading.Event()

    def wait() -> None:
        release.wait(10)

    stuck = Pulse(
        bench,
        wait,
        bench.reasons.append,
        ping_after=0.05,
        lost_after=0.2,
    )
    bench.heard = 0.0
    try:
        stuck.start()
        deadline = threading.Event()
        for _ in range(1000):
            if bench.reasons or deadline.wait(0.01):
                break
        assert bench.reasons
    finally:
        release.set()
        stuck.close()
