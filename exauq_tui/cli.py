"""The command line: wires record, fleet and screens together, and the verbs without a screen.

Exit codes: 0 done, 1 some jobs failed, 2 wrong usage, 3 server unreachable, 4 authentication
or host key, 130 interrupted.
"""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from exauq_tui import __version__, config, locations
from exauq_tui.config import Config, ServerProfile
from exauq_tui.config_file import dotted
from exauq_tui.console import FAILED, INTERRUPTED, USAGE, terminal_kept
from exauq_tui.errors import ExauqTuiError, InputError, RecordError
from exauq_tui.log_file import close_log, open_log
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.opening import Opened, open_ahead
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.record_first import TableOrder
from exauq_tui.monitor.verbs import READ_ONLY, Destination, Prompter

if TYPE_CHECKING:
    from exauq_tui.headless import JobVerb


@dataclass(frozen=True, slots=True)
class Options:
    """What every command is given.

    Attributes:
        config: The configuration that was read.
        config_path: Where it is, or was looked for.
    """

    config: Config
    config_path: Path


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_option",
    type=click.Path(path_type=Path),
    help="The configuration file (otherwise EXAUQ_TUI_CONFIG, then the usual place).",
)
@click.option(
    "--read-only",
    is_flag=True,
    help="Change nothing on servers or in profiles, and send nothing that waits to be sent.",
)
@click.version_option(__version__, "-V", "--version", prog_name="exauq-tui")
@click.pass_context
def cli(context: click.Context, config_option: Path | None, read_only: bool) -> None:
    """Watch and steer simulation jobs on servers; without a command, in a live dashboard."""
    named = locations.named_config_path(config_option)
    found = config.load(named)
    if read_only:
        found = replace(found, app=replace(found.app, read_only=True))
    context.obj = Options(found, locations.config_path(config_option))
    if context.invoked_subcommand not in (None, "demo"):
        _tell_problems(context.obj)
    if context.invoked_subcommand is None:
        context.exit(_run_dashboard(context.obj))


def main() -> None:
    """Run the command line; what goes wrong is one sentence and an exit code."""
    cli(prog_name="exauq-tui")


def _tell_problems(options: Options) -> None:
    """Say what is wrong with the configuration; what is right in it is used."""
    if not options.config.problems:
        return
    from exauq_tui import headless  # noqa: PLC0415 - not needed for the dashboard

    for problem in options.config.problems:
        headless.say(problem)


def _fail(message: object, code: int) -> NoReturn:
    click.echo(f"exauq-tui: {message}", err=True)
    sys.exit(code)


@contextmanager
def _fleet(
    options: Options,
    prompter: Prompter,
    names: Sequence[str] = (),
    opening: Future[Opened] | None = None,
) -> Iterator[Fleet]:
    """Open record and log and make the fleet (of some servers); stop and close at the end."""
    log = open_log(locations.log_path())
    try:
        opened = (Record(locations.record_path()), None) if opening is None else opening.result()
        with opened[0] as record, terminal_kept():
            profiles = [each for each in options.config.servers if not names or each.name in names]
            fleet = Fleet(
                profiles,
                record,
                prompter,
                refresh=options.config.app.refresh,
                own_known_hosts=locations.known_hosts_path(),
                shows_all=not names or not profiles,
                read_only=options.config.app.read_only,
                first=opened[1],
            )
            try:
                yield fleet
            finally:
                fleet.stop()
    except RecordError as error:
        _fail(error, FAILED)
    except KeyboardInterrupt:
        _fail("interrupted: jobs go on, and what was not sent yet is kept", INTERRUPTED)
    finally:
        close_log(log)


def _run_dashboard(options: Options) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _fail("the dashboard needs a terminal; see 'exauq-tui --help' for commands", USAGE)
    # Nothing of what the start makes is garbage; the app enables it once its rows are drawn.
    gc.disable()
    # Here, so that the other commands start without Textual.
    from exauq_tui.app.preferences import PreferencesFile  # noqa: PLC0415

    preferences = PreferencesFile(locations.data_dir()).read()
    chosen = preferences[0]
    order = TableOrder(chosen.sort, chosen.descending, chosen.folds)
    # The disk and SQLite need nothing of what imports take a quarter of a second for.
    opening = open_ahead(locations.record_path(), order, shutil.get_terminal_size().lines)
    from exauq_tui.app.app import ExauqApp  # noqa: PLC0415
    from exauq_tui.app.prompter import AppPrompter  # noqa: PLC0415

    prompter = AppPrompter()
    with _fleet(options, prompter, opening=opening) as fleet:
        where = str(options.config_path)
        app = ExauqApp(
            fleet,
            options.config,
            prompter=prompter,
            config_text=where,
            data_dir=locations.data_dir(),
            profiles_dir=locations.profiles_dir(options.config_path),
            preferences=preferences,
        )
        app.run()
        if app.starting.failure is not None:
            raise app.starting.failure
        return app.return_code or 0


