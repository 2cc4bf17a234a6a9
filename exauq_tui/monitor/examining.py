"""Examinations of one server that people asked for, carried out by its thread.

Where there is no connection, the server's own next attempt to make one is what is watched: an
examination never logs in beside it.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from exauq_tui.config import ServerProfile
from exauq_tui.errors import HardwareInterfaceFailureError
from exauq_tui.hardware.diagnosis import (
    Check,
    Finding,
    Result,
    Trail,
    completed,
    in_order,
    trouble,
)
from exauq_tui.hardware.interface import DiagnosesItself, HardwareInterface
from exauq_tui.monitor.contact import CUT_OFF, words_of

Tell = Callable[[Finding], None]
Findings = tuple[Finding, ...]


class Examinations:
    """Those under way for one server; safe between threads.

    Args:
        profile: The server.
    """

    def __init__(self, profile: ServerProfile) -> None:
        self._profile = profile
        self._lock = threading.Lock()
        self._waiting: list[_Examination] = []

    def adopt(self, profile: ServerProfile) -> None:
        """Go by a changed profile from now on."""
        self._profile = profile

    @property
    def are_waiting(self) -> bool:
        """Whether there is any."""
        return bool(self._waiting)

    def add(self, tell: Tell) -> Future[Findings]:
        """Begin one; `tell` hears each finding once, from whatever thread finds it."""
        examination = _Examination(tell)
        examination.say(examine_profile(self._profile))
        with self._lock:
            self._waiting.append(examination)
        return examination.result

    def step(self, finding: Finding) -> None:
        """Tell of a step of an attempt to connect, while that goes on."""
        with self._lock:
            waiting = tuple(self._waiting)
        for examination in waiting:
            examination.say(finding)

    def serve(self, interface: HardwareInterface) -> None:
        """Carry out what was asked for, now that there is a connection.

        Raises:
            HardwareInterfaceFailureError: The connection was lost meanwhile.
        """
        while (examination := self._take()) is not None:
            try:
                _examine(interface, examination)
            except BaseException:
                with self._lock:
                    self._waiting.append(examination)  # `fail` will tell of it
                raise
            self._finish(examination)

    def fail(self, interface: HardwareInterface | None, error: Exception) -> None:
        """Tell how far it came, now that the attempt to connect (or the connection) failed."""
        trail = interface.trail if isinstance(interface, DiagnosesItself) else Trail()
        if isinstance(error, HardwareInterfaceFailureError):
            last = trouble(trail, error)
        else:
            # Of a profile that makes no interface, or a fault of ours: either is told.
            last = Finding(Check.PROFILE, Result.FAILED, words_of(error))
        while (examination := self._take()) is not None:
            for finding in (*trail.findings, last):
                examination.say(finding)
            self._finish(examination)

    def _take(self) -> _Examination | None:
        with self._lock:
            return self._waiting.pop(0) if self._waiting else None

    def _finish(self, examination: _Examination) -> None:
        over_ssh = self._profile.kind != "local"
        for finding in completed(examination.said, over_ssh=over_ssh):
            examination.say(finding)
        examination.result.set_result(in_order(examination.said))


class _Examination:
    """One examination: what was told already, and who is told."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.said: list[Finding] = []
        self.result: Future[Findings] = Future()
        self.result.set_running_or_notify_cancel()

    def say(self, finding: Finding) -> None:
        """Tell a finding, unless the same was told before."""
        if finding not in self.said:
            self.said.append(finding)
            self._tell(finding)


def _examine(interface: HardwareInterface, examination: _Examination) -> None:
    if not isinstance(interface, DiagnosesItself):
        return
    for finding in interface.trail.findings:
        examination.say(finding)
    try:
        for finding in interface.examine():
            examination.say(finding)
    except CUT_OFF:
        raise
    except HardwareInterfaceFailureError as error:
        examination.say(trouble(Trail(), error))


def examine_profile(profile: ServerProfile) -> Finding:
    """Judge the files on this machine that a profile names; what is written in it was read."""
    where = f" in {profile.source}" if profile.source else ", built in"
    for key in ("key_filename", "ssh_config_path", "known_hosts"):
        name = getattr(profile, key)
        path = None if name is None else Path(name).expanduser()
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            return Finding(
                Check.PROFILE,
                Result.FAILED,
                f"{key}: {path} is no file that can be read",
                f"Correct {key} of [servers.{profile.name}]{where}.",
            )
    if profile.key_filename is not None:
        key_file = Path(profile.key_filename).expanduser()
        if key_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return Finding(
                Check.PROFILE,
                Result.WARNING,
                f"the private key {key_file} can be read by others on this machine",
                f"Make it yours alone: chmod 600 {key_file}",
            )
    return Finding(Check.PROFILE, Result.OK, f"[servers.{profile.name}]{where}")
