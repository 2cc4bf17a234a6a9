"""What has to be the same everywhere for screens to be drawn the same."""

from __future__ import annotations

import asyncio
import os
import threading
import time

SETTINGS = {
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_COLOR_SYSTEM": "truecolor",
    "TZ": "UTC",
}
UNSET = (
    "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TEXTUAL_THEME", "TEXTUAL_FILTERS",
    "TEXTUAL_DEBUG", "TEXTUAL",
)  # fmt: skip


def fix_textual() -> None:
    """Fix colours, time zone and animations, also where Textual was imported already.

    pytest-textual-snapshot is a plugin, and imports it before any conftest.py is read.
    """
    os.environ.update(SETTINGS)
    for name in UNSET:
        os.environ.pop(name, None)
    time.tzset()

    from textual import constants  # noqa: PLC0415 - after the environment is set

    vars(constants).update(TEXTUAL_ANIMATIONS="none", COLOR_SYSTEM="truecolor", FILTERS="")

    from textual import app, pilot  # noqa: PLC0415 - after the environment is set

    for module in (app, pilot):
        vars(module)["wait_for_idle"] = wait_for_idle


async def wait_for_idle(min_sleep: float = 0.02, max_sleep: float = 1) -> None:
    """Wait until the app has nothing to do any more, in the place of Textual's own function.

    That one looks at the processor time of 20 ms: on a busy machine, where the process did not
    run at all meanwhile, it takes the app for idle, and the next key is pressed before the
    last one has opened its dialog. This one looks at what the event loop has still to do, at
    what becomes due at once, and at the threads that work for a screen.
    """
    loop = asyncio.get_running_loop()
    begin, turns, calm = loop.time(), 0, 0
    while calm < _CALM:
        turns += 1
        elapsed = loop.time() - begin
        # What never comes to rest has had its time and its turns.
        if elapsed > max_sleep and turns > _TURNS:
            return
        wait = max(_due_within(loop), min_sleep - elapsed)
        if elapsed < _CALL_WITHIN and _is_called():
            wait = max(wait, 0.001)
        busy = wait > 0 or bool(vars(loop)["_ready"])
        await asyncio.sleep(wait)
        calm = 0 if busy else calm + 1


_CALM = 4
_TURNS = 300
_SOON = 0.025
_CALL_WITHIN = 0.25


def _due_within(loop: asyncio.AbstractEventLoop) -> float:
    """How long it takes until the last of what is due soon is due; 0 for nothing."""
    now = loop.time()
    due = [each.when() - now for each in vars(loop)["_scheduled"] if not each.cancelled()]
    return max((seconds for seconds in due if seconds < _SOON), default=0)


def _is_called() -> bool:
    """Whether a thread of `in_thread` is at work; one that a test holds up is not waited for."""
    return any(each.name.startswith("call ") for each in threading.enumerate())
