"""What is not needed for the first picture: imported behind it, before somebody asks for it."""

from __future__ import annotations

from importlib import import_module

_MODULES = (
    *("job_verbs", "take_away", "server_verbs"),
    *("screens.help", "screens.log", "screens.prompts", "screens.servers", "screens.sort"),
    *("screens.choose_columns", "screens.submit", "screens.resubmit", "screens.server_form"),
    *("screens.copy", "screens.export", "screens.plot", "screens.doctor"),
)


def import_rest() -> None:
    """Import what a key opens or asks for, so that the first such key finds it there.

    Meant for a thread of its own: it takes some 100 ms.
    """
    for name in _MODULES:
        import_module(f"exauq_tui.app.{name}")
