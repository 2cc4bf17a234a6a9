"""Draws plots with characters: discs or braille dots for points, blocks for bars (pure)."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from exauq_tui.app import format as fmt
from exauq_tui.app.plot_data import RunTimes, Scatter

Run = tuple[str, str]
"""A piece of text and its style."""

Lines = list[list[Run]]

_MUTED = "$foreground-muted"
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot in a braille character, by line and column."""

_FEW = 200
"""Up to so many points are drawn large: a braille dot by itself is easily overlooked."""

_LARGE = ("•", "●")
"""One point in a cell, and several."""

_BLOCKS = " ▁▂▃▄▅▆▇█"
_SMALLEST = (30, 8)
_LABEL = 10


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of numbers, and those of them that are written beside it.

    Attributes:
        low: Where it begins.
        high: Where it ends; more than `low`.
        ticks: Round numbers in it, from the lowest.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    def part(self, value: float) -> float:
        """How far along the axis a value is, from 0 to 1."""
        # By halves: the difference of two floats may be more than any float.
        return min(1.0, (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2))


def axis(values: Iterable[float], most: int) -> Axis:
    """Choose an axis for values, with at most so many ticks at 1, 2 or 5 times a power of ten."""
    low, high = math.inf, -math.inf
    for value in values:
        low, high = min(low, value), max(high, value)
    if low > high:
        low, high = 0.0, 1.0
    if high / 2 - low / 2 <= abs(low) * sys.float_info.epsilon:
        pad = abs(low) / 2 or 1.0
        low, high = max(-sys.float_info.max, low - pad), min(sys.float_info.max, high + pad)
    return Axis(low, high, _ticks(low, high, max(2, most)))


def _ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    rough = max((high / 2 - low / 2) / most * 2, sys.float_info.min)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * by for by in (1, 2, 5) if power * by >= rough), power * 10)
    if not math.isfinite(step) or step <= 0:
        return (low, high)
    first = math.ceil(low / step)
    # A product, not a sum: errors would add up.
    every = ((first + number) * step for number in range(most + 2))
    return tuple(tick for tick in every if low <= tick <= high) or (low, high)


def tick_text(value: float) -> str:
    """Write a tick in few characters."""
    return f"{value + 0.0:.6g}"


