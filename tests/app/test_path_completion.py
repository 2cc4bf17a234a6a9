"""Completing the path of a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exauq_tui.app.path_completion import complete


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("design.csv", "design two.csv", "notes.txt", ".hidden.csv"):
        (tmp_path / name).touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "deep.csv").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_goes_on_as_far_as_it_is_clear_how(place: Path) -> None:
    found = complete(f"{place}/de")
    assert found.names == ("design two.csv", "design.csv")
    assert found.common == f"{place}/design"
    assert complete(f"{place}/no").common == f"{place}/notes.txt"


def test_directories_end_in_a_slash_and_what_is_in_them_comes_next(place: Path) -> None:
    assert complete("da").matches == ("data/",)
    assert complete("data/").matches == ("data/deep.csv",)
    assert complete("data/deep.csv").common == "data/deep.csv"


def test_the_home_directory_stays_a_tilde(place: Path) -> None:
    assert complete("~").matches == ("~/",)
    assert complete("~/da").matches == ("~/data/",)
    assert complete("~nobody-of-that-name").matches == ()
    assert complete("~nobody-of-that-name/x").matches == ()


def test_names_with_a_dot_come_only_where_one_was_typed(place: Path) -> None:
    assert complete("").matches == ()
    assert complete("./").names == ("data/", "design two.csv", "design.csv", "notes.txt")
    assert complete("./.").names == (".hidden.csv",)


def test_what_cannot_be_listed_or_shown_is_no_match(place: Path) -> None:
    (place / "evil\x1b]52;c;YQ==\x07.csv").touch()
    os.mkfifo(place / "evil-pipe")
    (place / os.fsdecode(b"evil-\xff.csv")).touch()
    for typed in ("evil", "none/", "design.csv/", "a\0b"):
        assert complete(typed).matches == ()
        assert complete(typed).common == typed
