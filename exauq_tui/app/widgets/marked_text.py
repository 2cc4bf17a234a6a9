"""Text that the mouse has marked in a view drawn row by row (pure)."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from rich.style import Style
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip


def draw_marked(strip: Strip, span: tuple[int, int] | None, marked: Style) -> Strip:
    """Draw what is marked of a row.

    Args:
        strip: The whole row.
        span: From which character to which it is marked, -1 for the row's end; None for nowhere.
        marked: How that looks.
    """
    if span is None:
        return strip
    begin, end = (cell_len(strip.text[:at]) if at >= 0 else strip.cell_length for at in span)
    parts = [strip.crop(0, begin), strip.crop(begin, end).apply_style(marked), strip.crop(end)]
    return Strip.join(parts)


def marked_text(selection: Selection, last: int, row_text: Callable[[int], str]) -> str:
    """Collect what is marked, row by row.

    Args:
        selection: From where to where; open ends reach to the first and the last row.
        last: The last row that there is.
        row_text: Gives the text of a row.
    """
    begin = selection.start or Offset(0, 0)
    end = selection.end or Offset(len(row_text(last)), last)
    rows = [row_text(row) for row in range(begin.y, min(end.y, last) + 1)]
    return Selection(Offset(begin.x, 0), Offset(end.x, end.y - begin.y)).extract("\n".join(rows))
