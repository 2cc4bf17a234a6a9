"""The table of servers: one line each, with a cursor that stays on its server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from exauq_tui.app.server_text import ServerLine, layout

_CURSOR = "$block-cursor-foreground on $block-cursor-background"


class ServerTable(Widget, can_focus=True):
    """Draws servers.

    Args:
        clock: Tells the time, for ages.
        id: The widget's id.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", show=False),
        Binding("k,up", "move(-1)", show=False),
        Binding("g,home", "move(-1000000)", show=False),
        Binding("G,end", "move(1000000)", show=False),
    ]

    class Moved(Message):
        """The cursor is on another server."""

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._lines: Sequence[ServerLine] = ()
        self._picked: str | None = None
        self._empty = ""
        self._cursor = 0
        self._first = 0

    @property
    def selected(self) -> str | None:
        """The name of the server under the cursor."""
        return self._lines[self._cursor].view.name if self._lines else None

    @property
    def line(self) -> ServerLine | None:
        """What is known of the server under the cursor."""
        return self._lines[self._cursor] if self._lines else None

    def show(self, lines: Sequence[ServerLine], picked: str | None, empty: str) -> None:
        """Show other servers, or news of these; the cursor stays on its own.

        Args:
            lines: The servers.
            picked: The one whose jobs alone are shown elsewhere.
            empty: What to say where there are none.
        """
        before, self._lines = self.selected, tuple(lines)
        self._picked, self._empty = picked, empty
        names = [line.view.name for line in lines]
        if before in names:
            self._cursor = names.index(before)
        self._cursor = max(0, min(self._cursor, len(names) - 1))
        height = max(3, len(names) + 1)
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.refresh()

    def select(self, name: str | None) -> None:
        """Put the cursor on a server, where it is there."""
        names = [line.view.name for line in self._lines]
        if name in names:
            self._go_to(names.index(name))

    def render(self) -> Content:
        """Draw the titles, and the lines around the cursor."""
        if not self._lines:
            return Content.styled(f"\n  {self._empty}", "$foreground-muted")
        now, rows = self._clock(), max(1, self.size.height - 1)
        self._first = max(self._cursor - rows + 1, min(self._first, self._cursor), 0)
        form = layout(self._lines, self.size.width - 2, now)
        drawn = [form.head()]
        for at, each in enumerate(self._lines[self._first : self._first + rows], self._first):
            text = form.line(each, now, is_picked=each.view.name == self._picked)
            if at == self._cursor:
                text = Content.assemble("▸ ", text[2:]).pad_right(
                    max(0, self.size.width - text.cell_length)
                )
                text = text.stylize_before(_CURSOR)
            drawn.append(text)
        return Content("\n").join(drawn)

    def action_move(self, step: int) -> None:
        """Go to another server."""
        self._go_to(self._cursor + step)

    def _go_to(self, at: int) -> None:
        at = max(0, min(at, len(self._lines) - 1))
        if at != self._cursor:
            self._cursor = at
            self.refresh()
            self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the server that was clicked."""
        at = self._first + event.y - 1
        if event.y > 0 and at < len(self._lines):
            self._go_to(at)
