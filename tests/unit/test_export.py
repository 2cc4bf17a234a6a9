"""Jobs written as CSV and JSON for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from exauq_tui.errors import InputError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.export import JobTable, csv_text, default_name, export, free_name
from tests.app.fake_fleet import NOW, job

NAMES = {"hpc1": ("x1", "x2", "x3")}
HOSTILE = 'a,b"c\n\x1b]52;c;aGk=\x07\udc80d'


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_job_has_everything_that_is_known_of_it() -> None:
    done = job(1, JobStatus.COMPLETED, output=0.1 + 0.2, try_number=2, try_of="42", note="seen")
    assert read_csv(csv_text(JobTable([done], NAMES))) == [
        {
            "id": "20261113090000001",
            "server": "hpc1",
            "level": "1",
            "batch": "design.csv",
            "try": "2",
            "try_of": "42",
            "status": "Completed",
            "exit_code": "0",
            "x1": "0.26",
            "x2": "-1.5",
            "x3": "1",
            "output": "0.30000000000000004",
            "created": "2026-11-13T09:00:10+00:00",
            "submitted": "2026-11-13T09:00:11+00:00",
            "started": "2026-11-13T09:00:12+00:00",
            "finished": "2026-11-13T09:04:24+00:00",
            "run_seconds": "252.0",
            "note": "seen",
            "error": "",
            "directory": "/home/alice/hpc1-workspace/20261113090000001",
        }
    ]


def test_json_has_the_same_keys_and_null_for_what_is_not_known(tmp_path: Path) -> None:
    rows = [job(1), job(2, JobStatus.PENDING_SUBMIT, created=0.0)]
    path = tmp_path / "jobs.json"
    assert export(path, rows, NAMES)
    first, second = json.loads(path.read_text())
    assert list(first) == list(JobTable(rows, NAMES).headings)
    assert (first["x1"], first["x3"], first["output"]) == (0.26, 1, None)
    assert (second["created"], second["started"], second["run_seconds"]) == (None, None, None)


def test_a_number_that_is_not_finite_is_kept(tmp_path: Path) -> None:
    rows = [job(1, JobStatus.COMPLETED, output=math.nan)]
    export(tmp_path / "a.json", rows, NAMES)
    (only,) = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert only["output"] == "nan"
    (line,) = read_csv(csv_text(JobTable(rows, NAMES)))
    assert math.isnan(float(line["output"]))


def test_inputs_of_several_simulators_have_columns_of_their_own() -> None:
    rows = [
        job(1),
        job(2, server="lab", inputs=(7.0, 8.0)),
        job(3, server="other", inputs=(9.0,)),
        job(4, inputs=(1.0, 2.0)),
    ]
    lines = read_csv(csv_text(JobTable(rows, {**NAMES, "lab": ("output", "input_output")})))
    inputs = ("x1", "x2", "x3", "input_output", "input_input_output")
    assert [tuple(line[name] for name in inputs) for line in lines] == [
        ("0.26", "-1.5", "1", "", ""),
        ("", "", "", "7.0", "8.0"),
        ("9.0", "", "", "", ""),
        ("1.0", "2.0", "", "", ""),
    ]


def test_text_from_elsewhere_stays_in_its_cell_and_commands_no_terminal(tmp_path: Path) -> None:
    rows = [job(1, batch=HOSTILE, note=HOSTILE, error=HOSTILE, workspace=HOSTILE), job(2)]
    for name in ("a.csv", "a.json"):
        export(tmp_path / name, rows, NAMES)
        assert b"\x1b" not in (tmp_path / name).read_bytes()
    lines = read_csv((tmp_path / "a.csv").read_text())
    shown = 'a,b"c\\n\\x1b]52;c;aGk=\\x07\\udc80d'
    assert len(lines) == 2
    assert {lines[0][name] for name in ("batch", "note", "error")} == {shown}
    assert lines[0]["directory"] == f"{shown}/{rows[0].job_id}"
    assert json.loads((tmp_path / "a.json").read_text())[0]["note"] == shown


def test_no_jobs_are_a_table_without_lines(tmp_path: Path) -> None:
    export(tmp_path / "a.csv", [], NAMES)
    export(tmp_path / "a.json", [], NAMES)
    assert read_csv((tmp_path / "a.csv").read_text()) == []
    assert json.loads((tmp_path / "a.json").read_text()) == []


def test_a_file_that_is_there_is_left_alone_unless_it_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("mine")
    assert not export(path, [job(1)], NAMES)
    assert path.read_text() == "mine"
    assert export(path, [job(1)], NAMES, overwrite=True)
    assert path.read_text().startswith("id,server,")
    assert [each.name for each in tmp_path.iterdir()] == ["jobs.csv"]


def test_a_link_is_followed_and_stays_one(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "jobs.csv"
    link.symlink_to(tmp_path / "there" / "real.csv")
    assert export(link, [job(1)], NAMES)
    assert link.is_symlink()
    assert (tmp_path / "there" / "real.csv").read_text().startswith("id,")


def test_a_row_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = replace(job(2), created="yesterday")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError):
        export(tmp_path / "jobs.csv", [job(1), broken], NAMES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("jobs.xlsx", "has to end in .csv or .json"),
        ("jobs", "has to end in .csv or .json"),
        ("no/such/jobs.csv", "cannot be written: No such file or directory"),
        ("folder.csv", "is a directory"),
        ("x" * 300 + ".csv", "cannot be written: File name too long"),
    ],
)
def test_a_name_that_is_no_good_is_refused_in_words(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=words):
        export(tmp_path / name, [job(1)], NAMES, overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.parametrize(
    ("batches", "name"),
    [
        (("design.csv", "design.csv"), "design-jobs-2026-11-13.csv"),
        (("design.csv", "more.csv"), "exauq-jobs-2026-11-13.csv"),
        (("",), "exauq-jobs-2026-11-13.csv"),
        (("../../etc/a b\n.csv",), "a-b-jobs-2026-11-13.csv"),
    ],
)
def test_a_file_is_called_after_its_batch_and_the_day(batches: tuple[str, ...], name: str) -> None:
    assert default_name([job(1, batch=batch) for batch in batches], NOW) == name


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    assert free_name(path) == path
    path.touch()
    (tmp_path / "jobs-2.csv").touch()
    assert free_name(path) == tmp_path / "jobs-3.csv"


def test_a_hundred_thousand_jobs_are_all_written(tmp_path: Path) -> None:
    one = job(1, JobStatus.COMPLETED)
    rows = [replace(one, key=key, job_id=f"{key:017}", output=key / 7) for key in range(100_000)]
    export(tmp_path / "jobs.csv", rows, NAMES)
    lines = read_csv((tmp_path / "jobs.csv").read_text())
    assert [line["id"] for line in lines] == [row.job_id for row in rows]
    assert all(float(line["output"]) == row.output for line, row in zip(lines, rows, strict=True))
