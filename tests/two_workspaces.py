"""A real sandbox and a real Causeway process that knows it, with the grants of the shipped script and no others."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.sandbox.running import Sandbox, unique
from tests.service_process import Service, wait_for_end

REPOSITORY = Path(__file__).parents[1]
ALICE, BOB, VIEWER = "person:alice@example.test", "person:bob@example.test", "person:viewer@example.test"
ADA = "person:ada@example.test"
ADMIN = "person:root@example.test"
# Nothing listens on the discard port.
NOWHERE = "http://127.0.0.1:9"
PARTNER = "aws:us-west-2:11111111-2222-3333-4444-555555555555"
# What dev's metastore shares with prod's as a partner would: beside Causeway.
ACME_SHARES = ["acme_forecasts", "acme_later", "acme_owned", "acme_watched"]
READERS = "account users"
LOST_PARTNER = "aws:eu-west-2:77777777-8888-9999-aaaa-000000000000"
FAR_PARTNER = "aws:eu-west-1:66666666-7777-8888-9999-000000000000"
# Beside the models of one of the audiences for those who go behind Causeway's back.
DECLARED_TABLE = "main.bikes.drift_declared"
DEADLINE_SECONDS = 120
LOOK_EVERY_SECONDS = 0.05
REQUIREMENTS = b"mlflow==3.17.2\nscikit-learn==1.9.0\n"
SIGNING_KEY = (
    ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)
# What audience guarded asks of a version.
GUARDED = {"tags": {"team": "bikes", "reviewed": None}, "licence": "required", "approvals": 1, "scan": True}
Problem = dict[str, Any]


class BriskService(Service):
    """A service that looks more often whether what it waits for has come."""

    target = "tests.brisk_program:main"


class TwoWorkspaces:
    """Alice's project bikes and Bob's trains, on dev (where models are made) and prod (where they serve).

    A third workspace, lab, stands on dev's metastore. The configuration names an island, too, which nobody can reach.
    Tests share it: models, and so all that is derived from them, have names of their own.
    """

    def __init__(self, folder: Path, *sandbox_arguments: str) -> None:
        self.sandbox = Sandbox(folder / "sandbox", "--beside-dev", "lab", *sandbox_arguments)
        try:
            self.grants = self._grant(folder / "causeway.env", "bikes", "trains")
            self._let_prod_own_copies()
            self._let_lab_consume()
            self.secrets = {name: self.grants[name] for name in ("DEV_CONTROL_SECRET", "PROD_CONTROL_SECRET")}
            self.secrets["SIGNING_KEY"] = SIGNING_KEY
            self.service = self.start_service(folder / "service")
        except BaseException:
            self.sandbox.stop()
            raise
        self.alice = self.service.client(ALICE)

    def start_service(self, folder: Path) -> Service:
        return BriskService(folder, self.make_configuration(), self.secrets)

    def stop(self) -> None:
        self.service.stop()
        self.sandbox.stop()

    def model(self, project: str = "bikes", *, last: str | None = None) -> str:
        """The name of a model that is not there yet."""
        return f"main.{project}.{last or unique('m')}"

    def version(
        self, model: str, *, signature: bool = True, ready: bool = True, files: dict[str, str] | None = None
    ) -> int:
        """A further version of the model, of `files` where they are given; the admin owns it."""
        return make_version(self.sandbox, model, signature=signature, ready=ready, files=files)

    def publish(self, model: str, version: int, *, client: httpx.Client | None = None, **fields: Any) -> httpx.Response:
        """Ask for a publication, for audience azure unless said otherwise."""
        body = {"project": "bikes", "workspace": "dev", "audience": "azure", "model": model, "version": version}
        return self.post("publications", {**body, **fields}, client=client)

    def accept(self, *, client: httpx.Client | None = None, **fields: Any) -> httpx.Response:
        """Ask for an acceptance, of audience azure in prod unless said otherwise."""
        body = {"project": "bikes", "workspace": "prod", "provider": {"workspace": "dev"}, "audience": "azure"}
        return self.post("acceptances", {**body, **fields}, client=client)

    def post(self, collection: str, body: dict[str, Any], *, client: httpx.Client | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": unique("key")}
        return (client or self.alice).post(f"/v1/{collection}", json=body, headers=headers)

    def delete(self, path: str, *, client: httpx.Client | None = None) -> httpx.Response:
        return (client or self.alice).delete(f"/v1/{path}", headers={"Idempotency-Key": unique("key")})

    def end(self, accepted: httpx.Response) -> dict[str, Any]:
        """The operation of a 202, once it has ended."""
        assert accepted.status_code == 202, accepted.text
        return wait_for_end(self.alice, accepted.json()["id"])

    def wait_for_step(self, accepted: httpx.Response, step: str) -> None:
        """Come back when the step of the operation has begun."""
        assert accepted.status_code == 202, accepted.text
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            operation = self.alice.get(f"/v1/operations/{accepted.json()['id']}").json()
            if step in [one["name"] for one in operation["steps"]]:
                return
            assert not operation["done"], operation
            assert time.monotonic() < deadline, operation
            time.sleep(LOOK_EVERY_SECONDS)

    def eventually(self, holds: Callable[[], bool]) -> None:
        """Come back when the condition holds."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(LOOK_EVERY_SECONDS)

    def record(self, accepted: httpx.Response) -> dict[str, Any]:
        """The record of a 202, once its operation has succeeded."""
        ended = self.end(accepted)
        assert ended["state"] == "SUCCEEDED", ended
        record: dict[str, Any] = self.alice.get(ended["resource"]["url"]).json()
        return record

    def effects(self, kind: str, **details: Any) -> list[dict[str, Any]]:
        """What really happened in the sandbox, of a kind, where name or details hold what is given."""
        found = self.sandbox.effects(kind)
        return [one for one in found if all(_told(one).get(name) == value for name, value in details.items())]

    def identifier(self, workspace: str) -> str:
        """The sharing identifier of the workspace's metastore."""
        return str(self.sandbox.workspaces[workspace]["global_metastore_id"])

    def fault(self, workspace: str = "dev", **rule: Any) -> None:
        """Have the sandbox spoil calls; only for a sandbox that no other test uses."""
        answer = self.sandbox.call(workspace, "POST", "/__sandbox/faults", json={"workspace": workspace, **rule})
        assert answer.status_code == 200, answer.text

    def _grant(self, env_file: Path, *projects: str) -> dict[str, str]:
        known = self.sandbox.workspaces
        hosts = {f"{name.upper()}_HOST": known[name]["host"] for name in ("dev", "prod")}
        tokens = {f"{name.upper()}_TOKEN": known[name]["token"] for name in ("dev", "prod")}
        for project in projects:
            environment = {**os.environ, **hosts, **tokens, "PROJECT": project, "ENV_FILE": str(env_file)}
            script = ["bash", str(REPOSITORY / "app/demo/grants.sh")]
            done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        return dict(line.split("=", 1) for line in env_file.read_text().splitlines())

    def _let_prod_own_copies(self) -> None:
        """What an acceptance with `copy` needs beside what the script grants."""
        self.sandbox.grant("prod", "schema", "main.bikes", self.grants["PROD_CONTROL_ID"], "CREATE_MODEL")

    def _let_lab_consume(self) -> None:
        """What the script grants in a consumer's metastore, here in dev's own; a metastore knows each identity once."""
        control, metastore = self.grants["DEV_CONTROL_ID"], self.sandbox.client("dev").metastores.summary().metastore_id
        self.sandbox.grant("dev", "metastore", metastore, control, "USE_PROVIDER", "CREATE_CATALOG")
        self.grants |= {name.replace("DEV_", "LAB_"): value for name, value in self.grants.items() if "DEV_" in name}

    def make_configuration(self) -> dict[str, Any]:
        bikes, trains = self._project("bikes", ALICE), self._project("trains", BOB)
        bikes["partners"] = {"prod": {"acme": {"sharing_identifier": self.identifier("dev"), "shares": ACME_SHARES}}}
        bikes["roles"] |= {"viewer": [VIEWER], "approver": [ADA, ALICE]}
        bikes["audiences"] |= {
            "both": _to({"workspace": "prod"}, {"sharing_identifier": PARTNER}),
            "second": _to({"workspace": "prod"}),
            "near": _to({"workspace": "lab"}),
            "far": _to({"workspace": "island"}),
            "kept": _to({"workspace": "prod"}),
            "measured": {**_to({"workspace": "prod"}), "policy": {"metrics": {"rmse": {"at_most": 100}}}},
            "perfect": {**_to({"workspace": "prod"}), "policy": {"metrics": {"rmse": {"at_most": 0.001}}}},
            # Whose recipient is deleted: with it goes what it may read of any share.
            "forsaken": _to({"sharing_identifier": LOST_PARTNER}),
            "guarded": {**_to({"workspace": "prod"}), "policy": GUARDED},
            # For those who go behind Causeway's back.
            **{
                f"drift_{name}": _to({"workspace": "prod"})
                for name in ("gone", "empty", "ended", "hidden", "lost", "whole", "kept")
            },
            "drift_wide": {**_to({"workspace": "prod"}), "tables": {"dev": [DECLARED_TABLE]}},
            "drift_far": _to({"workspace": "prod"}, {"sharing_identifier": FAR_PARTNER}),
            # For tests that leave an audience's share in disorder.
            **{f"spare_{number}": _to({"workspace": "prod"}) for number in range(27)},
        }
        lost = {"type": "pat", "token": {"env": "DEV_CONTROL_SECRET"}}
        return {
            "admins": [ADMIN],
            "signing_key": {"env": "SIGNING_KEY"},
            "workspaces": {
                "dev": self._workspace("dev", shareable_catalog="causeway_shareable"),
                "prod": self._workspace("prod"),
                "lab": self._workspace("lab"),
                "island": {"host": NOWHERE, "cloud": "aws", "volume": "causeway.control.files", "auth": lost},
            },
            "links": [{"from": "dev", "to": "prod"}, {"from": "dev", "to": "lab"}],
            "projects": {"bikes": bikes, "trains": trains},
        }

    def _workspace(self, name: str, **more: Any) -> dict[str, Any]:
        known, prefix = self.sandbox.workspaces[name], name.upper()
        # Lab's control is dev's: one secret serves both.
        secret = {"env": f"{prefix}_CONTROL_SECRET".replace("LAB_", "DEV_")}
        auth = {"type": "oauth-m2m", "client_id": self.grants[f"{prefix}_CONTROL_ID"], "client_secret": secret}
        place = {"host": known["host"], "cloud": known["cloud"], "volume": "causeway.control.files"}
        return {**place, "auth": auth, **more}

    def _project(self, name: str, *team: str) -> dict[str, Any]:
        return {
            "runners": {place: self.grants[f"{place.upper()}_RUNNER_{name}"] for place in ("dev", "prod", "lab")},
            "volumes": dict.fromkeys(("dev", "prod"), f"main.{name}.files"),
            "sources": {"dev": [f"main.{name}.*"], "prod": [f"shared_{name}*", f"main.{name}.*"]},
            "endpoints": {"prod": [f"{name}-*"]},
            "audiences": {"azure": _to({"workspace": "prod"})},
            "readers": {"prod": [READERS]},
            "roles": {role: list(team) for role in ("publisher", "deployer", "invoker")},
        }


