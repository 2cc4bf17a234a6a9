"""What jobs cost that run while nothing changes: the server's processor, and the link."""

from __future__ import annotations

import time

from benchmarks.command import Options, main
from benchmarks.lab import SAMPLE, SLEEPER, Lab, wait_until
from benchmarks.plain import look_command
from benchmarks.report import Finding
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.snapshot import ServerState

MOST_CPU = 0.005
KEEPALIVE = 3.0
"""Seconds of silence after which the link is looked after (DESIGN.md, section 6)."""

SWEEP = 60.0
"""Seconds in which the plain script goes through its jobs once."""

CALM = 6.0
"""Seconds after the last start until all is calm: looks are frequent just after a submission."""


def run(lab: Lab, options: Options) -> list[Finding]:
    """Watch a fleet whose jobs all sleep."""
    lab.set_round_trip(options.round_trips[0])
    findings = []
    for jobs in options.sizes((1000,), (300,)):
        findings += _watch(lab, jobs, options.seconds)
    return findings


def _watch(lab: Lab, count: int, seconds: float) -> list[Finding]:
    script = lab.write_script("sleeper.sh", SLEEPER)
    workspace = lab.new_directory()
    with lab.fleet(workspace, script) as fleet:
        wait_until(lambda: fleet.server("benchmark").state is ServerState.UP, "the server is up")
        fleet.submit("benchmark", [Input(number) for number in range(count)])
        wait_until(
            lambda: all(row.status is JobStatus.RUNNING for row in fleet.rows()),
            "all jobs run",
            300.0,
        )
        time.sleep(CALM)
        before, carried = lab.usage(), lab.proxy.traffic()
        time.sleep(seconds)
        after, traffic = lab.usage(), lab.proxy.traffic().since(carried)
        keys = [row.key for row in fleet.rows()]
        directories = [row.directory for row in fleet.rows()[:SAMPLE]]
        with lab.plain() as plain:  # which is open already, and has to be still when it is measured
            begun = lab.usage()
            plain.seconds_each([(look_command(directory), "") for directory in directories])
            each = (lab.usage().cpu - begun.cpu) / len(directories)
        fleet.cancel(keys)
        wait_until(lambda: all(row.is_terminal for row in fleet.rows()), "all jobs have ended")
    watched = after.at - before.at
    turns = traffic.turns
    share = max(0.0, after.cpu - before.cpu) / watched
    # The plain script goes through its jobs once a minute.
    return [
        Finding(
            f"idle: the server's processor, {count:,} jobs running ({after.processes:,} processes)",
            f"{share:.2%} of a core",
            gain=each * count / SWEEP / share if share else None,
            budget=f"< {MOST_CPU:.1%}" + (" (at 1,000 jobs)" if count != 1000 else ""),
            met=share < MOST_CPU,
        ),
        Finding(
            f"idle: round trips in {watched:.0f} s, {count:,} jobs running",
            f"{turns}, {traffic.to_server + traffic.to_client:,} bytes",
            gain=count / SWEEP * watched / turns if turns else None,
            budget=f"≤ 1 in {KEEPALIVE:g} s",
            met=turns <= watched / KEEPALIVE,
        ),
    ]


if __name__ == "__main__":
    main(__doc__, run)
