"""How a job ends and what it gave, as HARDWARE.md has it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from exauq_tui.errors import SimulatorOutputParsingError
from exauq_tui.hardware import Input, Job, JobId, JobStatus
from tests.contract.machines import (
    WAITS,
    Machine,
    end_of,
    ends_of,
    job,
    run,
    wait_for_start,
    wait_until,
)

NUMBERS = {
    "plain": ("1.5", 1.5),
    "line end": ("-2\\n", -2.0),
    "carriage return": ("3.25\\r\\n", 3.25),
    "white space around": (" \\t\\n 4e-3 \\n\\n\\v\\f", 4e-3),
    "not a number": ("nan", math.nan),
    "infinite": ("inf\\n", math.inf),
    "negative infinite": ("-Infinity", -math.inf),
    "no digit before the point": (".5", 0.5),
    "no digit after the point": ("5.", 5.0),
    "plus sign": ("+1E+2", 100.0),
    "many digits": ("0.1000000000000000055511151231257827021181583404541015625", 0.1),
    "more digits than are kept beside the journal": ("0." + "3" * 200, float("0." + "3" * 200)),
    "too large for a float": ("1e999", math.inf),
}

NO_NUMBERS = {
    "nothing": ("", "empty"),
    "white space": (" \\n\\t\\n", "empty"),
    "two numbers": ("1.5 2.5", "1.5 2.5"),
    "two lines": ("1.5\\n2.5\\n", "1.5"),
    "underscores": ("1_000", "1_000"),
    "a comma": ("1,5", "1,5"),
    "a word": ("error", "error"),
    "hexadecimal": ("0x10", "0x10"),
    "digits of another script": ("\\331\\241", "u0661"),
    "a NUL after the number": ("1.5\\0", "1.5"),
    "a NUL between digits": ("1\\0005", "1"),
    "bytes that are no text": ("\\377\\376\\001", "x01"),
    "escape sequences": ("\\033[31m[red]", "[red]"),
    "backslashes": ("1\\\\n", "n"),
}


def test_a_job_is_pending_submit_then_running_then_completed(machine: Machine) -> None:
    there = machine.interface(machine.script(WAITS))
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_SUBMIT
    there.submit_job(job(1))
    assert there.get_job_status(JobId(1)) in (JobStatus.SUBMITTED, JobStatus.RUNNING)
    wait_for_start(machine, 1)
    assert there.get_job_status(JobId(1)) is JobStatus.RUNNING
    assert there.get_job_output(JobId(1)) is None
    machine.let_go(1)
    assert end_of(there, 1) is JobStatus.COMPLETED
    assert there.get_job_output(JobId(1)) == 1.5


def test_a_job_never_submitted_has_no_output(machine: Machine) -> None:
    there = machine.interface()
    assert there.get_job_output(JobId(404)) is None
    there.submit_job(job(1))
    assert there.get_job_output(JobId(404)) is None
    assert there.get_job_status(JobId(404)) is JobStatus.PENDING_SUBMIT


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ('echo 1 >"$2"; exit 3', JobStatus.COMPLETED, 3),
        (': >"$2"; exit 0', JobStatus.COMPLETED, 0),
        (': >"$2"; kill -SEGV $$', JobStatus.COMPLETED, 139),
        ("exit 0", JobStatus.FAILED, 0),
        ("exit 7", JobStatus.FAILED, 7),
        ("kill -KILL $$", JobStatus.FAILED, 137),
        ("kill -TERM $$", JobStatus.FAILED, 143),
        ('mkdir "$2"', JobStatus.COMPLETED, 0),
        ('ln -s /nowhere/at/all "$2"', JobStatus.FAILED, 0),
    ],
)
def test_the_output_file_decides_and_not_the_exit_code(
    machine: Machine, text: str, status: JobStatus, code: int
) -> None:
    there = machine.interface(machine.script(text))
    assert run(there, 1) == {JobId(1): status}
    (report,) = there.look().reports
    assert report.exit_code == code
    assert report.note == ""
    assert report.submitted is not None
    assert report.started is not None
    assert report.finished is not None
    assert report.submitted <= report.started <= report.finished
    if status is JobStatus.FAILED:
        assert there.get_job_output(JobId(1)) is None


def writes_texts(machine: Machine, texts: list[str]) -> Path:
    """Make a simulator whose job 1 writes the first text, job 2 the second, and so on."""
    cases = [f"*/{i}/output.txt) printf -- '{text}' ;;" for i, text in enumerate(texts, 1)]
    return machine.script("case $2 in\n" + "\n".join(cases) + '\nesac >"$2"\n')


def test_outputs_are_read_as_the_number_they_hold(machine: Machine) -> None:
    ids = list(range(1, len(NUMBERS) + 1))
    there = machine.interface(writes_texts(machine, [text for text, _ in NUMBERS.values()]))
    assert set(run(there, *ids).values()) == {JobStatus.COMPLETED}
    for (name, (_, number)), output in zip(
        NUMBERS.items(), there.get_job_outputs([JobId(i) for i in ids]).values(), strict=True
    ):
        assert isinstance(output, float), (name, output)
        assert output == number or (math.isnan(output) and math.isnan(number)), name


def test_anything_but_one_number_is_an_error_that_names_the_job_and_shows_the_text(
    machine: Machine,
) -> None:
    ids = list(range(1, len(NO_NUMBERS) + 1))
    there = machine.interface(writes_texts(machine, [text for text, _ in NO_NUMBERS.values()]))
    assert set(run(there, *ids).values()) == {JobStatus.COMPLETED}
    outputs = there.get_job_outputs([JobId(i) for i in ids])
    for i, (name, (_, shown)) in zip(ids, NO_NUMBERS.items(), strict=True):
        error = outputs[JobId(i)]
        assert isinstance(error, SimulatorOutputParsingError), (name, error)
        assert f"job {i} " in str(error), name
        assert shown in str(error), (name, str(error))
        assert "\x1b" not in str(error), name
    with pytest.raises(SimulatorOutputParsingError, match="empty"):
        there.get_job_output(JobId(1))


def test_an_output_of_megabytes_is_read_only_as_far_as_needed(machine: Machine) -> None:
    there = machine.interface(machine.script('head -c 5000000 /dev/zero | tr "\\0" 7 >"$2"'))
    run(there, 1)
    with pytest.raises(SimulatorOutputParsingError, match="777777") as caught:
        there.get_job_output(JobId(1))
    assert len(str(caught.value)) < 300


def test_an_output_that_is_a_pipe_or_a_directory_keeps_nobody_waiting(machine: Machine) -> None:
    # A pipe that nobody writes to would keep whoever reads it for ever.
    script = machine.script('case $2 in */1/*) mkfifo "$2" ;; *) mkdir "$2" ;; esac')
    there = machine.interface(script)
    assert set(run(there, 1, 2).values()) == {JobStatus.COMPLETED}
    for number in (1, 2):
        with pytest.raises(SimulatorOutputParsingError, match="not one floating-point number"):
            there.get_job_output(JobId(number))


def test_no_digit_of_an_input_is_lost(machine: Machine) -> None:
    there = machine.interface(machine.script('cp "$1" "$2"'))
    data = Input(0.1, 1 / 3, -1e-300, 5e-324, 1.7976931348623157e308, 10**25, -0.0, 7)
    there.submit_job(Job(1, data))
    end_of(there, 1)
    words = (machine.job_dir(1) / "input.csv").read_text().removesuffix("\n").split(",")
    assert [float(word) for word in words] == [float(number) for number in data]
    assert words[:2] == ["0.1", "0.3333333333333333"]
    assert there.get_job_inputs([JobId(1)]) == {JobId(1): data}


def test_ids_that_differ_in_leading_zeros_are_different_jobs(machine: Machine) -> None:
    there = machine.interface(machine.script('cp "$1" "$2"'))
    numbers = {"7": 7.0, "07": 0.5, "007": 0.25, "00000000000000000000": 1.0, "9" * 100: 9.0}
    results = there.submit_jobs([job(name, number) for name, number in numbers.items()])
    assert set(results.values()) == {None}
    ends_of(there, list(numbers))
    outputs = there.get_job_outputs([JobId(name) for name in numbers])
    assert outputs == {JobId(name): number for name, number in numbers.items()}
    there.delete_remote_job_dir(JobId("07"))
    assert there.get_job_status(JobId("07")) is JobStatus.PENDING_SUBMIT
    assert there.get_job_status(JobId("7")) is JobStatus.COMPLETED


def test_one_bad_job_of_a_batch_does_not_spoil_the_others(machine: Machine) -> None:
    script = machine.script(
        'case $2 in */2/*) exit ;; */1/*) echo x >"$2" ;; *) cut -d, -f1 "$1" >"$2" ;; esac'
    )
    there = machine.interface(script)
    there.submit_job(job(3, 30.0))
    too_long = "1" * 300
    results = there.submit_jobs([job(1), job(2), job(3, 31.0), job(too_long), job(4, 40.0)])
    assert list(results) == [JobId(1), JobId(2), JobId(3), JobId(too_long), JobId(4)]
    assert (results[JobId(1)], results[JobId(2)], results[JobId(4)]) == (None, None, None)
    assert isinstance(results[JobId(3)], ValueError)
    assert "too long" in str(results[JobId(too_long)])
    ends_of(there, [1, 2, 3, 4])
    ids = [JobId(number) for number in (1, 2, 3, 4, 5)]
    assert list(there.get_job_statuses(ids).values()) == [
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.COMPLETED,
        JobStatus.COMPLETED,
        JobStatus.PENDING_SUBMIT,
    ]
    outputs = dict(there.get_job_outputs(ids))
    assert isinstance(outputs.pop(JobId(1)), SimulatorOutputParsingError)
    assert outputs == {JobId(2): None, JobId(3): 30.0, JobId(4): 40.0, JobId(5): None}
    assert there.cancel_jobs(ids) == dict.fromkeys(ids)
    deleted = dict(there.delete_remote_job_dirs(ids))
    assert isinstance(deleted.pop(JobId(5)), ValueError)
    assert set(deleted.values()) == {None}
    assert not any(machine.job_dir(number).exists() for number in (1, 2, 3, 4))


def test_empty_batches_are_answered_with_nothing(machine: Machine) -> None:
    there = machine.interface()
    assert there.submit_jobs([]) == {}
    assert there.get_job_statuses([]) == {}
    assert there.get_job_outputs([]) == {}
    assert there.get_job_inputs([]) == {}
    assert there.cancel_jobs([]) == {}
    assert there.delete_remote_job_dirs([]) == {}


def test_a_job_sees_its_own_files_an_empty_stdin_and_the_session_s_directory(
    machine: Machine,
) -> None:
    script = machine.script('read -r line; echo "$?[$line]$PWD"; echo "$#"; echo 1 >"$2"')
    there = machine.interface(script)
    run(there, 1)
    log = there.read_job_log(JobId(1), 0, 1000)
    assert log.data.decode() == f"1[]{machine.home}\n2\n"
    assert log.size == len(log.data)


def test_log_reading_follows_a_job_that_runs(machine: Machine) -> None:
    there = machine.interface(machine.script("echo one; echo two >&2; " + WAITS))
    there.submit_job(job(1))
    wait_until(lambda: there.read_job_log(JobId(1), 0, 100).size == 16, "three lines of log")
    chunk = there.read_job_log(JobId(1), 4, 100)
    assert (chunk.offset, chunk.data) == (4, b"two\nstarted\n")
    machine.let_go(1)
    end_of(there, 1)


def test_logs_are_read_from_any_place_and_never_beyond_the_limit(machine: Machine) -> None:
    text = 'head -c 300000 /dev/urandom | tee "${2%/*}/copy"; echo 1 >"$2"'
    there = machine.interface(machine.script(text))
    run(there, 1)
    copy = (machine.job_dir(1) / "copy").read_bytes()
    there_read = there.read_job_log
    assert there_read(JobId(1), 0, 300000).data == copy
    assert there_read(JobId(1), 1000, 10).data == copy[1000:1010]
    assert there_read(JobId(1), 299990, 1000).data == copy[-10:]
    tail = there_read(JobId(1), -100, 1000)
    assert (tail.offset, tail.data, tail.size) == (299900, copy[-100:], 300000)
    assert there_read(JobId(1), -100, 50).data == copy[-100:-50]
    whole = there_read(JobId(1), -1_000_000, 1_000_000)
    assert (whole.offset, whole.data) == (0, copy)
    beyond = there_read(JobId(1), 300000, 10)
    assert (beyond.data, beyond.size) == (b"", 300000)
    assert there_read(JobId(1), 400000, 10).data == b""
    assert there_read(JobId(1), 0, 0).data == b""
    missing = there_read(JobId(2), 0, 10)
    assert (missing.offset, missing.data, missing.size) == (0, b"", 0)


def test_inputs_and_logs_are_read_over_a_connection_that_is_only_made_then(
    machine: Machine,
) -> None:
    first = machine.interface(machine.script('echo hello; echo 1 >"$2"'))
    first.submit_job(job(1, 3.0, 4.0))
    end_of(first, 1)
    script = machine.root / "model.sh"
    assert machine.interface(script, connect=False).get_job_inputs([JobId(1)]) == {
        JobId(1): Input(3.0, 4.0)
    }
    assert machine.interface(script, connect=False).read_job_log(JobId(1), 0, 9).data == b"hello\n"
