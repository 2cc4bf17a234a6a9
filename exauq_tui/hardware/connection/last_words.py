"""Keeps the end of what a command says on its standard error."""

from __future__ import annotations

import threading

_LIMIT = 8192


class LastWords:
    """The last few kilobytes of a stream of bytes; safe to share between threads."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        """Append what was said, forgetting the oldest beyond the bound."""
        with self._lock:
            self._data += data
            del self._data[:-_LIMIT]

    def text(self) -> str:
        """Give what is kept as text, undecodable bytes replaced, outer white space removed."""
        with self._lock:
            return self._data.decode("utf-8", "replace").strip()


def describe_end(exit_code: int | None, words: str) -> str:
    """Say in one line how a command ended: exit code or signal, then its last words."""
    parts = []
    if exit_code is not None and exit_code < 0:
        parts.append(f"killed by signal {-exit_code}")
    elif exit_code is not None:
        parts.append(f"exit code {exit_code}")
    if words:
        parts.append(f"it said: {words}")
    return "; ".join(parts)
