"""Opens a job's log in the person's own pager, with the dashboard out of the way meanwhile."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import IO, Any

from textual.app import App, SuspendNotSupported

from exauq_tui.app import format as fmt
from exauq_tui.app.log_scan import Read
from exauq_tui.app.threads import in_thread
from exauq_tui.errors import InputError

MOST = 50_000_000
"""The bytes from the end of a log that are fetched for a pager."""

_PIECE = 1024 * 1024
_COLOUR = re.compile("(\x1b\\[[0-9;:]*m)")


def pager_command() -> list[str]:
    """The command of the person's pager: what PAGER says, or else less.

    Raises:
        InputError: There is no such program.
    """
    wanted = os.environ.get("PAGER", "").strip() or "less"
    try:
        command = shlex.split(wanted)
    except ValueError as error:
        raise InputError(f"PAGER cannot be understood ({error}): {wanted}") from error
    if shutil.which(command[0]) is None:
        raise InputError(f"there is no pager {command[0]}: set PAGER to one that is installed")
    return command


def pager_line(raw: bytes) -> str:
    """Make one line of a log harmless for whatever pager: of what is no text, colours stay."""
    text = raw.decode("utf-8", "replace").rstrip("\r")
    if text.isprintable():
        return text
    parts = _COLOUR.split(text.rsplit("\r", 1)[-1])
    # Every other part is a colour.
    parts[::2] = [
        "\t".join(fmt.safe_log_line(word.encode()) for word in part.split("\t"))
        for part in parts[::2]
    ]
    return "".join(parts)


async def fetch(read: Read, size: int, progress: Callable[[float], None]) -> IO[bytes]:
    """Fetch a log's end into a private file, which is deleted when it is closed.

    Args:
        read: Reads the log.
        size: The log's size: what is printed later is left out.
        progress: Told how much of it is done, 0 to 1.

    Raises:
        ExauqTuiError: The log cannot be read, or the file not be written.
    """
    try:
        # Readable by its owner alone, as all that this module makes.
        file = tempfile.NamedTemporaryFile(prefix="exauq-", suffix=".log")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"no file can be made for the pager: {error}") from error
    try:
        start = at = max(0, size - MOST)
        rest = b""
        if start:
            file.write(f"[the last {fmt.size(size - start)} of {fmt.size(size)}]\n".encode())
        while at < size:
            chunk = await read(at, min(_PIECE, size - at))
            if not chunk.data:
                break
            at += len(chunk.data)
            *lines, rest = (rest + chunk.data).split(b"\n")
            await in_thread(lambda lines=lines: _write(file, lines))  # type: ignore[misc]
            progress((at - start) / (size - start))
        if rest:
            _write(file, [rest])
        file.flush()
    except OSError as error:
        file.close()
        raise InputError(f"the log cannot be kept for the pager: {error}") from error
    except BaseException:
        file.close()
        raise
    return file


def _write(file: IO[bytes], lines: list[bytes]) -> None:
    text = "".join(pager_line(line) + "\n" for line in lines)
    file.write(text.encode("utf-8", "replace"))


def show(app: App[Any], command: list[str], path: str) -> None:
    """Give the terminal to a pager until it is left.

    Raises:
        InputError: The terminal cannot be given away, or the pager not be started.
    """
    environ = dict(os.environ)
    # A program that less would have look at the file first: not at what a server sent.
    environ.pop("LESSOPEN", None)
    environ.setdefault("LESS", "-R")
    try:
        with app.suspend():
            _run([*command, path], environ)
    except SuspendNotSupported as error:
        raise InputError(
            "this terminal cannot be given to a pager: the dashboard cannot be suspended in it"
        ) from error
    except OSError as error:
        raise InputError(f"{command[0]} cannot be started: {error}") from error
    app.refresh(layout=True)


def _run(command: list[str], environ: dict[str, str]) -> None:
    """Run a program in the terminal; who ends us meanwhile ends it first."""
    process: subprocess.Popen[bytes] | None = None

    def end(number: int, _: FrameType | None) -> None:
        # Ctrl+C is the pager's own; the app hears of the others when it goes on.
        if process is not None and number != signal.SIGINT:
            process.terminate()

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        for number in _SIGNALS:
            signal.signal(number, end)
        process = subprocess.Popen(command, env=environ)
        process.wait()
    finally:
        for number, handler in before.items():
            with suppress(TypeError):  # it was not set from Python
                signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
