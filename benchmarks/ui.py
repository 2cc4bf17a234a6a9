"""The dashboard in a real pseudo-terminal: start, keys, memory, and what it costs to look at it."""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.command import Options, main
from benchmarks.lab import Lab
from benchmarks.report import Finding, show_seconds
from benchmarks.terminal import Terminal
from exauq_tui.app.preferences import Preferences, PreferencesFile
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.locations import CONFIG_VARIABLE, DATA_VARIABLE
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.stored_job import JobUpdate

FIRST_PAINT_JOBS = 10_000
MOST_TIMES_EMPTY = 1.75
MOST_P95 = 0.016
MOST_MEMORY = 150e6
MOST_MEMORY_JOBS = 100_000
LEAST_JOBS = 100
RATE = 500
KEYS = 40
"""How many keys are pressed for each time that things are measured."""

WATCHED = 20.0
"""Seconds for which an idle dashboard is watched at most."""

_STARTS = 5
"""How many times things are started at least: the first of them read from the disk."""

_SETTLES = 3.0
_PAUSES = 0.05
"""Seconds between keys, on average."""

_MARKED = r"(?<![0-9,])([0-9,]+) marked"

_CONFIG = """\
[servers.benchmark]
kind = "unix"
user = "alice"
host = "127.0.0.1"
port = 1
program = "true"
script_path = "none"
workspace_dir = "none"
input_names = ["x1", "x2", "x3"]
"""
_BEGUN = 1_790_000_000.0
"""When the first job was submitted, in seconds since 1970."""

_WHEEL = (JobStatus.COMPLETED, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.SUBMITTED)


@dataclass(frozen=True, slots=True)
class Site:
    """A configuration and a record with jobs in it.

    Attributes:
        directory: Where both are.
        jobs: How many jobs.
        first: How the id ends of the job that the table shows first.
    """

    directory: Path
    jobs: int
    first: str

    @property
    def environ(self) -> dict[str, str]:
        """What makes programs use it."""
        return {
            CONFIG_VARIABLE: str(self.directory / "config.toml"),
            DATA_VARIABLE: str(self.directory),
            "HOME": str(self.directory),
        }


@contextmanager
def site(base: Path, jobs: int) -> Iterator[Site]:
    """Make a configuration, and a record of jobs in every status, sorted by the output."""
    with tempfile.TemporaryDirectory(prefix="exauq-ui-", dir=base) as name:
        directory = Path(name)
        (directory / "config.toml").write_text(_CONFIG)
        chance = random.Random(jobs)
        points = [
            Input(chance.random(), chance.gauss(0, 1), float(number)) for number in range(jobs)
        ]
        place = ("benchmark", "alice@127.0.0.1:1", "/home/alice/none")
        with Record(directory / "jobs.sqlite3") as record:
            stored = record.add_jobs(*place, True, points, batch="design.csv")
            record.apply([_ended(job.key, number) for number, job in enumerate(stored)])
        PreferencesFile(directory).write(Preferences(sort="output", descending=False))
        yield Site(directory, jobs, stored[0].job_id[-6:])


def _ended(key: int, number: int) -> JobUpdate:
    """What a server tells of a job; with times of its own, as each takes memory."""
    status = _WHEEL[number % len(_WHEEL)]
    submitted = _BEGUN + number * 0.25
    known = JobUpdate(key, status=status, submitted=submitted, last_seen=submitted + 15.0)
    if status is JobStatus.SUBMITTED:
        return known
    ended = replace(known, started=submitted + 0.125, finished=submitted + 14.5, exit_code=1)
    if status is JobStatus.FAILED:
        return ended
    output = number * 0.37
    text = f"{output!r}\n"
    return replace(
        ended, output=output, output_text=text, output_read=submitted + 15.5, exit_code=0
    )


def run(lab: Lab, options: Options) -> list[Finding]:
    """Measure the dashboard; the server is of no use here."""
    del lab
    keys = KEYS * options.repeat
    findings = [_key_finding("an empty Textual app", _keys_of_empty_app(keys), is_floor=True)]
    sizes = options.sizes((1_000, FIRST_PAINT_JOBS, MOST_MEMORY_JOBS), (1_000, MOST_MEMORY_JOBS))
    for jobs in sizes:
        # With a few rows the cursor would soon be at the end, where a key marks and unmarks.
        with site(options.base, max(jobs, LEAST_JOBS)) as made:
            findings += _start(made, options.repeat)
            findings += _idle(made, keys, min(WATCHED, options.seconds))
            findings.append(_under_load(made, keys))
    if FIRST_PAINT_JOBS not in sizes and not options.jobs:
        with site(options.base, FIRST_PAINT_JOBS) as made:
            findings += _start(made, options.repeat)
    return findings


def _dashboard(made: Site) -> Terminal:
    return Terminal(["-m", "exauq_tui"], made.environ)


def _empty_app() -> Terminal:
    return Terminal(["-m", "benchmarks.empty_app"], {})


