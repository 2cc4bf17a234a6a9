"""From what happens in a log's panel to what reads the log, on whatever screen it is shown."""

from __future__ import annotations

from textual import on
from textual.screen import Screen

from exauq_tui.app.log_reading import LogReading
from exauq_tui.app.widgets.log_panel import LogPanel
from exauq_tui.app.widgets.log_view import LogView


class LogHandlers(Screen[None]):
    """The part of a screen that deals with one log's panel."""

    @property
    def reading(self) -> LogReading:
        """What reads the log."""
        raise NotImplementedError

    def log_changed(self) -> None:
        """Say how the log is shown."""
        raise NotImplementedError

    @on(LogView.ModeChanged)
    def _log_mode_changed(self) -> None:
        self.log_changed()
        self.reading.draw()

    @on(LogView.Moved)
    def _log_moved(self) -> None:
        self.log_changed()
        self.reading.moved()

    @on(LogView.Asked)
    def _log_asked(self, event: LogView.Asked) -> None:
        self.reading.asked(event.what)

    @on(LogPanel.Typed)
    def _log_search_typed(self, event: LogPanel.Typed) -> None:
        self.reading.search(event.text)

    @on(LogPanel.Stopped)
    def _log_stopped(self) -> None:
        self.reading.stopped()
