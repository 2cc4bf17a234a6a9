"""When a server is tried again, and how the end of a sleep is noticed."""

from __future__ import annotations

import threading

import pytest

from exauq_tui.monitor.pacing import Retries, SleepWatch


def test_pauses_double_up_to_a_minute_are_blurred_and_start_anew_after_a_success() -> None:
    retries = Retries()
    for full in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert 0.75 * full <= retries.next_pause() <= 1.25 * full
    retries.succeeded()
    assert retries.next_pause() <= 1.25
    pauses = set()
    for _ in range(50):
        retries.succeeded()
        pauses.add(retries.next_pause())
    assert len(pauses) > 40


def test_a_wish_ends_a_wait_and_one_from_before_can_be_forgotten() -> None:
    retries = Retries()
    retries.wish()
    retries.rest(None)  # returns at once
    retries.forget_wish()
    waiting = threading.Thread(target=retries.rest, args=(None,))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    retries.wish()
    waiting.join(10)
    assert not waiting.is_alive()


@pytest.mark.parametrize(("pause", "ends"), [(3600.0, True), (None, False)])
def test_the_end_of_a_sleep_ends_a_wait_for_a_moment_but_none_for_a_person(
    pause: float | None, ends: bool
) -> None:
    retries = Retries()
    began = threading.Event()
    told = threading.Event()

    def rest() -> None:
        began.set()
        retries.rest(pause)
        told.set()

    waiting = threading.Thread(target=rest, daemon=True)
    waiting.start()
    began.wait(10)
    # Until the wait has begun, and a little longer where nothing may come of it.
    for _ in range(500 if ends else 20):
        retries.awoke()
        if told.wait(0.02):
            break
    assert told.is_set() is ends
    retries.wish()
    waiting.join(10)


class Clocks:
    def __init__(self) -> None:
        self.wall, self.monotonic = 1e9, 50.0

    def pass_by(self, seconds: float, *, asleep: bool = False) -> None:
        self.wall += seconds
        self.monotonic += 0 if asleep else seconds


def test_a_sleep_is_noticed_once() -> None:
    clocks = Clocks()
    watch = SleepWatch(lambda: clocks.wall, lambda: clocks.monotonic)
    clocks.pass_by(0.5)
    assert not watch.has_slept()
    clocks.pass_by(3600, asleep=True)
    assert watch.has_slept()
    clocks.pass_by(0.5)
    assert not watch.has_slept()


def test_neither_a_long_wait_nor_a_clock_that_was_set_back_is_a_sleep() -> None:
    clocks = Clocks()
    watch = SleepWatch(lambda: clocks.wall, lambda: clocks.monotonic)
    clocks.pass_by(90)
    assert not watch.has_slept()
    clocks.wall -= 3600
    assert not watch.has_slept()
