"""`exauq-tui doctor` against real servers and this machine: each check, and what it leads to."""

from __future__ import annotations

import getpass
import json
import os
import stat
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from exauq_tui.errors import ServerRefusedError
from exauq_tui.hardware import LocalScriptInterface
from exauq_tui.hardware.diagnosis import Check, Finding, Result, Trail, has_failed, trouble
from exauq_tui.log_file import close_log, open_log
from exauq_tui.monitor.snapshot import ServerState
from exauq_tui.monitor.support_report import report_text
from tests.live.conftest import MakeSite
from tests.live.outage import end
from tests.live.sshd import PASSPHRASE, ClientKeys, Sshd, StartSshd
from tests.live.test_cli import Site
from tests.shell.standins import StandInInterface, old_bash, require_stand_ins
from tests.unit.fake_interfaces import TIMEOUT, stands, until

pytestmark = pytest.mark.live

Found = dict[str, tuple[str, str, str]]


@pytest.fixture
def site(tmp_path: Path, sshd: Sshd, isolated_home: Path) -> Site:
    return Site(tmp_path, sshd)


def examine(site: Site, check: int = 0) -> Found:
    """Run the command; each check with its result, what was found, and what to do."""
    done = site.run("doctor", "hpc1", "--json", check=check)
    return {
        each["check"]: (each["result"], each["found"], each["advice"])
        for each in json.loads(done.stdout)
    }


def results(found: Found, result: str) -> set[str]:
    return {check for check, (how, _, _) in found.items() if how == result}


