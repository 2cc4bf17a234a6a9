"""Dialogs that ask before something is done: yes or no, and typing what it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from exauq_tui.app import format as fmt
from exauq_tui.app.screens import OPENED_CSS

R = TypeVar("R")

SHORT = 30
"""Screens of fewer lines show less at once."""


class Dialog(ModalScreen[R]):
    """What all dialogs have in common: a box in the middle, and Esc to leave it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "refuse", show=False),
        # With priority, so that what is typed after them lands where they lead to.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]
    CSS_PATH = OPENED_CSS
    AUTO_FOCUS = ""  # each dialog says where the focus is when it is opened
    FIRST_FOCUS: ClassVar[str] = "#no"

    def focus_first(self) -> None:
        """Put the focus where typing or Enter does no harm."""
        self.set_focus(self.query_one(self.FIRST_FOCUS))

    def on_mount(self) -> None:
        """Put the focus where it belongs."""
        self.focus_first()

    def on_resize(self, event: events.Resize) -> None:
        """Do without some empty lines where there are few lines."""
        self.set_class(event.size.height < SHORT, "-short")
        for targets in self.query(_Targets):
            targets.fit(event.size.height)

    def action_refuse(self) -> None:
        """Leave without doing anything."""
        self.dismiss(None)


class _Targets(Static):
    """The list of what is acted upon.

    Args:
        targets: One line each.
        height: How many lines the screen has.
    """

    def __init__(self, targets: Sequence[str], height: int) -> None:
        super().__init__(targets_text(targets, height), markup=False)
        self._targets = tuple(targets)

    def fit(self, height: int) -> None:
        """List as many as fit on a screen that has become another one."""
        self.update(targets_text(self._targets, height))


def targets_text(targets: Sequence[str], height: int) -> Content:
    """List what is acted upon, cut short where it is much for a screen of that height."""
    most = 10 if height >= SHORT else 6
    lines = [Content("  " + fmt.safe(target)) for target in targets[:most]]
    if len(targets) > most:
        more = f"  and {len(targets) - most:,} more"
        lines.append(Content.styled(more, "$foreground-muted"))
    return Content("\n").join(lines)


class ConfirmDialog(Dialog[bool]):
    """Asks yes or no. Only `y` or a click says yes: Enter, and any other key, does not.

    Args:
        title: What is about to be done.
        targets: What it is done to, one line each.
        yes: What the button says that does it.
        notes: What a person should know before.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "accept", show=False),
        Binding("n", "refuse", show=False),
    ]

    def __init__(
        self, title: str, targets: Sequence[str], yes: str, notes: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.heading = title
        self.targets = tuple(targets)
        self._yes = yes
        self._notes = tuple(notes)

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self.heading)
            if self.targets:
                with VerticalScroll(classes="targets", can_focus=False):
                    yield _Targets(self.targets, self.app.size.height)
            for note in self._notes:
                yield Static(fmt.safe_block(note), classes="note", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(Content("No, leave it"), id="no")
                yes = Button(Content.assemble(("y", "bold"), f"  {self._yes}"), id="yes")
                # Not reached by Tab, so that Enter can never be what does it.
                yes.can_focus = False
                yield yes

    @on(Button.Pressed, "#yes")
    def action_accept(self) -> None:
        """Do it."""
        self.dismiss(True)

    @on(Button.Pressed, "#no")
    def action_refuse(self) -> None:
        """Leave it."""
        self.dismiss(False)


class TypeToConfirmDialog(Dialog[bool]):
    """Asks to type a count or a name; nothing is done until that stands there.

    Args:
        title: What is about to be done.
        expected: What has to be typed.
        what: What that is, such as "the number of jobs".
        targets: What it is done to, one line each.
        yes: What the button says that does it.
        notes: What a person should know before.
    """

    FIRST_FOCUS: ClassVar[str] = "#typed"

    def __init__(
        self,
        title: str,
        expected: str,
        what: str,
        targets: Sequence[str],
        yes: str,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.heading = title
        self.targets = tuple(targets)
        self.expected = expected
        self._what = what
        self._yes = yes
        self._notes = tuple(notes)

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog danger") as box:
            box.border_title = Content(self.heading)
            if self.targets:
                with VerticalScroll(classes="targets", can_focus=False):
                    yield _Targets(self.targets, self.app.size.height)
            for note in self._notes:
                yield Static(fmt.safe_block(note), classes="note", markup=False)
            yield Static(
                Content.assemble(
                    f"Type {self._what}, ", (fmt.safe(self.expected), "bold"), ", to go on:"
                ),
                classes="ask",
                markup=False,
            )
            yield Input(id="typed", compact=True)
            with Horizontal(classes="buttons"):
                yield Button(Content("Esc  No, leave it"), id="no")
                yield Button(Content(self._yes), id="yes", disabled=True)

    @on(Input.Changed, "#typed")
    def _typed(self, event: Input.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value.strip() != self.expected

    @on(Input.Submitted, "#typed")
    @on(Button.Pressed, "#yes")
    def _accept(self) -> None:
        if self.query_one("#typed", Input).value.strip() == self.expected:
            self.dismiss(True)

    @on(Button.Pressed, "#no")
    def action_refuse(self) -> None:
        """Leave it."""
        self.dismiss(False)
