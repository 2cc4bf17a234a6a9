"""All servers on the whole screen, and everything about the one under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from exauq_tui.app import format as fmt
from exauq_tui.app import server_text
from exauq_tui.app.commands import bindings
from exauq_tui.app.screens import OPENED_CSS
from exauq_tui.app.screens.opened import Opened
from exauq_tui.app.screens.server_actions import ServerActions
from exauq_tui.app.server_text import ServerLine
from exauq_tui.app.widgets.footer import Footer
from exauq_tui.app.widgets.pane import Pane
from exauq_tui.app.widgets.server_table import ServerTable
from exauq_tui.config_saving import is_own

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp


class ServersScreen(ServerActions, Opened):
    """Shows the servers, and offers what can be done with one.

    Args:
        app: Has model, configuration and clock.
        chosen: The server that the cursor is on at first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("servers-screen"),
        Binding("escape,w", "leave", show=False),
        Binding("pagedown", "scroll(1)", show=False),
        Binding("pageup", "scroll(-1)", show=False),
    ]
    CSS_PATH = OPENED_CSS
    AUTO_FOCUS = "#server-table"

    def __init__(self, app: ExauqApp, chosen: str | None) -> None:
        super().__init__()
        self._model = app.model
        self._clock = app.clock
        self._commands = app.commands
        self._chosen = chosen
        self._pane = Pane(id="server-table-pane", classes="pane")
        self._table = ServerTable(app.clock, id="server-table")
        self._about_pane = Pane(id="server-about-pane", classes="pane")
        self._about = Static(id="server-about", markup=False)
        self._shown: Content | None = None

    def compose(self) -> ComposeResult:
        """Make table and text."""
        with self._pane:
            yield self._table
        with self._about_pane, VerticalScroll(id="server-about-scroll", can_focus=False):
            yield self._about
        yield Footer(self._commands, ("servers-screen", "app"), labels={"quit": "back"})

    def on_mount(self) -> None:
        """Show what is known."""
        title = "Servers  READ-ONLY" if self.app.read_only else "Servers"
        self._pane.set_title(Content.styled(title, "bold"))
        self.take_changes()
        self.set_interval(1.0, self.take_changes)

    def on_resize(self) -> None:
        """Fold what is said anew, once the widgets have their size."""
        self.call_after_refresh(self._draw_about)

    def take_changes(self) -> None:
        """Draw what changed: states, ages, numbers of jobs."""
        profiles = {profile.name: profile for profile in self.app.config.servers}
        lines = [
            ServerLine(view, profiles.get(name), self._model.server_counts(name))
            for name, view in self._model.servers.items()
        ]
        add = self._commands.first_key("server-add")
        self._table.show(lines, self._model.server, f"There is no server yet: {add} adds one.")
        if self._chosen in self._model.servers:
            self._table.select(self._chosen)
            self._chosen = None
        self._pane.set_subtitle(
            Content.styled(fmt.count(len(lines), "server"), "$foreground-muted")
        )
        self._draw_about()

    @on(ServerTable.Moved)
    def _draw_about(self) -> None:
        line = self._table.line
        title, text = "", Content("")
        if line is not None:
            own = line.profile is not None and is_own(line.profile, self.app.profiles_dir)
            title = fmt.safe(line.view.name)
            width = self._about.size.width or self.app.size.width
            text = server_text.about(line, self._clock(), width, is_own=own)
        self._about_pane.set_title(Content.styled(title, "bold"))
        if text != self._shown:
            self._shown = text
            self._about.update(text)

    def select(self, server: str) -> None:
        """Put the cursor on a server, as soon as it is there."""
        self._chosen = server
        self.take_changes()

    def chosen_server(self) -> str | None:
        """The server under the cursor."""
        return self._table.selected

    def action_server_jobs(self) -> None:
        """Go back, and show only this server's jobs."""
        server = self.chosen_server()
        if server is not None:
            self.app.main.show_only(server)
        self.dismiss(None)

    def action_scroll(self, pages: int) -> None:
        """Scroll what is said about the server."""
        scroll = self.query_one("#server-about-scroll")
        scroll.scroll_relative(y=pages * max(1, scroll.size.height - 1), animate=False)

    def action_leave(self) -> None:
        """Go back to the jobs."""
        self.dismiss(None)