def make_version(
    sandbox: Sandbox,
    model: str,
    *,
    signature: bool = True,
    ready: bool = True,
    files: dict[str, str] | None = None,
) -> int:
    """A further version of the model in dev, made over the calls that mlflow makes; the admin owns it."""
    base, admin = "/api/2.0/mlflow/unity-catalog", sandbox
    admin.call("dev", "POST", f"{base}/registered-models/create", json={"name": model})
    made = admin.call("dev", "POST", f"{base}/model-versions/create", json={"name": model, "source": "dbfs:/x"})
    number = made.json()["model_version"]["version"]
    content: Mapping[str, str | bytes] = files or {
        "MLmodel": make_mlmodel(signature=signature),
        "requirements.txt": REQUIREMENTS,
        "model.bin": os.urandom(2000),
    }
    for name, body in content.items():
        path = f"/api/2.0/fs/files/Models/{model.replace('.', '/')}/{number}/{name}"
        assert admin.call("dev", "PUT", path, data=body).status_code == 204
    if ready:
        known = {"name": model, "version": number}
        assert admin.call("dev", "POST", f"{base}/model-versions/finalize", json=known).status_code == 200
    return int(number)


def control(world: TwoWorkspaces, workspace: str = "dev") -> Any:
    """A client with the rights of whoever owns what Causeway makes in the workspace."""
    identity, secret = (world.grants[f"{workspace.upper()}_CONTROL_{part}"] for part in ("ID", "SECRET"))
    return world.sandbox.client(workspace, client_id=identity, client_secret=secret, auth_type="oauth-m2m")


