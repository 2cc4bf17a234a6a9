"""The names of the library, and what an interface with just the four verbs gets for nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable

import pytest

import exauq_tui.hardware as library
from exauq_tui import errors
from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.interface import (
    DeletesJobs,
    FindsJobs,
    HardwareInterface,
    ReadsLogs,
    RequestsCancels,
    SubmitsOnce,
    WatchesJobs,
)
from exauq_tui.hardware.status import PENDING_STATUSES, TERMINAL_STATUSES, JobStatus
from exauq_tui.jobs import Input, Job, JobId

DOCUMENTED = {
    "JobStatus",
    "PENDING_STATUSES",
    "TERMINAL_STATUSES",
    "HardwareInterface",
    "SSHInterface",
    "UnixServerScriptInterface",
    "HardwareInterfaceFailureError",
    "SimulatorOutputParsingError",
    "LocalScriptInterface",
    "Job",
    "JobId",
    "Input",
}


class Laptop(HardwareInterface):
    """Somebody else's interface: the four verbs, and nothing else."""

    def __init__(self, troubles: dict[int, Exception] | None = None) -> None:
        super().__init__("laptop", level=3)
        self.troubles = {JobId(number): error for number, error in (troubles or {}).items()}
        self.tried: list[JobId] = []

    def _try(self, job_id: JobId) -> None:
        self.tried.append(job_id)
        if job_id in self.troubles:
            raise self.troubles[job_id]

    def submit_job(self, job: Job) -> None:
        self._try(job.id)

    def get_job_status(self, job_id: JobId) -> JobStatus:
        self._try(job_id)
        return JobStatus.COMPLETED

    def get_job_output(self, job_id: JobId) -> float | None:
        self._try(job_id)
        return float(str(job_id))

    def cancel_job(self, job_id: JobId) -> None:
        self._try(job_id)


IDS = [JobId(number) for number in (1, 2, 3)]
JOBS = [Job(job_id, Input(1)) for job_id in IDS]
BATCHES: dict[str, tuple[Callable[[Laptop], object], object]] = {
    "submit": (lambda laptop: laptop.submit_jobs(JOBS), None),
    "statuses": (lambda laptop: laptop.get_job_statuses(IDS), JobStatus.COMPLETED),
    "outputs": (lambda laptop: laptop.get_job_outputs(IDS), 1.0),
    "cancel": (lambda laptop: laptop.cancel_jobs(IDS), None),
}


@pytest.mark.parametrize(("batch", "first"), BATCHES.values(), ids=BATCHES)
def test_batch_forms_answer_for_each_job(
    batch: Callable[[Laptop], dict[JobId, object]], first: object
) -> None:
    results = batch(Laptop())
    assert list(results) == IDS
    assert results[IDS[0]] == first


@pytest.mark.parametrize(("batch", "first"), BATCHES.values(), ids=BATCHES)
def test_one_bad_job_does_not_spoil_the_others(
    batch: Callable[[Laptop], dict[JobId, object]], first: object
) -> None:
    error = RuntimeError("whatever its author raises")
    laptop = Laptop({2: error})
    results = batch(laptop)
    assert results[IDS[1]] is error
    assert not isinstance(results[IDS[2]], Exception)
    assert laptop.tried == IDS


@pytest.mark.parametrize(("batch", "first"), BATCHES.values(), ids=BATCHES)
def test_a_lost_connection_is_not_waited_for_once_per_job(
    batch: Callable[[Laptop], dict[JobId, object]], first: object
) -> None:
    error = ConnectionLostError("gone")
    laptop = Laptop({1: error})
    results = batch(laptop)
    assert list(results.values()) == [error] * 3
    assert laptop.tried == IDS[:1]


def test_ctrl_c_ends_a_batch() -> None:
    laptop = Laptop()
    laptop.troubles[IDS[1]] = KeyboardInterrupt()  # type: ignore[assignment]  # no Exception
    with pytest.raises(KeyboardInterrupt):
        laptop.submit_jobs(JOBS)


