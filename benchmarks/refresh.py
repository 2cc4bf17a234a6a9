"""One look at all jobs of a workspace: in full, and as changes since the last look."""

from __future__ import annotations

import statistics
import time

from benchmarks.command import Options, at_every_delay, main
from benchmarks.lab import Lab
from benchmarks.plain import look_command
from benchmarks.report import Budget, Finding, Floor, timed
from benchmarks.workspace import FullWorkspace, make_full_workspace
from exauq_tui.hardware import UnixServerScriptInterface

CHANGES = 10
RUNNING = 3
DELTA = Budget(1.2, 0.010)


def run(lab: Lab, options: Options) -> list[Finding]:
    """Measure both kinds of look."""
    return at_every_delay(
        lab,
        options,
        options.sizes((100, 1000, 10_000), (1000,)),
        lambda jobs: make_full_workspace(lab, jobs, RUNNING),
        lambda full, floor: _measure(lab, options, full, floor),
    )


def _measure(lab: Lab, options: Options, full: FullWorkspace, floor: Floor) -> list[Finding]:
    jobs = len(full.ids)
    looks = ((look_command(f"{full.path}/{job_id}"), "") for job_id in full.ids)
    baseline = jobs * lab.seconds_by_hand(looks)
    with lab.interface(full.path, full.script) as interface:
        whole = statistics.median(_time_full(interface, jobs) for _ in range(options.repeat))
        changes = _time_changes(interface, full, 2 * options.repeat)
    return [
        timed(f"refresh in full, {jobs:,} jobs", whole, floor, baseline=baseline),
        timed(
            f"refresh, {jobs:,} jobs, {CHANGES} changes",
            changes,
            floor,
            baseline=baseline,
            budget=DELTA,
            jobs=jobs,
        ),
    ]


def _time_full(interface: UnixServerScriptInterface, jobs: int) -> float:
    begun = time.perf_counter()
    seen = interface.look(None)
    taken = time.perf_counter() - begun
    assert seen.complete, "a look without a cursor tells everything"
    assert len(seen.reports) == jobs + RUNNING, f"{len(seen.reports)} jobs were seen"
    return taken


def _time_changes(interface: UnixServerScriptInterface, full: FullWorkspace, repeat: int) -> float:
    times: list[float] = []
    cursor = interface.look(None).cursor
    some = full.ids[:: max(1, len(full.ids) // CHANGES)][:CHANGES]
    while len(times) < repeat:
        full.report_again(some)
        begun = time.perf_counter()
        seen = interface.look(cursor)
        taken = time.perf_counter() - begun
        cursor = seen.cursor
        if not seen.complete:  # now and then a look is a full one, which is measured above
            assert len(seen.reports) == len(some), f"{len(seen.reports)} changes were seen"
            times.append(taken)
    return statistics.median(times)


if __name__ == "__main__":
    main(__doc__, run)
