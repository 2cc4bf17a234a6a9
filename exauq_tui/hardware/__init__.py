"""The hardware library: run simulation jobs on servers and on this machine."""

from typing import TYPE_CHECKING

from exauq_tui.errors import (
    AuthenticationError,
    HardwareInterfaceFailureError,
    HostKeyError,
    SimulatorOutputParsingError,
)
from exauq_tui.hardware.status import PENDING_STATUSES, TERMINAL_STATUSES, JobStatus
from exauq_tui.jobs import Input, Job, JobId

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import HardwareInterface, HostKey, HostKeyDecision
    from exauq_tui.hardware.local import LocalScriptInterface
    from exauq_tui.hardware.ssh import SSHInterface
    from exauq_tui.hardware.unix_server import UnixServerScriptInterface

_WHERE = {
    "HardwareInterface": "interface",
    "HostKey": "interface",
    "HostKeyDecision": "interface",
    "LocalScriptInterface": "local",
    "SSHInterface": "ssh",
    "UnixServerScriptInterface": "unix_server",
}
"""What is imported when it is first asked for: a third of the time in which a program starts."""

__all__ = [
    "PENDING_STATUSES",
    "TERMINAL_STATUSES",
    "AuthenticationError",
    "HardwareInterface",
    "HardwareInterfaceFailureError",
    "HostKey",
    "HostKeyDecision",
    "HostKeyError",
    "Input",
    "Job",
    "JobId",
    "JobStatus",
    "LocalScriptInterface",
    "SSHInterface",
    "SimulatorOutputParsingError",
    "UnixServerScriptInterface",
]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - see _WHERE

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
