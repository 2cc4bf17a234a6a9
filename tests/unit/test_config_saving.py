"""Profiles made in the app: saved in files of their own, and loaded as they were."""

from __future__ import annotations

import os
import shlex
import stat
import string
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exauq_tui.config import ServerProfile, load
from exauq_tui.config_saving import (
    delete_profile,
    is_own,
    read_profile,
    replace_profile,
    save_profile,
)
from exauq_tui.errors import ConfigError

GOOD = '[servers.good]\nkind = "local"\nprogram = "python3"\nscript_path = "model.py"\n'


def profile(**changes: object) -> ServerProfile:
    values = {"name": "hpc1", "kind": "unix", "program": "python3", "script_path": "m.py"}
    return ServerProfile(**{**values, "user": "alice", "host": "hpc1", **changes})  # type: ignore[arg-type]  # tests give wrong types too


def test_a_saved_profile_is_for_its_owners_eyes_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = save_profile(profile(), tmp_path / "profiles.d")
    finally:
        os.umask(before)
    assert path == tmp_path / "profiles.d" / "hpc1.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    path = save_profile(profile(), tmp_path)
    text = path.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match=r"stands in .*hpc1\.toml already"):
        save_profile(profile(program="other"), tmp_path)
    (tmp_path / "by-hand.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"by-hand\.toml already"):
        save_profile(profile(name="good"), tmp_path)
    (tmp_path / "c.toml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="is there already"):
        save_profile(profile(name="c"), tmp_path)
    assert path.read_text(encoding="utf-8") == text
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    "changes",
    [{"level": 0}, {"host": ""}, {"name": ""}, {"program": "a\ud800"}, {"kind": "slurm"},
     {"key_filename": "/k", "use_ssh_agent": True}],
)  # fmt: skip
def test_a_profile_that_could_not_be_loaded_is_not_saved(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(ConfigError):
        save_profile(profile(**changes), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be written"):
        save_profile(profile(), tmp_path / "file" / "profiles.d")


@pytest.mark.parametrize("name", ["../../etc/x", ".hidden", "a/b", "ü", "n" * 300, "con:1", "~"])
def test_an_odd_name_makes_a_safe_file_name(tmp_path: Path, name: str) -> None:
    path = save_profile(profile(name=name), tmp_path / "profiles.d")
    assert path.parent == tmp_path / "profiles.d"
    assert path.name[0] not in ".-"
    assert len(path.name.encode()) < 200
    (tmp_path / "config.toml").touch()
    config = load(tmp_path / "config.toml")
    assert [server.name for server in config.servers] == [name]


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
filled = texts.filter(lambda text: text.strip() != "")
words = st.text(string.ascii_letters + string.digits + ".:é_", min_size=1, max_size=20)
paths = words.map(lambda word: f"/{word}x")
printable = st.characters(categories=["L", "M", "N", "P", "S"], include_characters=" ")
names = st.text(printable, min_size=1, max_size=60).filter(
    lambda text: text.strip() and text.isprintable()
)
shared = {
    "name": names,
    "program": st.lists(filled, min_size=1, max_size=3).map(shlex.join),
    "script_path": filled,
    "level": st.integers(1, 1_000_000),
    "workspace_dir": st.none() | filled,
    "setup": texts,
    "cancel_grace": st.integers(0, 86400) | st.floats(0, 86400),
    "input_names": st.lists(names, unique=True, max_size=4).map(tuple),
}
local_profiles = st.builds(ServerProfile, kind=st.just("local"), **shared)
unix_profiles = st.builds(
    ServerProfile,
    kind=st.just("unix"),
    user=words,
    host=words,
    port=st.none() | st.integers(1, 65535),
    max_attempts=st.integers(1, 100),
    known_hosts=st.none() | paths,
    ssh_backend=st.sampled_from(["paramiko", "openssh"]),
    remember=st.booleans(),
    **shared,
)
with_authentication = st.builds(
    lambda each, keys: replace(each, **keys),
    unix_profiles,
    st.one_of(
        st.just({}),
        paths.map(lambda path: {"key_filename": path}),
        paths.map(lambda path: {"ssh_config_path": path, "user": ""}),
        st.just({"use_ssh_agent": True}),
    ),
)


@settings(deadline=None, max_examples=60)  # it waits for the disk
@given(local_profiles | with_authentication)
def test_a_saved_profile_loads_as_it_was(each: ServerProfile) -> None:
    with tempfile.TemporaryDirectory() as directory:
        main = Path(directory) / "config.toml"
        main.touch()
        path = save_profile(each, main.parent / "profiles.d")
        config = load(main)
    assert config.problems == ()
    assert config.servers == (replace(each, source=path),)


# Changing and removing what the app wrote


def loaded(directory: Path, **changes: object) -> ServerProfile:
    """A profile that was saved, as the program has it after its start."""
    (directory / "config.toml").touch()
    save_profile(profile(**changes), directory / "profiles.d")
    (found,) = load(directory / "config.toml").servers
    return found


def test_a_changed_profile_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    before = loaded(tmp_path)
    assert before.source is not None
    before.source.chmod(0o644)  # by somebody's umask, or an editor
    replace_profile(before, replace(before, level=4, user="bob", setup="module load x\n"))
    (after,) = load(tmp_path / "config.toml").servers
    assert after == replace(before, level=4, user="bob", setup="module load x\n")
    assert read_profile(before.source, "hpc1") == after
    assert stat.S_IMODE(before.source.stat().st_mode) == 0o600
    assert list(before.source.parent.iterdir()) == [before.source]


def test_a_removed_profile_leaves_nothing(tmp_path: Path) -> None:
    profile = loaded(tmp_path)
    delete_profile(profile)
    assert list((tmp_path / "profiles.d").iterdir()) == []
    delete_profile(profile)  # somebody else was first


@pytest.mark.parametrize(
    "text",
    ["", GOOD, '[servers.hpc1]\nkind = "local"\nprogram = "p"\nscript_path = "s"\n', "not TOML",
     '[servers.hpc1]\nkind = "unix"\n'],
)  # fmt: skip
def test_what_somebody_else_wrote_meanwhile_is_kept(tmp_path: Path, text: str) -> None:
    profile = loaded(tmp_path)
    assert profile.source is not None
    profile.source.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"hpc1\.toml"):
        replace_profile(profile, replace(profile, level=4))
    with pytest.raises(ConfigError, match=r"hpc1\.toml"):
        delete_profile(profile)
    assert profile.source.read_text(encoding="utf-8") == text


def test_a_second_server_in_the_file_keeps_both(tmp_path: Path) -> None:
    profile = loaded(tmp_path)
    assert profile.source is not None
    with profile.source.open("a", encoding="utf-8") as file:
        file.write(GOOD)
    with pytest.raises(ConfigError, match="something else than is shown"):
        delete_profile(profile)
    assert len(load(tmp_path / "config.toml").servers) == 2


def test_a_change_that_could_not_be_loaded_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    profile = loaded(tmp_path)
    assert profile.source is not None
    text = profile.source.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="level"):
        replace_profile(profile, replace(profile, level=0))
    assert profile.source.read_text(encoding="utf-8") == text


def test_only_a_file_that_the_app_made_for_one_server_is_its_own(tmp_path: Path) -> None:
    own = loaded(tmp_path)
    directory = tmp_path / "profiles.d"
    assert own.source is not None
    assert is_own(own, directory)
    assert not is_own(own, None)
    assert not is_own(replace(own, source=None), directory)
    assert not is_own(replace(own, source=tmp_path / "config.toml"), directory)
    assert not is_own(replace(own, source=directory / "by-hand.toml"), directory)


def test_a_link_to_a_file_somewhere_else_is_left(tmp_path: Path) -> None:
    profile = loaded(tmp_path)
    assert profile.source is not None
    profile.source.rename(tmp_path / "elsewhere.toml")
    profile.source.symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(ConfigError, match="is a link"):
        replace_profile(profile, replace(profile, level=4))
    with pytest.raises(ConfigError, match="is a link"):
        delete_profile(profile)
    assert profile.source.is_symlink()
    assert load(tmp_path / "config.toml").servers == (profile,)


def test_every_name_is_known_also_that_of_a_server_that_cannot_be_used(tmp_path: Path) -> None:
    main = tmp_path / "config.toml"
    main.write_text(f'{GOOD}[servers.bad]\nkind = "unix"\n', encoding="utf-8")
    assert load(main).names == {"good": main, "bad": main}
