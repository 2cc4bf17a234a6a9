"""A job's log on the whole screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen

from exauq_tui.app import format as fmt
from exauq_tui.app.commands import CommandTable
from exauq_tui.app.log_follower import LogFollower
from exauq_tui.app.status_style import STATUS_STYLES
from exauq_tui.app.widgets.footer import Footer
from exauq_tui.app.widgets.log_view import LogView
from exauq_tui.app.widgets.pane import Pane
from exauq_tui.monitor.snapshot import JobRow

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp


class LogScreen(Screen[None]):
    """Follows one job's log until it is left.

    Args:
        row: The job.
        table: The commands with their keys.
    """

    app: ExauqApp
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    AUTO_FOCUS = "#log"

    def __init__(self, row: JobRow, table: CommandTable) -> None:
        super().__init__()
        self._row = row
        self._table = table
        self._view = LogView(id="log")
        self._pane = Pane(id="log-pane", classes="pane")
        self.follower: LogFollower | None = None

    def compose(self) -> ComposeResult:
        """Make the view."""
        with self._pane:
            yield self._view
        yield Footer(self._table, ("log", "app"), labels={"quit": "back"}, without=("palette",))

    def on_mount(self) -> None:
        """Begin to read."""
        self.follower = LogFollower(self._view, self.app.fleet, self._current_row)
        self.follower.follow(self._row.key)
        self._draw_titles()

    def on_unmount(self) -> None:
        """Stop reading."""
        if self.follower is not None:
            self.follower.stop()

    def _current_row(self) -> JobRow | None:
        return self.app.model.row(self._row.key)

    def on_log_view_mode_changed(self) -> None:
        """Say how the log is shown."""
        self._draw_titles()

    def on_log_view_at_start(self) -> None:
        """Load what is before."""
        if self.follower is not None:
            self.follower.read_earlier()

    def row_changed(self) -> None:
        """Show the job's new status."""
        self._draw_titles()

    def _draw_titles(self) -> None:
        row = self._current_row() or self._row
        title = Content.assemble(
            ("Log  ", "bold"),
            (f"{row.job_id}  ", ""),
            (fmt.status_text(row, False), STATUS_STYLES[row.status]),
            (f"  {fmt.safe(row.server)}", "$foreground-muted"),
        )
        self._pane.set_title(title)
        self._pane.set_subtitle(Content.styled(self._view.mode_text(), "$foreground-muted"))

    def action_leave(self) -> None:
        """Go back to the table."""
        self.dismiss(None)
