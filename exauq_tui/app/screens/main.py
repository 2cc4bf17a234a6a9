"""The main screen: jobs on the left, servers and one job's details on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from exauq_tui.app import main_text
from exauq_tui.app.command_list import Command
from exauq_tui.app.commands import bindings
from exauq_tui.app.compositor import LineCompositor
from exauq_tui.app.job_details import JobDetails
from exauq_tui.app.job_model import Applied, JobModel
from exauq_tui.app.log_reading import LogReading
from exauq_tui.app.outbox import Outbox
from exauq_tui.app.preferences import PreferencesFile
from exauq_tui.app.screens.log_handlers import LogHandlers
from exauq_tui.app.screens.main_columns import MainColumns
from exauq_tui.app.screens.main_selection import FILTER_HINT
from exauq_tui.app.screens.main_verbs import MainVerbs
from exauq_tui.app.widgets.detail import DetailPane
from exauq_tui.app.widgets.footer import Footer
from exauq_tui.app.widgets.header import Header
from exauq_tui.app.widgets.job_table import JobTable
from exauq_tui.app.widgets.log_panel import SEARCH_FIELD
from exauq_tui.app.widgets.log_view import LogView
from exauq_tui.app.widgets.pane import Pane
from exauq_tui.app.widgets.server_list import ServerList
from exauq_tui.monitor.snapshot import Changes

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp

NARROW = 100
SMALLEST = (60, 15)


class MainScreen(MainColumns, MainVerbs, LogHandlers):
    """Shows the model and turns keys into verbs."""

    app: ExauqApp
    BINDINGS = bindings("main")
    AUTO_FOCUS = "#jobs"

    def __init__(self, app: ExauqApp) -> None:
        super().__init__()
        self._compositor = LineCompositor()
        self.model = app.model
        self._clock = app.clock
        self.preferences = PreferencesFile(app.data_dir)
        self.table = JobTable(self.model, self._clock, id="jobs")
        self.table.cursor_moved = self._cursor_moved
        self.table.marks_changed = self._marks_changed
        badge = "READ-ONLY" if app.read_only else ""
        self.header = Header(self.model, self._clock, app.news.pace, badge=badge, id="header")
        self.server_list = ServerList(self.model, self._clock, id="servers")
        self.jobs_pane = Pane(id="jobs-pane", classes="pane")
        self.detail = DetailPane(id="detail", classes="pane")
        self.details = JobDetails(app, self.detail)
        self._log_keys = app.commands.actions_hidden_by("log")
        self._footer = Footer(app.commands, ("main", "table", "app"))
        self.outbox = Outbox()
        self._sending = Static(id="sending", markup=False)
        self._awaited: set[int] = set()
        self._was_shown = False

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self.header
        yield Static(id="banner", markup=False)
        with Horizontal(id="body"):
            with self.jobs_pane:
                yield self.table
                yield Input(id="filter", compact=True, placeholder=FILTER_HINT)
                yield Static(id="filter-problem", markup=False)
            with Vertical(id="side"):
                with Pane(id="servers-pane", classes="pane") as pane:
                    pane.set_title(Content.styled("Servers", "bold"))
                    yield self.server_list
                yield self.detail
        yield self._sending
        yield self._footer
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

    def watch_focused(self) -> None:
        """Name the keys that the part with the focus understands."""
        self._footer.show(*self._keys_here())

    def _keys_here(self) -> tuple[Sequence[Command], str]:
        """The commands for the footer, or what the keys do instead."""
        focused, commands = self.focused, self.app.commands
        if isinstance(focused, Input):
            is_search = focused.id == SEARCH_FIELD
            return (), "⏎ search   esc leave it" if is_search else "⏎ to the jobs   esc no filter"
        everywhere = commands.footer(("main", "app"))
        if isinstance(focused, LogView):
            others = [each for each in everywhere if each.action not in self._log_keys]
            return [*commands.footer(("log",)), *others], ""
        if focused is self.server_list:
            return [*commands.footer(("servers",)), *everywhere], ""
        # Of the table's keys, none does anything in a text that is scrolled.
        is_text = self.detail.has_focus_within
        return everywhere if is_text else commands.footer(("main", "table", "app")), ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys to a text field while it has the focus, but for the way out of it."""
        if isinstance(self.focused, Input):
            in_table = self.focused.id != SEARCH_FIELD
            return action in ("next_pane", "previous_pane") or (in_table and action == "back")
        if isinstance(self.focused, LogView) and action in self._log_keys:
            return False  # there its keys mean what they say of a log
        if action == "back" and self.detail.log_panel.stops_at_back:
            return False
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
        if self.outbox.take(changes) or applied.servers:
            self.draw_outbox()
        if applied.counts or applied.servers:
            self.header.draw()
        if applied.servers or applied.counts:
            self.server_list.update_height()
        if applied.moved or applied.counts:
            self.draw_titles()
            self._say_what_is_empty()
        if cursor != self.model.cursor:
            self._cursor_moved()
        elif self.model.cursor in applied.keys or applied.servers:
            self.details.changed()

    def take_over(self, filled: JobModel) -> None:
        """Show all jobs, where the first of them may be shown already."""
        self.table.keep_place(lambda: self.model.take_over(filled))
        self.refresh_all()

    def refresh_all(self) -> None:
        """Draw everything afresh, after all rows were loaded or the selection changed."""
        self.table.sync()
        self.table.show_cursor()
        self.header.draw()
        self.server_list.update_height()
        self.draw_titles()
        self._draw_banner()
        self.draw_outbox()
        self._say_what_is_empty()
        self._cursor_moved()

    def tick(self) -> None:
        """Let ages and countdowns go on."""
        self.pass_time()
        self.header.draw()
        self.table.sync()
        self.server_list.refresh()
        self.details.tick()

    def show_recording(self, count: int) -> None:
        """Say that so many jobs are being recorded, 0 when they are."""
        self.outbox.recording = count
        self.draw_outbox()

    def draw_outbox(self) -> None:
        """Say how far the jobs are that wait to be sent, where there are many."""
        # Not looked up: changes may still arrive while the screen is taken down.
        self._sending.display = self.outbox.is_worth_a_line
        if self._sending.display:
            self._sending.update(self.outbox.text(self.model.servers))

    def show_new(self, keys: Sequence[int]) -> None:
        """Put the cursor on the first of new jobs, as soon as the model has them."""
        self._awaited = set(keys)
        self._show_awaited()

    def _show_awaited(self) -> None:
        if all(self.model.row(key) is not None for key in self._awaited):
            indexes = [self.model.index_of(key) for key in self._awaited]
            self._awaited.clear()
            shown = [index for index in indexes if index is not None]
            if shown:
                self.model.move_cursor(min(shown))
                self.table.show_cursor()
                self.table.sync()
                self._cursor_moved()

    def draw_titles(self) -> None:
        """Name the views and say what is chosen in the table's borders."""
        self.jobs_pane.set_title(main_text.views(self.model))
        self._draw_selection()

    def _draw_selection(self) -> None:
        self.jobs_pane.set_subtitle(main_text.selection(self.model))

    def _draw_banner(self) -> None:
        problems = self.app.problems
        banner = self.query_one("#banner", Static)
        banner.display = bool(problems)
        if problems:
            banner.update(main_text.banner(problems, self.app.commands.first_key("help")))

    def _say_what_is_empty(self) -> None:
        self.table.set_empty_text(
            main_text.empty_table(self.model, self.app.commands, self.app.config_text)
        )

    # The job under the cursor

    def _cursor_moved(self) -> None:
        self._draw_selection()
        self.details.changed()

    def _marks_changed(self) -> None:
        self.header.draw()
        self._draw_selection()

    @on(DetailPane.TabChanged)
    def _tab_changed(self) -> None:
        self.details.tab_changed()

    @property
    def reading(self) -> LogReading:
        """What reads the log in its tab."""
        return self.details.reading

    def log_changed(self) -> None:
        """Say below the log how it is shown."""
        self.details.say_how_log_is_shown()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Read on what another screen had read meanwhile."""
        # The first time, everything was styled when it was made, a moment ago.
        event.refresh_styles = self._was_shown
        self._was_shown = True
        self.details.resume()
