"""Submitting many jobs at once, until the server has accepted them."""

from __future__ import annotations

import os
import statistics
import time

from benchmarks.command import Options, main
from benchmarks.lab import PATIENCE, SAMPLE, Lab, takes_max_running, wait_until
from benchmarks.plain import submit_command
from benchmarks.report import Budget, Finding, Floor, timed
from exauq_tui.hardware.status import TERMINAL_STATUSES

BUDGET = Budget(4, 0.150, 1000)
TRUE = "/bin/true"


def run(lab: Lab, options: Options) -> list[Finding]:
    """Measure submissions into new workspaces."""
    # Without a limit on the server each of these jobs would be two processes at once.
    full = (100, 1000) if takes_max_running() else (200,)
    findings = []
    for jobs in options.sizes(full, full[-1:]):
        findings += [
            _measure(lab, options, jobs, lab.set_round_trip(round_trip))
            for round_trip in options.round_trips
        ]
    return findings


def _measure(lab: Lab, options: Options, jobs: int, floor: Floor) -> Finding:
    script = lab.write_script("unused.sh", "#!/bin/sh\n")
    here = lab.new_directory()
    here.mkdir()
    with lab.plain() as plain:
        sample = [
            (submit_command(f"{here}/{job.id}", f"{TRUE} {script}"), job.data.to_csv() + "\n")
            for job in lab.new_jobs(SAMPLE)
        ]
        baseline = jobs * plain.seconds_each(sample)
    times = [_time(lab, jobs) for _ in range(options.repeat)]
    return timed(
        f"submit {jobs:,} jobs, until accepted",
        statistics.median(times),
        floor,
        baseline=baseline,
        budget=BUDGET,
        jobs=jobs,
    )


def _time(lab: Lab, count: int) -> float:
    """Time one submission into a new workspace, then wait until its jobs trouble nobody."""
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

        def all_have_ended() -> bool:
            time.sleep(0.3)  # looking takes processor time that the jobs need
            reports = interface.look(None).reports
            return all(report.status in TERMINAL_STATUSES for report in reports)

        wait_until(all_have_ended, "all submitted jobs have ended", PATIENCE + 0.2 * count)
    return taken


if __name__ == "__main__":
    main(__doc__, run)
