"""Messages that reach the app from other threads."""

from __future__ import annotations

from textual.message import Message


class FleetChanged(Message):
    """Something changed in the fleet since it was last drained."""


class PromptWaiting(Message):
    """A server's thread waits for a person's answer."""
