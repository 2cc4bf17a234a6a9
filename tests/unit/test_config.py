"""From TOML files to profiles, with a sentence for each mistake."""

from __future__ import annotations

import os
import shlex
import tempfile
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exauq_tui.config import Config, ServerProfile, load
from exauq_tui.config_file import LARGEST, read_config_file
from exauq_tui.config_rules import APP
from exauq_tui.locations import CONFIG_VARIABLE, DATA_VARIABLE

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
GOOD = '[servers.good]\nkind = "local"\nprogram = "python3"\nscript_path = "model.py"\n'
UNIX = 'kind = "unix"\nuser = "alice"\nhost = "hpc1"\nprogram = "python3"\nscript_path = "m.py"\n'
LOCAL = 'kind = "local"\nprogram = "python3"\nscript_path = "m.py"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def load_text(file: Path, text: str) -> Config:
    file.write_text(text, encoding="utf-8")
    return load(file)


def the_problem(config: Config, *words: str) -> str:
    """The only problem, which holds all these words; the server beside it has loaded."""
    assert [server.name for server in config.servers] == ["good"]
    (problem,) = config.problems
    for word in (str(config.path), *words):
        assert word in problem
    assert problem.endswith((".", "?"))
    assert "\n" not in problem
    return problem


# What is right


def test_a_unix_server_loads_with_all_its_keys(file: Path) -> None:
    config = load_text(
        file,
        '[servers.hpc1]\nkind = "unix"\nuser = "alice"\nhost = "h"\nport = 2222\nlevel = 3\n'
        'program = "python3 -u"\nscript_path = "a b.py"\nworkspace_dir = "~/w"\n'
        'key_filename = "/k"\nknown_hosts = "/h"\nmax_attempts = 1\nsetup = "module load R"\n'
        'cancel_grace = 20\ninput_names = ["x", "y"]\n',
    )
    assert config.problems == ()
    assert config.path == file
    assert config.servers == (
        ServerProfile(
            name="hpc1", kind="unix", program="python3 -u", script_path="a b.py", user="alice",
            host="h", level=3, workspace_dir="~/w", key_filename="/k", max_attempts=1, port=2222,
            known_hosts="/h", setup="module load R", cancel_grace=20, input_names=("x", "y"),
            source=file,
        ),
    )  # fmt: skip


def test_app_and_keymap_are_read(file: Path) -> None:
    config = load_text(file, '[app]\nrefresh = 1\ntheme = "nord"\n[keymap]\nquit = "q,x"\n')
    assert (config.app.refresh, config.app.theme) == (1.0, "nord")
    assert dict(config.keymap) == {"quit": "q,x"}
    assert config.problems == ()


def test_notices_and_bell_may_be_switched_off(file: Path) -> None:
    assert load_text(file, "").app.notify == ("batch", "failure", "connection")
    config = load_text(file, '[app]\nnotify = ["failure"]\nbell = false\n')
    assert (config.app.notify, config.app.bell) == (("failure",), False)
    assert load_text(file, "[app]\nnotify = []\n").app.notify == ()


def test_ascii_is_left_to_the_locale_unless_it_is_said(file: Path) -> None:
    assert load_text(file, "").app.ascii is None
    assert load_text(file, "[app]\nascii = true\n").app.ascii is True


def test_an_ssh_configuration_may_give_the_user(file: Path) -> None:
    text = UNIX.replace('user = "alice"\n', 'ssh_config_path = "/c"\n')
    config = load_text(file, f"[servers.a]\n{text}")
    assert config.problems == ()
    assert config.servers[0].user == ""


def test_files_on_this_machine_are_found_from_home_and_beside_the_configuration(
    file: Path, isolated_home: Path
) -> None:
    text = f'[servers.a]\n{UNIX}key_filename = "~/.ssh/id"\nknown_hosts = "hosts"\n'
    (server,) = load_text(file, text).servers
    assert server.key_filename == str(isolated_home / ".ssh" / "id")
    assert server.known_hosts == str(file.parent / "hosts")


def test_profiles_are_read_after_the_file_in_the_order_of_their_names(file: Path) -> None:
    profiles = file.parent / "profiles.d"
    profiles.mkdir()
    for name in ("b", "a"):
        text = GOOD.replace("good", name)
        (profiles / f"{name}.toml").write_text(text, encoding="utf-8")
    (profiles / ".half.toml").write_text("[", encoding="utf-8")
    (profiles / "notes.txt").write_text("[", encoding="utf-8")
    config = load_text(file, GOOD)
    assert [server.name for server in config.servers] == ["good", "a", "b"]
    assert config.servers[1].source == profiles / "a.toml"
    assert config.problems == ()


