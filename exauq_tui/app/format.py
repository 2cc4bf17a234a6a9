"""How times, numbers, ids, statuses and remote text are written on the screen (pure)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping

from rich.cells import cell_len, set_cell_size

from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor import spans
from exauq_tui.monitor.evidence import MAY_BE_PARTIAL, is_gone
from exauq_tui.monitor.snapshot import JobRow, ServerState, ServerView

DASH = "—"
ELLIPSIS = "…"

STATUS_GLYPHS: Mapping[JobStatus, str] = {
    JobStatus.PENDING_SUBMIT: "◌",
    JobStatus.SUBMITTED: "⇡",
    JobStatus.RUNNING: "►",
    JobStatus.COMPLETED: "✓",
    JobStatus.FAILED: "✗",
    JobStatus.FAILED_SUBMIT: "‼",
    JobStatus.FAILED_CANCEL: "‼",
    JobStatus.PENDING_CANCEL: "⋯",
    JobStatus.CANCELLED: "⊘",
}
"""One cell wide each, so that columns stay aligned."""

STATUS_CLASSES: Mapping[JobStatus, str] = {
    status: f"status--{status.name.lower().replace('_', '-')}" for status in JobStatus
}
"""The component class that colours each status."""

SERVER_GLYPHS: Mapping[ServerState, str] = {
    ServerState.OFFLINE: "○",
    ServerState.CONNECTING: "◌",
    ServerState.UP: "●",
    ServerState.STALE: "◐",
    ServerState.LOST: "○",
    ServerState.AUTH_NEEDED: "◆",
    ServerState.HOST_KEY_UNKNOWN: "◆",
    ServerState.HOST_KEY_CHANGED: "✗",
    ServerState.FAULT: "✗",
}


# What the status of which may have changed on the server since it was last seen there. A
# terminal status was told by the server, a pending one is decided here: neither grows old.
_AGEING = frozenset({JobStatus.SUBMITTED, JobStatus.RUNNING, JobStatus.FAILED_CANCEL})

# C0, DEL and C1; zero-width and bidirectional controls; line separators; lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\ufff9-\ufffb]"
)
# Complete ANSI sequences: CSI, then OSC/DCS/SOS/PM/APC strings with their end, then two bytes.
_ANSI = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]|\x1b[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[ -/]*[0-OQ-WYZ`-~]"
)


def safe(text: str) -> str:
    """Make text from elsewhere harmless on one line: every control character is shown."""
    if _UNSAFE.search(text) is None:
        return text
    return _UNSAFE.sub(_visible, text)


def safe_block(text: str) -> str:
    """Make text harmless, keeping its line breaks."""
    return "\n".join(safe(line) for line in text.replace("\r\n", "\n").split("\n"))


def safe_log_line(raw: bytes) -> str:
    """Turn one line of a job's log into text that can only be looked at.

    Colour and cursor sequences are left out, tabs become spaces, a carriage return starts the
    line afresh as a terminal would, bytes that are not UTF-8 become the replacement character.
    """
    text = raw.decode("utf-8", "replace")
    if text.isprintable():
        return text
    text = _ANSI.sub("", text.rstrip("\r"))
    if "\r" in text:
        text = text.rsplit("\r", 1)[1]
    return safe(text.expandtabs(8))


def _visible(match: re.Match[str]) -> str:
    """Draw one control character as its Unicode picture, or as the replacement character."""
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return "�"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Cut or pad text to exactly `width` cells; what was cut ends in an ellipsis."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + ELLIPSIS if width > 0 else ""
    padding = " " * (width - length)
    return padding + text if right else text + padding


def duration(seconds: float) -> str:
    """Write a span of time in at most five cells: 12s, 4m12, 2h05, 3d04, 412d."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}"
    days, rest = divmod(whole, 86400)
    return f"{days}d{rest // 3600:02d}" if days < 100 else f"{days}d"


def age(row: JobRow, now: float) -> str:
    """How long ago a job was set up."""
    return duration(now - row.created) if row.created else DASH


def run_time(row: JobRow, now: float) -> str:
    """How long a job ran, by its server's clock.

    While it runs the end is taken from our own clock; the tilde says that it is about so.
    """
    ran = spans.ran(row)
    if ran is not None:
        return duration(ran)
    since = spans.running_since(row)
    return DASH if since is None else "~" + duration(now - since)


