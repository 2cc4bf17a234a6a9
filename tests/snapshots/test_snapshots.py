"""Pictures of the states that people meet, at two sizes.

``pytest tests/snapshots --snapshot-update`` takes them anew; look at each before it is kept.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Select

from exauq_tui.config import Config, ServerProfile
from exauq_tui.hardware.connection.host_keys import KnownKey, Trust, Verdict, refusal
from exauq_tui.hardware.diagnosis import Check, Finding, Result
from exauq_tui.hardware.interface import HostKey
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.snapshot import Event, ServerState
from exauq_tui.monitor.verbs import Destination
from tests.app.fake_fleet import NOW, FakeFleet, job, server, some_jobs
from tests.app.harness import Dashboard, until
from tests.app.test_doctor import FINDINGS
from tests.snapshots.scrub import pytest_sessionfinish

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the pictures to compare with are of Python 3.11"
)

SIZES = [(120, 36), (80, 24)]
Compare = Callable[..., bool]

LOG = b"".join(
    b"\x1b[32miteration %3d\x1b[0m  residual %.3e\n" % (number, 2.0 ** -(number / 4))
    for number in range(60)
)
TRACEBACK = b"""Traceback (most recent call last):
  File "simulate.py", line 41, in <module>
    solve(mesh)
ValueError: [red]mesh has a hole[/red] at \xff\x00
"""


GOOD = {
    Check.PROFILE: "[servers.hpc1] in ~/.config/exauq-tui/config.toml",
    Check.LOOKUP: "hpc1.example.org is 192.0.2.17",
    Check.TCP: "192.0.2.17 port 22 answers",
    Check.SSH: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7",
    Check.HOST_KEY: "ssh-ed25519 SHA256:9pGxN0Yk1nC3lqU8oJ8Zq3yq0g2h1j5Jb0m3yF3o1aE, known from "
    "~/.ssh/known_hosts:12",
    Check.AUTHENTICATION: "alice is let in by key file ~/.ssh/id_ed25519 (ssh-ed25519)",
    Check.SERVER: "Bash 5.2.15(1)-release on hpc1",
}


def busy() -> FakeFleet:
    fleet = FakeFleet(some_jobs())
    fleet.logs = {19: LOG + TRACEBACK, 28: LOG}
    fleet.jobs[19] = replace(fleet.jobs[19], note="end not witnessed (reboot)", try_number=2)
    return fleet


def design() -> FakeFleet:
    """Two hundred jobs of a smooth simulator with two levels, which fails in one corner."""
    rows = []
    for key in range(1, 201):
        x1, x2 = (key * 0.618034) % 1, (key * 0.754878) % 1
        is_bad = x1 > 0.8 and x2 > 0.4
        row = job(key, JobStatus.FAILED if is_bad else JobStatus.COMPLETED)
        assert row.started is not None
        changes: dict[str, Any] = {
            "inputs": (x1, x2, 3),
            "level": 1 + key % 2,
            "finished": row.started + 20 + 400 * x2**3 + 30 * x1,
        }
        if not is_bad:
            changes["output"] = math.sin(6 * x1) * 7 + x2 + 3 * (key % 2)
        rows.append(replace(row, **changes))
    rows += [job(key) for key in range(201, 206)]
    return FakeFleet(rows)


def tried_again() -> FakeFleet:
    """After a job failed, failed again, and wrote something else than a number."""
    first = job(
        1, JobStatus.FAILED, exit_code=137, note="end not witnessed (reboot)", output_read=None
    )
    second = job(2, JobStatus.FAILED, try_of=first.job_id, try_number=2)
    third = job(
        3, JobStatus.COMPLETED, try_of=second.job_id, try_number=3, output=None,
        output_read=NOW - 75,
        output_error='the output of job 3 is not one floating-point number: it holds "[mean] 14.8"',
    )  # fmt: skip
    fleet = FakeFleet([first, second, third])
    fleet.logs = {3: LOG}
    fleet.texts = {3: "[mean] 14.8812\n[variance] 0.4113\n\x1b[31m3 outliers\x1b[0m\n"}
    fleet.histories = {
        3: (
            Event(NOW - 3570, "Set up to try 20261113090000002 again"),
            Event(NOW - 3569, "Submitted"),
            Event(NOW - 3568, "Running"),
            Event(NOW - 3316, "Completed, exit code 0"),
        )
    }
    fleet.server_histories = {
        "hpc1": (
            Event(NOW - 90_000, f"Host key {FINGERPRINT} (ssh-ed25519) of hpc1 accepted"),
            Event(NOW - 89_999, "Connected"),
            Event(NOW - 5400, "STALE: no answer for more than 5 s"),
            Event(NOW - 5375, "LOST: nothing was heard from it for 30 s"),
            Event(NOW - 5200, "Connected"),
        )
    }
    return fleet


def several() -> FakeFleet:
    views = [
        server(),
        server(
            "slurm", state=ServerState.LOST, last_seen=NOW - 95, next_try=NOW + 12,
            message="no route to host",
        ),
        server("lab", state=ServerState.AUTH_NEEDED, message="the server refused every key"),
    ]  # fmt: skip
    where = {25: "slurm", 26: "slurm", 31: "slurm", 5: "slurm", 7: "lab"}
    jobs = [replace(row, server=where.get(row.key, row.server)) for row in some_jobs()]
    return FakeFleet(jobs, views)


def tried() -> FakeFleet:
    """After failed jobs were tried again, one of them twice."""
    first, second = job(3, JobStatus.FAILED), job(11, JobStatus.FAILED)
    again = replace(second, inputs=first.inputs, try_of=first.job_id, try_number=2)
    last = replace(
        job(39, JobStatus.RUNNING), inputs=first.inputs, try_of=again.job_id, try_number=3
    )
    others = [row for row in some_jobs() if row.key not in (first.key, again.key)]
    return FakeFleet([first, again, last, *others])


def examined() -> FakeFleet:
    fleet = FakeFleet(some_jobs())
    fleet.findings = (
        *(Finding(check, Result.OK, words) for check, words in GOOD.items()),
        *FINDINGS[1:],
    )
    return fleet


def ruined() -> FakeFleet:
    """After somebody removed directories, killed recorders, and cancelled in vain."""
    partial = "end not witnessed, output may be partial"
    survives = "still running: process 4711 4712"
    lost = "whether something of it still runs cannot be found out from here"
    cancelled = JobStatus.FAILED_CANCEL
    return FakeFleet(
        [
            job(1, JobStatus.COMPLETED, exit_code=None, note=partial),
            job(2, JobStatus.COMPLETED, note=GONE),
            job(3, JobStatus.RUNNING, note="on login-2"),
            job(4, JobStatus.RUNNING, note="recorder gone"),
            job(5, JobStatus.SUBMITTED, note=GONE),
            job(6, JobStatus.RUNNING, note=GONE),
            job(7, cancelled, error=survives),
            job(
                8,
                cancelled,
                error=f"its directory is gone from the server: {lost}",
                note=GONE,
                last_seen=NOW - 7500,
            ),
        ]
    )


ROWS = "x1,x2,x3\r0.26,-1.5,1\r0.5,1e-9,12345678\r0.5,1e-9,12345678\r1,2\r0.1,0.2,0.3\r0.1,x,0.3"


def paste_rows(app: Dashboard) -> None:
    app.call_from_thread(app.post_message, events.Paste(ROWS))


def paste_for_a_level(app: Dashboard) -> None:
    rows = "\r".join(f"{n / 100},{-n},{n * n}" for n in range(400))
    app.call_from_thread(app.post_message, events.Paste(rows))

    def choose() -> None:
        app.screen.query_one("#server", Select).value = Destination("", 1)

    app.call_from_thread(choose)


def sending() -> FakeFleet:
    """In the middle of a large batch for two servers, one of which is lost."""
    fleet = several()
    pending = JobStatus.PENDING_SUBMIT
    for key in range(100, 1300):
        name = "hpc1" if key % 3 else "slurm"
        fleet.jobs[key] = job(key, pending, server=name, created=NOW - 3, batch="sweep.csv")
    start = fleet.start

    def some_are_sent() -> None:
        start()
        rows = [row for row in fleet.jobs.values() if row.key >= 100 and row.server == "hpc1"]
        fleet.change(*(replace(row, status=JobStatus.SUBMITTED) for row in rows[:500]))

    fleet.start = some_are_sent  # type: ignore[method-assign]
    return fleet


def two_up() -> FakeFleet:
    jobs = [replace(row, server="lab") if row.key % 3 else row for row in some_jobs()]
    return FakeFleet(jobs, [server(), server("lab")])


def ask_password(app: Dashboard) -> None:
    app.prompter.ask_secret("hpc1", "alice@hpc1.example.org's password:")


def ask_passphrase(app: Dashboard) -> None:
    app.prompter.ask_secret(
        "hpc1",
        "That passphrase does not open it. Passphrase for key /home/alice/.ssh/id_ed25519: ",
    )


def ask_code(app: Dashboard) -> None:
    app.prompter.ask_secret(
        "hpc1",
        "alice@hpc1.example.org: Two-factor sign-in Enter a code of your app, or 1 for a push to "
        "+XX XX XX12 Verification code: ",
    )


FINGERPRINT = "SHA256:9pGxN0Yk1nC3lqU8oJ8Zq3yq0g2h1j5Jb0m3yF3o1aE"
NOTE = (
    "A certificate authority is known for this host (/home/alice/.ssh/known_hosts:12), but it does "
    "not vouch for this key: its certificate expired on 2026-11-01 00:00 UTC."
)


def ask_host_key(app: Dashboard) -> None:
    app.prompter.accept_host_key("hpc1", HostKey("hpc1.example.org", "ssh-ed25519", FINGERPRINT))


def ask_host_key_with_note(app: Dashboard) -> None:
    app.prompter.accept_host_key(
        "hpc1", HostKey("hpc1.example.org", "ssh-ed25519", FINGERPRINT, NOTE)
    )


def host_key_changed() -> FakeFleet:
    key = b"\0\0\0\x0bssh-ed25519"
    line = KnownKey("/home/alice/.ssh/known_hosts", 12, "hpc1", "ssh-ed25519", key + b"old", False)
    error = refusal(("hpc1",), "ssh-ed25519", key + b"new", Verdict(Trust.CHANGED, (line,)))
    view = server(state=ServerState.HOST_KEY_CHANGED, message=str(error), next_try=None)
    return FakeFleet(some_jobs(), [view])


def themed(name: str) -> Config:
    return Config(app=replace(Config().app, theme=name))


@dataclass(frozen=True)
class Scene:
    """A state to take a picture of.

    Attributes:
        keys: Lead to it; those in `then` are pressed once `first` is shown.
        shows: Stands there in the end.
    """

    fleet: Callable[[], FakeFleet] = busy
    keys: tuple[str, ...] = ()
    first: str = ""
    then: tuple[str, ...] = ()
    shows: str = "STATUS"
    asks: Callable[[Dashboard], None] | None = None
    config: Config = field(default_factory=Config)
    environ: dict[str, str] = field(default_factory=dict)


PROFILE = ServerProfile("hpc1", "unix", "python3", "m.py", user="alice", host="hpc1.example.org")
PROBLEM = 'config.toml: [servers.hpc1] has no key "hots"; did you mean "host"?'

HOME = Path("/home/alice/.config/exauq-tui")
"""Where nothing is: these files are only named."""

PROFILES = Config(
    servers=(
        ServerProfile(
            "hpc1", "unix", "python3 -u", "~/simulators/ishigami.py", user="alice", host="hpc1",
            key_filename="/home/alice/.ssh/id_ed25519", input_names=("x1", "x2", "x3"),
            max_running=16, setup="module load python/3.11\nexport OMP_NUM_THREADS=4\n",
            source=HOME / "profiles.d" / "hpc1.toml",
        ),
        ServerProfile(
            "slurm", "unix", "python3", "model.py", user="alice", host="slurm",
            use_ssh_agent=True, source=HOME / "config.toml",
        ),
    )
)  # fmt: skip

SCENES = {
    "empty": Scene(FakeFleet, shows="No jobs yet"),
    "problems": Scene(FakeFleet, config=Config(problems=(PROBLEM, "two")), shows='key "hots"'),
    "busy": Scene(keys=("j", "j", "space", "j")),
    "failed": Scene(keys=("3", "j", "j", "enter"), shows="end not witnessed"),
    "ruined": Scene(ruined, shows="Submitted?"),
    "log": Scene(keys=("3", "j", "j", "l"), shows="mesh has a hole"),
    "log-search": Scene(
        keys=("3", "j", "j", "l"), first="mesh has a hole",
        then=("slash", *"residual 7", "enter", "N", "w"), shows="3 of 4 lines",
    ),
    "log-tab": Scene(
        keys=("3", "j", "j", "]", "]", "enter"), first="mesh has a hole",
        then=("slash", *"mesh", "enter"), shows="1 of 2 lines",
    ),
    "log-none": Scene(keys=("3", "j", "l"), shows="never got to the server"),
    "details": Scene(tried_again, keys=("enter",), shows="#2 ✗"),
    "output": Scene(tried_again, keys=("enter", "]"), shows="3 outliers"),
    "history": Scene(tried_again, keys=("enter", "["), shows="This job"),
    "doctor": Scene(examined, keys=("d",), shows="1 warning"),
    "submit": Scene(keys=("s", *"0.5", "tab", *"abc"), shows="is not a number"),
    "submit-bad": Scene(keys=("s",), asks=paste_rows, shows="cannot be read"),
    "submit-level": Scene(two_up, keys=("s",), asks=paste_for_a_level, shows="400 jobs  to hpc1"),
    "resubmit": Scene(keys=("3", "j", "R"), shows="Resubmit which?"),
    "sending": Scene(sending, shows="hpc1 500 of 802"),
    "confirm": Scene(several, keys=("2", "a", "c"), shows="No, leave it"),
    "delete": Scene(keys=("4", "a", "D"), shows="Type the number of jobs"),
    "copy": Scene(keys=("4", "y"), shows="Copy of job", config=Config(servers=(PROFILE,))),
    "copy-many": Scene(keys=("2", "a", "y"), shows="Copy of 14 jobs"),
    "export": Scene(keys=("4", "a", "3", "space", "e"), shows="CSV with headings"),
    "plot": Scene(design, keys=("P",), shows="n ="),
    "plot-level": Scene(design, keys=("P", "x", "C"), shows="by level"),
    "plot-times": Scene(design, keys=("P", "t"), shows="run time in"),
    "plot-empty": Scene(FakeFleet, keys=("P",), shows="No job here"),
    "host-key": Scene(asks=ask_host_key, shows="SHA256:"),
    "host-key-note": Scene(asks=ask_host_key_with_note, shows="SHA256:"),
    "host-key-changed": Scene(host_key_changed, shows="not the host key that is known"),
    "password": Scene(asks=ask_password, shows="password:"),
    "passphrase": Scene(asks=ask_passphrase, shows="id_ed25519"),
    "code": Scene(asks=ask_code, shows="Verification"),
    "help": Scene(keys=("?",), shows="Keys"),
    "help-log": Scene(keys=("l", "?"), shows="Keys"),
    "lost": Scene(several, keys=("2", "tab"), shows="LOST 1m35"),
    "read-only": Scene(config=Config(app=replace(Config().app, read_only=True))),
    "servers": Scene(several, keys=("w", "j"), shows="no route to host", config=PROFILES),
    "server-form": Scene(several, keys=("w", "n", *"lab 2", "enter"), shows="is needed"),
    "server-edit": Scene(several, keys=("w", "g", "e"), shows="The server hpc1", config=PROFILES),
    "server-delete": Scene(
        several, keys=("w", "g", "D"), shows="the server's name", config=PROFILES
    ),
    "filter": Scene(several, keys=("/", *"failed"), shows="/failed"),
    "filter-wrong": Scene(keys=("/", *"fail x1>many"), shows='"many" is not a number'),
    "sort": Scene(keys=("S",), shows="Sort by"),
    "columns": Scene(keys=("C", "j", "j", "j"), shows="shows, hides"),
    "tries": Scene(tried, keys=("j",), shows="2 earlier tries folded"),
    "light": Scene(several, config=themed("exauq-light")),
    "contrast": Scene(several, keys=("space", "j"), config=themed("exauq-contrast")),
    "ansi": Scene(several, keys=("space", "j"), config=themed("ansi-dark")),
    "ansi-confirm": Scene(
        several, keys=("2", "a", "c"), shows="No, leave", config=themed("ansi-dark")
    ),
    "no-colour": Scene(several, keys=("space", "j"), environ={"NO_COLOR": "1"}),
    "ascii": Scene(several, keys=("space", "j"), environ={"LC_ALL": "C"}),
    "ascii-plot": Scene(design, keys=("P",), shows="n =", environ={"LC_ALL": "C"}),
    "plot-no-colour": Scene(design, keys=("P", "C"), shows="by level", environ={"NO_COLOR": "1"}),
}  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCENES)
def test_it_looks_as_it_did(
    name: str, size: tuple[int, int], snap_compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = SCENES[name]
    for variable, value in scene.environ.items():
        monkeypatch.setenv(variable, value)
    fleet = scene.fleet()
    app = Dashboard(fleet, scene.config, profiles_dir=HOME / "profiles.d")
    assert snap_compare(app, terminal_size=size, run_before=_play(scene, app, fleet))


def _play(
    scene: Scene, app: Dashboard, fleet: FakeFleet
) -> Callable[[Pilot[int]], Awaitable[None]]:
    async def play(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: fleet.called("start"))
        await pilot.press(*scene.keys)
        await until(pilot, lambda: scene.first in app.text())
        await pilot.press(*scene.then)
        if scene.asks is not None:
            threading.Thread(target=scene.asks, args=(app,), daemon=True).start()
        await until(pilot, lambda: scene.shows in app.text() and app.main.details.is_settled)
        for screen in app.screen_stack:
            for field_ in screen.query(Input):
                field_.cursor_blink = False
        # What was laid out may lead to another layout: two pictures in a row are the same.
        before, now = "", app.export_screenshot()
        for _ in range(100):
            await pilot.pause()
            before, now = now, app.export_screenshot()
            if before == now:
                break
        assert before == now, "the screen never comes to rest"

    return play


@pytest.mark.parametrize("name", ["busy", "help", "plot"])
def test_a_very_large_terminal_looks_as_it_did(name: str, snap_compare: Compare) -> None:
    scene = SCENES[name]
    fleet = scene.fleet()
    app = Dashboard(fleet, scene.config)
    assert snap_compare(app, terminal_size=(250, 80), run_before=_play(scene, app, fleet))


STATES = {
    ServerState.CONNECTING: server(state=ServerState.CONNECTING, last_seen=NOW - 4),
    ServerState.STALE: server(
        state=ServerState.STALE, last_seen=NOW - 8, message="no answer for more than 5 s"
    ),
    ServerState.LOST: server(
        state=ServerState.LOST, last_seen=NOW - 95, next_try=NOW + 12,
        message="The connection to alice@hpc1 was lost: nothing was heard from it for 30 s.",
    ),
    ServerState.AUTH_NEEDED: server(
        state=ServerState.AUTH_NEEDED, last_seen=NOW - 7500,
        message="alice@hpc1 refused to let us in. Tried: id_ed25519 (ssh-ed25519).",
    ),
    ServerState.HOST_KEY_UNKNOWN: server(
        state=ServerState.HOST_KEY_UNKNOWN, last_seen=None,
        message="The host key of hpc1 is not known and was not accepted.",
    ),
    ServerState.HOST_KEY_CHANGED: server(
        state=ServerState.HOST_KEY_CHANGED, last_seen=NOW - 7500,
        message="The host key of hpc1 has changed.",
    ),
    ServerState.FAULT: server(
        state=ServerState.FAULT, last_seen=NOW - 95, next_try=NOW + 48,
        message="alice@hpc1 has another shell than Bash as /bin/bash: Bash 4.1 or newer is needed",
    ),
    ServerState.OFFLINE: server(
        state=ServerState.OFFLINE, last_seen=NOW - 7500, message="disconnected by hand"
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.value.replace(" ", "-"))
def test_a_server_in_each_state_looks_as_it_did(state: ServerState, snap_compare: Compare) -> None:
    fleet = FakeFleet(
        [job(1, JobStatus.COMPLETED), job(2), job(3, JobStatus.PENDING_SUBMIT)], [STATES[state]]
    )
    is_told = state is ServerState.HOST_KEY_CHANGED  # by a dialog, which comes a moment later
    scene = Scene(shows="not the host key that is known" if is_told else state.value)
    app = Dashboard(fleet)
    assert snap_compare(app, terminal_size=SIZES[0], run_before=_play(scene, app, fleet))


def test_every_state_but_up_has_a_picture() -> None:
    assert {*STATES, ServerState.UP} == set(ServerState)


def test_a_status_of_every_kind_is_in_the_pictures() -> None:
    assert {row.status for row in some_jobs()} == set(JobStatus)


def test_the_report_sees_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", "hunter2")
    steps = pytest_sessionfinish()
    next(steps)
    assert "SOME_SECRET" not in os.environ
    with pytest.raises(StopIteration):
        next(steps)
    assert os.environ["SOME_SECRET"] == "hunter2"
