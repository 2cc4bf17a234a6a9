"""Deleting job directories and workspaces, and what is never deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exauq_tui.errors import HardwareInterfaceFailureError
from exauq_tui.hardware import JobId, JobStatus
from tests.contract.machines import WAITS, Machine, end_of, job, run, wait_for_start


def test_a_job_that_ended_is_deleted_for_good(machine: Machine) -> None:
    there = machine.interface(machine.script('case $2 in */1/*) echo 1 >"$2" ;; esac'))
    run(there, 1, 2)
    (machine.job_dir(1) / "deep" / "er").mkdir(parents=True)
    for number in (1, 2):
        there.delete_remote_job_dir(JobId(number))
        assert not machine.job_dir(number).exists()
        assert there.get_job_status(JobId(number)) is JobStatus.PENDING_SUBMIT
        assert there.get_job_output(JobId(number)) is None
        with pytest.raises(ValueError, match="never submitted"):
            there.delete_remote_job_dir(JobId(number))
    assert not list((machine.workspace / ".exauq-tui").glob("trash*"))


def test_a_job_never_submitted_cannot_be_deleted(machine: Machine) -> None:
    there = machine.interface()
    with pytest.raises(ValueError, match="never submitted"):
        there.delete_remote_job_dir(JobId(1))
    run(there, 2)
    with pytest.raises(ValueError, match="never submitted"):
        there.delete_remote_job_dir(JobId(1))


def test_a_job_that_runs_cannot_be_deleted(machine: Machine) -> None:
    there = machine.interface(machine.script(WAITS))
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    with pytest.raises(ValueError, match="has not ended"):
        there.delete_remote_job_dir(JobId(1))
    machine.let_go(1)
    assert end_of(there, 1) is JobStatus.COMPLETED


def test_directories_of_digits_that_are_no_jobs_are_not_deleted(machine: Machine) -> None:
    there = machine.interface()
    run(there, 1)
    precious = machine.workspace / "2024"
    precious.mkdir()
    (precious / "results.csv").write_text("1")
    with pytest.raises(ValueError, match="never submitted"):
        there.delete_remote_job_dir(JobId(2024))
    assert (precious / "results.csv").exists()


def test_what_a_job_linked_to_is_not_deleted_with_it(machine: Machine) -> None:
    precious = machine.root / "precious"
    precious.mkdir()
    (precious / "file").touch()
    there = machine.interface(
        machine.script('ln -s "${0%/*}/precious" "${2%/*}/link"; echo 1 >"$2"')
    )
    run(there, 1, 2)
    there.delete_remote_job_dir(JobId(1))
    assert (precious / "file").exists()
    there.delete_workspace()
    assert (precious / "file").exists()


def test_deleting_the_workspace_takes_everything_and_waits_for_nobody(machine: Machine) -> None:
    there = machine.interface(machine.script(WAITS))
    there.submit_jobs([job(1), job(2)])
    for number in (1, 2):
        wait_for_start(machine, number)
    (machine.workspace / "notes.txt").write_text("mine")
    summary = there.describe_workspace()
    assert (summary.jobs, summary.running, summary.others) == (2, 2, ("notes.txt",))
    there.delete_workspace()
    assert not machine.workspace.exists()
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_SUBMIT
    there.delete_workspace()  # nothing is there, which is what was asked for
    assert there.describe_workspace().jobs == 0
    machine.interface(machine.script('echo 4 >"$2"', "other.sh"))
    assert there.workspace_dir == str(machine.workspace)


def test_a_new_workspace_follows_a_deleted_one(machine: Machine) -> None:
    there = machine.interface()
    run(there, 1)
    there.delete_workspace()
    run(there, 1)
    assert there.get_job_output(JobId(1)) == 1.5


def refused(machine: Machine, workspace: Path | str, script: Path | None = None) -> str:
    """Try to delete a workspace that must not be; give the words of the refusal."""
    there = machine.interface(script, workspace=workspace)
    with pytest.raises(ValueError, match="not deleted") as caught:
        there.delete_workspace()
    there.close()
    return str(caught.value)


def test_the_root_the_home_and_what_is_above_it_are_not_deleted(machine: Machine) -> None:
    keep = machine.home / "keep"
    keep.touch()
    (machine.root / "link").symlink_to(machine.home)
    for place in (
        "/",
        "/..",
        machine.home,
        f"{machine.home}/.",
        machine.home.parent,
        machine.root / "link",
        f"{machine.root}/..",
        "~",
        "~/",
        "~/..",
        ".",
        "..",
    ):
        assert "home directory" in refused(machine, place)
    assert keep.exists()


def test_a_workspace_that_holds_the_script_is_not_deleted(machine: Machine) -> None:
    place = machine.root / "project"
    place.mkdir()
    script = machine.script('echo 1 >"$2"', "project/model.sh")
    assert "holds the simulator script" in refused(machine, place, script)
    assert "holds the simulator script" in refused(
        machine, machine.root / "project/../project", script
    )
    (place / "sub").mkdir()
    deep = machine.script('echo 1 >"$2"', "project/sub/model.sh")
    assert "holds the simulator script" in refused(machine, place, deep)
    # The script that is configured is a link to one that would go with the workspace.
    link = machine.root / "link.sh"
    link.symlink_to(script)
    assert "holds the simulator script" in refused(machine, place, link)
    assert script.exists()
    assert deep.exists()


def test_the_home_of_another_account_is_not_deleted(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing can be deleted here, whatever the answer is.
    shims = here.root / "shims"
    shims.mkdir()
    (shims / "rm").write_text("#!/bin/sh\nexit 1\n")
    (shims / "rm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    homes = [
        home
        for home in (line.split(":")[5] for line in Path("/etc/passwd").read_text().splitlines())
        if os.access(home, os.X_OK) and Path(home).resolve() == Path(home)
    ]
    assert homes != []
    for home in homes[:5]:
        assert "home directory" in refused(here, home)


def test_a_workspace_that_cannot_be_deleted_is_told_in_words(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = here.interface()
    run(there, 1)
    there.close()
    shims = here.root / "shims"
    shims.mkdir()
    (shims / "rm").write_text('#!/bin/sh\necho "rm: cannot remove: Device busy" >&2\nexit 1\n')
    (shims / "rm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    again = here.interface()
    with pytest.raises(HardwareInterfaceFailureError, match="Device busy"):
        again.delete_workspace()
