"""Ids for jobs: 17 digits, UTC to the millisecond, each given away once for ever."""

from __future__ import annotations

import sqlite3
import time
from bisect import bisect_right

_FORMAT = "%Y%m%d%H%M%S"


def reserve_ids(connection: sqlite3.Connection, now: float, count: int) -> list[str]:
    """Reserve ids that no job of the record has or ever had.

    They start at this millisecond and follow each other; where some of these are taken
    (many jobs at once, a clock set back), they start at the first gap that is wide enough.
    Must run inside a write transaction, which makes it safe between processes.

    Args:
        connection: A connection to the record.
        now: Seconds since 1970.
        count: How many.
    """
    first = max(0, int(now * 1000))
    while True:
        last = first + count - 1
        taken = connection.execute(
            "SELECT max(last) FROM ids WHERE first <= ? AND last >= ?", (last, first)
        ).fetchone()[0]
        if taken is None:
            ids = [id_from_milliseconds(first + step) for step in range(count)]
            found = _latest_found(connection, ids[0], ids[-1])
            if found is None:
                break
            taken = first + bisect_right(ids, found) - 1
        first = int(taken) + 1
    connection.execute("INSERT INTO ids (first, last) VALUES (?, ?)", (first, last))
    return ids


def id_from_milliseconds(milliseconds: int) -> str:
    """Write a moment as ``YYYYMMDDhhmmssmmm``.

    Args:
        milliseconds: Since 1970, UTC.
    """
    seconds, rest = divmod(milliseconds, 1000)
    return f"{time.strftime(_FORMAT, time.gmtime(seconds))}{rest:03d}"


def _latest_found(connection: sqlite3.Connection, first: str, last: str) -> str | None:
    """The latest id between two that was found on a server, made there by another record."""
    found: str | None = connection.execute(
        # ids of equal length compare as texts as their moments do
        "SELECT max(id) FROM jobs WHERE id BETWEEN ? AND ? AND length(id) = ?",
        (first, last, len(first)),
    ).fetchone()[0]
    return found
