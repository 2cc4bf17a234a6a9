"""The demo in a real terminal: what somebody sees who tries the dashboard for the first time."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from exauq_tui.app.command_list import COMMANDS
from exauq_tui.demo.playground import sample_inputs
from exauq_tui.demo.simulator import failing_step, ishigami
from tests.e2e.conftest import OpenTerminal
from tests.e2e.screens import count, cursor_line, in_log, row_at_cursor
from tests.e2e.terminal import Terminal, processes_of, wait_until

SIZES = [(120, 36), (80, 24)]
JOBS = 24
FAILING = sum(failing_step(*point) is not None for point in sample_inputs(JOBS))
OUTPUTS = [repr(ishigami(*point)) for point in sample_inputs(JOBS)]
QUICK, ENDLESS = "0.1", "40"
SLOTS = 8
"""So many of the demo's jobs run at once; the others wait."""


def lists_keys(screen: str) -> bool:
    """Whether the help is open: it says in the commands' own words what they do."""
    sentences = {command.tooltip.rstrip(".") for command in COMMANDS}
    return sum(sentence in screen for sentence in sentences) >= 3


class Demo:
    """One visit to the demo.

    Args:
        terminal: Where it runs.
        temporary: Where its throw-away directory is made.
    """

    def __init__(self, terminal: Terminal, temporary: Path) -> None:
        self.terminal = terminal
        self.temporary = temporary

    def directory(self) -> Path:
        (directory,) = self.temporary.glob("exauq-demo-*")
        return directory

    def wait_until_nothing_is_left(self, directory: Path) -> None:
        """Wait for the end of what the demo started, and for its directory to go."""
        wait_until(lambda: not processes_of(directory), f"no process of {directory} is left")
        wait_until(lambda: not list(self.temporary.iterdir()), f"{self.temporary} is empty")


@pytest.fixture
def temporary(place: Path) -> Path:
    directory = place / "tmp"
    directory.mkdir()
    return directory


