"""Every benchmark, one after the other, and one table at the end."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import cancel, cold_start, idle, outputs, push, refresh, start_rate, submit, ui
from benchmarks.command import Benchmark, main

BENCHMARKS: Mapping[str, Benchmark] = {
    "refresh": refresh.run,
    "submit": submit.run,
    "outputs": outputs.run,
    "cold_start": cold_start.run,
    "push": push.run,
    "cancel": cancel.run,
    "start_rate": start_rate.run,
    "idle": idle.run,
    "ui": ui.run,
}

if __name__ == "__main__":
    main(__doc__, BENCHMARKS)
