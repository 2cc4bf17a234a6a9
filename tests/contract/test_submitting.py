"""Submitting: ids, resubmission, workspaces, paths, the surroundings of a job, refusals."""

from __future__ import annotations

import os
import re
import shlex
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from exauq_tui.errors import ConnectionLostError, HardwareInterfaceFailureError
from exauq_tui.hardware import Input, Job, JobId, JobStatus
from tests.contract.machines import (
    PATIENCE,
    WAITS,
    Machine,
    end_of,
    ends_of,
    job,
    run,
    wait_for_start,
)

ODD_NAMES = {
    "spaces": "  two  spaces ",
    "quotes": 'it\'s a "name" `x`',
    "shell characters": "$HOME;exit&&(a|b)<c>!#*?[x]{y,z}%s",
    "backslashes": "a\\b\\n\\\\c\\",
    "line ends": "two\nlines\n",
    "other scripts": "模型 ünïcødé 🧪",
    "no text at all": os.fsdecode(b"caf\xe9\xff\x01\x7f\x1b[31m"),
    "a dash": "-rf",
    "a tilde": "~root",
}


# Ids


def test_the_same_id_twice_is_a_value_error(machine: Machine) -> None:
    there = machine.interface()
    there.submit_job(job(1, 1.0))
    with pytest.raises(ValueError, match="already submitted"):
        there.submit_job(job(1, 2.0))
    end_of(there, 1)
    with pytest.raises(ValueError, match="already submitted"):
        there.submit_job(job(1, 1.0))
    assert there.get_job_inputs([JobId(1)]) == {JobId(1): Input(1.0)}


def test_a_job_that_ended_in_any_way_is_resubmitted_on_request(machine: Machine) -> None:
    script = machine.script(
        'case $(cat "$1") in 1.0) echo 1 >"$2" ;; 2.0) exit 1 ;; *) sleep 100 ;; esac'
    )
    there = machine.interface(script, cancel_grace=1.0)
    there.submit_jobs([job(1, 1.0), job(2, 2.0), job(3, 3.0)])
    assert end_of(there, 1) is JobStatus.COMPLETED
    assert end_of(there, 2) is JobStatus.FAILED
    there.cancel_job(JobId(3))
    assert end_of(there, 3) is JobStatus.CANCELLED
    for number in (1, 2, 3):
        stale = machine.job_dir(number) / "left by the first try"
        stale.touch()
        there.submit_job(job(number, 1.0), resubmit=True)
        assert not stale.exists()
        assert end_of(there, number) is JobStatus.COMPLETED
        assert there.get_job_output(JobId(number)) == 1.0


def test_a_job_that_has_not_ended_is_not_resubmitted(machine: Machine) -> None:
    there = machine.interface(machine.script(WAITS))
    with pytest.raises(ValueError, match="Pending submit"):
        there.submit_job(job(1), resubmit=True)
    assert not machine.job_dir(1).exists()
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    with pytest.raises(ValueError, match="Running"):
        there.submit_job(job(1), resubmit=True)
    machine.let_go(1)
    assert end_of(there, 1) is JobStatus.COMPLETED


# Workspaces


def test_without_a_workspace_one_is_made_beside_the_script_at_the_first_submission(
    machine: Machine,
) -> None:
    there = machine.interface(workspace=None)
    before = set(machine.root.iterdir())
    assert there.workspace_dir is None
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_SUBMIT
    assert there.get_job_output(JobId(1)) is None
    there.cancel_job(JobId(1))
    assert there.look().reports == ()
    assert there.workspace_dir is None
    assert set(machine.root.iterdir()) == before

    run(there, 1)
    (made,) = set(machine.root.iterdir()) - before
    assert re.fullmatch(r"exauq[A-Za-z0-9]{5}", made.name)
    assert there.workspace_dir == str(made)
    run(there, 2)
    assert set(machine.root.iterdir()) == before | {made}


def test_a_missing_workspace_is_made_with_its_parents_at_the_first_submission(
    machine: Machine,
) -> None:
    place = machine.root / "deep" / "deeper" / "ws"
    there = machine.interface(workspace=place)
    assert there.workspace_dir == str(place)
    assert not (machine.root / "deep").exists()
    run(there, 1)
    assert (place / "1" / "output.txt").exists()
    assert there.workspace_dir == str(place)


