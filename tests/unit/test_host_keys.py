from __future__ import annotations

import base64
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from exauq_tui.errors import HostKeyError
from exauq_tui.hardware.connection.host_keys import (
    KnownHosts,
    Trust,
    fingerprint,
    lookup_names,
    order_algorithms,
    refusal,
    remember,
)

# From OpenSSH 9.2: a key, what `ssh-keygen -l` prints for it, and its names as `-H` hashed them.
REAL = base64.b64decode("AAAAC3NzaC1lZDI1NTE5AAAAIM1Ob7XDsyiyPwzxqsyuRyMCW6L6/Jf1eZWjfnBZZPhN")
REAL_FINGERPRINT = "SHA256:cplasw49hlEKXldjWEjUhgfgSIPIsObFbYL2MPdStC8"
HASHED_NAME = "|1|jbInopImstaTIi4htTGXJFxcGh0=|aZmeB919doRuMNby31EPmIeaT7E="
HASHED_NAME_2222 = "|1|ExBxNsd9YWRR5QbucVpeO0Ucdck=|vV7K46F0o8s7FzQWnQmWa26ZDho="

Read = Callable[..., KnownHosts]


def key(kind: str, filling: bytes) -> bytes:
    name = kind.encode()
    return len(name).to_bytes(4, "big") + name + filling


def kind_of(blob: bytes) -> str:
    return blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode()


def line(hosts: str, blob: bytes, marker: str = "") -> str:
    return f"{marker} {hosts} {kind_of(blob)} {base64.b64encode(blob).decode()} me@here".strip()


A = key("ssh-ed25519", b"a")
B = key("ssh-ed25519", b"b")
RSA = key("ssh-rsa", b"r")
DSA = key("ssh-dss", b"d")


@pytest.fixture
def known(tmp_path: Path) -> Read:
    def read(*lines: str) -> KnownHosts:
        path = tmp_path / "known_hosts"
        path.write_text("\n".join(lines) + "\n")
        return KnownHosts.read([path])

    return read


def judge(hosts: KnownHosts, blob: bytes, host: str = "hpc", port: int = 22) -> Trust:
    return hosts.verdict(lookup_names(host, port), kind_of(blob), blob).trust


def test_fingerprints_are_those_of_ssh_keygen() -> None:
    assert fingerprint(REAL) == REAL_FINGERPRINT


def test_a_listed_key_is_known_and_another_of_its_type_has_changed(known: Read) -> None:
    hosts = known(line("other,hpc", A))
    assert judge(hosts, A) is Trust.KNOWN
    assert judge(hosts, B) is Trust.CHANGED
    assert judge(hosts, A, host="elsewhere") is Trust.UNKNOWN


def test_names_are_looked_up_whatever_their_case(known: Read) -> None:
    assert judge(known(line("HPC.Example", A)), A, host="hpc.EXAMPLE") is Trust.KNOWN


def test_any_of_several_keys_of_a_host_will_do(known: Read) -> None:
    hosts = known(line("hpc", A), line("hpc", B))
    assert judge(hosts, A) is Trust.KNOWN
    assert judge(hosts, B) is Trust.KNOWN


def test_a_key_of_another_type_than_the_known_one_counts_as_changed(known: Read) -> None:
    # The known types are asked for first, so the server no longer has the known key.
    assert judge(known(line("hpc", RSA)), A) is Trust.CHANGED


def test_a_known_key_of_a_type_that_nobody_can_use_any_more_says_nothing(known: Read) -> None:
    assert judge(known(line("hpc", DSA)), A) is Trust.UNKNOWN


def test_hashed_names_are_found(known: Read) -> None:
    hosts = known(line(HASHED_NAME, REAL))
    assert judge(hosts, REAL, host="login.hpc.example") is Trust.KNOWN
    assert judge(hosts, A, host="login.hpc.example") is Trust.CHANGED
    assert judge(hosts, REAL, host="login2.hpc.example") is Trust.UNKNOWN


def test_hashed_names_with_a_port_are_found(known: Read) -> None:
    hosts = known(line(HASHED_NAME_2222, REAL))
    assert judge(hosts, REAL, host="login.hpc.example", port=2222) is Trust.KNOWN
    assert judge(hosts, REAL, host="login.hpc.example") is Trust.UNKNOWN


def test_a_name_with_a_port_is_told_from_one_without(known: Read) -> None:
    hosts = known(line("[hpc]:2222", A))
    assert judge(hosts, A, port=2222) is Trust.KNOWN
    assert judge(hosts, A) is Trust.UNKNOWN
    assert judge(hosts, B, port=2222) is Trust.CHANGED


