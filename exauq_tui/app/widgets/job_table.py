"""The table of jobs: draws only the rows that can be seen, from a model keyed by job.

Textual's DataTable keeps every row and costs 100 to 1,000 ms per batch of changes; this one
asks the model for what is on the screen and repaints the lines that look different.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from exauq_tui.app import format as fmt
from exauq_tui.app.commands import bindings
from exauq_tui.app.job_model import JobModel
from exauq_tui.app.widgets.columns import (
    GAP,
    GUTTER,
    Column,
    Layout,
    as_chosen,
    automatic,
    every_column,
    input_names,
)
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import JobRow

Signature = tuple[object, ...]
"""All that a line's looks depend on; the same signature means the same strip."""

_CACHED_STRIPS = 2000


class JobTable(ScrollView, can_focus=True):
    """Draws a `JobModel` and moves its cursor and marks.

    Args:
        model: The rows, owned by the screen.
        clock: Tells the time, for ages.
        id: The widget's id.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--row",
        "table--quiet",
        "table--cursor",
        "table--cursor-blurred",
        "table--marked",
        "table--stale",
        "table--mark",
        "table--empty",
        "table--empty-strong",
        *fmt.STATUS_CLASSES.values(),
    }
    BINDINGS = bindings("table")
    ALLOW_SELECT = False

    class HeadingClicked(Message):
        """A column's heading was clicked.

        Attributes:
            name: The column's name.
        """

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Opened(Message):
        """A job was asked to be shown in full."""

    def __init__(
        self, model: JobModel, clock: Callable[[], float], *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.model = model
        self.clock = clock
        self.empty_text: tuple[tuple[str, str], ...] = ()
        self.preferred: tuple[str, ...] = ()
        """The columns that somebody chose, by name; () for those that fit best."""
        self._shown_columns = Layout()
        self._layout_of: tuple[object, ...] = ()
        self._painted: dict[int, Signature] = {}
        self._strips: dict[int, tuple[Signature, Strip]] = {}
        self._styles_by_name: dict[tuple[str, str], Style] = {}
        self._now = clock()
        # Called, not posted: what else is to be drawn then comes in the same frame as the table,
        # where messages would make every key wait for the next one.
        self.cursor_moved: Callable[[], object] = lambda: None
        self.marks_changed: Callable[[], object] = lambda: None

    # Size and scrolling

    @property
    def page(self) -> int:
        """How many rows fit under the heading."""
        return max(1, self.scrollable_content_region.height - 1)

    @property
    def _top(self) -> int:
        return self.scroll_offset.y

    def on_resize(self) -> None:
        """Fit columns and scrolling to a new size."""
        self.sync()
        self.show_cursor()

    def notify_style_update(self) -> None:
        """Forget looked-up styles when theme or classes change."""
        super().notify_style_update()
        self._styles_by_name.clear()
        self._strips.clear()
        self._painted.clear()

    def show_cursor(self) -> None:
        """Scroll as little as needed to have the cursor in view."""
        index, top, page = self.model.cursor_index, self._top, self.page
        if index < top:
            self._scroll_top(index)
        elif index >= top + page:
            self._scroll_top(index - page + 1)

    def _scroll_top(self, index: int) -> None:
        self.scroll_to(y=max(0, index), animate=False, force=True)

    # Keeping the picture in step with the model

    def keep_place(self, change: Callable[[], object]) -> None:
        """Run a change of the model with the cursor staying on its line of the screen.

        At the very top the view stays there as long as the cursor is in it, so that new jobs
        can be seen coming in.
        """
        line = self.model.cursor_index - self._top
        at_top = self._top == 0
        change()
        index = self.model.cursor_index
        self._set_virtual_size()
        if not (at_top and index < self.page) and 0 <= line < self.page:
            self._scroll_top(index - line)
        self.sync()

    def sync(self) -> None:
        """Repaint what looks different from what was last painted, and nothing else."""
        self._now = self.clock()
        self._set_virtual_size()
        if self._update_columns():
            self._painted.clear()
            self.refresh()
            return
        region = self.scrollable_content_region
        changed = [
            line
            for line in range(1, region.height)
            if self._painted.get(line) != self._signature(line)
        ]
        if len(changed) > region.height // 2:
            self.refresh()
        else:
            for line in changed:
                self.refresh(Region(0, line, region.width, 1))

    def _set_virtual_size(self) -> None:
        size = Size(self.scrollable_content_region.width, len(self.model) + 1)
        if size != self.virtual_size:
            self.virtual_size = size

    def _update_columns(self) -> bool:
        """Lay the columns out afresh where what they depend on changed."""
        width = self.scrollable_content_region.width
        model = self.model
        servers = tuple(model.servers)
        names = self._input_names()
        levels = len({view.level for view in model.servers.values()})
        order = (model.sort, model.descending)
        wanted = (width, names, model.id_digits, servers, levels, self.preferred, order)
        if wanted == self._layout_of:
            return False
        self._layout_of = wanted
        columns = every_column(names, id_digits=model.id_digits, servers=servers)
        if self.preferred:
            self._shown_columns = as_chosen(width, columns, self.preferred)
        else:
            self._shown_columns = automatic(width, columns, servers=len(servers), levels=levels)
        self._strips.clear()
        return True

    def _input_names(self) -> tuple[str, ...]:
        """The inputs' headings, as a few rows tell: to go through all would cost too much."""
        model, count = self.model, len(self.model)
        keys = {model.key_at(index) for index in {0, count - 1, model.cursor_index} if count}
        return input_names(model.rows(keys), model.servers.values())

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are shown, from the left."""
        return self._shown_columns.columns

    def every_column(self) -> tuple[Column, ...]:
        """All columns that there are, shown or not."""
        return every_column(
            self._input_names(), id_digits=self.model.id_digits, servers=self.model.servers
        )

    @property
    def sort_arrow(self) -> str:
        """Which way the values go from the top: up, or down."""
        # An age is the larger the earlier a job was set up.
        falls = self.model.descending is not (self.model.sort == "age")
        return "▼" if falls else "▲"

    def _row_at(self, line: int) -> JobRow | None:
        """The row on a line of the widget; the heading is line 0."""
        index = self._top + line - 1
        if line < 1 or index >= len(self.model):
            return None
        return self.model.row(self.model.key_at(index))

    def _signature(self, line: int) -> Signature | None:
        row = self._row_at(line)
        if row is None:
            return None
        model = self.model
        server = model.servers.get(row.server)
        cursor = "" if row.key != model.cursor else "focus" if self.has_focus else "blur"
        return (
            row,
            cursor,
            row.key in model.marks,
            fmt.is_stale(row, server.state if server else None),
            fmt.age(row, self._now),
            fmt.run_time(row, self._now),
        )

    # Drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw lines without the detour for borders and padding, of which there are none.

        A strip that looks as before is the same object, so that what filters made of it (for
        terminals of fewer colours) is found again as well.
        """
        filters = self.get_line_filters()
        background = self.background_colors[1]
        strips = []
        for y in crop.line_range:
            strip = self.render_line(y)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip)
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """Draw one line of the widget."""
        width = self.size.width
        if self._layout_of[:1] != (self.scrollable_content_region.width,):
            self._update_columns()
        if y == 0:
            return self._header(width)
        signature = self._signature(y)
        if signature is None:
            self._painted.pop(y, None)
            return self._empty_line(y, width)
        self._painted[y] = signature
        row = signature[0]
        assert isinstance(row, JobRow)
        cached = self._strips.get(row.key)
        if cached is not None and cached[0] == signature:
            return cached[1]
        strip = self._draw(row, str(signature[1]), bool(signature[2]), bool(signature[3]), width)
        if len(self._strips) > _CACHED_STRIPS:
            self._strips.clear()
        self._strips[row.key] = (signature, strip)
        return strip

    def _style(self, name: str, over: str = "") -> Style:
        """A component's style, with another component's background where that one is given."""
        style = self._styles_by_name.get((name, over))
        if style is None:
            style = self.get_component_rich_style(name)
            if over:
                ground = self.get_component_rich_style(over)
                style = Style(color=style.color, bold=style.bold, dim=style.dim) + Style(
                    bgcolor=ground.bgcolor, bold=ground.bold or None
                )
            self._styles_by_name[name, over] = style
        return style

    def _draw(self, row: JobRow, cursor: str, marked: bool, stale: bool, width: int) -> Strip:
        over = {"focus": "table--cursor", "blur": "table--cursor-blurred"}.get(
            cursor, "table--marked" if marked else "table--row"
        )
        base = self._style("table--stale" if stale or not row.current else "table--row", over)
        quiet = self._style("table--stale" if stale else "table--quiet", over)
        status = self._style("table--stale" if stale else fmt.STATUS_CLASSES[row.status], over)
        segments = [
            Segment("▸" if cursor else " ", base),
            Segment("▪ " if marked else "  ", self._style("table--mark", over)),
        ]
        used = GUTTER
        gap = Segment(" " * GAP, base)
        for column in self.columns:
            if column.name == "status":
                text, style = fmt.status_text(row, stale), status
            else:
                text = column.text(row, self._now)
                style = quiet if column.quiet else base
            if column.name == "output" and row.status is JobStatus.COMPLETED:
                style = self._style("table--row", over)
            segments += [Segment(fmt.fit(text, column.width, right=column.right), style), gap]
            used += column.width + GAP
        if used < width:
            segments.append(Segment(" " * (width - used), base))
        return Strip(segments, max(used, width)).crop(0, width)

    def _header(self, width: int) -> Strip:
        style = self._style("table--header")
        text = " " * GUTTER
        for column in self.columns:
            title = fmt.fit(column.title, column.width, right=column.right)
            gap = GAP
            if column.name == self.model.sort:
                # In the gap, or where the title leaves room: no column has to be wider for it.
                title = (title if column.right else column.title) + self.sort_arrow
                title = fmt.fit(title, column.width + 1)
                gap -= 1
            text += title + " " * gap
        text = text.rstrip()
        if self._shown_columns.left_out:
            sign = f" +{self._shown_columns.left_out} ›"
            text = fmt.fit(text, width - len(sign) - 1) + sign
        return Strip([Segment(fmt.fit(text, width), style)], width)

    def _empty_line(self, y: int, width: int) -> Strip:
        """Draw a line below the last row, or of the text that stands in an empty table."""
        base = self._style("table--row")
        start = max(2, (self.scrollable_content_region.height - len(self.empty_text)) // 3)
        if len(self.model) or not 0 <= y - start < len(self.empty_text):
            return Strip([Segment(" " * width, base)], width)
        text, component = self.empty_text[y - start]
        line = fmt.fit(text, min(width, cell_len(text)))
        left = (self.scrollable_content_region.width - cell_len(line)) // 2
        return Strip(
            [
                Segment(" " * left, base),
                Segment(line, self._style(component)),
                Segment(" " * (width - left - cell_len(line)), base),
            ],
            width,
        )

    def set_empty_text(self, lines: tuple[tuple[str, str], ...]) -> None:
        """Set what an empty table says: lines of text and the component that styles each."""
        if lines != self.empty_text:
            self.empty_text = lines
            self.refresh()

    # What people do

    def _go(self, index: int) -> None:
        if self.model.move_cursor(index):
            self.show_cursor()
            self.sync()
            self.cursor_moved()

    def action_cursor_down(self) -> None:
        """Go one job down."""
        self._go(self.model.cursor_index + 1)

    def action_cursor_up(self) -> None:
        """Go one job up."""
        self._go(self.model.cursor_index - 1)

    def action_cursor_top(self) -> None:
        """Go to the first job."""
        self._go(0)

    def action_cursor_bottom(self) -> None:
        """Go to the last job."""
        self._go(len(self.model) - 1)

    def action_page_down(self) -> None:
        """Go one page down."""
        self._go(self.model.cursor_index + self.page)

    def action_page_up(self) -> None:
        """Go one page up."""
        self._go(self.model.cursor_index - self.page)

    def action_open(self) -> None:
        """Ask for the job's details."""
        if self.model.cursor is not None:
            self.post_message(self.Opened())

    def action_mark(self) -> None:
        """Mark or unmark the job under the cursor, and go on to the next."""
        if self.model.cursor is not None:
            self.model.toggle_mark(self.model.cursor)
            self.marks_changed()
            self._go(self.model.cursor_index + 1)
            self.sync()

    def action_mark_range(self) -> None:
        """Start a range of marks, or mark up to where it was started."""
        model = self.model
        start = None if model.anchor is None else model.index_of(model.anchor)
        if model.cursor is None:
            return
        if start is None:
            model.anchor = model.cursor
        else:
            first, last = sorted((start, model.cursor_index))
            model.set_marks(model.keys_between(first, last), True)
            model.anchor = None
        self.marks_changed()
        self.sync()

    def action_mark_all(self) -> None:
        """Mark every visible job; where all are marked, unmark them."""
        keys = self.model.visible_keys()
        self.model.set_marks(keys, not all(key in self.model.marks for key in keys))
        self.marks_changed()
        self.sync()

    def on_click(self, event: events.Click) -> None:
        """Go where the mouse was clicked; in the first cells, mark; on a heading, sort."""
        if event.y == 0:
            column = self._shown_columns.column_at(event.x)
            if column is not None:
                self.post_message(self.HeadingClicked(column.name))
            return
        row = self._row_at(event.y)
        if row is None:
            return
        index = self._top + event.y - 1
        if event.x < GUTTER:
            self.model.toggle_mark(row.key)
            self.marks_changed()
        elif event.chain == 2:
            self.post_message(self.Opened())
        self._go(index)
        self.sync()

    def on_focus(self) -> None:
        """Draw the cursor as active."""
        self.sync()

    def on_blur(self) -> None:
        """Draw the cursor as resting."""
        self.sync()