def start_demo(
    open_terminal: OpenTerminal, temporary: Path, speed: str, size: tuple[int, int] = SIZES[0]
) -> Demo:
    terminal = open_terminal(
        width=size[0],
        height=size[1],
        environ={"TMPDIR": str(temporary), "EXAUQ_DEMO_SPEED": speed},
    )
    terminal.start("demo")
    return Demo(terminal, temporary)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_jobs_complete_and_fail_and_can_be_looked_at_by_key(
    open_terminal: OpenTerminal, temporary: Path, size: tuple[int, int]
) -> None:
    demo = start_demo(open_terminal, temporary, QUICK, size)
    terminal = demo.terminal

    def all_ended(screen: str) -> bool:
        return count(screen, "✓") == JOBS - FAILING and count(screen, "✗") == FAILING

    screen = terminal.wait_for(all_ended)
    assert "✓ Completed" in screen
    assert "✗ Failed" in screen
    assert "UP" in screen

    top = cursor_line(screen)
    terminal.press("j")
    terminal.wait_for(lambda screen: cursor_line(screen) == top + 1)
    terminal.press("k")
    terminal.wait_for(lambda screen: cursor_line(screen) == top)
    terminal.press("Down", "Down")
    terminal.wait_for(lambda screen: cursor_line(screen) == top + 2)
    terminal.press("G")
    terminal.wait_for(lambda screen: cursor_line(screen) > top + 10)
    terminal.press("g")
    terminal.wait_for(lambda screen: cursor_line(screen) == top)

    terminal.press("3")
    terminal.wait_for(lambda screen: "✗ Failed" in screen and "✓ Completed" not in screen)
    terminal.press("l")
    terminal.wait_for(in_log("solver diverged at step"))
    terminal.press("Escape")
    terminal.wait_for("x1")
    terminal.press("4")
    terminal.wait_for(lambda screen: "✓ Completed" in row_at_cursor(screen))
    terminal.press("l")
    log = terminal.wait_for(in_log(r"done, y = \S+"))
    shown = re.search(r"done, y = (\S+)", log)
    assert shown is not None
    assert shown[1] in OUTPUTS
    terminal.press("Escape")
    terminal.wait_for("x1")

    terminal.press("o")
    terminal.wait_for(shown[1])  # every digit of the number that the log tells

    terminal.press("?")
    terminal.wait_for(lists_keys)
    terminal.press("Escape")
    terminal.wait_for(lists_keys, gone=True)

    terminal.press(":")
    terminal.wait_for("Search for commands")
    terminal.type("failed jobs")
    terminal.wait_for("Show jobs that failed")
    terminal.press("Enter")
    terminal.wait_for(lambda screen: "✗ Failed" in row_at_cursor(screen))

    directory = demo.directory()
    asked = time.monotonic()
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert time.monotonic() - asked < 15.0
    assert terminal.modes() == ()
    demo.wait_until_nothing_is_left(directory)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_job_is_cancelled_by_y_and_not_by_enter(
    open_terminal: OpenTerminal, temporary: Path, size: tuple[int, int]
) -> None:
    demo = start_demo(open_terminal, temporary, ENDLESS, size)
    terminal = demo.terminal
    terminal.wait_for(lambda screen: count(screen, "►") == SLOTS)
    terminal.press("G")
    last = cursor_line(terminal.wait_for(lambda screen: "► Running" in row_at_cursor(screen)))

    terminal.press("c")
    terminal.wait_for("Cancel 1 job?")
    terminal.press("Enter")
    terminal.wait_for("Cancel 1 job?", gone=True)

    terminal.press("k")
    terminal.wait_for(lambda screen: cursor_line(screen) == last - 1)
    terminal.press("c")
    terminal.wait_for("Cancel 1 job?")
    terminal.press("y")
    terminal.wait_for(lambda screen: "⊘ Cancelled" in row_at_cursor(screen))
    # The slot goes to the next job that waits.
    terminal.wait_for(lambda screen: count(screen, "⊘") == 1 and count(screen, "►") == SLOTS)

    terminal.press("j")
    terminal.wait_for(lambda screen: "► Running" in row_at_cursor(screen))

    directory = demo.directory()
    assert processes_of(directory)
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    demo.wait_until_nothing_is_left(directory)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_a_signal_ends_it_and_leaves_the_terminal_in_order(
    open_terminal: OpenTerminal, temporary: Path, number: signal.Signals
) -> None:
    demo = start_demo(open_terminal, temporary, ENDLESS)
    terminal = demo.terminal
    terminal.wait_for(lambda screen: count(screen, "►") == SLOTS)
    assert {"mouse", "alternate screen"} <= set(terminal.modes())
    directory = demo.directory()

    terminal.signal_app(number)

    assert terminal.wait_for_end() == 128 + number
    assert terminal.modes() == ()
    terminal.type('echo "the answer is $((6 * 7))"')
    terminal.wait_for('echo "the answer is')  # what is typed is echoed
    terminal.press("Enter")
    terminal.wait_for("the answer is 42")
    demo.wait_until_nothing_is_left(directory)


def test_nothing_is_left_when_the_window_is_closed(
    open_terminal: OpenTerminal, temporary: Path
) -> None:
    demo = start_demo(open_terminal, temporary, ENDLESS)
    demo.terminal.wait_for(lambda screen: count(screen, "►") == SLOTS)
    directory = demo.directory()

    demo.terminal.close()

    demo.wait_until_nothing_is_left(directory)


def test_the_window_can_be_made_smaller_and_larger_while_jobs_run(
    open_terminal: OpenTerminal, temporary: Path
) -> None:
    demo = start_demo(open_terminal, temporary, ENDLESS)
    terminal = demo.terminal
    terminal.wait_for(lambda screen: count(screen, "►") == SLOTS)
    terminal.press("j")
    here = row_at_cursor(terminal.wait_for(lambda screen: cursor_line(screen) == 5))
    job_id = re.search(r"…\d+", here)
    assert job_id is not None

    for width, height in [(80, 24), (60, 15), (40, 10), (20, 3), (200, 60), (120, 36)]:
        terminal.resize(width, height)
        if (width, height) < (60, 15):
            terminal.wait_for("too small")
        else:
            terminal.wait_for(
                lambda screen: job_id[0] in row_at_cursor(screen) and count(screen, "►") == SLOTS
            )

    directory = demo.directory()
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    demo.wait_until_nothing_is_left(directory)
