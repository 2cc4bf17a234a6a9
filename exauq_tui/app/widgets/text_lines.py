"""Text of which only the lines that say something else are drawn again."""

from __future__ import annotations

from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.content import Content
from textual.geometry import Region
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual
from textual.widget import Widget

Rows = list[Strip]


class TextLines(Widget):
    """Shows text that changes often in part: a Static draws all of it for one word.

    For widgets without border and padding of their own, and text without links.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.auto_links = False
        self._content = Content("")
        # Each line of the text with the rows that it takes, and what they were drawn for.
        self._lines: list[tuple[Content, Rows]] = []
        self._rows: Rows = []
        self._drawn_for: tuple[int, Style] | None = None
        self._ground = RichStyle()
        self._options = RenderOptions(self._get_style, {})

    def render(self) -> Content:
        """Give the text; also what is copied after the mouse has marked some of it."""
        return self._content

    def fit(self, width: int) -> None:
        """Choose the text for another width, where it depends on that."""

    def show(self, content: Content, height: int) -> None:
        """Say something else.

        Args:
            content: The text.
            height: The rows that there are for it: for more, or where there were others, the
                screen is laid out afresh.
        """
        if content.is_same(self._content):
            return
        self._content = content
        fits = self.is_attached and self.size and self.size.height == height
        if not fits or self.text_selection is not None:
            self._forget()
            self.refresh(layout=True)
            return
        before, width = self._rows, self.size.width
        self._draw(width)
        if len(self._rows) > height:
            self.refresh(layout=True)
            return
        self._layout_cache.clear()
        self.clear_cached_dimensions()
        for y in _different(before, self._rows):
            self.refresh(Region(0, y, width, 1))

    def notify_style_update(self) -> None:
        """Draw all afresh when theme or classes change."""
        super().notify_style_update()
        self._forget()

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw what the mouse has marked."""
        self._forget()
        super().selection_updated(selection)

    def _forget(self) -> None:
        self._drawn_for = None

    def _draw(self, width: int) -> None:
        """Draw the lines that differ from those before; the others are there already."""
        style = self.visual_style
        known = self._lines
        if self._drawn_for != (width, style):
            known = []
            self._drawn_for = (width, style)
            self._ground = Style(background=self.background_colors[1]).rich_style
            self._options = RenderOptions(self._get_style, self.styles.get_rules())
        self._lines = []
        for y, line in enumerate(self._content.split(allow_blank=True)):
            if y < len(known) and known[y][0].is_same(line):
                self._lines.append(known[y])
            else:
                drawn = self._draw_line(line, y, width, style)
                rows = [row.extend_cell_length(width, self._ground) for row in drawn]
                self._lines.append((line, rows))
        self._rows = [row for _, rows in self._lines for row in rows]

    def _draw_line(self, line: Content, y: int, width: int, style: Style) -> Rows:
        if line.cell_length > width or "\t" in line.plain:
            rows = line.render_strips(width, None, style, self._options)
            return [_counted(row, y) for row in rows]
        segments = []
        x = 0
        for text, looks in line.render(style, end="", parse_style=self._get_style):
            segments.append(Segment(text, (style + looks).rich_style_with_offset(x, y)))
            x += len(text)
        return [Strip(segments, line.cell_length)]

    def _draw_marked(self, width: int) -> None:
        """Draw all, with what the mouse has marked."""
        rows = Visual.to_strips(self, self._content, width, None, self.visual_style)
        self._rows = [row.extend_cell_length(width, self._ground) for row in rows]

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        width, style = self.size.width, self.visual_style
        if self._drawn_for != (width, style):
            self.fit(width)
            self._draw(width)
            if self.text_selection is not None:
                self._draw_marked(width)
        return self._rows[y] if y < len(self._rows) else Strip.blank(width, style.rich_style)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw rows without the detour for borders and padding, of which there are none."""
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


def _counted(row: Strip, y: int) -> Strip:
    """Tell the mouse in which line of the text a row is: drawn alone, each was the first."""
    if y == 0:
        return row
    segments = [
        Segment(text, style + RichStyle(meta={"offset": (style.meta["offset"][0], y)}), control)
        if style is not None and "offset" in style.meta
        else Segment(text, style, control)
        for text, style, control in row
    ]
    return Strip(segments, row.cell_length)


def _different(before: Rows, after: Rows) -> Iterator[int]:
    """The rows that do not look as they did."""
    for y in range(max(len(before), len(after))):
        if before[y : y + 1] != after[y : y + 1]:
            yield y
