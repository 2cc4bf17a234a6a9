"""A real terminal for the tests: a private tmux server, its keys and its screen.

The terminal runs Bash, and Bash runs `exauq-tui`: so the screen that the program leaves behind
can be read too, and the program can be killed while the terminal lives on.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

TMUX = shutil.which("tmux")
PATIENCE = 60.0
"""Seconds within which everything happens, on a machine that is busy with other things."""

PROMPT = "shell> "
_PAUSE = 0.04
_CUT_OFF = ("TMUX", "TMUX_PANE", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "BASH_ENV", "ENV")

Wanted = str | re.Pattern[str] | Callable[[str], object]
"""What is waited for: a text, a pattern, or a function of the screen that gives a true value."""


class ScreenError(AssertionError):
    """The screen does not show what it should; the message holds what it showed last."""


class Terminal:
    """A terminal of a fixed size, with a shell in it; a context manager.

    Args:
        directory: Where files of the terminal's own go; made where missing.
        width: In cells.
        height: In lines.
        environ: Variables to set for the shell, beside those of the test.
        program: The command and arguments of `exauq-tui`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        width: int = 120,
        height: int = 36,
        environ: Mapping[str, str] | None = None,
        program: tuple[str, ...] = (sys.executable, "-m", "exauq_tui"),
    ) -> None:
        assert TMUX is not None
        self._tmux = TMUX
        self._name = f"exauq-{uuid.uuid4().hex[:12]}"
        # Not below `directory`: the path of a socket may not be long.
        self._sockets = tempfile.mkdtemp(prefix="exauq-tmux-", dir="/tmp")
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.raw_file = directory / "terminal-output"
        """Every byte that was ever written to the terminal."""

        self._environ = {
            name: value for name, value in os.environ.items() if name not in _CUT_OFF
        } | {
            "TMUX_TMPDIR": self._sockets,
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
            "TEXTUAL_ANIMATIONS": "none",
            **(environ or {}),
        }
        self._closed = False
        self._server = 0
        self._shell = self._write_shell(program)
        try:
            self._open(width, height)
        except BaseException:
            self.close()
            raise

    def _write_shell(self, program: tuple[str, ...]) -> str:
        """Make a Bash that knows `app`, and says how the program ended."""
        start = self.directory / "shell.bash"
        start.write_text(
            f"PS1={shlex.quote(PROMPT)}\n"
            "HISTFILE=\n"
            f'app() {{ {shlex.join(program)} "$@"; echo "exit code $?"; }}\n'
        )
        return shlex.join(["bash", "--noprofile", "--rcfile", str(start), "-i"])

    def _open(self, width: int, height: int) -> None:
        pipe = f"cat >> {shlex.quote(str(self.raw_file))}"
        self._run(
            *("start-server", ";", "set", "-g", "status", "off", ";"),
            *("set", "-g", "default-terminal", "screen-256color", ";"),
            *("set", "-g", "history-limit", "20000", ";"),
            *("new-session", "-d", "-s", "main", "-x", str(width), "-y", str(height)),
            *("-c", str(self.directory), self._shell, ";", "pipe-pane", pipe),
        )
        self._server = int(self._ask("#{pid}"))
        self.wait_for(PROMPT.rstrip())

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Keys

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names ("Enter", "C-p") or as characters."""
        self._run("send-keys", "-t", "main", *keys)

    def type(self, text: str) -> None:
        """Type a text as it stands."""
        self._run("send-keys", "-t", "main", "-l", "--", text)

    def paste(self, text: str) -> None:
        """Paste a text, as from the clipboard of a terminal that says what is pasted."""
        file = self.directory / "clipboard"
        file.write_text(text)
        self._run("load-buffer", str(file), ";", "paste-buffer", "-p", "-d", "-t", "main")

    def press_until(
        self, key: str, wanted: Wanted, timeout: float = PATIENCE, *, gone: bool = False
    ) -> str:
        """Press a key now and then until something is shown (or, where `gone`, is not)."""
        deadline = time.monotonic() + timeout
        while True:
            self.press(key)
            with suppress(ScreenError):
                return self.wait_for(wanted, min(2.0, timeout), gone=gone)
            if time.monotonic() > deadline:
                return self.wait_for(wanted, 0.0, gone=gone)

    def resize(self, width: int, height: int) -> None:
        """Change the terminal's size, as by pulling at the corner of its window."""
        self._run("resize-window", "-t", "main", "-x", str(width), "-y", str(height))

    # The screen

    def screen(self) -> str:
        """Give what is shown, once two looks at it in a row agree: one alone may be torn."""
        deadline = time.monotonic() + PATIENCE
        before = self._capture()
        while True:
            time.sleep(_PAUSE)
            now = self._capture()
            if now == before:
                return now
            if time.monotonic() > deadline:
                raise ScreenError(f"the screen never stands still; it shows:\n{framed(now)}")
            before = now

    def wait_for(self, wanted: Wanted, timeout: float = PATIENCE, *, gone: bool = False) -> str:
        """Wait until the screen shows something (or, where `gone`, does not), and give it.

        Raises:
            ScreenError: It never did; the message holds the last screen.
        """
        deadline = time.monotonic() + timeout
        while True:
            now = self.screen()
            if bool(_found(wanted, now)) is not gone:
                return now
            if time.monotonic() > deadline:
                what = wanted if isinstance(wanted, str) else _name_of(wanted)
                verb = "still shows" if gone else "does not show"
                raise ScreenError(f"after {timeout:g} s the screen {verb} {what}:\n{framed(now)}")

    def everything(self) -> str:
        """Give the screen with all that was ever scrolled out of it."""
        return self._run("capture-pane", "-p", "-S", "-", "-t", "main")

    def _capture(self) -> str:
        return self._run("capture-pane", "-p", "-t", "main")

    def modes(self) -> tuple[str, ...]:
        """Name what a program switched on in the terminal and did not switch off again."""
        flags = {
            "alternate screen": "#{alternate_on}",
            "mouse": "#{mouse_any_flag}",
            "hidden cursor": "#{?cursor_flag,0,1}",
            "application keys": "#{keypad_cursor_flag}",
        }
        answers = self._ask(" ".join(flags.values())).split()
        return tuple(name for name, on in zip(flags, answers, strict=True) if on != "0")

    # The program in it

    def start(self, *arguments: str) -> None:
        """Start `exauq-tui` in the shell."""
        self.type(shlex.join(["app", *arguments]))
        self.press("Enter")

    def wait_for_end(self, timeout: float = PATIENCE) -> int:
        """Wait until the program has ended and the shell is back; its exit code."""
        ended = re.compile(rf"exit code (\d+)\n+{re.escape(PROMPT.rstrip())}\s*\Z")
        found = ended.search(self.wait_for(ended, timeout))
        assert found is not None
        return int(found[1])

    def app_pid(self) -> int:
        """The process of `exauq-tui`, which is the shell's only child."""
        (pid,) = self.children()
        return pid

    def children(self) -> list[int]:
        return children_of(int(self._ask("#{pane_pid}")))

    def signal_app(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        os.kill(self.app_pid(), number)

    def kill_app(self) -> None:
        """End the program by SIGKILL, as a crash would; the terminal gets a new shell."""
        pid = self.app_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pid not in self.children(), "the killed program is gone")
        self._run("respawn-pane", "-k", "-t", "main", self._shell)
        self._run("pipe-pane", "-t", "main", f"cat >> {shlex.quote(str(self.raw_file))}")
        self.wait_for(lambda screen: screen.strip() == PROMPT.strip())

    def close(self) -> None:
        """Close the window, and wait until the tmux server and everything in it has ended."""
        if self._closed:
            return
        self._closed = True
        left = {self._server, *self.children()} if is_alive(self._server) else set()
        with suppress(subprocess.CalledProcessError):
            self._run("kill-server")

        def nothing_is_left() -> bool:
            return not any(map(is_alive, left))

        try:
            wait_until(nothing_is_left, "the window's programs have ended")
        finally:
            for pid in filter(is_alive, left):
                os.kill(pid, signal.SIGKILL)
            wait_until(nothing_is_left, "the window's programs are killed")
            shutil.rmtree(self._sockets, ignore_errors=True)

    # tmux

    def _ask(self, form: str) -> str:
        return self._run("display-message", "-p", "-t", "main", form).strip()

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._tmux, "-u", "-L", self._name, "-f", "/dev/null", *arguments],
            check=False,
            capture_output=True,
            env=self._environ,
            timeout=PATIENCE,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(
                done.returncode, arguments, done.stdout, done.stderr.decode()
            )
        return done.stdout.decode()