def processes_with(words: str) -> list[str]:
    """The numbers of processes whose command lines hold some words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if words.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def test_a_good_server_passes_every_check(site: Site) -> None:
    found = examine(site)
    assert results(found, "failed") == results(found, "not checked") == set()
    assert found["name lookup"][1] == "127.0.0.1 is an address"
    assert found["TCP connection"][1] == f"127.0.0.1 port {site.sshd.port} answers"
    assert found["SSH server"][1].startswith("SSH-2.0-")
    assert f"known from {site.sshd.known_hosts}:1" in found["host key"][1]
    assert "SHA256:" in found["host key"][1]
    assert found["authentication"][1] == (
        f"{site.sshd.user} is let in by key file {site.sshd.keys.ed25519} (ssh-ed25519)"
    )
    assert found["sessions"][:2] == ("ok", "at least 4 at once on one connection")
    assert found["clock"][0] == "ok"
    assert found["program"][1] == sys.executable
    assert found["workspace"][1] == f"{site.directory / 'w'} will be made"
    assert not (site.directory / "w").exists()


def test_findings_are_printed_as_lines_with_what_to_do_below_them(site: Site) -> None:
    site.script.unlink()
    lines = site.run("doctor", "hpc1", check=1).stdout.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("failed"))
    assert lines[at].split() == ["failed", "script", "there", "is", "no", "file", str(site.script)]
    assert lines[at + 1].strip().startswith("-> Correct script_path")


def test_jobs_and_leftovers_of_a_workspace_are_counted(site: Site) -> None:
    site.run("submit", "hpc1", "--input", "1,2", "--wait")
    own = site.directory / "w" / ".exauq-tui"
    # What a connection does not clear away: of an hour ago, and of a job that was half made.
    (site.directory / "w" / "77").mkdir()
    (own / "trash-1-2-3-elsewhere").touch()
    (own / "claim-1-2").write_text("elsewhere boot 1 2\n77\nabc\n")
    for path in (own / "trash-1-2-3-elsewhere", own / "claim-1-2"):
        os.utime(path, (time.time() - 3600,) * 2)
    (own / "new-1-2").touch()  # perhaps somebody is just writing it
    found = examine(site)
    assert "1 jobs, 0 running, 0 waiting" in found["workspace"][1]
    result, words, advice = found["leftovers"]
    assert result == "warning"
    assert "half-deleted" in words
    assert "claims" in words
    assert "unfinished files" not in words
    assert "removes them" in advice


def test_a_workspace_that_cannot_be_made_is_told_with_the_reason(site: Site) -> None:
    (site.directory / "file").touch()
    site.write_config(
        key_filename=str(site.sshd.keys.ed25519),
        known_hosts=str(site.sshd.known_hosts),
        workspace_dir="/proc/nowhere",
    )
    result, words, _ = examine(site, check=1)["workspace"]
    assert result == "failed"
    assert "/proc/nowhere cannot be made" in words


def test_a_port_that_nobody_listens_on_is_told_apart_from_a_name_that_nobody_knows(
    tmp_path: Path, start_sshd: StartSshd, isolated_home: Path
) -> None:
    site = Site(tmp_path, start_sshd())
    end(site.sshd)
    found = examine(site, check=3)
    assert results(found, "failed") == {"TCP connection"}
    assert found["name lookup"][0] == "ok"
    assert found["host key"][:2] == (
        "not checked",
        "since this failed before: TCP connection",
    )
    site.write_config(host="no-such-host.invalid")
    assert results(examine(site, check=3), "failed") == {"name lookup"}


def test_a_key_that_is_not_welcome_is_tried_once_and_ends_with_exit_code_4(
    tmp_path: Path, start_sshd: StartSshd, client_keys: ClientKeys, isolated_home: Path
) -> None:
    site = Site(tmp_path, start_sshd())
    site.write_config(
        key_filename=str(client_keys.unwelcome), known_hosts=str(site.sshd.known_hosts)
    )
    found = examine(site, check=4)
    assert results(found, "failed") == {"authentication"}
    assert found["host key"][0] == "ok"
    assert "Bash" in results(found, "not checked")
    assert site.sshd.log_text().count("Connection closed by authenticating user") == 1


def test_an_unknown_host_key_ends_with_exit_code_4_before_any_proof_is_offered(
    site: Site, client_keys: ClientKeys
) -> None:
    site.write_config(key_filename=str(client_keys.ed25519))
    found = examine(site, check=4)
    assert results(found, "failed") == {"host key"}
    assert "SHA256:" in found["host key"][1]
    assert found["authentication"][0] == "not checked"


@pytest.mark.parametrize(("allowed", "opened"), [(1, 1), (2, 2)])
def test_a_server_of_few_sessions_is_examined_within_them(
    tmp_path: Path, start_sshd: StartSshd, isolated_home: Path, allowed: int, opened: int
) -> None:
    site = Site(tmp_path, start_sshd(extra=(f"MaxSessions {allowed}",)))
    found = examine(site)
    assert found["sessions"][:2] == ("warning", f"only {opened} at once on one connection")
    assert found["program"][0] == "ok"


def test_a_noisy_start_up_file_is_named(
    tmp_path: Path, start_sshd: StartSshd, isolated_home: Path
) -> None:
    site = Site(tmp_path, start_sshd())
    # Whatever the account's shell reads: what comes first on the channel is what counts.
    for name in (".bashrc", ".zshenv", ".cshrc"):
        (site.sshd.home / name).write_text("echo Welcome to the cluster\n")
    result, words, advice = examine(site)["login shell"]
    assert (result, "printed 22 bytes" in words) == ("warning", True)
    assert "scp" in advice


def test_setup_lines_are_rehearsed_without_starting_the_program(site: Site) -> None:
    keys = {
        "key_filename": str(site.sshd.keys.ed25519),
        "known_hosts": str(site.sshd.known_hosts),
    }
    bin_ = site.directory / "bin"
    bin_.mkdir()
    (bin_ / "simulate").write_text(f"#!/bin/sh\ntouch {site.directory}/started\n")
    (bin_ / "simulate").chmod(0o755)
    site.write_config(setup=f"PATH={bin_}:$PATH", program="simulate --now", **keys)
    found = examine(site)
    assert found["setup lines"][:2] == ("ok", "they run without an error")
    assert found["program"][1] == str(bin_ / "simulate")
    assert not (site.directory / "started").exists()
    site.write_config(setup="module load R", program="Rscript-9", **keys)
    found = examine(site, check=1)
    assert found["setup lines"][0] == "warning"
    assert found["program"][1] == "there is no program Rscript-9 on the server"
    site.write_config(setup="exit 3", **keys)
    found = examine(site, check=1)
    assert found["setup lines"][0] == "failed"
    assert found["program"][0] == "not checked"


def test_setup_lines_that_wait_for_ever_are_given_up(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exauq_tui.hardware.examining.REHEARSAL_LIMIT", 1)
    script = tmp_path / "sim.py"
    script.touch()
    mark = f"{tmp_path}/slept"
    setup = f"touch {mark}; while :; do :; done"
    with LocalScriptInterface("python3", str(script), "here", setup=setup) as interface:
        found = {finding.check: finding for finding in interface.examine()}
        assert found[Check.SETUP].result is Result.FAILED
        assert "had not ended after 1 s" in found[Check.SETUP].found
        assert Path(mark).exists()
        # What was begun is gone, and the session is as good as before.
        assert interface.describe_workspace().jobs == 0
    # A killed process is there until it has its next turn.
    until(lambda: not processes_with(mark), "the end of the rehearsal")


def test_this_machine_is_examined_without_the_checks_of_a_way(
    site: Site, isolated_home: Path
) -> None:
    site.write_config(kind="local", user="", host="", port=None)
    table = {"kind": "local", "program": "python3", "script_path": str(site.script)}
    rows = "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
    Path(os.environ["EXAUQ_TUI_CONFIG"]).write_text(f"[servers.hpc1]\n{rows}")
    found = examine(site)
    assert results(found, "failed") == results(found, "not checked") == set()
    assert not {"name lookup", "host key", "sessions", "clock", "login shell"} & set(found)
    assert f"a new one will be made in {site.directory}" in found["workspace"][1]


def test_an_old_bash_is_examined_all_the_same_and_one_that_is_too_old_is_named(
    isolated_home: Path, tmp_path: Path
) -> None:
    require_stand_ins()
    script = tmp_path / "sim.py"
    script.touch()
    bash = old_bash(tmp_path, "4.1.2(1)-release")
    with StandInInterface(bash, script, tmp_path / "w", 1) as interface:
        found = {finding.check: finding for finding in interface.examine()}
    assert not [each for each in found.values() if each.result is Result.FAILED]
    assert "4.1.2" in found[Check.SERVER].found
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ServerRefusedError) as caught:
        StandInInterface(old_bash(other, "3.2.57(1)-release"), script, tmp_path / "w", 1)
    last = trouble(Trail(), caught.value)
    assert (last.check, last.result) == (Check.SERVER, Result.FAILED)
    assert "Bash 3.2.57" in last.found
    assert "4.1 or newer" in last.found


def test_the_report_tells_all_but_what_could_be_a_secret(
    site: Site, isolated_home: Path, client_keys: ClientKeys
) -> None:
    site.write_config(
        key_filename=str(client_keys.ed25519),
        known_hosts=str(site.sshd.known_hosts),
        program=f"{sys.executable} --token hunter2",
        setup="export API_KEY=hunter3\necho my password is hunter4",
    )
    report = isolated_home / "report.txt"
    done = site.run("doctor", "hpc1", "--report", str(report))
    text = report.read_text()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert f"the report is in {report}" in done.stderr
    assert "hunter" not in text
    assert "setup = export ...; echo ..." in text
    assert getpass.getuser() in text
    assert "is CONNECTING" in text
    for line in done.stdout.splitlines():
        if not line.strip().startswith(("it printed", "->")) and "->" not in line:
            assert line.split("  ")[0] in text


def test_a_passphrase_that_was_typed_is_in_no_report_and_no_log(
    make_site: MakeSite, sshd: Sshd, client_keys: ClientKeys, tmp_path: Path
) -> None:
    place = make_site(sshd)
    place.person.secret = PASSPHRASE
    profile = replace(place.profile, key_filename=str(client_keys.encrypted))
    log = tmp_path / "log"
    handler = open_log(log)
    try:
        fleet = place.fleet(profile, start=False)
        told: list[Finding] = []
        future = fleet.diagnose("hpc1", told.append)
        fleet.start()
        findings = future.result(TIMEOUT)
    finally:
        close_log(handler)
    assert place.person.asked
    assert not has_failed(findings)
    text = report_text("hpc1", profile, findings, log, time.time())
    assert "waiting for your answer" in text
    assert PASSPHRASE not in text
    assert PASSPHRASE not in log.read_text()
    assert PASSPHRASE not in repr(told)


def test_the_steps_of_a_server_on_the_way_are_told_apart(
    make_site: MakeSite, start_sshd: StartSshd, sshd: Sshd, isolated_home: Path
) -> None:
    place = make_site(sshd)
    jump = start_sshd()
    hosts = isolated_home / "hosts"
    hosts.write_text(sshd.known_hosts.read_text() + jump.known_hosts.read_text())
    config = isolated_home / "ssh_config"
    config.write_text(
        f"Host *\n User {sshd.user}\n IdentityFile {sshd.keys.ed25519}\n"
        f" UserKnownHostsFile {hosts}\n"
        f"Host jump\n HostName {jump.host}\n Port {jump.port}\n"
        f"Host target\n HostName {sshd.host}\n Port {sshd.port}\n ProxyJump jump\n"
    )
    profile = replace(
        place.profile, host="target", user="", port=None, key_filename=None, known_hosts=None,
        ssh_config_path=str(config),
    )  # fmt: skip
    findings = place.fleet(profile).diagnose("hpc1", lambda _: None).result(TIMEOUT)
    assert not has_failed(findings)
    found = {finding.label: finding.found for finding in findings}
    assert found["TCP connection of jump"] == f"127.0.0.1 port {jump.port} answers"
    assert found["TCP connection"] == "made by jump (ProxyJump)"
    assert "SHA256:" in found["host key of jump"]
    end(jump)
    place.person.secret = None
    again = place.fleet(profile, record="other").diagnose("hpc1", lambda _: None).result(TIMEOUT)
    (failed,) = [each.label for each in again if each.result is Result.FAILED]
    assert failed == "TCP connection of jump"


def test_the_users_own_ssh_program_is_not_made_to_log_in_again(
    make_site: MakeSite, start_sshd: StartSshd
) -> None:
    place = make_site(start_sshd())
    profile = replace(place.profile, ssh_backend="openssh")
    before = place.sshd.log_text().count("Accepted publickey")
    fleet = place.fleet(profile)
    stands(fleet, ServerState.UP)
    findings = fleet.diagnose("hpc1", lambda _: None).result(TIMEOUT)
    assert not has_failed(findings)
    found = {finding.check: finding for finding in findings}
    assert found[Check.SSH].found == "reached by the ssh program of this machine"
    assert found[Check.SESSIONS].result is Result.NOT_CHECKED
    assert found[Check.SCRIPT].result is Result.OK
    assert place.sshd.log_text().count("Accepted publickey") == before + 1


def test_a_profile_that_cannot_be_used_is_a_finding(site: Site) -> None:
    site.write_config(hots="x")
    found = examine(site, check=1)
    assert found["profile"][0] == "failed"
    assert "hots" in found["profile"][1]
    assert found["name lookup"][0] == "not checked"
    site.run("doctor", "nobody", check=2)
