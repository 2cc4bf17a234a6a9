"""The list of commands: what a person can ask for, its name and its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["app", "main", "table", "servers", "servers-screen", "log", "doctor", "plot"]
"""Where a command's keys work: anywhere, on the main screen, in one part of it, or elsewhere."""

_VIEWS = "All, active, failed, done jobs"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that a person can ask for.

    Attributes:
        id: The name by which the config's ``[keymap]`` rebinds it.
        keys: The keys it has unless rebound, by Textual's names or as characters.
        label: What the footer and the palette call it.
        tooltip: One sentence about it.
        group: The heading that it stands under in the help.
        scope: Where its keys work.
        footer: Its place in the footer, lowest first; 0 where it is not shown there.
        guarded: True where a confirmation follows, which ``y`` or Enter must not start.
        palette: Whether the command palette offers it.
        pair: What the help says of it together with its neighbours of the same `pair`.
        changes: Whether it changes something on a server or in a profile.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    tooltip: str
    group: str
    scope: Scope = "main"
    footer: int = 0
    guarded: bool = False
    palette: bool = True
    pair: str = ""
    changes: bool = False

    @property
    def action(self) -> str:
        """The name of the action method behind it."""
        name = self.id.replace("-", "_")
        return f"app.{name}" if self.scope == "app" else name


def _move(id_: str, keys: str, label: str, tooltip: str, pair: str) -> Command:
    return Command(
        id_, tuple(keys.split()), label, tooltip, "Move", "table", palette=False, pair=pair
    )


