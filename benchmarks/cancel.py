"""Cancelling running jobs, until nothing of them is left: obedient ones, and deaf ones."""

from __future__ import annotations

import statistics
import time

from benchmarks.command import Options, main
from benchmarks.lab import SLEEPER, Lab
from benchmarks.report import Budget, Finding, Floor, timed
from benchmarks.workspace import wait_until_ready
from exauq_tui.hardware.status import JobStatus

GRACE = 2
BUDGET = Budget(0, GRACE + 1)
DEAF = SLEEPER.replace("\n", "\ntrap '' TERM\n", 1)


def run(lab: Lab, options: Options) -> list[Finding]:
    """Measure both kinds at the last of the round-trip times: it matters little here."""
    floor = lab.set_round_trip(options.round_trips[-1])
    findings = []
    for jobs in options.sizes((10, 100, 300), (20,)):
        for name, text, wait in (("obedient", SLEEPER, 0.0), ("deaf to TERM", DEAF, GRACE)):
            findings.append(_measure(lab, options, jobs, floor, name, text, wait))
    return findings


def _measure(
    lab: Lab, options: Options, jobs: int, floor: Floor, name: str, text: str, wait: float
) -> Finding:
    times = [_time(lab, jobs, text) for _ in range(min(options.repeat, 3))]
    # A plain script does the same for one job after the other.
    baseline = jobs * (floor.exec_true + wait)
    return timed(
        f"cancel {jobs:,} jobs ({name}), grace {GRACE} s",
        statistics.median(times),
        floor,
        baseline=baseline,
        budget=BUDGET,
        jobs=jobs,
    )


def _time(lab: Lab, count: int, text: str) -> float:
    script = lab.write_script(f"stubborn-{len(text)}.sh", text)
    jobs = lab.new_jobs(count)
    ids = [job.id for job in jobs]
    workspace = lab.new_directory()
    with lab.interface(workspace, script, cancel_grace=GRACE, max_running=0) as interface:
        interface.submit_jobs(jobs)
        wait_until_ready(workspace, ids)
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