def moment(at: float | None, now: float) -> str:
    """Write a point in time in local time, with the date where it is not today's."""
    if at is None or at <= 0:
        return DASH
    then, today = time.localtime(at), time.localtime(now)
    same_day = then[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S", then)


def short_moment(at: float | None, now: float) -> str:
    """Write a point in time in local time in at most eleven cells: 14:03:59, or 11-28 14:03."""
    if at is None or at <= 0:
        return DASH
    then, today = time.localtime(at), time.localtime(now)
    same_day = then[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%m-%d %H:%M", then)


def day(at: float) -> str:
    """Write the day of a point in time, in local time."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def number(value: float) -> str:
    """Write a number so that no digit is lost."""
    return repr(value)


def fit_number(value: float, width: int) -> str:
    """Write a number right-aligned in `width` cells, with as many digits as stay aligned."""
    if isinstance(value, int):
        text = str(value)
        if len(text) <= width:
            return text.rjust(width)
        value = float(value)
    size = abs(value)
    if value == 0 or 0.01 <= size < 1e6:
        for decimals in (4, 3, 2, 1):
            text = f"{value:.{decimals}f}"
            if len(text) <= width:
                return text.rjust(width)
    for decimals in (4, 3, 2, 1, 0):
        text = f"{value:.{decimals}e}"
        if len(text) <= width:
            return text.rjust(width)
    return fit(text, width, right=True)


def count(number_of: int, noun: str) -> str:
    """Write a number with its noun: 1 job, 2,000 jobs."""
    return f"{number_of:,} {noun}{'' if number_of == 1 else 's'}"


def size(number_of_bytes: int) -> str:
    """Write a number of bytes: 812 B, 1.2 MB."""
    if number_of_bytes < 1000:
        return f"{number_of_bytes} B"
    value = float(number_of_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 1000:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def short_id(job_id: str, digits: int) -> str:
    """Write the last digits of an id, with a mark where some are left out."""
    return job_id if len(job_id) <= digits else ELLIPSIS + job_id[-digits:]


def is_stale(row: JobRow, state: ServerState | None) -> bool:
    """Whether a row's status may have changed since anybody could tell."""
    return row.status in _AGEING and (
        state is not ServerState.UP or not row.current or is_gone(row.note)
    )


def status_text(row: JobRow, stale: bool) -> str:
    """Write a status as glyph and word; a question mark where it may be out of date."""
    return f"{STATUS_GLYPHS[row.status]} {row.status.value}{'?' if stale else ''}"


def output_text(row: JobRow, width: int) -> str:
    """Write a job's output for a table cell; with a question mark where it may be partial."""
    if row.output is not None and MAY_BE_PARTIAL in row.note:
        return fit_number(row.output, width - 1) + "?"
    if row.output is not None:
        return fit_number(row.output, width)
    if row.output_error:
        return fit("unreadable", width, right=True)
    return DASH.rjust(width)


def inputs_text(inputs: Iterable[float], names: tuple[str, ...] = ()) -> str:
    """Write an input vector on one line to be recognised by, with names where there are some."""
    values = tuple(inputs)
    if len(names) == len(values):
        return "  ".join(
            f"{safe(name)}={value:.6g}" for name, value in zip(names, values, strict=True)
        )
    return ", ".join(f"{value:.6g}" for value in values)


def server_text(view: ServerView, now: float) -> str:
    """Say in a few words how a server is: its state and what matters in that state."""
    words = [view.state.value]
    if view.state is ServerState.UP:
        if view.latency is not None:
            words.append(latency(view.latency))
        if view.polled:
            words.append("polling")
    else:
        if view.last_seen is not None:
            words[0] += f" {duration(now - view.last_seen)}"
        if view.next_try is not None:
            words.append(f"retry {duration(view.next_try - now)}")
    return " · ".join(words)


def latency(seconds: float) -> str:
    """Write a round-trip time: 0.4ms, 82ms, 1.3s."""
    milliseconds = seconds * 1000
    if milliseconds < 1:
        return f"{milliseconds:.1f}ms"
    return f"{milliseconds:.0f}ms" if milliseconds < 1000 else f"{seconds:.1f}s"
