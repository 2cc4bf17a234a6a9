"""The menu of what can be copied of a job, or of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from exauq_tui.app import format as fmt
from exauq_tui.app.copying import Choice
from exauq_tui.app.screens.dialogs import Dialog

_NAME = 20


class CopyMenu(Dialog[Choice]):
    """Lists what can be copied; a letter, Enter or a click takes it.

    Args:
        title: Of which jobs.
        choices: What there is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "refuse", show=False),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]
    FIRST_FOCUS: ClassVar[str] = "#choices"

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._heading = title
        self._choices = {choice.key: choice for choice in choices}

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self._heading)
            box.border_subtitle = Content("Esc closes")
            yield OptionList(
                *(
                    Option(_line(choice), id=choice.key, disabled=not choice.example)
                    for choice in self._choices.values()
                ),
                id="choices",
            )
            yield Static(
                "A letter copies. The mouse copies too: mark text with it, then ctrl+c.",
                classes="note after",
                markup=False,
            )

    def on_mount(self) -> None:
        """Let each choice be taken by its letter."""
        for key in self._choices:
            self._bindings.bind(key, f"take('{key}')", show=False)
        super().on_mount()

    def action_take(self, key: str) -> None:
        """Copy what a letter stands for, where there is something."""
        choice = self._choices[key]
        if choice.example:
            self.dismiss(choice)

    def action_move(self, by: int) -> None:
        """Go to the choice below or above."""
        options = self.query_one(OptionList)
        if by > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.action_take(event.option_id or "")


def _line(choice: Choice) -> Content:
    example = fmt.safe(choice.example) if choice.example else choice.why_not
    return Content.assemble(
        (f" {choice.key}  ", "bold $accent"),
        fmt.fit(choice.name, _NAME),
        (f"  {example}", "$foreground-muted"),
    )
