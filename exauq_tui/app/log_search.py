"""Finding a plain text in a job's log, as it is shown (pure)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from exauq_tui.app import format as fmt
from exauq_tui.app.log_buffer import LogBuffer

# Bytes that are shown otherwise than they stand: what holds one is searched as it is shown.
_ODD = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Needle:
    """What is searched for.

    Attributes:
        text: As it was typed.
        pattern: Finds it in a line as it is shown.
        raw: Finds it in the log's bytes, where a byte is shown as it stands; None where the
            text is not of ASCII.
    """

    text: str
    pattern: re.Pattern[str]
    raw: re.Pattern[bytes] | None

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Where it stands in a line."""
        return [match.span() for match in self.pattern.finditer(line)]


def needle(text: str) -> Needle:
    """Make a needle: capitals count only where there are some."""
    flags = re.NOFLAG if any(letter.isupper() for letter in text) else re.IGNORECASE
    escaped = re.escape(text)
    raw = re.compile(escaped.encode(), flags) if text.isascii() else None
    return Needle(text, re.compile(escaped, flags), raw)


def find(wanted: Needle, buffer: LogBuffer, first: int = 0, last: int | None = None) -> list[int]:
    """Give the offsets of the lines that hold it, from one line to before another."""
    last = len(buffer) if last is None else last
    if first >= last or buffer.start is None:
        return []
    begin = buffer.offsets[first]
    stop = buffer.end if last >= len(buffer) else buffer.offsets[last]
    data = buffer.text()[begin - buffer.start : stop - buffer.start]
    if wanted.raw is not None and _ODD.search(data) is None:
        found: dict[int, None] = {}
        for match in wanted.raw.finditer(data):
            found[buffer.offsets[buffer.index_of(begin + match.start())]] = None
        return list(found)
    search = wanted.pattern.search
    return [
        buffer.offsets[index]
        for index in range(first, last)
        if search(fmt.safe_log_line(buffer.line(index)))
    ]


class Hits:
    """The lines of a buffer that hold a needle, kept in step with it.

    Args:
        wanted: The needle.
        buffer: Where it is looked for.
    """

    def __init__(self, wanted: Needle, buffer: LogBuffer) -> None:
        self.wanted = wanted
        self._buffer = buffer
        self.offsets: list[int] = []
        """Where these lines start, in order."""
        self._searched: tuple[int, int] | None = None
        self.update()

    @property
    def is_of_whole(self) -> bool:
        """Whether the buffer holds the whole log, so that there are no others."""
        return self._buffer.start == 0 and self._buffer.end >= self._buffer.size

    def update(self) -> None:
        """Look through what is new in the buffer, and forget what is gone."""
        buffer = self._buffer
        if buffer.start is None:
            self.offsets, self._searched = [], None
            return
        start, end = buffer.start, buffer.end
        if self._searched is None or start >= self._searched[1] or end <= self._searched[0]:
            self.offsets = find(self.wanted, buffer)
        else:
            since, until = self._searched
            # Both lines at the seams may have been known in part only.
            upper = buffer.index_of(since) + 1 if start < since else int(start > since)
            lower = buffer.index_of(until - 1) if end > until else len(buffer) - int(end < until)
            low = buffer.offsets[upper] if upper < len(buffer) else end
            high = buffer.offsets[lower] if lower < len(buffer) else end
            kept = self.offsets[bisect_left(self.offsets, low) : bisect_left(self.offsets, high)]
            found = {*find(self.wanted, buffer, 0, upper), *find(self.wanted, buffer, lower)}
            self.offsets = sorted({*kept, *found})
        self._searched = (start, end)

    def after(self, offset: int) -> int | None:
        """The first hit after an offset."""
        index = bisect_right(self.offsets, offset)
        return self.offsets[index] if index < len(self.offsets) else None

    def before(self, offset: int) -> int | None:
        """The last hit before an offset."""
        index = bisect_left(self.offsets, offset)
        return self.offsets[index - 1] if index else None
