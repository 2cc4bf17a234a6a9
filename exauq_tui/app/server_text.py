"""What the screen of servers says: a line for each, and everything about one (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textual.content import Content

from exauq_tui.app import format as fmt
from exauq_tui.app.status_style import SERVER_STYLES, STATUS_STYLES
from exauq_tui.config import ServerProfile
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import ServerState, ServerView

_GAP = "  "
_LABEL = 13
_WAITING = (JobStatus.SUBMITTED, JobStatus.PENDING_SUBMIT)
_RUNNING = (JobStatus.RUNNING, JobStatus.PENDING_CANCEL)


@dataclass(frozen=True, slots=True)
class ServerLine:
    """What is known of one server.

    Attributes:
        view: How it stands.
        profile: What the configuration says of it, or None where that is not known.
        counts: How many of its jobs there are of each status.
    """

    view: ServerView
    profile: ServerProfile | None
    counts: Mapping[JobStatus, int]

    def number(self, statuses: Sequence[JobStatus]) -> str:
        """How many jobs have one of some statuses."""
        return f"{sum(self.counts.get(status, 0) for status in statuses):,}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table.

    Attributes:
        title: What stands above it.
        text: What stands in it.
        most: How wide it gets at most.
        rank: The higher, the sooner it is left out where there is no room.
        right: Whether it is aligned to the right.
    """

    title: str
    text: Callable[[ServerLine, float], str]
    most: int
    rank: int
    right: bool = False


def _age(line: ServerLine, now: float) -> str:
    seen = line.view.last_seen
    return fmt.DASH if seen is None else fmt.duration(now - seen)


def _delay(line: ServerLine, _: float) -> str:
    is_up = line.view.state is ServerState.UP and line.view.latency is not None
    return fmt.latency(line.view.latency or 0) if is_up else fmt.DASH


def _state(line: ServerLine, _: float) -> str:
    return f"{fmt.SERVER_GLYPHS[line.view.state]} {line.view.state.value}"


def _file(line: ServerLine, _: float) -> str:
    source = line.profile.source if line.profile else None
    return "built in" if source is None else fmt.safe(str(source))


def limit(profile: ServerProfile | None) -> str:
    """How many jobs run at once, as the profile has it."""
    if profile is None:
        return fmt.DASH
    if profile.max_running is None:
        return "cores"
    return str(profile.max_running) if profile.max_running else "all"


