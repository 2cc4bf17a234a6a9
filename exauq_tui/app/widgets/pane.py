"""A bordered pane whose titles can change often without the rest being drawn again."""

from __future__ import annotations

from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region


class Pane(Vertical):
    """A frame with a title above and a remark below."""

    def set_title(self, title: Content) -> None:
        """Set what stands in the upper border."""
        if title != self._border_title:
            # Assigned past `border_title`, which repaints the pane with all that is in it: at
            # ten changes a second that is most of what is sent to the terminal.
            self._border_title = title
            self._refresh_border_line(-1)

    def set_subtitle(self, subtitle: Content) -> None:
        """Set what stands in the lower border."""
        if subtitle != self._border_subtitle:
            self._border_subtitle = subtitle
            self._refresh_border_line(self.content_size.height)

    def _refresh_border_line(self, y: int) -> None:
        # A region is counted from the content's corner: the borders are just outside.
        self.refresh(Region(-1, y, self.outer_size.width, 1))
