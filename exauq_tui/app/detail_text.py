"""What the tabs of the detail pane say about a job (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from exauq_tui.app import format as fmt
from exauq_tui.app.status_style import STATUS_STYLES
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import is_gone
from exauq_tui.monitor.snapshot import Event, JobRow, ServerState, ServerView

_LABEL = 10


def details(row: JobRow, server: ServerView | None, now: float) -> Content:
    """Everything that is known of a job."""
    stale = fmt.is_stale(row, server.state if server else None)
    blocks = [_head(row, stale, now, _seen(row, server))]
    # What went wrong comes first: that is what people open this for.
    if row.error:
        blocks.append(Content.styled(fmt.safe_block(row.error), "$error"))
    if row.note:
        blocks.append(Content.styled(fmt.safe_block(row.note), "$warning"))
    blocks += [_values(row, server), _facts(row, server, now)]
    return Content("\n\n").join(blocks)


def output(row: JobRow, fetch_key: str) -> Content:
    """A job's output in full, or why there is none."""
    head = _head_line(row, stale=False)
    if row.output is not None:
        body = Content.assemble(
            ("Output\n", "$foreground-muted"), (f"  {fmt.number(row.output)}", "bold $success")
        )
    elif row.output_error:
        body = _paragraph("Output cannot be read", row.output_error, "$error")
    elif row.status is JobStatus.COMPLETED:
        body = Content.styled(f"Not fetched yet. {fetch_key} fetches it.", "$foreground-muted")
    elif row.is_terminal:
        body = Content.styled("There is no output: the job did not complete.", "$foreground-muted")
    else:
        body = Content.styled("There is no output yet: the job has not ended.", "$foreground-muted")
    inputs = Content.assemble(
        ("Input\n", "$foreground-muted"),
        "  " + ", ".join(fmt.number(value) for value in row.inputs),
    )
    return Content("\n\n").join([head, body, inputs])


def history(events: Sequence[Event], now: float) -> Content:
    """Everything that happened to a job, oldest first."""
    if not events:
        return Content.styled("Nothing is recorded.", "$foreground-muted")
    return Content("\n").join(
        Content.assemble(
            (fmt.moment(event.at, now), "$foreground-muted"), "  ", fmt.safe(event.text)
        )
        for event in events
    )


def _head_line(row: JobRow, *, stale: bool) -> Content:
    return Content.assemble(
        (fmt.status_text(row, stale), "$foreground-muted" if stale else STATUS_STYLES[row.status]),
        "  ",
        (row.job_id, "bold"),
    )


def _seen(row: JobRow, server: ServerView | None) -> float | None:
    """When the job was last known to be as it is shown.

    A server that speaks tells what changed; of what it does not name it says that it stands.
    """
    if row.last_seen is None or server is None or server.last_seen is None:
        return row.last_seen
    if not row.current or is_gone(row.note):
        return row.last_seen
    return max(row.last_seen, server.last_seen)


def _head(row: JobRow, stale: bool, now: float, seen: float | None) -> Content:
    words = []
    if row.exit_code is not None:
        words.append(f"exit {row.exit_code}")
    ran = fmt.run_time(row, now)
    if ran != fmt.DASH:
        words.append(f"{'ran' if row.finished is not None else 'running'} {ran}")
    if seen is not None and not row.is_terminal:
        words.append(f"seen {fmt.duration(now - seen)} ago")
    if row.try_number > 1:
        words.append(f"try {row.try_number}")
    head = _head_line(row, stale=stale)
    if not words:
        return head
    return Content.assemble(head, ("\n" + " · ".join(words), "$foreground-muted"))


def _values(row: JobRow, server: ServerView | None) -> Content:
    """The inputs by name, then the output."""
    names: Sequence[str] = server.input_names if server else ()
    if len(names) != len(row.inputs):
        names = [f"x{position}" for position in range(1, len(row.inputs) + 1)]
    lines = [
        _fact(fmt.safe(name), fmt.number(value), "")
        for name, value in zip(names, row.inputs, strict=True)
    ]
    if row.output is not None:
        lines.append(_fact("output", fmt.number(row.output), "bold $success"))
    elif row.output_error:
        lines.append(_fact("output", fmt.safe(row.output_error), "$error"))
    else:
        lines.append(_fact("output", fmt.DASH, "$foreground-muted"))
    return Content("\n").join(lines)


def _facts(row: JobRow, server: ServerView | None, now: float) -> Content:
    where = fmt.safe(row.server)
    if server is None:
        where += " (not configured)"
    elif server.state is not ServerState.UP:
        where += f" ({server.state.value})"
    facts = [("server", f"{where}  level {row.level}"), ("batch", fmt.safe(row.batch))]
    if row.try_of:
        facts.append(("tries", f"{fmt.safe(row.try_of)} again"))
    facts += [
        ("created", fmt.moment(row.created, now)),
        ("submitted", fmt.moment(row.submitted, now)),
        ("started", fmt.moment(row.started, now)),
        ("finished", fmt.moment(row.finished, now)),
    ]
    lines = [_fact(name, text, "") for name, text in facts if text and text != fmt.DASH]
    if row.directory:
        # On lines of its own: a path is long, and may be wanted whole by the mouse.
        lines += [
            Content.styled("directory", "$foreground-muted"),
            Content(fmt.safe(row.directory)),
        ]
    return Content("\n").join(lines)


def _fact(name: str, text: str, style: str) -> Content:
    return Content.assemble((fmt.fit(name, _LABEL) + " ", "$foreground-muted"), (text, style))


def _paragraph(title: str, text: str, style: str) -> Content:
    return Content.assemble((title + "\n", "$foreground-muted"), (fmt.safe_block(text), style))
