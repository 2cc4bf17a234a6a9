"""A program in a terminal of its own: keys in, what it draws out, both with the time."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
LINES, COLUMNS = 36, 120
_PATIENCE = 120.0
_LEAVES_WITHIN = 10.0
_UNSET = (
    "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TEXTUAL_THEME", "TEXTUAL_FILTERS",
    # Compiled modules are kept, as they are where a package is installed.
    "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip


class Terminal:
    """Runs a Python program in a pseudo-terminal and reads what it draws.

    Args:
        arguments: What Python is given.
        environ: Variables beside the usual ones.
    """

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        usual = {name: value for name, value in os.environ.items() if name not in _UNSET}
        usual |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", **environ}
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env=usual,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let it leave by `q`, or end it."""
        if kind is None:
            self.write(b"q")
            deadline = time.monotonic() + _LEAVES_WITHIN
            while self._process.poll() is None and time.monotonic() < deadline:
                self._read(0.05)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._ours)

    def write(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._ours, keys)

    def rest(self, seconds: float) -> None:
        """Let it go on for a while; what it draws is thrown away."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self._read(left)

    def until(self, pattern: str) -> float:
        """Wait until it has drawn something; when that was, by `time.perf_counter`.

        Raises:
            TimeoutError: It did not.
        """
        wanted = re.compile(pattern.encode())
        drawn = b""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            drawn += self._read(0.5)
            if wanted.search(drawn):
                return time.perf_counter()
            if self._process.poll() is not None:
                break
        raise TimeoutError(f"{pattern!r} was not drawn; the end of what was: {drawn[-800:]!r}")

    def until_other(self, pattern: str, number: int) -> tuple[float, int]:
        """Wait until it has drawn another number than one; when that was, and the number.

        Args:
            pattern: What stands around the number, which is its group.
            number: The number that does not count.

        Raises:
            TimeoutError: It did not.
        """
        wanted = re.compile(pattern.encode())
        drawn = b""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            drawn += self._read(0.5)
            for found in wanted.finditer(drawn):
                other = int(found[1].replace(b",", b""))
                if other != number:
                    return time.perf_counter(), other
        raise TimeoutError(f"{pattern!r} was not drawn but for {number}: {drawn[-800:]!r}")

    def _read(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self._ours], [], [], seconds)
        if not ready:
            return b""
        try:
            return os.read(self._ours, 65536)
        except OSError:  # its side is closed
            return b""

    def processor(self) -> float:
        """Seconds of processor that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Bytes of memory that it holds now, with what libraries take."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024.0
