"""The verbs on jobs that a script runs, over the agent protocol; shared by SSH and local.

Each verb is one request for any number of jobs. What the requests and replies hold is told in
``scripts/agent.sh``; `replies` reads them.
"""

from __future__ import annotations

import base64
import binascii
import math
import shlex
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence

from exauq_tui.errors import (
    HardwareInterfaceFailureError,
    JobExistsError,
    ServerRefusedError,
    SimulatorOutputParsingError,
    StillSubmittingError,
)
from exauq_tui.hardware.agent import Reply
from exauq_tui.hardware.agent_line import AgentLine
from exauq_tui.hardware.connection.transport import ByteStream
from exauq_tui.hardware.diagnosis import Finding
from exauq_tui.hardware.examining import Subject, examine
from exauq_tui.hardware.interface import (
    HardwareInterface,
    JobReport,
    LogChunk,
    Look,
    WorkspaceSummary,
)
from exauq_tui.hardware.lookout import Lookout
from exauq_tui.hardware.replies import STATES, parse_output, read_job_lines, read_results
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.hardware.unanswered import Unanswered
from exauq_tui.jobs import Input, Job, JobId

CANCEL_GRACE = 5.0
"""Seconds between TERM and KILL."""

_ASKED_WHILE_WAITING = 20
"""About how many jobs is asked again and again while many are being cancelled: to judge them all
takes the server time that it needs to end them."""


