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
    what becomes due at once, and at the threads that work for a screen. The next frame is drawn
    at once, instead of after its 16 ms.
    """
    loop = asyncio.get_running_loop()
    begin, turns, calm = loop.time(), 0, 0
    while calm < _CALM:
        turns += 1
        elapsed = loop.time() - begin
        # What never comes to rest has had its time and its turns.
        if elapsed > max_sleep and turns > _TURNS:
            return
        busy, wait = bool(vars(loop)["_ready"]) or _draw(), 0.0
        if not busy:
            wait = max(_due_within(loop), min_sleep - elapsed)
            if elapsed < _CALL_WITHIN and _is_called():
                wait = max(wait, 0.001)
        busy = busy or wait > 0
        await asyncio.sleep(wait)
        calm = 0 if busy else calm + 1


_CALM = 4
_TURNS = 300
_SOON = 0.005
_CALL_WITHIN = 0.25


def _draw() -> bool:
    """Lay out and draw what Textual puts off to its next frame; tells whether that was anything."""
    from textual._context import active_app  # noqa: PLC0415 - after the environment is set

    app = active_app.get(None)
    if app is None or not app._running or app._exit or app._batch_count:
        return False
    if app._resize_timer is not None:
        app._check_resize()
        return True
    screen = app.screen
    waits = (
        screen._layout_required,
        screen._scroll_required,
        screen._repaint_required,
        screen._recompose_required,
        screen._dirty_widgets,
        screen._callbacks,
    )
    if not any(waits):
        return False
    screen._on_timer_update()
    return True


def _due_within(loop: asyncio.AbstractEventLoop) -> float:
    """How long it takes until the last of what is due soon is due; 0 for nothing."""
    now = loop.time()
    due = [each.when() - now for each in vars(loop)["_scheduled"] if not each.cancelled()]
    return max((seconds for seconds in due if seconds < _SOON), default=0)


def _is_called() -> bool:
    """Whether a thread of `in_thread` is at work; one that a test holds up is not waited for."""
    return any(each.name.startswith("call ") for each in threading.enumerate())
