"""Workspaces full of jobs that ended, made in seconds from one job that really ran."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.lab import SLEEPER, Lab, wait_until
from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import JobId

QUICK = '#!/bin/sh\necho 1.25 >"$2"\n'


@dataclass(frozen=True, slots=True)
class FullWorkspace:
    """A workspace with many completed jobs.

    Attributes:
        path: Where it is.
        script: The simulator that it is for.
        ids: The completed jobs.
        line: What the journal says of the end of the first of these.
    """

    path: Path
    script: Path
    ids: tuple[JobId, ...]
    line: str

    def report_again(self, ids: tuple[JobId, ...]) -> None:
        """Append to the journal what the recorders of these jobs would have written just now."""
        lines = "".join(self.line.replace(str(self.ids[0]), str(job_id)) for job_id in ids)
        with journal_of(self.path).open("a", encoding="ascii") as journal:
            journal.write(lines)


def journal_of(workspace: Path) -> Path:
    """Where a workspace's journal is."""
    return workspace / ".exauq-tui" / "journal"


def make_full_workspace(lab: Lab, count: int, running: int = 0) -> FullWorkspace:
    """Make a workspace with `count` completed jobs and some that really run.

    One job is run by the engine; the others get copies of the files that it left, and of its
    lines in the journal, each under its own id.
    """
    path, script = lab.new_directory(), lab.write_script("quick.sh", QUICK)
    (job,) = lab.new_jobs(1)
    first = str(job.id)
    journal = journal_of(path)
    with lab.interface(path, script) as interface:
        interface.submit_job(job)
        end = f"{first} C "
        wait_until(lambda: f"\n{end}" in journal.read_text(), "the first job has ended")
        wait_until(
            lambda: interface.get_job_status(job.id) is JobStatus.COMPLETED,
            "the first job is known to have ended",
        )
    left = {entry.name: entry.read_bytes() for entry in (path / first).iterdir()}
    mode = {entry.name: entry.stat().st_mode for entry in (path / first).iterdir()}
    said = [
        line
        for line in journal.read_text().splitlines(keepends=True)
        if line.startswith(f"{first} ")
    ]
    ids = [job.id, *lab.new_ids(count - 1)]
    lines = []
    for job_id in ids[1:]:
        directory = path / str(job_id)
        directory.mkdir()
        for name, data in left.items():
            copy = directory / name
            copy.write_bytes(data.replace(first.encode(), str(job_id).encode()))
            if mode[name] & 0o111:
                copy.chmod(mode[name])
        lines += [line.replace(first, str(job_id)) for line in said]
    with journal.open("a", encoding="ascii") as target:
        target.writelines(lines)
    if running:
        run_sleepers(lab, path, running)
    return FullWorkspace(path, script, tuple(ids), next(line for line in said if end in line))


def run_sleepers(lab: Lab, workspace: Path, count: int) -> list[JobId]:
    """Start jobs in a workspace that run until they are ended."""
    script = lab.write_script("sleeper.sh", SLEEPER)
    jobs = lab.new_jobs(count)
    with lab.interface(workspace, script, max_running=0) as interface:
        interface.submit_jobs(jobs)
        wait_until_ready(workspace, [job.id for job in jobs])
    return [job.id for job in jobs]


def wait_until_ready(workspace: Path, ids: list[JobId]) -> None:
    """Wait until the simulators of jobs run that say so in a file beside their input."""
    waiting = {workspace / str(job_id) / "input.csv.ready" for job_id in ids}

    def all_are_ready() -> bool:
        waiting.difference_update([path for path in waiting if path.exists()])
        return not waiting

    wait_until(all_are_ready, "all jobs run", 300.0)


def by_id(reports: tuple[JobReport, ...]) -> dict[JobId, JobReport]:
    """Index reports by their jobs."""
    return {report.job_id: report for report in reports}
