"""Asks which jobs to resubmit where none is marked: this one, or all that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from exauq_tui.app import format as fmt
from exauq_tui.app.screens.dialogs import Dialog, targets_text

THIS, ALL = "this", "all"


class ResubmitDialog(Dialog[str]):
    """Asks which jobs are meant. `y` takes the one that is listed, `a` goes on to all failed.

    Args:
        this: The job under the cursor, where it can be resubmitted; else nothing.
        failed: How many failed jobs view and filter show.
        notes: What a person should know before.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "choose('this')", show=False),
        Binding("a", "choose('all')", show=False),
        Binding("n", "refuse", show=False),
    ]

    def __init__(self, this: Sequence[str], failed: int, notes: Sequence[str]) -> None:
        super().__init__()
        self._this = tuple(this)
        self._failed = failed
        self._notes = tuple(notes)

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog") as box:
            box.border_title = Content("Resubmit which?")
            if self._this:
                yield Static("The job under the cursor:", classes="heading", markup=False)
                yield Static(targets_text(self._this, 1), classes="after-list", markup=False)
            else:
                yield Static(
                    "The job under the cursor cannot be resubmitted.", classes="note", markup=False
                )
            for note in self._notes:
                yield Static(fmt.safe_block(note), classes="note", markup=False)
            jobs = fmt.count(self._failed, "failed job")
            yield Static(
                f"View and filter show {jobs} not tried again yet; the next dialog lists them.",
                classes="note",
                markup=False,
            )
            with Horizontal(classes="buttons"):
                yield Button(Content("No"), id="no")
                if self._this:
                    yield self._button("y", "This job", THIS)
                yield self._button("a", f"All {self._failed:,} failed …", ALL)

    def _button(self, key: str, words: str, id_: str) -> Button:
        button = Button(Content.assemble((key, "bold"), f"  {words}"), id=id_)
        button.can_focus = False  # not reached by Tab, so that Enter can never be what does it
        return button

    @on(Button.Pressed, "#this, #all")
    def _pressed(self, event: Button.Pressed) -> None:
        self.action_choose(event.button.id or "")

    def action_choose(self, which: str) -> None:
        """Take one of the two."""
        if which == ALL or self._this:
            self.dismiss(which)

    @on(Button.Pressed, "#no")
    def _close(self) -> None:
        self.action_refuse()
