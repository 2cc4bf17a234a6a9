"""How a line of the job table is drawn: a heading, a job, or what stands in an empty table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from exauq_tui.app import format as fmt
from exauq_tui.app.widgets.columns import GAP, GUTTER, Layout
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import JobRow

_CACHED_STRIPS = 2000


class Looks(NamedTuple):
    """All that a job's line depends on, but for columns and styles: if equal, so is the line.

    Attributes:
        row: The job.
        cursor: "focus" or "blur" where the cursor is on it, else "".
        is_marked: Whether it is marked.
        is_stale: Whether its status may be out of date.
        age: Its age, as it is written.
        run_time: Its run time, likewise.
    """

    row: JobRow
    cursor: str
    is_marked: bool
    is_stale: bool
    age: str
    run_time: str


class JobLines:
    """Draws lines, and keeps those of jobs that look as they did.

    Args:
        style: Looks up a component's style.
    """

    def __init__(self, style: Callable[[str], Style]) -> None:
        self._look_up = style
        self._styles: dict[tuple[str, str], Style] = {}
        self._strips: dict[int, tuple[Looks, Strip]] = {}
        self._layout = Layout()
        self._width = 0

    def forget_styles(self) -> None:
        """Look styles up afresh."""
        self._styles.clear()
        self._strips.clear()

    def lay_out(self, layout: Layout) -> None:
        """Draw these columns from now on."""
        self._layout = layout
        self._strips.clear()

    def style(self, name: str, over: str = "") -> Style:
        """A component's style, with another component's background where that one is given."""
        style = self._styles.get((name, over))
        if style is None:
            style = self._look_up(name)
            if over:
                ground = self._look_up(over)
                style = Style(color=style.color, bold=style.bold, dim=style.dim) + Style(
                    bgcolor=ground.bgcolor, bold=ground.bold or None
                )
            self._styles[name, over] = style
        return style

    def job(self, looks: Looks, now: float, width: int) -> Strip:
        """Draw a job; what looks as before is the same object."""
        if width != self._width:
            self._width = width
            self._strips.clear()
        key = looks.row.key
        known = self._strips.get(key)
        if known is not None and known[0] == looks:
            return known[1]
        strip = self._draw(looks, now, width)
        if len(self._strips) > _CACHED_STRIPS:
            self._strips.clear()
        self._strips[key] = (looks, strip)
        return strip

    def _draw(self, looks: Looks, now: float, width: int) -> Strip:
        row, stale = looks.row, looks.is_stale
        over = {"focus": "table--cursor", "blur": "table--cursor-blurred"}.get(
            looks.cursor, "table--marked" if looks.is_marked else "table--row"
        )
        base = self.style("table--stale" if stale or not row.current else "table--row", over)
        quiet = self.style("table--stale" if stale else "table--quiet", over)
        status = self.style("table--stale" if stale else fmt.STATUS_CLASSES[row.status], over)
        segments = [
            Segment("▸" if looks.cursor else " ", base),
            Segment("▪ " if looks.is_marked else "  ", self.style("table--mark", over)),
        ]
        used = GUTTER
        gap = Segment(" " * GAP, base)
        for column in self._layout.columns:
            if column.name == "status":
                text, style = fmt.status_text(row, stale), status
            else:
                text = column.text(row, now)
                style = quiet if column.quiet else base
            if column.name == "output" and row.status is JobStatus.COMPLETED:
                style = self.style("table--row", over)
            segments += [Segment(fmt.fit(text, column.width, right=column.right), style), gap]
            used += column.width + GAP
        if used < width:
            segments.append(Segment(" " * (width - used), base))
        return Strip(segments, max(used, width)).crop(0, width)

    def header(self, sort: str, arrow: str, width: int) -> Strip:
        """Draw the headings, with an arrow beside that of the column that is sorted by."""
        text = " " * GUTTER
        for column in self._layout.columns:
            title = fmt.fit(column.title, column.width, right=column.right)
            gap = GAP
            if column.name == sort:
                # In the gap, or where the title leaves room: no column has to be wider for it.
                title = (title if column.right else column.title) + arrow
                title = fmt.fit(title, column.width + 1)
                gap -= 1
            text += title + " " * gap
        text = text.rstrip()
        if self._layout.left_out:
            sign = f" +{self._layout.left_out} ›"
            text = fmt.fit(text, width - len(sign) - 1) + sign
        return Strip([Segment(fmt.fit(text, width), self.style("table--header"))], width)

    def blank(self, width: int) -> Strip:
        """Draw nothing."""
        return Strip([Segment(" " * width, self.style("table--row"))], width)

    def remark(self, text: str, component: str, room: int, width: int) -> Strip:
        """Draw a line of what stands in a table without rows.

        Args:
            text: The line.
            component: What styles it.
            room: The cells in whose middle it stands.
            width: All cells of the line.
        """
        line = fmt.fit(text, min(width, cell_len(text)))
        left = (room - cell_len(line)) // 2
        base = self.style("table--row")
        return Strip(
            [
                Segment(" " * left, base),
                Segment(line, self.style(component)),
                Segment(" " * (width - left - cell_len(line)), base),
            ],
            width,
        )
