"""Reading the outputs of many completed jobs."""

from __future__ import annotations

from benchmarks.command import Options, at_every_delay, main
from benchmarks.lab import Lab, median_time
from benchmarks.report import Budget, Finding, Floor, timed
from benchmarks.workspace import FullWorkspace, make_full_workspace

BUDGET = Budget(3, 0.100, 1000)


def run(lab: Lab, options: Options) -> list[Finding]:
    """Measure the reading of all outputs."""
    return at_every_delay(
        lab,
        options,
        options.sizes((1000, 10_000), (1000,)),
        lambda jobs: make_full_workspace(lab, jobs),
        lambda full, floor: [_measure(lab, options, full, floor)],
    )


def _measure(lab: Lab, options: Options, full: FullWorkspace, floor: Floor) -> Finding:
    jobs = len(full.ids)
    reads = ((f"cat '{full.path}/{job_id}/output.txt'", "") for job_id in full.ids)
    baseline = jobs * lab.seconds_by_hand(reads)
    with lab.interface(full.path, full.script) as interface:
        outputs = interface.get_job_outputs(full.ids)
        assert set(outputs.values()) == {1.25}, "every output is the number that was written"
        taken = median_time(lambda: interface.get_job_outputs(full.ids), options.repeat)
    return timed(
        f"outputs of {jobs:,} jobs", taken, floor, baseline=baseline, budget=BUDGET, jobs=jobs
    )


if __name__ == "__main__":
    main(__doc__, run)
