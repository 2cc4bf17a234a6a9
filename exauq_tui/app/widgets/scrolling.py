"""Scroll bars that are drawn again only where their thumb looks different."""

from __future__ import annotations

from textual.scrollbar import ScrollBar

_PARTS = 8
"""In how many steps a thumb moves from one cell to the next."""


def move_thumb(bar: ScrollBar, position: float) -> None:
    """Tell a vertical bar where the view is now.

    Among 100,000 rows, one row further is nothing that can be seen; Textual draws it all the same.
    """
    if _thumb(bar, bar.position) != _thumb(bar, position):
        bar.position = position
    else:
        bar.set_reactive(ScrollBar.position, bar.validate_position(position))


def _thumb(bar: ScrollBar, position: float) -> int:
    """Where a bar's thumb begins, in parts of a cell."""
    cells, rows, seen = bar.size.height, bar.window_virtual_size, bar.window_size
    if not 0 < seen < rows or not cells:
        return 0
    longest = cells - max(1.0, seen * cells / rows)
    return int(longest * position / (rows - seen) * _PARTS)