COLUMNS: tuple[Column, ...] = (
    Column("NAME", lambda line, _: fmt.safe(line.view.name), 20, 0),
    Column("STATE", _state, 18, 1),
    Column("WHERE", lambda line, _: fmt.safe(line.view.where), 28, 5),
    Column("KIND", lambda line, _: line.view.kind, 5, 8),
    Column("SEEN", _age, 5, 3, right=True),
    Column("DELAY", _delay, 6, 6, right=True),
    Column("RUN", lambda line, _: line.number(_RUNNING), 7, 2, right=True),
    Column("WAIT", lambda line, _: line.number(_WAITING), 7, 4, right=True),
    Column("MAX", lambda line, _: limit(line.profile), 5, 7, right=True),
    Column("LEVEL", lambda line, _: str(line.view.level), 7, 9, right=True),
    Column("FILE", _file, 60, 10),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns there are, and how wide each is."""

    columns: tuple[tuple[Column, int], ...]

    def head(self) -> Content:
        """The titles of the columns."""
        titles = [fmt.fit(c.title, width, right=c.right) for c, width in self.columns]
        return Content.styled("  " + _GAP.join(titles), "bold $foreground-muted")

    def line(self, line: ServerLine, now: float, *, is_picked: bool) -> Content:
        """One server's line."""
        parts: list[str | tuple[str, str]] = ["  "]
        for column, width in self.columns:
            text = fmt.fit(column.text(line, now), width, right=column.right)
            style = ""
            if column.title == "NAME":
                style = "bold underline" if is_picked else "bold"
            elif column.title == "STATE":
                style = SERVER_STYLES[line.view.state]
            elif column.title in ("FILE", "KIND"):
                style = "$foreground-muted"
            parts += [(text, style), _GAP]
        return Content.assemble(*parts[:-1])


def layout(lines: Sequence[ServerLine], width: int, now: float) -> Layout:
    """Choose the columns for a width: those that matter least are left out first."""
    wanted = [
        (
            column,
            min(
                column.most,
                max([len(column.title), *(len(column.text(line, now)) for line in lines)]),
            ),
        )
        for column in COLUMNS
    ]
    while len(wanted) > 1 and sum(each + len(_GAP) for _, each in wanted) > width:
        wanted.remove(max(wanted, key=lambda pair: pair[0].rank))
    return Layout(tuple(wanted))


def about(line: ServerLine, now: float, width: int, *, is_own: bool) -> Content:
    """Everything that is known of a server, its message in full first.

    Args:
        line: The server.
        now: Seconds since 1970.
        width: How many cells there are on a line.
        is_own: Whether its profile was made in the app, and can be changed there.
    """
    view = line.view
    style = SERVER_STYLES[view.state]
    head = Content.assemble(
        (f"{fmt.SERVER_GLYPHS[view.state]} {fmt.server_text(view, now)}", style)
    )
    blocks = [head]
    if view.message:
        blocks[0] = Content("\n").join([head, Content(fmt.safe_block(view.message))])
    if any(line.counts.values()):
        blocks.append(_counts(line, width))
    blocks.append(_facts(line, width, is_own=is_own))
    return Content("\n\n").join(blocks)


def _counts(line: ServerLine, width: int) -> Content:
    """How many jobs there are of each status, none of them cut in two by the end of a line."""
    parts = [
        Content.styled(
            f"{fmt.STATUS_GLYPHS[status]} {number:,} {status.value.lower()}", STATUS_STYLES[status]
        )
        for status in JobStatus
        if (number := line.counts.get(status, 0))
    ]
    lines = [Content("")]
    for part in parts:
        if lines[-1] and lines[-1].cell_length + 3 + part.cell_length > width:
            lines.append(Content(""))
        lines[-1] = Content("   ").join([lines[-1], part]) if lines[-1] else part
    return Content("\n").join(lines)


def _facts(line: ServerLine, width: int, *, is_own: bool) -> Content:
    view, profile = line.view, line.profile
    facts = [("where", view.where), ("workspace", view.workspace)]
    if profile is not None:
        facts = [
            ("profile", source_text(profile, is_own=is_own)),
            ("where", where_text(profile)),
            ("log-in", login_text(profile)),
            ("simulator", f"{profile.program} {profile.script_path}"),
            ("workspace", view.workspace or profile.workspace_dir or "made beside the script"),
            ("at once", _limit_text(profile)),
            ("inputs", ", ".join(profile.input_names) or "any number, without names"),
            ("level", str(profile.level)),
            ("setup", profile.setup.strip()),
        ]
    return Content("\n").join(_fact(name, text, width) for name, text in facts if text)


def _fact(name: str, text: str, width: int) -> Content:
    """A label, and what belongs to it beside it, on as many lines as it takes."""
    wrapped = [
        part
        for line in fmt.safe_block(text).split("\n")
        for part in Content(line).wrap(max(1, width - _LABEL)) or [Content("")]
    ]
    label = Content.styled(fmt.fit(name, _LABEL), "$foreground-muted")
    return Content("\n" + " " * _LABEL).join([Content.assemble(label, wrapped[0]), *wrapped[1:]])


def source_text(profile: ServerProfile, *, is_own: bool) -> str:
    """In which file a profile stands, and whose that is."""
    if profile.source is None:
        return "built in; offered while the configuration names no server"
    return f"{profile.source}" if is_own else f"{profile.source} (only read)"


def where_text(profile: ServerProfile) -> str:
    """How a server is reached."""
    if profile.kind == "local":
        return "this machine, without SSH"
    user = f"{profile.user}@" if profile.user else ""
    port = f" port {profile.port}" if profile.port is not None else ""
    own = " by the ssh program" if profile.ssh_backend == "openssh" else ""
    return f"{user}{profile.host}{port}{own}"


def login_text(profile: ServerProfile) -> str:
    """How a person proves who they are there."""
    if profile.kind == "local":
        return ""
    if profile.key_filename is not None:
        return f"private key {profile.key_filename}"
    if profile.ssh_config_path is not None:
        return f"as {profile.ssh_config_path} says"
    if profile.use_ssh_agent:
        return "keys of the running SSH agent"
    return "as ssh does it" if profile.ssh_backend == "openssh" else "password, asked for"


def _limit_text(profile: ServerProfile) -> str:
    if profile.max_running is None:
        return "as many jobs as the workspace says, or there are cores"
    if not profile.max_running:
        return "all jobs"
    return fmt.count(profile.max_running, "job")
