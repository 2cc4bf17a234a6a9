"""Submitting in a real terminal: pasted rows, inputs that ran already, jobs tried again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.conftest import OpenTerminal
from tests.e2e.screens import count
from tests.e2e.site import Site, recorded_jobs
from tests.e2e.terminal import PATIENCE, Terminal
from tests.live.sshd import Sshd

ROWS = [(float(number), 0.5, 0.25) for number in range(8)]


def lines(rows: Sequence[tuple[float, ...]]) -> str:
    return "".join(",".join(map(repr, row)) + "\n" for row in rows)


def open_dialog(terminal: Terminal) -> None:
    terminal.press("s")
    terminal.wait_for("Submit jobs")


@pytest.mark.live
def test_pasted_rows_run_once_though_some_are_pasted_again(
    open_terminal: OpenTerminal, place: Path, sshd: Sshd
) -> None:
    site = Site(place, sshd)
    terminal = open_terminal()
    terminal.start()
    terminal.wait_for("UP")
    open_dialog(terminal)
    terminal.paste(lines(ROWS[:6]))
    terminal.wait_for("6 jobs  to lab")
    terminal.press("Enter")
    terminal.wait_for(lambda screen: count(screen, "✓") == 6)

    open_dialog(terminal)
    terminal.paste(lines(ROWS[2:]))
    shown = terminal.wait_for("Ran already, or under way: 4 of 6.")
    assert "2 jobs  to lab" in shown
    terminal.press("Enter")
    terminal.wait_for(lambda screen: count(screen, "✓") == 8)
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert site.ledger.starts() == Counter(ROWS)
    assert {job["batch"] for job in recorded_jobs()} == {"pasted"}


@pytest.mark.live
def test_all_failed_jobs_are_tried_again_and_their_tries_are_linked(
    open_terminal: OpenTerminal, place: Path, sshd: Sshd
) -> None:
    site = Site(place, sshd)
    failing = [(float(number), 1.0, -1.0) for number in range(3)]  # nobody sleeps for -1 s
    terminal = open_terminal()
    terminal.start()
    terminal.wait_for("UP")
    open_dialog(terminal)
    terminal.paste(lines([*failing, *ROWS[:2]]))
    terminal.wait_for("5 jobs  to lab")
    terminal.press("Enter")
    terminal.wait_for(lambda screen: (count(screen, "✗"), count(screen, "✓")) == (3, 2))

    terminal.press("R")
    terminal.wait_for("All 3 failed")
    terminal.press("a")
    terminal.wait_for("Resubmit 3 jobs?")
    terminal.press("y")
    # Each second try is in the place of the first, which is folded.
    terminal.wait_for(lambda screen: (count(screen, "✗"), screen.count("#2  ")) == (3, 3))
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    jobs = recorded_jobs()
    first = {job["id"]: tuple(job["inputs"]) for job in jobs if job["status"] == "Failed"}
    again = {job["try_of"]: tuple(job["inputs"]) for job in jobs if job["try_of"]}
    assert again.keys() < first.keys()
    assert sorted(again.values()) == sorted(first[old] for old in again) == failing
    assert site.ledger.starts() == Counter([*failing, *failing, *ROWS[:2]])


def test_a_megabyte_can_be_pasted_and_keys_go_on_working(
    open_terminal: OpenTerminal, place: Path
) -> None:
    site = Site(place, None)
    rows = [(number / 7, -number / 3, 60.0) for number in range(27_000)]
    text = lines(rows)
    assert len(text) > 1_000_000
    terminal = open_terminal()
    terminal.start()
    terminal.wait_for("UP")
    open_dialog(terminal)
    terminal.paste(text)
    terminal.wait_for("27,000 jobs  to lab")
    began = time.monotonic()
    terminal.press("Escape")
    terminal.wait_for("Submit jobs", gone=True)
    assert time.monotonic() - began < PATIENCE / 4
    terminal.paste(text)  # with no field to take it
    terminal.press("/")
    terminal.paste(text)  # a field that takes one line
    terminal.wait_for("/0.0,0.0,60.0")
    terminal.press_until("Escape", "/0.0,0.0,60.0", gone=True)
    terminal.press("?")
    terminal.wait_for("Keys")
    terminal.press_until("Escape", "Keys", gone=True)
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert recorded_jobs("--no-refresh") == []
    assert site.job_directories() == []
