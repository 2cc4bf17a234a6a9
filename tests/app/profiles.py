"""Profiles in files, and the dashboard that knows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.widgets import Input, Select, TextArea

from exauq_tui.app.app import ExauqApp
from exauq_tui.config import Config, load
from tests.app.fake_fleet import FakeFleet, server

OWN = """\
[servers.lab]
kind = "unix"
user = "alice"
host = "lab"
program = "python3"
script_path = "model.py"
workspace_dir = "/scratch/alice/lab"
"""
BY_HAND = """\
[servers.hpc1]
kind = "unix"
user = "alice"
host = "hpc1"
program = "python3 -u"
script_path = "~/simulators/ishigami.py"
max_running = 16
input_names = ["x1", "x2", "x3"]
key_filename = "~/.ssh/id_ed25519"
"""


@dataclass(frozen=True)
class Files:
    """Files of a configuration: hpc1 written by hand, lab by the app.

    Attributes:
        main: The user's own file.
    """

    main: Path

    @property
    def directory(self) -> Path:
        """Where the app writes."""
        return self.main.parent / "profiles.d"

    @property
    def own(self) -> Path:
        """The file of lab."""
        return self.directory / "lab.toml"

    def config(self) -> Config:
        """What the program reads when it starts."""
        return load(self.main, {})

    def options(self) -> dict[str, Any]:
        """What the dashboard is given."""
        return {"config": self.config(), "profiles_dir": self.directory}


def write_files(directory: Path) -> Files:
    """Write such files."""
    files = Files(directory / "config.toml")
    files.main.write_text(BY_HAND, encoding="utf-8")
    files.directory.mkdir()
    files.own.write_text(OWN, encoding="utf-8")
    return files


def two() -> FakeFleet:
    """The servers of these files, without jobs."""
    return FakeFleet([], [server(), server("lab", input_names=())])


def fill(app: ExauqApp, **values: str) -> None:
    """Write into fields of the form."""
    for name, text in values.items():
        field = app.screen.query_one(f"#field-{name}")
        if isinstance(field, TextArea):
            field.text = text
        else:
            assert isinstance(field, (Input, Select))
            field.value = text
