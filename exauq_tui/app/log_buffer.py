"""The part of a job's log that is held in memory: a window that moves over the whole (pure)."""

from __future__ import annotations

from array import array
from bisect import bisect_right

DEFAULT_LIMIT = 2 * 1024 * 1024
LONGEST_LINE = 4096
"""What is longer is shown as several lines, broken where the log's offset is a multiple of it.

A buffer at its limit thus holds more lines than any screen shows.
"""


class LogBuffer:
    """The lines of a log from some offset to some other, never much more than a limit of bytes.

    Lines are told from each other by the offset at which they start, which stays the same
    whatever is read before or after them.

    Args:
        limit: How many bytes are kept; what is far from where is being read is let go.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._data = bytearray()
        self.offsets = array("q")
        """The offset of each line that is held, in order."""
        self.start: int | None = None
        """The offset of the first byte held; None while nothing was read."""
        self.end = 0
        """The offset that follows the last byte held."""
        self.size = 0
        """The size of the whole log when it was last read."""
        self.read_at: float | None = None
        """When it was last read, by whoever reads; seconds since 1970."""

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def has_room(self) -> bool:
        """Whether more can be read without letting go of anything."""
        return self.start is None or self.end - self.start < self._limit

    def line(self, index: int) -> bytes:
        """One line, without its line break."""
        assert self.start is not None
        last = index + 1 == len(self.offsets)
        stop = self.end if last else self.offsets[index + 1]
        raw = bytes(self._data[self.offsets[index] - self.start : stop - self.start])
        return raw[:-1] if raw.endswith(b"\n") else raw

    def text(self) -> bytes:
        """Everything that is held."""
        return bytes(self._data)

    def index_of(self, offset: int) -> int:
        """The line in which an offset lies, or the nearest that is held."""
        return max(0, bisect_right(self.offsets, offset) - 1)

    def clear(self) -> None:
        """Forget everything."""
        self._data.clear()
        self.offsets = array("q")
        self.start, self.end, self.size = None, 0, 0

    def begin(self, offset: int, data: bytes, size: int) -> None:
        """Hold this piece and nothing else."""
        self.clear()
        self.start, self.end, self.size = offset, offset + len(data), size
        self._data += data
        self.offsets = self._scan(offset, self.end)

    def append(self, offset: int, data: bytes, size: int) -> bool:
        """Add what follows; tells whether it did.

        A log that is shorter than before was begun afresh, and so is the buffer.
        """
        if size < self.end or (self.start is not None and offset != self.end):
            self.clear()
            self.size = size
            if offset != 0:
                return False
        if self.start is None:
            self.begin(offset, data, size)
            return True
        self.size = size
        if data:
            resume = self.end
            if self.offsets and not self._data.endswith(b"\n"):  # the last line goes on
                while not self._begins_line(resume := self.offsets.pop()):
                    pass
            self._data += data
            self.end += len(data)
            self.offsets += self._scan(resume, self.end)
            self._drop_front()
        return True

    def prepend(self, offset: int, data: bytes, size: int) -> bool:
        """Add what comes before; tells whether it did."""
        if self.start is None or offset + len(data) != self.start or not data:
            return False
        self.size = max(size, self.end)
        rest = 1
        while rest < len(self.offsets) and not self._begins_line(self.offsets[rest]):
            rest += 1
        stop = self.offsets[rest] if rest < len(self.offsets) else self.end
        after = self.offsets[rest:]
        self._data[:0] = data
        self.start = offset
        self.offsets = self._scan(offset, stop) + after
        self._drop_back()
        return True

    def _begins_line(self, offset: int) -> bool:
        """Whether a line starts there, and not just a part of a long one."""
        assert self.start is not None
        return offset == self.start or self._data[offset - self.start - 1] == 0x0A

    def _scan(self, at: int, end: int) -> array[int]:
        """Find where lines start between two offsets, at the first of which one does."""
        assert self.start is not None
        base, find = self.start, self._data.find
        found = array("q")
        while at < end:
            found.append(at)
            stop = find(b"\n", at - base, end - base) + 1 + base
            if stop == base:
                stop = end
            if stop - at > LONGEST_LINE:
                first = (at // LONGEST_LINE + 1) * LONGEST_LINE
                found.extend(range(first, stop - 1, LONGEST_LINE))
            at = stop
        return found

    def _drop_front(self) -> None:
        """Let the oldest lines go, in one go and with some room to spare."""
        assert self.start is not None
        if self.end - self.start <= self._limit * 5 // 4:
            return
        index = self.index_of(self.end - self._limit)
        start = self.offsets[index]
        del self._data[: start - self.start]
        del self.offsets[:index]
        self.start = start

    def _drop_back(self) -> None:
        """Let the newest lines go, likewise."""
        assert self.start is not None
        if self.end - self.start <= self._limit * 5 // 4:
            return
        index = max(1, self.index_of(self.start + self._limit))
        if index < len(self.offsets):
            self.end = self.offsets[index]
            del self._data[self.end - self.start :]
            del self.offsets[index:]
