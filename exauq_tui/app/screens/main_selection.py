"""What the main screen shows of all jobs: quick views, words, one server."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on
from textual.content import Content
from textual.widgets import Input, Static

from exauq_tui.app import format as fmt
from exauq_tui.app.job_views import View
from exauq_tui.app.screens.main_panes import MainPanes
from exauq_tui.app.widgets.server_list import ServerList
from exauq_tui.errors import FilterError

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp

_SLICE = 0.006
"""Seconds of looking through rows before keys are heard again."""

_PAUSE = 0.001

FILTER_HINT = "words  status:failed  server:hpc1  x1>0.9  output<3  age<2h  -batch:test"


class MainSelection(MainPanes):
    """The part of the main screen that chooses among the jobs."""

    app: ExauqApp

    def draw_titles(self) -> None:
        """Say what is shown, in the borders."""
        raise NotImplementedError

    def keep_preferences(self) -> None:
        """Write down how the table is to look."""
        raise NotImplementedError

    def refresh_all(self) -> None:
        """Draw everything afresh."""
        raise NotImplementedError

    def _select(self, change: Callable[[], None]) -> None:
        """Run a change of the selection and draw what it left."""
        if not self.model.loaded:
            return  # by the mouse, as keys wait: what is there is not all that it would be of
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
        elif self.model.query:
            field.value = ""
            self._filter_to("")

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

    def action_fold_tries(self) -> None:
        """Fold each job's tries into one row, or show every try."""
        self._select(lambda: self.model.set_folds(not self.model.folds))
        self.keep_preferences()
        if not self.model.has_tries:
            self.app.tell("No job was tried again yet.")
        elif not self.model.folds:
            self.app.tell("Every try has a row of its own now.")

    def action_filter(self) -> None:
        """Open the field for words."""
        self.show_table()
        self.add_class("-filtering")
        # Directly, not by focus(), which waits its turn: the next key must find the field.
        self.set_focus(self.query_one("#filter", Input))

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        if event.value.strip() != self.model.query_text.strip():
            self._filter_to(event.value, is_typed=True)
        else:
            self._say_of_filter("")

    def _filter_to(self, text: str, *, is_typed: bool = False) -> None:
        """Begin to filter; where that cannot be understood, say so and leave what is shown."""
        try:
            self.model.begin_filter(text, is_typed=is_typed)
        except FilterError as error:
            self.model.drop_filter()
            self._say_of_filter(str(error))
        else:
            self._say_of_filter("")
            self._go_on_filtering()

    def _say_of_filter(self, problem: str) -> None:
        """Say under the field what is wrong in it."""
        self.set_class(bool(problem), "-misunderstood")
        self.query_one("#filter-problem", Static).update(Content(fmt.safe(problem)))

    def _go_on_filtering(self, *, to_the_end: bool = False) -> None:
        """Look through some rows, and go on after keys were heard; draw what was found."""
        if not self.model.is_filtering:
            return
        end = time.monotonic() + (math.inf if to_the_end else _SLICE)
        done = False

        def go_on() -> None:
            nonlocal done
            done = self.model.go_on_filtering(lambda: time.monotonic() > end)

        self.table.keep_place(go_on)
        if done:
            self.refresh_all()
        else:
            self.set_timer(_PAUSE, self._go_on_filtering)

    def pass_time(self) -> None:
        """Let jobs come and go that a filter by age or run time tells apart."""
        if not self.model.query.spans:
            return
        moved = False

        def tick() -> None:
            nonlocal moved
            moved = self.model.tick()

        self.table.keep_place(tick)
        if moved:
            self.refresh_all()

    @on(Input.Submitted, "#filter")
    def _close_filter(self) -> None:
        """Go to the jobs that were found, all of them, unless something is to be put right."""
        text = self.query_one("#filter", Input).value
        if text.strip() != self.model.query_text.strip():
            self._filter_to(text)
        if not self.has_class("-misunderstood"):
            self._go_on_filtering(to_the_end=True)
            self.show_table()

    def show_only(self, server: str) -> None:
        """Show one server's jobs, whatever was chosen before."""
        self._select(lambda: self.model.set_server(server))
        self.show_table()

    @on(ServerList.Picked)
    def _server_picked(self, event: ServerList.Picked) -> None:
        chosen = None if self.model.server == event.name else event.name
        self._select(lambda: self.model.set_server(chosen))
