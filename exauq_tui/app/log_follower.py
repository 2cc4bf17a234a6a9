"""Reads a job's log piece by piece into a view: what is looked at, and a little around it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from textual.worker import Worker

from exauq_tui.app import log_text
from exauq_tui.app.log_buffer import LogBuffer
from exauq_tui.app.threads import answer
from exauq_tui.app.widgets.log_view import LogView
from exauq_tui.errors import ExauqTuiError
from exauq_tui.monitor.snapshot import JobRow
from exauq_tui.monitor.verbs import FleetVerbs

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import LogChunk

FIRST = 32 * 1024
"""The bytes read at first: more than a screen, and soon there over a slow link."""

PIECE = 256 * 1024
_PAUSE = 1.0
_PAUSE_AFTER_ERROR = 3.0
_SHELVED = 4


class LogShelf:
    """The logs that were read last, so that they can be shown again while a server is away."""

    def __init__(self) -> None:
        self._buffers: OrderedDict[int, LogBuffer] = OrderedDict()

    def take(self, key: int) -> LogBuffer:
        """The log of a job as it was last held, or an empty one."""
        buffer = self._buffers.setdefault(key, LogBuffer())
        self._buffers.move_to_end(key)
        if len(self._buffers) > _SHELVED:
            self._buffers.popitem(last=False)
        return buffer


class _Step(NamedTuple):
    """What is read next, and what becomes of it."""

    offset: int
    limit: int
    place: Literal["before", "after", "alone"]


class LogFollower:
    """Keeps one view filled with one job's log.

    Args:
        view: What shows the log.
        fleet: What it is read through.
        row: Gives the job as it is known now; what has ended and is read whole is left alone.
        shelf: Where logs are kept.
        clock: Tells the time, in seconds since 1970.
        told: Called when what can be said about the log has changed.
    """

    def __init__(
        self,
        view: LogView,
        fleet: FleetVerbs,
        row: Callable[[], JobRow | None],
        shelf: LogShelf,
        clock: Callable[[], float],
        told: Callable[[], None],
    ) -> None:
        self._view = view
        self._fleet = fleet
        self._row = row
        self._shelf = shelf
        self._clock = clock
        self._told = told
        self._key: int | None = None
        self._worker: Worker[None] | None = None
        self._wake = asyncio.Event()
        self._jump: int | None = None
        self._is_final = False  # whether what was read last was of a job that had ended
        self.trouble = ""
        """Why the log could not be read the last time, or ""."""

    @property
    def key(self) -> int | None:
        """The job whose log is shown."""
        return self._key

    def follow(self, key: int) -> None:
        """Show another job's log, from its end."""
        self.stop()
        self._key = key
        self.trouble, self._is_final = "", False
        # Where it was left in the middle, that stands there until the end was read.
        self._view.show(self._shelf.take(key))
        row = self._row()
        self._view.set_note(log_text.why_none(row) or "Reading the log …")
        self._worker = self._view.app.run_worker(
            partial(self._run, key), group="log", exit_on_error=False, name=f"log of {key}"
        )

    def stop(self) -> None:
        """Stop reading; a reply that is still under way is passed over."""
        self._key = self._jump = None
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    def wake(self) -> None:
        """Something else is in view, or is to be: see what has to be read for it."""
        self._wake.set()

    def say_why_empty(self) -> None:
        """Say what it means, by what is known of the job now, that nothing of a log is there."""
        buffer = self._view.buffer
        if self._key is None or len(buffer) or buffer.read_at is None or self.trouble:
            return
        row = self._row()
        # What a job printed before its end is known only once it was read after that.
        is_read = row is None or not row.is_terminal or self._is_final
        why = log_text.why_empty(row) if is_read else "Reading the log …"
        self._view.set_note(log_text.why_none(row) or why)

    def go_to(self, offset: int) -> None:
        """Read what is around an offset, in place of what is held."""
        self._jump = offset
        self._wake.set()

    async def _run(self, key: int) -> None:
        while key == self._key:
            self._wake.clear()
            row = self._row()
            if not len(self._view.buffer) and (note := log_text.why_none(row)):
                self._view.set_note(note)
                await self._rest(_PAUSE)
                continue
            ended = row is None or row.is_terminal
            step = self._next()
            if step is None:
                await self._rest(None)
                continue
            try:
                chunk = await answer(self._fleet.read_log(key, step.offset, step.limit))
            except ExauqTuiError as error:
                self._failed(str(error))
                await self._rest(_PAUSE_AFTER_ERROR)
                continue
            if key != self._key:
                return
            self._is_final = ended
            self._take(step, chunk)
            if self._next(is_read=True) is None:
                await self._rest(None if ended else _PAUSE)

    async def _rest(self, pause: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), pause)

    def _next(self, *, is_read: bool = False) -> _Step | None:
        """What is to be read for what is in view; with `is_read` only what is there for sure."""
        view, buffer = self._view, self._view.buffer
        if self._jump is not None:
            start = max(0, self._jump - PIECE // 2)
            return _Step(start, PIECE, "alone")
        if buffer.start is None:
            return _Step(-FIRST, FIRST, "alone")
        if view.follow and buffer.size - buffer.end > 2 * PIECE:
            return _Step(-PIECE, PIECE, "alone")  # too much came, or the view was far from it
        if view.near_start and buffer.start > 0:
            size = min(PIECE, buffer.start)
            return _Step(buffer.start - size, size, "before")
        is_wanted = view.follow or view.near_end
        left = buffer.size - buffer.end
        # Also what came while the view stands still, but not a whole log.
        if left > 0 and (is_wanted or (buffer.has_room and left <= PIECE)):
            return _Step(buffer.end, PIECE, "after")
        if is_read or self._is_final:
            return None
        is_at_end = left <= 0 and (is_wanted or buffer.has_room)
        return _Step(buffer.end, PIECE if is_at_end else 0, "after")

    def _take(self, step: _Step, chunk: LogChunk) -> None:
        view, buffer = self._view, self._view.buffer
        buffer.read_at = self._clock()
        if step.place == "before":
            view.change(lambda: buffer.prepend(chunk.offset, chunk.data, chunk.size))
        elif step.place == "alone":
            target, self._jump = self._jump, None
            view.change(lambda: buffer.begin(chunk.offset, chunk.data, chunk.size))
            if target is not None:
                view.reveal(target)
        elif chunk.data or chunk.size < buffer.size:
            view.change(lambda: buffer.append(chunk.offset, chunk.data, chunk.size))
        elif chunk.size != buffer.size:
            buffer.size = chunk.size
            view.post_message(LogView.ModeChanged())
        self.trouble = ""
        self.say_why_empty()
        self._told()

    def _failed(self, words: str) -> None:
        self.trouble = words
        if not len(self._view.buffer):
            self._view.set_note(words)
        self._told()
