"""Links that fall silent without an end: how soon it is said, and what it costs a person."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from exauq_tui.config import ServerProfile
from exauq_tui.hardware import HardwareInterface, lookout
from exauq_tui.hardware.connection import turns
from exauq_tui.hardware.connection.authentication import Authentication, Plan
from exauq_tui.hardware.connection.pulse import LinkLimits
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor import pacing, standing
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.interfaces import MakeInterface, Surroundings, make_interface
from exauq_tui.monitor.snapshot import ServerState
from tests.figures import Tell
from tests.live.conftest import MakeSite
from tests.live.proxy import Proxy
from tests.live.site import Site
from tests.live.sshd import Sshd, descendants
from tests.unit.fake_interfaces import reaches, stands, until

pytestmark = pytest.mark.live

SUBMITTED, COMPLETED = JobStatus.SUBMITTED, JobStatus.COMPLETED
SHORT = LinkLimits(ping_after=0.3, lost_after=60.0)


def make_polled(limits: LinkLimits | None) -> MakeInterface:
    """Build interfaces whose server is never asked to tell of changes."""

    def make(profile: ServerProfile, around: Surroundings) -> HardwareInterface:
        interface = make_interface(profile, around, link_limits=limits)
        monkey = {"on_news": lambda listener: None}
        interface.__dict__.update(monkey)
        return interface

    return make


def make_with(limits: LinkLimits | None) -> MakeInterface:
    return partial(make_interface, link_limits=limits)


@pytest.fixture
def short_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign of life is overdue after some pings; an answer, never."""
    monkeypatch.setattr(standing, "SIGN_WITHIN", 2.0)
    monkeypatch.setattr(standing, "STALE_AFTER", 3600.0)


@pytest.fixture
def far(quiet_sshd: Sshd, proxy: Proxy, make_site: MakeSite) -> Iterator[Site]:
    """A site that is reached through a proxy."""
    yield make_site(quiet_sshd, port=proxy.port)
    proxy.come_back()


def agents(sshd: Sshd) -> list[int]:
    """The server program's processes."""
    assert sshd._process is not None
    found = []
    for pid in descendants(sshd._process.pid):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"-p" in words and b"-s" in words:
            found.append(pid)
    return found


@contextmanager
def busy_agent(sshd: Sshd) -> Iterator[None]:
    """Have the server program do nothing, while sshd goes on."""
    pids = agents(sshd)
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def a_pushing_server(site: Site, limits: LinkLimits | None) -> Fleet:
    fleet = site.fleet(make=make_with(limits))
    (key,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, key, COMPLETED)
    until(lambda: fleet.server("hpc1").next_try is None, "pushes")
    return fleet


def a_server_polled_once_a_minute(site: Site, limits: LinkLimits | None) -> Fleet:
    fleet = site.fleet(refresh=60.0, make=make_polled(limits))
    (key,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, key, COMPLETED, SUBMITTED, JobStatus.RUNNING)
    until(lambda: (fleet.server("hpc1").next_try or 0) - time.time() > 20, "a long pause")
    return fleet


Begin = Callable[[Site, LinkLimits | None], Fleet]


@pytest.mark.usefixtures("short_signs")
@pytest.mark.parametrize("begin", [a_pushing_server, a_server_polled_once_a_minute])
def test_a_dark_link_is_stale_and_goes_on_without_a_new_login_when_light_comes_back(
    far: Site, proxy: Proxy, begin: Begin
) -> None:
    fleet = begin(far, SHORT)
    proxy.go_dark()
    stands(fleet, ServerState.STALE)
    (key,) = fleet.submit("hpc1", [Input(2)])
    proxy.come_back()
    stands(fleet, ServerState.UP)
    reaches(fleet, key, COMPLETED, SUBMITTED, JobStatus.RUNNING)
    fleet.look_now()
    until(lambda: Counter(far.ledger()) == {"1": 1, "2": 1})
    assert proxy.traffic().connections == 1


@pytest.mark.usefixtures("short_signs")
def test_a_server_program_that_takes_long_is_not_stale_and_a_link_that_goes_dark_meanwhile_is(
    far: Site, proxy: Proxy
) -> None:
    fleet = far.fleet(refresh=60.0, make=make_polled(SHORT))
    stands(fleet, ServerState.UP)
    with busy_agent(far.sshd):
        (key,) = fleet.submit("hpc1", [Input(1)])
        turns_before = proxy.traffic().turns
        # Pings, each of them answered, for longer than a sign of life may take.
        until(lambda: proxy.traffic().turns > turns_before + 8)
        assert fleet.server("hpc1").state is ServerState.UP
        proxy.go_dark()
        stands(fleet, ServerState.STALE)
        proxy.come_back()
        stands(fleet, ServerState.UP)
        assert not far.ledger()
    reaches(fleet, key, SUBMITTED, JobStatus.RUNNING, COMPLETED)
    assert proxy.traffic().connections == 1


