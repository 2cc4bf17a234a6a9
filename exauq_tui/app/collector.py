"""Keeps the garbage collector from running between a key and what it draws."""

from __future__ import annotations

import asyncio
import gc

_DRAWN_WITHIN = 0.05
"""Seconds within which a key is drawn, or what it does takes so long that this matters no more."""


class Collector:
    """Holds the collector back for a moment; its larger passes take as long as a key may."""

    def __init__(self) -> None:
        self._is_held = False

    def hold(self) -> None:
        """Let nothing be collected for a moment, within which several keys do not add up."""
        if gc.isenabled():
            gc.disable()
            self._is_held = True
            asyncio.get_running_loop().call_later(_DRAWN_WITHIN, self.release)

    def release(self) -> None:
        """Let it go on, if it was held here."""
        if self._is_held:
            self._is_held = False
            gc.enable()
