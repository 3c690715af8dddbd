"""The processes that run other people's code: jobs and model servers, forked from one preloaded forkserver.

Importing mlflow and scikit-learn takes seconds and a quarter of a gigabyte; the forkserver pays for it once.
Each process leads a process group of its own, is ended as a group, and ends by itself when the sandbox does.
"""

import hashlib
import importlib
import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.process import BaseProcess
from pathlib import Path

from app.sandbox import isolation
from app.sandbox.world import World

PRELOADED = [
    "app.sandbox.processes",
    "app.sandbox.job_process",
    "app.sandbox.model_server",
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.pyfunc.scoring_server",
    "sklearn.ensemble",
    "sklearn.pipeline",
    "sklearn.linear_model",
    "pandas",
    "lightgbm",
    "xgboost",
    "flaml.automl",
    "databricks.sdk",
    "uvicorn",
    # What those import when they are used, each time in each process.
    "anyio._backends._asyncio",
    "email.policy",
    "opentelemetry.sdk.metrics.export",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
]

# multiprocessing reads a process's exit status from a pipe, once; two threads that look at the same moment
# would lose it, and `start()` looks at every process. So one lock serialises every look.
_looking = threading.Lock()
_context = multiprocessing.get_context("forkserver")


_KEPT = {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
# Where the private folders are: outside of the state folder, whose path no process may know.
_root = Path()


def prepare(world: World) -> None:
    """To be called before there are threads: sets the stage for the forkserver, which the first process starts.

    The sandbox drops most of its own environment, because the forkserver inherits it and a process can read what its
    parent began with. One thread for OpenMP and BLAS, since libraries read that when they are loaded and a pool does
    not survive a fork. Folders that an earlier life of this sandbox left behind are removed.
    """
    global _root
    _root = Path(tempfile.gettempdir()) / f"databricks-{hashlib.sha256(bytes(world.folder)).hexdigest()[:12]}"
    shutil.rmtree(_root, ignore_errors=True)
    _root.mkdir(mode=0o700)
    for name in set(os.environ) - _KEPT:
        del os.environ[name]
    os.environ["OMP_NUM_THREADS"] = "1"
    _context.set_forkserver_preload(PRELOADED)


@dataclass(frozen=True)
class Folder:
    """A private folder of one process: its home, its temporary files, what it says."""

    path: Path

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def site(self) -> Path:
        """Where wheels are unpacked."""
        return self.path / "site"

    @property
    def output(self) -> Path:
        """Everything that the process printed."""
        return self.path / "output"

    def printed(self, limit: int = 5 * 1024 * 1024) -> str:
        """The last `limit` bytes of what the process printed; empty if it printed nothing."""
        if not self.output.exists():
            return ""
        return self.output.read_bytes()[-limit:].decode(errors="replace")

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def make_folder() -> Folder:
    """A new private folder (mode 0700), whose path a process may know."""
    folder = Folder(Path(tempfile.mkdtemp(prefix="", dir=_root)))
    for path in (folder.home, folder.site, folder.home / "tmp"):
        path.mkdir()
    return folder


def start(module: str, spec: isolation.Spec) -> ForkServerProcess:
    """Starts `module.main(spec)` in a new process, isolated as the spec says; the first waits for the imports."""
    with _looking:
        process = _context.Process(target=_enter, args=(module, spec), name=module)
        process.start()
    return process


def wait(process: ForkServerProcess, timeout_seconds: float | None = None) -> int | None:
    """Waits until the process has ended; answers its exit code, or None if it still runs."""
    connection.wait([process.sentinel], timeout_seconds)
    with _looking:
        return process.exitcode


def end(process: BaseProcess) -> None:
    """Ends the process and all that it started; safe to repeat, also after it has ended by itself."""
    pid = process.pid
    if pid is None:
        return
    for kill in (os.killpg, os.kill):  # before the child has made its group there is only the child itself
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            logging.getLogger(__name__).debug("process %s has ended already", pid)


def end_all(_: World) -> None:
    """Ends every process that was started here and still runs, and removes all folders."""
    if _looking.acquire(timeout=1):  # not while the first process waits for the imports: it is ended by its watcher
        running = multiprocessing.active_children()
        _looking.release()
        for process in running:
            end(process)
    shutil.rmtree(_root, ignore_errors=True)


def _enter(module: str, spec: isolation.Spec) -> None:
    main = importlib.import_module(module).main
    isolation.isolate(spec)
    main(spec)
