"""What was asked and not answered, so that it is recognised when it is asked again."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from exauq_tui.jobs import Job, JobId


class Unanswered:
    """What one object asked of its server without hearing what came of it.

    Attributes:
        workspace_mark: What the making of a workspace is known by, however often it is asked.
    """

    def __init__(self) -> None:
        self.workspace_mark = secrets.token_hex(8)
        self._tokens: dict[Job, str] = {}
        self._deletions: set[JobId] = set()
        self._cleared: set[JobId] = set()

    def take_tokens(self, jobs: Iterable[Job]) -> dict[Job, str]:
        """Give the tokens to send jobs with: those of before where that was not answered."""
        return {job: self._tokens.pop(job, "") or secrets.token_hex(8) for job in jobs}

    def keep_tokens(self, sent: dict[Job, str]) -> None:
        """Keep the tokens of a submission that was not answered."""
        self._tokens.update(sent)

    def is_deleting(self, job_id: JobId) -> bool:
        """Whether the deletion of a job was not answered."""
        return job_id in self._deletions

    def keep_deletions(self, job_ids: Sequence[JobId]) -> None:
        """Keep in mind that a deletion was not answered."""
        self._deletions.update(job_ids)

    def drop_deletions(self, job_ids: Sequence[JobId]) -> set[JobId]:
        """Forget deletions, since they are answered now; give those that were kept."""
        kept = self._deletions.intersection(job_ids)
        self._deletions -= kept
        return kept

    def is_cleared(self, job_id: JobId) -> bool:
        """Whether a job was deleted to be submitted anew, which was not answered."""
        return job_id in self._cleared

    def keep_cleared(self, job_id: JobId) -> None:
        """Keep in mind that a job was deleted to be submitted anew."""
        self._cleared.add(job_id)

    def drop_cleared(self, job_id: JobId) -> None:
        """Forget that, since the submission is answered."""
        self._cleared.discard(job_id)
