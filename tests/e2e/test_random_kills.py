"""Runners, simulators and slot fillers are killed at random; the ledger is the witness.

The rule: a job starts once at most, and ends. Where the process was killed that saw to it, it
ends by whether there is an output file, with the note that nobody witnessed it. A queue whose
filler was killed, or a slot whose job died unseen, stands still until somebody connects or,
while somebody watches, until the watching agent checked twice: every ten seconds, and every
minute where a check takes long.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.snapshot import JobRow
from tests.contract.machines import alter_program, check_often
from tests.e2e.conftest import OpenFleet
from tests.e2e.killer import Killer
from tests.e2e.simulator import simulate
from tests.e2e.site import Point, Site
from tests.e2e.terminal import wait_until
from tests.e2e.test_main_job import make_points
from tests.figures import Tell
from tests.live.sshd import Sshd

KINDS = ("recorder", "group", "filler", "young recorder", "simulator")


@dataclass(frozen=True)
class Size:
    """How large a campaign is; also seeds it.

    Attributes:
        jobs: How many jobs.
        kills: How many kills, beside those of fillers just after a submission.
        most: How many jobs may run at once.
        seconds: How long a job takes at most.
        checks: Seconds between two checks of the agent that watches; None for the usual.
        patience: Seconds within which all jobs have ended.
    """

    jobs: int
    kills: int
    most: int
    seconds: float
    checks: float | None
    patience: float


@pytest.mark.live
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(60, 10, 4, 0.5, 1.0, 90.0), id="short"),
        pytest.param(Size(200, 30, 6, 1.5, None, 400.0), id="full", marks=pytest.mark.long),
    ],
)
def test_random_kills_on_the_server_lose_no_job_double_none_and_never_run_too_many(
    size: Size,
    place: Path,
    sshd: Sshd,
    open_fleet: OpenFleet,
    monkeypatch: pytest.MonkeyPatch,
    tell: Tell,
) -> None:
    if size.checks is not None:
        check_often(monkeypatch, size.checks)
    # Who is killed may be at work on this, which otherwise happens once in a thousand jobs.
    alter_program(
        monkeypatch,
        ("exauq_queue_done_most=1000", "exauq_queue_done_most=5"),
        ("exauq_journal_most=4194304", "exauq_journal_most=4096"),
    )
    rng = random.Random(size.jobs)
    site = Site(place, sshd, max_running=size.most)
    killer = Killer(site, rng)
    points = make_points(size.jobs, seed=size.jobs, seconds=(0.1, size.seconds))
    fleet = open_fleet()
    kinds = [KINDS[number % len(KINDS)] for number in range(size.kills)]
    rng.shuffle(kinds)

    unsent = list(points)
    for kind in kinds:
        moment = site.ledger.starts().total() + rng.randint(0, 2)
        while unsent and size.jobs - len(unsent) < moment + 3 * size.most:
            fleet.submit("lab", [Input(*point) for point in unsent[: 3 * size.most]])
            del unsent[: 3 * size.most]
            killer.kill_filler_of_submission()
        wait_until(
            lambda moment=moment: site.ledger.starts().total() >= moment,  # type: ignore[misc]
            f"{moment} jobs have begun",
            size.patience,
        )
        killer.kill(kind)
    fleet.submit("lab", [Input(*point) for point in unsent])
    try:
        wait_until(
            lambda: len(fleet.rows()) == size.jobs and all(map(is_over, fleet.rows())),
            "all jobs have ended",
            size.patience,
        )
    finally:
        starts = site.ledger.starts()
        tell(
            jobs=size.jobs,
            kills=killer.count.total(),
            lost=size.jobs - sum(row.is_terminal for row in fleet.rows()),
            doubled=sum(number > 1 for number in starts.values()),
            most_at_once=f"{site.ledger.most_at_once()} of {size.most}",
            killed=dict(killer.count),
        )
    assert killer.count.total() >= size.kills
    assert set(starts) <= set(points)
    assert set(starts.values()) == {1}
    assert site.ledger.most_at_once() <= size.most
    for row in fleet.rows():
        check(row, site, was_killed=row.job_id in killer.touched)


def is_over(row: JobRow) -> bool:
    """Whether a job has ended, and its output was looked at."""
    if row.status is JobStatus.COMPLETED:
        return row.output is not None or bool(row.output_error)
    return row.is_terminal


def check(row: JobRow, site: Site, *, was_killed: bool) -> None:
    """Check what is said of a job against what its simulator told the ledger."""
    point: Point = tuple(row.inputs)
    came_to_its_end = point in site.ledger.ends()
    assert row.status in (JobStatus.COMPLETED, JobStatus.FAILED), row
    has_output = (site.workspace / row.job_id / "output.txt").exists()
    assert (row.status is JobStatus.COMPLETED) is has_output, row
    if came_to_its_end:
        assert row.output == simulate(*point), row
    if was_killed:
        # An exit code is known of an end that was seen; of any other the note says it.
        seen = row.exit_code is not None
        assert row.note == "" if seen else "not witnessed" in row.note or "never" in row.note, row
    else:
        assert came_to_its_end, row
        assert (row.status, row.exit_code, row.note) == (JobStatus.COMPLETED, 0, ""), row
