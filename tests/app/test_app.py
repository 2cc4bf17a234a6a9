"""Questions of servers' threads, leaving, and what is imported."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.widgets import Input

from exauq_tui.app.prompter import AppPrompter
from exauq_tui.app.screens.dialogs import ConfirmDialog
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.prompts import HostKeyChangedDialog, HostKeyDialog, SecretDialog
from exauq_tui.config import Config, ServerProfile
from exauq_tui.errors import RecordError
from exauq_tui.hardware.interface import HostKey, HostKeyDecision
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import Changes, ServerState
from tests.app.fake_fleet import FakeFleet, job, server
from tests.app.harness import Dashboard, running, until

KEY = HostKey("hpc1.example.org", "ssh-ed25519", "SHA256:abc")


class Asker(threading.Thread):
    """A server's thread that asks something and keeps the answer."""

    def __init__(self, prompter: AppPrompter, what: str | HostKey) -> None:
        super().__init__(daemon=True)
        self.answers: list[str | HostKeyDecision | None] = []
        self._prompter = prompter
        self._what = what
        self.start()

    def run(self) -> None:
        if isinstance(self._what, HostKey):
            self.answers.append(self._prompter.accept_host_key("hpc1", self._what))
        else:
            self.answers.append(self._prompter.ask_secret("hpc1", self._what))


async def test_a_password_is_asked_for_and_not_shown() -> None:
    async with running(FakeFleet()) as (app, pilot):
        asker = Asker(app.prompter, "alice's password [red]:")
        await until(pilot, lambda: isinstance(app.screen, SecretDialog))
        assert "alice's password [red]:" in app.text()
        await pilot.press(*"s3cret")
        assert "s3cret" not in app.text()
        await pilot.press("enter")
        await until(pilot, lambda: asker.answers)
        assert asker.answers == ["s3cret"]


async def test_questions_are_asked_one_after_the_other() -> None:
    prompter = AppPrompter()
    first = Asker(prompter, "first")
    while not prompter.is_waiting:
        time.sleep(0.001)
    second = Asker(prompter, "second")
    async with running(FakeFleet(), prompter=prompter) as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, SecretDialog))
        assert "first" in app.text()
        await pilot.press("1", "enter")
        await until(pilot, lambda: isinstance(app.screen, SecretDialog) and first.answers)
        await until(pilot, lambda: "second" in app.text())
        await pilot.press("escape")
        await until(pilot, lambda: second.answers)
        assert (first.answers, second.answers) == (["1"], [None])


async def test_a_question_waits_while_something_is_typed_elsewhere() -> None:
    async with running(FakeFleet()) as (app, pilot):
        await pilot.press("s", "1")
        asker = Asker(app.prompter, "password")
        await pilot.pause(0.3)
        assert not isinstance(app.screen, SecretDialog)
        await pilot.press("2")
        assert app.screen.query_one("#x0", Input).value == "12"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SecretDialog))
        await pilot.press("escape")
        await until(pilot, lambda: asker.answers == [None])


@pytest.mark.parametrize(
    ("keys", "decision"),
    [
        (["y"], HostKeyDecision.REMEMBER),
        (["o"], HostKeyDecision.ONCE),
        (["enter"], HostKeyDecision.REFUSE),
        (["tab", "enter"], HostKeyDecision.REFUSE),
        (["escape"], HostKeyDecision.REFUSE),
        (["n"], HostKeyDecision.REFUSE),
    ],
)
async def test_a_host_key_is_accepted_by_y_and_o_only(
    keys: list[str], decision: HostKeyDecision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HostKeyDialog, "ARMED_AFTER", 0.0)
    async with running(FakeFleet()) as (app, pilot):
        asker = Asker(app.prompter, KEY)
        await until(pilot, lambda: isinstance(app.screen, HostKeyDialog))
        assert "SHA256:abc" in app.text()
        assert app.focused is app.screen.query_one("#no")
        await pilot.press(*keys)
        await until(pilot, lambda: asker.answers)
        assert asker.answers == [decision]


@pytest.mark.parametrize("key", ["y", "o"])
async def test_a_letter_typed_for_something_else_accepts_no_host_key(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HostKeyDialog, "ARMED_AFTER", 3600.0)
    async with running(FakeFleet()) as (app, pilot):
        asker = Asker(app.prompter, KEY)
        await until(pilot, lambda: isinstance(app.screen, HostKeyDialog))
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(app.screen, HostKeyDialog)
        assert asker.answers == []


async def test_a_changed_host_key_is_told_once_and_again_after_a_retry_and_no_key_accepts_it() -> (
    None
):
    words = "The host key of hpc1 has changed. Known from /h:3: SHA256:old. Shown now: SHA256:new."
    changed = server(state=ServerState.HOST_KEY_CHANGED, message=words)
    fleet = FakeFleet()
    async with running(fleet) as (app, pilot):
        for again in (False, True):
            if again:
                await pilot.press("r")
            fleet.change(servers=[changed])
            await until(pilot, lambda: isinstance(app.screen, HostKeyChangedDialog))
            for shown in ("/h:3", "SHA256:old", "SHA256:new"):
                assert shown in app.text()
            await pilot.press("y", "o", "a", "space")
            assert isinstance(app.screen, HostKeyChangedDialog)
            assert bool(fleet.called("look_now")) == again
            await pilot.press("enter")
            await until(pilot, lambda: not app.screen.is_modal)
        fleet.change(servers=[replace(changed, last_seen=None)])
        await until(pilot, lambda: app.model.servers["hpc1"].last_seen is None)
        await pilot.pause()
        assert not app.screen.is_modal


