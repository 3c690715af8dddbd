"""A real sandbox process, and the real clients to speak to it: what tests/sandbox/conftest.py hands out."""

import json
import os
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.service.catalog import PermissionsChange, Privilege
from databricks.sdk.service.iam import ComplexValue

from tests import warm_programs
from tests.forked_programs import Forked

START_DEADLINE_SECONDS = 90
# What MLflow's tables are copied from: made by the first sandbox of this process, as it takes a second.
TEMPLATE = "mlflow-template.sqlite"
_templates: list[Path] = []

Unique = Callable[[str], str]


@dataclass(frozen=True)
class Person:
    """A service principal of one workspace: its application id, a personal access token, and an OAuth secret."""

    workspace: str
    id: str
    application_id: str
    token: str
    client: Any

    @property
    def name(self) -> str:
        return self.application_id


class Sandbox:
    """A running sandbox. Objects in it are shared by all tests of a worker: use names of your own (`unique`)."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.arguments = arguments
        self.start()

    def start(self) -> None:
        (self.folder / "sandbox.json").unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        if _templates and _templates[0].exists() and not (self.folder / TEMPLATE).exists():
            shutil.copyfile(_templates[0], self.folder / TEMPLATE)
        self.process = Forked(
            "app.sandbox.__main__:main",
            *("--state", str(self.folder), *self.arguments),
            preload=("app.sandbox.__main__",),
            environment=dict(os.environ),
            output=self.folder / "output.txt",
        )
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        while not (self.folder / "sandbox.json").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the sandbox did not start: {(self.folder / 'output.txt').read_text()}")
            time.sleep(0.02)
        self.workspaces = json.loads((self.folder / "sandbox.json").read_text())["workspaces"]
        _templates.append(self.folder / TEMPLATE)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=20)

    def client(self, workspace: str, token: str | None = None, **config: Any) -> Any:
        """The SDK's own WorkspaceClient (Any: its answers' fields are all optional); the admin's without a token."""
        known = self.workspaces[workspace]
        if not config:
            config = {"token": token or known["token"], "auth_type": "pat"}
        return WorkspaceClient(config=Config(host=known["host"], retry_timeout_seconds=5, **config))

    def call(
        self, workspace: str, method: str, path: str, *, token: str | None = None, **options: Any
    ) -> requests.Response:
        """One raw request, as the admin when no token is given."""
        known = self.workspaces[workspace]
        headers = {"Authorization": f"Bearer {token or known['token']}", **options.pop("headers", {})}
        return requests.request(method, known["host"] + path, headers=headers, timeout=30, **options)

    def person(self, workspace: str) -> Person:
        """A new service principal, made by the admin over the platform's own API; it may do nothing there yet."""
        admin = self.client(workspace)
        entitled = [ComplexValue(value="workspace-access")]
        made = admin.service_principals.create(display_name=unique("sp"), entitlements=entitled)
        token = admin.token_management.create_obo_token(made.application_id, lifetime_seconds=3600).token_value
        return Person(workspace, made.id, made.application_id, token, self.client(workspace, token))

    def grant(self, workspace: str, kind: str, name: str, principal: str, *privileges: str) -> None:
        """The admin grants the privileges."""
        change = PermissionsChange(principal=principal, add=[Privilege(privilege) for privilege in privileges])
        self.client(workspace).grants.update(kind, name, changes=[change])

    def schema(self, workspace: str, owner: Person | None = None) -> str:
        """A new schema in a new catalog of the admin; the person may use, create and read everything in it."""
        admin = self.client(workspace)
        catalog = admin.catalogs.create(unique("c")).name
        admin.schemas.create("s", catalog)
        if owner:
            privileges = ("USE_CATALOG", "USE_SCHEMA", "CREATE_MODEL", "CREATE_VOLUME")
            self.grant(workspace, "CATALOG", catalog, owner.name, *privileges)
        return f"{catalog}.s"

    def version(self, workspace: str, full_name: str, token: str | None = None) -> int:
        """A ready version of the model (made when missing) with one small file, over the calls that mlflow makes."""
        base = "/api/2.0/mlflow/unity-catalog"
        self.call(workspace, "POST", f"{base}/registered-models/create", token=token, json={"name": full_name})
        source = {"name": full_name, "source": "dbfs:/somewhere"}
        made = self.call(workspace, "POST", f"{base}/model-versions/create", token=token, json=source).json()
        known = {"name": full_name, "version": made["model_version"]["version"]}
        file = f"/api/2.0/fs/files/Models/{full_name.replace('.', '/')}/{known['version']}/MLmodel"
        assert self.call(workspace, "PUT", file, token=token, data=b"flavors: {}").status_code == 204
        ready = self.call(workspace, "POST", f"{base}/model-versions/finalize", token=token, json=known).json()
        assert ready["model_version"]["status"] == "READY"
        return int(known["version"])

    @contextmanager
    def switched(self, **settings: Any) -> Iterator[None]:
        """With these settings for a while; only where no other test runs in this sandbox meanwhile."""
        known = self.call("dev", "GET", "/__sandbox/settings").json()
        answer = self.call("dev", "PATCH", "/__sandbox/settings", json=settings)
        assert answer.status_code == 200, answer.text
        try:
            yield
        finally:
            assert self.call("dev", "PATCH", "/__sandbox/settings", json=known).status_code == 200

    def effects(self, kind: str | None = None, offset: int = 0) -> list[dict[str, Any]]:
        """The journal, of a kind if one is given, without the first `offset`."""
        query = {"offset": offset, **({"kind": kind} if kind else {})}
        answer = self.call("dev", "GET", "/__sandbox/journal", params=query)
        return list(answer.json()["effects"])

    def run_script(self, script: Path, workspace: str, *arguments: str, token: str | None = None) -> str:
        """Run a plain script with host, token and MLflow's two URIs in its environment; returns what it printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABRICKS_", "MLFLOW_"))}
        environment = {
            **kept,
            "DATABRICKS_HOST": self.workspaces[workspace]["host"],
            "DATABRICKS_TOKEN": token or self.workspaces[workspace]["token"],
            "MLFLOW_TRACKING_URI": "databricks",
            "MLFLOW_REGISTRY_URI": "databricks-uc",
        }
        done = warm_programs.run("tests.warm_programs:script", str(script), *arguments, environment=environment)
        assert done.code == 0, done.output
        return done.output


def unique(prefix: str) -> str:
    """A name that no other test uses."""
    return f"{prefix}_{uuid.uuid4().hex[:10]}"