@pytest.mark.usefixtures("short_signs")
def test_a_link_that_cost_a_code_is_kept_through_a_longer_silence(
    far: Site, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove = Authentication.run

    def type_a_code(self: Authentication, plan: Plan) -> str:
        self.attempt.code_typed = True
        return prove(self, plan)

    monkeypatch.setattr(Authentication, "run", type_a_code)
    monkeypatch.setattr(lookout, "_ANSWER_WITHIN", 0.5)
    limits = LinkLimits(ping_after=0.3, lost_after=1.0, precious_after=60.0)
    fleet = a_pushing_server(far, limits)
    proxy.go_dark()
    stands(fleet, ServerState.STALE)
    (key,) = fleet.submit("hpc1", [Input(2)])
    begun = time.monotonic()
    until(lambda: time.monotonic() - begun > 3.0)
    assert fleet.server("hpc1").state is ServerState.STALE
    proxy.come_back()
    reaches(fleet, key, COMPLETED)
    assert fleet.server("hpc1").state is ServerState.UP
    assert proxy.traffic().connections == 1


@pytest.mark.usefixtures("short_signs", "quick_retries")
def test_a_link_that_stays_dark_is_lost_and_made_anew_and_what_was_asked_is_done_once(
    far: Site, proxy: Proxy
) -> None:
    limits = LinkLimits(ping_after=0.3, lost_after=1.5)
    fleet = a_pushing_server(far, limits)
    proxy.go_dark()
    (key,) = fleet.submit("hpc1", [Input(2)])
    lost = stands(fleet, ServerState.LOST)
    assert "nothing was heard from it for 1.5 s" in lost.message
    assert lost.next_try is not None
    proxy.come_back()
    reaches(fleet, key, COMPLETED)
    assert Counter(far.ledger()) == {"1": 1, "2": 1}


def test_an_idle_link_is_asked_for_a_sign_of_life_once_per_interval(
    far: Site, proxy: Proxy
) -> None:
    interval = 0.5
    fleet = far.fleet(
        refresh=3600.0, make=make_polled(LinkLimits(ping_after=interval, lost_after=60.0))
    )
    stands(fleet, ServerState.UP)
    until(lambda: (fleet.server("hpc1").next_try or 0) - time.time() > 3000)
    begun, before = time.monotonic(), proxy.traffic()
    until(lambda: proxy.traffic().since(before).turns >= 6)
    assert time.monotonic() - begun >= 5 * interval


@pytest.mark.parametrize("cuts", [5, pytest.param(30, marks=pytest.mark.long)])
def test_connections_that_are_cut_again_and_again_cost_one_login_each(
    far: Site, proxy: Proxy, cuts: int
) -> None:
    fleet = far.fleet()
    keys: list[int] = []
    for number in range(cuts):
        stands(fleet, ServerState.UP)
        keys += fleet.submit("hpc1", [Input(number, n) for n in range(3)])
        logins = far.sshd.log_text().count("Accepted publickey")
        assert proxy.cut() == 1
        until(lambda n=logins: far.sshd.log_text().count("Accepted publickey") > n)  # type: ignore[misc]
    for key in keys:
        reaches(fleet, key, COMPLETED)
    assert max(Counter(far.ledger()).values()) == 1
    assert len(far.ledger()) == 3 * cuts
    assert far.sshd.log_text().count("Accepted publickey") == cuts + 1
    assert far.sshd.log_text().count("Failed") == 0


def test_two_profiles_for_one_account_never_log_in_at_once(far: Site, proxy: Proxy) -> None:
    account = turns.account(far.sshd.user, far.sshd.host, proxy.port)
    with turns.turn([account], lambda: None):
        fleet = far.fleet()
        stands(fleet, ServerState.CONNECTING)
        fleet.look_now()
        waited = threading.Event()
        waited.wait(0.3)
        assert proxy.traffic().connections == 0
    stands(fleet, ServerState.UP)


@pytest.mark.long
@pytest.mark.parametrize("begin", [a_pushing_server, a_server_polled_once_a_minute])
def test_with_the_real_limits_silence_is_said_within_6_s_and_given_up_after_30(
    far: Site, proxy: Proxy, begin: Begin, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.unit.fake_interfaces.TIMEOUT", 60.0)
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 1.0)
    fleet = begin(far, None)
    proxy.go_dark()
    begun = time.monotonic()
    stands(fleet, ServerState.STALE)
    stale_after = time.monotonic() - begun
    stands(fleet, ServerState.LOST)
    lost_after = time.monotonic() - begun
    tell(stale_after=f"{stale_after:.1f} s", lost_after=f"{lost_after:.1f} s")
    assert stale_after <= 6.0
    assert 27.0 <= lost_after <= 33.0
    proxy.come_back()
    stands(fleet, ServerState.UP)
