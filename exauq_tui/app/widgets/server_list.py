"""The list of servers: state in glyph, word and colour, and counts of jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from exauq_tui.app import format as fmt
from exauq_tui.app.commands import bindings
from exauq_tui.app.job_model import JobModel
from exauq_tui.app.status_style import SERVER_STYLES, STATUS_STYLES
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import ServerState, ServerView

_COUNTED = (
    JobStatus.RUNNING,
    JobStatus.SUBMITTED,
    JobStatus.PENDING_SUBMIT,
    JobStatus.FAILED,
    JobStatus.COMPLETED,
    JobStatus.FAILED_SUBMIT,
    JobStatus.FAILED_CANCEL,
    JobStatus.PENDING_CANCEL,
    JobStatus.CANCELLED,
)
"""All statuses, in the order in which they are counted as far as there is room."""
_LONGEST_NAME = 14


class ServerList(Widget, can_focus=True):
    """Shows the servers of a model, and lets one be picked.

    Args:
        model: The jobs and servers.
        clock: Tells the time, for ages.
        id: The widget's id.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("servers"),
        Binding("j,down", "move(1)", show=False),
        Binding("k,up", "move(-1)", show=False),
    ]

    class Picked(Message):
        """A server was chosen: show only its jobs, or all again.

        Args:
            name: The server's name.
        """

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(
        self, model: JobModel, clock: Callable[[], float], *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._model = model
        self._clock = clock
        self._cursor = 0
        self._owners: list[str] = []

    @property
    def selected(self) -> str | None:
        """The name of the server under the cursor."""
        names = list(self._model.servers)
        return names[min(self._cursor, len(names) - 1)] if names else None

    def render(self) -> Content:
        """Draw one line a server, and its message below where it is not well."""
        width, now = self.size.width, self._clock()
        views = list(self._model.servers.values())
        names = min(_LONGEST_NAME, max((len(view.name) for view in views), default=0))
        lines: list[Content] = []
        self._owners = []
        for view in views:
            at_cursor = self.has_focus and view.name == self.selected
            for line in self._lines(view, names, width, now):
                lines.append(
                    line.stylize_before("$block-cursor-foreground on $block-cursor-background")
                    if at_cursor
                    else line
                )
                self._owners.append(view.name)
        # Keep the cursor's server in view where there are more than fit.
        height = max(1, self.size.height)
        if len(lines) > height and self.selected in self._owners:
            first = max(0, min(self._owners.index(self.selected), len(lines) - height))
            lines, self._owners = lines[first:], self._owners[first:]
        return Content("\n").join(lines)

    def _lines(self, view: ServerView, names: int, width: int, now: float) -> list[Content]:
        state = SERVER_STYLES[view.state]
        picked = self._model.server == view.name
        head = Content.assemble(
            (f"{fmt.SERVER_GLYPHS[view.state]} ", state),
            (fmt.fit(fmt.safe(view.name), names), "bold underline" if picked else "bold"),
            "  ",
            (fmt.server_text(view, now), state),
        )
        room = width - head.cell_length
        tail = self._counts(view.name, room)
        lines = [Content.assemble(head, " " * max(0, room - tail.cell_length), tail)]
        if room < 0:
            lines = [head.truncate(width, ellipsis=True)]
        if view.message and view.state is not ServerState.UP:
            text = fmt.fit("  " + fmt.safe(view.message), width)
            lines.append(Content.styled(text, "$foreground-muted"))
        return lines

    def _counts(self, server: str, room: int) -> Content:
        """How many jobs there are of each status; "…" stands for those that have no room."""
        counts = self._model.server_counts(server)
        numbers: dict[str, tuple[int, str]] = {}
        for status in _COUNTED:
            if counts.get(status):
                glyph = fmt.STATUS_GLYPHS[status]
                number, _ = numbers.get(glyph, (0, ""))
                numbers[glyph] = (number + counts[status], STATUS_STYLES[status])
        parts = [(f" {glyph}{number:,}", style) for glyph, (number, style) in numbers.items()]
        tail = Content("")
        for at, (text, style) in enumerate(parts, start=1):
            more = 0 if at == len(parts) else 2
            if len(text) + more > room - tail.cell_length:
                return Content.assemble(tail, (" …", "$foreground-muted")) if room > 1 else tail
            tail = Content.assemble(tail, (text, style))
        return tail

    def update_height(self) -> None:
        """Ask for as many lines as there are to show."""
        lines = sum(
            2 if view.message and view.state is not ServerState.UP else 1
            for view in self._model.servers.values()
        )
        wanted = max(1, min(lines, 8))
        if self.styles.height is None or self.styles.height.value != wanted:
            self.styles.height = wanted
        self.refresh()

    def action_move(self, step: int) -> None:
        """Go to another server."""
        self._cursor = max(0, min(self._cursor + step, len(self._model.servers) - 1))
        self.refresh()

    def action_pick_server(self) -> None:
        """Show only this server's jobs, or all again."""
        if self.selected is not None:
            self.post_message(self.Picked(self.selected))

    def on_click(self, event: events.Click) -> None:
        """Pick the server that was clicked."""
        if 0 <= event.y < len(self._owners):
            self._cursor = list(self._model.servers).index(self._owners[event.y])
            self.action_pick_server()
            self.refresh()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh()
