"""What every command needs, the dashboard as well: exit codes, and the terminal kept as it was."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from exauq_tui.hardware.connection.prompts import has_terminal

DONE, FAILED, USAGE, UNREACHABLE, REFUSED = range(5)
"""Exit codes: done, some jobs failed, wrong usage, server unreachable, authentication."""

INTERRUPTED = 130
"""Exit code after ctrl+C, as shells have it: 128 and the signal's number."""


@contextmanager
def terminal_kept() -> Iterator[None]:
    """Leave the terminal as it was, also where a question for a password is broken off."""
    if not has_terminal():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
