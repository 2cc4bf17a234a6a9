"""What the main screen says around the table of jobs (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from exauq_tui.app import format as fmt
from exauq_tui.app.commands import CommandTable, command_by_id
from exauq_tui.app.job_model import JobModel
from exauq_tui.app.job_views import View
from exauq_tui.app.widgets.titles import tab_titles


def views(model: JobModel) -> Content:
    """The quick views with their numbers of jobs, as soon as they are known, as tabs."""
    return tab_titles(
        (
            f"{position} {view.value}" + (f" {model.view_count(view):,}" if model.loaded else ""),
            f"screen.view_{view.value}",
            view is model.view,
        )
        for position, view in enumerate(View, start=1)
    )


def selection(model: JobModel) -> Content:
    """What narrows the table, and where the cursor is in it."""
    parts = []
    if model.query:
        parts.append(f"/{fmt.safe(model.query.text.strip())}")
    if model.server is not None:
        parts.append(f"only {fmt.safe(model.server)}")
    if model.folded:
        tries = "try" if model.folded == 1 else "tries"
        parts.append(f"{model.folded:,} earlier {tries} folded")
    if model.anchor is not None:
        parts.append("range begun")
    if len(model) and not model.loaded:
        parts.append(f"{model.cursor_index + 1:,} of …")
    elif len(model):
        parts.append(f"{model.cursor_index + 1:,} of {len(model):,}")
    return Content.styled("  ".join(parts), "$foreground-muted")


def banner(problems: Sequence[str], help_key: str) -> Content:
    """The first problem of the configuration, and where the others are."""
    more = f"{len(problems) - 1} more, " if len(problems) > 1 else ""
    listed = f"  (and {more}{help_key} lists)" if more else f"  ({help_key} lists)"
    return Content.assemble(("▲ ", "bold"), fmt.safe(problems[0]), listed)


def empty_table(
    model: JobModel, commands: CommandTable, config_text: str
) -> tuple[tuple[str, str], ...]:
    """What stands in a table without rows: lines of text and the component that styles each."""
    key = commands.first_key
    strong, plain = "table--empty-strong", "table--empty"
    if not model.loaded:
        return (("Reading what was last known …", plain),)
    if model.total:
        back = key("back") if model.is_filtered else key("view-all")
        return (("No job matches", strong), (f"{back} shows all", plain))
    submits = (f"{key('submit')} submits the first: a form, a file or pasted rows", plain)
    return (
        ("No jobs yet", strong),
        ("", plain),
        *((submits,) if commands.is_offered(command_by_id("submit")) else ()),
        (f"{key('help')} lists all keys", plain),
        ("", plain),
        ("Servers are described in", plain),
        (fmt.safe(config_text), plain),
    )