def test_windows_line_ends_and_a_byte_order_mark_are_no_mistake(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    config = load(file)
    assert config.problems == ()
    assert config.servers[0].program == "python3"


def test_without_any_server_there_is_this_machine_with_the_sample_simulator(tmp_path: Path) -> None:
    config = load(environ={DATA_VARIABLE: str(tmp_path)})
    assert config.problems == ()
    assert config.path is None
    (server,) = config.servers
    assert (server.name, server.kind, server.source) == ("local", "local", None)
    assert Path(server.script_path).is_file()
    assert os.access(shlex.split(server.program)[0], os.X_OK)
    assert server.input_names == ("x1", "x2", "x3")
    assert server.workspace_dir == str(tmp_path / "workspaces" / "local")


def test_the_built_in_server_stays_where_only_the_theme_is_set(file: Path) -> None:
    assert [s.name for s in load_text(file, '[app]\ntheme = "nord"\n').servers] == ["local"]


def test_a_server_that_is_wrong_does_not_bring_the_built_in_one_back(file: Path) -> None:
    assert load_text(file, '[servers.a]\nkind = "unix"\n').servers == ()
    assert load_text(file, "[servers.a\n").servers == ()


def test_the_example_loads_and_holds_every_key(isolated_home: Path) -> None:
    config = load(EXAMPLE)
    assert config.problems == ()
    assert {server.kind for server in config.servers} == {"unix", "local"}
    written = {key for keys in read_config_file(EXAMPLE).lines for key in keys[-1:]}
    keys = {field.name for field in fields(ServerProfile)} - {"name", "source"}
    assert written >= keys | {*APP, "app", "keymap"}
    commented = [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if "#" in line]
    for key in keys | {*APP}:
        assert any(line.lstrip("# ").startswith((f"{key} =", '"""')) for line in commented), key


# What is wrong


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('hots = "x"', ("line 11", "[servers.bad] hots", 'did you mean "host"?')),
        ("zzz = 1", ("zzz", "unknown", "remove it", "script_path")),
        ('level = "1"', ("level", "whole number", 'not "1"')),
        ("level = 0", ("level", "from 1", "not 0")),
        ("level = true", ("level", "not true")),
        ("level = 1.5", ("level", "not 1.5")),
        (f"level = {10**30}", ("level", "whole number")),
        ("port = 0", ("port", "from 1 to 65535")),
        ("port = 65536", ("port", "65536")),
        ("max_attempts = 0", ("max_attempts",)),
        ("remember = 0", ("remember", "true or false")),
        ('ssh_backend = "putty"', ("ssh_backend", "paramiko", "openssh", "putty")),
        ("use_ssh_agent = 1", ("use_ssh_agent", "true or false, not 1")),
        ('workspace_dir = ""', ("workspace_dir", "empty")),
        ('workspace_dir = "a\\u0000b"', ("workspace_dir", "NUL")),
        ("setup = []", ("setup", "text in quotes, not a list")),
        ("cancel_grace = -1", ("cancel_grace", "seconds from 0 to 86400, not -1")),
        ('cancel_grace = "5 s"', ("cancel_grace", "number of seconds")),
        ("cancel_grace = nan", ("cancel_grace", "not nan")),
        ("setup = {}", ("setup", "not a table")),
        ("setup = 2020-01-01", ("setup", "not a date or time")),
        ('input_names = "x1"', ("input_names", "list of texts")),
        ("input_names = [1]", ("input_names", "list of texts")),
        ('input_names = ["x", ""]', ("input_names", "empty name")),
        ('input_names = ["x", "y", "x"]', ("input_names", '"x" twice')),
        ('key_filename = "k"\nuse_ssh_agent = true', ("use_ssh_agent", "key_filename is given")),
        ('key_filename = "k"\nssh_config_path = "c"', ("ssh_config_path", "one way")),
        ('password = "hunter2"', ("password", "never read from files", "remove this line")),
        ('Passphrase = "hunter2"', ("Passphrase", "never read from files")),
        ('pasword = "hunter2"', ("pasword", "never read from files")),
    ],
)  # fmt: skip
def test_a_wrong_line_gets_one_sentence(file: Path, line: str, words: tuple[str, ...]) -> None:
    problem = the_problem(load_text(file, f"{GOOD}[servers.bad]\n{UNIX}{line}\n"), *words)
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "unix"', 'kind = "ssh"', ("line 6", "kind", '"unix" or "local", not "ssh"')),
        ('kind = "unix"', 'kind = "slurm"', ("kind", "not supported yet")),
        ('kind = "unix"\n', "", ("line 5", "kind: missing")),
        ('host = "hpc1"\n', "", ("host: missing",)),
        ('user = "alice"\n', "", ("user: missing", "ssh_config_path")),
        ('user = "alice"', 'user = "-oProxyCommand=x"', ("user", "dash")),
        ('host = "hpc1"', 'host = "a b"', ("host", "one word")),
        ('host = "hpc1"', 'host = ""', ("host", "must not be empty")),
        ('program = "python3"\n', "", ("program: missing",)),
        ('program = "python3"', 'program = "  "', ("program", "empty")),
        ('program = "python3"', "program = \"''\"", ("program", "must name a program")),
        ('program = "python3"', 'program = "python3 \'x"', ("program", "no closing quotation")),
        ('script_path = "m.py"\n', "", ("script_path: missing",)),
        ('script_path = "m.py"', "script_path = 3", ("script_path", "not 3")),
    ],
)
def test_a_wrong_or_missing_needed_key_gets_one_sentence(
    file: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    assert old in UNIX
    the_problem(load_text(file, f"{GOOD}[servers.bad]\n{UNIX.replace(old, new)}"), *words)


def test_the_ssh_programs_own_configuration_may_give_the_user(file: Path) -> None:
    text = "".join(line for line in UNIX.splitlines(keepends=True) if not line.startswith("user"))
    (server,) = load_text(file, f'[servers.a]\n{text}ssh_backend = "openssh"\n').servers
    assert (server.user, server.ssh_backend) == ("", "openssh")
    the_problem(load_text(file, f'{GOOD}[servers.a]\n{text}ssh_backend = "paramiko"\n'), "user")


@pytest.mark.parametrize(
    "line",
    ['user = "a"', 'host = "a"', "port = 22", 'key_filename = "k"', "use_ssh_agent = false",
     'known_hosts = "k"', 'ssh_config_path = "c"', "max_attempts = 3",
     'ssh_backend = "openssh"', "remember = false"],
)  # fmt: skip
def test_a_key_of_ssh_makes_no_sense_on_this_machine(file: Path, line: str) -> None:
    config = load_text(file, f"{GOOD}[servers.bad]\n{LOCAL}{line}\n")
    the_problem(config, line.partition(" ")[0], "makes no sense")


def test_every_mistake_of_a_server_is_told_at_once(file: Path) -> None:
    config = load_text(file, f"{GOOD}[servers.bad]\n{UNIX}level = 0\nport = 0\nx = 1\n")
    assert len(config.problems) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("servers = 3", ("servers", "must be a table")),
        ("[server]\n", ("line 1, [server]", 'did you mean "servers"?')),
        ("[[app]]\nrefresh = 1\n", ("[app]", "must be a table")),
        ("[app]\nrefresh = 0.1\n", ("line 2, [app] refresh", "0.2")),
        ("[app]\nrefresh = nan\n", ("refresh", "not nan")),
        ("[app]\nrefresh = inf\n", ("refresh", "not inf")),
        ("[app]\nrefresh = true\n", ("refresh", "not true")),
        ('[app]\nnotify = "batch"\n', ("notify", "must be a list")),
        ('[app]\nnotify = ["bach"]\n', ("notify", 'not "bach"')),
        ("[app]\nbell = 1\n", ("bell", "must be true or false")),
        ('[app]\nthem = "x"\n', ("them", 'did you mean "theme"?')),
        ("[keymap]\nquit = 1\n", ("line 2, [keymap] quit", "text in quotes, not 1")),
        ('[keymap]\nquit = ""\n', ("quit", "empty")),
    ],
)
def test_a_mistake_outside_the_servers_keeps_what_else_is_right(
    file: Path, text: str, words: tuple[str, ...]
) -> None:
    config = load_text(file, text)
    (problem,) = config.problems
    for word in (str(file), *words):
        assert word in problem
    assert config.app.refresh == 2.0


