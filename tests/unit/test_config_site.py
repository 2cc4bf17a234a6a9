"""The configuration for everybody on a machine, and what a user lays over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exauq_tui import locations
from exauq_tui.config import Config, load
from exauq_tui.config_saving import save_profile

SITE = (
    '[app]\nrefresh = 5\ntheme = "nord"\n[keymap]\nquit = "x"\ncancel = "C"\n'
    '[servers.hpc1]\nkind = "unix"\nhost = "hpc1.example.org"\nprogram = "python3"\n'
    'script_path = "model.py"\nknown_hosts = "hosts"\n'
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "everybody" / "config.toml"
    path.parent.mkdir()
    path.write_text(SITE)
    monkeypatch.setattr(locations, "site_config_path", lambda: path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def load_text(file: Path, text: str) -> Config:
    file.write_text(text)
    return load(file)


def test_a_server_for_everybody_is_completed_by_the_user_s_keys(site: Path, file: Path) -> None:
    config = load_text(file, '[servers.hpc1]\nuser = "alice"\nprogram = "python3.12"\n')
    assert config.problems == ()
    (server,) = config.servers
    assert (server.user, server.host) == ("alice", "hpc1.example.org")
    assert server.program == "python3.12"
    assert server.source == file


def test_files_that_it_names_stand_beside_it(site: Path, file: Path) -> None:
    config = load_text(file, '[servers.hpc1]\nuser = "alice"\nkey_filename = "key"\n')
    (server,) = config.servers
    assert server.known_hosts == str(site.parent / "hosts")
    assert server.key_filename == str(file.parent / "key")


def test_a_server_that_the_user_does_not_mention_is_there_too(site: Path, file: Path) -> None:
    site.write_text(SITE + 'user = "shared"\n')
    config = load_text(
        file, '[servers.mine]\nkind = "local"\nprogram = "python3"\nscript_path = "m.py"\n'
    )
    assert config.problems == ()
    assert [server.name for server in config.servers] == ["mine", "hpc1"]


def test_it_alone_is_enough(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write_text(SITE + 'user = "shared"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    config = load(None, {})
    assert config.problems == ()
    assert [server.name for server in config.servers] == ["hpc1"]


def test_settings_and_keys_of_the_user_win_one_by_one(site: Path, file: Path) -> None:
    config = load_text(file, '[app]\nrefresh = 1\n[keymap]\nquit = "q"\n')
    assert (config.app.refresh, config.app.theme) == (1.0, "nord")
    assert dict(config.keymap) == {"quit": "q", "cancel": "C"}


def test_what_is_missing_in_both_is_told_of_the_user_s_table(site: Path, file: Path) -> None:
    (problem,) = load_text(file, "[servers.hpc1]\nlevel = 2\n").problems
    assert str(file) in problem
    assert "user" in problem


def test_what_is_missing_is_told_of_the_only_table_that_there_is(site: Path, file: Path) -> None:
    (problem,) = load_text(file, "").problems
    assert str(site) in problem
    assert "user" in problem


def test_a_wrong_key_is_told_of_the_file_that_it_stands_in(site: Path, file: Path) -> None:
    site.write_text(SITE + "level = 0\n")
    (problem,) = load_text(file, '[servers.hpc1]\nuser = "alice"\n').problems
    assert str(site) in problem
    assert "level" in problem
    (problem,) = load_text(file, '[servers.hpc1]\nuser = "alice"\nlevel = "x"\n').problems
    assert str(file) in problem
    assert load_text(file, '[servers.hpc1]\nuser = "alice"\nlevel = 3\n').problems == ()


def test_a_mistake_in_it_costs_only_its_table(site: Path, file: Path) -> None:
    site.write_text("[app\n" + SITE)
    config = load_text(file, '[servers.hpc1]\nuser = "alice"\n')
    assert [server.name for server in config.servers] == ["hpc1"]
    (problem,) = config.problems
    assert str(site) in problem


def test_a_profile_made_in_the_app_is_laid_over_it_too(site: Path, file: Path) -> None:
    site.write_text(SITE + 'user = "shared"\n')
    (server,) = load_text(file, "").servers
    save_profile(server, locations.profiles_dir(file))
    config = load(file)
    assert config.problems == ()
    assert [each.name for each in config.servers] == ["hpc1"]


def test_naming_it_as_one_s_own_reads_it_once(site: Path) -> None:
    site.write_text(SITE + 'user = "shared"\n')
    config = load(site)
    assert config.problems == ()
    assert [server.name for server in config.servers] == ["hpc1"]
