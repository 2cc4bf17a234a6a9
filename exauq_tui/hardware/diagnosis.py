"""What an examination of a server finds: one finding per check, made of facts by pure functions.

`examining` gathers the facts on the connection; ``scripts/doctor.sh`` gathers those on the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from exauq_tui.errors import AuthenticationError, ConnectionLostError, HostKeyError


class Check(Enum):
    """What is looked at, in this order; the value is what people read."""

    PROFILE = "profile"
    LOOKUP = "name lookup"
    TCP = "TCP connection"
    SSH = "SSH server"
    HOST_KEY = "host key"
    AUTHENTICATION = "authentication"
    CONNECTION = "connection"
    SERVER = "Bash"
    SHELL = "login shell"
    SESSIONS = "sessions"
    LATENCY = "latency"
    CLOCK = "clock"
    TOOLS = "other programs"
    SCRIPT = "script"
    WORKSPACE = "workspace"
    SPACE = "free space"
    FILES = "file system"
    CORES = "cores"
    LEFTOVERS = "leftovers"
    LOGOUT = "logging out"
    LIMITS = "limits"
    QUOTA = "quota"
    SETUP = "setup lines"
    PROGRAM = "program"


class Result(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: What was looked at.
        result: How that ended.
        found: What was found, as a phrase or a sentence.
        advice: What to do about it, or "".
        heard: What a program or a start-up file printed meanwhile: shown, but left out of
            reports, since nobody knows what it holds.
        hop: The server on the way that it is about, "" for the server itself.
    """

    check: Check
    result: Result
    found: str
    advice: str = ""
    heard: str = ""
    hop: str = ""

    @property
    def label(self) -> str:
        """The check, as people read it."""
        return f"{self.check.value} of {self.hop}" if self.hop else self.check.value


OVER_SSH = (
    *(Check.LOOKUP, Check.TCP, Check.SSH, Check.HOST_KEY, Check.AUTHENTICATION),
    *(Check.SHELL, Check.SESSIONS, Check.LATENCY, Check.CLOCK),
)
"""The checks that make sense only where there is a way to the server."""

_UNANNOUNCED = (Check.CONNECTION, Check.QUOTA)  # looked at only where there is something to see
_WAY = frozenset({Check.LOOKUP, Check.TCP, Check.SSH, Check.CONNECTION})
_REFUSED = frozenset({Check.HOST_KEY, Check.AUTHENTICATION})


@dataclass(frozen=True, slots=True)
class Trail:
    """How far an attempt to connect came.

    Attributes:
        findings: What its steps found, in order.
        doing: The step that was under way when it ended, and the server it was about; None
            where none was.
    """

    findings: tuple[Finding, ...] = ()
    doing: tuple[Check, str] | None = None


def trouble(trail: Trail, error: Exception) -> Finding:
    """Say which check it was that an attempt to connect failed at."""
    check, hop = trail.doing or (None, "")
    if isinstance(error, AuthenticationError):
        check = Check.AUTHENTICATION
    elif isinstance(error, HostKeyError):
        check = Check.HOST_KEY
    elif check is None:
        # The connection was made: it broke afterwards, or the server program did not start.
        lost = isinstance(error, ConnectionLostError)
        check = Check.CONNECTION if lost else Check.SERVER
    return Finding(check, Result.FAILED, str(error) or type(error).__name__, hop=hop)


def completed(findings: Sequence[Finding], *, over_ssh: bool) -> tuple[Finding, ...]:
    """Add a line for each check that was not made, and say because of which."""
    made = {finding.check for finding in findings if not finding.hop}
    failed = next((each for each in findings if each.result is Result.FAILED), None)
    because = f"since this failed before: {failed.label}" if failed else "cannot be examined"
    left = [
        Finding(check, Result.NOT_CHECKED, because)
        for check in Check
        if check not in made and check not in _UNANNOUNCED and (over_ssh or check not in OVER_SSH)
    ]
    return (*findings, *left)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings by check; those about servers on the way stay where they were."""
    order = {check: place for place, check in enumerate(Check)}
    way = [finding for finding in findings if finding.hop]
    rest = [finding for finding in findings if not finding.hop]
    rest.sort(key=lambda finding: order[finding.check])
    profile = [finding for finding in rest if finding.check is Check.PROFILE]
    return (*profile, *way, *rest[len(profile) :])


def is_unreachable(findings: Iterable[Finding]) -> bool:
    """Whether the server could not be reached."""
    return any(_failed(findings, _WAY))


def is_refused(findings: Iterable[Finding]) -> bool:
    """Whether the server's key, or who we are, was not accepted."""
    return any(_failed(findings, _REFUSED))


def has_failed(findings: Iterable[Finding]) -> bool:
    """Whether anything at all failed."""
    return any(finding.result is Result.FAILED for finding in findings)


def _failed(findings: Iterable[Finding], checks: frozenset[Check]) -> Iterator[bool]:
    return (each.result is Result.FAILED and each.check in checks for each in findings)
