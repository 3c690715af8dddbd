"""Which programs does the demo run beside itself? Started in sessions of their own, awaited, and ended by their ids."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

GRACE_SECONDS = 15
LOOK_EVERY_SECONDS = 0.1
# What a person's shell holds for other tools must not reach ours, nor the secrets of one program the other.
FOREIGN = ("DATABRICKS_", "MLFLOW_", "CAUSEWAY_")


class ProgramFailed(Exception):
    """A program ended, or was not ready in time; says which, and its last words."""

    def __init__(self, name: str, what: str, log: Path) -> None:
        words = log.read_text(errors="replace").splitlines()[-12:] if log.exists() else []
        super().__init__("\n".join([f"The {name} {what}. Its last words:", *words]))


@dataclass(frozen=True)
class Program:
    """A running program: its output goes to `log`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def start(name: str, arguments: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> Program:
    """Start `python -m <arguments>` in the folder; a Ctrl-C in the terminal reaches the demo alone."""
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env=make_environment(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Program(name, process, log)


def await_ready(program: Program, is_ready: Callable[[], bool], timeout_seconds: float) -> None:
    """Return once `is_ready()`; raises `ProgramFailed` when the program ends before, or takes too long."""
    deadline = time.monotonic() + timeout_seconds
    while not is_ready():
        if (code := program.process.poll()) is not None:
            raise ProgramFailed(program.name, f"ended with {code} before it was ready", program.log)
        if time.monotonic() > deadline:
            raise ProgramFailed(program.name, f"was not ready in {timeout_seconds:.0f} seconds", program.log)
        time.sleep(LOOK_EVERY_SECONDS)


def run(name: str, command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Run a command to its end and return its standard output; raises `ProgramFailed` for any other end than 0."""
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        ended = subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            env=make_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            check=False,
            text=True,
        )
    if ended.returncode != 0:
        raise ProgramFailed(name, f"ended with {ended.returncode}", log)
    return ended.stdout


def end(program: Program) -> None:
    """End the program and wait for it; one that does not listen in time is killed."""
    program.process.terminate()
    try:
        program.process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        program.process.kill()
        program.process.wait()


def find_free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_environment(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process without other tools' settings, and `own` on top."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**inherited, "PYTHONUNBUFFERED": "1", **own}