def framed(screen: str) -> str:
    """Draw a screen so that its edges can be seen."""
    lines = screen.rstrip("\n").split("\n")
    return "\n".join(["┄" * 80, *lines, "┄" * 80])


def _found(wanted: Wanted, screen: str) -> object:
    if isinstance(wanted, str):
        return wanted in screen
    return wanted.search(screen) if isinstance(wanted, re.Pattern) else wanted(screen)


def _name_of(wanted: re.Pattern[str] | Callable[[str], object]) -> str:
    if isinstance(wanted, re.Pattern):
        return f"what matches {wanted.pattern}"
    return str(getattr(wanted, "__name__", wanted))


def wait_until(
    condition: Callable[[], object], what: str, timeout: float = PATIENCE, pause: float = _PAUSE
) -> None:
    """Wait for something that is not on the screen."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"after {timeout:g} s it is not true that {what}"
        time.sleep(pause)


def process_table() -> Iterator[tuple[int, int]]:
    """Give each process with its parent, without those that only wait to be reaped."""
    table = subprocess.run(
        ["ps", "-ww", "-e", "-o", "pid=,ppid=,stat="], check=True, capture_output=True, text=True
    ).stdout
    for line in table.splitlines():
        pid, parent, state = line.split()
        if not state.startswith("Z"):
            yield int(pid), int(parent)


def children_of(parent: int) -> list[int]:
    """Give the processes that one started."""
    return [pid for pid, known in process_table() if known == parent]


def is_alive(pid: int) -> bool:
    """Whether a process is there, and not only waits to be reaped."""
    return any(pid == known for known, _ in process_table())


def processes_of(directory: Path) -> dict[int, str]:
    """Find the processes that know a directory: by arguments, environment or where they are."""
    wanted = os.fsencode(str(directory.resolve()))
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):  # it ended meanwhile, or is not ours
            arguments = (entry / "cmdline").read_bytes()
            if not arguments:
                continue  # waits to be reaped
            where = os.fsencode(os.readlink(entry / "cwd"))  # noqa: PTH115 - may hold "(deleted)"
            if any(wanted in text for text in (arguments, (entry / "environ").read_bytes(), where)):
                found[int(entry.name)] = arguments.replace(b"\0", b" ").decode(errors="replace")
    return found
