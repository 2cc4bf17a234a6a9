"""Asking about jobs that a script runs: where they stand, their outputs, inputs and logs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence

from exauq_tui.errors import (
    HardwareInterfaceFailureError,
    ServerRefusedError,
    SimulatorOutputParsingError,
)
from exauq_tui.hardware.interface import JobReport, LogChunk, Look
from exauq_tui.hardware.replies import parse_output, read_job_lines, read_results
from exauq_tui.hardware.script_machine import ScriptMachine
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input, JobId


class ScriptAsking(ScriptMachine):
    """The verbs that only ask; each is one request, or two, for any number of jobs."""

    def get_job_status(self, job_id: JobId) -> JobStatus:
        """Ask where one job stands; PENDING_SUBMIT where it was never submitted."""
        status = self.get_job_statuses([job_id])[job_id]
        if isinstance(status, Exception):
            raise status
        return status

    def get_job_statuses(self, job_ids: Sequence[JobId]) -> Mapping[JobId, JobStatus | Exception]:
        """Ask where several jobs stand."""
        reports = self._reports(job_ids)
        return {
            job_id: reports[job_id].status if job_id in reports else JobStatus.PENDING_SUBMIT
            for job_id in job_ids
        }

    def _reports(self, job_ids: Sequence[JobId]) -> dict[JobId, JobReport]:
        """What the server knows of jobs now; those it does not have are left out."""
        self._open_session()
        if self._workspace is None or not job_ids:
            return {}
        reply = self._ask("jobs", [self._workspace, *map(str, job_ids)])
        if reply.status == "missing":
            return {}
        lines = read_job_lines(self._checked(reply).lines())
        if lines.unreadable:
            raise ServerRefusedError(f"{self._where}: its answer about jobs cannot be read")
        return {report.job_id: report for report in lines.reports}

    def look(self, cursor: str | None = None) -> Look:
        """Tell what changed since `cursor` (everything where it is None or of no use)."""
        self._open_session()
        if self._workspace is None:
            return Look("", complete=True, reports=())
        return self._lookout.look(self._workspace, cursor, push=self._on_news is not None)

    def on_news(self, listener: Callable[[], None] | None) -> None:
        """Have changes pushed by the server; `listener` is called when a look will tell more."""
        self._on_news = listener

    @property
    def is_pushing(self) -> bool:
        """Whether the server pushes changes, so that looks cost nothing."""
        return self._lookout.is_watching

    @property
    def silence(self) -> float:
        """For how many seconds nothing was heard from the server; 0 where not connected."""
        session = self._line.session
        return session.silence if session is not None and session.is_open else 0.0

    @property
    def latency(self) -> float | None:
        """The shortest round trip of this connection so far, in seconds; None before the first."""
        session = self._line.session
        return None if session is None else session.latency

    def get_job_output(self, job_id: JobId) -> float | None:
        """Get a completed job's number, or None where the job did not complete.

        Raises:
            SimulatorOutputParsingError: The output file does not hold exactly one number.
        """
        output = self.get_job_outputs([job_id])[job_id]
        if isinstance(output, Exception):
            raise output
        return output

    def get_job_outputs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, float | Exception | None]:
        """Get the numbers of several jobs, in two requests at most."""
        reports = self._reports(job_ids)
        results: dict[JobId, float | Exception | None] = dict.fromkeys(job_ids)
        texts: dict[JobId, str] = {}
        unread: list[JobId] = []
        for job_id, report in reports.items():
            if report.status is not JobStatus.COMPLETED:
                continue
            if report.output_text is None:
                unread.append(job_id)
            else:
                texts[job_id] = report.output_text
        if unread:
            fields = [self._workspace or "", *map(str, unread)]
            answers = read_results(self._checked(self._ask("outputs", fields)).fields())
            for job_id in unread:
                word, words = answers.get(job_id, ("none", ""))
                if word == "=":
                    texts[job_id] = words
                else:
                    results[job_id] = ServerRefusedError(
                        f"{self._where}: " + (words or f"the output of job {job_id} is gone")
                    )
        for job_id, text in texts.items():
            results[job_id] = _output_of(text, job_id)
        return results

    def get_job_inputs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Input | Exception]:
        """Read the inputs that jobs were submitted with."""
        if not job_ids:
            return {}
        self._open_session()
        fields = [self._workspace or "", *map(str, job_ids)]
        answers = read_results(self._checked(self._ask("inputs", fields)).fields())
        results: dict[JobId, Input | Exception] = {}
        for job_id in job_ids:
            word, words = answers.get(job_id, ("none", ""))
            if word == "=":
                results[job_id] = _parse_input(words, job_id)
            else:
                results[job_id] = ServerRefusedError(
                    f"{self._where}: job {job_id} has no readable input.csv"
                )
        return results

    def read_job_log(self, job_id: JobId, offset: int, limit: int) -> LogChunk:
        """Read at most `limit` bytes of what a job printed; `offset` < 0 counts from the end."""
        self._open_session()
        name = self._script_path.rsplit("/", 1)[-1]
        fields = (self._workspace or "", str(job_id), name, str(offset), str(limit))
        head, _, body = self._checked(self._ask("log", fields)).payload.partition(b"\n")
        try:
            start, size = (int(word) for word in head.split())
            return LogChunk(start, base64.b64decode(body), size)
        except (ValueError, binascii.Error) as error:
            raise ServerRefusedError(
                f"{self._where}: the log of job {job_id} cannot be read"
            ) from error


def _output_of(text: str, job_id: JobId) -> float | SimulatorOutputParsingError:
    try:
        return parse_output(text, job_id)
    except SimulatorOutputParsingError as error:
        return error


def _parse_input(text: str, job_id: JobId) -> Input | Exception:
    """Read the line of an input.csv; ints stay ints."""
    try:
        return Input(*(_coordinate(word.strip()) for word in text.strip().split(",")))
    except ValueError as error:
        return HardwareInterfaceFailureError(
            f"the input of job {job_id} is not a line of numbers: {error}"
        )


def _coordinate(word: str) -> float:
    try:
        return int(word)
    except ValueError:
        return float(word)
