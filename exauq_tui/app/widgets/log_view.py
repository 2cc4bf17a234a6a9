"""A view of a job's log: draws only the lines that can be seen, follows only at the end."""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.selection import Selection
from textual.strip import Strip

from exauq_tui.app import format as fmt
from exauq_tui.app.commands import bindings
from exauq_tui.app.log_buffer import LONGEST_LINE, LogBuffer
from exauq_tui.app.log_search import Hits
from exauq_tui.app.widgets.log_heights import Heights, part_of
from exauq_tui.app.widgets.marked_text import draw_marked, marked_text
from exauq_tui.app.widgets.parts import StyledParts

_MEASURED = 200


class LogView(StyledParts, can_focus=True):
    """Shows a `LogBuffer`.

    Attributes:
        follow: Whether the view stays at the end when lines come.
        wrap: Whether long lines are broken, rather than cut.
    """

    PARTS = frozenset({"log--text", "log--note", "log--match", "log--current"})
    BINDINGS = bindings("log")

    follow = reactive(True)
    wrap = reactive(False)

    class Moved(Message):
        """Something else is in view, so that more of the log may be wanted."""

    class ModeChanged(Message):
        """Following or wrapping was switched, or how much of the log is held."""

    class Asked(Message):
        """A key asked for what the view alone cannot do.

        Attributes:
            what: "top", "end", "search", "next", "previous" or "pager".
        """

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.buffer = LogBuffer()
        self.note = ""
        self.hits: Hits | None = None
        """What is searched for, and where it was found."""
        self.current: int | None = None
        """The offset of the line of the hit that was gone to last."""
        self._heights = Heights()
        self._widest = 0
        self._own_scroll = False
        self._styles_by_name: dict[str, Style] = {}

    # What is shown

    def set_note(self, note: str) -> None:
        """Set what stands in place of lines while there are none."""
        if note != self.note:
            self.note = note
            self.refresh()

    def show(self, buffer: LogBuffer) -> None:
        """Show another job's log, from its end."""
        self.buffer = buffer
        self.set_hits(None)
        self._heights = Heights()
        self._widest = 0
        self.follow = True
        self._changed(None)

    def change(self, how: Callable[[], object]) -> None:
        """Run a change of the buffer, and keep the same lines in view (or the end: `follow`)."""
        anchor = None if self.follow or not len(self.buffer) else self._anchor()
        how()
        if self.hits is not None:
            self.hits.update()
        self._changed(anchor)
        self.post_message(self.ModeChanged())

    def set_hits(self, hits: Hits | None) -> None:
        """Set what is highlighted."""
        self.hits = hits
        self.current = None
        self.refresh()

    def reveal(self, offset: int) -> None:
        """Bring the line at an offset into view."""
        self.follow = False
        row = self._row_of(self.buffer.index_of(offset))
        height = self.scrollable_content_region.height
        top = self.scroll_offset.y
        if not top <= row < top + height:
            self._scroll(row - height // 3)
        self.refresh()

    def _anchor(self) -> tuple[int, int]:
        """The offset of the first line in view, and which of its rows that is."""
        row = self.scroll_offset.y
        index = min(self._line_at(row), len(self.buffer) - 1)
        return self.buffer.offsets[index], row - self._row_of(index)

    def _changed(self, anchor: tuple[int, int] | None) -> None:
        self._measure()
        if self.follow:
            self._scroll(self.max_scroll_y)
        elif anchor is not None and len(self.buffer):
            self._scroll(self._row_of(self.buffer.index_of(anchor[0])) + anchor[1])
        self.refresh()

    def _measure(self) -> None:
        width = max(1, self.scrollable_content_region.width)
        count = len(self.buffer)
        if self.wrap:
            self._heights.update(self.buffer, width)
            self.virtual_size = Size(width, self._heights.total)
            return
        for index in {*range(min(count, _MEASURED)), *range(max(0, count - _MEASURED), count)}:
            self._widest = max(self._widest, min(LONGEST_LINE, len(self.buffer.line(index))))
        self.virtual_size = Size(self._widest, count)

    def _row_of(self, index: int) -> int:
        return self._heights.row_of(index) if self.wrap else index

    def _line_at(self, row: int) -> int:
        return self._heights.line_at(row) if self.wrap else row

    # Where in the log the view is

    @property
    def near_start(self) -> bool:
        """Whether the first line that is held will soon be in view."""
        return self.scroll_offset.y <= self._margin

    @property
    def near_end(self) -> bool:
        """Whether the last line that is held will soon be in view."""
        return self.max_scroll_y - self.scroll_offset.y <= self._margin

    @property
    def _margin(self) -> int:
        """The rows within which an end counts as near; never both, where there is any way."""
        return min(3 * self.scrollable_content_region.height, self.max_scroll_y // 3)

    def bounds(self) -> tuple[int, int]:
        """The offsets of the first line in view, and of the last."""
        if not len(self.buffer):
            return 0, 0
        top = self.scroll_offset.y
        bottom = top + max(1, self.scrollable_content_region.height) - 1
        last = len(self.buffer) - 1
        return (
            self.buffer.offsets[min(last, self._line_at(top))],
            self.buffer.offsets[min(last, self._line_at(bottom))],
        )

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
        # One who follows stays at the end of what is held, also while the rest is still read.
        is_whole = self.follow or self.buffer.end >= self.buffer.size
        self.follow = is_whole and new_value >= self.max_scroll_y
        self.post_message(self.Moved())

    def watch_show_horizontal_scrollbar(self) -> None:
        """Stay at the end where a bar for long lines comes and takes a row."""
        if self.follow and self.is_attached:
            self._scroll(self.max_scroll_y)

    def watch_follow(self, follow: bool) -> None:
        """Go to the end when following is switched on."""
        if follow and self.is_attached:
            self._scroll(self.max_scroll_y)
            self.post_message(self.Moved())
        self.post_message(self.ModeChanged())

    def watch_wrap(self) -> None:
        """Break or cut lines from now on, with the same line on top."""
        if self.is_attached:
            anchor = None
            if len(self.buffer) and not self.follow:
                row = self.scroll_offset.y
                index = row if self.wrap else self._heights.line_at(row)
                anchor = (self.buffer.offsets[min(index, len(self.buffer) - 1)], 0)
            self._changed(anchor)
            self.post_message(self.ModeChanged())

    def on_resize(self) -> None:
        """Break lines afresh, and stay at the end where it was followed."""
        self._changed(self._anchor() if len(self.buffer) and not self.follow else None)
        self.post_message(self.Moved())

    def action_log_follow(self) -> None:
        """Switch following on or off."""
        self.follow = not self.follow

    def action_log_wrap(self) -> None:
        """Switch wrapping on or off."""
        self.wrap = not self.wrap

    def action_log_top(self) -> None:
        """Go to the log's first line."""
        self.follow = False
        if self.buffer.start:
            self.post_message(self.Asked("top"))
        else:
            self._scroll(0)

    def action_log_end(self) -> None:
        """Go to the end and follow."""
        self.follow = True
        self._scroll(self.max_scroll_y)

    def action_log_search(self) -> None:
        """Search for a text."""
        self.post_message(self.Asked("search"))

    def action_log_next(self) -> None:
        """Go to the next match."""
        self.post_message(self.Asked("next"))

    def action_log_previous(self) -> None:
        """Go to the match before."""
        self.post_message(self.Asked("previous"))

    def action_log_pager(self) -> None:
        """Open the log in the person's own pager."""
        self.post_message(self.Asked("pager"))

    def mode_text(self) -> str:
        """Say in a few words what is shown."""
        size = self.buffer.size
        where = fmt.size(size) if self.buffer.start is not None else ""
        if self.follow:
            words = ["following", where]
        elif where:
            words = [f"paused, {self.bounds()[0] * 100 // max(1, size)} % of {where}"]
            words.append("End resumes")
        else:
            words = ["paused"]
        if self.wrap:
            words.append("wrapped")
        return " · ".join(filter(None, words))

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
        """Draw one row of the view."""
        width = self.scrollable_content_region.width
        left, top = self.scroll_offset
        style = self._style("log--text")
        if not len(self.buffer) and y == 0 and self.note:
            return Strip([Segment(fmt.fit(self.note, width), self._style("log--note"))], width)
        index = self._line_at(top + y)
        if top + y >= self.virtual_size.height or index >= len(self.buffer):
            return Strip([Segment(" " * width, style)], width)
        text = fmt.safe_log_line(self.buffer.line(index))
        start, stop = 0, LONGEST_LINE
        if self.wrap:
            start, stop = part_of(text, width, top + y - self._row_of(index))
        strip = Strip(self._segments(index, text, start, stop))
        if (selection := self.text_selection) is not None:
            marked = self.screen.get_component_rich_style("screen--selection")
            strip = draw_marked(strip, selection.get_span(top + y), marked)
        return strip.crop_extend(left, left + width, style).apply_offsets(left, top + y)

    # Marking text with the mouse

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What the mouse has marked."""
        return marked_text(selection, self.virtual_size.height - 1, self._row_text), "\n"

    def _row_text(self, row: int) -> str:
        """The text of a row of the view."""
        index = self._line_at(row)
        if index >= len(self.buffer):
            return ""
        text = fmt.safe_log_line(self.buffer.line(index))
        width = self.scrollable_content_region.width
        start, stop = (0, LONGEST_LINE)
        if self.wrap:
            start, stop = part_of(text, width, row - self._row_of(index))
        return text[start:stop]

    def _segments(self, index: int, text: str, start: int, stop: int) -> list[Segment]:
        """Cut what is shown of a line where matches begin and end."""
        plain = self._style("log--text")
        spans = self.hits.wanted.spans(text) if self.hits is not None else []
        is_current = self.buffer.offsets[index] == self.current
        found = self._style("log--current" if is_current else "log--match")
        segments = []
        at = start
        for begin, end in spans:
            first, last = max(begin, at), min(end, stop)
            if first < last:
                segments += [Segment(text[at:first], plain), Segment(text[first:last], found)]
                at = last
        return [*segments, Segment(text[at:stop], plain)]
