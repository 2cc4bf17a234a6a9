"""Jobs started per second, from submission on, against what the machine can start at all."""

from __future__ import annotations

import os
import statistics
import time

from benchmarks.command import Options, main
from benchmarks.lab import PATIENCE, SAMPLE, Lab, wait_until
from benchmarks.plain import submit_command
from benchmarks.report import Finding
from benchmarks.workspace import by_id
from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.status import TERMINAL_STATUSES
from exauq_tui.jobs import JobId

SHARE = 0.13
TRUE = "/bin/true"
SPAWNS = 300


def run(lab: Lab, options: Options) -> list[Finding]:
    """Measure at no delay: the link has no part in it."""
    lab.set_round_trip(0.0)
    findings = []
    for jobs in options.sizes((1000,), (200,)):
        # Taken in turns, since the machine may be busier at one time than at another.
        rates, raw = [], []
        for _ in range(options.repeat):
            raw.append(spawn_rate())
            rates.append(_start_rate(lab, jobs))
        share = statistics.median(rate / most for rate, most in zip(rates, raw, strict=True))
        rate = statistics.median(rates)
        findings.append(
            Finding(
                f"jobs started per second, of {jobs:,} (posix_spawn: "
                f"{statistics.median(raw):,.0f}/s)",
                f"{rate:,.0f}/s = {share:.0%}",
                gain=rate * _plain_seconds(lab),
                budget=f"≥ {SHARE:.0%} of posix_spawn",
                met=share >= SHARE,
            )
        )
    return findings


def spawn_rate() -> float:
    """Measure how many times a second this machine runs ``true``, one after the other."""
    begun = time.perf_counter()
    for _ in range(SPAWNS):
        os.waitpid(os.posix_spawn(TRUE, ["true"], os.environ), 0)
    return SPAWNS / (time.perf_counter() - begun)


def _start_rate(lab: Lab, count: int) -> float:
    script = lab.write_script("unused.sh", "#!/bin/sh\n")
    jobs = lab.new_jobs(count)
    with lab.interface(
        lab.new_directory(), script, TRUE, max_running=os.cpu_count() or 1
    ) as interface:
        begun = time.time()
        interface.submit_jobs(jobs)
        reports: dict[JobId, JobReport] = {}

        def all_have_ended() -> bool:
            time.sleep(0.5)  # looking takes processor time that the jobs need
            reports.update(by_id(interface.look(None).reports))
            return all(report.status in TERMINAL_STATUSES for report in reports.values())

        wait_until(all_have_ended, "all jobs have ended", PATIENCE + 0.2 * count)
    assert len(reports) == count
    # One machine, so that the server's clock is ours.
    return count / (max(report.started or 0.0 for report in reports.values()) - begun)


def _plain_seconds(lab: Lab) -> float:
    """How long one exec takes that starts one job."""
    here = lab.new_directory()
    here.mkdir()
    return lab.seconds_by_hand(
        (submit_command(f"{here}/{job.id}", f"{TRUE} x"), job.data.to_csv() + "\n")
        for job in lab.new_jobs(SAMPLE)
    )


if __name__ == "__main__":
    main(__doc__, run)
