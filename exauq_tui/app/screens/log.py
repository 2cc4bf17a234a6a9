"""A job's log on the whole screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from exauq_tui.app import format as fmt
from exauq_tui.app.log_reading import LogReading
from exauq_tui.app.screens.log_handlers import LogHandlers
from exauq_tui.app.screens.opened import Opened
from exauq_tui.app.status_style import STATUS_STYLES
from exauq_tui.app.widgets.footer import Footer
from exauq_tui.app.widgets.log_panel import LogPanel
from exauq_tui.app.widgets.pane import Pane
from exauq_tui.monitor.snapshot import JobRow

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp


class LogScreen(LogHandlers, Opened):
    """Follows one job's log until it is left.

    Args:
        app: Has the fleet, the model and the clock.
        row: The job.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    AUTO_FOCUS = "#log-view"

    def __init__(self, app: ExauqApp, row: JobRow) -> None:
        super().__init__()
        self._row = row
        self._app = app
        self._panel = LogPanel(id="log")
        self._pane = Pane(id="log-pane", classes="pane")
        self._reading = LogReading(app, self._panel, self._current_row)

    def compose(self) -> ComposeResult:
        """Make the view."""
        with self._pane:
            yield self._panel
        yield Footer(
            self._app.commands, ("log", "app"), labels={"quit": "back"}, without=("palette",)
        )

    def on_mount(self) -> None:
        """Begin to read."""
        self._reading.follow(self._row.key)
        self._draw_titles()
        self.set_interval(1.0, self._reading.draw)

    def on_unmount(self) -> None:
        """Stop reading."""
        self._reading.stop()

    def _current_row(self) -> JobRow | None:
        return self._app.model.row(self._row.key)

    @property
    def reading(self) -> LogReading:
        """What reads the log."""
        return self._reading

    def log_changed(self) -> None:
        """Say how the log is shown."""
        self._draw_titles()

    def take_changes(self) -> None:
        """Show the job's new status, and what it means for a log that is empty."""
        self._draw_titles()
        self._reading.draw()

    def _draw_titles(self) -> None:
        row = self._current_row() or self._row
        title = Content.assemble(
            ("Log  ", "bold"),
            (f"{row.job_id}  ", ""),
            (fmt.status_text(row, False), STATUS_STYLES[row.status]),
            (f"  {fmt.safe(row.server)}", "$foreground-muted"),
        )
        self._pane.set_title(title)
        self._pane.set_subtitle(Content.styled(self._panel.view.mode_text(), "$foreground-muted"))

    def action_leave(self) -> None:
        """Go back to the table."""
        self.dismiss(None)
