"""What the command line does with a fleet: follow jobs and print them, without a screen.

Results go to standard output, one line each, for other programs; everything meant for people
goes to standard error.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

import click

from exauq_tui.config import ServerProfile
from exauq_tui.console import DONE, FAILED, REFUSED, UNREACHABLE
from exauq_tui.errors import ExauqTuiError, InputError
from exauq_tui.hardware.connection.prompts import (
    accept_on_terminal,
    ask_secret_on_terminal,
)
from exauq_tui.hardware.interface import HostKey, HostKeyDecision
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.monitor.evidence import GONE, is_gone
from exauq_tui.monitor.export import export
from exauq_tui.monitor.filters import Query, understand, vocabulary
from exauq_tui.monitor.fleet import NOT_CONFIGURED, Fleet
from exauq_tui.monitor.snapshot import JobRow, ServerState, ServerView
from exauq_tui.monitor.support_report import one_line

JobVerb = Callable[[Fleet, JobRow], int]
"""Does something with one job, and gives the exit code."""

_REFUSED_STATES = frozenset(
    {ServerState.AUTH_NEEDED, ServerState.HOST_KEY_CHANGED, ServerState.HOST_KEY_UNKNOWN}
)
_AWAY_STATES = frozenset({ServerState.LOST, ServerState.FAULT})
_SURE = 60.0  # no connection attempt takes longer: a loop that waits for one is bounded
_TURN = 0.5


class TerminalPrompter:
    """Asks on the terminal; without one, a question is an error that says what to do."""

    def ask_secret(self, server: str, prompt: str) -> str | None:
        """Ask for a password, passphrase or code, without echo."""
        return ask_secret_on_terminal(f"{server}: {prompt}")

    def accept_host_key(self, server: str, key: HostKey) -> HostKeyDecision:  # noqa: ARG002 - the key says it
        """Ask whether an unknown host key is to be trusted."""
        return accept_on_terminal(key)


class Watch:
    """Waits for changes of a fleet, instead of asking again and again."""

    def __init__(self, fleet: Fleet) -> None:
        self._changed = threading.Event()
        self._fleet = fleet
        fleet.set_listener(self._changed.set)

    def wake(self, _: object = None) -> None:
        """End the wait that is under way, or else the next."""
        self._changed.set()

    def wait(self) -> None:
        """Wait for the next change, or a moment."""
        self._changed.wait(_TURN)
        self._changed.clear()
        self._fleet.drain()


def trouble(view: ServerView) -> int:
    """The exit code for how a server stands; DONE where all is well or still open."""
    if view.asks:
        return DONE  # a question is on the terminal at this moment
    if view.state in _REFUSED_STATES:
        return REFUSED
    if view.state in _AWAY_STATES:
        return UNREACHABLE
    return DONE


def say(text: str) -> None:
    """Tell people something."""
    # Some of it may be a server's words, which are nothing for a terminal to act on.
    lines = "\n".join(map(one_line, text.split("\n")))
    click.echo(f"exauq-tui: {lines}", err=True)


def _say_trouble(view: ServerView) -> None:
    say(f"{view.name} ({view.where}) is {view.state.value}: {view.message}")


def follow_submission(fleet: Fleet, server: str, keys: Sequence[int], *, wait: bool) -> int:
    """Wait until jobs are accepted, or with `wait` until they ended; print each, once."""
    watch = Watch(fleet)
    left = dict.fromkeys(keys)
    seen_up = told_trouble = False
    failed = False
    while True:
        rows = _rows(fleet, left)
        for key in left.keys() - {row.key for row in rows}:
            say("a job was deleted meanwhile")
            failed = True
            del left[key]
        for row in rows:
            if row.is_pending or (wait and not _is_over(row)):
                continue
            if wait or row.status is JobStatus.FAILED_SUBMIT:
                words = _why_not(row)
                if words:
                    say(f"job {row.job_id} {words}")
                failed = failed or bool(words) or row.status is not JobStatus.COMPLETED
            click.echo(_line(row) if wait else row.job_id)
            del left[row.key]
        if not left:
            return FAILED if failed else DONE
        view = fleet.server(server)
        code = trouble(view)
        if view.state is ServerState.UP:
            seen_up, told_trouble = True, False
        # Refused credentials are not tried again by themselves: there is nothing to wait for.
        elif code == REFUSED or (code and not (wait and seen_up)):
            _say_trouble(view)
            _say_kept(_rows(fleet, left), server)
            return code
        elif code and not told_trouble:
            _say_trouble(view)
            say("waiting until it is back")
            told_trouble = True
        watch.wait()


def _rows(fleet: Fleet, keys: Collection[int]) -> list[JobRow]:
    return [row for row in fleet.rows() if row.key in keys]


def _is_over(row: JobRow) -> bool:
    """Whether a job has ended and, where it completed, its output was looked at."""
    if is_gone(row.note):
        return True  # nobody will ever tell more of it
    if row.status is JobStatus.COMPLETED:
        return row.output is not None or bool(row.output_error)
    return row.is_terminal


def _why_not(row: JobRow) -> str:
    """Say what went wrong with a job that has no output, or ""."""
    if row.status is JobStatus.FAILED_SUBMIT:
        return f"could not be submitted: {row.error}"
    if row.output_error:
        return f"has no output: {row.output_error}"
    if is_gone(row.note) and row.output is None:
        return f"is {GONE}: no more can be known of it"
    return ""


def _say_kept(rows: Sequence[JobRow], server: str) -> None:
    unsent = sum(row.is_pending for row in rows)
    if unsent:
        jobs = "1 job is" if unsent == 1 else f"{unsent} jobs are"
        say(f"{jobs} kept and sent once {server} can be reached")
    if unsent < len(rows):
        say(f"what runs on {server} goes on; 'exauq-tui jobs' tells later what came of it")


def _line(row: JobRow) -> str:
    shown = "" if row.output is None else repr(row.output)
    return f"{row.job_id}\t{row.status.value}\t{shown}"


def look_at_all(fleet: Fleet) -> int:
    """Wait until every server was looked at or is known to be away; the worst exit code.

    What waits to be sent to a server that is there is sent by the way.
    """
    watch = Watch(fleet)
    worst = DONE
    sent: dict[str, Future[None]] = {}
    waiting = {view.name for view in fleet.servers()}
    while waiting:
        for view in fleet.servers():
            if view.name not in waiting:
                continue
            code = trouble(view)
            if code:
                _say_trouble(view)
                worst = max(worst, code)
                waiting.discard(view.name)
            elif view.state is ServerState.UP and view.name not in sent:
                sent[view.name] = fleet.send_pending(view.name)
                sent[view.name].add_done_callback(watch.wake)
        for name in [name for name, future in sent.items() if future.done()]:
            if sent.pop(name).exception() is None:
                waiting.discard(name)
        if waiting:
            watch.wait()
    return worst


def understand_filter(fleet: Fleet, text: str) -> Query:
    """Make a query of a filter, by the names of servers and inputs that the fleet knows.

    Raises:
        FilterError: It cannot be understood.
    """
    return understand(text, vocabulary(fleet.servers(), {row.server for row in fleet.rows()}))


def print_jobs(fleet: Fleet, query: Query, *, as_json: bool) -> None:
    """Print the jobs that a query selects, oldest first."""
    fresh = {view.name for view in fleet.servers() if view.state is ServerState.UP}
    now = time.time()
    rows = [row for row in fleet.rows() if query.matches(row, now)]
    if as_json:
        click.echo(json.dumps([_as_json(row, row.server in fresh) for row in rows], indent=2))
        return
    for row in rows:
        mark = " ?" if _is_stale(row, row.server in fresh) else ""
        inputs = ",".join(map(repr, row.inputs))
        shown = "" if row.output is None else repr(row.output)
        click.echo(f"{row.job_id}\t{row.server}\t{row.status.value}{mark}\t{inputs}\t{shown}")


def export_jobs(fleet: Fleet, query: Query, path: Path, *, overwrite: bool) -> None:
    """Write the jobs that a query selects to a file, oldest first, as the dashboard does.

    Raises:
        InputError: The file is there and may not be replaced, or it cannot be written.
    """
    now = time.time()
    rows = [row for row in fleet.rows() if query.matches(row, now)]
    names = {view.name: view.input_names for view in fleet.servers()}
    if not export(path, rows, names, overwrite=overwrite):
        raise InputError(f"{path} is there already: --overwrite replaces it")
    say(f"{len(rows)} {'job' if len(rows) == 1 else 'jobs'} written to {path}")


def _is_stale(row: JobRow, fresh: bool) -> bool:
    """Whether a job's status may have changed since its server, seen just now or not, told it."""
    return not row.is_terminal and (not fresh or is_gone(row.note))


