"""A log with the field for what is searched in it, and a line about it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from exauq_tui.app.widgets.log_view import LogView

SEARCH_FIELD = "log-search"


class LogPanel(Vertical):
    """Shows a log; says what is typed and asked for, and is told what to say of it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "stop", show=False, priority=True)]

    class Typed(Message):
        """A text to search for was entered.

        Attributes:
            text: The text; "" to search for nothing any more.
        """

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Stopped(Message):
        """What goes on in the background is to be stopped, else the search is over."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view = LogView(id=f"{id}-view")
        self.is_busy = False
        """Whether something goes on in the background that can be stopped."""
        self._field = Input(id=SEARCH_FIELD, compact=True, placeholder="text to search for")
        self._line = Static(classes="log-line", markup=False)
        self._text = Content("")

    def compose(self) -> ComposeResult:
        """Make the parts."""
        yield self.view
        yield self._line
        yield self._field

    def say(self, text: Content) -> None:
        """Set the line below the log; empty for none."""
        if text != self._text:
            self._text = text
            self._line.update(text)
            self._line.set_class(bool(text.plain), "-said")

    def open_search(self) -> None:
        """Let a text be typed, instead of the one before."""
        self._field.value = "" if self.view.hits is None else self.view.hits.wanted.text
        self._field.select_on_focus = True
        self.add_class("-searching")
        self.screen.set_focus(self._field)

    def close_search(self) -> None:
        """Give the keys to the log again."""
        if self.has_class("-searching"):
            self.remove_class("-searching")
            self.screen.set_focus(self.view)

    @property
    def can_stop(self) -> bool:
        """Whether Esc has something to do here, before it leads elsewhere."""
        return self.has_class("-searching") or self.is_busy or self.view.hits is not None

    @property
    def stops_at_back(self) -> bool:
        """Whether the keys go here, and Esc has something to do."""
        return self.has_focus_within and self.can_stop

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave Esc to the screen where there is nothing to stop here."""
        if action == "stop":
            return self.can_stop
        return super().check_action(action, parameters)

    def action_stop(self) -> None:
        """Close the field; else stop what goes on; else end the search."""
        if self.has_class("-searching"):
            self.close_search()
        else:
            self.post_message(self.Stopped())

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        # The next key is for the log already. The field goes when what was found is shown: all in
        # one layout, or the log would be scrolled by one line or not, as it happens.
        self.screen.set_focus(self.view)
        self.post_message(self.Typed(event.value))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()  # no other field's business
