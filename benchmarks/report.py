"""Findings, their budgets, and the Markdown table that shows them."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Floor:
    """What the link itself costs, measured in the same run.

    Attributes:
        round_trip: Seconds that the proxy adds to each round trip.
        ping: Seconds of one request to the agent that does nothing.
        exec_true: Seconds of ``true``, executed over a connection that is open.
    """

    round_trip: float
    ping: float
    exec_true: float


@dataclass(frozen=True, slots=True)
class Budget:
    """How long something may take (DESIGN.md, section 9).

    Attributes:
        round_trips: Round trips that are allowed.
        extra: Seconds beside those.
        jobs: For how many jobs; 0 where the number does not matter.
    """

    round_trips: float
    extra: float = 0.0
    jobs: int = 0

    def limit(self, round_trip: float) -> float:
        """Give the limit in seconds."""
        return self.round_trips * round_trip + self.extra

    def __str__(self) -> str:
        parts = []
        if self.round_trips:
            parts.append(f"{self.round_trips:g} RTT")
        if self.extra:
            parts.append(show_seconds(self.extra))
        return "≤ " + " + ".join(parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table.

    Attributes:
        what: What was measured, with its size.
        figure: The figure, with its unit.
        round_trip: Seconds that the proxy added, or None where no link was in play.
        pings: The figure as a multiple of the agent's ping.
        execs: The figure as a multiple of one ``true``.
        gain: How many times better than one exec per job.
        budget: What is allowed.
        met: Whether it was kept, or None where there is no budget.
    """

    what: str
    figure: str
    round_trip: float | None = None
    pings: float | None = None
    execs: float | None = None
    gain: float | None = None
    budget: str = ""
    met: bool | None = None


def timed(
    what: str,
    seconds: float,
    floor: Floor,
    *,
    baseline: float | None = None,
    budget: Budget | None = None,
    jobs: int = 0,
) -> Finding:
    """Make the finding of something that takes time.

    Args:
        what: What was measured.
        seconds: How long it took, the median.
        floor: What the link costs.
        baseline: How long one exec per job would take.
        budget: What is allowed.
        jobs: For how many jobs it was measured.
    """
    words, met = "", None
    if budget is not None:
        words, met = str(budget), seconds <= budget.limit(floor.round_trip)
        if budget.jobs and budget.jobs != jobs:
            words += f" (at {budget.jobs:,} jobs)"
            if jobs > budget.jobs:  # that more take longer breaks no promise
                met = None
    return Finding(
        what,
        show_seconds(seconds),
        floor.round_trip,
        seconds / floor.ping,
        seconds / floor.exec_true,
        None if baseline is None else baseline / seconds,
        words,
        met,
    )


def show_seconds(seconds: float) -> str:
    """Show a duration with three digits or so."""
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.1f} s"


def describe_machine(file: float) -> str:
    """Say what the figures were measured on, without naming it.

    Args:
        file: Seconds that it takes to make a small file.
    """
    return (
        f"{os.cpu_count()} shared cores, {platform.system()}, load {os.getloadavg()[0]:.1f}; "
        f"a small file takes {file * 1e6:.0f} µs to make."
    )


def describe_floor(floor: Floor) -> str:
    """Say what the link costs."""
    return (
        f"At {show_round_trip(floor.round_trip)} RTT: the agent's ping takes "
        f"{show_seconds(floor.ping)}, `true` over an open connection "
        f"{show_seconds(floor.exec_true)}."
    )


def show_round_trip(seconds: float) -> str:
    """Show what the proxy adds."""
    return f"{seconds * 1000:g} ms"


def show_ratio(ratio: float | None) -> str:
    """Show how many times something is something else."""
    if ratio is None:
        return ""
    return f"{ratio:,.0f}" if ratio >= 20 else f"{ratio:.1f}"


def table(findings: Iterable[Finding]) -> str:
    """Write findings as a Markdown table."""
    rows: list[Sequence[str]] = [
        ("What", "RTT", "× per-job", "÷ ping", "÷ `true`", "Figure", "Budget", ""),
        ("---", "---:", "---:", "---:", "---:", "---:", "---", "---"),
    ]
    rows += [
        (
            found.what,
            "" if found.round_trip is None else show_round_trip(found.round_trip),
            show_ratio(found.gain),
            show_ratio(found.pings),
            show_ratio(found.execs),
            found.figure,
            found.budget,
            {None: "", True: "met", False: "**not met**"}[found.met],
        )
        for found in findings
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


LEGEND = (
    "× per-job: how many times better than one exec per job over an open paramiko connection, "
    "measured on a few jobs and multiplied (a job's end: found in a sweep over 100 jobs; cancel: "
    "one job's grace after the other's; idle: a sweep over all jobs once a minute). ÷ ping and "
    "÷ `true`: the figure as a multiple of one request to the agent that does nothing, and of one "
    "`true` over an open connection."
)
