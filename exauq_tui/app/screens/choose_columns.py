"""The dialog in which the columns of the table of jobs are chosen and put in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from exauq_tui.app.screens.dialogs import Dialog


class ColumnChooser(Dialog[None]):
    """Shows all columns; each change is seen at once in the table behind.

    Args:
        columns: Name and label of every column.
        shown: The names of those that are shown, from the left.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,C", "refuse", show=False),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
        Binding("J,shift+down", "carry(1)", show=False, priority=True),
        Binding("K,shift+up", "carry(-1)", show=False, priority=True),
        Binding("space", "show_or_hide", show=False, priority=True),
        Binding("r", "reset", show=False),
    ]
    FIRST_FOCUS: ClassVar[str] = "#choices"

    class Chosen(Message):
        """Other columns were chosen.

        Attributes:
            names: Their names from the left; () for those that fit best.
        """

        def __init__(self, names: tuple[str, ...]) -> None:
            super().__init__()
            self.names = names

    def __init__(self, columns: Sequence[tuple[str, str]], shown: Sequence[str]) -> None:
        super().__init__()
        self._labels = dict(columns)
        self._shown = [name for name in shown if name in self._labels]
        # Those that are shown first, as they stand in the table.
        self._order = [*self._shown, *(name for name in self._labels if name not in self._shown)]

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog narrow") as box:
            box.border_title = Content("Columns")
            box.border_subtitle = Content("Esc closes")
            yield OptionList(*self._options(), id="choices")
            yield Static(
                Content.assemble(
                    ("space", "bold"), " shows, hides   ", ("J K", "bold"), " moves   ",
                    ("r", "bold"), " resets",
                ),
                classes="note after",
            )  # fmt: skip

    def _options(self) -> list[Option]:
        return [
            Option(
                Content.assemble(
                    (" ▪ " if name in self._shown else "   ", "bold $accent"),
                    (self._labels[name], "" if name in self._shown else "$foreground-muted"),
                ),
                id=name,
            )
            for name in self._order
        ]

    def _draw(self, highlighted: int) -> None:
        options = self.query_one(OptionList)
        options.set_options(self._options())
        options.highlighted = highlighted

    def _tell(self) -> None:
        self._shown = [name for name in self._order if name in self._shown]
        self.app.screen_stack[0].post_message(self.Chosen(tuple(self._shown)))

    def action_move(self, by: int) -> None:
        """Go to the column below or above."""
        options = self.query_one(OptionList)
        if by > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def action_show_or_hide(self) -> None:
        """Show a column, or hide it; one always stays."""
        at = self.query_one(OptionList).highlighted
        if at is None:
            return
        name = self._order[at]
        if name not in self._shown:
            self._shown.append(name)
        elif len(self._shown) > 1:
            self._shown.remove(name)
        else:
            return
        self._draw(at)
        self._tell()

    def action_carry(self, by: int) -> None:
        """Move a column down or up, which is right or left in the table."""
        at = self.query_one(OptionList).highlighted
        if at is None or not 0 <= at + by < len(self._order):
            return
        self._order[at], self._order[at + by] = self._order[at + by], self._order[at]
        self._draw(at + by)
        self._tell()

    def action_reset(self) -> None:
        """Show the columns that fit best again."""
        self.app.screen_stack[0].post_message(self.Chosen(()))
        self.dismiss(None)

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        self.action_show_or_hide()
