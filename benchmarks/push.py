"""From a simulator's last act to a Completed row in the store that the screens read."""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path

from benchmarks.command import Options, at_every_delay, main
from benchmarks.lab import PATIENCE, Lab, wait_until
from benchmarks.plain import look_command
from benchmarks.report import Budget, Finding, Floor, timed
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.snapshot import ServerState

BUDGET = Budget(0.5, 0.150)
SWEPT = 100
"""How many jobs the per-job baseline goes through again and again."""

FIRST_END = 5.5
"""Seconds after which the first job ends: looks are frequent just after a submission."""
APART = 0.37
"""Seconds between the ends; no simple fraction of the time between looks."""

# Its last act is to print the time, into the job's log.
TELLER = '#!/bin/sh\nread -r pause <"$1"\nsleep "$pause"\necho 1 >"$2"\nexec date +%s.%N\n'


def run(lab: Lab, options: Options) -> list[Finding]:
    """Measure with the fleet as the dashboard runs it."""
    return at_every_delay(
        lab,
        options,
        options.sizes((30,), (8,)),
        lambda jobs: jobs,
        lambda jobs, floor: _measure(lab, jobs, floor),
    )


def _measure(lab: Lab, count: int, floor: Floor) -> list[Finding]:
    script = lab.write_script("teller.sh", TELLER)
    workspace = lab.new_directory()
    with lab.fleet(workspace, script) as fleet:
        seen = _watch(fleet, [FIRST_END + APART * number for number in range(count)])
    delays = []
    for directory, at in seen.items():
        delays.append(at - float((workspace / directory / "teller.sh.out").read_text()))
    # On average an end falls into the middle of a sweep over all jobs.
    looks = ((look_command(f"{workspace}/{name}"), "") for name in seen)
    baseline = SWEPT / 2 * lab.seconds_by_hand(looks)
    middle = statistics.median(delays)
    return [
        timed(
            "job end until in the store, median", middle, floor, baseline=baseline, budget=BUDGET
        ),
        timed("job end until in the store, longest", max(delays), floor),
    ]


def _watch(fleet: Fleet, pauses: list[float]) -> dict[str, float]:
    """Submit one job per pause; when each was first seen as Completed, by the wall clock."""
    wait_until(lambda: fleet.server("benchmark").state is ServerState.UP, "the server is up")
    seen: dict[str, float] = {}
    news = threading.Event()
    fleet.set_listener(news.set)
    fleet.submit("benchmark", [Input(pause) for pause in pauses])
    deadline = time.monotonic() + max(pauses) + PATIENCE
    while len(seen) < len(pauses):
        if not news.wait(deadline - time.monotonic()):
            raise TimeoutError(f"{len(seen)} of {len(pauses)} jobs were seen to end")
        at = time.time()
        news.clear()
        for row in fleet.drain().jobs:
            if row.is_terminal:
                assert row.status is JobStatus.COMPLETED, f"job {row.job_id}: {row.status}"
                seen.setdefault(Path(row.directory).name, at)
    fleet.set_listener(None)
    return seen


if __name__ == "__main__":
    main(__doc__, run)