def _as_json(row: JobRow, fresh: bool) -> dict[str, object]:
    output: float | str | None = row.output
    if row.output is not None and not math.isfinite(row.output):
        output = repr(row.output)  # JSON has no word for it
    return {
        "id": row.job_id,
        "server": row.server,
        "status": row.status.value,
        "stale": _is_stale(row, fresh),
        "level": row.level,
        "batch": row.batch,
        "inputs": list(row.inputs),
        "output": output,
        "output_error": row.output_error,
        "exit_code": row.exit_code,
        "created": _iso(row.created),
        "submitted": _iso(row.submitted),
        "started": _iso(row.started),
        "finished": _iso(row.finished),
        "try_of": row.try_of,
        "error": row.error,
        "note": row.note,
    }


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def find_job(fleet: Fleet, name: str) -> JobRow:
    """Find a job by its id, or by SERVER/ID where several servers have one of that id.

    Raises:
        InputError: There is no such job, or there are several.
    """
    server, _, job_id = name.rpartition("/")
    found = [row for row in fleet.rows() if row.job_id == job_id and server in ("", row.server)]
    if not found:
        raise InputError(f"there is no job {name} in the record; 'exauq-tui jobs' lists them")
    if len(found) > 1:
        names = ", ".join(f"{row.server}/{row.job_id}" for row in found)
        raise InputError(f"several jobs have the id {job_id}: say which of {names}")
    return found[0]


