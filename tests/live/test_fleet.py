"""The fleet against a real server: what it shows is what happened there, whatever breaks."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exauq_tui.hardware.agent import AgentSession
from exauq_tui.hardware.frames import Reply
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import ServerState
from tests.contract.machines import wait_until
from tests.live.conftest import MakeSite
from tests.live.outage import cut_connections, end
from tests.live.proxy import Proxy
from tests.live.site import Site
from tests.live.sshd import ClientKeys, Sshd, make_key
from tests.unit.fake_interfaces import TIMEOUT, reaches, row, stands, until

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("quick_retries")]

COMPLETED = JobStatus.COMPLETED


def all_reach(fleet: Fleet, keys: Sequence[int], *statuses: JobStatus) -> None:
    for key in keys:
        reaches(fleet, key, *statuses)


def test_sixty_jobs_end_with_the_right_statuses_outputs_and_logs(site: Site) -> None:
    fleet = site.fleet()
    inputs = [Input(98, n) if n % 10 == 7 else Input(n, -0.25) for n in range(60)]
    keys = fleet.submit("hpc1", inputs, batch="sixty")
    all_reach(fleet, keys, COMPLETED, JobStatus.FAILED)
    for key, data in zip(keys, inputs, strict=True):
        now = row(fleet, key)
        if data[0] == 98:
            assert (now.status, now.exit_code, now.output) == (JobStatus.FAILED, 1, None)
            continue
        until(lambda key=key: row(fleet, key).output is not None)  # type: ignore[misc]
        assert (now.status, row(fleet, key).output) == (COMPLETED, data[0] * 2 - 0.25)
        assert now.exit_code == 0
        assert now.submitted is not None
        assert now.started is not None
        assert now.finished is not None
        assert now.submitted <= now.started <= now.finished
    assert Counter(site.ledger()) == Counter(data.to_csv() for data in inputs)
    assert now.directory == f"{site.workspace}/{now.job_id}"
    log = fleet.read_log(keys[7], 0, 1000).result(TIMEOUT)
    assert log.data == b"running 98,7\nno convergence\n"
    assert (log.offset, log.size) == (0, len(log.data))
    assert fleet.read_log(keys[7], -15, 100).result(TIMEOUT).data == b"no convergence\n"


def test_jobs_are_cancelled_and_deleted_there(site: Site) -> None:
    fleet = site.fleet()
    running, other, done = fleet.submit("hpc1", [Input(99, 1), Input(99, 2), Input(1)])
    until(lambda: len(site.ledger()) == 3)
    reaches(fleet, done, COMPLETED)
    assert fleet.cancel([running]).asked == (running,)
    now = reaches(fleet, running, JobStatus.CANCELLED)
    assert now.finished is not None
    results = fleet.delete_jobs([running, other, done]).result(TIMEOUT)
    assert (results[running], results[done]) == ("", "")
    assert "cancel it first" in results[other]
    assert [each.name for each in site.workspace.glob("[0-9]*")] == [row(fleet, other).job_id]
    assert [each.key for each in fleet.rows()] == [other]
    site.go()
    reaches(fleet, other, COMPLETED)


def test_a_server_that_dies_and_comes_back_loses_and_doubles_nothing(own_site: Site) -> None:
    site = own_site
    fleet = site.fleet()
    waiting = fleet.submit("hpc1", [Input(99, n) for n in range(3)])
    keys = list(fleet.submit("hpc1", [Input(n) for n in range(40)]))
    all_reach(fleet, waiting, JobStatus.RUNNING)
    end(site.sshd)
    stands(fleet, ServerState.LOST)
    before = {each.key: each.status for each in fleet.rows()}
    keys += fleet.submit("hpc1", [Input(n) for n in range(40, 50)])
    assert fleet.cancel([waiting[2]]).asked == (waiting[2],)
    until(lambda: fleet.server("hpc1").next_try is not None)
    for each in fleet.rows():
        if each.key in before and each.key != waiting[2]:
            assert each.status is before[each.key]
    site.sshd.start()
    stands(fleet, ServerState.UP)
    all_reach(fleet, keys, COMPLETED)
    reaches(fleet, waiting[2], JobStatus.CANCELLED)
    assert [row(fleet, key).status for key in waiting[:2]] == [JobStatus.RUNNING] * 2
    site.go()
    all_reach(fleet, waiting[:2], COMPLETED)
    runs = Counter(site.ledger())
    assert runs == Counter([*(f"99,{n}" for n in range(3)), *(str(n) for n in range(50))])


def test_connections_that_break_again_and_again_lose_and_double_nothing(own_site: Site) -> None:
    site = own_site
    fleet = site.fleet()
    keys: list[int] = []
    for number in range(12):
        keys += fleet.submit("hpc1", [Input(number, n) for n in range(5)])
        if number % 3 == 0:
            stands(fleet, ServerState.UP)  # about to send, or in the middle of it
        elif number % 3 == 1:
            runs = len(site.ledger())
            until(lambda runs=runs: len(site.ledger()) > runs)  # type: ignore[misc]
        logins = site.sshd.log_text().count("Accepted publickey")
        cut_connections(site.sshd)
        # On a busy machine it may be over before it can be seen in the fleet's state.
        until(lambda logins=logins: site.sshd.log_text().count("Accepted publickey") > logins)  # type: ignore[misc]
    all_reach(fleet, keys, COMPLETED)
    assert Counter(site.ledger()) == Counter(f"{a},{n}" for a in range(12) for n in range(5))
    assert len({row(fleet, key).job_id for key in keys}) == 60


def test_a_refused_key_waits_for_a_person(site: Site, client_keys: ClientKeys) -> None:
    fleet = site.fleet(replace(site.profile, key_filename=str(client_keys.unwelcome)))
    stands(fleet, ServerState.AUTH_NEEDED)
    view = fleet.server("hpc1")
    assert view.next_try is None
    assert "unwelcome" in view.message
    (key,) = fleet.submit("hpc1", [Input(1)])
    fleet.stop()
    assert row(fleet, key).status is JobStatus.PENDING_SUBMIT
    assert site.ledger() == []
    again = site.fleet()
    reaches(again, key, COMPLETED)


def test_an_unknown_host_key_is_asked_about_once(site: Site) -> None:
    strange = replace(site.profile, known_hosts=None)
    fleet = site.fleet(strange)
    stands(fleet, ServerState.UP)
    assert len(site.person.asked) == 1
    assert "SHA256:" in site.person.asked[0]
    assert str(site.sshd.port) in site.own_known_hosts.read_text()
    fleet.stop()
    stands(site.fleet(strange), ServerState.UP)
    assert len(site.person.asked) == 1


def test_an_unknown_host_key_that_nobody_accepts_is_refused(site: Site) -> None:
    site.person.accept = False
    fleet = site.fleet(replace(site.profile, known_hosts=None))
    until(lambda: fleet.server("hpc1").state is ServerState.HOST_KEY_UNKNOWN)
    until(lambda: not fleet.server("hpc1").asks)
    assert fleet.server("hpc1").next_try is None
    assert not site.own_known_hosts.exists()
    site.person.accept = True
    fleet.look_now("hpc1")
    stands(fleet, ServerState.UP)


def test_a_changed_host_key_is_refused_without_asking(own_site: Site) -> None:
    site = own_site
    known = site.sshd.directory / "known before"
    shutil.copy(site.sshd.known_hosts, known)
    profile = replace(site.profile, known_hosts=str(known))
    fleet = site.fleet(profile)
    stands(fleet, ServerState.UP)
    (key,) = fleet.submit("hpc1", [Input(99)])
    reaches(fleet, key, JobStatus.RUNNING)
    end(site.sshd)
    for name in ("host_ed25519", "host_ecdsa"):
        for path in (site.sshd.directory / name, site.sshd.directory / f"{name}.pub"):
            path.unlink()
        make_key(site.sshd.directory / name, "-t", name.removeprefix("host_"))
    site.sshd.start()
    stands(fleet, ServerState.HOST_KEY_CHANGED)
    view = fleet.server("hpc1")
    assert view.next_try is None
    assert view.message.count("SHA256:") == 2
    assert site.person.asked == []
    assert row(fleet, key).status is JobStatus.RUNNING


def test_a_missing_script_fails_the_submission_which_can_be_tried_again(site: Site) -> None:
    site.script.rename(site.directory / "away")
    fleet = site.fleet()
    keys = fleet.submit("hpc1", [Input(5), Input(6)], batch="two")
    for key in keys:
        now = reaches(fleet, key, JobStatus.FAILED_SUBMIT)
        assert str(site.script) in now.error
    assert site.ledger() == []
    (site.directory / "away").rename(site.script)
    again = fleet.resubmit(keys)
    for old, new, output in zip(keys, again, (10, 12), strict=True):
        reaches(fleet, new, COMPLETED)
        until(lambda new=new, output=output: row(fleet, new).output == output)  # type: ignore[misc]
        now = row(fleet, new)
        assert now.job_id != row(fleet, old).job_id
        assert (now.try_of, now.try_number, now.batch) == (row(fleet, old).job_id, 2, "two")
        assert row(fleet, old).status is JobStatus.FAILED_SUBMIT
    # What never got there needs no directory to be deleted.
    assert fleet.delete_jobs(keys).result(TIMEOUT) == dict.fromkeys(keys, "")


def test_a_profile_without_a_workspace_gets_one_beside_the_script_and_keeps_it(
    site: Site,
) -> None:
    profile = replace(site.profile, workspace_dir=None)
    fleet = site.fleet(profile)
    stands(fleet, ServerState.UP)
    assert fleet.server("hpc1").workspace == ""
    (key,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, key, COMPLETED)
    (made,) = site.directory.glob("exauq*")
    until(lambda: fleet.server("hpc1").workspace == str(made))
    fleet.stop()
    second = site.fleet(profile)
    (other,) = second.submit("hpc1", [Input(2)])
    reaches(second, other, COMPLETED)
    assert list(site.directory.glob("exauq*")) == [made]
    assert all(each.current for each in second.rows())
    second.delete_workspace("hpc1").result(TIMEOUT)
    until(lambda: {each.note for each in second.rows()} == {GONE})
    assert not made.exists()
    assert [each.output for each in second.rows()] == [2, 4]
    (third,) = second.submit("hpc1", [Input(3)])
    assert reaches(second, third, COMPLETED).directory.startswith(f"{made}/")


def test_jobs_of_another_record_are_adopted_with_their_inputs(site: Site, tmp_path: Path) -> None:
    first = site.fleet()
    keys = first.submit("hpc1", [Input(1, 2.5), Input(98)])
    all_reach(first, keys, COMPLETED, JobStatus.FAILED)
    first.stop()
    with Record(tmp_path / "other.sqlite3") as record:
        second = Fleet([site.profile], record, site.person, refresh=0.2)
        second.start()
        try:
            until(lambda: len(second.rows()) == 2)
            until(lambda: second.rows()[0].output == 4.5)
            found = [(each.inputs, each.status) for each in second.rows()]
            assert found == [((1, 2.5), COMPLETED), ((98,), JobStatus.FAILED)]
            (again,) = second.resubmit([second.rows()[0].key])
            reaches(second, again, COMPLETED)
        finally:
            second.stop()


def test_two_fleets_send_each_job_once(site: Site) -> None:
    fleets = [site.fleet(), site.fleet()]
    keys = [key for n in range(20) for key in fleets[n % 2].submit("hpc1", [Input(n)])]
    for fleet in fleets:
        all_reach(fleet, keys, COMPLETED)
    assert Counter(site.ledger()) == Counter(str(n) for n in range(20))


@pytest.mark.parametrize("number", [200, pytest.param(2000, marks=pytest.mark.long)])
def test_outputs_come_with_the_ends_of_jobs_and_are_not_asked_for(
    make_site: MakeSite, sshd: Sshd, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    asked: Counter[str] = Counter()
    request = AgentSession.request

    def counted(session: AgentSession, verb: str, *arguments: Any, **options: Any) -> Reply:
        asked[verb] += 1
        return request(session, verb, *arguments, **options)

    monkeypatch.setattr(AgentSession, "request", counted)
    with Proxy(sshd.port) as proxy:
        site = make_site(
            sshd, port=proxy.port, program="bash", simulator='read -r x <"$1"; echo "$x.5" >"$2"\n'
        )
        fleet = site.fleet(replace(site.profile, max_running=4))
        stands(fleet, ServerState.UP)
        before = proxy.traffic()
        keys = fleet.submit("hpc1", [Input(n) for n in range(number)])

        def are_known() -> bool:
            outputs = {each.key: each.output for each in fleet.rows()}
            return [outputs[key] for key in keys] == [n + 0.5 for n in range(number)]

        wait_until(are_known, "all outputs", 60 + number / 5)
        turns = proxy.traffic().since(before).turns
        fleet.stop()
    assert asked["outputs"] == asked["jobs"] == asked["delta"] == 0
    assert turns <= 10 + number // 100  # a submission takes 500 jobs at most
