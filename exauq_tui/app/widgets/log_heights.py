"""How many rows the lines of a log take where they are broken."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import accumulate

from rich.cells import chop_cells

from exauq_tui.app import format as fmt
from exauq_tui.app.log_buffer import LogBuffer


class Heights:
    """How many rows each line of a buffer takes where lines are broken."""

    def __init__(self) -> None:
        self._width = 0
        self._offsets = array("q")
        self._rows = array("l")
        self._ends = array("l")

    @property
    def total(self) -> int:
        """The rows of all lines."""
        return self._ends[-1] if self._ends else 0

    def row_of(self, index: int) -> int:
        """The first row of a line."""
        return self._ends[index - 1] if 0 < index <= len(self._ends) else 0

    def line_at(self, row: int) -> int:
        """The line that has a row."""
        return bisect_right(self._ends, row)

    def update(self, buffer: LogBuffer, width: int) -> None:
        """Measure the lines that are new; all where the width is another."""
        new, old = buffer.offsets, self._offsets
        known = array("l")
        first = 0
        if width == self._width and len(old) > 2 and len(new):
            # The lines at both ends may have been known in part only: all between are the same.
            begin = max(old[1], new[0])
            first, skipped = _find(new, begin), _find(old, begin)
            count = min(len(new) - first, len(old) - 1 - skipped)
            if count > 0 and new[first : first + count] == old[skipped : skipped + count]:
                known = self._rows[skipped : skipped + count]
            else:
                first = 0
        rows = array("l", (_height(buffer.line(index), width) for index in range(first)))
        rows += known
        rows.extend(_height(buffer.line(index), width) for index in range(len(rows), len(new)))
        self._width, self._offsets, self._rows = width, new[:], rows
        self._ends = array("l", accumulate(rows))


def _find(offsets: array[int], offset: int) -> int:
    return max(0, bisect_right(offsets, offset) - 1)


def _height(raw: bytes, width: int) -> int:
    text = fmt.safe_log_line(raw)
    if text.isascii():
        return max(1, -(-len(text) // width))
    return max(1, len(chop_cells(text, width)))


def part_of(text: str, width: int, row: int) -> tuple[int, int]:
    """Where in a line one of its rows begins and ends."""
    if text.isascii():
        return row * width, (row + 1) * width
    start = 0
    for part in chop_cells(text, width):
        if row == 0:
            return start, start + len(part)
        start += len(part)
        row -= 1
    return start, start
