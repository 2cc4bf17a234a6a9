"""Submitting many jobs at once, until the server has accepted them."""

from __future__ import annotations

import os
import statistics
import time

from benchmarks.command import Options, at_every_delay, main
from benchmarks.lab import Lab
from benchmarks.plain import submit_command
from benchmarks.report import Budget, Finding, Floor, timed

BUDGET = Budget(4, 0.150, 1000)
TRUE = "/bin/true"


def run(lab: Lab, options: Options) -> list[Finding]:
    """Measure submissions into new workspaces."""
    return at_every_delay(
        lab,
        options,
        options.sizes((100, 1000, 10_000), (1000,)),
        lambda jobs: jobs,
        lambda jobs, floor: [_measure(lab, options, jobs, floor)],
    )


def _measure(lab: Lab, options: Options, jobs: int, floor: Floor) -> Finding:
    script = lab.write_script("unused.sh", "#!/bin/sh\n")
    here = lab.new_directory()
    here.mkdir()
    submissions = (
        (submit_command(f"{here}/{job.id}", f"{TRUE} {script}"), job.data.to_csv() + "\n")
        for job in lab.new_jobs(jobs)
    )
    baseline = jobs * lab.seconds_by_hand(submissions)
    return timed(
        f"submit {jobs:,} jobs, until accepted",
        statistics.median(_time(lab, jobs) for _ in range(options.repeat)),
        floor,
        baseline=baseline,
        budget=BUDGET,
        jobs=jobs,
    )


def _time(lab: Lab, count: int) -> float:
    """Time one submission into a new workspace; its jobs start at once, as anybody's do."""
    script = lab.write_script("unused.sh", "#!/bin/sh\n")
    jobs = lab.new_jobs(count)
    with lab.interface(
        lab.new_directory(), script, TRUE, max_running=os.cpu_count() or 1
    ) as interface:
        begun = time.perf_counter()
        answers = interface.submit_jobs(jobs)
        taken = time.perf_counter() - begun
        refused = [answer for answer in answers.values() if answer is not None]
        assert not refused, f"{len(refused)} jobs were not accepted: {refused[0]}"
        # What still waits would trouble what is measured next.
        interface.cancel_jobs([job.id for job in jobs])
    return taken


if __name__ == "__main__":
    main(__doc__, run)
