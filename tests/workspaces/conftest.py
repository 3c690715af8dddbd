"""A platform that says exactly what a test wants and counts what it is asked, and the sandbox for everything else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from databricks.sdk.service.catalog import VolumeType

from app import configuration
from app.workspaces.pages import Page
from tests.sandbox.running import Person, Sandbox
from tests.sandbox.running import unique as make_unique


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


Item = TypeVar("Item")
Script = Callable[[Asked], Answer]


class Stub:
    """A server on loopback whose answers are a function of the request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: Script = lambda _: Answer(404, {"error_code": "NOT_FOUND", "message": "nothing here"})
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body in one write: the second of two waits for the client to acknowledge the first.
            wbufsize = -1

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
                with suppress(ConnectionError):  # whoever asked has heard enough
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(content)
                    self.wfile.flush()

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


@dataclass
class Platform:
    """A running sandbox in which control may do what the README's grants give it, and a configuration for it."""

    sandbox: Sandbox
    controls: dict[str, Person]
    workspaces: dict[str, dict[str, Any]]

    def fault(self, workspace: str, kind: str, method: str, path: str, **options: Any) -> None:
        """Spoil the next call of this workspace that matches."""
        body = {"kind": kind, "method": method, "path": path, "workspace": workspace, **options}
        assert self.sandbox.call(workspace, "POST", "/__sandbox/faults", json=body).ok

    def count(self, workspace: str, method: str, path: str) -> int:
        """How many such requests the workspace has seen."""
        query = {"method": method, "path": path, "workspace": workspace}
        return int(self.sandbox.call(workspace, "GET", "/__sandbox/requests", params=query).json()["count"])

    def register(self, workspace: str, model: str, files: dict[str, str], *, ready: bool = True) -> int:
        """A new version of the model, made by control through the registry as mlflow does; its number."""
        token = self.controls[workspace].token
        base = "/api/2.0/mlflow/unity-catalog"

        def call(method: str, path: str, **options: Any) -> Any:
            answer = self.sandbox.call(workspace, method, path, token=token, **options)
            assert answer.ok or "ALREADY_EXISTS" in answer.text, answer.text
            return answer.json() if answer.content else {}

        call("POST", f"{base}/registered-models/create", json={"name": model})
        made = call("POST", f"{base}/model-versions/create", json={"name": model, "source": "models:/m-1"})
        version = made["model_version"]["version"]
        for path, content in files.items():
            folder = f"/api/2.0/fs/files/Models/{model.replace('.', '/')}/{version}"
            call("PUT", f"{folder}/{path}", params={"overwrite": "true"}, data=content.encode())
        if ready:
            call("POST", f"{base}/model-versions/finalize", json={"name": model, "version": version})
        return int(version)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One sandbox a test process, with a service principal as control in both workspaces."""
    folder = tmp_path_factory.mktemp("platform")
    sandbox = Sandbox(folder / "state", "--visibility-seconds", "0.2")
    controls, workspaces = {}, {}
    for name in ("dev", "prod"):
        control = controls[name] = sandbox.person(name)
        admin = sandbox.client(name)
        secret = admin.service_principal_secrets_proxy.create(control.id).secret
        (folder / f"{name}-secret").write_text(str(secret))
        metastore = str(admin.metastores.summary().metastore_id)
        rights = ("CREATE_CATALOG", "CREATE_SHARE", "CREATE_RECIPIENT", "USE_PROVIDER", "USE_RECIPIENT")
        sandbox.grant(name, "metastore", metastore, control.name, *rights)
        admin.catalogs.create("causeway")
        admin.schemas.create("control", "causeway")
        admin.volumes.create("causeway", "control", "files", VolumeType.MANAGED)
        everything = ("USE_CATALOG", "USE_SCHEMA", "CREATE_SCHEMA", "CREATE_MODEL", "READ_VOLUME", "WRITE_VOLUME")
        for catalog in ("causeway", "main"):
            sandbox.grant(name, "catalog", catalog, control.name, *everything)
        auth = {"type": "oauth-m2m", "client_id": control.name, "client_secret": {"file": f"{folder}/{name}-secret"}}
        known = sandbox.workspaces[name]
        workspaces[name] = {"host": known["host"], "cloud": known["cloud"], "auth": auth}
    yield Platform(sandbox, controls, workspaces)
    sandbox.stop()


@pytest.fixture
def platform(prepared: Platform, configure: Configure) -> Iterator[Platform]:
    """The prepared sandbox as this process's configuration; a test that broke off leaves no fault behind."""
    configure(**prepared.workspaces)
    yield prepared
    prepared.sandbox.call("dev", "DELETE", "/__sandbox/faults")


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Makes names that no other test uses."""
    return make_unique


def read_all(list_page: Callable[..., Page[Item]], *arguments: str) -> Iterator[Item]:
    """Every item by pages of two, of which some may be empty."""
    token = None
    while True:
        page = list_page(*arguments, page_size=2, page_token=token)
        assert len(page.items) <= 2
        yield from page.items
        if (token := page.next_page_token) is None:
            return
