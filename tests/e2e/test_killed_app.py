"""The program is killed again and again during a campaign; the simulator's ledger is the witness.

Dashboard (by keys, in a real terminal) and commands take turns to submit batches, to cancel
jobs and to look. Each is ended by SIGKILL at a random moment, and the next one goes on from
what the record says. Nothing is lost, nothing runs twice, and whoever's end was asked for ends.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from exauq_tui import locations
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.stored_job import StoredJob
from tests.e2e.conftest import OpenTerminal
from tests.e2e.screens import count
from tests.e2e.simulator import simulate
from tests.e2e.site import Point, Site, recorded_jobs
from tests.e2e.terminal import Terminal, wait_until
from tests.e2e.test_main_job import make_points, start, submit_by_keys, write_csv
from tests.figures import Tell
from tests.live.sshd import Sshd

ASKED_TO_END = frozenset({JobStatus.PENDING_CANCEL, JobStatus.CANCELLED, JobStatus.FAILED_CANCEL})


@dataclass(frozen=True)
class Size:
    """How large a campaign is; also seeds it.

    Attributes:
        jobs: How many jobs.
        batch: How many are submitted together.
        kills: How often the program is killed.
        seconds: How long a job takes at most.
        patience: Seconds within which all jobs have ended after the last kill.
    """

    jobs: int
    batch: int
    kills: int
    seconds: float
    patience: float


class Campaign:
    """One record, one server, and programs that are killed.

    Args:
        size: How large it is.
        place: Where files go.
        site: The server.
        terminal: Where the dashboard is started.
    """

    def __init__(self, size: Size, place: Path, site: Site, terminal: Terminal) -> None:
        self._rng = random.Random(size.jobs)
        self._place = place
        self._site = site
        self._terminal = terminal
        self._size = size
        self.points: list[Point] = []
        self._unsent: dict[str, list[Point]] = {}
        for number, position in enumerate(range(0, size.jobs, size.batch)):
            points = make_points(size.batch, seed=position, seconds=(0.1, size.seconds))
            if number % 3 == 0:
                points[-1] = (*points[-1][:2], 60.0)  # waits for the gate: there to be cancelled
            self._unsent[f"batch-{number}.csv"] = points
            write_csv(place / f"batch-{number}.csv", points)
            self.points += points
        self._plan = self._make_plan()
        self.kills: Counter[str] = Counter()
        """How many programs were killed, by what they were doing."""
        self.asked: set[str] = set()
        """The ids of jobs whose end was asked for, as far as the record has taken it down."""

    def _make_plan(self) -> list[Callable[[], str]]:
        """Draw what the programs do that will be killed; the last comes first."""
        submissions = [self._submit_by_keys, self._submit_by_command, self._submit_by_keys]
        others = [self._cancel_by_keys, self._cancel_by_command, self._look_by_keys]
        half = self._size.kills // 2
        plan = [verbs[n % 3] for verbs in (submissions, others) for n in range(half)]
        self._rng.shuffle(plan)
        return [*plan, self._submit_by_keys]

    def kill_one(self) -> None:
        """Have a program do something, and kill it at a random moment meanwhile."""
        verb = self._plan.pop() if self._plan else self._look_by_command
        what = verb()
        if what:
            self.kills[what] += 1
        jobs = self._take_down()
        by_batch = Counter(job.batch for job in jobs)
        for name, points in list(self._unsent.items()):
            # Taken down as a whole before anything was sent, or not at all.
            assert by_batch[name] in (0, len(points)), (name, by_batch)
            if by_batch[name]:
                del self._unsent[name]
            else:
                assert not set(points) & set(self._site.ledger.starts())

    def _take_down(self) -> list[StoredJob]:
        """Note whose end was asked for by now; gives all jobs that are recorded."""
        jobs = self.recorded()
        self.asked |= {job.job_id for job in jobs if job.status in ASKED_TO_END}
        return jobs

    def recorded(self) -> list[StoredJob]:
        """The jobs in the record, as whoever was killed left it."""
        with Record(locations.record_path()) as record:
            return record.load()

    def finish(self) -> None:
        """Submit what was not submitted yet, cancel some, and watch until all jobs have ended."""
        start(self._terminal)
        for name, points in self._unsent.items():
            submit_by_keys(self._terminal, self._place / name, len(points))
            self._terminal.wait_for("One job", gone=True)
        if self._cancel_newest():
            self._terminal.wait_for("asked to stop")
        self._take_down()
        self._site.gate.touch()
        self._terminal.wait_for(
            lambda screen: count(screen, "✓") + count(screen, "⊘") == self._size.jobs,
            self._size.patience,
        )
        self._terminal.press("q")
        assert self._terminal.wait_for_end() == 0

    # By keys

    def _look_by_keys(self) -> str:
        self._terminal.start()
        wait_until(self._terminal.children, "the dashboard has started", pause=0.01)
        time.sleep(self._rng.uniform(0.0, 2.0))  # anywhere in its start, or just after it
        return self._kill_dashboard("dashboard at its start")

    def _submit_by_keys(self) -> str:
        if not self._unsent:
            return self._look_by_keys()
        name, points = self._rng.choice(list(self._unsent.items()))
        start(self._terminal)
        submit_by_keys(self._terminal, self._place / name, len(points))
        self._wait_for_a_moment()
        return self._kill_dashboard("dashboard after a submission")

    def _cancel_by_keys(self) -> str:
        start(self._terminal)
        self._cancel_newest()
        self._wait_for_a_moment()
        return self._kill_dashboard("dashboard after a cancel")

    def _cancel_newest(self) -> bool:
        """Ask for the end of some of the newest jobs that are active; whether there were any."""
        self._terminal.press("2", "g", *["Space"] * self._rng.randint(1, 4), "c")
        with suppress(AssertionError):  # nothing is said where there are no jobs at all
            answer = self._terminal.wait_for(re.compile(r"Cancel \d+ jobs?\?|ended already"), 3.0)
            if "ended" not in answer:
                self._terminal.press("y")
                return True
        return False

    def _kill_dashboard(self, what: str) -> str:
        self._terminal.kill_app()
        return what

    def _wait_for_a_moment(self) -> None:
        """Wait for something that happens soon after a key, and sometimes a little longer."""
        directories, runs = len(self._site.job_directories()), self._site.ledger.starts().total()
        deadline = time.monotonic() + self._rng.uniform(0.0, 1.0)
        kind = self._rng.choice(["a directory", "a run", "nothing"])
        while time.monotonic() < deadline:
            if kind == "a directory" and len(self._site.job_directories()) > directories:
                return
            if kind == "a run" and self._site.ledger.starts().total() > runs:
                return
            time.sleep(0.002)

    # By commands

    def _submit_by_command(self) -> str:
        if not self._unsent:
            return self._look_by_command()
        name = self._rng.choice(list(self._unsent))
        return self._kill_command("submit", "lab", "--csv", str(self._place / name))

    def _cancel_by_command(self) -> str:
        alive = [job for job in self.recorded() if job.status not in TERMINAL_STATUSES]
        return self._kill_command("cancel", self._rng.choice(alive).job_id) if alive else ""

    def _look_by_command(self) -> str:
        return self._kill_command("jobs")

    def _kill_command(self, *arguments: str) -> str:
        """Start a command and kill it; gives "" where it had ended before."""
        command = subprocess.Popen(
            [sys.executable, "-m", "exauq_tui", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(self._rng.uniform(0.2, 1.5))  # at no particular point of what it does
        command.kill()
        return f"command {arguments[0]}" if command.wait() < 0 else ""


@pytest.mark.live
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(60, 15, 6, 0.6, 120.0), id="short"),
        pytest.param(Size(300, 20, 50, 2.0, 240.0), id="full", marks=pytest.mark.long),
    ],
)
def test_an_app_that_is_killed_again_and_again_loses_no_job_and_doubles_none(
    size: Size, open_terminal: OpenTerminal, place: Path, sshd: Sshd, tell: Tell
) -> None:
    site = Site(place, sshd, max_running=8)
    campaign = Campaign(size, place, site, open_terminal())
    try:
        while campaign.kills.total() < size.kills:
            campaign.kill_one()
        campaign.finish()
    finally:
        starts, ends = site.ledger.starts(), site.ledger.ends()
        by_status = Counter(job.status for job in campaign.recorded())
        tell(
            jobs=size.jobs,
            kills=campaign.kills.total(),
            lost=size.jobs - sum(by_status[status] for status in TERMINAL_STATUSES),
            doubled=sum(number > 1 for number in starts.values()),
            completed=by_status[JobStatus.COMPLETED],
            cancelled=by_status[JobStatus.CANCELLED],
            killed=dict(campaign.kills),
        )
    jobs = recorded_jobs()
    assert Counter(tuple(job["inputs"]) for job in jobs) == Counter(campaign.points)
    ids = {job["id"] for job in jobs}
    assert len(ids) == size.jobs
    assert set(starts.values()) == {1}
    for job in jobs:
        point: Point = tuple(job["inputs"])
        if job["status"] == "Cancelled":
            assert job["id"] in campaign.asked, job
            assert job["output"] is None, job
        else:
            assert (job["status"], job["exit_code"], job["note"]) == ("Completed", 0, ""), job
            assert (starts[point], ends[point]) == (1, 1), job
            assert job["output"] == simulate(*point), job
    completed = {job["id"] for job in jobs if job["status"] == "Completed"}
    assert completed <= set(site.job_directories()) <= ids
    assert campaign.asked <= ids
    assert any(job["status"] == "Cancelled" for job in jobs)