def print_output(fleet: Fleet, row: JobRow) -> int:
    """Print a job's output."""
    code = DONE if row.output is not None else look_at_all(fleet)
    now = next(iter(_rows(fleet, {row.key})), row)
    if now.output is None and now.status is JobStatus.COMPLETED and not code:
        try:
            answer = fleet.fetch_outputs([row.key]).result(_SURE)[row.key]
        except (ExauqTuiError, TimeoutError) as error:
            say(str(error))
            return UNREACHABLE
        if isinstance(answer, str):
            say(answer)
            return FAILED
        click.echo(repr(answer))
        return DONE
    if now.output is not None:
        click.echo(repr(now.output))
        return DONE
    if not code:
        say(f"job {row.job_id} has no output: it is {now.status.value}")
    return code or FAILED


def cancel(fleet: Fleet, row: JobRow) -> int:
    """Cancel a job, and wait until it is known what came of it."""
    watch = Watch(fleet)
    if not fleet.cancel([row.key]).asked:
        if row.is_terminal:
            say(f"job {row.job_id} is {row.status.value}: nothing to cancel")
            return DONE
        if any(view.name == row.server for view in fleet.servers()):
            reason = f"it is not where {row.server} points now"
        else:
            reason = f"{row.server} {NOT_CONFIGURED}"
        say(f"job {row.job_id} cannot be cancelled: {reason}")
        return FAILED
    while True:
        found = _rows(fleet, {row.key})
        if not found:
            say(f"job {row.job_id} was deleted meanwhile")
            return FAILED
        now = found[0]
        if now.status is JobStatus.FAILED_CANCEL:
            say(f"job {row.job_id} could not be cancelled: {now.error}")
            return FAILED
        if now.is_terminal:
            click.echo(f"{now.job_id}\t{now.status.value}")
            return DONE
        view = fleet.server(row.server)
        code = trouble(view)
        if code:
            _say_trouble(view)
            say(f"the request is kept and sent once {row.server} can be reached")
            return code
        watch.wait()


def end_jobs(profile: ServerProfile) -> None:
    """End whatever still runs in the workspace of a profile on this machine."""
    from exauq_tui.hardware import LocalScriptInterface  # noqa: PLC0415 - at the end of a demo only

    with LocalScriptInterface(
        profile.program,
        profile.script_path,
        profile.name,
        workspace_dir=profile.workspace_dir,
        cancel_grace=1.0,
    ) as interface:
        reports = interface.look().reports
        active = [each.job_id for each in reports if each.status not in TERMINAL_STATUSES]
        interface.cancel_jobs(active)
