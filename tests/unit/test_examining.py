"""Examinations carried out by a server's thread: over its connection, or by its next attempt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from exauq_tui.config import ServerProfile
from exauq_tui.errors import (
    AuthenticationError,
    ConnectionLostError,
    ServerRefusedError,
)
from exauq_tui.hardware.diagnosis import Check, Finding, Result, Trail, is_unreachable
from exauq_tui.monitor.examining import examine_profile
from exauq_tui.monitor.interfaces import Surroundings
from exauq_tui.monitor.snapshot import ServerState
from tests.unit.fake_interfaces import (
    PROFILE,
    TIMEOUT,
    FakeInterface,
    Hang,
    Lab,
    PlainInterface,
    Server,
    stands,
    until,
)

LOOKUP = Finding(Check.LOOKUP, Result.OK, "hpc1 is 10.0.0.1")
LOGIN = Finding(Check.AUTHENTICATION, Result.OK, "alice is let in by a key")
SCRIPT = Finding(Check.SCRIPT, Result.OK, "sim.py can be read")


class Examined(FakeInterface):
    """Takes two steps to connect, and finds the script."""

    is_remote = True

    def __init__(self, server: Server, profile: ServerProfile, around: Surroundings) -> None:
        super().__init__(server, profile, around)
        self.trail = Trail()
        self._listener: Callable[[Finding], None] | None = None

    def on_step(self, listener: Callable[[Finding], None] | None) -> None:
        self._listener = listener

    def connect(self) -> None:
        self._take(LOOKUP)
        self.trail = Trail((LOOKUP,), (Check.AUTHENTICATION, ""))
        super().connect()
        self._take(LOGIN)
        self.trail = Trail((LOOKUP, LOGIN))

    def _take(self, finding: Finding) -> None:
        if self._listener is not None:
            self._listener(finding)

    def examine(self) -> Iterator[Finding]:
        yield SCRIPT
        self.step("examine", lambda: None)


class Told:
    """What was told, from whatever thread."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.came = threading.Event()

    def __call__(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.came.set()


def failures(findings: tuple[Finding, ...]) -> list[Check]:
    return [each.check for each in findings if each.result is Result.FAILED]


def test_a_connected_server_is_examined_over_its_connection(lab: Lab, server: Server) -> None:
    fleet = lab.fleet(kind=Examined)
    stands(fleet, ServerState.UP)
    told = Told()
    findings = fleet.diagnose("hpc1", told).result(TIMEOUT)
    assert server.calls.count("connect") == 1
    assert set(told.findings) == set(findings)
    assert [each.check for each in findings if each.result is Result.OK] == [
        Check.PROFILE,
        Check.LOOKUP,
        Check.AUTHENTICATION,
        Check.SCRIPT,
    ]
    assert fleet.server("hpc1").state is ServerState.UP


def test_an_examination_before_the_start_watches_the_first_attempt(
    lab: Lab, server: Server
) -> None:
    fleet = lab.fleet(kind=Examined, start=False)
    told = Told()
    future = fleet.diagnose("hpc1", told)
    assert not future.done()
    fleet.start()
    future.result(TIMEOUT)
    assert told.findings[1:4] == [LOOKUP, LOGIN, SCRIPT]
    assert server.calls.count("connect") == 1


def test_a_server_that_waits_for_a_person_is_tried_once_for_an_examination(
    lab: Lab, server: Server
) -> None:
    server.faults["connect"].extend([AuthenticationError("no key does")] * 2)
    fleet = lab.fleet(kind=Examined)
    stands(fleet, ServerState.AUTH_NEEDED)
    findings = fleet.diagnose("hpc1", Told()).result(TIMEOUT)
    assert failures(findings) == [Check.AUTHENTICATION]
    assert server.calls.count("connect") == 2
    lab.let_others_look()
    assert server.calls.count("connect") == 2


def test_examinations_asked_for_at_once_share_one_attempt(lab: Lab, server: Server) -> None:
    server.faults["connect"].append(AuthenticationError("no key does"))
    fleet = lab.fleet(kind=Examined, start=False)
    futures = [fleet.diagnose("hpc1", Told()) for _ in range(5)]
    fleet.start()
    for future in futures:
        assert failures(future.result(TIMEOUT)) == [Check.AUTHENTICATION]
    assert server.calls.count("connect") == 1


def test_a_connection_lost_during_an_examination_is_its_last_finding(
    lab: Lab, server: Server
) -> None:
    server.faults["examine"].append(ConnectionLostError("the link broke"))
    fleet = lab.fleet(kind=Examined)
    findings = fleet.diagnose("hpc1", Told()).result(TIMEOUT)
    assert failures(findings) == [Check.CONNECTION]
    assert SCRIPT in findings
    assert is_unreachable(findings)
    stands(fleet, ServerState.UP)


def test_a_refusal_during_an_examination_does_not_end_the_connection(
    lab: Lab, server: Server
) -> None:
    server.faults["examine"].append(ServerRefusedError("not that"))
    fleet = lab.fleet(kind=Examined)
    assert failures(fleet.diagnose("hpc1", Told()).result(TIMEOUT)) == [Check.SERVER]
    assert server.calls.count("connect") == 1


def test_an_interface_that_cannot_be_examined_says_so(lab: Lab) -> None:
    fleet = lab.fleet(kind=PlainInterface)
    findings = fleet.diagnose("hpc1", Told()).result(TIMEOUT)
    assert findings[0].check is Check.PROFILE
    assert {each.found for each in findings[1:]} == {"cannot be examined"}


def test_a_profile_that_makes_no_interface_is_the_finding(lab: Lab) -> None:
    def refuse(profile: ServerProfile, around: Surroundings) -> FakeInterface:
        raise ValueError("give only one of them")

    fleet = lab.fleet(make=refuse)
    findings = fleet.diagnose("hpc1", Told()).result(TIMEOUT)
    assert failures(findings) == [Check.PROFILE]
    assert "give only one of them" in {each.found for each in findings}


def test_leaving_ends_an_examination(lab: Lab, server: Server) -> None:
    server.faults["connect"].append(Hang())
    fleet = lab.fleet(kind=Examined)
    future = fleet.diagnose("hpc1", Told())
    until(server.hangs.is_set)
    fleet.stop()
    assert is_unreachable(future.result(TIMEOUT)) or failures(future.result())
    late = fleet.diagnose("hpc1", Told())
    assert late.result(TIMEOUT)


def test_the_files_that_a_profile_names_are_looked_at(tmp_path: Path) -> None:
    key = tmp_path / "key"
    profile = replace(PROFILE, key_filename=str(key), source=tmp_path / "config.toml")
    finding = examine_profile(profile)
    assert (finding.result, "no file" in finding.found) == (Result.FAILED, True)
    key.touch(mode=0o644)
    finding = examine_profile(profile)
    assert (finding.result, "chmod 600" in finding.advice) == (Result.WARNING, True)
    key.chmod(0o600)
    assert examine_profile(profile).result is Result.OK
