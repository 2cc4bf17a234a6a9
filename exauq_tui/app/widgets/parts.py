"""Widgets whose parts are styled when they are first drawn, not each time the widget is."""

from __future__ import annotations

from typing import ClassVar

from textual.css.styles import RenderStyles
from textual.dom import DOMNode
from textual.scroll_view import ScrollView


class StyledParts(ScrollView):
    """What `COMPONENT_CLASSES` do, at the cost of what is seen.

    Textual looks through all CSS for each of a widget's component classes whenever the widget is
    styled: four times before the first picture, and at each change of the focus.
    """

    PARTS: ClassVar[frozenset[str]] = frozenset()
    """The CSS classes of the parts."""

    _styled_in = ""

    def get_component_styles(self, *names: str) -> RenderStyles:
        """The styles of parts, looked up in the CSS where that was not done yet.

        Raises:
            KeyError: There is no such part.
        """
        for name in names:
            if name in self.PARTS and name not in self._component_styles:
                part = DOMNode(classes=name)
                part._attach(self)
                self.app.stylesheet.apply(part, animate=False)
                self._component_styles[name] = part.styles
        return super().get_component_styles(*names)

    def notify_style_update(self) -> None:
        """Forget what was looked up; another theme may have other colours for parts alone."""
        super().notify_style_update()
        self._component_styles.clear()
        before, self._styled_in = self._styled_in, self.app.theme
        if before not in ("", self._styled_in):
            self.refresh()
