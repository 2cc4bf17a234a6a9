"""Who takes a lease: names that tell, later, whether the process behind them still lives."""

from __future__ import annotations

import os
import uuid
from functools import cache
from pathlib import Path


def new_owner() -> str:
    """Make the name of one that takes leases; no other, anywhere, has the same."""
    process = _start_of(os.getpid())
    return f"{_machine()}/{os.getpid()}/{process}/{uuid.uuid4().hex}"


def is_dead(owner: str) -> bool:
    """Whether the process behind a name certainly lives no more.

    A name from another machine, or one whose processes cannot be seen from here, is never
    judged: such a lease has to run out.
    """
    machine, pid, start, *_ = [*owner.split("/"), "", ""]
    if not machine or machine != _machine() or not pid.isdecimal() or not start:
        return False
    return _start_of(int(pid)) != start


@cache
def _machine() -> str:
    """Name this boot of this machine, and what can see the same process ids; "" for unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_of(pid: int) -> str:
    """When a process started, in ticks since boot; "" where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name in brackets may itself hold brackets and spaces.
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]
