"""Moving about on the main screen: panes, tabs, and the way back."""

from __future__ import annotations

from textual import on
from textual.screen import Screen
from textual.widgets import Input

from exauq_tui.app.job_model import JobModel
from exauq_tui.app.widgets.detail import DetailPane
from exauq_tui.app.widgets.job_table import JobTable
from exauq_tui.app.widgets.server_list import ServerList


class MainPanes(Screen[None]):
    """The part of the main screen that says where the keys go."""

    model: JobModel
    table: JobTable
    server_list: ServerList
    detail: DetailPane

    def action_open(self) -> None:
        """Show the job's details: beside the table, or in its place on a narrow screen."""
        self.add_class("-side")
        self.detail.focus_tab()

    @on(JobTable.Opened)
    def _opened(self) -> None:
        self.action_open()

    def show_table(self) -> None:
        """Go back to the table, also from the field for words."""
        self.remove_class("-side", "-filtering")
        self.set_focus(self.table)

    @property
    def is_at_top(self) -> bool:
        """Whether there is nothing to go back from, so that quit means quit."""
        return not self.has_class("-side") or not self.has_class("-narrow")

    def action_next_pane(self) -> None:
        """Go to the next pane."""
        self._step_pane(1)

    def action_previous_pane(self) -> None:
        """Go to the pane before."""
        self._step_pane(-1)

    def _step_pane(self, by: int) -> None:
        field = self.query_one("#filter", Input)
        if self.focused is field:
            self.show_table()
            return
        panes = ["jobs", "servers", "detail"]
        here = 0
        if self.focused is self.server_list:
            here = 1
        elif self.detail.has_focus_within:
            here = 2
        target = panes[(here + by) % len(panes)]
        if target == "jobs":
            self.show_table()
        elif target == "servers":
            self.focus_servers()
        else:
            self.action_open()

    def focus_servers(self) -> None:
        """Go to the list of servers beside the table."""
        self.add_class("-side")
        self.set_focus(self.server_list)

    def action_tab(self, tab: str) -> None:
        """Show a tab of the details by name."""
        self.detail.choose(tab)

    def action_next_tab(self) -> None:
        """Show the next tab."""
        self.detail.step(1)

    def action_previous_tab(self) -> None:
        """Show the tab before."""
        self.detail.step(-1)
