"""Draws the pictures of the dashboard in screenshots/, from the running app.

Each scene becomes an SVG file; those that the README shows become PNG files as well, where
Chromium and the font Fira Code are installed (`make screenshots` sees to that). The clock stands
still and servers and jobs are invented, so that the same code draws the same pictures.

Usage: python scripts/make_screenshots.py [SCENE ...]
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DIRECTORY = REPOSITORY / "screenshots"

# Textual reads these once, when it is imported below.
for _name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TEXTUAL_THEME", "TEXTUAL_FILTERS"):
    os.environ.pop(_name, None)
os.environ |= {"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_COLOR_SYSTEM": "truecolor", "TZ": "UTC"}
time.tzset()
sys.path.insert(0, str(REPOSITORY))  # for the tests' fleet in memory

# ruff: noqa: E402 - the lines above have to come first
from pictures import find_browser, without_remote_fonts, write_png
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from exauq_tui.app.app import ExauqApp
from exauq_tui.config import Config, ServerProfile
from exauq_tui.demo import simulator
from exauq_tui.demo.playground import sample_inputs
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import JobRow, ServerState, ServerView
from tests.app.fake_fleet import NOW, FakeFleet, job, server

BATCH_AGE = 90.0
"""Seconds since the invented jobs were submitted."""

SLOWER = 8.0
"""How much slower than the demo these jobs run, so that some have not ended yet."""

CONFIG = Path("/home/alice/.config/exauq-tui")
"""Where nothing is: files there are only named."""

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture.

    Attributes:
        name: The file's name, without its ending.
        fleet: Makes the servers and jobs to show.
        ready: A text that the screen shows once it is as it should be.
        keys: What is pressed before the picture is taken.
        paste: What is pasted after that.
        size: Columns and lines of the terminal.
        png: Whether the README shows it.
    """

    name: str
    fleet: Callable[[], FakeFleet]
    ready: str
    keys: Keys = ()
    paste: str = ""
    size: tuple[int, int] = (120, 36)
    png: bool = False


def typed(text: str) -> Keys:
    """The keys that type a text."""
    return tuple(text)


def a_batch(hpc1_seen: float = NOW) -> FakeFleet:
    """Two servers in the middle of a design of 60 points, some of which fail.

    Args:
        hpc1_seen: When the first of them answered last.
    """
    rows = []
    for key, point in enumerate(sample_inputs(60), start=1):
        name = "lab" if key % 4 == 0 else "hpc1"
        rows.append(_row(key, name, point, hpc1_seen if name == "hpc1" else NOW))
    rows[11] = replace(rows[11], status=JobStatus.CANCELLED, output=None, exit_code=None)
    fleet = FakeFleet(rows, _servers())
    for row in rows:
        fleet.logs[row.key] = _log(row).encode()
    return fleet


def a_lost_server() -> FakeFleet:
    """The same, with one server that stopped answering, and two jobs submitted since then."""
    fleet = a_batch(hpc1_seen=NOW - 52)
    fleet.views["hpc1"] = replace(
        fleet.views["hpc1"],
        state=ServerState.LOST,
        message="no answer for 30 s",
        latency=None,
        last_seen=NOW - 52,
        next_try=NOW + 4,
    )
    for key, point in enumerate(sample_inputs(2, seed=3), start=61):
        fleet.jobs[key] = job(
            key,
            JobStatus.PENDING_SUBMIT,
            inputs=tuple(point),
            batch="two-more.csv",
            created=NOW - 15,
            workspace_known=False,
        )
    return fleet


def a_study() -> FakeFleet:
    """A design of 400 points, nearly all of which have ended long ago."""
    rows = [
        _row(key, "lab" if key % 4 == 0 else "hpc1", point, NOW, age=BATCH_AGE * 20)
        for key, point in enumerate(sample_inputs(400), start=1)
    ]
    return FakeFleet(rows, _servers())


def some_rows() -> str:
    """Two dozen rows to paste, three of which ran already."""
    points = [*sample_inputs(60)[:3], *sample_inputs(21, seed=5)]
    lines = [",".join(f"{value!r}" for value in point) for point in points]
    return "\n".join(["x1,x2,x3", *lines])


def _servers() -> tuple[ServerView, ...]:
    return (
        server("hpc1", workspace="/home/alice/ishigami/jobs"),
        server("lab", latency=0.004, workspace="/scratch/alice/jobs"),
    )


def _profiles() -> tuple[ServerProfile, ...]:
    """What the configuration says of these servers: one by hand, one by the dashboard."""
    names = ("x1", "x2", "x3")
    hpc1 = ServerProfile(
        "hpc1", "unix", "python3 -u", "ishigami/ishigami.py", user="alice", host="hpc1",
        key_filename="/home/alice/.ssh/id_ed25519", workspace_dir="ishigami/jobs",
        max_running=16, input_names=names, setup="module load python/3.11\n",
        source=CONFIG / "config.toml",
    )  # fmt: skip
    lab = ServerProfile(
        "lab", "unix", "python3", "/scratch/alice/ishigami.py", user="alice", host="lab",
        use_ssh_agent=True, workspace_dir="/scratch/alice/jobs", input_names=names,
        source=CONFIG / "profiles.d" / "lab.toml",
    )  # fmt: skip
    return hpc1, lab


