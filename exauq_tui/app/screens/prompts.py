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
from exauq_tui.hardware.interface import HostKey


class SecretDialog(Dialog[str]):
    """Asks for a password, passphrase or code; what is typed is not shown.

    Args:
        server: Who asks.
        prompt: What for, in the server's words.
    """

    FIRST_FOCUS: ClassVar[str] = "#secret"

    def __init__(self, server: str, prompt: str) -> None:
        super().__init__()
        self._server = server
        self._prompt = prompt

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog") as box:
            box.border_title = Content(f"Sign in to {fmt.safe(self._server)}")
            yield Static(fmt.safe_block(self._prompt.strip()), classes="ask", markup=False)
            yield Input(id="secret", password=True, compact=True)
            yield Static(
                "It is kept in memory only, for as long as the dashboard runs.",
                classes="note after",
                markup=False,
            )
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


class HostKeyDialog(Dialog[bool]):
    """Asks whether a host key that was never seen before is the server's.

    Args:
        server: The profile's name.
        key: What the server showed.
    """

    ARMED_AFTER: ClassVar[float] = 0.4
    """A `y` that was meant for what stood here before the dialog opened accepts nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "accept", show=False),
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
            with Horizontal(classes="buttons"):
                yield Button(Content("No, refuse"), id="no")
                yes = Button(Content.assemble(("y", "bold"), "  Trust it from now on"), id="yes")
                yes.can_focus = False  # so that Enter can never be what accepts
                yield yes

    @on(Button.Pressed, "#yes")
    def action_accept(self) -> None:
        """Trust the key."""
        if time.monotonic() - self._opened >= self.ARMED_AFTER:
            self.dismiss(True)

    @on(Button.Pressed, "#no")
    def action_refuse(self) -> None:
        """Refuse the key."""
        self.dismiss(False)
