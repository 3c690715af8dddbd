"""Which model servers run? One process for each served entity, watched by a thread that starts it again when it dies.

A server works on a private copy of its image, is spoken to through a Unix socket in a folder that only this user may
enter, and gets no token and no path of the sandbox's.
"""

import os
import shutil
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx

from app.sandbox import processes
from app.sandbox.isolation import Spec
from app.sandbox.processes import Folder
from app.sandbox.world import World

CREATING = "DEPLOYMENT_CREATING"
READY = "DEPLOYMENT_READY"
RECOVERING = "DEPLOYMENT_RECOVERING"
FAILED = "DEPLOYMENT_FAILED"
ABORTED = "DEPLOYMENT_ABORTED"
# How long a model may take to load; the platform waits 30 minutes for a deployment on CPU [DOC].
LOAD_DEADLINE_SECONDS = 1800
REQUEST_LIMIT_SECONDS = 597
_LONGEST_PAUSE_SECONDS = 10.0

_servers: dict[str, "ModelServer"] = {}


@dataclass
class ModelServer:
    """A server and what is known of it. `decided` is set once it is ready, or has failed for good."""

    id: str
    image: Path
    refused: frozenset[str]
    variables: Mapping[str, str]
    concurrency: int
    state: str = CREATING
    message: str = "Creating"
    in_flight: int = 0
    folder: Folder = field(default_factory=processes.make_folder)
    process: ForkServerProcess | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    decided: threading.Event = field(default_factory=threading.Event)

    @property
    def socket(self) -> str:
        return str(self.folder.path / "socket")


def start(server: ModelServer, *, again: bool = False) -> ModelServer:
    """Starts the server and watches it; `again`: it was ready in an earlier life of the sandbox."""
    if again:
        server.state, server.message = RECOVERING, "Recovering"
    _servers[server.id] = server
    threading.Thread(target=_watch, args=(server, again), name=f"model-server-{server.id}", daemon=True).start()
    return server


def find(server_id: str) -> ModelServer | None:
    """The server, if it was started and not ended since."""
    return _servers.get(server_id)


def end(server_id: str) -> None:
    """The server is gone, with its folder; no matter whether it was there."""
    server = _servers.pop(server_id, None)
    if server is None:
        return
    server.ended.set()
    if server.process is not None:
        processes.end(server.process)


def end_all(_: World) -> None:
    """Ends every server and waits until their folders are gone."""
    for server_id in list(_servers):
        end(server_id)
    for thread in threading.enumerate():
        if thread.name.startswith("model-server-"):
            thread.join(timeout=2)


def _watch(server: ModelServer, again: bool) -> None:
    pause = 0.2
    try:
        while not server.ended.is_set():
            was_ready = _live(server)
            if server.ended.is_set():
                return
            if not was_ready and not again:
                _decide(server, FAILED, "The model server ended before it was ready; see its logs.")
                return
            again, pause = True, 0.2 if was_ready else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            server.state, server.message = RECOVERING, "The model server ended and is started again."
            server.ended.wait(pause)
    except Exception as problem:
        traceback.print_exc()
        _decide(server, FAILED, f"The sandbox failed: {problem!r}")
    finally:
        if server.ended.is_set():
            server.decided.set()
            server.folder.remove()


def _live(server: ModelServer) -> bool:
    """One life of the server's process; answers whether it was ever ready."""
    folder = server.folder.path
    shutil.rmtree(folder / "model", ignore_errors=True)
    Path(server.socket).unlink(missing_ok=True)
    shutil.copytree(server.image, folder / "model")
    variables = {
        **server.variables,
        "PATH": os.defpath,
        "OMP_NUM_THREADS": "1",
        "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT": str(REQUEST_LIMIT_SECONDS),
    }
    server.process = processes.start("app.sandbox.model_server", Spec(folder, variables, server.refused))
    try:
        if server.ended.is_set() or not _becomes_ready(server, server.process):
            return False
        _decide(server, READY, "")
        processes.wait(server.process)
        return True
    finally:
        processes.end(server.process)


def _becomes_ready(server: ModelServer, process: ForkServerProcess) -> bool:
    with httpx.Client(transport=httpx.HTTPTransport(uds=server.socket), base_url="http://model") as client:
        for _ in range(LOAD_DEADLINE_SECONDS * 50):
            if processes.wait(process, 0.02) is not None:
                return False
            try:
                if client.get("/ping").status_code == httpx.codes.OK:
                    return True
            except httpx.TransportError:
                continue  # it is not listening yet
    return False


def _decide(server: ModelServer, state: str, message: str) -> None:
    server.state, server.message = state, message
    server.decided.set()
