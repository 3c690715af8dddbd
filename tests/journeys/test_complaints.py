"""Complaints of users elsewhere, each played as it came about there."""

from importlib.metadata import version as installed

import pytest

from tests.sandbox.running import unique
from tests.two_workspaces import REQUIREMENTS, TwoWorkspaces, make_mlmodel

pytestmark = pytest.mark.xdist_group("sharing")


def test_complaint_8_copying_fails_in_a_new_way_each_release(world: TwoWorkspaces) -> None:
    """Elsewhere: "Node ID … does not exist", "'model_id' must be a non-empty string", since mlflow looks run and logged
    model up in a tracking server that does not know them. Here neither is asked, every file is compared, and the mlflow
    that copied is the pinned one, named by the publication and in the trail.
    """
    model, base = world.model(last=unique("orphan")), "/api/2.0/mlflow/unity-catalog"
    world.sandbox.call("dev", "POST", f"{base}/registered-models/create", json={"name": model})
    origin = {"source": f"models:/m-{'0' * 32}", "run_id": "f" * 32, "model_id": f"m-{'0' * 32}"}
    made = world.sandbox.call("dev", "POST", f"{base}/model-versions/create", json={"name": model, **origin})
    assert made.status_code == 200, made.text
    for name, body in {"MLmodel": make_mlmodel(signature=True), "requirements.txt": REQUIREMENTS}.items():
        path = f"/api/2.0/fs/files/Models/{model.replace('.', '/')}/1/{name}"
        assert world.sandbox.call("dev", "PUT", path, data=body).status_code == 204
    world.sandbox.call("dev", "POST", f"{base}/model-versions/finalize", json={"name": model, "version": "1"})

    record = world.record(world.publish(model, 1))

    assert [file["path"] for file in record["files"]] == ["MLmodel", "requirements.txt"]
    assert record["mlflow"] == installed("mlflow")
    events = world.alice.get("/v1/audit-events", params={"operation_id": record["operation_id"]}).json()["items"]
    [succeeded] = [event["details"] for event in events if event["action"] == "publish succeeded"]
    assert succeeded == {"digest": record["digest"], "mlflow": record["mlflow"]}
