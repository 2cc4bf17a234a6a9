"""What all benchmarks share on the command line, and how one is run."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.lab import Lab, choose_base, file_seconds
from benchmarks.report import LEGEND, Finding, describe_floor, describe_machine, table


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
    seconds: float = 30.0
    base: Path = field(default_factory=choose_base)
    short: bool = False

    def sizes(self, full: Sequence[int], short: Sequence[int]) -> Sequence[int]:
        """Choose the numbers of jobs."""
        return self.jobs or (short if self.short else full)


Benchmark = Callable[[Lab, Options], list[Finding]]


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
        "--seconds", type=float, metavar="S", help="how long to watch an idle server (default: 30)"
    )
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="where servers and workspaces are made (default: in memory where there is room)",
    )
    parser.add_argument("--short", action="store_true", help="the short form: seconds, not minutes")
    given = parser.parse_args(arguments)
    short: bool = given.short
    return Options(
        tuple(given.jobs),
        tuple(given.rtt) if given.rtt else (0.0, 0.05),
        given.repeat or (3 if short else 5),
        given.seconds or (10.0 if short else 30.0),
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


def main(description: str | None, benchmark: Benchmark) -> None:
    """Run one benchmark and print its table."""
    options = parse((description or "").partition("\n")[0])
    end_by_exception()
    print(introduction(options), flush=True)
    with Lab(options.base) as lab:
        findings = benchmark(lab, options)
        for floor in lab.floors:
            print(describe_floor(floor))
    print(f"\n{table(findings)}\n\n{LEGEND}")


def introduction(options: Options) -> str:
    """Say where and how often things are measured."""
    return f"{describe_machine(file_seconds(options.base))} Medians of {options.repeat}."


def end_by_exception() -> None:
    """Make SIGTERM and SIGHUP unwind the program as ctrl+C does, so that everything is ended."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
