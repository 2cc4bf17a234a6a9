"""The menu of what can be copied of a job, or of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from exauq_tui.app import format as fmt
from exauq_tui.app.copying import Choice
from exauq_tui.app.screens.letter_menu import LetterMenu

_NAME = 20


class CopyMenu(LetterMenu[Choice]):
    """Lists what can be copied; a letter, Enter or a click takes it.

    Args:
        title: Of which jobs.
        choices: What there is.
    """

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

    def letters(self) -> Iterable[tuple[str, str]]:
        """Each choice has its letter."""
        return ((key, key) for key in self._choices)

    def take(self, id_: str) -> None:
        """Copy a choice, where there is something."""
        choice = self._choices[id_]
        if choice.example:
            self.dismiss(choice)


def _line(choice: Choice) -> Content:
    example = fmt.safe(choice.example) if choice.example else choice.why_not
    return Content.assemble(
        (f" {choice.key}  ", "bold $accent"),
        fmt.fit(choice.name, _NAME),
        (f"  {example}", "$foreground-muted"),
    )
