"""From what the ``ssh`` program says at its end to the error that it means.

ssh ends with 255 for every trouble of its own; only its words tell which. They are never
translated. The table is looked through from above, and the first rule that fits counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exauq_tui.errors import (
    AuthenticationError,
    ConnectionLostError,
    HardwareInterfaceFailureError,
    HostKeyError,
    ServerRefusedError,
)
from exauq_tui.hardware.connection.host_keys import KnownKey, fingerprint

OWN_TROUBLE = 255
"""ssh's exit code where it, and not the command, came to grief."""

_CHATTER = re.compile(
    r"""
    Authenticated\ (?:to|using)\ .* | Transferred:\ sent\ .* | Bytes\ per\ second:\ .*
    | Warning:\ Permanently\ added\ .* | debug[123]:\ .* | OpenSSH_\S+,\ .*
    | Permission\ denied,\ please\ try\ again\. | Confirm\ user\ presence\ for\ key\ .*
    | User\ presence\ confirmed | Killed\ by\ signal\ \d+\.
    | Server\ host\ key:\ .* | Connecting\ to\ .*
    """,
    re.VERBOSE,
)
_PARTIAL = re.compile(r"^Authenticated using \"[^\"]*\" with partial success", re.M)


@dataclass(frozen=True, slots=True)
class Offence:
    """What ssh says of a changed or revoked host key.

    Attributes:
        host: The server, as it is looked up.
        key_type: ssh's short name of the type, such as ED25519.
        fingerprint: SHA256 of the key that is shown now; "" where ssh does not say.
        places: ``file:line`` of the lines that speak against it.
        is_revoked: Whether the key is revoked, as opposed to changed.
    """

    host: str
    key_type: str
    fingerprint: str
    places: tuple[str, ...]
    is_revoked: bool


def plain_words(stderr: str) -> str:
    """Leave out what ssh tells of itself while all goes well."""
    lines = (line.strip() for line in stderr.splitlines())
    return "\n".join(line for line in lines if line and not _CHATTER.fullmatch(line))


def has_partial_success(stderr: str) -> bool:
    """Tell whether a server accepted one proof and wanted another beside it."""
    return bool(_PARTIAL.search(stderr))


def find_offence(stderr: str) -> Offence | None:
    """Find what ssh says of a changed or revoked host key."""
    stderr = stderr.replace("\r\n", "\n")  # ssh ends its lines so, as a terminal would want it
    if found := re.search(r"^The (\S+) host key for (\S+) is marked as revoked", stderr, re.M):
        return Offence(found[2], found[1], "", (), is_revoked=True)
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" not in stderr:
        return None
    shown = re.search(
        r"^The fingerprint for the (\S+) key sent by the remote host is\s+(\S+?)\.?$", stderr, re.M
    )
    host = re.search(r"^Host key for (\S+) has changed", stderr, re.M)
    places = re.findall(r"^Offending .*key(?: for IP)? in (.+:\d+)$", stderr, re.M)
    return Offence(
        host[1] if host else "the server",
        shown[1] if shown else "",
        shown[2] if shown else "",
        tuple(places),
        is_revoked=False,
    )


def explain(
    code: int | None,
    stderr: str,
    where: str,
    find_lines: Callable[[Offence], Sequence[KnownKey]] = lambda _: (),
) -> HardwareInterfaceFailureError:
    """Give the error that the end of ``ssh`` means.

    Args:
        code: The exit code; negative for a signal, None where it is not known.
        stderr: What it said on its standard error.
        where: The server, as it is named in errors: ``user@host``.
        find_lines: Gives the lines of known_hosts files that speak against a host key.
    """
    if offence := find_offence(stderr):
        return _changed(offence, find_lines(offence))
    words = plain_words(stderr)
    for pattern, kind, sentence in _TABLE:
        if found := re.search(pattern, words, re.M):
            return kind(_fill(sentence, found, where))
    last = words.splitlines()[-1] if words else ""
    told = f": {last}" if last else ""
    if code == OWN_TROUBLE or code is None or code < 0:
        return ConnectionLostError(f"The connection to {where} was lost{told}.")
    return ServerRefusedError(
        f"{where} does not run commands for this account (exit code {code}{told})."
    )