def problem(answer: httpx.Response, status: int, code: str) -> Problem:
    """The problem that an answer is, of this status and code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: Problem = answer.json()
    assert body["code"] == code, body
    return body


def failed(operation: dict[str, Any], code: str) -> Problem:
    """The problem that ended an operation."""
    assert operation["state"] == "FAILED", operation
    assert operation["error"]["code"] == code, operation["error"]
    found: Problem = operation["error"]
    return found


def _to(*recipients: dict[str, str]) -> dict[str, Any]:
    return {"recipients": list(recipients)}


def _told(effect: dict[str, Any]) -> dict[str, Any]:
    return {**effect, **(effect.get("details") or {})}


def make_mlmodel(*, signature: bool) -> bytes:
    stated: dict[str, Any] = {
        "flavors": {"python_function": {"loader_module": "mlflow.sklearn", "python_version": "3.11.0"}},
        "mlflow_version": "3.17.2",
        "model_uuid": "0" * 32,
        "utc_time_created": "2026-01-01 00:00:00.000000",
    }
    if signature:
        inputs = '[{"type": "double", "name": "hr", "required": true}]'
        stated["signature"] = {"inputs": inputs, "outputs": '[{"type": "double", "required": true}]', "params": None}
    return yaml.safe_dump(stated).encode()