def _row(
    key: int, name: str, point: Sequence[float], seen: float, age: float = BATCH_AGE
) -> JobRow:
    """A job of the sample simulator on a server, at the point that it had reached when seen."""
    x1, x2, x3 = point
    created = NOW - age
    fails_at = simulator.failing_step(x1, x2, x3)
    done = (fails_at or simulator.STEPS) / simulator.STEPS
    finished = created + 1 + SLOWER * simulator.run_seconds(x1, x2, x3) * done
    status = JobStatus.COMPLETED if fails_at is None else JobStatus.FAILED
    if finished > seen:
        status = JobStatus.RUNNING
    row = job(key, status)
    workspace = "/home/alice/ishigami/jobs" if name == "hpc1" else "/scratch/alice/jobs"
    return replace(
        row,
        server=name,
        batch="ishigami-60.csv",
        inputs=(x1, x2, x3),
        created=created,
        submitted=created + 0.3,
        started=created + 1,
        finished=finished if row.is_terminal else None,
        last_seen=seen,
        output=simulator.ishigami(x1, x2, x3) if status is JobStatus.COMPLETED else None,
        workspace=workspace,
    )


def _log(row: JobRow) -> str:
    """What the sample simulator has printed by now for the inputs of a job."""
    assert row.started is not None
    x1, x2, x3 = map(float, row.inputs)
    whole = SLOWER * simulator.run_seconds(x1, x2, x3)
    fails_at = simulator.failing_step(x1, x2, x3)
    last = round(((row.finished or NOW) - row.started) / whole * simulator.STEPS)
    lines = [
        f"x1 = {x1!r}, x2 = {x2!r}, x3 = {x3!r}",
        f"solving in {simulator.STEPS} steps, about {whole:.1f} s",
    ]
    residual = 1.0
    for step in range(1, last + 1):
        residual *= simulator.residual_factor(step, fails_at)
        lines.append(simulator.progress_line(step, residual))
    if row.status is JobStatus.FAILED:
        lines.append(
            f"SolverDivergedError: solver diverged at step {last}: residual {residual:.3e}"
        )
    elif row.output is not None:
        lines.append(f"done, y = {row.output!r}")
    return "\n".join(lines) + "\n"


SCENES = (
    Scene("main", a_batch, "residual", ("j", "j", "j", "]", "]"), png=True),
    Scene("narrow", a_batch, "Completed", size=(80, 24)),
    Scene("lost", a_lost_server, "LOST", png=True),
    Scene("submit", a_batch, "Ran already", ("s",), paste=some_rows()),
    Scene("cancel", a_batch, "Cancel", ("2", "a", "c")),
    Scene("log", a_batch, "diverged", ("3", "l"), png=True),
    Scene("plot", a_study, "against x2", ("P", "x"), png=True),
    Scene("servers", a_lost_server, "no answer", ("w", "g")),
    Scene("filter", a_batch, "x1", ("/", *typed("status:failed x1>0"), "enter")),
    Scene("help", a_batch, "Keys", ("question_mark",)),
)


async def draw(scene: Scene) -> str:
    """Run the app for one scene and return its picture as SVG.

    Raises:
        RuntimeError: The screen did not come to show what it should.
    """
    app = ExauqApp(
        scene.fleet(),
        Config(servers=_profiles()),
        clock=lambda: NOW,
        config_text="~/.config/exauq-tui/config.toml",
        profiles_dir=CONFIG / "profiles.d",
    )
    async with app.run_test(size=scene.size, notifications=True) as pilot:
        await settle(pilot)
        for key in scene.keys:
            await pilot.press(key)
            await settle(pilot)
        if scene.paste:
            app.post_message(events.Paste(scene.paste))
        deadline = time.monotonic() + 20
        while scene.ready not in app.export_screenshot().replace("&#160;", " "):
            if time.monotonic() > deadline:
                raise RuntimeError(f"scene {scene.name}: the screen never shows {scene.ready!r}")
            await pilot.pause(0.05)
        await settle(pilot)
        return without_remote_fonts(app.export_screenshot(title="exauq-tui"))


async def settle(pilot: Pilot[int]) -> None:
    """Wait until two pictures in a row are the same, with no cursor blinking in them."""
    before = ""
    for _ in range(100):
        for screen in pilot.app.screen_stack:
            for field in screen.query(Input):
                field.cursor_blink = False
        # Longer than the rest after which the screen asks for a job's log.
        await pilot.pause(0.2)
        now = pilot.app.export_screenshot()
        if now == before:
            return
        before = now


def main(names: list[str]) -> int:
    """Draw the scenes that were named, or all, and return an exit code."""
    unknown = set(names) - {scene.name for scene in SCENES}
    if unknown:
        print(f"no such scene: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    DIRECTORY.mkdir(exist_ok=True)
    browser = find_browser()
    for scene in SCENES:
        if names and scene.name not in names:
            continue
        svg = asyncio.run(draw(scene))
        target = DIRECTORY / f"{scene.name}.svg"
        target.write_text(svg, encoding="utf-8")
        print(target.relative_to(REPOSITORY))
        if scene.png and browser is not None:
            write_png(svg, target.with_suffix(".png"), browser)
            print(target.with_suffix(".png").relative_to(REPOSITORY))
    if browser is None:
        print("no PNG files: Chromium is not installed", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
