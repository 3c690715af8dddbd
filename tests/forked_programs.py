"""Programs that start at once: a parent that has imported everything forks a child for each start of the program.

Importing the service takes seconds, the sandbox more, and tests start both over and over. `Forked` is what
`subprocess.Popen` would be, for a function instead of a command; run as a program, this file is the warm parent.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

START_DEADLINE_SECONDS = 90
_parents: dict[tuple[str, ...], tuple[subprocess.Popen[bytes], Path]] = {}


class Forked:
    """A process that runs `target` ("module:function", without arguments) as a program of its own would.

    It has its own process group, environment, arguments and output, and ends with this process at the latest.
    """

    def __init__(
        self, target: str, *arguments: str, preload: tuple[str, ...], environment: dict[str, str], output: Path
    ) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.settimeout(START_DEADLINE_SECONDS)
        self._connection.connect(str(_ensure_parent(preload)))
        request = {"target": target, "arguments": arguments, "environment": environment, "output": str(output)}
        self._connection.sendall(json.dumps(request).encode() + b"\n")
        self.pid = self._read_number()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code (of a signal, its negative number), or None while the process runs."""
        with suppress(BlockingIOError, TimeoutError):
            self.wait(timeout=0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The exit code, once there is one; raises `TimeoutError`, or for a timeout of 0 `BlockingIOError`."""
        if self.returncode is None:
            self._connection.settimeout(timeout)
            self.returncode = self._read_number()
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read_number(self) -> int:
        return int(self._connection.recv(32))


def _ensure_parent(preload: tuple[str, ...]) -> Path:
    """The address of this process's parent for such children, which may still be importing."""
    if preload not in _parents or _parents[preload][0].poll() is not None:
        address = Path(tempfile.mkdtemp(prefix="forked-")) / "socket"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(address))
            listening.listen(16)
            command = [sys.executable, __file__, str(listening.fileno()), *preload]
            # One thread for BLAS, whose pool would not survive the fork.
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
            parent = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                pass_fds=[listening.fileno()],
                process_group=0,
            )
        _parents[preload] = parent, address
    return _parents[preload][1]


def _serve(listening: socket.socket) -> Callable[[], Any]:
    """Fork children until standard input ends, which is when the tests do. Returns in each child: what it is to run."""
    wake, woken = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, socket.socket] = {}
    waiting = selectors.DefaultSelector()
    for source in (listening, woken, sys.stdin):
        waiting.register(source, selectors.EVENT_READ)
    while True:
        ready = [key.fileobj for key, _ in waiting.select()]
        if sys.stdin in ready:
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            sys.exit()
        if woken in ready:
            woken.recv(4096)
            _bury(children)
        if listening in ready:
            connection, _ = listening.accept()
            request = json.loads(connection.makefile().readline())
            if (pid := os.fork()) == 0:
                waiting.close()
                for one in (listening, wake, woken, connection, *children.values()):
                    one.close()
                return _become(request)
            children[pid] = connection
            connection.sendall(f"{pid}\n".encode())


def _bury(children: dict[int, socket.socket]) -> None:
    """Tell whoever asked for them which children have ended, and how."""
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with children.pop(pid) as connection, suppress(BrokenPipeError):
            connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(request: dict[str, Any]) -> Callable[[], Any]:
    """Make this child look as if it had been started by itself."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, descriptor in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, descriptor)
    os.closerange(nothing, output + 1)
    os.environ.clear()
    os.environ.update(request["environment"])
    module, _, function = request["target"].partition(":")
    sys.argv = [module, *request["arguments"]]
    called: Callable[[], Any] = getattr(importlib.import_module(module), function)
    return called


def _main() -> None:
    listening = socket.socket(fileno=int(sys.argv[1]))
    for name in sys.argv[2:]:
        importlib.import_module(name)
    # What was imported is shared with the children for as long as nobody counts its references anew.
    gc.collect()
    gc.freeze()
    _serve(listening)()


if __name__ == "__main__":
    _main()
