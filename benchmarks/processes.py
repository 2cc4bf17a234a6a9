"""The processes that belong to a directory: found, measured and ended by way of /proc."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True)
class Usage:
    """What some processes had used at a moment.

    Attributes:
        at: The moment, by the monotonic clock.
        cpu: Seconds of processor time, with that of their children that have ended. Of the
            living it is exact; of the ended, clock ticks are all that the kernel tells.
        processes: How many there were.
    """

    at: float
    cpu: float
    processes: int


def processes_of(directory: Path) -> list[int]:
    """Find the processes whose command line or environment names a directory; never ourselves.

    Everything that a session on a private server starts carries its home directory in the
    environment, however far it went from its parents.
    """
    mark = os.fsencode(directory)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(*_GONE):
            if mark in (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def end_processes_of(directory: Path) -> None:
    """Kill the processes of a directory, and those that they start meanwhile."""
    for _ in range(50):
        pids = processes_of(directory)
        if not pids:
            return
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def usage_of(directory: Path, root: int) -> Usage:
    """Measure the processes of a directory and those below process `root` (a server)."""
    stats = {pid: stat for pid in _all_pids() if (stat := _stat(pid)) is not None}
    wanted = set(processes_of(directory)) & stats.keys()
    for pid in stats:
        parent = pid
        while parent in stats and parent != root:
            parent = stats[parent][0]
        if parent == root:
            wanted.add(pid)
    return Usage(time.monotonic(), sum(stats[pid][1] for pid in wanted), len(wanted))


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> tuple[int, float] | None:
    """Give a process's parent and the processor time of it and its ended children."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        # Nanoseconds, of the first thread: neither Bash nor sshd has a second one.
        own = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except _GONE:
        return None
    # proc(5): fields are counted from the state, which follows the last parenthesis.
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), own + sum(map(int, fields[13:15])) / _TICKS
