"""Which certificates vouch for which hosts; they are signed by OpenSSH's own tool."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exauq_tui.hardware.connection import host_certificates
from exauq_tui.hardware.connection.host_keys import KnownHosts, Trust, lookup_names

HOST = "hpc.example.org"
Sign = Callable[..., bytes]


def keygen(*arguments: str | Path) -> None:
    subprocess.run(["ssh-keygen", "-q", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def blob(path: Path) -> bytes:
    return base64.b64decode(path.read_text().split()[1])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of hosts and of authorities."""
    directory = tmp_path_factory.mktemp("certificates")
    for name, *options in (
        ("host", "-t", "ed25519"),
        ("host-rsa", "-t", "rsa", "-b", "2048"),
        ("host-ecdsa", "-t", "ecdsa"),
        ("ca", "-t", "ed25519"),
        ("ca-rsa", "-t", "rsa", "-b", "2048"),
        ("ca-ecdsa", "-t", "ecdsa", "-b", "384"),
        ("stranger", "-t", "ed25519"),
    ):
        keygen(*options, "-N", "", "-f", directory / name)
    return directory


@pytest.fixture
def sign(place: Path) -> Sign:
    def signed(*options: str, by: str = "ca", key: str = "host", kind: str = "-h") -> bytes:
        names = () if "-n" in options else ("-n", HOST)
        flags = (kind,) if kind else ()
        keygen("-s", place / by, *flags, "-I", "x", *names, *options, place / f"{key}.pub")
        return blob(place / f"{key}-cert.pub")

    return signed


def judged(
    place: Path,
    certificate: bytes,
    *lines: str,
    key: str = "host",
    host: str = HOST,
    port: int = 22,
) -> tuple[Trust, str]:
    known = place / "known_hosts"
    known.write_text("# ours\n" + "".join(f"{line}\n" for line in lines))
    verdict, flaw = host_certificates.judge(
        KnownHosts.read([known]),
        lookup_names(host, port),
        host,
        certificate,
        blob(place / f"{key}.pub"),
    )
    if verdict.trust is Trust.KNOWN:
        assert [line.line for line in verdict.lines] == [2]
    return verdict.trust, flaw


def authority(place: Path, name: str = "ca", hosts: str = "*.example.org") -> str:
    return f"@cert-authority {hosts} {(place / f'{name}.pub').read_text().strip()}"


@pytest.mark.parametrize("by", ["ca", "ca-rsa", "ca-ecdsa"])
@pytest.mark.parametrize("key", ["host", "host-rsa", "host-ecdsa"])
def test_a_certificate_by_a_known_authority_makes_a_key_known(
    place: Path, sign: Sign, by: str, key: str
) -> None:
    certificate = sign(by=by, key=key)
    assert judged(place, certificate, authority(place, by), key=key) == (Trust.KNOWN, "")
    on_a_port = authority(place, by, f"[{HOST}]:2222")
    assert judged(place, certificate, on_a_port, key=key, port=2222)[0] is Trust.KNOWN


def test_a_certificate_says_nothing_where_no_authority_is_known_for_the_host(
    place: Path, sign: Sign
) -> None:
    elsewhere = authority(place, hosts="*.elsewhere.org")
    assert judged(place, sign(), elsewhere) == (Trust.UNKNOWN, "")
    negated = authority(place, hosts=f"*.example.org,!{HOST}")
    assert judged(place, sign(), negated) == (Trust.UNKNOWN, "")


@pytest.mark.parametrize(
    ("options", "by", "kind", "flaw"),
    [
        ((), "stranger", "-h", "another authority"),
        ((), "ca", "", "a user's"),
        (("-n", "other.example.org"), "ca", "-h", "for other.example.org and not for"),
        (("-V", "20200101:20200201"), "ca", "-h", "expired on 2020-0"),
        (("-V", "20990101:20990201"), "ca", "-h", "valid from 209"),
        (("-t", "ssh-rsa"), "ca-rsa", "-h", "SHA-1"),
    ],
)
def test_a_certificate_that_does_not_vouch_for_the_host_is_told_and_the_key_is_unknown(
    place: Path, sign: Sign, options: tuple[str, ...], by: str, kind: str, flaw: str
) -> None:
    lines = (authority(place, "ca-rsa" if by == "ca-rsa" else "ca"),)
    trust, words = judged(place, sign(*options, by=by, kind=kind), *lines)
    assert trust is Trust.UNKNOWN
    assert flaw in words
    known = KnownHosts.read([place / "known_hosts"])
    note = host_certificates.note_for(known.authorities_for((HOST,)), words)
    assert f"{place / 'known_hosts'}:2" in note
    assert words in note


def test_a_certificate_that_names_no_host_vouches_for_none(place: Path) -> None:
    keygen("-s", place / "ca", "-h", "-I", "x", place / "host.pub")
    trust, flaw = judged(place, blob(place / "host-cert.pub"), authority(place))
    assert trust is Trust.UNKNOWN
    assert "no host" in flaw


def test_wildcards_in_a_certificate_count(place: Path, sign: Sign) -> None:
    certificate = sign("-n", "login.example.com,HPC.*.org")
    assert judged(place, certificate, authority(place))[0] is Trust.KNOWN


def test_conditions_that_are_not_understood_make_a_certificate_worthless(
    place: Path, sign: Sign
) -> None:
    certificate = sign("-O", "critical:new-rule@example.org=yes")
    trust, flaw = judged(place, certificate, authority(place))
    assert trust is Trust.UNKNOWN
    assert "conditions" in flaw


def test_a_certificate_for_another_key_vouches_for_nothing(place: Path, sign: Sign) -> None:
    trust, flaw = judged(place, sign(), authority(place), key="stranger")
    assert trust is Trust.UNKNOWN
    assert "another key" in flaw


def test_a_certificate_of_which_any_byte_was_changed_vouches_for_nothing(
    place: Path, sign: Sign
) -> None:
    certificate = sign()
    line = authority(place)
    assert judged(place, certificate, line)[0] is Trust.KNOWN
    for position in range(len(certificate)):
        changed = bytearray(certificate)
        changed[position] ^= 0x01
        assert judged(place, bytes(changed), line)[0] is Trust.UNKNOWN, position


def test_what_is_cut_short_is_no_certificate(place: Path, sign: Sign) -> None:
    certificate = sign()
    for length in (0, 3, 20, 100, len(certificate) - 1):
        trust, flaw = judged(place, certificate[:length], authority(place))
        assert trust is Trust.UNKNOWN
        assert "certificate" in flaw
    assert "no certificate" in judged(place, blob(place / "host.pub"), authority(place))[1]


@pytest.mark.parametrize("revoked", ["host", "ca"])
def test_a_revoked_key_or_authority_is_revoked_whatever_is_signed(
    place: Path, sign: Sign, revoked: str
) -> None:
    line = f"@revoked * {(place / f'{revoked}.pub').read_text().strip()}"
    assert judged(place, sign(), authority(place), line)[0] is Trust.REVOKED


def test_the_clock_decides_at_the_second(
    place: Path, sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = sign("-V", "20300101000000Z:20300102000000Z")
    line = authority(place)
    begin, end = 1893456000, 1893542400
    for now, trust in (
        (begin - 1, Trust.UNKNOWN),
        (begin, Trust.KNOWN),
        (end - 1, Trust.KNOWN),
        (end, Trust.UNKNOWN),
    ):
        monkeypatch.setattr(time, "time", lambda now=now: float(now))
        assert judged(place, certificate, line)[0] is trust
