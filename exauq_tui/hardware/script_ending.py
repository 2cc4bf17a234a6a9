"""Ending jobs that a script runs, and deleting what they left."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from exauq_tui.errors import ServerRefusedError
from exauq_tui.hardware.replies import STATES, read_results
from exauq_tui.hardware.script_asking import ScriptAsking
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import JobId

CANCEL_GRACE = 5.0
"""Seconds between TERM and KILL."""

_ASKED_WHILE_WAITING = 20
"""About how many jobs is asked again and again while many are being cancelled: to judge them all
takes the server time that it needs to end them."""

_DYING = 1.0
"""For about how many seconds after the grace jobs that were deaf to it are killed and recorded."""

_SHORT_PAUSE = 0.02
"""Seconds between two questions in that time."""


class ScriptEnding(ScriptAsking):
    """The verbs that cancel and delete; each is one request for any number of jobs."""

    def cancel_job(self, job_id: JobId) -> None:
        """End a job's process and all its subprocesses; a job that does not run is left."""
        raise_error(self.cancel_jobs([job_id])[job_id])

    def cancel_jobs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Exception | None]:
        """End several jobs and wait until that is done: one grace, however many they are."""
        results: dict[JobId, Exception | None] = dict.fromkeys(job_ids)
        waiting = []
        for job_id, answer in self.request_cancels(job_ids).items():
            if isinstance(answer, Exception):
                results[job_id] = answer
            elif answer is JobStatus.PENDING_CANCEL:
                waiting.append(job_id)
        grace_ends = time.monotonic() + self._grace
        deadline = grace_ends + 30.0
        pause = 0.05
        asked = waiting[:_ASKED_WHILE_WAITING]
        while waiting:
            reports = self._reports(asked)
            for job_id in asked:
                report = reports.get(job_id)
                if report is not None and report.status is JobStatus.FAILED_CANCEL:
                    results[job_id] = ServerRefusedError(
                        f"{self._where}: job {job_id} could not be cancelled: {report.note}"
                    )
            going = [
                job_id
                for job_id in asked
                if job_id in reports
                and reports[job_id].status in (JobStatus.RUNNING, JobStatus.PENDING_CANCEL)
            ]
            waiting = going + waiting[len(asked) :]
            if time.monotonic() > deadline:
                for job_id in waiting:
                    results[job_id] = ServerRefusedError(
                        f"{self._where}: job {job_id} was asked to stop, but its end was not "
                        "seen; look at its status again later"
                    )
                break
            # Where the first few have ended, it is time to ask about all.
            asked = waiting[:_ASKED_WHILE_WAITING] if going else waiting
            if going:
                soon = 0.0 < time.monotonic() - grace_ends < _DYING
                time.sleep(_SHORT_PAUSE if soon else pause)
                pause = min(2 * pause, 0.1)
        return results

    def request_cancels(self, job_ids: Sequence[JobId]) -> Mapping[JobId, JobStatus | Exception]:
        """Start to cancel; the next looks tell what came of those that are PENDING_CANCEL."""
        results: dict[JobId, JobStatus | Exception] = dict.fromkeys(
            job_ids, JobStatus.PENDING_SUBMIT
        )
        self._open_session()
        if self._workspace is None or not job_ids:
            return results
        fields = [self._workspace, f"{self._grace * 1000:.0f}", *map(str, job_ids)]
        reply = self._ask("cancel", fields)
        if reply.status == "missing":
            return results
        for job_id, (word, words) in read_results(self._checked(reply).fields()).items():
            if word == "error":
                results[job_id] = ServerRefusedError(
                    f"{self._where}: job {job_id} could not be cancelled: {words}"
                )
            elif word == "is":
                results[job_id] = STATES[words]
        return results

    def delete_remote_job_dir(self, job_id: JobId) -> None:
        """Remove one job's directory for good.

        Raises:
            ValueError: The job was never submitted, or runs.
        """
        raise_error(self.delete_remote_job_dirs([job_id])[job_id])

    def delete_remote_job_dirs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Exception | None]:
        """Remove several jobs' directories for good."""
        never = {
            job_id: ValueError(f"job {job_id} was never submitted to {self._where}")
            for job_id in job_ids
        }
        self._open_session()
        if self._workspace is None or not job_ids:
            return never
        repeats = self._line.repeats
        try:
            reply = self._ask("delete", [self._workspace, *map(str, job_ids)], timeout=300.0)
        except BaseException:
            self._unanswered.keep_deletions(job_ids)
            raise
        # What was asked before, here or by `_ask`, may have been done and not answered.
        doubtful = self._unanswered.drop_deletions(job_ids)
        if self._line.repeats != repeats:
            doubtful = set(job_ids)
        missing = {job_id: None if job_id in doubtful else never[job_id] for job_id in job_ids}
        if reply.status == "missing":
            return missing
        results: dict[JobId, Exception | None] = {}
        for job_id, (word, words) in read_results(self._checked(reply).fields()).items():
            if word == "ok":
                results[job_id] = None
            elif word == "none":
                results[job_id] = missing[job_id]
            elif word == "running":
                results[job_id] = ValueError(
                    f"job {job_id} on {self._where} has not ended: cancel it before deleting it"
                )
            else:
                results[job_id] = ServerRefusedError(f"{self._where}: job {job_id}: {words}")
        return results


def raise_error(result: Exception | None) -> None:
    """Raise what went wrong with one job, if anything did."""
    if result is not None:
        raise result
