"""Reads a job's log piece by piece into a `LogView`, as long as it may grow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.worker import Worker

from exauq_tui.app import format as fmt
from exauq_tui.app.threads import answer
from exauq_tui.app.widgets.log_view import LogView
from exauq_tui.errors import ExauqTuiError
from exauq_tui.monitor.snapshot import JobRow
from exauq_tui.monitor.verbs import FleetVerbs

PIECE = 256 * 1024
_PAUSE = 1.0
_PAUSE_AFTER_ERROR = 3.0


class LogFollower:
    """Keeps one view filled with one job's log.

    Args:
        view: What shows the log.
        fleet: What it is read through.
        row: Gives the job as it is known now; a job that has ended is not read again.
    """

    def __init__(self, view: LogView, fleet: FleetVerbs, row: Callable[[], JobRow | None]) -> None:
        self._view = view
        self._fleet = fleet
        self._row = row
        self._key: int | None = None
        self._worker: Worker[None] | None = None
        self._reading_earlier = False

    @property
    def key(self) -> int | None:
        """The job whose log is shown."""
        return self._key

    def follow(self, key: int) -> None:
        """Show another job's log, from its end."""
        self.stop()
        self._key = key
        self._view.forget()
        self._view.set_note("Reading the log …")
        self._worker = self._view.app.run_worker(
            self._run(key), group="log", exit_on_error=False, name=f"log of {key}"
        )

    def stop(self) -> None:
        """Stop reading; a reply that is still under way is passed over."""
        self._key = None
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    async def _run(self, key: int) -> None:
        buffer = self._view.buffer
        while key == self._key:
            ended = (row := self._row()) is None or row.is_terminal
            offset = -PIECE if buffer.start is None else buffer.end
            try:
                chunk = await answer(self._fleet.read_log(key, offset, PIECE))
            except ExauqTuiError as error:
                self._view.set_note(fmt.safe(str(error)))
                if ended:
                    return
                await asyncio.sleep(_PAUSE_AFTER_ERROR)
                continue
            if key != self._key:
                return
            fits = buffer.append(chunk.offset, chunk.data, chunk.size)
            if chunk.data or not fits:
                self._view.lines_changed()
                self._view.post_message(LogView.ModeChanged())
            if not buffer.visible_lines():
                text = "The job printed nothing." if ended else "Nothing printed yet."
                self._view.set_note(text)
            if fits and buffer.end < buffer.size:
                continue
            if ended and fits:
                return
            await asyncio.sleep(_PAUSE)

    def read_earlier(self) -> None:
        """Load the piece before the first line that is held."""
        buffer = self._view.buffer
        if self._reading_earlier or self._key is None or not buffer.start or buffer.is_full:
            return
        self._reading_earlier = True
        self._view.app.run_worker(
            self._earlier(self._key), group="log-earlier", exit_on_error=False
        )

    async def _earlier(self, key: int) -> None:
        buffer = self._view.buffer
        end = buffer.start or 0
        offset = max(0, end - PIECE)
        try:
            chunk = await answer(self._fleet.read_log(key, offset, end - offset))
            if key == self._key:
                self._view.lines_came_before(buffer.prepend(chunk.offset, chunk.data))
                self._view.post_message(LogView.ModeChanged())
        except ExauqTuiError as error:
            self._view.app.notify(fmt.safe(str(error)), severity="warning", markup=False)
        finally:
            self._reading_earlier = False
