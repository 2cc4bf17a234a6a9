"""A view of a job's log: draws only the lines that can be seen, follows only at the end."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from exauq_tui.app import format as fmt
from exauq_tui.app.commands import bindings
from exauq_tui.app.log_buffer import LogBuffer

_WIDEST = 4000


class LogView(ScrollView, can_focus=True):
    """Shows a `LogBuffer`.

    Attributes:
        follow: Whether the view stays at the end when lines come.
        wrap: Whether long lines are broken, rather than cut.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--text", "log--note"}
    BINDINGS = bindings("log")

    follow = reactive(True)
    wrap = reactive(False)

    class AtStart(Message):
        """The first line that is loaded was scrolled to."""

    class ModeChanged(Message):
        """Following or wrapping was switched."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.buffer = LogBuffer()
        self.note = ""
        self._pieces: list[tuple[int, str]] = []
        self._pieces_of = (-1, -1, -1)
        self._wrapped_lines = 0
        self._widest = 0
        self._own_scroll = False
        self._styles_by_name: dict[str, Style] = {}

    # What is shown

    def set_note(self, note: str) -> None:
        """Set what stands in place of lines while there are none."""
        if note != self.note:
            self.note = note
            self.refresh()

    def forget(self) -> None:
        """Empty the view for another job."""
        self.buffer.clear()
        self._pieces_of = (-1, -1, -1)
        self._widest = 0
        self.follow = True
        self._changed()

    def lines_changed(self) -> None:
        """Draw what was appended to the buffer; goes to the end while following."""
        self._changed()

    def lines_came_before(self, lines: int) -> None:
        """Keep the same lines in view after `lines` were put before them."""
        self._pieces_of = (-1, -1, -1)
        before = self.scroll_offset.y
        self._changed()
        if not self.wrap:
            self._scroll(before + lines)

    def _changed(self) -> None:
        self._measure()
        if self.follow:
            self._scroll(self.max_scroll_y)
        self.refresh()

    def _measure(self) -> None:
        width = max(1, self.scrollable_content_region.width)
        count = self.buffer.visible_lines()
        if self.wrap:
            self._break_lines(width, count)
            self.virtual_size = Size(width, len(self._pieces))
            return
        for line in self.buffer.lines[max(0, count - 200) : count]:
            self._widest = max(self._widest, min(_WIDEST, len(line)))
        self.virtual_size = Size(self._widest, count)

    def _break_lines(self, width: int, count: int) -> None:
        """Break lines at the view's width, only those that are new where that is enough."""
        stamp = (width, self.buffer.dropped, self.buffer.start or 0)
        if stamp != self._pieces_of:
            self._pieces.clear()
            self._pieces_of = stamp
            self._wrapped_lines = 0
        first = max(0, self._wrapped_lines - 1)  # the last line may have grown since
        while self._pieces and self._pieces[-1][0] >= first:
            self._pieces.pop()
        for index in range(first, count):
            text = fmt.safe_log_line(self.buffer.lines[index])
            if text.isascii():
                parts = [text[at : at + width] for at in range(0, len(text), width)]
            else:
                parts = chop_cells(text, width)
            self._pieces += [(index, part) for part in parts or [""]]
        self._wrapped_lines = count

    # Scrolling and following

    def _scroll(self, y: float) -> None:
        self._own_scroll = True
        self.scroll_to(y=y, animate=False, force=True)
        self._own_scroll = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Stop following when a person scrolls up, resume when they come to the end."""
        super().watch_scroll_y(old_value, new_value)
        if self._own_scroll or old_value == new_value:
            return
        self.follow = new_value >= self.max_scroll_y
        if new_value <= 0 < old_value:
            self.post_message(self.AtStart())

    def watch_follow(self, follow: bool) -> None:
        """Go to the end when following is switched on."""
        if follow and self.is_attached:
            self._scroll(self.max_scroll_y)
        self.post_message(self.ModeChanged())

    def watch_wrap(self) -> None:
        """Break or cut lines from now on."""
        if self.is_attached:
            self._changed()
            self.post_message(self.ModeChanged())

    def on_resize(self) -> None:
        """Break lines afresh, and stay at the end where it was followed."""
        self._changed()

    def action_log_follow(self) -> None:
        """Switch following on or off."""
        self.follow = not self.follow

    def action_log_wrap(self) -> None:
        """Switch wrapping on or off."""
        self.wrap = not self.wrap

    def action_log_top(self) -> None:
        """Go to the first line; asked again, load what is before it."""
        if self.scroll_offset.y == 0:
            self.post_message(self.AtStart())
        self.scroll_to(y=0, animate=False, force=True)

    def action_log_end(self) -> None:
        """Go to the end and follow."""
        self.follow = True
        self._scroll(self.max_scroll_y)

    def mode_text(self) -> str:
        """Say in a few words what is shown."""
        words = ["following" if self.follow else "paused, End resumes"]
        if self.wrap:
            words.append("wrapped")
        if self.buffer.start is not None:
            words.append(fmt.size(self.buffer.size))
            if self.buffer.start:
                words.append(f"from {fmt.size(self.buffer.start)}")
        return " · ".join(words)

    # Drawing

    def notify_style_update(self) -> None:
        """Forget looked-up styles when theme or classes change."""
        super().notify_style_update()
        self._styles_by_name.clear()

    def _style(self, name: str) -> Style:
        style = self._styles_by_name.get(name)
        if style is None:
            style = self._styles_by_name[name] = self.get_component_rich_style(name)
        return style

    def render_line(self, y: int) -> Strip:
        """Draw one line of the view."""
        width = self.scrollable_content_region.width
        left, top = self.scroll_offset
        index = top + y
        style = self._style("log--text")
        text = ""
        if self.wrap:
            if index < len(self._pieces):
                text = self._pieces[index][1]
        elif index < self.buffer.visible_lines():
            text = fmt.safe_log_line(self.buffer.lines[index])[:_WIDEST]
        if not self.buffer.visible_lines() and y == 0 and self.note:
            return Strip([Segment(fmt.fit(self.note, width), self._style("log--note"))], width)
        if not text:
            return Strip([Segment(" " * width, style)], width)
        length = len(text) if text.isascii() else cell_len(text)
        return Strip([Segment(text, style)], length).crop_extend(left, left + width, style)
