"""The app's own log: what happened, when, with which server; for people who help other people.

It never holds a secret: what is logged are names, states and errors, and no error of ours holds
what a person typed. Several processes may write to one file.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from pathlib import Path
from typing import Final

LARGEST: Final = 1_000_000
"""From this size on, in bytes, the log is put aside and begun anew."""

KEPT: Final = 3
"""How many logs that were put aside are kept, as ``NAME.1`` (the latest) and so on."""

_ROOT = "exauq_tui"


def open_log(path: Path) -> logging.Handler | None:
    """Have what the package logs appended to a file that only this account can read.

    Args:
        path: The file; its directory is made where missing.

    Returns:
        The handler, to be given to `close_log`; None where the file cannot be written, which
        is no reason not to work.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _SharedFile(path)
    except OSError:
        return None
    logger = logging.getLogger(_ROOT)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return handler


def close_log(handler: logging.Handler | None) -> None:
    """Log no more to a file; what the package logs goes where it went before."""
    if handler is not None:
        logger = logging.getLogger(_ROOT)
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
        handler.close()


class _SharedFile(logging.Handler):
    """Appends to a file that other processes append to, and put aside, as well."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._descriptor = self._open()
        self.setFormatter(_OneLine())

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)

    def emit(self, record: logging.LogRecord) -> None:
        """Append one line, in one write; a full disk costs the line and nothing else."""
        try:
            data = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                self._follow()
                os.write(self._descriptor, data)
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        except OSError:
            return  # there is nobody left to tell

    def _follow(self) -> None:
        """Put a large file aside; where another process did, go on in the new one."""
        ours = os.fstat(self._descriptor)
        try:
            there = self._path.stat()
            is_ours = (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
        except FileNotFoundError:
            is_ours = False
        if is_ours and ours.st_size < LARGEST:
            return
        if is_ours:
            for number in range(KEPT, 0, -1):
                older = self._aside(number)
                newer = self._path if number == 1 else self._aside(number - 1)
                if newer.exists():
                    newer.replace(older)
        before = self._descriptor
        self._descriptor = self._open()
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        os.close(before)

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        super().close()


class _OneLine(logging.Formatter):
    """Writes a line per entry: UTC, level, part of the program, words."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; what a server said can neither add lines nor steer a terminal."""
        text = super().format(record)
        return "".join(
            sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
            for sign in text
        )
