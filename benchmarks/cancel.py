"""Cancelling jobs until nothing of them is left: obedient ones, deaf ones, and a long queue."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from benchmarks.command import Options, main
from benchmarks.lab import SLEEPER, Lab
from benchmarks.report import Budget, Finding, Floor, timed
from benchmarks.workspace import wait_until_ready
from exauq_tui.hardware.status import JobStatus

GRACE = 2
BUDGET = Budget(0, GRACE + 1)
DEAF = SLEEPER.replace("\n", "\ntrap '' TERM\n", 1)
SLOTS = 100


@dataclass(frozen=True, slots=True)
class Kind:
    """What is cancelled.

    Attributes:
        name: What it is called in the table.
        simulator: What runs.
        wait: Seconds for which one of these jobs outlives its first signal.
        slots: How many of them run at once, while the rest is queued; 0 for all.
    """

    name: str
    simulator: str
    wait: float = 0.0
    slots: int = 0


OBEDIENT = Kind("obedient", SLEEPER)
STUBBORN = Kind("deaf to TERM", DEAF, GRACE)
QUEUED = Kind(f"all but {SLOTS} of them queued", SLEEPER, slots=SLOTS)


def run(lab: Lab, options: Options) -> list[Finding]:
    """Measure all kinds at the last of the round-trip times: it matters little here."""
    floor = lab.set_round_trip(options.round_trips[-1])
    # 10,000 at once would be 20,000 processes: more than an account may have on most machines.
    cases = [
        (kind, jobs)
        for kind in (OBEDIENT, STUBBORN)
        for jobs in options.sizes((10, 100, 1000), (10, 100))
    ]
    cases += [(QUEUED, jobs) for jobs in options.sizes((10_000,), (1000,))]
    return [_measure(lab, options, kind, jobs, floor) for kind, jobs in cases]


def _measure(lab: Lab, options: Options, kind: Kind, jobs: int, floor: Floor) -> Finding:
    times = [_time(lab, kind, jobs) for _ in range(min(options.repeat, 3))]
    # A plain script does the same for one job after the other.
    baseline = jobs * (floor.exec_true + kind.wait)
    return timed(
        f"cancel {jobs:,} jobs ({kind.name}), grace {GRACE} s",
        statistics.median(times),
        floor,
        baseline=baseline,
        budget=BUDGET,
        jobs=jobs,
    )


def _time(lab: Lab, kind: Kind, count: int) -> float:
    script = lab.write_script(f"sleeper-{len(kind.simulator)}.sh", kind.simulator)
    jobs = lab.new_jobs(count)
    ids = [job.id for job in jobs]
    workspace = lab.new_directory()
    with lab.interface(workspace, script, cancel_grace=GRACE, max_running=kind.slots) as interface:
        interface.submit_jobs(jobs)
        wait_until_ready(workspace, ids[: kind.slots or count])
        begun = time.perf_counter()
        answers = interface.cancel_jobs(ids)
        taken = time.perf_counter() - begun
        failures = [answer for answer in answers.values() if answer is not None]
        assert not failures, f"{len(failures)} jobs were not cancelled: {failures[0]}"
        statuses = set(interface.get_job_statuses(ids).values())
        assert statuses == {JobStatus.CANCELLED}, f"jobs are {statuses}"
    return taken


if __name__ == "__main__":
    main(__doc__, run)
