"""What all benchmarks share: the command line, the sizes and delays, and how one is run."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.lab import Lab, choose_base, file_seconds
from benchmarks.report import LEGEND, Finding, Floor, describe_floor, describe_machine, table

WATCHED, WATCHED_SHORT = 300.0, 60.0
"""Seconds that take in as many full looks as there are of them on average: one in 60 seconds, and
with 1,000 jobs on such a machine one in 100."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for.

    Attributes:
        jobs: Numbers of jobs; () for what the benchmark takes by itself.
        round_trips: What the proxy adds, in seconds each.
        repeat: How often each thing is measured.
        seconds: How long to watch something where nothing happens.
        base: Where servers and workspaces are made.
        short: Whether the smaller of a benchmark's own sizes are to be taken.
    """

    jobs: tuple[int, ...] = ()
    round_trips: tuple[float, ...] = (0.0, 0.05)
    repeat: int = 5
    seconds: float = WATCHED
    base: Path = field(default_factory=choose_base)
    short: bool = False

    def sizes(self, full: Sequence[int], short: Sequence[int]) -> Sequence[int]:
        """Choose the numbers of jobs."""
        return self.jobs or (short if self.short else full)


Benchmark = Callable[[Lab, Options], list[Finding]]

Case = TypeVar("Case")


def at_every_delay(
    lab: Lab,
    options: Options,
    sizes: Iterable[int],
    prepare: Callable[[int], Case],
    measure: Callable[[Case, Floor], Iterable[Finding]],
) -> list[Finding]:
    """Measure something for each number of jobs, and there at each round-trip time.

    Args:
        lab: The server.
        options: What was asked for.
        sizes: The numbers of jobs.
        prepare: Makes what a number of jobs needs, over a link without delay.
        measure: Measures with that, over a link that costs what it is told.
    """
    findings: list[Finding] = []
    for jobs in sizes:
        lab.proxy.round_trip = 0.0
        case = prepare(jobs)
        for round_trip in options.round_trips:
            findings += measure(case, lab.set_round_trip(round_trip))
    return findings


def parse(description: str, arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--jobs", type=_count, nargs="+", default=(), metavar="N", help="numbers of jobs"
    )
    parser.add_argument(
        "--rtt",
        type=_milliseconds,
        nargs="+",
        metavar="MS",
        help="round-trip times that the proxy adds (default: 0 50)",
    )
    parser.add_argument("--repeat", type=_count, metavar="K", help="measure K times (default: 5)")
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="how long to watch an idle server (default: 300)"
    )
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="where servers and workspaces are made (default: in memory where there is room)",
    )
    parser.add_argument(
        "--short", action="store_true", help="fewer jobs, measured 3 times: what `make bench` runs"
    )
    given = parser.parse_args(arguments)
    short: bool = given.short
    return Options(
        tuple(given.jobs),
        tuple(given.rtt) if given.rtt else (0.0, 0.05),
        given.repeat or (3 if short else 5),
        given.seconds or (WATCHED_SHORT if short else WATCHED),
        given.directory or choose_base(),
        short,
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _milliseconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 5000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 5000")
    return number / 1000


def main(description: str | None, benchmarks: Benchmark | Mapping[str, Benchmark]) -> None:
    """Run one benchmark or several, and print their table.

    Args:
        description: What stands above the options when help is asked for.
        benchmarks: The benchmark; or several, each of which gets a server of its own.
    """
    options = parse((description or "").partition("\n")[0])
    end_by_exception()
    print(run(options, {"": benchmarks} if callable(benchmarks) else benchmarks))


def run(options: Options, benchmarks: Mapping[str, Benchmark]) -> str:
    """Run benchmarks, each with a server of its own, and give the report as Markdown."""
    findings: list[Finding] = []
    floors: dict[float, Floor] = {}
    machine = describe_machine(file_seconds(options.base))
    for name, benchmark in benchmarks.items():
        begun = time.monotonic()
        with Lab(options.base) as lab:
            findings += benchmark(lab, options)
            # Each measures its own; one line for each delay is enough.
            floors = {floor.round_trip: floor for floor in lab.floors} | floors
        if name:
            print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    link = [describe_floor(floors[delay]) for delay in sorted(floors)]
    introduction = " ".join([machine, f"Medians of {options.repeat}.", *link])
    return "\n".join([introduction, "", table(findings), "", LEGEND])


def end_by_exception() -> None:
    """Make SIGTERM and SIGHUP unwind the program as ctrl+C does, so that everything is ended."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
