"""The two lines at the top: servers and age of the data, then counts and progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.content import Content

from exauq_tui.app import format as fmt
from exauq_tui.app.job_model import JobModel
from exauq_tui.app.pace import Pace, left_text, rate_text
from exauq_tui.app.status_style import SERVER_STYLES, STATUS_STYLES
from exauq_tui.app.widgets.text_lines import TextLines
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.monitor.snapshot import ServerState, ServerView

_SHOWN = (
    JobStatus.COMPLETED,
    JobStatus.RUNNING,
    JobStatus.SUBMITTED,
    JobStatus.PENDING_SUBMIT,
    JobStatus.PENDING_CANCEL,
    JobStatus.FAILED,
    JobStatus.FAILED_SUBMIT,
    JobStatus.FAILED_CANCEL,
    JobStatus.CANCELLED,
)
_BAR = (
    (JobStatus.COMPLETED, JobStatus.COMPLETED),
    (JobStatus.CANCELLED, JobStatus.CANCELLED),
    (JobStatus.FAILED, JobStatus.FAILED),
    (JobStatus.FAILED_SUBMIT, JobStatus.FAILED),
    (JobStatus.FAILED_CANCEL, JobStatus.FAILED),
    (JobStatus.RUNNING, JobStatus.RUNNING),
    (JobStatus.PENDING_CANCEL, JobStatus.PENDING_CANCEL),
)

_LONGEST_BAR, _WIDE_BAR, _NARROW_BAR = 60, 24, 8


class Header(TextLines):
    """Sums up what is known.

    Args:
        model: The jobs and servers.
        clock: Tells the time, for ages.
        pace: Knows how fast jobs end.
        badge: A word that is always to be seen, or "".
        id: The widget's id.
    """

    def __init__(
        self,
        model: JobModel,
        clock: Callable[[], float],
        pace: Pace,
        *,
        badge: str = "",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._model = model
        self._clock = clock
        self._pace = pace
        self._badge = badge

    def draw(self) -> None:
        """Draw what has changed."""
        if self.size:
            self.show(self._text(self.size.width), self.size.height)

    def fit(self, width: int) -> None:
        """Choose what there is room for."""
        self._content = self._text(width)

    def _text(self, width: int) -> Content:
        return Content("\n").join([self._first(width), self._second(width)])

    def _first(self, width: int) -> Content:
        model, now = self._model, self._clock()
        badge = f" {self._badge} " if self._badge else ""
        left = Content.assemble(
            (" exauq ", "bold $background on $accent"),
            (badge, "bold $background on $warning"),
            "  ",
            servers_summary(model, now),
        )
        muted = "$foreground-muted"
        # What stands here, and how soon it goes where there is no room for all.
        right = [
            (3, Content.styled(data_age_text(model, now), muted)),
            (2, Content.styled(next_look_text(model, now), muted)),
            (1, Content.styled(sort_text(model), muted)),
            (5, Content.styled(jobs_text(model), "bold")),
            (4, marks_text(model)),
        ]
        right = [(rank, text) for rank, text in right if text]
        while right:
            end = Content("   ").join([text for _, text in right])
            space = width - left.cell_length - end.cell_length - 1
            if space >= 2:
                return Content.assemble(left, " " * space, end, " ")
            right.remove(min(right, key=lambda part: part[0]))
        return left

    def _second(self, width: int) -> Content:
        counts, total = self._model.counts, self._model.total
        if not total or not self._model.loaded:
            return Content("")
        now = self._clock()
        ended = sum(counts.get(status, 0) for status in TERMINAL_STATUSES)
        percent = f"{100 * ended // total}%"
        rate = rate_text(self._pace.rate(self._model, now))
        left_over = left_text(self._pace.seconds_left(self._model, now))
        # From all of it down to what is never left out.
        for words, tail in (
            (True, [percent, rate, left_over]),
            (False, [percent, rate, left_over]),
            (False, [percent, left_over]),
            (False, [percent]),
        ):
            left = counts_text(counts, words=words)
            end = "  ".join(filter(None, tail))
            room = width - left.cell_length - len(end) - 5
            if room >= (_WIDE_BAR if words else _NARROW_BAR):
                break
        bar = progress_bar(counts, total, max(0, min(room, _LONGEST_BAR)))
        space = " " * max(1, width - left.cell_length - bar.cell_length - len(end) - 4)
        return Content.assemble(" ", left, space, bar, " ", (end, "bold"), " ")


def servers_summary(model: JobModel, now: float) -> Content:
    """How the servers are: one in full, several by state, the worst first."""
    views = list(model.servers.values())
    if len(views) == 1:
        (view,) = views
        return Content.assemble(
            (fmt.safe(view.where or view.name), ""),
            "  ",
            (f"{fmt.SERVER_GLYPHS[view.state]} ", SERVER_STYLES[view.state]),
            (fmt.server_text(view, now), SERVER_STYLES[view.state]),
        )
    states = [view.state for view in views]
    order = [state for state in ServerState if state is not ServerState.UP]
    parts = [
        Content.styled(
            f"{fmt.SERVER_GLYPHS[state]} {states.count(state)} {state.value}",
            SERVER_STYLES[state],
        )
        for state in [*reversed(order), ServerState.UP]
        if state in states
    ]
    return Content("  ").join(parts)


def next_look_text(model: JobModel, now: float) -> str:
    """When a server is looked at next; "live" where all of them tell of changes unasked."""
    due = [view.next_try for view in _live(model) if view.next_try is not None]
    if due:
        return f"next look {fmt.duration(min(due) - now)}"
    states = {view.state for view in _live(model)}
    return "live" if states == {ServerState.UP} else ""


def data_age_text(model: JobModel, now: float) -> str:
    """How old what is shown of the connected servers is at most."""
    seen = [view.last_seen for view in _live(model) if view.last_seen is not None]
    return f"data {fmt.duration(now - min(seen))} old" if seen else ""


def _live(model: JobModel) -> list[ServerView]:
    live = (ServerState.UP, ServerState.STALE)
    return [view for view in model.servers.values() if view.state in live]


def jobs_text(model: JobModel) -> str:
    """How many jobs there are, once that is known."""
    return fmt.count(model.total, "job") if model.loaded else "reading all jobs …"


def marks_text(model: JobModel) -> Content:
    """How many jobs are marked, and how many of these cannot be seen."""
    if not model.marks:
        return Content("")
    hidden = model.hidden_marks()
    text = f"▪ {len(model.marks):,} marked" + (f" ({hidden:,} hidden)" if hidden else "")
    return Content.styled(text, "bold $warning")


def sort_text(model: JobModel) -> str:
    """By what the table is ordered, unless it is the default."""
    if model.sort == "age" and model.descending:
        return ""
    kind, _, position = model.sort.partition(":")
    return f"sort x{int(position) + 1}" if kind == "input" else f"sort {model.sort.upper()}"


def counts_text(counts: Mapping[JobStatus, int], *, words: bool) -> Content:
    """How many jobs there are of each status that occurs.

    Without words, statuses of one glyph are counted together.
    """
    numbers: dict[str, tuple[int, str]] = {}
    for status in _SHOWN:
        number = counts.get(status, 0)
        if number:
            glyph = fmt.STATUS_GLYPHS[status]
            name = f"{glyph} {status.value.lower()}" if words else glyph
            before = numbers.get(name, (0, ""))[0]
            numbers[name] = (before + number, STATUS_STYLES[status])
    parts = []
    for name, (number, style) in numbers.items():
        glyph, _, word = name.partition(" ")
        parts.append(Content.styled(f"{glyph} {number:,} {word}".rstrip(), style))
    return Content("   " if words else "  ").join(parts)


def progress_bar(counts: Mapping[JobStatus, int], total: int, width: int) -> Content:
    """A bar of what has ended, how, and what runs; never empty where something is there."""
    done = 0
    cells = 0
    parts: list[tuple[str, str]] = []
    for status, looks in _BAR:
        done += counts.get(status, 0)
        end = done * width // total
        if end > cells:
            parts.append(("━" * (end - cells), STATUS_STYLES[looks]))
            cells = end
    return Content.assemble(*parts, ("━" * (width - cells), "$border"))