def _start(made: Site, repeat: int) -> list[Finding]:
    """From the start of the program to the first row, and to all, beside that of an empty app."""
    empty, full, complete = [], [], []
    for _ in range(max(repeat, _STARTS)):
        with _empty_app() as terminal:
            empty.append(terminal.until("0 marked") - terminal.started)
        with _dashboard(made) as terminal:
            # The row itself, with the cursor on it: the number of all jobs comes later.
            full.append(terminal.until(f"▸.{{0,200}}?{made.first}") - terminal.started)
            complete.append(terminal.until(f"1 of {made.jobs:,}") - terminal.started)
    return [
        # The least of each: whatever else the machine does only adds to them.
        first_row_finding(made.jobs, min(full), min(empty)),
        Finding(
            f"ui: start to all rows, {made.jobs:,} jobs in the record",
            f"{min(complete) / min(empty):.2f} × ({show_seconds(min(complete))})",
        ),
    ]


def first_row_finding(jobs: int, seconds: float, empty: float) -> Finding:
    """Set the start against that of an empty app; other sizes than the budget's have none."""
    has_budget = jobs == FIRST_PAINT_JOBS
    return Finding(
        f"ui: start to first row, {jobs:,} jobs in the record",
        f"{seconds / empty:.2f} × ({show_seconds(seconds)} against {show_seconds(empty)})",
        budget=f"≤ {MOST_TIMES_EMPTY} × an empty Textual app" if has_budget else "",
        met=seconds / empty <= MOST_TIMES_EMPTY if has_budget else None,
    )


def memory_finding(rows: int, memory: float) -> Finding:
    """Set the memory, in bytes, against what is allowed at the one size that has a budget."""
    has_budget = rows == MOST_MEMORY_JOBS
    return Finding(
        f"ui: memory, {rows:,} rows",
        f"{memory / 1e6:.0f} MB",
        budget=f"≤ {MOST_MEMORY / 1e6:.0f} MB" if has_budget else "",
        met=memory <= MOST_MEMORY if has_budget else None,
    )


def _keys_of_empty_app(count: int) -> list[float]:
    with _empty_app() as terminal:
        terminal.until("0 marked")
        return _press(terminal, count)


def _idle(made: Site, keys: int, seconds: float) -> list[Finding]:
    """Memory, processor and keys while nothing changes."""
    with _dashboard(made) as terminal:
        terminal.until(f"1 of {made.jobs:,}")
        terminal.rest(_SETTLES)
        memory = terminal.memory()
        before = terminal.processor()
        terminal.rest(seconds)
        share = (terminal.processor() - before) / seconds
        times = _press(terminal, keys, _mark_the_last(terminal))
    return [
        memory_finding(made.jobs, memory),
        Finding(f"ui: the processor while nothing changes, {made.jobs:,} rows", f"{share:.1%}"),
        _key_finding(f"{made.jobs:,} rows, nothing changes", times),
    ]


def _under_load(made: Site, keys: int) -> Finding:
    """Keys while many jobs change, in a table that is sorted by what changes."""
    arguments = ["-m", "benchmarks.busy_app", os.fspath(made.directory), "--rate", str(RATE)]
    with Terminal(arguments, made.environ) as terminal:
        terminal.until(f"1 of {made.jobs:,}")
        terminal.rest(_SETTLES)
        marked = _mark_the_last(terminal)
        before = terminal.processor()
        times = _press(terminal, keys, marked)
        share = (terminal.processor() - before) / (sum(times) + _PAUSES * keys)
    finding = _key_finding(f"{made.jobs:,} rows, {RATE} changes a second", times)
    return Finding(
        finding.what,
        f"{finding.figure}; {share:.0%} of a core",
        budget=finding.budget,
        met=finding.met,
    )


def _mark_the_last(terminal: Terminal) -> int:
    """Mark some jobs at the far end, and go back to the first; how many are marked.

    Where jobs change places, the next one may be marked already, and a key takes that back: a
    number of marks is on the screen all the same, as there are always some.
    """
    terminal.write(b"Gvkkkkv")
    _, marked = terminal.until_other(_MARKED, 0)
    terminal.write(b"g")
    terminal.rest(_SETTLES)
    return marked


def _press(terminal: Terminal, count: int, number: int = 0) -> list[float]:
    """Mark one job after the other, and measure until another number of marks is on the screen.

    Args:
        terminal: Where.
        count: How many keys are pressed.
        number: How many jobs are marked already.
    """
    chance = random.Random(count)
    times = []
    for _ in range(count):
        # Of changing length, so that keys do not keep step with what is drawn by itself.
        terminal.rest(chance.uniform(0, 2 * _PAUSES))
        begun = time.perf_counter()
        terminal.write(b" ")
        at, number = terminal.until_other(_MARKED, number)
        times.append(at - begun)
    return times


def _key_finding(what: str, times: Sequence[float], *, is_floor: bool = False) -> Finding:
    p50 = statistics.median(times)
    p95 = statistics.quantiles(times, n=20)[-1]
    figure = f"p50 {show_seconds(p50)}, p95 {show_seconds(p95)}"
    if is_floor:
        return Finding(f"ui: key to paint, {what}", figure)
    return Finding(
        f"ui: key to paint, {what}",
        figure,
        budget=f"p95 ≤ {show_seconds(MOST_P95)}",
        met=p95 <= MOST_P95,
    )


if __name__ == "__main__":
    main(__doc__, run)
