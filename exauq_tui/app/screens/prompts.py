"""Dialogs that a server's thread waits for: a secret, and an unknown host key."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from exauq_tui.app import format as fmt
from exauq_tui.app.screens.dialogs import Dialog
from exauq_tui.hardware.interface import HostKey, HostKeyDecision

_KEPT = "It is kept in memory only, for as long as the dashboard runs; a one-time code never is."
_FORGOTTEN = "It is forgotten once the server has let you in (remember = false)."


class SecretDialog(Dialog[str]):
    """Asks for a password, passphrase or code; what is typed is not shown.

    Args:
        server: Who asks.
        prompt: What for, in the server's words.
        is_kept: Whether it is remembered until the dashboard ends, as the profile has it.
    """

    FIRST_FOCUS: ClassVar[str] = "#secret"

    def __init__(self, server: str, prompt: str, *, is_kept: bool = True) -> None:
        super().__init__()
        self._server = server
        self._prompt = prompt
        self._note = _KEPT if is_kept else _FORGOTTEN

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog") as box:
            box.border_title = Content(f"Sign in to {fmt.safe(self._server)}")
            yield Static(fmt.safe_block(self._prompt.strip()), classes="ask", markup=False)
            yield Input(id="secret", password=True, compact=True)
            yield Static(self._note, classes="note after", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(Content("Esc  Not now"), id="no")
                yield Button(Content("⏎  Sign in"), id="yes")

    @on(Input.Submitted, "#secret")
    @on(Button.Pressed, "#yes")
    def _accept(self) -> None:
        self.dismiss(self.query_one("#secret", Input).value)

    @on(Button.Pressed, "#no")
    def _refuse(self) -> None:
        self.action_refuse()


class HostKeyDialog(Dialog[HostKeyDecision]):
    """Asks whether a host key that was never seen before is the server's.

    Args:
        server: The profile's name.
        key: What the server showed.
    """

    ARMED_AFTER: ClassVar[float] = 0.4
    """A `y` that was meant for what stood here before the dialog opened accepts nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "accept", show=False),
        Binding("o", "accept_once", show=False),
        Binding("n", "refuse", show=False),
    ]

    def __init__(self, server: str, key: HostKey) -> None:
        super().__init__()
        self._server = server
        self._key = key
        self._opened = time.monotonic()

    def compose(self) -> ComposeResult:
        """Make the box."""
        key = self._key
        with Vertical(classes="dialog") as box:
            box.border_title = Content("Unknown host key")
            yield Static(
                f"{fmt.safe(self._server)} was never connected to from here. "
                "It is the right server if this is the fingerprint that its owners tell:",
                classes="ask",
                markup=False,
            )
            yield Static(
                Content("\n").join(
                    [
                        Content.assemble(
                            ("host         ", "$foreground-muted"), fmt.safe(key.host)
                        ),
                        Content.assemble(
                            ("key type     ", "$foreground-muted"), fmt.safe(key.key_type)
                        ),
                        Content.assemble(
                            ("fingerprint  ", "$foreground-muted"),
                            (fmt.safe(key.fingerprint), "bold $accent"),
                        ),
                    ]
                ),
                classes="facts",
                markup=False,
            )
            if key.note:
                yield Static(fmt.safe_block(key.note), classes="note", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(Content("No, refuse"), id="no")
                once = Button(Content.assemble(("o", "bold"), "  Until I quit"), id="once")
                yes = Button(Content.assemble(("y", "bold"), "  Trust from now on"), id="yes")
                for button in (once, yes):
                    button.can_focus = False  # so that Enter can never be what accepts
                    yield button

    @on(Button.Pressed, "#yes")
    def action_accept(self) -> None:
        """Trust the key, and write it down."""
        self._decide(HostKeyDecision.REMEMBER)

    @on(Button.Pressed, "#once")
    def action_accept_once(self) -> None:
        """Trust the key as long as the dashboard runs."""
        self._decide(HostKeyDecision.ONCE)

    def _decide(self, decision: HostKeyDecision) -> None:
        if time.monotonic() - self._opened >= self.ARMED_AFTER:
            self.dismiss(decision)

    @on(Button.Pressed, "#no")
    def action_refuse(self) -> None:
        """Refuse the key."""
        self.dismiss(HostKeyDecision.REFUSE)


class HostKeyChangedDialog(Dialog[None]):
    """Tells that a server's host key changed, or is revoked. There is nothing to be answered.

    Args:
        server: The profile's name.
        words: What was found, and what to do.
    """

    def __init__(self, server: str, words: str) -> None:
        super().__init__()
        self._server = server
        self._words = words

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog danger") as box:
            box.border_title = Content(f"{fmt.safe(self._server)}: not the host key that is known")
            yield Static(fmt.safe_block(self._words), classes="ask", markup=False)
            yield Static(
                "Nothing is sent to this server, and nothing that is pressed here accepts it. "
                "Once the files are right, r tries again.",
                classes="note",
                markup=False,
            )
            with Horizontal(classes="buttons"):
                yield Button(Content("Esc  Close"), id="no")

    @on(Button.Pressed, "#no")
    def action_refuse(self) -> None:
        """Close it."""
        self.dismiss(None)
