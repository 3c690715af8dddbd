"""A platform that says exactly what a test wants and counts what it is asked, and the sandbox for everything else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import configuration


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What to say; `lost` closes the connection without a word."""

    status: int = 200
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False


Script = Callable[[Asked], Answer]


class Stub:
    """A server on loopback whose answers are a function of the request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: Script = lambda _: Answer(404, {"error_code": "NOT_FOUND", "message": "nothing here"})
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, self.path, dict(self.headers), body)
                stub.asked.append(asked)
                said = stub.script(asked)
                if said.lost:
                    self.close_connection = True
                    return
                content = said.content if isinstance(said.content, bytes) else json.dumps(said.content).encode()
                self.send_response(said.status)
                for name, value in {"Content-Length": str(len(content)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def count(self, path: str, method: str = "") -> int:
        """How often a path that begins so was asked for."""
        return sum(asked.path.startswith(path) and asked.method.startswith(method) for asked in self.asked)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


Configure = Callable[..., None]


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    yield server
    server.stop()


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Writes and loads a configuration: workspaces by name, each with what differs from a PAT on loopback."""

    def write(**workspaces: dict[str, Any]) -> None:
        (tmp_path / "token").write_text("dapi-of-control")
        (tmp_path / "secret").write_text("secret-of-control")
        plain = {
            "cloud": "aws",
            "volume": "causeway.control.files",
            "auth": {"type": "pat", "token": {"file": str(tmp_path / "token")}},
        }
        content = {"workspaces": {name: {**plain, **given} for name, given in workspaces.items()}}
        path = tmp_path / "causeway.yaml"
        path.write_text(yaml.safe_dump(content))
        configuration.use(path)

    return write


@pytest.fixture
def oauth(tmp_path: Path) -> dict[str, Any]:
    """The `auth` of a service principal whose secret lies in a file."""
    return {"type": "oauth-m2m", "client_id": "control", "client_secret": {"file": str(tmp_path / "secret")}}
