"""Connects to a server by paramiko: the way there, its host key, and who we are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import paramiko

from exauq_tui.errors import (
    AuthenticationError,
    ConnectionLostError,
    HardwareInterfaceFailureError,
    HostKeyError,
    ServerRefusedError,
)
from exauq_tui.hardware.connection import host_certificates, host_keys, openssh_config, turns
from exauq_tui.hardware.connection.attempt import Attempt
from exauq_tui.hardware.connection.authentication import Authentication, Plan
from exauq_tui.hardware.connection.host_keys import KnownHosts, Trust, Verdict
from exauq_tui.hardware.connection.key_sources import Agent, from_config, from_file
from exauq_tui.hardware.connection.login import Login, expand_home
from exauq_tui.hardware.connection.memory import Memory
from exauq_tui.hardware.connection.openssh_config import Hop, HostConfig
from exauq_tui.hardware.connection.paramiko_connection import ParamikoConnection
from exauq_tui.hardware.connection.prompts import accept_on_terminal, ask_secret_on_terminal
from exauq_tui.hardware.connection.questions import on_one_line
from exauq_tui.hardware.connection.session import Session
from exauq_tui.hardware.connection.sockets import (
    Link,
    ProxyProcess,
    channel_link,
    expand_proxy_command,
    open_tcp,
    tcp_link,
)
from exauq_tui.hardware.diagnosis import Check
from exauq_tui.hardware.interface import HostKeyDecision

_CONNECT_TIMEOUT = 20.0  # for looking up the name and for TCP
_HANDSHAKE_TIMEOUT = 30.0  # from there until the keys are agreed
_ANSWER_TIMEOUT = 30.0  # for each answer while logging in
_SLICE = 0.1
_MOST_HOPS = 8


def connect(login: Login, memory: Memory, attempt: Attempt) -> ParamikoConnection:
    """Connect to a server and authenticate.

    Args:
        login: The server, and how to prove who we are.
        memory: What a person said earlier; added to.
        attempt: Another thread can call it off, which makes this raise within a second.

    Raises:
        AuthenticationError: The server did not accept us.
        HostKeyError: The server's key is unknown and not accepted, changed, or revoked.
        ConnectionLostError: The server could not be reached, or the link broke.
        HardwareInterfaceFailureError: A config file cannot be used.
    """
    try:
        return _Connecting(login, memory, attempt).reach(Hop(login.host, login.user, login.port))
    except BaseException as error:
        called_off = attempt.cancelled
        attempt.cancel()
        if called_off and isinstance(error, HardwareInterfaceFailureError):
            raise ConnectionLostError(
                f"The connection to {login.host} was closed here while it was being made."
            ) from error
        raise


@dataclass(frozen=True, slots=True)
class _Connecting:
    """One attempt to connect, with all that its steps share."""

    login: Login
    memory: Memory
    attempt: Attempt

    def reach(
        self, hop: Hop, before: tuple[Hop, ...] | None = None, depth: int = 0
    ) -> ParamikoConnection:
        """Connect to one server, through others where the config file (or `before`) says so."""
        if depth > _MOST_HOPS:
            raise HardwareInterfaceFailureError(
                f"The ProxyJump for {self.login.host} goes through more than {_MOST_HOPS} "
                "servers: does one of them name itself?"
            )
        self.attempt.begin(Check.PROFILE)
        config = self._configuration(hop)
        where = f"{config.user}@{hop.host}" + (f":{config.port}" if config.port != 22 else "")
        plan, agent = self._plan(config)
        try:
            known = self._known_hosts(config)
            jump = self._reach_jump(config, before, depth)
            # Waiting here, no server counts the seconds until we have logged in.
            account = turns.account(config.user, config.host_name, config.port)
            login = self.login
            with turns.turn([account], self.attempt.check, login.name, login.tell_wait):
                session = self._log_in(hop, config, known, plan, where, jump)
        finally:
            if agent is not None:
                agent.close()
        precious = self.attempt.code_typed
        made = ParamikoConnection(session, where, self.login.limits, is_precious=precious)
        if depth == 0:
            self.memory.user = config.user
            made.watch()
        return made

    def _log_in(
        self,
        hop: Hop,
        config: HostConfig,
        known: KnownHosts,
        plan: Plan,
        where: str,
        jump: _Jump | None,
    ) -> Session:
        """Make the connection, see that it leads where it should, and prove who we are."""
        way = self._open_way(hop, config, jump)
        self.attempt.hold(way.link.close)
        session = self._shake_hands(way, config, known, where)
        self._check_host_key(session, config, known)
        self.attempt.begin(Check.AUTHENTICATION)
        proof = Authentication(
            session=session,
            user=config.user,
            where=where,
            ask=self.login.ask_secret or ask_secret_on_terminal,
            max_attempts=self.login.max_attempts,
            memory=self.memory,
            attempt=self.attempt,
            timeout=_ANSWER_TIMEOUT,
        ).run(plan)
        session.forget_secrets()
        self.attempt.found(f"{config.user} is let in by {proof}")
        return session

    def _configuration(self, hop: Hop) -> HostConfig:
        path = self.login.ssh_config_path
        if path is not None:
            return openssh_config.resolve(hop.host, path, hop.user, hop.port)
        return HostConfig(hop.host, self.login.user_or_local, hop.port or 22, ())

    def _plan(self, config: HostConfig) -> tuple[Plan, Agent | None]:
        """Decide what to offer; bad key files and a missing agent show before connecting."""
        login, memory = self.login, self.memory
        ask = login.ask_secret or ask_secret_on_terminal
        if login.key_filename is not None:
            keys = from_file(login.key_filename, ask, login.max_attempts, memory)
            hint = (
                f"Check the user name ({config.user}), and that the key's public half is in "
                "~/.ssh/authorized_keys there."
            )
            return Plan(keys, may_ask=False, hint=hint), None
        if login.use_ssh_agent:
            agent = Agent()
            hint = (
                f"Check the user name ({config.user}), and with `ssh-add -l` that the agent "
                "holds the right key among its first five; or give key_filename."
            )
            return Plan(iter(agent.candidates()), may_ask=False, hint=hint), agent
        hint = f"Check the user name ({config.user}) and the password."
        if login.ssh_config_path is None:
            return Plan(iter(()), may_ask=True, hint=hint), None
        held = _agent_for(config)
        keys = from_config(config, held, ask, login.max_attempts, memory)
        return Plan(keys, may_ask=True, hint=hint), held

    def _known_hosts(self, config: HostConfig) -> KnownHosts:
        files = [expand_home(path) for path in config.known_hosts]
        if self.login.known_hosts is not None:
            named = expand_home(self.login.known_hosts)
            if not named.is_file():
                raise HostKeyError(f"The known_hosts file {named} does not exist.")
            files.append(named)
        if self.login.own_known_hosts is not None:
            files.append(expand_home(self.login.own_known_hosts))
        return KnownHosts.read(files)

    def _reach_jump(
        self, config: HostConfig, before: tuple[Hop, ...] | None, depth: int
    ) -> _Jump | None:
        """Connect to the server that this one is reached through, if there is one."""
        hops = before
        if hops is None and config.proxy_jump:
            hops = openssh_config.parse_proxy_jump(config.proxy_jump)
        if not hops:
            return None
        # As ssh does it: the last one is reached through those before it; the first
        # one as its own entry in the config file says.
        with self.attempt.on_the_way(hops[-1].host):
            return _Jump(hops[-1].host, self.reach(hops[-1], hops[:-1] or None, depth + 1))

    def _open_way(self, hop: Hop, config: HostConfig, jump: _Jump | None) -> _Way:
        """Open what carries the connection: a jump, a command, or a TCP socket."""
        if jump is not None:
            self._say_way(f"by {jump.host} (ProxyJump)", config)
            through = jump.connection
            channel = through.open_way(config.host_name, config.port, _CONNECT_TIMEOUT)
            return _Way(channel_link(channel, through.close, through.endure))
        if config.proxy_command:
            self._say_way("by the ProxyCommand", config)
            process = ProxyProcess(
                expand_proxy_command(
                    config.proxy_command,
                    alias=hop.host,
                    host=config.host_name,
                    port=config.port,
                    user=config.user,
                )
            )
            return _Way(process.link, process.words)
        wire = open_tcp(config.host_name, config.port, self.attempt, _CONNECT_TIMEOUT)
        return _Way(tcp_link(wire))

    def _say_way(self, by: str, config: HostConfig) -> None:
        """Note that somebody else looks up the name, and connects: both show in the next step."""
        self.attempt.begin(Check.LOOKUP)
        self.attempt.found(f"{config.host_name} is looked up {by}")
        self.attempt.begin(Check.TCP)
        self.attempt.found(f"made {by}")
        self.attempt.begin(Check.SSH)

    def _shake_hands(self, way: _Way, config: HostConfig, known: KnownHosts, where: str) -> Session:
        """Agree on keys with the server."""
        self.attempt.begin(Check.SSH)
        session = Session(way.link)
        types = known.types_for(_names(config))
        session.get_security_options().key_types = host_keys.order_algorithms(types)
        session.prefers_certificates = bool(known.authorities_for(_names(config)))
        session.banner_timeout = _HANDSHAKE_TIMEOUT
        done = threading.Event()
        session.start_client(event=done)
        deadline = time.monotonic() + _HANDSHAKE_TIMEOUT
        while not done.wait(_SLICE) and session.is_active() and time.monotonic() < deadline:
            self.attempt.check()
        self.attempt.check()
        if done.is_set() and session.is_active():
            self.attempt.found(session.remote_version)
            return session
        timed_out = session.is_active()
        error = session.get_exception()
        session.close()
        words = session.farewell or way.words()
        if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            raise ServerRefusedError(
                f"{where} and this program have no way of encrypting in common ({error}). "
                "The server may be too old."
            ) from error
        reason = (
            f"no answer in {_HANDSHAKE_TIMEOUT:g} s" if timed_out else on_one_line(str(error or ""))
        )
        told = "; ".join(part for part in (reason or "it closed the connection", words) if part)
        raise ConnectionLostError(
            f"{where} did not answer as an SSH server should: {told}. "
            f"Check that an SSH server listens on port {config.port} there."
        ) from error

    def _check_host_key(self, session: Session, config: HostConfig, known: KnownHosts) -> None:
        """Go on only where the server is the one it should be."""
        self.attempt.begin(Check.HOST_KEY)
        shown = session.get_remote_server_key()
        key_type, key = shown.get_name(), shown.asbytes()
        names = _names(config)
        verdict, flaw = _judge_certificate(shown, config, known)
        if verdict.trust is Trust.UNKNOWN:
            verdict = known.verdict(names, key_type, key)
        if verdict.trust in (Trust.CHANGED, Trust.REVOKED):
            raise host_keys.refusal(names, key_type, key, verdict)
        accepted = (names[0], key_type, key)
        words = f"{key_type} {host_keys.fingerprint(key)}"
        note = host_certificates.note_for(known.authorities_for(names), flaw)
        if verdict.trust is Trust.KNOWN or accepted in self.memory.accepted_keys:
            places = ", ".join(f"{line.path}:{line.line}" for line in verdict.lines)
            self.attempt.found(
                f"{words}, {f'known from {places}' if places else 'accepted before'}"
            )
            return
        accept = self.login.accept_host_key or accept_on_terminal
        question = host_keys.describe(names, key_type, key, note)
        decision = accept(question)
        if not decision:
            raise HostKeyError(
                f"The host key of {question.host} is not known and was not accepted: "
                f"{question.key_type} {question.fingerprint}. {f'{note} ' if note else ''}Compare "
                "the fingerprint with what the server's administrators say, and accept it if it "
                "is the same."
            )
        self.attempt.check()
        self.memory.accepted_keys.add(accepted)
        self.attempt.found(f"{words}, accepted just now")
        is_kept = decision is not HostKeyDecision.ONCE
        if is_kept and self.login.own_known_hosts is not None:
            path = expand_home(self.login.own_known_hosts)
            host_keys.remember(path, names[0], key_type, key)


@dataclass(frozen=True, slots=True)
class _Jump:
    """The server that another one is reached through."""

    host: str
    connection: ParamikoConnection


@dataclass(frozen=True, slots=True)
class _Way:
    """What carries a connection, and what it has to say when that fails."""

    link: Link
    words: Callable[[], str] = str


def _judge_certificate(
    shown: paramiko.PKey, config: HostConfig, known: KnownHosts
) -> tuple[Verdict, str]:
    """Judge the certificate that came with a host key, where one did."""
    blob = shown.public_blob
    if blob is None:
        return Verdict(Trust.UNKNOWN), ""
    host = config.host_key_alias or config.host_name
    return host_certificates.judge(known, _names(config), host, blob.key_blob, shown.asbytes())


def _names(config: HostConfig) -> tuple[str, ...]:
    return host_keys.lookup_names(config.host_name, config.port, config.host_key_alias)


def _agent_for(config: HostConfig) -> Agent | None:
    """Open the agent that the config means; having none is no error there."""
    if config.identity_agent is not None and config.identity_agent.lower() == "none":
        return None
    try:
        return Agent(config.identity_agent)
    except AuthenticationError:
        return None
