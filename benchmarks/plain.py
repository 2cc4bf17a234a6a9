"""What the engine is compared with: plain paramiko, one command per job."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import paramiko

PATIENCE = 60.0


class PlainScript:
    """An open connection as most people's scripts make it: `paramiko.SSHClient`, all defaults.

    Args:
        host: The server.
        port: Its port.
        user: The account.
        key: A private key file.
        known_hosts: The file that has the server's key.
    """

    def __init__(self, host: str, port: int, user: str, key: Path, known_hosts: Path) -> None:
        self._client = paramiko.SSHClient()
        self._client.load_host_keys(str(known_hosts))
        self._client.connect(
            host,
            port,
            user,
            key_filename=str(key),
            allow_agent=False,
            look_for_keys=False,
            timeout=PATIENCE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def run(self, command: str, text: str = "") -> str:
        """Run one command and give what it printed."""
        stdin, stdout, _ = self._client.exec_command(command, timeout=PATIENCE)
        if text:
            stdin.write(text)
        stdin.channel.shutdown_write()
        output = stdout.read().decode(errors="replace")
        stdout.channel.recv_exit_status()
        stdin.close()  # pitfall: paramiko may lock up where the collector closes it
        stdout.close()
        return output

    def seconds_each(self, commands: Sequence[tuple[str, str]]) -> float:
        """Run commands with their inputs one after the other; the median time of one."""
        times = []
        for command, text in commands:
            begun = time.perf_counter()
            self.run(command, text)
            times.append(time.perf_counter() - begun)
        return statistics.median(times)


def look_command(directory: str) -> str:
    """Ask where one job stands, as simply as it can be asked."""
    return (
        f"cd '{directory}' && if [ -e STOPPED ]; then echo STOPPED; "
        "elif [ -e COMPLETED ]; then echo COMPLETED; elif [ -e FAILED ]; then echo FAILED; "
        'elif ps -p "$(cat PID)" >/dev/null; then echo RUNNING; else echo FAILED; fi'
    )


def submit_command(directory: str, program: str) -> str:
    """Write one job's input, which comes on stdin, and start it detached."""
    return (
        f"mkdir '{directory}' && cd '{directory}' && cat >input.csv && "
        f"{{ setsid {program} '{directory}/input.csv' '{directory}/output.txt' "
        "</dev/null >log 2>&1 & echo $! >PID; }"
    )


def exec_true_seconds(
    host: str, port: int, user: str, key: Path, known_hosts: Path, repeat: int
) -> float:
    """Measure the least that one command costs: ``true``, and TCP told not to wait for more."""
    with socket.create_connection((host, port), PATIENCE) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(link)
        try:
            transport.start_client(timeout=PATIENCE)
            expected = paramiko.HostKeys(str(known_hosts)).lookup(f"[{host}]:{port}")
            offered = transport.get_remote_server_key()
            if expected is None or expected.get(offered.get_name()) != offered:
                raise paramiko.SSHException("this is not the private server")
            transport.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(str(key)))
            times = []
            for _ in range(repeat):
                begun = time.perf_counter()
                channel = transport.open_session(timeout=PATIENCE)
                channel.exec_command("true")
                channel.recv_exit_status()
                times.append(time.perf_counter() - begun)
                channel.close()
            return statistics.median(times)
        finally:
            transport.close()
