"""What is said of a job's past: its tries, its events, and those of its server (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from exauq_tui.app import format as fmt
from exauq_tui.app.status_style import STATUS_STYLES
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import Event, JobRow

SHOWN_SERVER_EVENTS = 100

_MUTED = "$foreground-muted"


@dataclass(frozen=True, slots=True)
class Past:
    """What was found out of one job's past.

    Attributes:
        key: The job.
        tries: All jobs that tried what it tries, itself among them, in their order.
        events: What happened to it, oldest first; None where that was not asked for.
        server_events: What happened with its server, likewise.
        text: The start of its output file, where there is more to it than a number.
    """

    key: int
    tries: tuple[JobRow, ...] = ()
    events: tuple[Event, ...] | None = None
    server_events: tuple[Event, ...] | None = None
    text: str | None = None


def history(row: JobRow, past: Past, now: float) -> Content:
    """Everything that happened: to each try, to this job, and with its server."""
    blocks = []
    if len(past.tries) > 1:
        lines = [_try_block(each, is_this=each.key == row.key) for each in past.tries]
        blocks.append(_part("Tries", lines))
    blocks.append(_part("This job", _events(past.events or (), now)))
    events = past.server_events or ()
    lines = _events(events[-SHOWN_SERVER_EVENTS:], now)
    if len(events) > SHOWN_SERVER_EVENTS:
        left = len(events) - SHOWN_SERVER_EVENTS
        lines.insert(0, Content.styled(f"{fmt.count(left, 'event')} before that", _MUTED))
    blocks.append(_part(f"Server {fmt.safe(row.server)}", lines))
    return Content("\n\n").join(blocks)


def _part(title: str, lines: Sequence[Content]) -> Content:
    shown = list(lines) or [Content.styled("Nothing is recorded.", _MUTED)]
    return Content("\n").join([Content.styled(title, "bold $accent"), *shown])


def _events(events: Sequence[Event], now: float) -> list[Content]:
    """One line for each, and one for each day before."""
    lines = []
    shown = today = fmt.day(now)
    for event in events:
        day = fmt.day(event.at)
        if day != shown:
            lines.append(Content.styled("today" if day == today else day, _MUTED))
            shown = day
        at = fmt.moment(event.at, event.at)
        lines.append(Content.assemble((at, _MUTED), "  ", fmt.safe(event.text)))
    return lines


def _try_block(row: JobRow, *, is_this: bool) -> Content:
    """One try with its reason in full."""
    head = Content.assemble(
        ("▸ " if is_this else "  ", "bold $accent"),
        (f"#{row.try_number} ", "bold" if is_this else ""),
        (fmt.status_text(row, stale=False), STATUS_STYLES[row.status]),
        f"  {row.job_id}",
    )
    reasons = [short_reason(row), row.error, row.note]
    if row.output is not None:
        reasons.insert(0, f"output {fmt.number(row.output)}")
    lines = [head]
    lines += [Content.styled(f"     {fmt.safe(text)}", _MUTED) for text in reasons if text]
    return Content("\n").join(lines)


def tries(row: JobRow, past: Past) -> Content:
    """All tries on one line: number, glyph, and a word about how each ended."""
    parts = []
    for each in past.tries:
        weight = "bold" if each.key == row.key else _MUTED
        reason = short_reason(each)
        parts.append(
            Content.assemble(
                (f"#{each.try_number} ", weight),
                (fmt.STATUS_GLYPHS[each.status], STATUS_STYLES[each.status]),
                (f" {reason}" if reason else "", weight),
            )
        )
    return Content("   ").join(parts)


def short_reason(row: JobRow) -> str:
    """Say in a word or two why a job stands where it does; "" where its status says it all."""
    if row.status is JobStatus.COMPLETED and row.output_error:
        return "unreadable"
    if row.exit_code is not None and (row.exit_code or row.status is not JobStatus.COMPLETED):
        return f"exit {row.exit_code}"
    if row.status in (JobStatus.COMPLETED, JobStatus.FAILED):
        return ""
    return str(row.status.value).lower()