def _changed(offence: Offence, lines: Sequence[KnownKey]) -> HostKeyError:
    places = ", ".join(f"{line.path}:{line.line}" for line in lines) or ", ".join(offence.places)
    shown = " ".join(part for part in (offence.key_type, offence.fingerprint) if part)
    if offence.is_revoked:
        keys = ", ".join(dict.fromkeys(fingerprint(line.key) for line in lines))
        return HostKeyError(
            f"The host key of {offence.host} is marked as revoked in "
            f"{places or 'a known_hosts file'}: {' '.join((shown, keys)).strip()}. It is not "
            "trusted. Ask the server's administrators for its present key.",
            changed=True,
        )
    known = ", ".join(f"{line.key_type} {fingerprint(line.key)}" for line in lines)
    return HostKeyError(
        f"The host key of {offence.host} has changed. Known from {places or 'known_hosts'}: "
        f"{known or 'another key'}. "
        f"Shown now: {shown}. Somebody could be listening in, or the server was set up anew. "
        "Ask its administrators; where the new key is right, remove the old line "
        "and connect again.",
        changed=True,
    )


def _fill(sentence: str, found: re.Match[str], where: str) -> str:
    return sentence.format(*(group or "" for group in found.groups()), where=where, line=found[0])


_TABLE: tuple[tuple[str, type[HardwareInterfaceFailureError], str], ...] = (
    (
        r"^(.*(?:Bad configuration option|terminating, \d+ bad configuration|Bad owner or "
        r"permissions|Unsupported option|[Mm]issing argument|garbage at end of line|"
        r"command-line: line|no argument after keyword|Can't open user config).*)$",
        HardwareInterfaceFailureError,
        "ssh cannot use its configuration for {where}: {0}",
    ),
    (
        r"^(?:ssh: )?Could not resolve hostname (\S+): (.*)$",
        ConnectionLostError,
        "The name {0} could not be looked up: {1}.",
    ),
    (
        r"^(?:ssh: )?connect to host (\S+) port (\d+): (.*)$",
        ConnectionLostError,
        "{where} could not be reached: {0} port {1}: {2}.",
    ),
    (
        r"^.*open failed: (?:administratively prohibited|connect failed|unknown channel type)"
        r":? ?(.*)$",
        ConnectionLostError,
        "A server on the way to {where} did not go on: {line}.",
    ),
    (
        r"^Unable to negotiate with .*?: (no matching .* found)\. Their offer: (.*)$",
        ServerRefusedError,
        "{where} and the ssh program here have no way of encrypting in common: {0}. The server "
        "offers {1}; ssh_config(5) tells how such old ways are allowed for one host.",
    ),
    (
        r"Too many authentication failures",
        AuthenticationError,
        "{where} hung up: too many keys or passwords were tried. Give the right key by "
        "key_filename, or IdentitiesOnly in the OpenSSH configuration.",
    ),
    (
        r"^((?:\S+: )?Permission denied \(.*\))\.?$",
        AuthenticationError,
        "{where} refused to let us in: {0}. The brackets hold what the server allows. Check the "
        "user name, and the keys and tickets that the ssh program has.",
    ),
    (
        r"^(?:No more authentication methods.*|.*[Aa]uthentication (?:failed|failure).*)$",
        AuthenticationError,
        "{where} refused to let us in: {line}",
    ),
    (
        r"^(?:.*Host key verification failed\.?|No (?:\S+) host key is known for .*)$",
        HostKeyError,
        "The host key of a server on the way to {where} is not known and was not accepted.",
    ),
    (
        r"^(?:.*banner exchange.*|.*kex_exchange_identification: .*|.*Connection .*during banner.*|"
        r".*Protocol major versions differ.*|ssh_exchange_identification: .*|"
        r".*Bad packet length.*)$",
        ConnectionLostError,
        "{where} did not answer as an SSH server should: {line}. Check the port.",
    ),
    (
        r"^(?:.*(?:exec|shell|subsystem) request failed on channel.*|.*session open refused.*|"
        r".*open failed: resource shortage.*)$",
        ServerRefusedError,
        "{where} does not run commands for this account: {line}.",
    ),
    (
        r"^Timeout, server (\S+) not responding\.?$",
        ConnectionLostError,
        "The connection to {where} was lost: {0} no longer answers.",
    ),
)
