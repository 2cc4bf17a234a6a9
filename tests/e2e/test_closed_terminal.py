"""The dashboard when the window around it is closed."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE = 60.0


def _read_until(terminal: int, text: bytes) -> None:
    seen = b""
    deadline = time.monotonic() + PATIENCE
    while text not in seen:
        assert time.monotonic() < deadline, f"waited in vain for {text!r}: {seen[-500:]!r}"
        if select.select([terminal], [], [], 1.0)[0]:
            seen += os.read(terminal, 65536)


@pytest.mark.parametrize("leader", [True, False], ids=["told by SIGHUP", "told by nobody"])
def test_a_dashboard_whose_terminal_is_closed_ends_and_leaves_nothing(
    leader: bool, tmp_path: Path, isolated_home: Path
) -> None:
    terminal, its_end = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "TMPDIR": str(tmp_path)}
    # Without a session of its own it is like a program run by make: the kernel's SIGHUP goes
    # to the session's leader, and not to it.
    process = subprocess.Popen(
        [sys.executable, "-m", "exauq_tui", "demo", "--jobs", "3"],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        env=environ,
        cwd=isolated_home,
        preexec_fn=(lambda: os.login_tty(its_end)) if leader else None,  # noqa: PLW1509
    )
    os.close(its_end)
    try:
        _read_until(terminal, b"Running")
        os.close(terminal)
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert not list(tmp_path.glob("exauq-demo-*"))