def test_jobs_in_an_existing_workspace_are_known_to_a_new_object(machine: Machine) -> None:
    script = machine.script(
        'echo hello; case $1 in */2/*) exit ;; */3/*) sleep 99 ;; esac; echo 5 >"$2"'
    )
    first = machine.interface(script, cancel_grace=1.0)
    first.submit_jobs([job(1, 1.0), job(2, 2.0), job(3, 3.0)])
    ends_of(first, [1, 2])
    wait_for_start(machine, 3)
    first.close()

    second = machine.interface(script, cancel_grace=1.0)
    ids = [JobId(number) for number in (1, 2, 3)]
    assert list(second.get_job_statuses(ids).values()) == [
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.RUNNING,
    ]
    assert second.get_job_outputs(ids) == {ids[0]: 5.0, ids[1]: None, ids[2]: None}
    assert {report.job_id for report in second.look().reports} == set(ids)
    assert second.get_job_inputs([ids[2]]) == {ids[2]: Input(3.0)}
    assert second.read_job_log(ids[1], 0, 100).data == b"hello\n"
    with pytest.raises(ValueError, match="already submitted"):
        second.submit_job(job(1))
    second.cancel_job(ids[2])
    assert second.get_job_status(ids[2]) is JobStatus.CANCELLED
    second.delete_remote_job_dir(ids[0])
    assert second.get_job_status(ids[0]) is JobStatus.PENDING_SUBMIT


def test_two_objects_on_one_workspace_see_each_other_s_jobs(machine: Machine) -> None:
    first, second = (
        machine.interface(machine.script(WAITS)),
        machine.interface(machine.script(WAITS)),
    )
    first.submit_job(job(1))
    second.submit_job(job(2))
    for there, other in ((first, 2), (second, 1)):
        wait_for_start(machine, other)
        assert there.get_job_status(JobId(other)) is JobStatus.RUNNING
    second.cancel_job(JobId(1))
    assert first.get_job_status(JobId(1)) is JobStatus.CANCELLED
    machine.let_go(2)
    assert end_of(first, 2) is JobStatus.COMPLETED
    first.delete_remote_job_dir(JobId(2))
    assert second.get_job_status(JobId(2)) is JobStatus.PENDING_SUBMIT


def test_a_workspace_that_vanished_is_made_anew(machine: Machine) -> None:
    there = machine.interface()
    run(there, 1)
    machine.workspace.rename(machine.root / "moved away")
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_SUBMIT
    assert run(there, 1) == {JobId(1): JobStatus.COMPLETED}


# Paths


@pytest.mark.parametrize("odd", ODD_NAMES.values(), ids=ODD_NAMES)
def test_odd_paths_and_arguments_arrive_as_they_are(machine: Machine, odd: str) -> None:
    place = machine.root / odd
    place.mkdir()
    program = place / f"{odd} program"
    program.write_text(
        '#!/bin/bash\nprintf "%s\\0" "$1" >"${0%/*}/argument"\nshift\nexec bash "$@"\n'
    )
    program.chmod(0o755)
    script = place / f"{odd}.sh"
    script.write_text('echo "log of $PWD"; cp "$1" "$2"\n')
    workspace = place / odd / "ws"
    words = shlex.join([str(program), odd])
    there = machine.interface(script, program=words, workspace=workspace, cancel_grace=1.0)
    assert there.workspace_dir == str(workspace)
    there.submit_job(job(1, 6.5))
    assert end_of(there, 1) is JobStatus.COMPLETED
    assert there.workspace_dir == str(workspace)
    assert (place / "argument").read_bytes() == os.fsencode(odd) + b"\0"
    assert there.get_job_output(JobId(1)) == 6.5
    assert there.read_job_log(JobId(1), 0, 8).data == b"log of /"
    assert (workspace / "1" / f"{odd}.sh.out").exists()
    script.write_text("echo; sleep 100")
    there.submit_job(job(2))
    there.cancel_job(JobId(2))
    assert there.get_job_status(JobId(2)) is JobStatus.CANCELLED
    assert (
        machine.interface(script, program=words, workspace=workspace).get_job_output(JobId(1))
        == 6.5
    )
    there.delete_remote_job_dir(JobId(2))
    there.delete_workspace()
    assert not workspace.exists()
    assert sorted(place.iterdir()) == sorted([place / "argument", program, script, place / odd])


