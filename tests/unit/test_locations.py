"""Where the user's files are, by option, environment and custom."""

from pathlib import Path

import pytest

from exauq_tui import locations

CONFIG, DATA = locations.CONFIG_VARIABLE, locations.DATA_VARIABLE


def test_an_option_wins_over_the_environment() -> None:
    environ = {CONFIG: "/from/environ.toml"}
    assert locations.config_path("/from/option.toml", environ) == Path("/from/option.toml")
    assert locations.config_path(None, environ) == Path("/from/environ.toml")


def test_without_both_the_configuration_is_where_the_platform_has_it(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(isolated_home / "conf"))
    path = locations.config_path(None, {})
    assert path.name == "config.toml"
    assert path.parent.name == "exauq-tui"
    assert path.is_relative_to(isolated_home)


def test_an_empty_variable_counts_as_none(isolated_home: Path) -> None:
    assert locations.named_config_path(None, {CONFIG: ""}) is None
    assert locations.data_dir({DATA: ""}).is_relative_to(isolated_home)


def test_a_file_that_was_named_is_told_from_the_usual_one() -> None:
    assert locations.named_config_path(None, {}) is None
    assert locations.named_config_path("a.toml", {}) == Path.cwd() / "a.toml"


def test_a_leading_tilde_is_the_home_directory(isolated_home: Path) -> None:
    assert locations.config_path("~/c.toml", {}) == isolated_home / "c.toml"
    assert locations.data_dir({DATA: "~"}) == isolated_home
    assert locations.expand_home("~someone/x") == Path("~someone/x")
    assert locations.expand_home("a/~/b") == Path("a/~/b")


def test_the_configuration_for_everybody_is_where_the_platform_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path))
    assert locations.site_config_path().name == "config.toml"
    assert locations.site_config_path() != locations.config_path(None, {})


def test_profiles_stand_beside_the_configuration() -> None:
    assert locations.profiles_dir(Path("/a/b/config.toml")) == Path("/a/b/profiles.d")


def test_all_that_the_app_keeps_is_in_the_data_directory() -> None:
    environ = {DATA: "/data"}
    kept = {
        locations.record_path(environ),
        locations.known_hosts_path(environ),
        locations.log_path(environ),
        locations.local_workspace_dir("local", environ),
    }
    assert len(kept) == 4
    assert all(path.is_relative_to("/data") for path in kept)


def test_nothing_is_made_by_asking(tmp_path: Path) -> None:
    environ = {DATA: str(tmp_path / "data"), CONFIG: str(tmp_path / "c" / "config.toml")}
    locations.record_path(environ)
    locations.config_path(None, environ)
    assert list(tmp_path.iterdir()) == []