def test_name_and_level_are_read_only() -> None:
    laptop = Laptop()
    assert (laptop.name, laptop.level) == ("laptop", 3)
    for name in ("name", "level"):
        with pytest.raises(AttributeError):
            setattr(laptop, name, "other")


def test_an_interface_lacks_what_it_does_not_have() -> None:
    optional = (WatchesJobs, SubmitsOnce, RequestsCancels, FindsJobs, ReadsLogs, DeletesJobs)
    assert not any(isinstance(Laptop(), protocol) for protocol in optional)
    made = library.LocalScriptInterface("bash", "x", "here", connect=False)
    assert all(isinstance(made, protocol) for protocol in optional)


def test_the_four_verbs_must_be_there() -> None:
    assert HardwareInterface.__abstractmethods__ == {
        "submit_job",
        "get_job_status",
        "get_job_output",
        "cancel_job",
    }
    assert inspect.isabstract(HardwareInterface)


def test_statuses_have_the_documented_names_and_words() -> None:
    assert {status.name: status.value for status in JobStatus} == {
        "COMPLETED": "Completed",
        "FAILED": "Failed",
        "RUNNING": "Running",
        "SUBMITTED": "Submitted",
        "PENDING_SUBMIT": "Pending submit",
        "FAILED_SUBMIT": "Failed submit",
        "CANCELLED": "Cancelled",
        "PENDING_CANCEL": "Pending cancel",
        "FAILED_CANCEL": "Failed cancel",
    }
    assert {JobStatus.PENDING_CANCEL, JobStatus.PENDING_SUBMIT} == PENDING_STATUSES
    assert {
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.FAILED_SUBMIT,
        JobStatus.CANCELLED,
    } == TERMINAL_STATUSES


def test_the_documented_names_are_there_with_their_parameters() -> None:
    assert set(library.__all__) >= DOCUMENTED
    assert all(hasattr(library, name) for name in library.__all__)

    def parameters(made: type) -> str:
        """The positional ones, with their defaults."""
        found = inspect.signature(made.__init__).parameters.values()  # type: ignore[misc]  # of a class
        return ", ".join(
            p.name if p.default is p.empty else f"{p.name}={p.default!r}"
            for p in found
            if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"
        )

    ways_in = "key_filename=None, ssh_config_path=None, use_ssh_agent=False, max_attempts=3"
    assert parameters(library.HardwareInterface) == "name, level=1"
    assert parameters(library.SSHInterface) == f"user, host, name, level=1, {ways_in}"
    assert parameters(library.UnixServerScriptInterface) == (
        f"user, host, program, script_path, name, level=1, workspace_dir=None, {ways_in}"
    )
    assert parameters(library.LocalScriptInterface) == (
        "program, script_path, name, level=1, workspace_dir=None"
    )
    assert parameters(Job) == "id_, data, level=1, interface_name=None"


def test_errors_stand_in_the_documented_tree() -> None:
    assert issubclass(library.AuthenticationError, library.HardwareInterfaceFailureError)
    assert issubclass(library.HostKeyError, library.HardwareInterfaceFailureError)
    assert issubclass(errors.JobExistsError, ValueError)


def test_ssh_comes_without_what_it_hardly_needs_and_has_it_when_it_is_needed() -> None:
    code = (
        "import sys; from exauq_tui.hardware.connection.late_invoke import import_paramiko; "
        "import_paramiko(); "
        "from exauq_tui.hardware.connection import paramiko_ssh; "
        "print([m for m in ('invoke', 'unittest', 'paramiko') if m in sys.modules]); "
        "import paramiko; "
        "config = paramiko.SSHConfig.from_text('Match exec true\\n  User alice'); "
        "print(config.lookup('hpc1')['user'], sys.modules['invoke'].run is not None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n") == ["['paramiko']", "alice True", ""]


def test_the_library_imports_neither_the_screens_nor_ssh() -> None:
    code = (
        "import sys, exauq_tui.hardware, exauq_tui.jobs; "
        "print([m for m in ('textual', 'rich', 'paramiko') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