@pytest.mark.parametrize("odd", ODD_NAMES.values(), ids=ODD_NAMES)
def test_odd_relative_paths_start_where_the_session_starts(machine: Machine, odd: str) -> None:
    # Unlike the others these stand in the session's own directory: a name of their own.
    name = f"{odd}{machine.root.name}"
    script = machine.home / name
    script.write_text('cp "$1" "$2"')
    there = machine.interface(name, workspace=f"{name} ws")
    there.submit_job(job(1, 2.5))
    assert end_of(there, 1) is JobStatus.COMPLETED
    assert there.workspace_dir == str(machine.home / f"{name} ws")
    assert there.get_job_output(JobId(1)) == 2.5
    there.delete_workspace()
    script.unlink()


def test_a_leading_tilde_is_home_and_nothing_else_is_expanded(machine: Machine) -> None:
    place = machine.home / f"$HOME {machine.root.name}"
    place.mkdir()
    (place / "~model.sh").write_text('cp "$1" "$2"')
    program = place / "prog ram"
    program.write_text('#!/bin/bash\necho "$1"; shift; exec bash "$@"\n')
    program.chmod(0o755)
    there = machine.interface(
        f"~/{place.name}/~model.sh",
        program=f"'~/{place.name}/prog ram' '~/$HOME'",
        workspace=f"~/{place.name}/~/ws",
    )
    assert there.workspace_dir == f"{place}/~/ws"
    run(there, 1)
    assert (place / "~" / "ws" / "1" / "output.txt").exists()
    assert there.read_job_log(JobId(1), 0, 100).data == b"~/$HOME\n"


def test_one_workspace_has_one_name_whatever_links_lead_to_it(machine: Machine) -> None:
    machine.workspace.mkdir()
    (machine.root / "link").symlink_to(machine.workspace)
    there = machine.interface(workspace=f"{machine.root}/./link/../link")
    assert there.workspace_dir == str(machine.workspace)
    run(there, 1)
    assert (machine.job_dir(1) / "output.txt").exists()


