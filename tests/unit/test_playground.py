"""The demo's throw-away directories."""

import math
import os
import shlex
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from exauq_tui.demo.playground import INPUT_NAMES, Playground, sample_inputs


def test_it_makes_its_directories_and_removes_them_with_their_contents(tmp_path: Path) -> None:
    with Playground(parent=tmp_path) as playground:
        root = playground.root
        assert root.parent == tmp_path.resolve()
        assert playground.data_dir.is_dir()
        assert playground.workspace.is_dir()
        (playground.workspace / "20260101000000001").mkdir()
        (playground.workspace / "20260101000000001" / "input.csv").write_text("1,2,3\n")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="not open"):
        _ = playground.root


def test_only_its_owner_can_look_into_it(tmp_path: Path) -> None:
    with Playground(parent=tmp_path) as playground:
        assert playground.root.stat().st_mode & 0o077 == 0


def test_its_profile_runs_the_sample_simulator_on_this_machine(tmp_path: Path) -> None:
    with Playground(parent=tmp_path, speed=0.0) as playground:
        profile = playground.profile
        workspace = playground.workspace
    assert profile.kind == "local"
    assert profile.workspace_dir == str(workspace)
    assert Path(profile.script_path).is_file()
    assert shlex.split(profile.program) == [sys.executable, "-u"]
    assert profile.input_names == INPUT_NAMES
    assert profile.setup == "export EXAUQ_DEMO_SPEED=0.0"


def test_the_speed_comes_from_the_environment_where_it_is_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAUQ_DEMO_SPEED", "0.5; true")
    with Playground(parent=tmp_path) as playground:
        assert playground.profile.setup == "export EXAUQ_DEMO_SPEED='0.5; true'"
    monkeypatch.delenv("EXAUQ_DEMO_SPEED")
    with Playground(parent=tmp_path) as playground:
        assert playground.profile.setup == ""


def test_jobs_are_ended_before_the_directory_goes(tmp_path: Path) -> None:
    seen: list[bool] = []
    with Playground(parent=tmp_path) as playground:
        workspace = playground.workspace
        playground.end_jobs_with(lambda: seen.append(workspace.is_dir()))
    assert seen == [True]


def test_the_directory_goes_even_when_its_jobs_cannot_be_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OSError("no way")

    with Playground(parent=tmp_path) as playground:
        playground.end_jobs_with(fail)
    assert list(tmp_path.iterdir()) == []
    assert "could not be ended" in caplog.text


def test_an_error_inside_passes_through_and_still_cleans_up(tmp_path: Path) -> None:
    with pytest.raises(KeyError), Playground(parent=tmp_path):
        raise KeyError("x")
    assert list(tmp_path.iterdir()) == []


def test_the_handlers_of_signals_are_put_back(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    with Playground(parent=tmp_path):
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP)] == before


Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start a program that opens a playground below `tmp_path` and runs the given lines in it."""

    def start_program(lines: str) -> "subprocess.Popen[str]":
        program = (
            "import signal, sys, time\n"
            "from pathlib import Path\n"
            "from exauq_tui.demo.playground import Playground\n"
            "with Playground(parent=Path(sys.argv[1])) as playground:\n"
            + textwrap.indent(textwrap.dedent(lines), "    ")
        )
        return subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )

    return start_program


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_jobs_and_removes_the_directory(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(
        """
        playground.end_jobs_with(lambda: print("ended", flush=True))
        print("open", flush=True)
        time.sleep(60)
        """
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(number)
    rest, _ = process.communicate(timeout=30)
    assert rest == "ended\n"
    assert list(tmp_path.iterdir()) == []
    if number != signal.SIGINT:
        assert process.returncode == 128 + number


def test_more_signals_while_leaving_do_not_keep_it_from_cleaning_up(
    start: Start, tmp_path: Path
) -> None:
    process = start(
        """
        def end_jobs():
            print("ending", flush=True)
            time.sleep(1)

        playground.end_jobs_with(end_jobs)
        # As an event loop leaves it behind when it closes.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        """
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ending\n"
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_files_that_appear_during_the_removal_are_removed_too(start: Start, tmp_path: Path) -> None:
    process = start(
        """
        import subprocess
        # A job that goes on writing for a while after it was told to end.
        writer = "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo x > \\"$1/$i\\"; done 2>/dev/null"
        subprocess.Popen(["sh", "-c", writer, "sh", str(playground.workspace)])
        """
    )
    assert process.wait(timeout=30) == 0
    assert process.stdout is not None
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_sample_inputs_are_the_same_each_time_and_differ_by_seed() -> None:
    assert sample_inputs() == sample_inputs()
    assert sample_inputs(seed=3) != sample_inputs()


def test_sample_inputs_use_each_part_of_each_range_once() -> None:
    count = 24
    inputs = sample_inputs(count)
    assert len(inputs) == count
    for column in zip(*inputs, strict=True):
        parts = sorted(int((float(x) / math.pi + 1) / 2 * count) for x in column)
        assert parts == list(range(count))
