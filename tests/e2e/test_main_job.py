"""The main job: a hundred inputs to a server by key, and a dashboard that dies meanwhile.

Whatever happens to the dashboard, each input is run exactly once: the ledger that the simulator
itself writes, outside the workspace, is the witness.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.conftest import OpenTerminal
from tests.e2e.screens import count
from tests.e2e.simulator import simulate
from tests.e2e.site import NAMES, Point, Site, recorded_jobs
from tests.e2e.terminal import PATIENCE, Terminal, children_of, wait_until
from tests.live.sshd import Sshd

JOBS = 100
MANY = 600
CANCELLABLE, CANCELLED = 40, 20
LONG = PATIENCE * 2

QUICK = """\
read -r line <"$1"
echo "start $line" >>"${0%/*}/ledger"
echo 1.5 >"$2"
echo "end $line" >>"${0%/*}/ledger"
"""
"""What the simulator does, but for the sum: it starts ten times as fast."""

Moment = Callable[[Site, Terminal, random.Random], None]
"""Waits for the moment at which the dashboard is killed."""


def make_points(number: int, seed: int, *, seconds: tuple[float, float]) -> list[Point]:
    """Draw different inputs for the simulator, which run for so many seconds."""
    rng = random.Random(seed)
    points = [
        (
            round(rng.uniform(-3, 3), 4),
            round(rng.uniform(-1, 1), 4) + index,
            round(rng.uniform(*seconds), 3),
        )
        for index in range(number)
    ]
    return [tuple(float(repr(value)) for value in point) for point in points]


def write_csv(path: Path, points: list[Point]) -> Path:
    lines = [",".join(NAMES), *(",".join(map(repr, point)) for point in points)]
    path.write_text("\n".join(lines) + "\n")
    return path


def start(terminal: Terminal) -> None:
    terminal.start()
    terminal.wait_for("UP")


def submit_by_keys(terminal: Terminal, csv: Path, number: int) -> None:
    """Submit a CSV file as a person does: look at what it would be, then press Enter."""
    terminal.press("s")
    terminal.wait_for("Submit jobs")
    terminal.press(*["Tab"] * len(NAMES))
    terminal.type(str(csv))
    terminal.wait_for(f"{number:,} jobs")  # in the preview: there are none yet
    terminal.press("Enter")


# The moments


def at_once(site: Site, terminal: Terminal, rng: random.Random) -> None:
    time.sleep(rng.uniform(0.0, 0.3))  # at no particular point of what the dashboard does


def as_the_first_job_arrives(site: Site, terminal: Terminal, rng: random.Random) -> None:
    wait_until(site.job_directories, "there is a job in the workspace", pause=0.002)


def as_some_jobs_run(site: Site, terminal: Terminal, rng: random.Random) -> None:
    number = rng.randint(3, 20)
    wait_until(
        lambda: site.ledger.starts().total() >= number, f"{number} jobs have begun", pause=0.01
    )


def as_about_30_jobs_are_done(site: Site, terminal: Terminal, rng: random.Random) -> None:
    number = rng.randint(25, 35)
    wait_until(lambda: site.ledger.ends().total() >= number, f"{number} jobs are done", pause=0.01)


@pytest.fixture
def site(kind: str, request: pytest.FixtureRequest, place: Path) -> Site:
    if kind == "local":
        return Site(place, None)
    sshd: Sshd = request.getfixturevalue("sshd")
    return Site(place, sshd)


def name_of(value: object) -> str:
    return str(getattr(value, "__name__", value))


@pytest.mark.live
@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        ("ssh", at_once),
        ("ssh", as_the_first_job_arrives),
        ("ssh", as_some_jobs_run),
        ("ssh", as_about_30_jobs_are_done),
        ("local", as_the_first_job_arrives),
        ("local", as_about_30_jobs_are_done),
    ],
    ids=name_of,
)
def test_no_job_is_lost_or_run_twice_when_the_dashboard_is_killed(
    open_terminal: OpenTerminal, place: Path, site: Site, moment: Moment
) -> None:
    points = make_points(JOBS, seed=20, seconds=(0.2, 2.0))
    csv = write_csv(place / "a design of 100 points.csv", points)
    terminal = open_terminal()
    start(terminal)

    submit_by_keys(terminal, csv, JOBS)
    moment(site, terminal, random.Random(moment.__name__))
    terminal.kill_app()

    known = recorded_jobs("--no-refresh")
    assert len(known) in ((0, JOBS) if moment is at_once else (JOBS,))
    start(terminal)
    if not known:
        # Killed before it had taken the order: nothing at all may have come of it.
        assert site.ledger.starts() == Counter()
        submit_by_keys(terminal, csv, JOBS)
    terminal.wait_for(lambda screen: count(screen, "✓") == JOBS, LONG)
    terminal.press("q")
    assert terminal.wait_for_end() == 0

    jobs = recorded_jobs()
    assert Counter(job["status"] for job in jobs) == {"Completed": JOBS}
    assert len({job["id"] for job in jobs}) == JOBS
    assert {tuple(job["inputs"]): job["output"] for job in jobs} == {
        point: simulate(*point) for point in points
    }
    assert site.ledger.starts() == Counter(points)
    assert site.ledger.ends() == Counter(points)
    assert sorted(site.job_directories()) == sorted(job["id"] for job in jobs)


def test_jobs_on_their_way_when_the_server_fell_silent_are_sent_by_the_next_dashboard(
    open_terminal: OpenTerminal, place: Path
) -> None:
    # A look would notice the silence first: none is due before the jobs are sent.
    site = Site(place, None, refresh=30.0)
    points = make_points(10, seed=22, seconds=(0.2, 0.5))
    csv = write_csv(place / "design.csv", points)
    terminal = open_terminal()
    start(terminal)
    servers = children_of(terminal.app_pid())  # Bash, which is what a local server is
    assert servers
    for pid in servers:
        os.kill(pid, signal.SIGSTOP)

    submit_by_keys(terminal, csv, len(points))
    terminal.wait_for(lambda screen: count(screen, "◌") == len(points))
    terminal.kill_app()
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
    assert site.ledger.starts() == Counter()

    start(terminal)
    # At once: nobody waits for the end of a claim that the dead dashboard had made.
    terminal.wait_for(lambda screen: count(screen, "✓") == len(points))
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert site.ledger.starts() == Counter(points)


def test_none_of_many_jobs_is_lost_or_run_twice_when_the_dashboard_is_left_while_it_sends(
    open_terminal: OpenTerminal, place: Path
) -> None:
    site = Site(place, None, max_running=4)
    quick = site.directory / "quick.sh"
    quick.write_text(QUICK)
    site.configure(program="bash", script_path=str(quick))
    points = make_points(MANY, seed=23, seconds=(0.0, 0.0))
    csv = write_csv(place / "design.csv", points)
    terminal = open_terminal()
    start(terminal)
    servers = children_of(terminal.app_pid())
    assert servers

    submit_by_keys(terminal, csv, MANY)
    wait_until(site.job_directories, "some jobs are accepted", pause=0.002)
    for pid in servers:
        os.kill(pid, signal.SIGSTOP)  # in the midst of a piece: that is how far it is for now
    terminal.wait_for(re.compile(r"Sending ━+ +lab [\d,]+ of 600"))
    terminal.press("q")
    terminal.wait_for("is not sent yet")
    terminal.press("y")
    assert terminal.wait_for_end() == 0
    for pid in servers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    known = Counter(job["status"] for job in recorded_jobs("--no-refresh"))
    assert known.total() == MANY
    assert known["Pending submit"] > 0
    start(terminal)
    terminal.wait_for(lambda screen: count(screen, "✓") == MANY, LONG * 2)
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert Counter(tuple(job["inputs"]) for job in recorded_jobs()) == Counter(points)
    assert site.ledger.starts() == Counter(points)
    assert site.ledger.ends() == Counter(points)


def as_the_cancel_is_known(site: Site, terminal: Terminal, rng: random.Random) -> None:
    terminal.wait_for(lambda screen: count(screen, "⋯") + count(screen, "⊘") > 0)


@pytest.mark.live
@pytest.mark.parametrize(
    ("kind", "moment"),
    [("ssh", at_once), ("ssh", as_the_cancel_is_known), ("local", as_the_cancel_is_known)],
    ids=name_of,
)
def test_marked_jobs_are_cancelled_and_no_others_when_the_dashboard_is_killed(
    open_terminal: OpenTerminal, place: Path, site: Site, moment: Moment
) -> None:
    points = make_points(CANCELLABLE, seed=21, seconds=(60.0, 90.0))  # they wait for the gate
    csv = write_csv(place / "design.csv", points)
    terminal = open_terminal(height=60)
    start(terminal)
    submit_by_keys(terminal, csv, CANCELLABLE)
    terminal.wait_for(lambda screen: count(screen, "►") == CANCELLABLE, LONG)

    cancel_by_keys(terminal)
    moment(site, terminal, random.Random(moment.__name__))
    terminal.kill_app()

    asked = [
        job
        for job in recorded_jobs("--no-refresh")
        if job["status"] in ("Pending cancel", "Cancelled")
    ]
    assert len(asked) in ((0, CANCELLED) if moment is at_once else (CANCELLED,))
    start(terminal)
    if not asked:
        cancel_by_keys(terminal)
    terminal.wait_for(lambda screen: count(screen, "⊘") == CANCELLED, LONG)
    assert site.ledger.ends() == Counter()
    site.gate.touch()
    terminal.wait_for(lambda screen: count(screen, "✓") == CANCELLABLE - CANCELLED, LONG)
    terminal.press("q")
    assert terminal.wait_for_end() == 0

    jobs = recorded_jobs()
    by_status = {
        status: {tuple(job["inputs"]) for job in jobs if job["status"] == status}
        for status in ("Completed", "Cancelled")
    }
    assert len(jobs) == CANCELLABLE
    assert len(by_status["Cancelled"]) == CANCELLED
    assert {tuple(job["inputs"]) for job in asked} <= by_status["Cancelled"]
    assert site.ledger.starts() == Counter(points)
    assert site.ledger.ends() == Counter(by_status["Completed"])
    assert by_status["Completed"] | by_status["Cancelled"] == set(points)


def cancel_by_keys(terminal: Terminal) -> None:
    """Mark the first twenty jobs and cancel them."""
    terminal.press("g")
    terminal.press(*["Space"] * CANCELLED)
    terminal.wait_for(f"{CANCELLED} marked")
    terminal.press("c")
    terminal.wait_for(f"Cancel {CANCELLED} jobs")
    terminal.press("y")
