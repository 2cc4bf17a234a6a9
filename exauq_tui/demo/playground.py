"""Throw-away directories, a profile and inputs with which the dashboard can be tried out."""

from __future__ import annotations

import atexit
import logging
import math
import os
import random
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType

from exauq_tui.config import ServerProfile
from exauq_tui.jobs import Input

SIMULATOR = Path(__file__).with_name("simulator.py")
"""The sample simulator's script."""

INPUT_NAMES = ("x1", "x2", "x3")
SERVER_NAME = "demo"
SPEED_VARIABLE = "EXAUQ_DEMO_SPEED"
_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_REMOVAL_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Playground:
    """A directory for one visit to the demo, removed with everything in it when left.

    A context manager. While it is open, SIGTERM and SIGHUP leave it as an exception would, so
    that nothing stays behind when the terminal window is closed. (Code that handles these
    signals by itself while it runs, as the dashboard does, only has to return.)

    Args:
        speed: What the simulator's seconds are multiplied by; None takes the environment
            variable ``EXAUQ_DEMO_SPEED``, else 1.
        parent: Where to make the directory; the system's place for temporary files by default.
    """

    def __init__(self, *, speed: float | None = None, parent: Path | None = None) -> None:
        self._speed = os.environ.get(SPEED_VARIABLE, "") if speed is None else repr(speed)
        self._parent = parent
        self._root: Path | None = None
        self._end_jobs: Callable[[], object] | None = None
        self._old_handlers: dict[signal.Signals, signal._HANDLER] = {}
        self._leaving = False

    @property
    def root(self) -> Path:
        """The directory that holds everything; there while the playground is open."""
        if self._root is None:
            raise RuntimeError("the playground is not open")
        return self._root

    @property
    def data_dir(self) -> Path:
        """Where the record of jobs belongs, so that the demo leaves the real one alone."""
        return self.root / "data"

    @property
    def workspace(self) -> Path:
        """Where the job directories belong."""
        return self.root / "workspace"

    @property
    def profile(self) -> ServerProfile:
        """This machine, with the sample simulator."""
        setup = f"export {SPEED_VARIABLE}={shlex.quote(self._speed)}" if self._speed else ""
        return ServerProfile(
            name=SERVER_NAME,
            kind="local",
            # -u: what the simulator prints is in the log at once, not when it ends.
            program=f"{shlex.quote(sys.executable)} -u",
            script_path=str(SIMULATOR),
            workspace_dir=str(self.workspace),
            setup=setup,
            # More than the cores of most machines: these jobs mostly sleep, and a few that
            # wait for a slot are worth seeing too.
            max_running=8,
            input_names=INPUT_NAMES,
        )

    def end_jobs_with(self, end_jobs: Callable[[], object]) -> None:
        """Set what ends the jobs that still run, called once before the directory is removed."""
        self._end_jobs = end_jobs

    def __enter__(self) -> Playground:
        self._leaving = False
        self._catch_signals()
        self._root = Path(tempfile.mkdtemp(prefix="exauq-demo-", dir=self._parent)).resolve()
        # For a signal that comes in the instant before __exit__ can note that it has begun.
        atexit.register(_remove, self._root)
        self.data_dir.mkdir()
        self.workspace.mkdir()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving = True
        # Again, because the dashboard's event loop resets the handlers when it closes.
        self._catch_signals()
        try:
            if self._end_jobs is not None:
                self._end_jobs()
        except Exception:  # noqa: BLE001 - a foreign callable; logged, and the removal goes on
            # The directory must go whatever happens; jobs of the sample simulator whose
            # directory is gone notice it and end by themselves.
            _log.exception("the demo's jobs could not be ended")
        finally:
            root, self._root = self.root, None
            _remove(root)
            atexit.unregister(_remove)
            self._restore_signals()

    def _catch_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # Python allows handlers in the main thread only
        for number in _ENDING_SIGNALS:
            old = signal.signal(number, self._leave)
            if old is not None:  # None: a handler that was not set from Python
                self._old_handlers.setdefault(number, old)

    def _restore_signals(self) -> None:
        for number, old in self._old_handlers.items():
            signal.signal(number, old)
        self._old_handlers.clear()

    def _leave(self, number: int, _frame: FrameType | None) -> None:
        if self._leaving:
            return  # already on the way out: being hurried must not leave anything behind
        raise SystemExit(128 + number)


def sample_inputs(count: int = 24, seed: int = 2) -> tuple[Input, ...]:
    """Draw inputs for the sample simulator, spread evenly as a Latin hypercube does.

    Each of the three ranges from -pi to pi is cut into `count` equal parts, and each part is
    used by exactly one input. So one in eight inputs, rounded, makes the simulator fail.
    """
    rng = random.Random(seed)  # noqa: S311 - the same inputs each time, not a secret
    columns = []
    for _ in INPUT_NAMES:
        parts = list(range(count))
        rng.shuffle(parts)
        # Four decimals are easy to read on the screen.
        columns.append([round((2 * (p + rng.random()) / count - 1) * math.pi, 4) for p in parts])
    return tuple(Input(*point) for point in zip(*columns, strict=True))


def _remove(root: Path) -> None:
    """Remove a tree in which processes may still be making files as they end."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while True:
        shutil.rmtree(root, ignore_errors=True)
        if not root.exists():
            return
        if time.monotonic() > deadline:
            _log.warning("could not remove %s", root)
            return
        time.sleep(0.1)
