"""Ends the processes that manage and run the jobs of a workspace, at random moments."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.contract.machines import alive
from tests.e2e.site import Site
from tests.e2e.terminal import wait_until

_TICK = 0.0005
_YOUNG = 40
_MANY = 4
_LONGEST_HUNT = 5.0


class Killer:
    """Kills by SIGKILL, and keeps account of it.

    Args:
        site: Whose jobs.
        rng: Draws victims and delays.
    """

    def __init__(self, site: Site, rng: random.Random) -> None:
        self._site = site
        self._rng = rng
        self.count: Counter[str] = Counter()
        """How many were killed, by kind."""
        self.touched: set[str] = set()
        """The ids of jobs whose processes were killed, after whatever they had come to."""

    def kill(self, kind: str) -> None:
        """Kill a process (or group) of a kind; of another where none of it could be caught."""
        hunts: dict[str, Callable[[], bool]] = {
            "recorder": self._kill_recorder,
            "young recorder": self._kill_young_recorder,
            "group": self._kill_group,
            "simulator": self._kill_simulator,
            "filler": self._kill_recorder_as_filler,
        }
        # Those that live for a moment only are not always seen on a busy machine.
        if not self._hunt(hunts[kind]):
            kind = "recorder"
            wait_until(hunts[kind], "there is a recorder to kill")
        self.count[kind] += 1

    def kill_filler_of_submission(self) -> None:
        """Kill what an agent starts to fill slots, where it can be caught."""
        marks = (b".exauq-tui/program-", b"\0fill\0", self._workspace)
        if self._hunt(lambda: any(self._end(pid, self._delay()) for pid in _youngest(*marks))):
            self.count["filler of a submission"] += 1

    def _hunt(self, verb: Callable[[], bool]) -> bool:
        """Try again and again to kill something, while a few jobs come and go."""
        before = self._site.ledger.starts().total()
        deadline = time.monotonic() + _LONGEST_HUNT
        while not (hit := verb()) and time.monotonic() < deadline:
            if self._site.ledger.starts().total() > before + _MANY:
                break
        return hit

    def _delay(self) -> float:
        return self._rng.uniform(0.0, 0.02)

    @property
    def _workspace(self) -> bytes:
        return os.fsencode(str(self._site.workspace))

    def _jobs(self) -> list[Path]:
        """The directories of jobs that run, in random order."""
        found = [
            directory
            for directory in map(self._site.workspace.joinpath, self._site.job_directories())
            if (directory / "SIM").exists() and not (directory / "END").exists()
        ]
        self._rng.shuffle(found)
        return found

    def _kill_recorder(self) -> bool:
        return any(self._hit(job, _recorder_of(job)) for job in self._jobs())

    def _kill_young_recorder(self) -> bool:
        for pid in _youngest(b"/runner.sh", self._workspace):
            with suppress(OSError, IndexError):
                runner = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2]
                job = Path(os.fsdecode(runner)).parent
                if not (job / "SIM").exists():
                    return self._hit(job, pid, self._delay())
        return False

    def _kill_group(self) -> bool:
        # Its number is the recorder's, which made it.
        return any(self._hit(job, -_recorder_of(job), ends_run=True) for job in self._jobs())

    def _kill_simulator(self) -> bool:
        return any(self._hit(job, _simulator_of(job), ends_run=True) for job in self._jobs())

    def _kill_recorder_as_filler(self) -> bool:
        """Kill a recorder that saw its job end, and is recording that or filling the slot."""
        jobs = self._jobs()
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            for job in jobs:
                if (job / "END").exists():
                    return self._hit(job, _recorder_of(job), self._delay())
        return False

    def _hit(self, job: Path, pid: int, delay: float = 0.0, *, ends_run: bool = False) -> bool:
        if not pid:
            return False
        if ends_run and alive(abs(pid)):
            # Before, so that the ledger never tells of more runs at once than there were.
            self._site.ledger.add("killed", (job / "input.csv").read_text().strip())
        self.touched.add(job.name)
        return self._end(pid, delay)

    def _end(self, pid: int, delay: float) -> bool:
        if delay:
            time.sleep(delay)  # at no particular point of what it does
        if not alive(abs(pid)):
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        wait_until(lambda: not alive(abs(pid)), "the victim is dead", pause=_TICK)
        return True


def _recorder_of(job: Path) -> int:
    words = (job / "START").read_text().split()
    return int(words[2]) if len(words) > 3 and alive(int(words[2])) else 0


def _simulator_of(job: Path) -> int:
    words = (job / "SIM").read_text().split()
    return int(words[0]) if words and alive(int(words[0])) else 0


def _youngest(*marks: bytes) -> list[int]:
    """Those of the youngest processes that lead a session and have all these in their command line.

    Those that lead none are on their way to become something else: a copy of a filler, say,
    that will be a recorder in a moment.
    """
    found = []
    pids = sorted(map(int, filter(str.isdigit, os.listdir("/proc"))), reverse=True)  # noqa: PTH208
    for pid in pids[:_YOUNG]:
        with suppress(OSError):
            leads = os.getsid(pid) == pid  # asked first: from here on it stays what it is
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if leads and all(mark in command for mark in marks):
                found.append(pid)
    return found
