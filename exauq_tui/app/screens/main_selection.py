"""What the main screen shows of all jobs: quick views, words, one server."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.widgets import Input

from exauq_tui.app.job_views import View
from exauq_tui.app.screens.main_panes import MainPanes
from exauq_tui.app.widgets.server_list import ServerList


class MainSelection(MainPanes):
    """The part of the main screen that chooses among the jobs."""

    def draw_titles(self) -> None:
        """Say what is shown, in the borders."""
        raise NotImplementedError

    def refresh_all(self) -> None:
        """Draw everything afresh."""
        raise NotImplementedError

    def _select(self, change: Callable[[], None]) -> None:
        """Run a change of the selection and draw what it left."""
        self.table.keep_place(change)
        self.refresh_all()

    async def action_back(self) -> None:
        """Leave the last thing that was opened: field, pane, range, server, filter."""
        field = self.query_one("#filter", Input)
        if self.focused is field:
            field.value = ""
            self.show_table()
        elif self.focused is not self.table or self.has_class("-side"):
            self.show_table()
        elif self.model.anchor is not None:
            self.model.anchor = None
            self.draw_titles()
        elif self.model.server is not None:
            self._select(lambda: self.model.set_server(None))
        elif self.model.words:
            field.value = ""
            self._select(lambda: self.model.set_filter(""))

    def action_view_all(self) -> None:
        """Show every job."""
        self._select(lambda: self.model.set_view(View.ALL))

    def action_view_active(self) -> None:
        """Show jobs that wait or run."""
        self._select(lambda: self.model.set_view(View.ACTIVE))

    def action_view_failed(self) -> None:
        """Show jobs that failed."""
        self._select(lambda: self.model.set_view(View.FAILED))

    def action_view_done(self) -> None:
        """Show jobs that completed or were cancelled."""
        self._select(lambda: self.model.set_view(View.DONE))

    def action_filter(self) -> None:
        """Open the field for words."""
        self.show_table()
        self.add_class("-filtering")
        # Directly, not by focus(), which waits its turn: the next key must find the field.
        self.set_focus(self.query_one("#filter", Input))

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        text = event.value
        if tuple(text.lower().split()) != self.model.words:
            self._select(lambda: self.model.set_filter(text))

    @on(Input.Submitted, "#filter")
    def _close_filter(self) -> None:
        self.show_table()

    def show_only(self, server: str) -> None:
        """Show one server's jobs, whatever was chosen before."""
        self._select(lambda: self.model.set_server(server))
        self.show_table()

    @on(ServerList.Picked)
    def _server_picked(self, event: ServerList.Picked) -> None:
        chosen = None if self.model.server == event.name else event.name
        self._select(lambda: self.model.set_server(chosen))