@cli.command()
@click.option("--jobs", "count", default=24, show_default=True, help="How many jobs to submit.")
def demo(count: int) -> None:
    """Open the dashboard on this machine, with sample jobs that are removed at the end."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _fail("the demo needs a terminal", USAGE)
    from exauq_tui import headless  # noqa: PLC0415
    from exauq_tui.app.app import ExauqApp  # noqa: PLC0415
    from exauq_tui.app.prompter import AppPrompter  # noqa: PLC0415
    from exauq_tui.demo.playground import Playground, sample_inputs  # noqa: PLC0415

    with Playground() as ground:
        prompter = AppPrompter()
        settings = Config(servers=(ground.profile,))
        with Record(ground.data_dir / "jobs.sqlite3") as record:
            fleet = Fleet(settings.servers, record, prompter, refresh=1.0)
            ground.end_jobs_with(lambda: headless.end_jobs(ground.profile))
            fleet.submit(ground.profile.name, sample_inputs(count), batch="demo")
            app = ExauqApp(
                fleet,
                settings,
                prompter=prompter,
                config_text="the demo's own",
                data_dir=ground.data_dir,
            )
            try:
                app.run()
            finally:
                fleet.stop()
    sys.exit(app.return_code or 0)


@cli.command()
@click.argument("server", required=False)
@click.option(
    "--level", type=int, help="Instead of SERVER: any of this level, the least busy first."
)
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="One input per line.")
@click.option("--input", "row", help="One input: numbers separated by commas, as 1,-2,3.")
@click.option("--skip-known", is_flag=True, help="Leave out inputs that ran or are under way.")
@click.option("--wait", is_flag=True, help="Wait for the jobs to end and print their outputs.")
@click.pass_obj
def submit(
    options: Options,
    server: str | None,
    level: int | None,
    csv_file: Path | None,
    row: str | None,
    skip_known: bool,
    wait: bool,
) -> None:
    """Submit jobs to SERVER; prints the id of each, with --wait also its status and output."""
    # Here as in the other commands, as the dashboard needs none of it.
    from exauq_tui import headless, headless_submit  # noqa: PLC0415
    from exauq_tui.monitor.inputs import parse_row, read_csv  # noqa: PLC0415

    profiles = _chosen(options, server, level)
    _must_be_allowed(options)
    if (csv_file is None) == (row is None):
        _fail("give either --csv FILE or --input NUMBERS", USAGE)
    try:
        names = headless_submit.input_names(profiles)
        inputs = (parse_row(row or "", names),) if csv_file is None else read_csv(csv_file, names)
    except InputError as error:
        _fail(error, USAGE)
    with _fleet(options, headless.TerminalPrompter(), [each.name for each in profiles]) as fleet:
        try:
            code = headless_submit.submit(
                fleet,
                Destination(server or "", profiles[0].level),
                inputs,
                batch="" if csv_file is None else csv_file.name,
                skip_known=skip_known,
                wait=wait,
            )
        except InputError as error:
            _fail(error, USAGE)
        except ExauqTuiError as error:
            _fail(error, FAILED)
        sys.exit(code)


def _chosen(options: Options, server: str | None, level: int | None) -> list[ServerProfile]:
    """The profiles of the server, or of the level, that was named."""
    if (server is None) == (level is None):
        _fail("give either SERVER or --level N", USAGE)
    if server is not None:
        chosen = [each for each in options.config.servers if each.name == server]
        if not chosen:
            _fail(_no_server(options, server), USAGE)
        return chosen
    chosen = [each for each in options.config.servers if each.level == level]
    if not chosen:
        _fail(f"there is no server of level {level} in {options.config_path}", USAGE)
    return chosen


def _must_be_allowed(options: Options) -> None:
    if options.config.app.read_only:
        _fail(READ_ONLY, USAGE)


def _no_server(options: Options, server: str) -> str:
    known = ", ".join(each.name for each in options.config.servers) or "none"
    return f"there is no server {server!r} in {options.config_path}; known: {known}"


@cli.command()
@click.argument("server")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write all of it to FILE, for somebody who helps; it holds no secrets.",
    metavar="FILE",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list for other programs.")
@click.pass_obj
def doctor(options: Options, server: str, report: Path | None, as_json: bool) -> None:
    """Examine SERVER step by step: what works, what does not, and what to do about it."""
    from exauq_tui import headless, headless_doctor  # noqa: PLC0415 - not needed for the dashboard

    profile = next((each for each in options.config.servers if each.name == server), None)
    wrong = [each for each in options.config.problems if f"[{dotted(('servers', server))}]" in each]
    if profile is None and not wrong:
        _fail(_no_server(options, server), USAGE)
    log = locations.log_path()
    try:
        if profile is None:
            sys.exit(
                headless_doctor.diagnose_unusable(
                    server, wrong, report=report, log=log, as_json=as_json
                )
            )
        with _fleet(options, headless.TerminalPrompter(), (server,)) as fleet:
            code = headless_doctor.diagnose(fleet, profile, report=report, log=log, as_json=as_json)
    except InputError as error:
        _fail(error, FAILED)
    sys.exit(code)


@cli.command("jobs")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list for other programs.")
@click.option("--no-refresh", is_flag=True, help="Print what is recorded, asking no server.")
@click.option(
    "--export",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a table to FILE (.csv or .json), as the dashboard does, instead of printing.",
    metavar="FILE",
)
@click.option("--overwrite", is_flag=True, help="Let --export replace a file that is there.")
@click.option(
    "--filter",
    "words",
    default="",
    help="Only these, in the dashboard's language: 'status:failed x1>0.9 age<2h'.",
    metavar="TERMS",
)
@click.pass_obj
def list_jobs(
    options: Options,
    as_json: bool,
    no_refresh: bool,
    file: Path | None,
    overwrite: bool,
    words: str,
) -> None:
    """List all jobs; exit code 3 or 4 where a server could not be asked."""
    from exauq_tui import headless  # noqa: PLC0415 - not needed for the dashboard
    from exauq_tui.monitor.export import suffix_problem  # noqa: PLC0415 - likewise

    if file is not None and as_json:
        _fail("--export writes JSON where FILE ends in .json: leave --json out", USAGE)
    if file is not None and (problem := suffix_problem(file)):
        _fail(f"--export {file}: {problem}", USAGE)
    with _fleet(options, headless.TerminalPrompter()) as fleet:
        code = 0
        try:
            query = headless.understand_filter(fleet, words)
        except InputError as error:
            _fail(f"--filter: {error}", USAGE)
        if not no_refresh:
            fleet.start()
            code = headless.look_at_all(fleet)
        if file is None:
            headless.print_jobs(fleet, query, as_json=as_json)
        else:
            try:
                headless.export_jobs(fleet, query, file, overwrite=overwrite)
            except InputError as error:
                _fail(error, FAILED)
    sys.exit(code)


@cli.command()
@click.argument("job_id", metavar="ID")
@click.pass_obj
def output(options: Options, job_id: str) -> None:
    """Print the output of job ID."""
    from exauq_tui import headless  # noqa: PLC0415 - not needed for the dashboard

    _with_job(options, job_id, headless.print_output)


@cli.command()
@click.argument("job_id", metavar="ID")
@click.pass_obj
def cancel(options: Options, job_id: str) -> None:
    """Cancel job ID and wait until nothing of it runs any more."""
    from exauq_tui import headless  # noqa: PLC0415 - not needed for the dashboard

    _must_be_allowed(options)
    _with_job(options, job_id, headless.cancel)


def _with_job(options: Options, job_id: str, verb: JobVerb) -> NoReturn:
    """Find a job by its id and do something with it on its server."""
    from exauq_tui import headless  # noqa: PLC0415 - not needed for the dashboard

    with _fleet(options, headless.TerminalPrompter()) as fleet:
        try:
            row = headless.find_job(fleet, job_id)
        except InputError as error:
            _fail(error, USAGE)
    with _fleet(options, headless.TerminalPrompter(), (row.server,)) as fleet:
        fleet.start()
        sys.exit(verb(fleet, row))
