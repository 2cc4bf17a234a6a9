"""The dialog that asks for the name of a file to write jobs to."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from exauq_tui.app import format as fmt
from exauq_tui.app.screens.path_dialog import PathDialog
from exauq_tui.app.widgets.fields import PathField
from exauq_tui.locations import expand_home
from exauq_tui.monitor.export import suffix_problem


class ExportDialog(PathDialog[Path]):
    """Asks for a file; its suffix says what is written, and Tab completes its path.

    Args:
        what: Which jobs, such as "12 marked jobs".
        name: The name that is offered.
        notes: What a person should know before.
    """

    FIRST_FOCUS: ClassVar[str] = "#file"

    def __init__(self, what: str, name: str, notes: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._what = what
        self._offered = name
        self._notes = notes

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog form") as box:
            box.border_title = Content(f"Export {self._what}")
            for note in self._notes:
                yield Static(fmt.safe_block(note), classes="note", markup=False)
            with Horizontal(classes="line"):
                yield Label("File", classes="name", markup=False)
                yield PathField(id="file", value=self._offered)
            yield Static(id="preview", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(Content("Esc  Close"), id="no")
                yield Button(Content("⏎  Write"), id="yes")

    def on_mount(self) -> None:
        """Say what would be written."""
        self._check()
        super().on_mount()

    @property
    def path(self) -> Path:
        """The file that stands there now."""
        return expand_home(self.query_one("#file", Input).value.strip())

    @on(Input.Changed, "#file")
    def _check(self) -> None:
        problem = suffix_problem(self.path)
        self.query_one("#file", Input).set_class(bool(problem), "-wrong")
        self.query_one("#yes", Button).disabled = bool(problem)
        if problem:
            text = Content.styled(problem, "$error")
        else:
            kind = "a JSON list" if self.path.suffix.lower() == ".json" else "CSV with headings"
            text = Content.styled(
                f"{kind}, inputs and output to the last digit, times in UTC", "$foreground-muted"
            )
        self.query_one("#preview", Static).update(text)

    @on(Input.Submitted, "#file")
    @on(Button.Pressed, "#yes")
    def _write(self) -> None:
        if not suffix_problem(self.path):
            self.dismiss(self.path)

    @on(Button.Pressed, "#no")
    def _close(self) -> None:
        self.action_refuse()
