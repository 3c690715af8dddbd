"""A real Causeway process to test against, on a free port, with a database and a configuration of its own."""

import os
import signal
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import httpx
import yaml

from app import configuration
from app.domain import api_keys
from app.store import connection
from tests.forked_programs import Forked
from tests.postgres import sqlalchemy_url
from tests.warm_programs import Ended, run

START_DEADLINE_SECONDS = 60
PRELOADED = ("tests.warm_service",)
# Nothing here speaks TLS, and to read the certificates of the world takes each new client longer than many a call.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Service:
    """A running service. `start` after `kill` is the restart after a crash: same database, same port."""

    target = "app.cli:app"

    def __init__(self, folder: Path, configured: dict[str, Any], environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.configuration_path = folder / "causeway.yaml"
        self.configure(configured)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DATABRICKS_", "CAUSEWAY_"))},
            # Tests count, and spoil, what their own calls ask of the sandbox.
            "CAUSEWAY_INVENTORY_SECONDS": "0",
            "CAUSEWAY_WATCH_SECONDS": "0",
            **(environment or {}),
            "CAUSEWAY_CONFIG": str(self.configuration_path),
            "CAUSEWAY_DATA": str(folder / "data"),
            # What comes by itself would be in the way of tests that count.
            "CAUSEWAY_RECONCILE_SECONDS": (environment or {}).get("CAUSEWAY_RECONCILE_SECONDS", "0"),
        }
        self.keys: dict[tuple[str, ...], str] = {}
        self.start()

    def configure(self, configured: dict[str, Any]) -> None:
        """Replace the file as a whole: nobody reads a half of it."""
        draft = self.configuration_path.with_suffix(".new")
        draft.write_text(yaml.safe_dump(configured))
        draft.replace(self.configuration_path)

    def start(self) -> None:
        """Start, and wait until it is ready."""
        self.launch()
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the service did not start:\n{self.output()}")
            time.sleep(0.02)

    def launch(self) -> None:
        """Start, and wait for nothing."""
        self.process = self.fork("serve", "--port", str(self.port))

    def fork(self, *arguments: str) -> Forked:
        """Start `causeway …` as a process of this service: same environment, same output."""
        output = self.folder / "output.txt"
        return Forked(self.target, *arguments, preload=PRELOADED, environment=self.environment, output=output)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(timeout=20)

    def output(self) -> str:
        """Everything that it logged."""
        return (self.folder / "output.txt").read_text()

    def command(self, *arguments: str) -> Ended:
        """Run `causeway …` on the same database and configuration, to its end."""
        return run("app.cli:app", *arguments, preload=PRELOADED, environment=self.environment)

    def key(self, principal: str, *projects: str, days: int = 1) -> str:
        """An API key of the principal, limited to `projects` if any; made once, on the database itself."""
        wanted = (principal, *projects, str(days))
        if wanted not in self.keys:
            configuration.use(self.configuration_path)
            connection.connect(self.database_url)
            try:
                made = api_keys.create(principal, list(projects) or None, days=days, created_by="operator:tests")
            finally:
                connection.disconnect()
            self.keys[wanted] = made.token
        return self.keys[wanted]

    @property
    def database_url(self) -> str:
        shared = self.environment.get("CAUSEWAY_DATABASE_URL")
        return sqlalchemy_url(shared) if shared else f"sqlite:///{self.folder / 'data' / 'causeway.sqlite'}"

    def client(self, principal: str | None, *projects: str) -> httpx.Client:
        """A client that calls as the principal; None calls without a key."""
        headers = {"Authorization": f"Bearer {self.key(principal, *projects)}"} if principal else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=PLAIN)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5, verify=PLAIN).status_code == 200
        except httpx.TransportError:
            return False


def wait_for_end(client: httpx.Client, operation_id: str, within_seconds: float = 180) -> dict[str, Any]:
    """Follow an operation by long polls until it has ended."""
    deadline = time.monotonic() + within_seconds
    while True:
        body: dict[str, Any] = client.get(f"/v1/operations/{operation_id}", params={"wait_seconds": 20}).json()
        if body["done"]:
            return body
        assert time.monotonic() < deadline, f"the operation has not ended: {body}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
