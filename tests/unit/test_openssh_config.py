from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exauq_tui.errors import HardwareInterfaceFailureError, ServerRefusedError
from exauq_tui.hardware.connection.login import local_user
from exauq_tui.hardware.connection.openssh_config import Hop, parse_proxy_jump, resolve
from exauq_tui.hardware.connection.sockets import expand_proxy_command

BOTH = pytest.mark.parametrize("with_ssh", [True, False], ids=["ssh -G", "own reader"])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "my config"


def hide_ssh(monkeypatch: pytest.MonkeyPatch, with_ssh: bool) -> None:
    if with_ssh:
        assert shutil.which("ssh"), "install openssh-client (scripts/install-tools)"
    else:
        monkeypatch.setenv("PATH", "/nonexistent")


@BOTH
def test_a_host_block_says_where_and_how(
    config: Path, monkeypatch: pytest.MonkeyPatch, with_ssh: bool, isolated_home: Path
) -> None:
    hide_ssh(monkeypatch, with_ssh)
    config.write_text(
        """
        # the cluster
        Host cluster clu*
            HostName login.%h.example
            User=alice
            port 2222 # not 22
            IdentityFile "~/my keys/id of %r"
            IdentityFile /keys/second
            IdentitiesOnly yes
            HostKeyAlias the-cluster
            ProxyJump bob@gate:2200,inner
            UserKnownHostsFile "/etc/known one" ~/two
        Host *
            User nobody
            Port 9
        """
    )
    found = resolve("cluster", str(config))
    assert found.host_name == "login.cluster.example"
    assert (found.user, found.port) == ("alice", 2222)
    assert found.identity_files == (f"{isolated_home}/my keys/id of alice", "/keys/second")
    assert found.identities_only
    assert found.host_key_alias == "the-cluster"
    assert found.proxy_jump == "bob@gate:2200,inner"
    assert found.proxy_command == ""
    assert found.known_hosts[0] == "/etc/known one"
    assert found.known_hosts[1].endswith("/two")
    assert resolve("clubs", str(config)).user == "alice"
    assert resolve("elsewhere", str(config)).user == "nobody"


@BOTH
def test_an_explicit_user_and_port_win(
    config: Path, monkeypatch: pytest.MonkeyPatch, with_ssh: bool
) -> None:
    hide_ssh(monkeypatch, with_ssh)
    config.write_text("Host a\n User alice\n Port 2222\n IdentityFile /keys/%r-%p\n")
    found = resolve("a", str(config), user="bob", port=23)
    assert (found.user, found.port) == ("bob", 23)
    assert found.identity_files == ("/keys/bob-23",)


@BOTH
def test_a_host_that_is_not_in_the_file_is_taken_as_it_is(
    config: Path, monkeypatch: pytest.MonkeyPatch, with_ssh: bool, isolated_home: Path
) -> None:
    hide_ssh(monkeypatch, with_ssh)
    config.touch()
    found = resolve("some.where", str(config))
    assert (found.host_name, found.user, found.port) == ("some.where", local_user(), 22)
    assert f"{isolated_home}/.ssh/id_ed25519" in found.identity_files
    assert found.proxy_jump == found.proxy_command == found.host_key_alias == ""


@BOTH
def test_none_switches_a_proxy_off(
    config: Path, monkeypatch: pytest.MonkeyPatch, with_ssh: bool
) -> None:
    hide_ssh(monkeypatch, with_ssh)
    config.write_text("Host a\n ProxyJump none\n ProxyCommand none\n IdentityFile none\n")
    found = resolve("a", str(config))
    assert found.proxy_jump == found.proxy_command == ""
    assert found.identity_files == ()


@BOTH
def test_a_proxy_command_keeps_its_tokens_and_quotes(
    config: Path, monkeypatch: pytest.MonkeyPatch, with_ssh: bool
) -> None:
    hide_ssh(monkeypatch, with_ssh)
    config.write_text("Host a\n ProxyCommand sh -c 'nc \"$0\" %p' %h\n")
    assert resolve("a", str(config)).proxy_command == "sh -c 'nc \"$0\" %p' %h"


@BOTH
def test_a_negated_pattern_excludes(
    config: Path, monkeypatch: pytest.MonkeyPatch, with_ssh: bool
) -> None:
    hide_ssh(monkeypatch, with_ssh)
    config.write_text("Host *.example !bad.example\n User alice\n")
    assert resolve("good.example", str(config)).user == "alice"
    assert resolve("bad.example", str(config)).user == local_user()


def test_ssh_itself_judges_match_and_include(config: Path, tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Host a\n HostName from.include\n")
    config.write_text(f"Include {tmp_path}/more\nMatch user alice\n Port 77\n")
    found = resolve("a", str(config), user="alice")
    assert (found.host_name, found.port) == ("from.include", 77)
    assert resolve("a", str(config), user="bob").port == 22


@pytest.mark.parametrize("keyword", ["Include other", "Match all"])
def test_without_ssh_match_and_include_are_refused_in_words(
    config: Path, monkeypatch: pytest.MonkeyPatch, keyword: str
) -> None:
    hide_ssh(monkeypatch, with_ssh=False)
    config.write_text(f"\n{keyword}\n")
    with pytest.raises(HardwareInterfaceFailureError, match=r"line 2.*openssh-client"):
        resolve("a", str(config))


@BOTH
def test_a_file_that_is_missing_or_wrong_is_named(
    config: Path, monkeypatch: pytest.MonkeyPatch, with_ssh: bool
) -> None:
    hide_ssh(monkeypatch, with_ssh)
    with pytest.raises(HardwareInterfaceFailureError, match=r"my config cannot be read"):
        resolve("a", str(config))
    config.write_text('Host a\n User "alice\n')
    with pytest.raises(HardwareInterfaceFailureError, match="my config"):
        resolve("a", str(config))


def test_proxy_jumps_are_split_into_servers() -> None:
    assert parse_proxy_jump("gate") == (Hop("gate"),)
    assert parse_proxy_jump("a@gate:2200,ssh://b@[::1]:23, c") == (
        Hop("gate", "a", 2200),
        Hop("::1", "b", 23),
        Hop("c"),
    )
    assert parse_proxy_jump("me@mail.example@gate") == (Hop("gate", "me@mail.example"),)


@pytest.mark.parametrize("value", ["a,,b", "a b", "gate:port", "-oProxyCommand=x"])
def test_a_proxy_jump_that_makes_no_sense_is_refused(value: str) -> None:
    with pytest.raises(HardwareInterfaceFailureError, match="ProxyJump"):
        parse_proxy_jump(value)


def test_proxy_commands_get_their_values() -> None:
    text = expand_proxy_command(
        "nc -X %n %h %p as %r 100%%", alias="cl", host="login.cl", port=22, user="me"
    )
    assert text == "nc -X cl login.cl 22 as me 100%"


@pytest.mark.parametrize("host", ["a;rm", "$(x)", "a b", "`x`", "-oX", "a'b"])
def test_a_name_that_a_shell_could_misread_never_reaches_a_proxy_command(host: str) -> None:
    with pytest.raises(ServerRefusedError, match="misread"):
        expand_proxy_command("nc %h", alias="a", host=host, port=22, user="me")


def test_an_unknown_token_in_a_proxy_command_is_named() -> None:
    with pytest.raises(ServerRefusedError, match="%q"):
        expand_proxy_command("nc %q", alias="a", host="a", port=22, user="me")