def test_a_server_that_is_no_table_is_left_out(file: Path) -> None:
    the_problem(load_text(file, f"{GOOD}[servers]\nbad = 3\n"), "[servers.bad]", "line 6")


def test_an_odd_name_is_shown_as_toml_has_it(file: Path) -> None:
    text = f'{GOOD}[servers."my hpc"]\n{UNIX}level = 0\n'
    the_problem(load_text(file, text), '[servers."my hpc"] level', "line 11")
    the_problem(load_text(file, f'{GOOD}[servers."a\\nb"]\n{UNIX}'), "name", r'"a\u000ab"')
    the_problem(load_text(file, f'{GOOD}[servers.""]\n{UNIX}'), "name", "empty")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[servers.bad]\nkind = = 1\n" + GOOD, ("line 2, [servers.bad]", "not TOML")),
        (GOOD + "[servers.bad\nkind = 1\n", ("line 5", "not TOML")),
        (GOOD + '[servers.bad]\nsetup = """\n[servers.x]\n', ("[servers.bad]", "not TOML")),
        ("x = \n" + GOOD, ("line 1", "not TOML")),
        (GOOD + "[servers.bad]\nx = 1\nx = 2\n", ("line 7", "not TOML")),
        (GOOD + "[servers.bad]\nx = " + "[" * 5000 + "\n", ("line 5", "deep")),
        (GOOD + "[servers.bad]\nlevel = " + "9" * 5000 + "\n", ("[servers.bad]", "not TOML")),
    ],
)
def test_a_syntax_error_costs_only_its_table(file: Path, text: str, words: tuple[str, ...]) -> None:
    the_problem(load_text(file, text), *words)


