"""The hardware library: run simulation jobs on servers and on this machine."""

from exauq_tui.errors import (
    AuthenticationError,
    HardwareInterfaceFailureError,
    HostKeyError,
    SimulatorOutputParsingError,
)
from exauq_tui.hardware.interface import HardwareInterface, HostKey, HostKeyDecision
from exauq_tui.hardware.local import LocalScriptInterface
from exauq_tui.hardware.ssh import SSHInterface
from exauq_tui.hardware.status import PENDING_STATUSES, TERMINAL_STATUSES, JobStatus
from exauq_tui.hardware.unix_server import UnixServerScriptInterface
from exauq_tui.jobs import Input, Job, JobId

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
