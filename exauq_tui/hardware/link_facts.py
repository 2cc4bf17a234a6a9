"""Findings made of how a server answered: its greeting, its clock and its speed; all pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from exauq_tui.hardware.diagnosis import Check, Finding, Result
from exauq_tui.hardware.frames import Hello

OK, WARNING = Result.OK, Result.WARNING

USED_SESSIONS = 4
"""So many sessions are opened at once on one connection, at most."""

_CLOCK_TOLERANCE = 5.0
_SLOW = 1.0  # seconds for a round trip
_START_UP_FILES = {
    "bash": "~/.bashrc",
    "zsh": "~/.zshenv",
    "fish": "~/.config/fish/config.fish",
    "tcsh": "~/.tcshrc or ~/.cshrc",
    "csh": "~/.cshrc",
    "ksh": "~/.kshrc",
}


def examine_greeting(hello: Hello) -> Finding:
    """Tell which Bash answered; one that is too old does not."""
    return Finding(Check.SERVER, OK, f"Bash {hello.bash_version} on {hello.host}")


def examine_noise(size: int, sample: bytes, shell: str) -> Finding:
    """Judge what the login shell printed before the server program spoke.

    Args:
        size: How many bytes.
        sample: Their beginning.
        shell: The login shell's path, or "".
    """
    name = shell.rsplit("/", 1)[-1]
    if not size:
        return Finding(Check.SHELL, OK, f"{shell or 'unknown'} starts without printing anything")
    files = _START_UP_FILES.get(name, "its start-up files")
    return Finding(
        Check.SHELL,
        WARNING,
        f"{shell or 'it'} printed {size} bytes where nobody asked",
        f"This is passed over, but it breaks scp and the like: have {files} on the server print "
        "only in interactive shells.",
        heard=sample.decode("utf-8", "replace").strip(),
    )


def examine_clock(offset: float, doubt: float) -> Finding:
    """Judge the difference between two clocks.

    Args:
        offset: The server's clock minus ours, in seconds.
        doubt: How far off that may be, in seconds.
    """
    if abs(offset) - doubt <= _CLOCK_TOLERANCE:
        return Finding(Check.CLOCK, OK, "as here, within a few seconds")
    way = "ahead of" if offset > 0 else "behind"
    return Finding(
        Check.CLOCK,
        WARNING,
        f"{abs(offset):.0f} s {way} the one here",
        "Durations are right all the same, since they are taken from one clock; times of day "
        "differ. The administrators can set it (NTP).",
    )


def examine_latency(trips: Sequence[float]) -> Finding:
    """Judge round trips, in seconds."""
    middle = median(trips)
    found = f"{middle * 1000:.1f} ms (median of {len(trips)} round trips)"
    if middle < _SLOW:
        return Finding(Check.LATENCY, OK, found)
    return Finding(
        Check.LATENCY, WARNING, found, "The link is slow: logs and new states will come late."
    )


def examine_sessions(opened: int) -> Finding:
    """Judge how many sessions could be open at once on one connection."""
    if opened >= USED_SESSIONS:
        return Finding(Check.SESSIONS, OK, f"at least {opened} at once on one connection")
    return Finding(
        Check.SESSIONS,
        WARNING,
        f"only {opened} at once on one connection",
        "exauq-tui gets along with one. Where other programs share it, ask the administrators "
        "for MaxSessions 10 in sshd_config, which is the default.",
    )
