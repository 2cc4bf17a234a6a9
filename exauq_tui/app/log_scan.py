"""Searches a log beyond what of it is held, piece by piece."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from exauq_tui.app.log_buffer import LogBuffer
from exauq_tui.app.log_search import Needle, find
from exauq_tui.app.threads import in_thread

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import LogChunk

_FIRST = 256 * 1024
_MOST = 2 * 1024 * 1024
_SOON = 0.5
"""While a piece takes less than so many seconds, the next one is larger."""

Read = Callable[[int, int], Awaitable["LogChunk"]]
"""Reads a piece of the log: offset, limit."""


async def scan(
    wanted: Needle, read: Read, start: int, seen: int, *, upwards: bool
) -> AsyncIterator[int | float]:
    """Look for the nearest line that holds a needle.

    Args:
        wanted: The needle.
        read: Reads the log.
        start: The offset of a line: the search goes from it downwards, or upwards from before.
        seen: The offset of the line beyond which it is to be.
        upwards: Which way.

    Yields:
        Floats, how much of the way is done (0 to 1); in the end an int where it was found,
        the offset of the line.
    """
    limit = _FIRST
    at = start
    while True:
        begin = max(0, at - limit) if upwards else at
        began = time.monotonic()
        chunk = await read(begin, at - begin if upwards else limit)
        if time.monotonic() - began < _SOON:
            limit = min(2 * limit, _MOST)
        piece = LogBuffer(limit=len(chunk.data) + 1)
        piece.begin(begin, chunk.data, chunk.size)
        # A line of which the other piece has the rest is looked at as a whole, with that.
        first = 1 if upwards and begin > 0 and len(piece) > 1 else 0
        is_last = upwards or begin + len(chunk.data) >= chunk.size
        last = len(piece) if is_last or len(piece) < 2 else len(piece) - 1
        found = await in_thread(partial(find, wanted, piece, first, last))
        found = [offset for offset in found if (offset < seen if upwards else offset > seen)]
        if found:
            yield found[-1 if upwards else 0]
            return
        if (begin == 0) if upwards else (is_last or not chunk.data):
            return
        if upwards:
            at = piece.offsets[first] if first else begin
            yield 1 - at / max(1, start)
        else:
            at = piece.offsets[last] if last < len(piece) else begin + len(chunk.data)
            yield (at - start) / max(1, chunk.size - start)
