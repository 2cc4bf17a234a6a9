"""What has to be the same everywhere for screens to be drawn the same."""

from __future__ import annotations

import os
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
