"""The main screen: jobs on the left, servers and one job's details on the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from exauq_tui.app import format as fmt
from exauq_tui.app.commands import bindings
from exauq_tui.app.job_details import JobDetails
from exauq_tui.app.job_model import Applied
from exauq_tui.app.job_verbs import JobVerbs
from exauq_tui.app.job_views import View
from exauq_tui.app.screens.doctor import DoctorScreen
from exauq_tui.app.screens.log import LogScreen
from exauq_tui.app.widgets.detail import DetailPane
from exauq_tui.app.widgets.footer import Footer
from exauq_tui.app.widgets.header import Header
from exauq_tui.app.widgets.job_table import JobTable
from exauq_tui.app.widgets.log_view import LogView
from exauq_tui.app.widgets.pane import Pane
from exauq_tui.app.widgets.server_list import ServerList
from exauq_tui.app.widgets.titles import tab_titles
from exauq_tui.monitor.snapshot import Changes

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp

NARROW = 100
SMALLEST = (60, 15)


class MainScreen(Screen[None]):
    """Shows the model and turns keys into verbs."""

    app: ExauqApp
    BINDINGS = bindings("main")
    AUTO_FOCUS = "#jobs"

    def __init__(self, app: ExauqApp) -> None:
        super().__init__()
        self.model = app.model
        self._clock = app.clock
        self.verbs = JobVerbs(app, self._show_new)
        self.table = JobTable(self.model, self._clock, id="jobs")
        self.header = Header(self.model, self._clock, id="header")
        self.server_list = ServerList(self.model, self._clock, id="servers")
        self.jobs_pane = Pane(id="jobs-pane", classes="pane")
        self.detail = DetailPane(id="detail")
        self.details = JobDetails(app, self.detail)
        self._awaited: set[int] = set()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.header
        yield Static(id="banner", markup=False)
        with Horizontal(id="body"):
            with self.jobs_pane:
                yield self.table
                yield Input(id="filter", compact=True, placeholder="id, status, server, batch")
            with Vertical(id="side"):
                with Pane(id="servers-pane", classes="pane") as pane:
                    pane.set_title(Content.styled("Servers", "bold"))
                    yield self.server_list
                self.detail.add_class("pane")
                yield self.detail
        yield Footer(self.app.commands, ("main", "table", "app"))
        yield Static(id="too-small", markup=False)

    def on_mount(self) -> None:
        """Show what is known already."""
        self.refresh_all()
        self.set_interval(1.0, self.tick)

    def on_resize(self, event: events.Resize) -> None:
        """Fold the side panes on narrow screens; say so where nothing would fit."""
        width, height = event.size
        self.set_class(width < NARROW, "-narrow")
        tiny = width < SMALLEST[0] or height < SMALLEST[1]
        was_tiny = self.has_class("-tiny")
        self.set_class(tiny, "-tiny")
        if tiny:
            text = f"{width}x{height} is too small: at least {SMALLEST[0]}x{SMALLEST[1]}"
            self.query_one("#too-small", Static).update(Content(text))
        elif was_tiny:
            self.call_after_refresh(self._focus_something)

    def _focus_something(self) -> None:
        """Give the keys to the table again after panes were hidden, which takes them away."""
        if self.focused is None and self.app.screen is self:
            self.show_table()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys to a text field while it has the focus, but for the way out of it."""
        if isinstance(self.focused, Input):
            return action in ("back", "next_pane", "previous_pane")
        return super().check_action(action, parameters)

    # Keeping in step with the model

    def take(self, changes: Changes) -> None:
        """Take over a batch of changes and repaint what it touched."""
        applied = Applied()
        cursor = self.model.cursor

        def change() -> None:
            nonlocal applied
            applied = self.model.apply(changes)

        self.table.keep_place(change)
        if self._awaited:
            self._show_awaited()
        if applied.counts or applied.servers:
            self.header.refresh()
        if applied.servers or applied.counts:
            self.server_list.update_height()
        if applied.moved or applied.counts:
            self._draw_titles()
            self._say_what_is_empty()
        if cursor != self.model.cursor:
            self._cursor_moved()
        elif self.model.cursor in applied.keys or applied.servers:
            self.details.changed()

    def refresh_all(self) -> None:
        """Draw everything afresh, after all rows were loaded or the selection changed."""
        self.table.sync()
        self.table.show_cursor()
        self.header.refresh()
        self.server_list.update_height()
        self._draw_titles()
        self._draw_banner()
        self._say_what_is_empty()
        self._cursor_moved()

    def tick(self) -> None:
        """Let ages and countdowns go on."""
        self.header.refresh()
        self.table.sync()
        self.server_list.refresh()
        self.details.draw()

    def _show_new(self, keys: Sequence[int]) -> None:
        """Put the cursor on the first of new jobs, as soon as the model has them."""
        self._awaited = set(keys)
        self._show_awaited()

    def _show_awaited(self) -> None:
        indexes = [
            index for key in self._awaited if (index := self.model.index_of(key)) is not None
        ]
        if len(indexes) == len(self._awaited):
            self._awaited.clear()
            if indexes:
                self.model.move_cursor(min(indexes))
                self.table.show_cursor()
                self.table.sync()
                self._cursor_moved()

    def _draw_titles(self) -> None:
        model = self.model
        title = tab_titles(
            [
                (
                    f"{position} {view.value} {model.view_count(view):,}",
                    f"screen.view_{view.value}",
                    view is model.view,
                )
                for position, view in enumerate(View, start=1)
            ],
        )
        self.jobs_pane.set_title(title)
        parts = []
        if model.words:
            parts.append(f"/{fmt.safe(' '.join(model.words))}")
        if model.server is not None:
            parts.append(f"only {fmt.safe(model.server)}")
        if model.anchor is not None:
            parts.append("range begun")
        if len(model):
            parts.append(f"{model.cursor_index + 1:,} of {len(model):,}")
        self.jobs_pane.set_subtitle(Content.styled("  ".join(parts), "$foreground-muted"))

    def _draw_banner(self) -> None:
        problems = self.app.problems
        banner = self.query_one("#banner", Static)
        banner.display = bool(problems)
        if problems:
            more = f"  (and {len(problems) - 1} more" if len(problems) > 1 else "  ("
            key = self.app.commands.first_key("help")
            more += f"{', ' if len(problems) > 1 else ''}{key} lists)"
            banner.update(Content.assemble(("▲ ", "bold"), fmt.safe(problems[0]), more))

    def _say_what_is_empty(self) -> None:
        model, key = self.model, self.app.commands.first_key
        strong, plain = "table--empty-strong", "table--empty"
        lines: tuple[tuple[str, str], ...]
        if not model.loaded:
            lines = (("Reading what was last known …", plain),)
        elif not model.total:
            lines = (
                ("No jobs yet", strong),
                ("", plain),
                (f"{key('submit')} submits the first, from a form or a CSV file", plain),
                (f"{key('help')} lists all keys", plain),
                ("", plain),
                ("Servers are described in", plain),
                (fmt.safe(self.app.config_text), plain),
            )
        else:
            back = key("back") if model.is_filtered else key("view-all")
            lines = (("No job matches", strong), (f"{back} shows all", plain))
        self.table.set_empty_text(lines)

    # The job under the cursor

    @on(JobTable.CursorMoved)
    def _cursor_moved(self) -> None:
        self._draw_titles()
        self.details.changed()

    @on(JobTable.MarksChanged)
    def _marks_changed(self) -> None:
        self.header.refresh()
        self._draw_titles()

    @on(DetailPane.TabChanged)
    def _tab_changed(self) -> None:
        self.details.tab_changed()

    @on(LogView.ModeChanged)
    def _log_mode_changed(self) -> None:
        self.details.say_how_log_is_shown()

    @on(LogView.AtStart)
    def _log_at_start(self) -> None:
        self.details.read_earlier_log()

    # Moving about

    def action_open(self) -> None:
        """Show the job's details: beside the table, or in its place on a narrow screen."""
        self.add_class("-side")
        self.detail.focus_tab()

    @on(JobTable.Opened)
    def _opened(self) -> None:
        self.action_open()

    async def action_back(self) -> None:
        """Leave the last thing that was opened: field, pane, range, server, filter."""
        field = self.query_one("#filter", Input)
        if self.focused is field:
            field.value = ""
            self._close_filter()
        elif self.focused is not self.table or self.has_class("-side"):
            self.show_table()
        elif self.model.anchor is not None:
            self.model.anchor = None
            self._draw_titles()
        elif self.model.server is not None:
            self._select(lambda: self.model.set_server(None))
        elif self.model.words:
            field.value = ""
            self._select(lambda: self.model.set_filter(""))

    def show_table(self) -> None:
        """Go back to the table."""
        self.remove_class("-side")
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
            self._close_filter()
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
            self.action_servers()
        else:
            self.action_open()

    def action_servers(self) -> None:
        """Go to the list of servers."""
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

    # What is shown

    def _select(self, change: Callable[[], None]) -> None:
        """Run a change of the selection and draw what it left."""
        self.table.keep_place(change)
        self.refresh_all()

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
        self.remove_class("-filtering")
        self.show_table()

    @on(ServerList.Picked)
    def _server_picked(self, event: ServerList.Picked) -> None:
        chosen = None if self.model.server == event.name else event.name
        self._select(lambda: self.model.set_server(chosen))

    # Verbs

    async def action_submit(self) -> None:
        """Submit jobs."""
        await self.verbs.submit(self._chosen_server())

    async def action_cancel(self) -> None:
        """Cancel jobs."""
        await self.verbs.cancel()

    async def action_resubmit(self) -> None:
        """Submit jobs once more."""
        await self.verbs.resubmit()

    def action_output(self) -> None:
        """Fetch outputs, and show that of the job under the cursor."""
        if len(self.model.targets()) == 1:
            self.detail.choose("output")
        self.verbs.fetch_outputs()

    async def action_log(self) -> None:
        """Show the log on the whole screen."""
        row = self.model.cursor_row()
        if row is not None:
            await self.app.push_screen(LogScreen(row, self.app.commands))

    async def action_delete_jobs(self) -> None:
        """Delete job directories."""
        await self.verbs.delete_jobs()

    def action_delete_workspace(self) -> None:
        """Delete a server's workspace."""
        self.verbs.delete_workspace(self._chosen_server())

    def action_look_now(self) -> None:
        """Look, or try to connect, at once."""
        self.app.warnings.repeat()
        self.verbs.look_now()

    async def action_doctor(self) -> None:
        """Examine a server step by step."""
        server = self._chosen_server()
        if server is not None:
            await self.app.push_screen(DoctorScreen(server, self.app.commands))

    def _chosen_server(self) -> str | None:
        """The server that is meant: focused, picked, under the cursor, or the only one."""
        if self.focused is self.server_list:
            return self.server_list.selected
        row = self.model.cursor_row()
        if self.model.server is None and row is not None and row.server in self.model.servers:
            return row.server
        return self.model.server or next(iter(self.model.servers), None)