def test_the_key_of_the_plain_name_is_good_on_another_port_and_proves_no_change(
    known: Read,
) -> None:
    hosts = known(line("hpc", A))
    assert judge(hosts, A, port=2222) is Trust.KNOWN
    assert judge(hosts, B, port=2222) is Trust.UNKNOWN


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("*.hpc.example", "login.hpc.example", True),
        ("*.hpc.example", "hpc.example", False),
        ("login?.hpc.example", "login3.hpc.example", True),
        ("login?.hpc.example", "login33.hpc.example", False),
        ("*.hpc.example,!bad.hpc.example", "bad.hpc.example", False),
        ("!bad.hpc.example,*.hpc.example", "good.hpc.example", True),
        ("!bad*", "good", False),
        ("login[12]", "login1", False),
    ],
)
def test_patterns_match_as_in_openssh(known: Read, pattern: str, host: str, matches: bool) -> None:
    expected = Trust.KNOWN if matches else Trust.UNKNOWN
    assert judge(known(line(pattern, A)), A, host=host) is expected


def test_patterns_match_names_with_ports(known: Read) -> None:
    assert judge(known(line("[*.example]:*", A)), A, host="a.example", port=99) is Trust.KNOWN


def test_a_revoked_key_is_revoked_even_where_it_is_listed_as_well(known: Read) -> None:
    hosts = known(line("hpc", A), line("*", A, "@revoked"))
    assert judge(hosts, A) is Trust.REVOKED
    assert judge(hosts, B) is Trust.CHANGED


def test_a_revoked_key_alone_does_not_make_another_one_look_changed(known: Read) -> None:
    assert judge(known(line("hpc", A, "@revoked")), B) is Trust.UNKNOWN


def test_comments_and_nonsense_are_passed_over_and_an_authority_is_no_hosts_key(
    known: Read,
) -> None:
    hosts = known(
        "# a comment",
        "",
        line("*", B, "@cert-authority"),
        "@unheard-of " + line("hpc", B),
        "hpc ssh-ed25519",
        "hpc ssh-ed25519 not*base64",
        "hpc ssh-rsa " + base64.b64encode(B).decode(),  # the key is not of that type
        "|1|broken ssh-ed25519 " + base64.b64encode(B).decode(),
        "|1|also*|broken ssh-ed25519 " + base64.b64encode(B).decode(),
        "\udcff\udcfe".encode("utf-8", "surrogateescape").decode("latin-1"),
        "  " + line("hpc", A),
    )
    assert judge(hosts, A) is Trust.KNOWN
    assert judge(hosts, B) is Trust.CHANGED
    assert [(line.line, line.key) for line in hosts.authorities_for(("hpc",))] == [(3, B)]


def test_an_alias_is_looked_up_as_it_stands() -> None:
    assert lookup_names("10.0.0.1", 2222, "Cluster") == ("cluster",)


def test_known_types_are_asked_for_first(known: Read) -> None:
    hosts = known(line("hpc", RSA), line("hpc", B, "@revoked"))
    types = hosts.types_for(lookup_names("hpc", 22))
    assert types == ("ssh-rsa",)
    assert order_algorithms(types)[:3] == ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]
    assert order_algorithms(())[0] == "ssh-ed25519"


def test_a_changed_key_is_refused_with_file_line_and_both_fingerprints(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("# first\n" + line("hpc", A) + "\n")
    names = lookup_names("hpc", 22)
    verdict = KnownHosts.read([path]).verdict(names, "ssh-ed25519", B)
    error = refusal(names, "ssh-ed25519", B, verdict)
    assert error.changed
    for words in (f"{path}:2", fingerprint(A), fingerprint(B), "hpc"):
        assert words in str(error)


def test_a_missing_file_holds_nothing_and_an_unreadable_one_is_an_error(tmp_path: Path) -> None:
    missing = KnownHosts.read([tmp_path / "missing", tmp_path / "missing" / "too"])
    assert judge(missing, A) is Trust.UNKNOWN
    with pytest.raises(HostKeyError, match="cannot be read"):
        KnownHosts.read([tmp_path])


def test_a_remembered_key_is_known_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "known_hosts"
    remember(path, lookup_names("hpc", 2222)[0], "ssh-ed25519", A)
    remember(path, "other", "ssh-rsa", RSA)
    hosts = KnownHosts.read([path])
    assert judge(hosts, A, port=2222) is Trust.KNOWN
    assert judge(hosts, RSA, host="other") is Trust.KNOWN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


def test_remembering_keeps_a_last_line_that_was_cut_short_apart(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("hpc", A))
    remember(path, "other", "ssh-ed25519", B)
    assert path.read_text().count("\n") == 2
    assert judge(KnownHosts.read([path]), B, host="other") is Trust.KNOWN
    assert judge(KnownHosts.read([path]), A) is Trust.KNOWN


def test_a_key_that_cannot_be_remembered_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HostKeyError, match="could not be written"):
        remember(tmp_path / "file" / "known_hosts", "hpc", "ssh-ed25519", A)
