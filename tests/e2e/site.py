"""A server with the tests' simulator on it, as a user has it in the configuration."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from tests.e2e import simulator
from tests.live.sshd import Sshd

Point = tuple[float, ...]
NAMES = ("x1", "x2", "x3")


@dataclass(frozen=True)
class Ledger:
    """What the simulator wrote of its runs; complete lines only."""

    path: Path

    def _lines(self) -> list[tuple[str, Point]]:
        if not self.path.exists():
            return []
        lines = [line.split(" ") for line in self.path.read_text().splitlines(keepends=True)]
        return [
            (word, tuple(map(float, text.split(",")))) for word, text in lines if text[-1] == "\n"
        ]

    def _points(self, word: str) -> Counter[Point]:
        return Counter(point for first, point in self._lines() if first == word)

    def add(self, word: str, text: str) -> None:
        """Add a line as the simulator does, about the run with the input `text`."""
        with self.path.open("ab", buffering=0) as ledger:
            ledger.write(f"{word} {text}\n".encode())

    def starts(self) -> Counter[Point]:
        """How often a run with each input began."""
        return self._points("start")

    def ends(self) -> Counter[Point]:
        """How often a run with each input came to its end."""
        return self._points("end")

    def killed(self) -> Counter[Point]:
        """How often a run with each input was about to be killed by a test."""
        return self._points("killed")

    def length(self) -> int:
        """How many lines there are."""
        return len(self._lines())

    def running(self) -> set[Point]:
        """The inputs of the runs that began and did not end."""
        course = list(self._course())
        return course[-1] if course else set()

    def most_at_once(self, since: int = 0) -> int:
        """How many runs there were at once, at the most, at each line from `since` on."""
        return max(map(len, list(self._course())[since:]), default=0)

    def _course(self) -> Iterator[set[Point]]:
        """What runs at each line: they stand in the order of time."""
        now: set[Point] = set()
        over: set[Point] = set()
        for word, point in self._lines():
            if word != "start":
                over.add(point)
            elif point not in over:
                now.add(point)
            now -= over
            yield set(now)


class Site:
    """The simulator, its ledger and its server's profile; in the configuration once made.

    Args:
        place: Where the simulator goes, and the workspace below it.
        sshd: The server, or None for this machine without SSH.
        refresh: Seconds between looks.
        profile: Further keys of the profile.
    """

    def __init__(
        self, place: Path, sshd: Sshd | None, *, refresh: float = 1.0, **profile: object
    ) -> None:
        self.directory = place / "site"
        self.directory.mkdir()
        script = self.directory / "simulator.py"
        shutil.copyfile(simulator.__file__, script)
        self.ledger = Ledger(self.directory / "ledger")
        self.gate = self.directory / "gate"
        self.workspace = self.directory / "workspace"
        table: dict[str, object] = {
            "kind": "local",
            "program": f"{sys.executable} -I -S",
            "script_path": str(script),
            "workspace_dir": str(self.workspace),
            "max_running": 0,
            "input_names": list(NAMES),
        }
        if sshd is not None:
            table |= {
                "kind": "unix",
                "host": sshd.host,
                "port": sshd.port,
                "user": sshd.user,
                "key_filename": str(sshd.keys.ed25519),
                "known_hosts": str(sshd.known_hosts),
            }
        self._table = table
        self._refresh = refresh
        self.configure(**profile)

    def configure(self, **profile: object) -> None:
        """Change keys of the profile in the configuration; None takes one away."""
        self._table |= profile
        table = {key: value for key, value in self._table.items() if value is not None}
        text = tomli_w.dumps({"servers": {"lab": table}, "app": {"refresh": self._refresh}})
        Path(os.environ["EXAUQ_TUI_CONFIG"]).write_text(text)

    def job_directories(self) -> list[str]:
        """The names of what is in the workspace and may be a job."""
        if not self.workspace.exists():
            return []
        return [name for name in os.listdir(self.workspace) if name.isdigit()]  # noqa: PTH208


def run_app(*arguments: str) -> str:
    """Run a command of `exauq-tui` that needs no terminal, and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "exauq_tui", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def recorded_jobs(*options: str) -> list[dict[str, Any]]:
    """What `exauq-tui jobs --json` prints."""
    jobs: list[dict[str, Any]] = json.loads(run_app("jobs", "--json", *options))
    return jobs
