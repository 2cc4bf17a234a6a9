"""Fills the detail pane with what is known of the job under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.timer import Timer

from exauq_tui.app import detail_text
from exauq_tui.app import format as fmt
from exauq_tui.app.log_reading import LogReading
from exauq_tui.app.threads import in_thread
from exauq_tui.app.widgets.detail import DetailPane
from exauq_tui.errors import ExauqTuiError
from exauq_tui.monitor.snapshot import JobRow

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp

_SETTLED = 0.15
"""Log and history are asked for once the cursor has rested for this many seconds."""


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
        self._history_of: int | None = None

    def changed(self) -> None:
        """Show another job, or what is new of this one."""
        self.draw()
        self._history_of = None
        if self._rest is not None:
            self._rest.stop()
        self._rest = self._pane.set_timer(_SETTLED, self._rested)

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
        server = self._model.servers.get(row.server)
        fetch_key = self._app.commands.first_key("output")
        self._pane.show("details", detail_text.details(row, server, self._app.clock()))
        self._pane.show("output", detail_text.output(row, fetch_key))

    def tab_changed(self) -> None:
        """Ask for what the tab that is shown now needs."""
        self._history_of = None
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
        row = self._model.cursor_row()
        if self._pane.tab != "log" or row is None:
            self.reading.stop()
            self._pane.set_remark("")
        elif self.reading.key != row.key:
            self.reading.follow(row.key)
        if row is not None and self._pane.tab == "history" and self._history_of != row.key:
            self._history_of = row.key
            self._app.run_worker(
                self._read_history(row), group="history", exclusive=True, exit_on_error=False
            )

    async def _read_history(self, row: JobRow) -> None:
        try:
            happened = await in_thread(lambda: self._app.fleet.events(row.key))
        except ExauqTuiError as error:
            self._pane.show("history", Content.styled(fmt.safe(str(error)), "$error"))
            return
        if self._model.cursor == row.key:
            self._pane.show("history", detail_text.history(happened, self._app.clock()))
