"""The least that an app made with Textual does: what the dashboard's start and keys are held to.

Shows a line, and one more with each key.
"""

from __future__ import annotations

import os

os.environ.setdefault("TEXTUAL_FPS", "1000")  # as the dashboard has it


from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static


class EmptyApp(App[None]):
    """One line of text."""

    def compose(self) -> ComposeResult:
        """Show that it is there."""
        self.pressed = 0
        yield Static("0 marked")

    def on_key(self, event: events.Key) -> None:
        """Count keys, and leave by one."""
        if event.key == "q":
            self.exit()
        self.pressed += 1
        self.query_one(Static).update(f"{self.pressed} marked")


if __name__ == "__main__":
    EmptyApp().run()
