"""The table of jobs: draws only the rows that can be seen, from a model keyed by job.

Textual's DataTable keeps every row and costs 100 to 1,000 ms per batch of changes; this one
asks the model for what is on the screen and repaints the lines that look different.
"""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from exauq_tui.app import format as fmt
from exauq_tui.app.commands import bindings
from exauq_tui.app.job_model import JobModel
from exauq_tui.app.widgets.columns import (
    GUTTER,
    Column,
    Layout,
    as_chosen,
    automatic,
    every_column,
    input_names,
)
from exauq_tui.app.widgets.job_lines import JobLines, Looks
from exauq_tui.app.widgets.parts import StyledParts
from exauq_tui.app.widgets.scrolling import move_thumb
from exauq_tui.monitor.snapshot import JobRow


class JobTable(StyledParts, can_focus=True):
    """Draws a `JobModel` and moves its cursor and marks.

    Args:
        model: The rows, owned by the screen.
        clock: Tells the time, for ages.
        id: The widget's id.
    """

    PARTS = frozenset(
        {
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
    )
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
        self._lines = JobLines(self.get_component_rich_style)
        self._painted: dict[int, Looks] = {}
        self._is_painted_afresh = False
        """Whether all lines will be drawn in the next frame anyway."""
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
        self._lines.forget_styles()
        self._painted.clear()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw all rows, and the bar where that looks different."""
        if self.show_vertical_scrollbar:
            move_thumb(self.vertical_scrollbar, new_value)
        if round(old_value) != round(new_value):
            self._paint_afresh()

    def _paint_afresh(self) -> None:
        self._is_painted_afresh = True
        region = self.scrollable_content_region
        self.refresh(Region(0, 0, region.width, region.height))

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
            self._paint_afresh()
        if self._is_painted_afresh:
            return
        region = self.scrollable_content_region
        top, has_focus, painted = self._top, self.has_focus, self._painted
        changed = [
            line
            for line in range(1, region.height)
            if painted.get(line) != self._looks(line, top, has_focus)
        ]
        if len(changed) > region.height // 2:
            self._paint_afresh()
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
        self._lines.lay_out(self._shown_columns)
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

    def _row_at(self, line: int, top: int) -> JobRow | None:
        """The row on a line of the widget; the heading is line 0."""
        index = top + line - 1
        if line < 1 or index >= len(self.model):
            return None
        return self.model.row(self.model.key_at(index))

    def _looks(self, line: int, top: int, has_focus: bool) -> Looks | None:
        row = self._row_at(line, top)
        if row is None:
            return None
        model = self.model
        server = model.servers.get(row.server)
        return Looks(
            row,
            "" if row.key != model.cursor else "focus" if has_focus else "blur",
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
        self._is_painted_afresh = False
        self._fit_columns()
        filters = self.get_line_filters()
        background = self.background_colors[1]
        width, top, has_focus = self.size.width, self._top, self.has_focus
        strips = []
        for y in crop.line_range:
            strip = self._draw_line(y, width, top, has_focus)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip)
        if crop.column_span != (0, width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """Draw one line of the widget."""
        self._fit_columns()
        return self._draw_line(y, self.size.width, self._top, self.has_focus)

    def _fit_columns(self) -> None:
        if self._layout_of[:1] != (self.scrollable_content_region.width,):
            self._update_columns()

    def _draw_line(self, y: int, width: int, top: int, has_focus: bool) -> Strip:
        if y == 0:
            return self._lines.header(self.model.sort, self.sort_arrow, width)
        looks = self._looks(y, top, has_focus)
        if looks is None:
            self._painted.pop(y, None)
            return self._empty_line(y, width)
        self._painted[y] = looks
        return self._lines.job(looks, self._now, width)

    def _empty_line(self, y: int, width: int) -> Strip:
        """Draw a line below the last row, or of the text that stands in an empty table."""
        room = self.scrollable_content_region
        start = max(2, (room.height - len(self.empty_text)) // 3)
        if len(self.model) or not 0 <= y - start < len(self.empty_text):
            return self._lines.blank(width)
        return self._lines.remark(*self.empty_text[y - start], room.width, width)

    def set_empty_text(self, lines: tuple[tuple[str, str], ...]) -> None:
        """Set what an empty table says: lines of text and the component that styles each."""
        if lines != self.empty_text:
            self.empty_text = lines
            self.refresh()

    # What people do

    def _go(self, index: int) -> bool:
        if not self.model.move_cursor(index):
            return False
        self.show_cursor()
        self.sync()
        self.cursor_moved()
        return True

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
            if not self._go(self.model.cursor_index + 1):
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
        row = self._row_at(event.y, self._top)
        if row is None:
            return
        index = self._top + event.y - 1
        if event.x < GUTTER:
            self.model.toggle_mark(row.key)
            self.marks_changed()
        elif event.chain == 2:
            self.post_message(self.Opened())
        if not self._go(index):
            self.sync()

    def on_focus(self) -> None:
        """Draw the cursor as active."""
        self.sync()

    def on_blur(self) -> None:
        """Draw the cursor as resting."""
        self.sync()
