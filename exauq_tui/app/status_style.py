"""The colour of each status, for text made of Content; the table's is in exauq.tcss."""

from __future__ import annotations

from collections.abc import Mapping

from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import ServerState

STATUS_STYLES: Mapping[JobStatus, str] = {
    JobStatus.PENDING_SUBMIT: "$foreground-muted",
    JobStatus.SUBMITTED: "$primary",
    JobStatus.RUNNING: "bold $accent",
    JobStatus.COMPLETED: "$success",
    JobStatus.FAILED: "bold $error",
    JobStatus.FAILED_SUBMIT: "$error",
    JobStatus.FAILED_CANCEL: "$error",
    JobStatus.PENDING_CANCEL: "$warning",
    JobStatus.CANCELLED: "$foreground-muted",
}

SERVER_STYLES: Mapping[ServerState, str] = {
    ServerState.OFFLINE: "$foreground-muted",
    ServerState.CONNECTING: "$warning",
    ServerState.UP: "$success",
    ServerState.STALE: "$warning",
    ServerState.LOST: "bold $error",
    ServerState.AUTH_NEEDED: "bold $warning",
    ServerState.HOST_KEY_UNKNOWN: "bold $warning",
    ServerState.HOST_KEY_CHANGED: "bold $error",
    ServerState.FAULT: "bold $error",
}
