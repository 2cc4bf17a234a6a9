"""Fills the detail pane with what is known of the job under the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content
from textual.timer import Timer
from textual.worker import Worker

from exauq_tui.app import detail_text, history_text, log_text
from exauq_tui.app import format as fmt
from exauq_tui.app.history_text import Past
from exauq_tui.app.log_buffer import LogBuffer
from exauq_tui.app.log_reading import LogReading
from exauq_tui.app.threads import answer, in_thread
from exauq_tui.app.widgets.detail import DetailPane
from exauq_tui.errors import ExauqTuiError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import JobRow, ServerState

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp

_SETTLED = 0.15
"""Log and history are asked for once the cursor has rested for this many seconds."""

_ANEW = 1.0
"""Likewise, once something has changed: not oftener than anybody can read it."""

_TAIL = 4096
_TAIL_EVERY = 10.0
"""Seconds between readings of the last lines of a log that may grow: seldom enough for a link."""

_LEAST_LINES = 3


@dataclass(frozen=True, slots=True)
class _Tail:
    """The last lines of a job's log, when they were read, and whether none can come."""

    key: int
    lines: tuple[bytes, ...]
    at: float
    is_final: bool


class JobDetails:
    """Keeps the tabs in step with the job under the cursor.

    Args:
        app: Has the model, the fleet and the clock.
        pane: What is filled.
    """

    def __init__(self, app: ExauqApp, pane: DetailPane) -> None:
        self._app = app
        self._model = app.model
        self._pane = pane
        self.reading = LogReading(app, pane.log_panel, self._model.cursor_row)
        self._rest: Timer | None = None
        self._key: int | None = None
        self._past: Past | None = None
        self._tail: _Tail | None = None
        self._tail_asked = 0.0
        self._asking: Worker[None] | None = None
        self._reading_tail: Worker[None] | None = None

    def changed(self) -> None:
        """Show another job, or what is new of this one."""
        key = self._model.cursor
        if key != self._key:
            self._key, self._past, self._tail, self._tail_asked = key, None, None, 0.0
            self._rest_later(_SETTLED)
        elif self._rest is None:
            self._rest_later(_ANEW)  # not put off by each change: under load there is always one
        self.draw()

    def _rest_later(self, seconds: float) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self._pane.set_timer(seconds, self._rested)

    def draw(self) -> None:
        """Draw what is known already; nothing is asked for."""
        if self._pane.tab == "log":
            self.reading.draw()
        row = self._model.cursor_row()
        if row is None:
            nothing = Content.styled("No job here.", "$foreground-muted")
            for tab in ("details", "output", "history"):
                self._pane.show(tab, nothing)
            return
        past = self._past if self._past is not None and self._past.key == row.key else None
        now = self._app.clock()
        self._pane.show("details", self._details(row, past, now))
        fetch_key = self._app.commands.first_key("output")
        text = past.text if past is not None else None
        self._pane.show("output", detail_text.output(row, fetch_key, now, text))
        if past is not None and past.events is not None:
            self._pane.show("history", history_text.history(row, past, now))

    def _details(self, row: JobRow, past: Past | None, now: float) -> Content:
        """What is known, and as much of the log's end as there is room for below."""
        details = detail_text.details(row, self._model.servers.get(row.server), now, past)
        tail = self._tail
        width, height = self._pane.room
        if tail is None or tail.key != row.key or not tail.lines or width <= 0:
            return details
        used = sum(max(1, -(-line.cell_length // width)) for line in details.split("\n"))
        room = height - used - 3
        if room < _LEAST_LINES:
            return details
        age = None if row.is_terminal else now - tail.at
        below = detail_text.log_tail(tail.lines[-room:], width, age)
        return Content("\n\n").join([details, below])

    def tick(self) -> None:
        """Let ages go on, and read what may have been printed since."""
        row = self._model.cursor_row()
        due = self._app.clock() - self._tail_asked > _TAIL_EVERY
        is_seen = self._app.screen is self._pane.screen and self._pane.tab == "details"
        may_grow = row is not None and row.status is JobStatus.RUNNING
        if may_grow and due and is_seen and self._rest is None:
            self._rest_later(_SETTLED)
        self.draw()

    @property
    def is_settled(self) -> bool:
        """Whether all that was asked for is there, until something changes again."""
        at_work = (self._asking, self._reading_tail)
        return self._rest is None and all(each is None or each.is_finished for each in at_work)

    def tab_changed(self) -> None:
        """Ask for what the tab that is shown now needs."""
        self._rested()

    def pause(self) -> None:
        """Read no log: another screen does."""
        self.reading.stop()

    def resume(self) -> None:
        """Go on where `pause` was said."""
        self._rested()

    def say_how_log_is_shown(self) -> None:
        """Say below the log whether it is followed, and how long it is."""
        if self._pane.tab == "log":
            self._pane.set_remark(self._pane.log_panel.view.mode_text())

    def _rested(self) -> None:
        if self._rest is not None:
            self._rest.stop()
            self._rest = None
        row = self._model.cursor_row()
        if self._pane.tab != "log" or row is None:
            self.reading.stop()
            self._pane.set_remark("")
        elif self.reading.key != row.key:
            self.reading.follow(row.key)
        if row is not None and self._pane.tab != "log":
            # Not a coroutine that is there already: one that is called off would be left over.
            ask = partial(self._ask, row, self._pane.tab)
            self._asking = self._app.run_worker(
                ask, group="past", exclusive=True, exit_on_error=False
            )

    async def _ask(self, row: JobRow, tab: str) -> None:
        """Find out what a tab needs beyond the row itself."""
        try:
            past = await in_thread(lambda: self._read_past(row, tab))
        except ExauqTuiError as error:
            if self._model.cursor == row.key:
                self._pane.show(tab, Content.styled(fmt.safe(str(error)), "$error"))
            return
        if self._model.cursor != row.key:
            return
        self._past = past
        self.draw()
        if tab == "details" and self._is_tail_due(row):
            self._tail_asked = self._app.clock()
            # By itself: what is asked anew meanwhile must not take back what is read so seldom.
            self._reading_tail = self._app.run_worker(
                partial(self._read_tail, row), group="tail", exclusive=True, exit_on_error=False
            )

    def _read_past(self, row: JobRow, tab: str) -> Past:
        fleet = self._app.fleet
        tries = fleet.tries(row.key)
        if tab == "history":
            events, server_events = fleet.events(row.key), fleet.server_events(row.server)
            return Past(row.key, tries, events, server_events)
        text = None
        if tab == "output" and (row.output is not None or row.output_error):
            text = fleet.output_text(row.key)
        return Past(row.key, tries, text=text)

    def _is_tail_due(self, row: JobRow) -> bool:
        """Whether there may be last lines of a log that are not known, and somebody sees them."""
        server = self._model.servers.get(row.server)
        is_up = server is not None and server.state is ServerState.UP
        is_final = self._tail is not None and self._tail.key == row.key and self._tail.is_final
        if not is_up or row.started is None or log_text.why_none(row):
            return False
        screen = self._app.screen
        if screen is not self._pane.screen and not screen.is_modal:
            return False  # it is asked for again afterwards
        if is_final:
            return False
        return row.is_terminal or self._app.clock() - self._tail_asked >= _TAIL_EVERY

    async def _read_tail(self, row: JobRow) -> None:
        """Read the last lines of the log."""
        now = self._app.clock()
        try:
            chunk = await answer(self._app.fleet.read_log(row.key, -_TAIL, _TAIL))
        except ExauqTuiError:
            return  # the log's own tab says why
        if self._model.cursor == row.key:
            buffer = LogBuffer()
            buffer.begin(chunk.offset, chunk.data, chunk.size)
            first = 1 if chunk.offset > 0 and len(buffer) > 1 else 0
            lines = tuple(buffer.line(index) for index in range(first, len(buffer)))
            self._tail = _Tail(row.key, lines, now, row.is_terminal)
            self.draw()
