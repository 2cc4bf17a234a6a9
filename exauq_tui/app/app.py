"""The dashboard's app: wires fleet, model, screens and questions together."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from textual import events
from textual.actions import ActionParseResult
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from exauq_tui.app import format as fmt
from exauq_tui.app import keymap
from exauq_tui.app.collector import Collector
from exauq_tui.app.commands import bindings, is_changing
from exauq_tui.app.job_model import JobModel
from exauq_tui.app.key_warnings import KeyWarnings
from exauq_tui.app.log_follower import LogShelf
from exauq_tui.app.messages import FleetChanged, PromptWaiting
from exauq_tui.app.news import News
from exauq_tui.app.plain_glyphs import plain_glyphs
from exauq_tui.app.preferences import Reading
from exauq_tui.app.prompter import AppPrompter, Question
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.opened import Opened
from exauq_tui.app.starting import Start, is_at_once
from exauq_tui.app.terminal import TerminalDriver
from exauq_tui.app.theme import begin_with_theme
from exauq_tui.app.threads import in_thread
from exauq_tui.config import Config
from exauq_tui.errors import ExauqTuiError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.verbs import READ_ONLY, FleetVerbs

if TYPE_CHECKING:
    from exauq_tui.app.server_verbs import ServerVerbs

REPAINT_EVERY = 0.1
"""Seconds between batches of changes: drawing more often slows keys and helps nobody."""

_STOP_WITHIN = 0.8
_SWITCH_INTERVAL = 0.0005
"""So that a thread that parses cannot hold up a key for the default 5 ms at a time."""

Severity = Literal["information", "warning", "error"]


class ExauqApp(App[int], inherit_bindings=False):
    """The dashboard.

    Args:
        fleet: Every verb on jobs and servers; started by the app, and stopped at its end.
        config: What was read from files; its problems are shown.
        prompter: What the fleet asks its questions through, where it asks any.
        clock: Tells the time, in seconds since 1970.
        config_text: Where the configuration is or is looked for, to tell people.
        data_dir: Where the app keeps files of its own, or None to keep none.
        profiles_dir: Where servers that are added here are kept; None where none can be.
        preferences: What was read of the file of preferences, where that was done already.
    """

    TITLE = "exauq"
    CSS_PATH = Path(__file__).with_name("exauq.tcss")
    # Our own command opens it, by keys that can be rebound.
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app"),
        # Cannot be rebound: there is always a way out.
        Binding("ctrl+q", "leave", show=False, priority=True),
        Binding("ctrl+c", "help_quit", show=False, system=True),
    ]

    _may_have_theme = False

    def __init__(
        self,
        fleet: FleetVerbs,
        config: Config,
        *,
        prompter: AppPrompter | None = None,
        clock: Callable[[], float] = time.time,
        config_text: str = "",
        data_dir: Path | None = None,
        profiles_dir: Path | None = None,
        preferences: Reading | None = None,
    ) -> None:
        super().__init__(driver_class=TerminalDriver)
        self._may_have_theme = True
        self.fleet = fleet
        self.config = config
        self.data_dir = data_dir
        self.clock = clock
        self.model = JobModel(clock)
        self._plain = plain_glyphs(config.app.ascii, os.environ)
        self.prompter = prompter or AppPrompter()
        self.warnings = KeyWarnings()
        self.config_text = config_text or str(config.path or "config.toml")
        self.read_only = config.app.read_only
        self.commands, keymap_problems = keymap.resolve(config.keymap)
        if self.read_only:
            self.commands = self.commands.for_reading()
        self._first_theme, theme_problems = begin_with_theme(self, config.app.theme)
        self.problems = (*config.problems, *keymap_problems, *theme_problems)
        self.news = News(self)
        self.log_shelf = LogShelf()
        self.profiles_dir = profiles_dir
        self.main = MainScreen(self)
        self.starting = Start(self)
        self._preferences = preferences
        self._flush_timer: Timer | None = None
        self._flushed = 0.0
        self._asking = False
        self._leaving = False
        self._collector = Collector()

    @cached_property
    def server_verbs(self) -> ServerVerbs:
        """What people ask for concerning servers."""
        from exauq_tui.app.server_verbs import ServerVerbs  # noqa: PLC0415 - not at the start

        return ServerVerbs(self)

    # Starting

    def get_css_variables(self) -> dict[str, str]:
        """Mix the theme's colours; for none that Textual begins with, as ours is chosen next."""
        return super().get_css_variables() if self._may_have_theme else {}

    def get_default_screen(self) -> Screen[None]:
        """Open with the main screen."""
        return self.main

    def on_mount(self) -> None:
        """Show what is known, then start the fleet."""
        self.set_keymap(self.commands.textual_keymap)
        self.theme = self._first_theme
        sys.setswitchinterval(_SWITCH_INTERVAL)
        self._handle_signals()
        self.fleet.set_listener(self._fleet_changed)
        self.prompter.attach(self.prompt_waiting)
        self.set_interval(1.0, self.news.tell)
        self.main.take_preferences(self._preferences)
        self.starting.begin()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line goes through before it is drawn."""
        filters = super().get_line_filters()
        return filters if self._plain is None else [*filters, self._plain]

    def _handle_signals(self) -> None:
        """Leave in good order when told to: else the terminal stays in our mode."""
        if threading.current_thread() is not threading.main_thread() or self.is_headless:
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled, number)

    def _signalled(self, number: signal.Signals) -> None:
        self.leave_at_once(return_code=128 + number)

    # What the fleet tells

    def _fleet_changed(self) -> None:
        """Called from any thread; false when the app has ended, which does not matter."""
        self.post_message(FleetChanged())

    def prompt_waiting(self) -> None:
        """Say, from any thread, that something may wait for a person to answer."""
        self.post_message(PromptWaiting())

    def on_fleet_changed(self) -> None:
        """Draw changes soon, but not more often than is good."""
        if self._flush_timer is None and not self._leaving:
            wait = max(0.0, self._flushed + REPAINT_EVERY - time.monotonic())
            self._flush_timer = self.set_timer(wait or 0.001, self._take_changes)

    def _take_changes(self) -> None:
        self._flush_timer = None
        if self._leaving:
            return
        self._flushed = time.monotonic()
        if not self._is_ready():
            # Not there yet. What changed has to be taken some time: until then nobody is told of
            # more.
            self.on_fleet_changed()
            return
        changes = self.model.without_known(self.fleet.drain())
        if changes:
            self.news.take(changes)
            self.main.take(changes)
            self.news.tell()
            if self.warnings.notice(changes.servers):
                self.prompt_waiting()
            for screen in self.screen_stack:
                if isinstance(screen, Opened):
                    screen.take_changes()

    def _is_ready(self) -> bool:
        """Whether changes can be taken: the screens are there, and all jobs in them."""
        return self.main.is_attached and self.model.loaded

    # Questions of the servers' threads

    async def on_prompt_waiting(self) -> None:
        """Open the dialog for the next question, unless a person is busy with another."""
        if self._asking or self._leaving:
            return
        if self.screen.is_modal or isinstance(self.focused, Input):
            # What is being typed there must not end in a password field.
            if self.prompter.is_waiting or self.warnings.is_waiting:
                self.set_timer(0.2, self.prompt_waiting)
            return
        question = self.prompter.next()
        if question is None:
            if warning := self.warnings.next():
                self._asking = True
                from exauq_tui.app.screens.prompts import HostKeyChangedDialog  # noqa: PLC0415 - likewise

                await self.push_screen(HostKeyChangedDialog(*warning), self._warned)
            return
        self._asking = True
        from exauq_tui.app.screens.prompts import HostKeyDialog, SecretDialog  # noqa: PLC0415 - likewise

        if question.host_key is not None:
            await self.push_screen(
                HostKeyDialog(question.server, question.host_key),
                lambda decision: self._answered(question, decision.value if decision else None),
            )
        else:
            await self.push_screen(
                SecretDialog(
                    question.server, question.prompt, is_kept=self._keeps_secrets(question.server)
                ),
                lambda secret: self._answered(question, secret),
            )

    def _answered(self, question: Question, answer: str | None) -> None:
        self._asking = False
        question.give(answer)
        self.prompt_waiting()

    def _keeps_secrets(self, server: str) -> bool:
        return all(profile.remember for profile in self.config.servers if profile.name == server)

    def _warned(self, _: None) -> None:
        self._asking = False
        self.prompt_waiting()

    # Telling people

    def tell(self, text: str, severity: str = "information") -> None:
        """Show a message for a while; it is never read as markup."""
        self.notify(fmt.safe_block(text), severity=cast("Severity", severity), markup=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tell of an error that nobody foresaw, instead of ending the app by it."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            words = str(error) if isinstance(error, ExauqTuiError) else f"Unexpected: {error!r}"
            self.tell(words, "error")

    # Commands

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave letters to dialogs and text fields."""
        if action in {"palette", "help", "quit"}:
            return not (self.screen.is_modal or isinstance(self.focused, Input))
        return super().check_action(action, parameters)

    async def on_event(self, event: events.Event) -> None:
        """Take keys with nothing in between; those that mean all jobs wait until they are read."""
        if isinstance(event, events.Key):
            self._collector.hold()
        if not (isinstance(event, (events.Key, events.Paste)) and self.starting.keeps(event)):
            await super().on_event(event)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key, a click or the palette asks for; the one place where it is refused."""
        name = action if isinstance(action, str) else action[1]
        if self.read_only and is_changing(name):
            self.tell(READ_ONLY, "warning")
            return True
        if not self.model.loaded and self.screen is self.main and not is_at_once(name):
            return True  # by the mouse, as keys wait: it would be done to a part of the jobs
        return await super().run_action(action, default_namespace, namespaces)

    def get_system_commands(
        self,
        screen: Screen[object],
    ) -> Iterable[SystemCommand]:
        """Offer every command of the table by name, and the choice of a theme."""
        from exauq_tui.app.screens.servers import ServersScreen  # noqa: PLC0415 - not at the start

        for command in self.commands.offered():
            if command.palette and command.scope in ("app", "main", "table", "servers-screen"):
                key = self.commands.shown_keys(command)
                target: DOMNode = self.main.table if command.scope == "table" else self.main
                if command.scope == "servers-screen":
                    # For the server under the cursor, there or here.
                    key = f"{self.commands.first_key('servers')} {key}"
                    target = screen if isinstance(screen, ServersScreen) else self.main
                server = " server" if command.scope == "servers-screen" else ""
                yield SystemCommand(
                    f"{command.label}{server}  ({key})",
                    command.tooltip,
                    lambda action=command.action, target=target: self.call_later(
                        self.run_action, action, target
                    ),
                )
        yield SystemCommand("Theme", "Choose the colours.", self.action_change_theme)

    def action_palette(self) -> None:
        """Open the palette of commands."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(id="--command-palette"))

    async def action_help(self) -> None:
        """List the keys."""
        here = {active.binding.id or "" for active in self.screen.active_bindings.values()}
        from exauq_tui.app.screens.help import HelpScreen  # noqa: PLC0415 - not before it is opened

        await self.push_screen(HelpScreen(self.commands, self.problems, self.config_text, here))

    def action_help_quit(self) -> None:
        """Tell those who press ctrl+c how to leave."""
        self.tell(f"{self.commands.first_key('quit')} leaves the dashboard.")

    async def action_quit(self) -> None:
        """Go back one screen, or leave the dashboard."""
        if self.screen is not self.main:
            self.pop_screen()
        elif not self.main.is_at_top:
            self.main.show_table()
        else:
            await self.action_leave()

    async def action_leave(self) -> None:
        """Leave the dashboard; asks where something was not sent yet."""
        from exauq_tui.app.screens.dialogs import ConfirmDialog  # noqa: PLC0415 - not at the start

        unsent = 0 if self.read_only else self._unsent()  # else it was another who asked for it
        if not unsent or isinstance(self.screen, ConfirmDialog):
            self.leave_at_once()
            return
        jobs = fmt.count(unsent, "job")
        dialog = ConfirmDialog(
            "Quit?",
            (),
            "Quit",
            [f"What you asked for {jobs} is not sent yet. It is kept, and sent at the next start."],
        )
        await self.push_screen(dialog, lambda yes: self.leave_at_once() if yes else None)

    def _unsent(self) -> int:
        """How many jobs wait to be sent, as far as can be told from here."""
        if not self.model.loaded:
            return 0  # nobody can have asked for anything yet
        counts = self.model.counts
        unsent = counts.get(JobStatus.PENDING_SUBMIT, 0)
        for name, view in self.model.servers.items():
            if view.state is not ServerState.UP:
                unsent += self.model.server_counts(name).get(JobStatus.PENDING_CANCEL, 0)
        return unsent

    def leave_at_once(self, return_code: int = 0) -> None:
        """Leave in good order without asking."""
        if not self._leaving:
            self._leaving = True
            self.run_worker(self._stop(return_code), group="leave", exit_on_error=False)

    async def _stop(self, return_code: int) -> None:
        """Stop the fleet and end; a thread that does not stop is not waited for long."""
        self.prompter.close()
        self.fleet.set_listener(None)
        try:
            await asyncio.wait_for(in_thread(self.fleet.stop), _STOP_WITHIN)
        except (TimeoutError, ExauqTuiError):
            pass
        finally:
            self.exit(return_code, return_code=return_code)

    def on_unmount(self) -> None:
        """Let no thread wait for an answer that will not come."""
        self._collector.release()
        self.prompter.close()
        self.fleet.set_listener(None)
