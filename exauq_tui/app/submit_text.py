"""What the submit dialog says of what it would do (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from textual.content import Content

from exauq_tui.app import format as fmt
from exauq_tui.app.submit_order import Prepared, Submission
from exauq_tui.jobs import Input as Point
from exauq_tui.monitor.snapshot import JobRow, ServerState, ServerView

MUTED = "$foreground-muted"
_COLUMN = 11
_LINE = 6
_REMARK = 22
_SHOWN_NAMES = 12

READING = Content.styled("Reading …", MUTED)

FindRow = Callable[[int], JobRow | None]


def hint(matches: Sequence[str], width: int) -> Content:
    """Say what is wanted, or how a path may go on."""
    if not matches:
        return Content.styled("Fill in every field, name a file, or paste rows.", MUTED)
    shown = "  ".join(fmt.safe(name) for name in matches[:_SHOWN_NAMES])
    if len(matches) > _SHOWN_NAMES:
        shown += f"  and {len(matches) - _SHOWN_NAMES:,} more"
    return Content.styled(fmt.fit(shown, width).rstrip(), MUTED)


def problem(words: str) -> Content:
    """Say why there is nothing to be submitted."""
    return Content.styled(fmt.safe_block(words), "$error")


def changed(before: Prepared, now: Prepared) -> str:
    """Say why what was to be submitted is shown once more."""
    if now.problem:
        return ""
    more = now.known_count - before.known_count
    count = fmt.count(abs(more), "input")
    if more > 0:
        what = f"{count} more ran, or {'is' if more == 1 else 'are'} under way, by now"
    elif more < 0:
        what = f"{count} did not come to an output after all"
    else:
        what = "other inputs ran, or are under way, by now"
    return f"Not submitted yet: {what}."


def news(words: str) -> list[Content]:
    """Say what changed since it was shown, if anything did."""
    return [Content.styled(words, "bold $warning")] if words else []


def button(count: int, reused: int) -> str:
    """Say on the button what it does."""
    if not count and reused:
        return f"⏎  Mark {fmt.count(reused, 'job')}"
    return f"⏎  Submit {fmt.count(count, 'job')}" if count else "Submit"


def heading(
    count: int, shared: Mapping[str, int], servers: Mapping[str, ServerView]
) -> list[Content]:
    """Say how many jobs would go where, and who cannot be reached now."""
    shares = {name: share for name, share in shared.items() if share}
    if not count:
        return [Content.styled("Nothing to submit", "bold $warning")]
    to = ", ".join(
        f"{fmt.safe(name)} {share:,}" if len(shares) > 1 else fmt.safe(name)
        for name, share in shares.items()
    )
    said = [Content.assemble((fmt.count(count, "job"), "bold $success"), f"  to {to}")]
    away = [
        f"{fmt.safe(name)} is {view.state.value}: its jobs are kept, and sent when it is back."
        for name in shares
        if (view := servers.get(name)) is not None and view.state is not ServerState.UP
    ]
    return [*said, *(Content.styled(words, "$warning") for words in away)]


def table(
    prepared: Prepared, names: tuple[str, ...], find_row: FindRow, *, width: int, height: int
) -> list[Content]:
    """Draw the first rows, with what is known of each."""
    points, lines = prepared.rows.points, prepared.rows.lines
    if not points:
        return []
    most = max(1, (width - _LINE - _REMARK) // (_COLUMN + 1))
    left_out = len(points[0]) - most
    columns = names[:most] or [f"x{n}" for n in range(1, min(most, len(points[0])) + 1)]
    titles = [fmt.fit(fmt.safe(name), _COLUMN, right=True) for name in columns]
    more = f" +{left_out} more" if left_out > 0 else ""
    drawn = [Content.styled(" ".join([fmt.fit("line", _LINE), *titles]) + more, MUTED)]
    seen: set[Point] = set()
    for point, line, key in islice(zip(points, lines, prepared.known, strict=True), height):
        values = [fmt.fit_number(value, _COLUMN) for value in point[:most]]
        text = " ".join([fmt.fit(f"{line:,}", _LINE), *values])
        drawn.append(Content.assemble(text, _remark(point, key, seen, find_row)))
        seen.add(point)
    if len(points) > height:
        drawn.append(Content.styled(f"and {len(points) - height:,} more", MUTED))
    return drawn


def _remark(point: Point, key: int | None, seen: set[Point], find_row: FindRow) -> tuple[str, str]:
    """Say that a row ran already, or is there twice."""
    if key is not None:
        row = find_row(key)
        if row is None:
            return "  ran already", "$warning"
        words = fmt.STATUS_GLYPHS[row.status] + " "
        words += row.status.value if row.output is None else fmt.fit_number(row.output, 9).strip()
        return f"  {words} …{row.job_id[-6:]}", "$warning"
    return ("  as above", "$warning") if point in seen else ("", "")


def bad_lines(prepared: Prepared) -> list[Content]:
    """List the lines that cannot be read, and why."""
    rows = prepared.rows
    if not rows.bad:
        return []
    verb = "line cannot" if rows.bad_count == 1 else "lines cannot"
    drawn = [Content.styled(f"{rows.bad_count:,} {verb} be read:", "$error")]
    drawn += [
        Content.styled(f"  line {bad.line:,}: {fmt.safe(bad.reason)}", "$error") for bad in rows.bad
    ]
    if rows.bad_count > len(rows.bad):
        drawn.append(Content.styled(f"  and {rows.bad_count - len(rows.bad):,} more", "$error"))
    return drawn


def duplicates(prepared: Prepared) -> list[Content]:
    """Say how many inputs ran already or stand there twice."""
    parts = []
    known, total = prepared.known_count, len(prepared.rows.points)
    if known and total == 1:
        parts.append("This input ran already, or is under way.")
    elif known:
        parts.append(f"Ran already, or under way: {known:,} of {total:,}.")
    if prepared.repeats:
        parts.append(f"Repeated rows: {prepared.repeats:,}.")
    return [Content.styled(" ".join(parts), "$warning")] if parts else []


def done(shares: Mapping[str, int], submission: Submission) -> str:
    """Tell what was submitted, to where, and what was left out."""
    reused, skipped, bad = len(submission.reused), submission.skipped, submission.bad
    parts = []
    if shares:
        to = ", ".join(
            f"{fmt.safe(name)} {count:,}" if len(shares) > 1 else fmt.safe(name)
            for name, count in shares.items()
        )
        parts.append(f"{fmt.count(sum(shares.values()), 'job')} for {to}")
    if reused:
        verb = "is marked" if reused == 1 else "are marked"
        also = " too" if shares else ""
        parts.append(f"{fmt.count(reused, 'job')} that ran already {verb}{also}")
    elif skipped:
        parts.append(f"{fmt.count(skipped, 'duplicate')} skipped")
    if bad:
        parts.append(f"{fmt.count(bad, 'bad line')} left out")
    return "; ".join(parts)