async def test_a_person_is_told_what_becomes_of_a_password() -> None:
    profile = ServerProfile("hpc1", "unix", "python3", "m.py", remember=False)
    for config, words in ((Config(), "as long as"), (Config(servers=(profile,)), "is forgotten")):
        async with running(FakeFleet(), config=config) as (app, pilot):
            Asker(app.prompter, "password")
            await until(pilot, lambda: isinstance(app.screen, SecretDialog))
            assert words in app.text()
            await pilot.press("escape")


async def test_leaving_refuses_every_question() -> None:
    prompter = AppPrompter()
    async with running(FakeFleet(), prompter=prompter) as (app, pilot):
        askers = [Asker(prompter, "one"), Asker(prompter, "two"), Asker(prompter, KEY)]
        await until(pilot, lambda: app.screen.is_modal)
        app.exit()
    for asker in askers:
        asker.join(60)
    assert sorted(str(asker.answers) for asker in askers) == [
        "[<HostKeyDecision.REFUSE: 'refuse'>]",
        "[None]",
        "[None]",
    ]
    assert prompter.ask_secret("hpc1", "later") is None


async def test_quit_stops_the_fleet() -> None:
    fleet = FakeFleet([job(1)])
    async with running(fleet) as (app, pilot):
        await pilot.press("q")
        await until(pilot, fleet.stopped.is_set)
    assert app.return_code == 0
    assert fleet.listener is None


async def test_quit_does_not_wait_for_a_fleet_that_hangs() -> None:
    fleet = FakeFleet([job(1)])
    release = threading.Event()
    fleet.stop = lambda: release.wait(120)  # type: ignore[method-assign, assignment]
    started = time.monotonic()
    async with running(fleet) as (app, pilot):
        started = time.monotonic()
        await pilot.press("q")
        await until(pilot, lambda: app._exit)
    assert time.monotonic() - started < 60
    release.set()


async def test_quit_asks_where_something_was_not_sent() -> None:
    fleet = FakeFleet([job(1, JobStatus.PENDING_SUBMIT)])
    async with running(fleet) as (app, pilot):
        await pilot.press("q")
        assert isinstance(app.screen, ConfirmDialog)
        assert "It is kept" in app.text()
        await pilot.press("enter")
        assert isinstance(app.screen, MainScreen)
        await pilot.press("q", "y")
        await until(pilot, fleet.stopped.is_set)


async def test_ctrl_q_leaves_from_anywhere() -> None:
    fleet = FakeFleet([job(1)])
    async with running(fleet) as (_, pilot):
        await pilot.press("s", "ctrl+q")
        await until(pilot, fleet.stopped.is_set)


async def test_an_error_that_nobody_foresaw_is_told_and_ends_nothing() -> None:
    fleet = FakeFleet([job(1)])
    fleet.errors["cancel"] = RuntimeError("[boom]")
    async with running(fleet) as (app, pilot):
        await pilot.press("c", "y")
        await until(pilot, lambda: app.told)
        assert app.told == ["Unexpected: RuntimeError('[boom]')"]
        assert app.is_running


async def test_a_record_that_cannot_be_read_is_told() -> None:
    fleet = FakeFleet()
    fleet.errors["start"] = RecordError("the record is of a newer version")
    async with running(fleet) as (app, pilot):
        await until(pilot, lambda: app.told)
        assert app.told == ["the record is of a newer version"]


def test_importing_the_app_brings_nothing_that_the_first_picture_can_do_without() -> None:
    code = (
        "import sys, exauq_tui.cli, exauq_tui.app.app, exauq_tui.app.prompter;"
        "late = ('paramiko', 'numpy', 'exauq_tui.hardware.ssh', 'exauq_tui.app.screens.plot',"
        " 'hashlib', 'csv', 'exauq_tui.headless', 'exauq_tui.hardware.interface',"
        " 'exauq_tui.monitor.poller', 'exauq_tui.monitor.inputs');"
        "print([name for name in late if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == "[]"


async def test_news_that_come_before_the_screen_is_there_are_taken_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A busy machine lets them come so early; nothing more is told until they are taken."""
    fleet = FakeFleet([job(1)])
    told: list[bool] = []
    set_listener, drain = fleet.set_listener, fleet.drain

    def tell_once(listener: Callable[[], None] | None) -> None:
        def tell() -> None:
            if not told and listener is not None:
                told.append(True)
                listener()

        set_listener(tell)

    def drained() -> Changes:
        told.clear()
        return drain()

    monkeypatch.setattr(fleet, "set_listener", tell_once)
    monkeypatch.setattr(fleet, "drain", drained)
    app = Dashboard(fleet)
    early, is_ready = [False] * 3, app._is_ready
    monkeypatch.setattr(app, "_is_ready", lambda: early.pop() if early else is_ready())
    async with app.run_test() as pilot:
        fleet.change(job(1, JobStatus.FAILED))
        await until(pilot, lambda: not early and app.model.counts.get(JobStatus.FAILED))


async def test_news_that_come_when_the_screens_are_gone_are_let_go() -> None:
    fleet = FakeFleet([job(1)])
    async with running(fleet) as (app, _):
        pass
    fleet.change(job(2))
    app._take_changes()
    assert app.model.total == 1
