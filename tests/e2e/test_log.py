"""A log of 100 MB on a real server, read in a real terminal: on the screen, and in a pager."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

import pytest

from exauq_tui.jobs import Input
from tests.e2e.conftest import OpenFleet, OpenTerminal
from tests.e2e.screens import in_log
from tests.e2e.site import Site
from tests.e2e.terminal import Terminal, children_of, wait_until
from tests.live.sshd import Sshd

pytestmark = pytest.mark.live

LINES = 2_000_000
_REST = "residual and more " + "." * 12
HOSTILE = b"\x1b]52;c;aGk=\x07\x1b[2J\x1b[31mhostile\x1b[0m\n"


def line(number: int) -> str:
    return f"iteration {number:8d}  {_REST}"


def write_long_log(path: Path) -> None:
    """Write 100 MB: numbered lines, one of them in the middle with a word of its own."""
    half = LINES // 2
    with path.open("w") as file:
        file.writelines(f"{line(number)}\n" for number in range(half))
        file.write(f"{line(half)}found it\n")
        file.writelines(f"{line(number)}\n" for number in range(half + 1, LINES))
    with path.open("ab") as file:
        file.write(HOSTILE + b"the end of it\n")


@pytest.fixture
def terminal(
    place: Path, sshd: Sshd, open_fleet: OpenFleet, open_terminal: OpenTerminal
) -> Terminal:
    """A terminal in which the dashboard shows one job, which printed 100 MB."""
    site = Site(place, sshd)
    fleet = open_fleet()
    fleet.submit("lab", [Input(1.0, 2.0, 0.0)])
    wait_until(lambda: fleet.rows()[0].is_terminal, "the job has ended")
    fleet.stop()
    (directory,) = site.job_directories()
    write_long_log(site.workspace / directory / "simulator.py.out")
    assert shutil.which("less")
    (place / "tmp").mkdir()
    opened = open_terminal(environ={"TMPDIR": str(place / "tmp"), "PAGER": "less"})
    opened.start()
    opened.wait_for("UP")
    opened.press("l")
    opened.wait_for(in_log("the end of it(?s:.*)following"))
    return opened


def test_a_log_of_100_mb_is_read_from_end_to_end(terminal: Terminal) -> None:
    terminal.press("g")
    terminal.wait_for(line(0))
    terminal.press("G")
    terminal.wait_for("the end of it")
    terminal.press("/")
    terminal.type("found it")
    terminal.press("Enter")
    terminal.wait_for(line(LINES // 2) + "found it")
    terminal.wait_for("Searching", gone=True)
    terminal.press("Up")
    terminal.press("q")
    terminal.wait_for("submit")
    terminal.press("q")
    assert terminal.wait_for_end() == 0


def test_the_pager_gets_the_terminal_and_gives_it_back(terminal: Terminal, place: Path) -> None:
    def files() -> list[str]:
        return [path.name for path in (place / "tmp").iterdir()]

    def pager() -> list[int]:
        return children_of(terminal.app_pid())

    terminal.press("E")
    terminal.wait_for(re.compile(r"\[the last 50\.0 MB of 1[0-9.]+ MB\]"))
    assert len(files()) == 1
    terminal.press("G")
    screen = terminal.wait_for("the end of it")
    assert "\nhostile\n" in screen
    terminal.press("C-c")  # less stays, and so does the dashboard
    terminal.press("g")
    terminal.wait_for("[the last")
    assert len(pager()) == 1
    terminal.press("q")
    terminal.wait_for("The pager showed the last 50.0 MB")
    assert files() == []
    terminal.press("g")
    terminal.wait_for(line(0))
    assert b"aGk=" not in terminal.raw_file.read_bytes()

    (log,) = place.glob("site/workspace/*/simulator.py.out")
    log.write_bytes(b"a short one\n")
    terminal.press("q")
    terminal.wait_for("submit")
    terminal.press("l")
    terminal.wait_for(in_log("a short one"))
    terminal.press("E")
    terminal.wait_for(re.compile(r"exauq-\w+\.log"))  # what less says of it
    terminal.signal_app(signal.SIGTERM)  # ends the pager, then the dashboard
    assert terminal.wait_for_end() == 128 + signal.SIGTERM
    assert files() == []
    assert terminal.modes() == ()
