"""Every benchmark, one after the other, and one table at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from benchmarks import cancel, cold_start, idle, outputs, push, refresh, start_rate, submit
from benchmarks.command import Benchmark, Options, end_by_exception, introduction, parse
from benchmarks.lab import Lab
from benchmarks.report import LEGEND, Finding, describe_floor, table

BENCHMARKS: Mapping[str, Benchmark] = {
    "refresh": refresh.run,
    "submit": submit.run,
    "outputs": outputs.run,
    "cold_start": cold_start.run,
    "push": push.run,
    "cancel": cancel.run,
    "start_rate": start_rate.run,
    "idle": idle.run,
}


def run_all(options: Options) -> str:
    """Run all of them, each with a server of its own, and give the report as Markdown."""
    findings: list[Finding] = []
    floors: list[str] = []
    machine = introduction(options)
    for name, benchmark in BENCHMARKS.items():
        begun = time.monotonic()
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        with Lab(options.base) as lab:
            findings += benchmark(lab, options)
            # The first benchmark measures the link at every delay; one line for each is enough.
            floors = floors or [describe_floor(floor) for floor in lab.floors]
        print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    return "\n".join([f"{machine} {' '.join(floors)}", "", table(findings), "", LEGEND])


if __name__ == "__main__":
    arguments = parse(__doc__)
    end_by_exception()
    print(run_all(arguments))
