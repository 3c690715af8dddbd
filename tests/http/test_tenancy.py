"""A second project sees and may do nothing of the first's: every route, and every name in every body."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.store import connection, inventory, transitions
from app.store.acceptances import Acceptance
from app.store.audience_changes import AudienceChange
from app.store.audit_events import AuditEvent
from app.store.deployments import Deployment
from app.store.drifts import Drift
from app.store.inventory import InventoryVersion
from app.store.operations import Operation
from app.store.publications import Publication
from app.store.reconciliations import Reconciliation
from app.store.records import Record
from app.store.scoring_runs import ScoringRun
from app.store.training_runs import TrainingRun
from tests.http.conftest import ALICE, BOB
from tests.service_process import Service

SHARED: dict[str, Any] = {"project": "bikes", "created_by": ALICE, "workspace": "dev"}
MODEL = {"model": "main.bikes.demand", "version": 1}
SHARE = {"audience": "azure", "share": "causeway_bikes_azure"}
AT = datetime(2026, 11, 26, tzinfo=UTC)
TOLD = dict.fromkeys(("object_kind", "object_name", "wanted", "found", "advice", "reconciliation_id"), "x")
DRIFT = {**TOLD, "drift_kind": "share-gone", "severity": "HIGH", "state": "OPEN", "known_since": AT, "seen_at": AT}
RECORDS: list[tuple[str, type[Record], dict[str, Any]]] = [
    ("train", TrainingRun, {"id": "trn_bikes", **MODEL}),
    ("publish", Publication, {"id": "pub_bikes", **MODEL, **SHARE, "published_model": "c.s.demand"}),
    (
        "accept",
        Acceptance,
        {"id": "acc_bikes", **SHARE, "provider_workspace": "dev", "catalog": "causeway_bikes_azure"},
    ),
    ("change-audience", AudienceChange, {"id": "auc_bikes", **SHARE}),
    ("score", ScoringRun, {"id": "scr_bikes", **MODEL, "input_path": "/x", "output_path": "/y"}),
    ("deploy", Deployment, {"id": "dep_bikes", **MODEL, "endpoint": "bikes-demand", "served_entity": "demand-v1"}),
    ("reconcile", Reconciliation, {"id": "rec_bikes"}),
    ("remedy", Drift, {"id": "drf_bikes", **DRIFT}),
]
PATH = {
    "workspace": "prod",
    "model": "main.bikes.demand",
    "version": "1",
    "share": "causeway_bikes_azure",
    "provider": "aws-partner",
    "endpoint": "bikes-demand",
    "served_model": "demand-v1",
    "training_run_id": "trn_bikes",
    "publication_id": "pub_bikes",
    "acceptance_id": "acc_bikes",
    "scoring_run_id": "scr_bikes",
    "deployment_id": "dep_bikes",
    "audience_change_id": "auc_bikes",
    "adoption_id": "ado_bikes",
    "reconciliation_id": "rec_bikes",
    "drift_id": "drf_bikes",
    "operation_id": "op_train",
}
QUERY = {
    "/v1/workspaces/{workspace}/models": {"schema": "main.bikes"},
    **{
        f"/v1/lineage{form}": {"workspace": "prod", "endpoint": "bikes-demand"} for form in ("", "/mermaid", "/picture")
    },
}
# A workspace is of both projects; what its lists show of each is tested against a sandbox.
LISTS = ("shares", "recipients", "providers", "providers/{provider}/shares", "catalogs", "serving-endpoints")
OF_BOTH_PROJECTS = {"/v1/workspaces/{workspace}", *(f"/v1/workspaces/{{workspace}}/{name}" for name in LISTS)}
OWN: dict[str, dict[str, Any]] = {
    "/v1/training-runs": {
        "workspace": "dev",
        "data": "/Volumes/main/trains/files/x.csv",
        "target": "y",
        "model": "main.trains.delay",
        "max_trials": 2,
    },
    "/v1/publications": {"workspace": "dev", "model": "main.trains.delay", "version": 1, "audience": "azure"},
    "/v1/approvals": {
        "action": "publish",
        "workspace": "dev",
        "model": "main.trains.delay",
        "version": 1,
        "audience": "azure",
        "subject_digest": f"sha256:{'0' * 64}",
    },
    "/v1/audience-changes": {"workspace": "dev", "audience": "azure"},
    "/v1/adoptions": {"workspace": "dev", "kind": "share", "name": "causeway_trains_azure", "reason": "ours"},
    "/v1/acceptances": {"workspace": "prod", "provider": {"workspace": "dev"}, "audience": "azure"},
    "/v1/scoring-runs": {"workspace": "dev", "model": "main.trains.delay", "version": 1, "rows": [{"x": 1}]},
    "/v1/deployments": {
        "workspace": "prod",
        "endpoint": "trains-delay",
        "model": "causeway_trains_azure.trains.delay",
        "version": 1,
    },
    "/v1/reconciliations": {},
}
# What the body must say beside the path: another project's name, where the path is of both, or what to do with it.
NAMED = {
    "/v1/workspaces/{workspace}:check": {"project": "bikes"},
    "/v1/drifts/{drift_id}/remedies": {"remedy": "put-back"},
}
# Not for a project, and no work: who gets what of the trail is tested in test_audit_trail.py.
OF_THE_TRAIL = {"/v1/audit-events:verify", "/v1/audit-events:export"}
STRANGE: dict[str, dict[str, Any]] = {
    "/v1/training-runs": {"data": "/Volumes/main/bikes/files/x.csv", "model": "main.bikes.demand"},
    "/v1/publications": {"model": "main.bikes.demand"},
    "/v1/approvals": {"model": "main.bikes.demand"},
    # It names nothing but the audience: the share's name follows from it.
    "/v1/audience-changes": {},
    # Bob, who is no admin, is refused whatever he names.
    "/v1/adoptions": {},
    "/v1/acceptances": {"catalog": "causeway_bikes_azure"},
    "/v1/scoring-runs": {"model": "main.bikes.demand"},
    "/v1/deployments": {"endpoint": "bikes-demand", "model": "causeway_bikes_azure.bikes.demand"},
    "/v1/reconciliations": {},
}


@pytest.fixture(scope="module")
def bob(service: Service) -> httpx.Client:
    """The second project's caller, beside records of every kind of the first's."""
    connection.connect(f"sqlite:///{service.folder / 'data' / 'causeway.sqlite'}")
    try:
        for kind, table, columns in RECORDS:
            # A reconciliation is not of one workspace.
            shared = {name: value for name, value in SHARED.items() if name in table.model_fields}
            record = table(operation_id=f"op_{kind}", **shared, **columns)
            operation = Operation(
                id=f"op_{kind}",
                kind=kind,
                project="bikes",
                state="SUCCEEDED",
                principal=ALICE,
                request_digest="x",
                resource_kind=table.kind,
                resource_id=record.id,
            )
            event = AuditEvent(id=f"evt_{kind}", principal=ALICE, action=f"{kind} requested", project="bikes")
            transitions.insert(operation, record, event)
        inventory.claim({"dev"}, 300)
        version = InventoryVersion(project="bikes", workspace="dev", model="main.bikes.demand", version=1)
        inventory.replace("dev", [version], datetime.now(UTC))
    finally:
        connection.disconnect()
    return service.client(BOB)


def calls(method: str) -> list[str]:
    return [path for path, operations_ in create_app().openapi()["paths"].items() if method in operations_]


def starts() -> list[str]:
    """What begins work that names its project."""
    return [path for path in calls("post") if "{" not in path and path not in OF_THE_TRAIL]


def refused(answer: httpx.Response) -> bool:
    code = answer.json().get("code", "")
    return answer.status_code in {403, 404} and code in {
        "not-in-project",
        "project-not-found",
        "record-not-found",
        "workspace-not-found",
    }


@pytest.mark.parametrize(
    "path", [path for path in calls("get") if ("{" in path or path in QUERY) and path not in OF_BOTH_PROJECTS]
)
def test_what_belongs_to_another_project_cannot_be_read(bob: httpx.Client, path: str) -> None:
    answer = bob.get(path.format(**PATH), params=QUERY.get(path))

    assert refused(answer), answer.text


@pytest.mark.parametrize("path", [path for path in calls("get") if "{" not in path and path not in QUERY])
def test_no_list_shows_another_project(bob: httpx.Client, path: str) -> None:
    answer = bob.get(path, params={"page_size": 200} if "-" in path or path == "/v1/operations" else None)

    assert answer.status_code == 200, answer.text
    for item in answer.json().get("items", []):
        assert item.get("project", "trains") in {"trains", None}
        assert item.get("name") != "bikes"


@pytest.mark.parametrize("path", [path for path in calls("delete") if "{" in path])
def test_what_belongs_to_another_project_cannot_be_removed(bob: httpx.Client, path: str) -> None:
    answer = bob.delete(path.format(**PATH), headers={"Idempotency-Key": path})

    assert refused(answer), answer.text


@pytest.mark.parametrize("path", [path for path in calls("post") if "{" in path])
def test_nothing_of_another_project_can_be_asked_or_stopped(bob: httpx.Client, path: str) -> None:
    body = NAMED.get(path.removesuffix(":plan"), {})

    answer = bob.post(path.format(**PATH), json=body, headers={"Idempotency-Key": path})

    assert refused(answer), answer.text


@pytest.mark.parametrize("path", starts())
def test_no_work_can_be_started_in_another_project(bob: httpx.Client, path: str) -> None:
    body = {**OWN[path.removesuffix(":plan")], "project": "bikes"}

    answer = bob.post(path, json=body, headers={"Idempotency-Key": f"bikes {path}".replace(" ", "-")})

    assert answer.json()["code"] == "project-not-found", answer.text


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [(path, name, value) for path in starts() for name, value in STRANGE[path.removesuffix(":plan")].items()],
)
def test_no_name_of_another_project_gets_into_own_work(bob: httpx.Client, path: str, name: str, value: str) -> None:
    body = {**OWN[path.removesuffix(":plan")], "project": "trains", name: value}

    answer = bob.post(path, json=body, headers={"Idempotency-Key": f"{path}-{name}"})

    assert answer.json()["code"] == "not-in-project", answer.text
    assert name == "data" or value in answer.json()["name"]


def test_no_file_of_another_project_is_scored(bob: httpx.Client) -> None:
    body = {**OWN["/v1/scoring-runs"], "project": "trains", "data": "/Volumes/main/bikes/files/x.csv"}
    body.pop("rows")

    answer = bob.post("/v1/scoring-runs", json=body, headers={"Idempotency-Key": "a-file"})

    assert answer.json()["code"] == "not-in-project", answer.text


def test_the_answer_is_the_same_whether_the_name_exists_or_not(bob: httpx.Client) -> None:
    answers = []
    for model in ("main.bikes.demand", "main.nobody.nothing"):
        body = {**OWN["/v1/publications"], "project": "trains", "model": model}
        answer = bob.post("/v1/publications:plan", json=body).json()
        answers.append(json.loads(json.dumps(answer).replace(model, "MODEL").replace(answer["request_id"], "ID")))
    assert answers[0] == answers[1]


def test_nothing_was_stored_by_all_that(service: Service, bob: httpx.Client) -> None:
    assert bob.get("/v1/operations").json()["items"] == []
    kinds = {item["kind"] for item in service.client(ALICE).get("/v1/operations").json()["items"]}
    assert kinds == {kind for kind, _, _ in RECORDS}
