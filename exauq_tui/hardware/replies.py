"""Pure readers of what the agent answers, one for each kind of reply."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from exauq_tui.errors import ConnectionLostError, SimulatorOutputParsingError
from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import JobId

STATES = {
    "Q": JobStatus.SUBMITTED,
    "R": JobStatus.RUNNING,
    "T": JobStatus.PENDING_CANCEL,
    "X": JobStatus.FAILED_CANCEL,
    "C": JobStatus.COMPLETED,
    "F": JobStatus.FAILED,
    "S": JobStatus.CANCELLED,
}
"""What the letters of journal and snapshot mean (scripts/core.sh); "D" is not a status."""

_FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)",
    re.ASCII | re.IGNORECASE,
)
_UNKNOWN = "-"
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|-", re.ASCII)
_WHITE_SPACE = " \t\n\r\f\v"
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class JobLines:
    """The readable part of a snapshot or of a piece of the journal.

    Attributes:
        generation: Which journal the offset counts in; "-" where there is none.
        offset: What is known up to, in bytes.
        server_time: The server's clock, in seconds since 1970.
        reports: One per line, in order.
        deleted: Jobs that lines tell were deleted, and that no later line brings back.
        foreign: Ids of jobs without a submission token: EXAUQ-Toolbox's.
        odd: Whether something could not be read, so that only a snapshot tells the truth.
        unreadable: Whether a whole line could not, so that a job is missing from `reports`.
    """

    generation: str
    offset: int
    server_time: float
    reports: tuple[JobReport, ...]
    deleted: tuple[JobId, ...]
    foreign: frozenset[JobId]
    odd: bool
    unreadable: bool


def read_job_lines(lines: list[str]) -> JobLines:
    """Read the reply to ``snapshot``, ``jobs`` or ``delta``."""
    try:
        generation, offset, server_time = lines[0].split(" ")
        position, clock = int(offset), float(server_time)
    except (IndexError, ValueError) as error:
        raise ConnectionLostError(f"unreadable answer of the server: {lines[:1]}") from error
    reports: dict[JobId, JobReport] = {}
    deleted: dict[JobId, None] = {}
    foreign: set[JobId] = set()
    odd = unreadable = False
    for line in lines[1:]:
        if not line or line.startswith("exauq-journal "):
            continue
        try:
            job_id, state, submitted, started, finished, code, token, output, note = line.split(
                " ", 8
            )
            found = JobId(job_id)
            if state == "D":
                reports.pop(found, None)
                deleted[found] = None
                continue
            # One damaged file of one job must not cost the answer about the others.
            if not all(_NUMBER.fullmatch(word) for word in (submitted, started, finished, code)):
                odd = True
            exit_code = _number(code)
            reports[found] = JobReport(
                job_id=found,
                status=STATES[state],
                submitted=_number(submitted),
                started=_number(started),
                finished=_number(finished),
                exit_code=None if exit_code is None else int(exit_code),
                output_text=None if output == _UNKNOWN else output,
                note=note.strip(),
                token="" if token == _UNKNOWN else token,
            )
            deleted.pop(found, None)
            if token == _UNKNOWN:
                foreign.add(found)
        except (ValueError, KeyError):
            odd = unreadable = True
    return JobLines(
        generation,
        position,
        clock,
        tuple(reports.values()),
        tuple(deleted),
        frozenset(foreign),
        odd,
        unreadable,
    )


def _number(text: str) -> float | None:
    return float(text) if text != _UNKNOWN and _NUMBER.fullmatch(text) else None


def read_results(fields: Iterable[str]) -> dict[JobId, tuple[str, str]]:
    """Read lines of "ID WORD [WORDS]" into the word and the words by id."""
    results: dict[JobId, tuple[str, str]] = {}
    for field in fields:
        job_id, _, rest = field.partition(" ")
        word, _, words = rest.partition(" ")
        results[JobId(job_id)] = (word, words)
    return results


def parse_output(text: str, job_id: JobId) -> float:
    """Read the one number of an output file.

    ASCII float syntax with white space around it; ``nan`` and ``inf`` count, underscores do not.

    Raises:
        SimulatorOutputParsingError: The text is anything else; the message shows its start.
    """
    stripped = text.strip(_WHITE_SPACE)
    if _FLOAT.fullmatch(stripped):
        return float(stripped)
    if not stripped:
        found = "it is empty"
    else:
        start = stripped[:_SHOWN].encode("unicode_escape").decode("ascii")
        found = f'it holds "{start}{"..." if len(stripped) > _SHOWN else ""}"'
    raise SimulatorOutputParsingError(
        f"the output of job {job_id} is not one floating-point number: {found}", text=text
    )
