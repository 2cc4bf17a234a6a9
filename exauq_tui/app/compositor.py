"""Draws what has changed, and nothing else: with Textual alone that is most of the work of a key.

For a single line Textual 8 asks every widget that the changed area touches for all of its lines,
frames and the screen behind them included, and cuts them up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip


class LineCompositor(Compositor):
    """Asks widgets only for the lines that are drawn, and only where they are in front."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Draw what was marked as changed since the last time; None where nothing was."""
        regions = self._dirty_regions.copy()
        self._dirty_regions.clear()
        if not regions:
            return None
        cuts = self.cuts
        # What was marked before the terminal shrank may lie outside of it.
        spans = [span for span in self._regions_to_spans(regions) if 0 <= span[0] < len(cuts)]
        missing = _missing(spans, cuts)
        chops: list[dict[int, Strip | None]] = [
            dict.fromkeys(line[:-1]) if y in missing else {} for y, line in enumerate(cuts)
        ]
        # From the front to the back.
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            for first, count in _runs(_lines(missing, shown)):
                crop = Region(shown.x - region.x, first - region.y, shown.width, count)
                for y, strip in enumerate(widget.render_lines(crop), first):
                    inside = [cut for cut in cuts[y] if shown.x <= cut <= shown.right]
                    _fill(chops[y], missing[y], inside, strip)
        return ChopsUpdate(chops, spans, [line[1:] for line in cuts])


def _missing(spans: Iterable[tuple[int, int, int]], cuts: list[list[int]]) -> dict[int, set[int]]:
    """By line from the top, where the pieces start of which something is to be drawn."""
    missing: dict[int, set[int]] = {}
    for y, left, right in sorted(spans):
        line = cuts[y]
        missing.setdefault(y, set()).update(
            start for start, end in pairwise(line) if start < right and end > left
        )
    return missing


def _fill(line: dict[int, Strip | None], missing: set[int], cuts: list[int], strip: Strip) -> None:
    """Put those pieces of a strip into a line that nothing in front of it has filled."""
    parts = strip.divide([cut - cuts[0] for cut in cuts[1:]])
    for start, part in zip(cuts, parts, strict=False):
        if start in missing:
            missing.remove(start)
            line[start] = part


def _lines(missing: dict[int, set[int]], shown: Region) -> list[int]:
    """The lines of an area of which something is still missing."""
    left, right, top, bottom = shown.x, shown.right, shown.y, shown.bottom
    return [
        y
        for y, starts in missing.items()
        if top <= y < bottom and any(left <= start < right for start in starts)
    ]


def _runs(lines: list[int]) -> Iterator[tuple[int, int]]:
    """Lines that follow one another: the first, and how many."""
    first = count = 0
    for y in lines:
        if count and y == first + count:
            count += 1
        else:
            if count:
                yield first, count
            first, count = y, 1
    if count:
        yield first, count
