"""A line of options of which one is chosen: by the arrow keys, by space, or by a click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from exauq_tui.app import format as fmt

_GAP = 2


class Choice(Widget, can_focus=True):
    """Shows all options side by side; the chosen one is in brackets as well as in colour.

    Args:
        options: The value and the words of each.
        id: The widget's id.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space,l", "step(1)", show=False),
        Binding("left,h", "step(-1)", show=False),
    ]
    DEFAULT_CSS = "Choice { height: 1; width: 1fr; }"

    value: reactive[str] = reactive("")

    class Changed(Message):
        """Another option was chosen.

        Attributes:
            choice: The widget.
            value: What is chosen now.
        """

        def __init__(self, choice: Choice, value: str) -> None:
            super().__init__()
            self.choice = choice
            self.value = value

        @property
        def control(self) -> Choice:
            """The widget, so that a handler can be for one of them."""
            return self.choice

    def __init__(self, options: Sequence[tuple[str, str]], *, id: str) -> None:
        super().__init__(id=id)
        self._options = tuple((value, f"[{fmt.safe(words)}]") for value, words in options)
        self.set_reactive(Choice.value, options[0][0])

    def render(self) -> Content:
        """Draw the options."""
        parts = []
        for value, words in self._options:
            if value == self.value:
                parts.append(Content.styled(words, "bold $accent"))
            else:
                parts.append(Content.styled(f" {words[1:-1]} ", "$foreground-muted"))
        return Content(" " * _GAP).join(parts)

    def watch_value(self) -> None:
        """Tell of it."""
        self.post_message(self.Changed(self, self.value))

    def action_step(self, by: int) -> None:
        """Choose the next option, or the one before."""
        values = [value for value, _ in self._options]
        self.value = values[(values.index(self.value) + by) % len(values)]

    def on_click(self, event: events.Click) -> None:
        """Choose the option under the mouse."""
        start = 0
        for value, words in self._options:
            if start <= event.x < start + len(words):
                self.value = value
            start += len(words) + _GAP