def test_a_table_given_twice_counts_once(file: Path) -> None:
    config = load_text(file, GOOD + GOOD.replace("model.py", "other.py"))
    the_problem(config, "line 5, [servers.good]", "begins in line 1")
    assert config.servers[0].script_path == "model.py"


def test_a_line_that_looks_like_a_header_inside_a_text_is_none(file: Path) -> None:
    text = f'[servers.a]\n{LOCAL}setup = """\n[servers.b]\nlevel = 0\n"""\nlevel = 0\n'
    (problem,) = load_text(file, text).problems
    assert "line 9, [servers.a] level" in problem
    twice = load_text(file, f"{text.replace('level = 0', 'level = 2')}{GOOD}{GOOD}")
    assert [server.name for server in twice.servers] == ["a", "good"]


def test_a_key_inside_an_inline_table_is_placed_at_its_table(file: Path) -> None:
    text = (
        f'{GOOD}[servers]\nbad = {{kind = "local", program = "p", script_path = "s", hots = 1}}\n'
    )
    the_problem(load_text(file, text), "line 6, [servers.bad] hots")


def test_a_name_given_in_two_files_keeps_its_first_server(file: Path) -> None:
    profiles = file.parent / "profiles.d"
    profiles.mkdir()
    (profiles / "x.toml").write_text(GOOD.replace("model", "other"), encoding="utf-8")
    config = load_text(file, GOOD)
    the_problem(config, str(profiles / "x.toml"), "line 1", "[servers.good]", "rename one")
    assert config.servers[0].script_path == "model.py"


def test_a_profile_file_holds_servers_only(file: Path) -> None:
    profiles = file.parent / "profiles.d"
    profiles.mkdir()
    (profiles / "x.toml").write_text("[app]\nrefresh = 9\n", encoding="utf-8")
    config = load_text(file, GOOD)
    assert "[app]: unknown" in config.problems[0]
    assert config.app.refresh == 2.0


def test_a_named_file_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    missing = tmp_path / "no.toml"
    for config in (load(missing), load(environ={CONFIG_VARIABLE: str(missing)})):
        assert config.servers == ()
        assert config.path is None
        (problem,) = config.problems
        assert str(missing) in problem
        assert "no such file" in problem


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, file: Path) -> None:
    file.write_text("", encoding="utf-8")
    for path in (tmp_path, file / "below.toml", Path("nul\0.toml")):
        config = load(path)
        assert config.servers == ()
        assert "cannot be read" in config.problems[0]


def test_text_in_another_encoding_is_a_problem_with_its_line(file: Path) -> None:
    file.write_bytes(b"# fine\n# caf\xe9\n")
    (problem,) = load(file).problems
    assert "line 2" in problem
    assert "UTF-8" in problem


def test_a_huge_file_is_not_read_to_its_end(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(LARGEST + 1)
    assert "1 MiB" in load(file).problems[0]


def test_profiles_that_cannot_be_listed_are_a_problem(file: Path) -> None:
    (file.parent / "profiles.d").write_text("", encoding="utf-8")
    the_problem(replace(load_text(file, GOOD), path=file.parent), "profiles.d", "listed")


@settings(deadline=None)  # it waits for the disk
@given(st.text(alphabet="[]{}=\"'.,\n #ab1\\servpkind", max_size=80))
def test_no_text_whatever_raises(text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        config = load_text(Path(directory) / "c.toml", GOOD + text)
    assert isinstance(config, Config)
