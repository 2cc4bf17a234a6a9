"""What the tests read from the dashboard's screen: only glyphs and words that are promised."""

from __future__ import annotations

import re

CURSOR = "▸"
HEADER_LINES = 3


def count(screen: str, glyph: str) -> int:
    """How many jobs have a status, as the header says; 0 where it says nothing."""
    header = "\n".join(screen.split("\n")[:HEADER_LINES])
    found = re.search(rf"{re.escape(glyph)} ?(\d[\d,]*)", header)
    return int(found[1].replace(",", "")) if found else 0


def in_log(text: str) -> re.Pattern[str]:
    """A text on the screen of a log: its last lines stand beside the table too, before that opens.

    A key that comes too early may be lost: Escape and the next one are Alt with that one.
    """
    return re.compile(rf"^╭─ Log  (?s:.*)({text})(?s:.*)─╯", re.MULTILINE)


def cursor_line(screen: str) -> int:
    """On which line of the screen the cursor is; -1 where there is none."""
    return next((n for n, line in enumerate(screen.split("\n")) if CURSOR in line), -1)


def row_at_cursor(screen: str) -> str:
    """The line that the cursor is on."""
    return screen.split("\n")[cursor_line(screen)]
