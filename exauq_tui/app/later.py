"""What is not needed for the first picture: imported behind it, before somebody asks for it."""

from __future__ import annotations

from importlib import import_module

_SCREENS = ("submit", "resubmit", "server_form", "copy", "export", "plot", "doctor")


def import_rest() -> None:
    """Import the screens that a key opens, so that the first such key finds them there.

    Meant for a thread of its own: it takes some 50 ms.
    """
    for name in _SCREENS:
        import_module(f"exauq_tui.app.screens.{name}")