COMMANDS: tuple[Command, ...] = (
    _move("cursor-down", "j down", "Down", "Go one job down.", "One job down, up"),
    _move("cursor-up", "k up", "Up", "Go one job up.", "One job down, up"),
    _move("cursor-top", "g home", "First", "Go to the first job.", "First job, last job"),
    _move("cursor-bottom", "G end", "Last", "Go to the last job.", "First job, last job"),
    _move("page-down", "pagedown", "Page down", "Go one page down.", "One page down, up"),
    _move("page-up", "pageup", "Page up", "Go one page up.", "One page down, up"),
    Command("open", ("enter",), "Open", "Show the job's details.", "Move", "table", palette=False),
    Command("back", ("escape",), "Back", "Go back; clear the filter.", "Move",
            palette=False),
    Command("next-pane", ("tab",), "Next pane", "Go to the next pane.", "Move", palette=False,
            pair="Next pane, pane before"),
    Command("previous-pane", ("shift+tab",), "Previous pane", "Go to the pane before.", "Move",
            palette=False, pair="Next pane, pane before"),
    Command("next-tab", ("]",), "Next tab", "Show the next tab of the details.", "Move",
            pair="Next tab, tab before"),
    Command("previous-tab", ("[",), "Previous tab", "Show the tab before.", "Move",
            pair="Next tab, tab before"),
    Command("view-all", ("1",), "All jobs", "Show every job.", "View", pair=_VIEWS),
    Command("view-active", ("2",), "Active jobs", "Show jobs that wait or run.", "View",
            pair=_VIEWS),
    Command("view-failed", ("3",), "Failed jobs", "Show jobs that failed.", "View", pair=_VIEWS),
    Command("view-done", ("4",), "Done jobs", "Show completed and cancelled jobs.", "View",
            pair=_VIEWS),
    Command("filter", ("/",), "Filter",
            "Words, or terms as status:failed x1>2.", "View", footer=6),
    Command("sort", ("S",), "Sort", "Choose the order from a menu.", "View"),
    Command("sort-left", ("<",), "Sort left", "Sort by the column to the left.", "View",
            pair="Sort by the column to the left, right"),
    Command("sort-right", (">",), "Sort right", "Sort by the column to the right.", "View",
            pair="Sort by the column to the left, right"),
    Command("sort-invert", ("I",), "Invert", "Turn the order round.", "View"),
    Command("columns", ("C",), "Columns", "Choose columns and their order.", "View"),
    Command("fold-tries", ("t",), "Tries", "Show and count tries as one, or each.", "View"),
    Command("mark", ("space",), "Mark", "Mark or unmark this job.", "Mark", "table", footer=7),
    Command("mark-range", ("v",), "Mark range", "Mark a range: at both its ends.",
            "Mark", "table"),
    Command("mark-all", ("a",), "Mark all", "Mark all that are shown, or none.", "Mark",
            "table"),
    Command("submit", ("s",), "Submit", "Submit jobs: a form, a CSV file, pasted rows.",
            "Marked jobs, or this one", footer=1, changes=True),
    Command("cancel", ("c",), "Cancel", "Cancel.", "Marked jobs, or this one", footer=2,
            guarded=True, changes=True),
    Command("resubmit", ("R",), "Resubmit", "Submit failed or cancelled jobs again.",
            "Marked jobs, or this one", footer=3, guarded=True, changes=True),
    Command("output", ("o",), "Output", "Fetch the output.", "Marked jobs, or this one",
            footer=4),
    Command("log", ("l",), "Log", "Read this job's log, as it is printed.",
            "Marked jobs, or this one", footer=5),
    Command("copy", ("y",), "Copy", "Copy the id, input, output or path.",
            "Marked jobs, or this one"),
    Command("export", ("e",), "Export", "Write marked or shown jobs to a file.",
            "Marked jobs, or this one"),
    Command("plot", ("P",), "Plot", "Plot outputs, or run times.", "View"),
    Command("delete-jobs", ("D",), "Delete", "Delete job directories on the server.",
            "Marked jobs, or this one", footer=8, guarded=True, changes=True),
    Command("delete-workspace", ("W",), "Delete workspace", "Delete a server's whole workspace.",
            "Servers", guarded=True, changes=True),
    Command("servers", ("w",), "Servers", "Show all servers, and change them.",
            "Servers", footer=12),
    Command("look-now", ("r",), "Look now", "Look, or try to connect, at once.", "Servers",
            footer=11),
    Command("doctor", ("d",), "Doctor", "Examine a server step by step.", "Servers"),
    Command("pick-server", ("enter", "space"), "Only this server",
            "Only this server's jobs, or all again.", "Servers", "servers", footer=1,
            palette=False),
    Command("server-jobs", ("enter",), "Its jobs", "Go to its jobs.",
            "Screen of servers", "servers-screen", footer=1, palette=False),
    Command("server-add", ("n",), "Add", "Add a server.", "Screen of servers", "servers-screen",
            footer=2, changes=True),
    Command("server-edit", ("e",), "Edit", "Change its profile.", "Screen of servers",
            "servers-screen", footer=3, changes=True),
    Command("server-test", ("t",), "Test", "Examine it step by step.",
            "Screen of servers", "servers-screen", footer=4, palette=False),
    Command("server-connect", ("c",), "Connect", "Connect to it again.",
            "Screen of servers", "servers-screen", footer=5),
    Command("server-disconnect", ("x",), "Disconnect", "Drop the connection; jobs go on.",
            "Screen of servers", "servers-screen", footer=6),
    Command("server-retry", ("r",), "Try now", "Try again at once.",
            "Screen of servers", "servers-screen", footer=8, palette=False),
    Command("server-delete", ("D",), "Delete", "Delete its profile; jobs stay.",
            "Screen of servers", "servers-screen", footer=7, guarded=True, changes=True),
    Command("log-follow", ("f",), "Follow", "Follow the log's end, or stop.", "Log", "log",
            footer=1),
    Command("log-wrap", ("w",), "Wrap", "Wrap long lines, or cut them.", "Log", "log", footer=2),
    Command("log-top", ("g", "home"), "Start", "Go to the log's first line.", "Log", "log",
            palette=False),
    Command("log-end", ("G", "end"), "End", "Go to the end and follow it.", "Log", "log",
            footer=3, palette=False),
    Command("log-search", ("/",), "Search", "Search for a text in the whole log.", "Log", "log",
            footer=4, palette=False),
    Command("log-next", ("n",), "Next match", "Go to the next match.", "Log", "log",
            palette=False, pair="Next match, match before"),
    Command("log-previous", ("N",), "Match before", "Go to the match before.", "Log", "log",
            palette=False, pair="Next match, match before"),
    Command("log-pager", ("E",), "Pager", "Open the log in your pager.", "Log", "log",
            footer=5, palette=False),
    Command("doctor-again", ("r",), "Again", "Examine the server again.", "Doctor", "doctor",
            footer=1),
    Command("doctor-report", ("e", "E"), "Report", "Write a report for whoever helps you.",
            "Doctor", "doctor", footer=2),
    Command("plot-input", ("x",), "Next input", "Plot against the next input.", "Plot", "plot",
            footer=1, pair="Next input, input before"),
    Command("plot-input-before", ("X",), "Input before", "Plot against the input before.", "Plot",
            "plot", pair="Next input, input before"),
    Command("plot-times", ("t",), "Run times", "Plot run times, or outputs again.", "Plot",
            "plot", footer=2),
    Command("plot-colour", ("C",), "Colours", "Colour by status, level or server.", "Plot",
            "plot", footer=3),
    Command("plot-again", ("r",), "Again", "Plot the jobs as they are now.", "Plot", "plot",
            footer=4),
    Command("notices", ("b",), "Notices", "Notices with bell, without, or none.", "Dashboard"),
    Command("palette", (":", "ctrl+p"), "Commands", "Find a command by its name.", "Dashboard",
            "app", footer=9, palette=False),
    Command("help", ("?", "f1"), "Help", "List the keys.", "Dashboard", "app", footer=10),
    Command("quit", ("q",), "Quit", "Go back, or leave the dashboard.", "Dashboard", "app",
            footer=13),
)  # fmt: skip
