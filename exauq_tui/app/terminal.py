"""Textual's terminal driver, made to notice that its terminal is gone."""

from __future__ import annotations

import os
import signal
from typing import IO, Any, cast

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


class _Terminal:
    """A text file whose writes go nowhere once the terminal behind it is gone.

    Textual's writer thread ends at the first error, and whoever writes after that waits for
    ever. The kernel's SIGHUP may not come either: it goes to the leader of the terminal's
    processes alone, which is `make` or a shell where one of these waits for us.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._is_gone = False

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError:
            self._hang_up()
            return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError:
            self._hang_up()

    def isatty(self) -> bool:
        return self._file.isatty()

    def fileno(self) -> int:
        return self._file.fileno()

    def _hang_up(self) -> None:
        if not self._is_gone:
            self._is_gone = True
            os.kill(os.getpid(), signal.SIGHUP)  # which the app handles by leaving


class TerminalDriver(LinuxDriver):
    """Ends the app when its terminal is closed, whoever else was told of that."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file = cast("Any", _Terminal(cast("IO[str]", self._file)))
