"""What the tabs of the detail pane say about a job (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from exauq_tui.app import format as fmt
from exauq_tui.app.history_text import Past, tries
from exauq_tui.app.status_style import STATUS_STYLES
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import MAY_BE_PARTIAL, is_gone
from exauq_tui.monitor.snapshot import JobRow, ServerState, ServerView

_LABEL = 10
_MUTED = "$foreground-muted"
_SHOWN_TEXT = 16_000
_SHOWN_LINES = 200


def details(
    row: JobRow, server: ServerView | None, now: float, past: Past | None = None
) -> Content:
    """Everything that is known of a job."""
    stale = fmt.is_stale(row, server.state if server else None)
    blocks = [_head(row, stale, now, _seen(row, server))]
    # What went wrong comes first: that is what people open this for.
    if row.error:
        blocks.append(Content.styled(fmt.safe_block(row.error), "$error"))
    if row.note:
        blocks.append(Content.styled(fmt.safe_block(row.note), "$warning"))
    blocks += [_values(row, server), _facts(row, server, now, past)]
    return Content("\n\n").join(blocks)


def output(row: JobRow, fetch_key: str, now: float, text: str | None = None) -> Content:
    """A job's output in full, or why there is none.

    Args:
        row: The job.
        fetch_key: The key that fetches outputs.
        now: The time.
        text: The start of the output file, where it is known.
    """
    blocks = [_head_line(row, stale=False)]
    if row.output is not None:
        body = Content.assemble(
            ("Output\n", _MUTED), (f"  {fmt.number(row.output)}", "bold $success")
        )
        if MAY_BE_PARTIAL in row.note:
            body = Content.assemble(body, (f"\n  {fmt.safe(row.note)}", "$warning"))
    elif row.output_error:
        body = _paragraph("Output cannot be read", row.output_error, "$error")
    elif row.status is JobStatus.COMPLETED:
        body = Content.styled(f"Not fetched yet. {fetch_key} fetches it.", _MUTED)
    elif row.is_terminal:
        body = Content.styled("There is no output: the job did not complete.", _MUTED)
    else:
        body = Content.styled("There is no output yet: the job has not ended.", _MUTED)
    blocks.append(body)
    if row.output_read is not None and (row.output is not None or row.output_error):
        ago = fmt.duration(now - row.output_read)
        when = f"{fmt.moment(row.output_read, now)}, {ago} ago"
        blocks.append(Content.assemble(("Read\n", _MUTED), f"  {when}"))
    if text is not None and (row.output is None or text.strip() != fmt.number(row.output)):
        blocks.append(_file(text))
    inputs = ", ".join(fmt.number(value) for value in row.inputs)
    blocks.append(Content.assemble(("Input\n", _MUTED), "  " + inputs))
    return Content("\n\n").join(blocks)


def _file(text: str) -> Content:
    """What stands in an output file, as it stands there."""
    title = Content.styled("The output file\n", _MUTED)
    if not text:
        return Content.assemble(title, ("  (empty)", _MUTED))
    text = text.removesuffix("\n")
    shown = "\n".join(text[:_SHOWN_TEXT].split("\n")[:_SHOWN_LINES])
    left = len(text) - len(shown)
    more = (f"\n… {fmt.count(left, 'character')} more", _MUTED) if left else ""
    return Content.assemble(title, fmt.safe_block(shown), more)


def log_tail(lines: Sequence[bytes], width: int, age: float | None) -> Content:
    """The last lines of a log, cut to a width.

    Args:
        lines: The lines.
        width: In cells.
        age: How many seconds ago they were read; None where nothing can have come since.
    """
    ago = "" if age is None else f"  as of {fmt.duration(age)} ago"
    title = Content.assemble(("log", _MUTED), (ago, _MUTED))
    shown = [Content(fmt.fit(fmt.safe_log_line(line), width).rstrip()) for line in lines]
    return Content("\n").join([title, *shown])


def _head_line(row: JobRow, *, stale: bool) -> Content:
    return Content.assemble(
        (fmt.status_text(row, stale), _MUTED if stale else STATUS_STYLES[row.status]),
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
    if seen is not None:
        words.append(f"seen {fmt.duration(now - seen)} ago")
    head = _head_line(row, stale=stale)
    if not words:
        return head
    return Content.assemble(head, ("\n" + " · ".join(words), _MUTED))


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
        lines.append(_fact("output", fmt.DASH, _MUTED))
    return Content("\n").join(lines)


def _facts(row: JobRow, server: ServerView | None, now: float, past: Past | None) -> Content:
    where = fmt.safe(row.server)
    if server is None:
        where += " (not configured)"
    elif server.state is not ServerState.UP:
        where += f" ({server.state.value})"
    facts = [("server", f"{where}  level {row.level}"), ("batch", fmt.safe(row.batch))]
    if past is None and row.try_of:
        facts.append(("tries", f"#{row.try_number}, again after {fmt.safe(row.try_of)}"))
    facts += [
        ("created", fmt.moment(row.created, now)),
        ("submitted", fmt.moment(row.submitted, now)),
        ("started", fmt.moment(row.started, now)),
        ("finished", fmt.moment(row.finished, now)),
    ]
    lines = [_fact(name, text, "") for name, text in facts if text and text != fmt.DASH]
    if past is not None and len(past.tries) > 1:
        lines.append(Content.assemble(_fact("tries", "", ""), tries(row, past)))
    if row.directory:
        # On lines of its own: a path is long, and may be wanted whole by the mouse.
        lines += [
            Content.styled("directory", _MUTED),
            Content(fmt.safe(row.directory)),
        ]
    return Content("\n").join(lines)


def _fact(name: str, text: str, style: str) -> Content:
    return Content.assemble((fmt.fit(name, _LABEL) + " ", _MUTED), (text, style))


def _paragraph(title: str, text: str, style: str) -> Content:
    return Content.assemble((title + "\n", _MUTED), (fmt.safe_block(text), style))