class ScriptJobs(HardwareInterface):
    """Jobs that run ``program script input.csv output.txt`` on one machine.

    Subclasses say how to reach the machine, and call `_set_up_jobs` before anything connects.
    """

    def _set_up_jobs(
        self,
        program: str,
        script_path: str,
        workspace_dir: str | None,
        *,
        where: str,
        setup: str,
        max_running: int | str | None,
        cancel_grace: float,
        reconnect: bool,
    ) -> None:
        try:
            words = shlex.split(program)
        except ValueError as error:
            raise ValueError(f"program {program!r} cannot be split into words: {error}") from error
        if not words:
            raise ValueError("program is empty: give what runs the script, such as 'python3'")
        if not script_path:
            raise ValueError("script_path is empty: give the path of the simulator script")
        if isinstance(max_running, int) and max_running < 0:
            raise ValueError(f"max_running is {max_running}: give 0 for no limit, or more")
        if not 0 <= cancel_grace < math.inf:
            raise ValueError(f"cancel_grace is {cancel_grace}: give seconds, 0 or more")
        if workspace_dir == "":
            raise ValueError("workspace_dir is empty: give a path, or None for a new directory")
        self._where = where
        self._words = words
        self._script_path = str(script_path)
        self._configured = None if workspace_dir is None else str(workspace_dir)
        self._setup = setup
        self._limit = "" if max_running is None else str(max_running)
        self._grace = cancel_grace
        self._workspace: str | None = None
        self._workspace_made = False
        self._unanswered = Unanswered()
        self._on_news: Callable[[], None] | None = None
        self._line = AgentLine(
            _Way(self),
            where,
            greet=self._find_workspace,
            reconnect=reconnect,
            on_news=self._news_came,
        )
        self._lookout = Lookout(self._line, self._ask, where)

    @abstractmethod
    def _start(self, command: str) -> ByteStream:
        """Start a command on the machine; a broken connection is made anew first."""

    @abstractmethod
    def _connection_is_open(self) -> bool:
        """Whether the connection itself lasts, as far as is known."""

    def _give_up_connection(self) -> None:
        """Take it that the connection is broken, whether or not that was noticed below."""

    def _link_holds_on(self) -> bool:
        """Whether an answer that is overdue is to be waited for, since it may be the link."""
        return False

    def _open_session(self) -> None:
        """Have an agent at hand and the workspace known; nothing happens where that is so."""
        self._line.ready()

    def _find_workspace(self, ask: Callable[[str, Sequence[str]], Reply]) -> None:
        """Ask where the workspace is, before anything else is asked of an agent."""
        reply = ask("open", (self._workspace or self._configured or "", self._limit))
        workspace, presence = self._checked(reply).fields()
        self._workspace = workspace or None
        self._workspace_made = presence == "present"

    def _close_session(self) -> None:
        self._line.close()

    @property
    def workspace_dir(self) -> str | None:
        """The workspace's absolute path on the server, or None while it is not known."""
        return self._workspace

    def _ask(self, verb: str, fields: Sequence[str] = (), timeout: float = 60.0) -> Reply:
        return self._line.ask(verb, fields, timeout)

    def _refusal(self, reply: Reply) -> ServerRefusedError:
        return ServerRefusedError(f"{self._where}: {_words(reply)}")

    def _checked(self, reply: Reply) -> Reply:
        if reply.status != "ok":
            raise self._refusal(reply)
        return reply

    # Submitting

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
        _raise_error(error)

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

    def make_workspace(self) -> str:
        """Make the workspace where it is missing, and give its absolute path.

        A request of its own: a submission whose answer is lost must find its jobs again.
        """
        self._open_session()
        if not self._workspace_made:
            mark = self._unanswered.workspace_mark
            fields = (self._workspace or "", self._script_path, self._limit, mark)
            self._workspace = self._checked(self._ask("make", fields)).fields()[0]
            self._workspace_made = True
        assert self._workspace is not None
        return self._workspace

    # Looking

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

    def _news_came(self) -> None:
        if self._on_news is not None:
            self._on_news()

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

    # Examining

    @property
    def is_remote(self) -> bool:
        """Whether there is a way to the machine."""
        return True

    def _may_start_more(self) -> bool:
        """Whether another command can be started without another login."""
        return True

    def examine(self) -> Iterator[Finding]:
        """Look at the machine, one finding after the other; changes nothing there."""
        return examine(
            Subject(
                self._line.open(),
                self._start if self._may_start_more() else None,
                self._where,
                self._workspace or self._configured or "",
                self._script_path,
                self._setup,
                self._words[0],
                self.is_remote,
            )
        )

    # Ending and deleting

    def cancel_job(self, job_id: JobId) -> None:
        """End a job's process and all its subprocesses; a job that does not run is left."""
        _raise_error(self.cancel_jobs([job_id])[job_id])

    def cancel_jobs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Exception | None]:
        """End several jobs and wait until that is done: one grace, however many they are."""
        results: dict[JobId, Exception | None] = dict.fromkeys(job_ids)
        waiting = []
        for job_id, answer in self.request_cancels(job_ids).items():
            if isinstance(answer, Exception):
                results[job_id] = answer
            elif answer is JobStatus.PENDING_CANCEL:
                waiting.append(job_id)
        deadline = time.monotonic() + self._grace + 30.0
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
                time.sleep(pause)
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
        _raise_error(self.delete_remote_job_dirs([job_id])[job_id])

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

    def describe_workspace(self) -> WorkspaceSummary:
        """Tell what `delete_workspace` would delete."""
        self._open_session()
        if self._workspace is None:
            return WorkspaceSummary("", 0, 0, ())
        reply = self._ask("describe", (self._workspace,))
        if reply.status == "missing":
            return WorkspaceSummary(self._workspace, 0, 0, ())
        counts, *others = self._checked(reply).fields()
        jobs, running = (int(word) for word in counts.split())
        return WorkspaceSummary(self._workspace, jobs, running, tuple(others))

    def delete_workspace(self) -> None:
        """Remove the whole workspace, without waiting for running jobs.

        Raises:
            ValueError: The workspace is the root, a home directory or above one, or holds the
                simulator script.
        """
        self._open_session()
        if self._workspace is None:
            return
        reply = self._ask("erase", (self._workspace, self._script_path), timeout=600.0)
        if reply.status == "unsafe":
            raise ValueError(f"not deleted on {self._where}: {_words(reply)}")
        if reply.status != "missing":
            self._checked(reply)
        self._workspace_made = False


class _Way:
    """How an object with jobs reaches its machine."""

    def __init__(self, jobs: ScriptJobs) -> None:
        self._jobs = jobs

    def start(self, command: str) -> ByteStream:
        return self._jobs._start(command)

    def is_connected(self) -> bool:
        return self._jobs._connection_is_open()

    def holds_on(self) -> bool:
        return self._jobs._link_holds_on()

    def give_up(self) -> None:
        self._jobs._give_up_connection()


def _words(reply: Reply) -> str:
    return reply.payload.decode("utf-8", errors="replace").strip()


def _raise_error(result: Exception | None) -> None:
    if result is not None:
        raise result


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
