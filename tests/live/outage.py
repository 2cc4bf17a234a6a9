"""Outages of a private server that its jobs survive: only SSH's own processes end."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

from tests.contract.machines import every_process
from tests.live.sshd import Sshd, descendants


def cut_connections(sshd: Sshd) -> None:
    """End the processes that hold connections, and nothing that was started over them."""
    _kill(_ssh_processes(_listener(sshd)))


def end(sshd: Sshd) -> None:
    """End the server and its connections; `Sshd.start` brings it back."""
    listener = _listener(sshd)
    _kill([listener, *_ssh_processes(listener)])
    sshd.stop()


def agents(sshd: Sshd) -> list[int]:
    """The agents that work over the server's connections."""
    below = set(descendants(_listener(sshd)))
    return [pid for pid, command, *_ in every_process() if pid in below and _is_agent(command)]


def _is_agent(command: bytes) -> bool:
    return command.split(b"\0")[:3] == [b"/bin/bash", b"-p", b"-s"]


def _listener(sshd: Sshd) -> int:
    assert sshd._process is not None
    return sshd._process.pid


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _ssh_processes(listener: int) -> list[int]:
    """The processes of sshd below its listener."""
    table = subprocess.run(
        ["ps", "-ww", "-e", "-o", "pid=,ppid=,comm="], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split(None, 2) for line in table.splitlines()]
    parents = {int(pid): int(parent) for pid, parent, name in rows if name.startswith("sshd")}
    found = []
    for pid, parent in parents.items():
        above = parent
        while above in parents and above != listener:
            above = parents[above]
        if above == listener and pid != listener:
            found.append(pid)
    return found
