"""What a server must be able to do, whatever else it lacks: one walk through all verbs."""

from __future__ import annotations

import threading
from pathlib import Path

from exauq_tui.hardware import Input, Job, JobId, JobStatus
from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.script_jobs import ScriptJobs
from tests.contract.machines import ends_of, every_process, wait_until

# 1: writes its number; 2: fails; 3: leaves a stray in a session of its own and waits.
SIMULATOR = """\
read -r line <"$1"
echo "input $line"
case $line in
    1*) echo 2.5 >"$2" ;;
    2*) exit 3 ;;
    *)
        setsid sleep 1000 &
        echo waiting
        exec sleep 1000
        ;;
esac
"""


def put_simulator(directory: Path) -> Path:
    """Write the simulator, to a path that needs care wherever it is passed on."""
    place = directory / "back\\slash, 'quote' and\nline"
    place.mkdir()
    script = place / "model.sh"
    script.write_text(SIMULATOR, encoding="utf-8")
    return script


def see_jobs_through(there: ScriptJobs) -> None:
    """Submit, look, be told of changes, cancel with strays, read outputs and logs, delete.

    The interface's script is that of `put_simulator`, and two jobs at most run at once.
    """
    news = threading.Event()
    there.on_news(news.set)
    assert there.submit_jobs([_job(1, 3), _job(2, 3), _job(3, 1), _job(4, 2), _job(5, 3)]) == {
        JobId(number): None for number in range(1, 6)
    }
    told: dict[JobId, JobReport] = {}
    cursor = None

    def is_told(number: int, *statuses: JobStatus) -> bool:
        nonlocal cursor
        news.clear()
        look = there.look(cursor)
        cursor = look.cursor
        told.update((report.job_id, report) for report in look.reports)
        report = told.get(JobId(number))
        if report is not None and report.status in statuses:
            return True
        news.wait(0.2)
        return False

    workspace = Path(there.workspace_dir or "")
    for number in (1, 2):
        log = workspace / str(number) / "model.sh.out"
        wait_until(lambda log=log: log.exists() and b"waiting" in log.read_bytes(), "its start")  # type: ignore[misc]  # bound early
        wait_until(lambda number=number: is_told(number, JobStatus.RUNNING), "news of it")  # type: ignore[misc]  # bound early
    assert there.is_pushing
    assert there.get_job_status(JobId(3)) is JobStatus.SUBMITTED
    strays = strays_of(workspace, 1)
    assert len(strays) == 2
    assert there.cancel_jobs([JobId(1), JobId(5)]) == {JobId(1): None, JobId(5): None}
    assert not strays & {pid for pid, *_ in every_process()}
    wait_until(lambda: is_told(3, JobStatus.COMPLETED), "the end of 3")
    wait_until(lambda: is_told(4, JobStatus.FAILED), "the end of 4")
    assert ends_of(there, [1, 3, 4, 5]) == {
        JobId(1): JobStatus.CANCELLED,
        JobId(3): JobStatus.COMPLETED,
        JobId(4): JobStatus.FAILED,
        JobId(5): JobStatus.CANCELLED,
    }
    assert told[JobId(4)].exit_code == 3
    assert there.get_job_output(JobId(3)) == 2.5
    assert there.read_job_log(JobId(3), 0, 100).data == b"input 1,0.5\n"
    assert there.read_job_log(JobId(3), -4, 100).data == b"0.5\n"
    assert there.get_job_inputs([JobId(3)]) == {JobId(3): Input(1, 0.5)}
    assert there.describe_workspace().running == 1
    assert there.delete_remote_job_dirs([JobId(3), JobId(4)]) == {JobId(3): None, JobId(4): None}
    there.cancel_job(JobId(2))
    assert sorted(path.name for path in workspace.glob("[0-9]*")) == ["1", "2", "5"]
    there.delete_workspace()
    assert not workspace.exists()


def strays_of(workspace: Path, number: int) -> set[int]:
    """The processes that carry the mark of a job, but for its recorder."""
    token = (workspace / str(number) / "token").read_text().split()[0]
    mark = f"EXAUQ_TUI_JOB={number}:{token}".encode()
    return {pid for pid, _, environ, _ in every_process() if mark in environ.split(b"\0")}


def _job(number: int, kind: int) -> Job:
    return Job(number, Input(kind, 0.5))