class _Dots:
    """Points in a grid of characters, each of the style of its last series.

    Args:
        width: The cells that there are.
        height: The lines that there are.
        large: Whether a character stands for a point, instead of one of eight braille dots.
    """

    def __init__(self, width: int, height: int, *, large: bool) -> None:
        self.width, self.height = width, height
        self._large = large
        self._bits: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._series: dict[tuple[int, int], int] = {}

    def add(self, x: float, y: float, series: int) -> None:
        """Set the dot at two parts from 0 to 1, from the left and from below."""
        column = min(self.width * 2 - 1, int(x * self.width * 2))
        line = min(self.height * 4 - 1, int((1 - y) * self.height * 4))
        cell = (line // 4, column // 2)
        self._bits[cell] |= _DOTS[line % 4][column % 2]
        self._series[cell] = series

    def line(self, line: int, styles: Sequence[str], letters: Sequence[str]) -> Iterator[Run]:
        """The pieces of a line; by letters instead of dots where some are given."""
        for column in range(self.width):
            bits = self._bits.get((line, column), 0)
            if not bits:
                yield " ", ""
                continue
            series = self._series[line, column]
            dots = _LARGE[bits.bit_count() > 1] if self._large else chr(_BRAILLE + bits)
            yield letters[series] if letters else dots, styles[series]


def draw_scatter(plot: Scatter, width: int, height: int, *, by_letter: bool = False) -> Lines:
    """Draw a scatter plot.

    Args:
        plot: What is drawn.
        width: The cells that there are.
        height: The lines that there are.
        by_letter: Whether a letter stands for each series, where there are several.
    """
    every = [point for series in plot.series for point in series.points]
    if not every and not plot.failed:
        return _words(["No job here has both this input and an output."], width, height)
    if width < _SMALLEST[0] or height < _SMALLEST[1]:
        return _words(["There is no room for a plot."], width, height)
    lines = max(2, height - 4 - bool(plot.failed))
    y_axis = axis((y for _, y in every), lines // 3)
    left = max(_LABEL, *(len(tick_text(tick)) for tick in y_axis.ticks)) + 2
    cells = width - left - 2
    x_axis = axis([*(x for x, _ in every), *plot.failed], cells // 10)
    dots = _Dots(cells, lines, large=len(every) <= _FEW)
    for number, series in enumerate(plot.series):
        for x, y in series.points:
            dots.add(x_axis.part(x), y_axis.part(y), number)
    letters = [series.letter for series in plot.series] if by_letter else []
    letters = letters if len(letters) > 1 else []
    drawn: Lines = [_legend(plot, letters)]
    at = {_line_of(y_axis.part(tick), lines): tick_text(tick) for tick in y_axis.ticks}
    styles = [series.style for series in plot.series]
    for line in range(lines):
        label = at.get(line, "").rjust(left - 2)
        edge = "┤" if line in at else "│"
        drawn.append([(f"{label} {edge}", _MUTED), *dots.line(line, styles, letters)])
    if plot.failed:
        marks = {min(cells - 1, int(x_axis.part(x) * cells)) for x in plot.failed}
        row = "".join("✗" if column in marks else " " for column in range(cells))
        drawn.append([("failed".rjust(left - 2) + " │", _MUTED), (row, "$error")])
    return [*drawn, *_x_axis(x_axis, left, cells, plot.x_name)]


def _line_of(part: float, lines: int) -> int:
    return min(lines - 1, int((1 - part) * lines))


def _legend(plot: Scatter, letters: Sequence[str]) -> list[Run]:
    runs: list[Run] = []
    for number, series in enumerate(plot.series):
        sign = letters[number] if letters else "●"
        runs.append((f"  {sign} {series.name}", series.style))
    if plot.failed:
        runs.append(("  ✗ failed", "$error"))
    return runs


def _x_axis(axis_: Axis, left: int, cells: int, name: str) -> Lines:
    """The line below a plot, its numbers, and what it shows."""
    line, numbers = ["─"] * cells, [" "] * (cells + left + 2)
    for tick in axis_.ticks:
        at = min(cells - 1, int(axis_.part(tick) * cells))
        line[at] = "┬"
        text = tick_text(tick)
        start = max(0, min(left + at - len(text) // 2, len(numbers) - len(text)))
        if all(sign == " " for sign in numbers[max(0, start - 1) : start + len(text) + 1]):
            numbers[start : start + len(text)] = text
    return [
        [(" " * (left - 1) + "└" + "".join(line), _MUTED)],
        [("".join(numbers), _MUTED)],
        [(" " * left + fmt.fit(name, cells).strip().center(cells), "bold")],
    ]


def draw_run_times(plot: RunTimes, width: int, height: int) -> Lines:
    """Draw how many jobs ran for how long."""
    if not plot.seconds:
        return _words(["No job here has ended yet."], width, height)
    if width < _SMALLEST[0] or height < _SMALLEST[1]:
        return _words(["There is no room for a plot."], width, height)
    lines, left = height - 3, _LABEL
    cells = width - left - 2
    unit, word = _unit(max(plot.seconds))
    x_axis = axis([0.0, *(second / unit for second in plot.seconds)], cells // 10)
    bins = max(1, min(cells // 2, 2 * math.isqrt(len(plot.seconds)) + 4))
    wide = cells // bins
    counts = [0] * bins
    for second in plot.seconds:
        counts[min(bins - 1, int(x_axis.part(second / unit) * bins))] += 1
    # The axis has to end where the last bar ends.
    cells = wide * bins
    top = max(counts)
    at = {0: f"{top:,}", lines - 1: "0" if lines > 1 else ""}
    drawn: Lines = []
    for line in range(lines):
        bars = "".join(_bar(count, top, lines, line) * (wide - 1) + " " for count in counts)
        edge = "┤" if line in at else "│"
        label = f"{at.get(line, '').rjust(left - 2)} {edge}"
        drawn.append([(label, _MUTED), (bars, "$accent")])
    return [*drawn, *_x_axis(x_axis, left, cells, f"run time in {word}")]


def _bar(count: int, top: int, lines: int, line: int) -> str:
    """The piece of a bar that is on a line, counted from the top."""
    eighths = count * lines * 8 / top - (lines - 1 - line) * 8
    # Whatever there is can be seen.
    least = 1 if count and line == lines - 1 else 0
    return _BLOCKS[max(least, min(8, round(eighths)))]


def _unit(longest: float) -> tuple[float, str]:
    for limit, unit, word in ((180.0, 1.0, "seconds"), (10_800.0, 60.0, "minutes")):
        if longest <= limit:
            return unit, word
    return 3600.0, "hours"


def _words(lines: Sequence[str], width: int, height: int) -> Lines:
    """Words in the middle of an empty plot."""
    above = max(0, (height - len(lines)) // 2)
    return [*([[(" ", "")]] * above), *([(line.center(width), _MUTED)] for line in lines)]