def test_a_program_may_be_named_as_an_option_is(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = here.root / "-c"
    program.write_text('#!/bin/bash\nexec bash "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{here.root}:{os.environ['PATH']}")
    assert run(here.interface(program="-c"), 1) == {JobId(1): JobStatus.COMPLETED}


# A job's surroundings

TELLS_ENVIRONMENT = 'env -0 >"${2%/*}/environment"; export LEAKED=1; echo 1 >"$2"'


def environment(machine: Machine, number: int) -> dict[str, str]:
    text = (machine.job_dir(number) / "environment").read_text()
    return dict(line.split("=", 1) for line in text.split("\0") if line)


def test_setup_lines_run_first_and_reach_the_program(machine: Machine) -> None:
    setup = "export GREETING=\"a 'b' \\$c\"\nload() { export LOADED=$1; }\nload 'R 4'\n# done"
    there = machine.interface(machine.script(TELLS_ENVIRONMENT), setup=setup)
    run(there, 1)
    assert environment(machine, 1)["GREETING"] == "a 'b' $c"
    assert environment(machine, 1)["LOADED"] == "R 4"


def test_a_program_that_only_setup_makes_available_is_found(machine: Machine) -> None:
    place = machine.root / "bin of a module"
    place.mkdir()
    (place / "solver").symlink_to("/bin/bash")
    setup = f"PATH=$PATH:{shlex.quote(str(place))}"
    assert run(machine.interface(program="solver", setup=setup), 1) == {
        JobId(1): JobStatus.COMPLETED
    }


def test_setup_lines_that_exit_end_the_job_as_failed(machine: Machine) -> None:
    there = machine.interface(setup="echo module not found >&2; exit 9")
    assert run(there, 1) == {JobId(1): JobStatus.FAILED}
    (report,) = there.look().reports
    assert report.exit_code == 9
    assert there.read_job_log(JobId(1), 0, 100).data == b"module not found\n"


def test_a_job_inherits_nothing_from_the_job_before(machine: Machine) -> None:
    script = machine.script(TELLS_ENVIRONMENT)
    run(machine.interface(script, setup="export SECRET=1 LC_ALL=C.UTF-8"), 1)
    plain = machine.interface(script)
    run(plain, 2)
    run(plain, 3)
    second, third = environment(machine, 2), environment(machine, 3)
    assert "SECRET" not in second
    assert "LEAKED" not in third
    assert second.pop("EXAUQ_TUI_JOB").startswith("2:")
    assert third.pop("EXAUQ_TUI_JOB").startswith("3:")
    assert second == third
    assert not [name for name in second if name.startswith(("exauq_", "EXAUQ_PROGRAM"))]


def test_a_job_has_the_locale_of_the_session(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = here.script(TELLS_ENVIRONMENT)
    for number, locale in enumerate((None, "", "C.UTF-8", "de_DE.UTF-8"), 1):
        monkeypatch.delenv("LC_ALL", raising=False)
        if locale is not None:
            monkeypatch.setenv("LC_ALL", locale)
        run(here.interface(script), number)
        assert environment(here, number).get("LC_ALL") == locale


def test_a_job_that_a_job_submits_is_not_marked_as_part_of_it(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAUQ_TUI_JOB", "1:of-the-outer-job")
    there = here.interface(here.script(WAITS))
    there.submit_job(job(2))
    wait_for_start(here, 2)
    recorder = (here.job_dir(2) / "PID").read_text()
    assert b"of-the-outer-job" not in Path(f"/proc/{recorder}/environ").read_bytes()


def status_fields(text: str) -> dict[str, str]:
    """Read /proc/PID/status."""
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_no_signal_that_simulators_rely_on_is_ignored_or_blocked_in_a_job(
    machine: Machine,
) -> None:
    there = machine.interface(machine.script('cat /proc/self/status; echo 1 >"$2"'))
    run(there, 1)
    fields = status_fields(there.read_job_log(JobId(1), 0, 10000).data.decode())
    # A hangup that the tests themselves were told to ignore (by nohup) no shell can heed again.
    ours = status_fields(Path("/proc/self/status").read_text())
    for mask in ("SigIgn", "SigBlk"):
        bits = int(fields[mask], 16) & ~(int(ours[mask], 16) & 1)
        for number in (1, 13, 14, 15, 17):  # HUP PIPE ALRM TERM CHLD
            assert not bits & 1 << (number - 1), (mask, number)


def test_a_job_holds_no_file_of_ours_open(machine: Machine) -> None:
    there = machine.interface(machine.script('ls /proc/self/fd; echo 1 >"$2"'))
    run(there, 1)
    opened = there.read_job_log(JobId(1), 0, 1000).data.decode().split()
    assert set(opened) == {"0", "1", "2", "3"}  # 3 is the directory that `ls` reads


# Refusals


def test_a_missing_script_is_told_in_words_and_nothing_is_made(machine: Machine) -> None:
    there = machine.interface(machine.root / "no such model.py")
    with pytest.raises(HardwareInterfaceFailureError, match=r"no simulator script .*no such model"):
        there.submit_job(job(1))
    assert not machine.workspace.exists()
    Path(machine.root / "no such model.py").write_text('echo 2 >"$2"')
    assert run(there, 1) == {JobId(1): JobStatus.COMPLETED}


def test_a_missing_program_is_told_in_words_and_the_id_stays_free(machine: Machine) -> None:
    there = machine.interface(program="no-such-program -u")
    with pytest.raises(HardwareInterfaceFailureError, match="no program no-such-program"):
        there.submit_job(job(1))
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_SUBMIT
    assert run(machine.interface(), 1) == {JobId(1): JobStatus.COMPLETED}


def test_a_program_that_cannot_be_run_is_told_in_words(machine: Machine) -> None:
    program = machine.script("echo", "not executable")
    there = machine.interface(program=shlex.quote(str(program)))
    with pytest.raises(HardwareInterfaceFailureError, match=r"no program .*not executable"):
        there.submit_job(job(1))


@pytest.mark.parametrize("place", ["file", "file/ws", "file/deep/ws"])
def test_a_workspace_that_cannot_be_made_is_told_in_words(machine: Machine, place: str) -> None:
    (machine.root / "file").write_text("in the way")
    there = machine.interface(workspace=machine.root / place)
    with pytest.raises(HardwareInterfaceFailureError, match=r"cannot make the workspace .*file"):
        there.submit_job(job(1))
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_SUBMIT


def test_a_workspace_that_cannot_be_written_is_told_in_words(machine: Machine) -> None:
    machine.workspace.mkdir()
    # Root may write to any directory: something else than permissions has to be in the way.
    (machine.workspace / ".exauq-tui").write_text("in the way")
    there = machine.interface()
    with pytest.raises(HardwareInterfaceFailureError, match="cannot write to the workspace"):
        there.submit_job(job(1))
    assert not machine.job_dir(1).exists()


@pytest.mark.parametrize(
    ("program", "words"), [("", "empty"), ("   ", "empty"), ("python 'x", "split")]
)
def test_a_program_that_is_no_shell_words_is_a_value_error(
    here: Machine, program: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        here.interface(program=program)


def test_a_nul_in_a_path_is_refused_without_harm_to_the_connection(machine: Machine) -> None:
    there = machine.interface(reconnect=False)
    run(there, 1)
    odd = machine.interface(workspace="a\0b", connect=False)
    with pytest.raises(HardwareInterfaceFailureError, match="NUL"):
        odd.submit_job(job(1))
    assert there.get_job_status(JobId(1)) is JobStatus.COMPLETED


# The object


def test_an_id_twice_in_one_batch_is_refused_before_anything_is_sent(machine: Machine) -> None:
    there = machine.interface()
    with pytest.raises(ValueError, match="twice"):
        there.submit_jobs([job(1, 1.0), job(2), job(1, 2.0)])
    assert there.get_job_status(JobId(2)) is JobStatus.PENDING_SUBMIT


def test_leaving_the_context_closes_and_connect_opens_again(machine: Machine) -> None:
    with machine.interface() as there:
        run(there, 1)
    verbs: list[Callable[[], object]] = [
        lambda: there.submit_job(job(2)),
        lambda: there.get_job_status(JobId(1)),
        lambda: there.get_job_output(JobId(1)),
        lambda: there.cancel_job(JobId(1)),
        lambda: there.delete_remote_job_dir(JobId(1)),
        there.delete_workspace,
        there.look,
        lambda: there.read_job_log(JobId(1), 0, 10),
    ]
    for verb in verbs:
        with pytest.raises(ConnectionLostError, match="closed"):
            verb()
    assert there.workspace_dir == str(machine.workspace)
    there.close()
    there.connect()
    assert there.get_job_output(JobId(1)) == 1.5


def test_threads_share_one_object(machine: Machine) -> None:
    there = machine.interface(machine.script('cut -d, -f1 "$1" >"$2"'))
    errors: list[BaseException] = []
    outputs: dict[int, float | None] = {}

    def work(first: int) -> None:
        try:
            for number in range(first, first + 4):
                there.submit_job(job(number, float(number)))
                assert end_of(there, number) is JobStatus.COMPLETED
                outputs[number] = there.get_job_output(JobId(number))
                assert there.read_job_log(JobId(number), 0, 10).data == b""
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(10 * index,)) for index in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert errors == []
    assert len(outputs) == 32
    assert all(output == number for number, output in outputs.items())


def test_of_threads_that_submit_one_id_exactly_one_wins(machine: Machine) -> None:
    there = machine.interface()
    wins: list[float] = []
    refusals: list[ValueError] = []

    def work(number: float) -> None:
        try:
            there.submit_job(Job(1, Input(number)))
            wins.append(number)
        except ValueError as error:
            refusals.append(error)

    threads = [threading.Thread(target=work, args=(float(index // 2),)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(wins) == 1
    assert len(refusals) == 7
    assert there.get_job_inputs([JobId(1)]) == {JobId(1): Input(wins[0])}
