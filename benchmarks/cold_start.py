"""From nothing to knowing all jobs: TCP, authentication, the agent, and a first full look."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

from benchmarks.command import Options, at_every_delay, main
from benchmarks.lab import Lab, median_time
from benchmarks.plain import look_command
from benchmarks.report import Budget, Finding, Floor, timed
from benchmarks.workspace import FullWorkspace, make_full_workspace

BUDGET = Budget(14, 0.0, 1000)


def run(lab: Lab, options: Options) -> list[Finding]:
    """Measure in a process that has imported everything already."""
    return at_every_delay(
        lab,
        options,
        options.sizes((1000,), (1000,)),
        lambda jobs: make_full_workspace(lab, jobs),
        lambda full, floor: [_measure(lab, options, full, floor)],
    )


def _measure(lab: Lab, options: Options, full: FullWorkspace, floor: Floor) -> Finding:
    jobs = len(full.ids)

    def connect_plainly() -> None:
        with lab.plain() as plain:
            plain.run("true")

    looks = ((look_command(f"{full.path}/{job_id}"), "") for job_id in full.ids)
    baseline = median_time(connect_plainly, 3) + jobs * lab.seconds_by_hand(looks)
    times, turns = [], []
    for _ in range(options.repeat):
        earlier = lab.proxy.traffic()
        begun = time.perf_counter()
        with lab.interface(full.path, full.script) as interface:
            seen = interface.look(None)
            times.append(time.perf_counter() - begun)
            turns.append(lab.proxy.traffic().since(earlier).turns)
        assert len(seen.reports) == jobs
    taken = statistics.median(times)
    what = f"cold start, {jobs:,} jobs, {statistics.median(turns):.0f} turns"
    if not floor.round_trip:  # a budget in round trips says nothing where these cost nothing
        return timed(what, taken, floor, baseline=baseline)
    found = timed(what, taken, floor, baseline=baseline, budget=BUDGET, jobs=jobs)
    return replace(found, figure=f"{found.figure} = {taken / floor.round_trip:.1f} RTT")


if __name__ == "__main__":
    main(__doc__, run)
