"""What a plot of jobs is made of: points, marks and words, from rows (pure)."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exauq_tui.app import format as fmt
from exauq_tui.app.status_style import STATUS_STYLES
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import MAY_BE_PARTIAL
from exauq_tui.monitor.export import JobTable
from exauq_tui.monitor.snapshot import JobRow

Point = tuple[float, float]

COLOURS = ("status", "level", "server")
"""By what points can be told apart."""

_FAILED = frozenset({JobStatus.FAILED, JobStatus.FAILED_SUBMIT})
_PALETTE = ("$accent", "$warning", "$success", "$error", "$primary", "$secondary")
_PARTIAL = "may be partial"


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together.

    Attributes:
        name: What they are called.
        style: Their colour.
        letter: What stands for them where there are no colours.
        points: Where they are.
    """

    name: str
    style: str
    letter: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Scatter:
    """An output against an input.

    Attributes:
        title: What is drawn.
        x_name: What goes to the right.
        series: The points.
        failed: Inputs of jobs that failed, marked below.
        caption: How many jobs are in it, and how many are not.
    """

    title: str
    x_name: str
    series: tuple[Series, ...]
    failed: tuple[float, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class RunTimes:
    """How long jobs ran.

    Attributes:
        seconds: Of each job that has ended.
        caption: How many jobs are in it, and how many are not.
    """

    seconds: tuple[float, ...]
    caption: str


def input_names(rows: Sequence[JobRow], names: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names of all inputs that jobs have."""
    return JobTable(rows, names).inputs


def scatter(
    rows: Sequence[JobRow], names: Mapping[str, Sequence[str]], x_name: str, colour: str
) -> Scatter:
    """Set outputs against one input.

    Args:
        rows: The jobs.
        names: Server to the names of its inputs.
        x_name: The name of the input.
        colour: By what points are told apart, of `COLOURS`.
    """
    table = JobTable(rows, names)
    groups: defaultdict[tuple[int, str], list[Point]] = defaultdict(list)
    failed: list[float] = []
    without = 0
    for row in rows:
        x = _finite(table.input_of(row, x_name))
        y = _finite(row.output)
        if x is not None and y is not None:
            groups[_group(row, colour)].append((x, y))
        elif x is not None and row.status in _FAILED:
            failed.append(x)
        else:
            without += 1
    series = tuple(
        _series(position, name, groups[rank, name], colour)
        for position, (rank, name) in enumerate(sorted(groups))
    )
    return Scatter(
        f"output against {fmt.safe(x_name)}",
        fmt.safe(x_name),
        series,
        tuple(failed),
        _caption(sum(len(each.points) for each in series), len(failed), without),
    )


def _group(row: JobRow, colour: str) -> tuple[int, str]:
    """By what a point is told apart: its rank among the groups, and the group's name."""
    if colour == "level":
        return row.level, f"level {row.level}"
    if colour == "server":
        return 0, fmt.safe(row.server)
    if MAY_BE_PARTIAL in row.note:
        return 1, _PARTIAL
    return 0, row.status.value


def _series(position: int, name: str, points: list[Point], colour: str) -> Series:
    style = _PALETTE[position % len(_PALETTE)]
    if colour == "status":
        style = "$warning" if name == _PARTIAL else STATUS_STYLES[JobStatus(name)]
    letter = name[-1] if colour == "level" else chr(ord("a") + position % 26)
    return Series(name, style, letter, tuple(points))


def _finite(value: float | None) -> float | None:
    """A number that can be drawn, or None."""
    try:
        number = math.nan if value is None else float(value)
    except OverflowError:  # an int beyond all floats
        return None
    return number if math.isfinite(number) else None


def _caption(drawn: int, failed: int, without: int) -> str:
    parts = [f"n = {drawn:,}"]
    if failed:
        parts.append(f"{failed:,} failed, marked below")
    if without:
        parts.append(f"{without:,} without output")
    return ", ".join(parts)


def run_times(rows: Iterable[JobRow]) -> RunTimes:
    """Collect how long jobs ran, by their servers' clocks."""
    seconds: list[float] = []
    left_out: Counter[bool] = Counter()
    for row in rows:
        if row.started is None or row.finished is None or row.finished < row.started:
            left_out[row.is_terminal] += 1
        else:
            seconds.append(row.finished - row.started)
    parts = [f"n = {len(seconds):,}"]
    if seconds:
        middle = sorted(seconds)[len(seconds) // 2]
        parts += [f"half took at most {_span(middle)}", f"the longest {_span(max(seconds))}"]
    if left_out[False]:
        parts.append(f"{left_out[False]:,} not ended")
    if left_out[True]:
        parts.append(f"{left_out[True]:,} whose time is not known")
    return RunTimes(tuple(seconds), ", ".join(parts))


def _span(seconds: float) -> str:
    return f"{seconds:.2g}s" if seconds < 10 else fmt.duration(seconds)
