"""The verbs on jobs that a script runs, over the agent protocol; shared by SSH and local.

Each verb is one request for any number of jobs. Submitting stands here; the other verbs are in
`script_asking` and `script_ending`, and `script_machine` is what they all build on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exauq_tui.errors import JobExistsError, ServerRefusedError, StillSubmittingError
from exauq_tui.hardware.replies import read_results
from exauq_tui.hardware.script_ending import ScriptEnding, raise_error
from exauq_tui.hardware.status import TERMINAL_STATUSES
from exauq_tui.jobs import Job, JobId


class ScriptJobs(ScriptEnding):
    """Jobs that run ``program script input.csv output.txt`` on one machine.

    Subclasses say how to reach the machine, and call `_set_up_jobs` before anything connects.
    """

    def submit_job(self, job: Job, resubmit: bool = False) -> None:
        """Send one job.

        Args:
            job: The job.
            resubmit: Delete what an earlier job of this id left, and run it again.

        Raises:
            ValueError: The id was submitted before and `resubmit` is false, or `resubmit` is
                true and there is no such job or it has not ended.
            HardwareInterfaceFailureError: Trouble with the connection, the server or its files.
        """
        if resubmit and not self._unanswered.is_cleared(job.id):
            # A deletion that was not answered was allowed when it was asked for first.
            if not self._unanswered.is_deleting(job.id):
                self._check_resubmittable(job.id)
            self.delete_remote_job_dir(job.id)
            self._unanswered.keep_cleared(job.id)
        error = self.submit_jobs([job])[job.id]
        if error is None or isinstance(error, JobExistsError):
            self._unanswered.drop_cleared(job.id)
        raise_error(error)

    def _check_resubmittable(self, job_id: JobId) -> None:
        status = self.get_job_status(job_id)
        if status not in TERMINAL_STATUSES:
            raise ValueError(
                f"job {job_id} cannot be resubmitted on {self._where}: it is "
                f"{status.value!r}; only a job that ended can"
            )

    def submit_jobs(self, jobs: Sequence[Job]) -> Mapping[JobId, Exception | None]:
        """Send several jobs in one request; values are None or what went wrong."""
        # A job whose submission broke off keeps its token, so that it is recognised when it is
        # sent again. Each submission that was answered has a token of its own.
        sent = self._unanswered.take_tokens(jobs)
        try:
            results = self.submit_jobs_once(jobs, {job.id: token for job, token in sent.items()})
        except BaseException:
            self._unanswered.keep_tokens(sent)
            raise
        undecided = [job for job in sent if isinstance(results[job.id], StillSubmittingError)]
        self._unanswered.keep_tokens({job: sent[job] for job in undecided})
        return results

    def submit_jobs_once(
        self, jobs: Sequence[Job], tokens: Mapping[JobId, str]
    ) -> Mapping[JobId, Exception | None]:
        """Send several jobs; one that is there with the same token counts as sent."""
        results: dict[JobId, Exception | None] = {}
        fields = [
            self.make_workspace(),
            self._script_path,
            self._setup,
            str(len(self._words)),
            *self._words,
        ]
        seen: set[JobId] = set()
        for job in jobs:
            if job.id in seen:
                raise ValueError(f"job {job.id} stands twice in one submission")
            seen.add(job.id)
        if not seen:
            return results
        fields += (
            " ".join(str(job.id) for job in jobs),
            " ".join(tokens[job.id] for job in jobs),
            *(job.data.to_csv() for job in jobs),
        )
        timeout = 60.0 + 0.02 * len(jobs)
        reply = self._ask("submit", fields, timeout=timeout)
        if reply.status == "missing":
            self._workspace_made = False  # somebody deleted it since
            self.make_workspace()
            reply = self._ask("submit", fields, timeout=timeout)
        if reply.status != "ok":
            raise self._refusal(reply)
        answers = read_results(reply.fields())
        for job in jobs:
            word, words = answers.get(job.id, ("error", "no answer for this job"))
            if word in ("ok", "have"):
                results[job.id] = None
            elif word == "taken":
                results[job.id] = JobExistsError(
                    f"job {job.id} cannot be submitted to {self._where}: a job of this id was "
                    f"already submitted there ({fields[0]}/{job.id}); use another id"
                )
            elif word == "busy":
                results[job.id] = StillSubmittingError(
                    f"{self._where}: job {job.id} is just being submitted over another "
                    "connection; submit it again in a moment"
                )
            else:
                results[job.id] = ServerRefusedError(
                    f"{self._where}: job {job.id} could not be written to {fields[0]}: {words}"
                )
        return results
