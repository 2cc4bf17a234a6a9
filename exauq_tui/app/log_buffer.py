"""The part of a job's log that is held in memory (pure)."""

from __future__ import annotations

DEFAULT_LIMIT = 8 * 1024 * 1024
_LONGEST_LINE = 64 * 1024


class LogBuffer:
    """Lines of a log from some offset to some other, never more than a limit of bytes.

    Args:
        limit: How many bytes are kept; the oldest lines are let go first.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self.lines: list[bytes] = []
        self.start: int | None = None
        """The offset of the first byte held; None while nothing was read."""
        self.end = 0
        """The offset that follows the last byte held."""
        self.size = 0
        """The size of the whole log when it was last read."""
        self.dropped = 0
        """How many lines were let go at the front so far."""

    def clear(self) -> None:
        """Forget everything."""
        self.__init__(self._limit)  # type: ignore[misc]  # afresh, with the same limit

    @property
    def is_full(self) -> bool:
        """Whether earlier lines would no longer fit."""
        return self.start is not None and self.end - self.start >= self._limit

    def append(self, offset: int, data: bytes, size: int) -> bool:
        """Add what follows; tells whether the data fitted on to what is held.

        A log that is shorter than before was begun afresh, and so is the buffer.
        """
        if size < self.end or (self.start is not None and offset != self.end):
            self.clear()
            self.size = size
            if offset != 0:
                return False
        if self.start is None:
            self.start = self.end = offset
        self.size = size
        if data:
            first, *rest = data.split(b"\n")
            if self.lines:
                self.lines[-1] = _bounded(self.lines[-1] + first)
            else:
                self.lines.append(_bounded(first))
            self.lines.extend(_bounded(line) for line in rest)
            self.end = offset + len(data)
            self._trim()
        return True

    def prepend(self, offset: int, data: bytes) -> int:
        """Add what comes before; tells by how many lines the others moved down."""
        if self.start is None or offset + len(data) != self.start or not data:
            return 0
        *rest, last = data.split(b"\n")
        if self.lines:
            self.lines[0] = _bounded(last + self.lines[0])
        else:
            self.lines.append(last)
        self.lines[:0] = [_bounded(line) for line in rest]
        self.start = offset
        return len(rest)

    def visible_lines(self) -> int:
        """How many lines there are to show: an empty last one, after a line break, is not."""
        return len(self.lines) - (1 if self.lines and not self.lines[-1] else 0)

    def _trim(self) -> None:
        """Let the oldest lines go, in one go and with some room to spare."""
        assert self.start is not None
        if self.end - self.start <= self._limit * 5 // 4:
            return
        kept = position = 0
        for position in range(len(self.lines) - 1, -1, -1):
            kept += len(self.lines[position]) + 1
            if kept > self._limit:
                break
        del self.lines[:position]
        self.dropped += position
        self.start = self.end - sum(map(len, self.lines)) - len(self.lines) + 1


def _bounded(line: bytes) -> bytes:
    """Cut a line that is too long to be looked at."""
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE]
