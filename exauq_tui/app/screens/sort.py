"""The menu of the orders that the table of jobs can have."""

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

from exauq_tui.app.screens.dialogs import Dialog

_LETTERS = "abcdefghilmnoprstuvwxyz"
"""What picks an entry: j and k move, q closes."""


class SortMenu(Dialog[str]):
    """Lists the columns; a letter, Enter or a click sorts by one, and inverts the present one.

    Args:
        columns: Name and label of each column.
        current: The name of the one by which the table is sorted.
        arrow: The sign of its direction.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "refuse", show=False),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]
    FIRST_FOCUS: ClassVar[str] = "#choices"

    def __init__(self, columns: Sequence[tuple[str, str]], current: str, arrow: str) -> None:
        super().__init__()
        self._columns = tuple(columns)
        self._current = current
        self._arrow = arrow

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog narrow") as box:
            box.border_title = Content("Sort by")
            box.border_subtitle = Content("Esc closes")
            yield OptionList(
                *(Option(self._line(at), id=name) for at, (name, _) in enumerate(self._columns)),
                id="choices",
            )
            yield Static("The same column again inverts.", classes="note after", markup=False)

    def on_mount(self) -> None:
        """Let each column be taken by its letter, and begin at the present one."""
        for letter, (name, _) in zip(_LETTERS, self._columns, strict=False):
            self._bindings.bind(letter, f"take('{name}')", show=False)
        super().on_mount()
        names = [name for name, _ in self._columns]
        if self._current in names:
            self.query_one(OptionList).highlighted = names.index(self._current)

    def _line(self, at: int) -> Content:
        name, label = self._columns[at]
        letter = _LETTERS[at] if at < len(_LETTERS) else " "
        is_current = name == self._current
        return Content.assemble(
            (f" {letter}  ", "bold $accent"),
            (label, "bold" if is_current else ""),
            (f"  {self._arrow}" if is_current else "", "bold $accent"),
        )

    def action_take(self, name: str) -> None:
        """Sort by a column."""
        self.dismiss(name)

    def action_move(self, by: int) -> None:
        """Go to the column below or above."""
        options = self.query_one(OptionList)
        if by > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id is not None:
            self.dismiss(event.option_id)
