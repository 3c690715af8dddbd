"""What goes out with a version, as a plan tells it, a copy carries it and an external audience refuses it."""

from copy import deepcopy
from typing import Any

import pytest

from tests.two_workspaces import TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("sharing")
REGISTRY = "/api/2.0/mlflow/unity-catalog/model-versions"


def tag(world: TwoWorkspaces, model: str, version: int, **tags: str) -> None:
    """Tags as the model's owner sets them."""
    for key, value in tags.items():
        body = {"name": model, "version": str(version), "key": key, "value": value}
        world.sandbox.call("dev", "POST", f"{REGISTRY}/set-tag", json=body).raise_for_status()


def get_tags(world: TwoWorkspaces, model: str, version: int) -> dict[str, str]:
    query = {"name": model, "version": str(version)}
    found = world.sandbox.call("dev", "GET", f"{REGISTRY}/get", params=query).json()["model_version"]
    return {one["key"]: one["value"] for one in found["tags"] if not one["key"].startswith("causeway_")}


def make_version(world: TwoWorkspaces, model: str, requirements: str) -> int:
    """A version with an input example and these requirements."""
    version = world.version(model, ready=False)
    folder = f"/api/2.0/fs/files/Models/{model.replace('.', '/')}/{version}"
    files = {"input_example.json": '{"columns": ["hr"], "data": [[3.0]]}', "requirements.txt": requirements}
    for name, content in files.items():
        written = world.sandbox.call("dev", "PUT", f"{folder}/{name}?overwrite=true", data=content.encode())
        assert written.status_code == 204, written.text
    known = {"name": model, "version": str(version)}
    world.sandbox.call("dev", "POST", f"{REGISTRY}/finalize", json=known).raise_for_status()
    return version


def plan(world: TwoWorkspaces, model: str, version: int, audience: str) -> Any:
    body = {"project": "bikes", "workspace": "dev", "audience": audience, "model": model, "version": version}
    return world.alice.post("/v1/publications:plan", json=body)


def test_the_plan_lists_what_travels_and_the_copy_carries_it(world: TwoWorkspaces) -> None:
    model = world.model()
    version = make_version(world, model, "pandas\n")
    tag(world, model, version, team="rides", mail="ada@example.test")

    travels = plan(world, model, version, "azure").json()["travels"]
    record = world.record(world.publish(model, version))

    assert {file["path"]: file["size"] for file in travels["files"]} == {
        file["path"]: file["size"] for file in record["files"]
    }
    assert travels["input_example"] == {"paths": ["input_example.json"], "columns": ["hr"], "synthetic": False}
    assert travels["tags"] == {"team": "rides", "mail": "ada@example.test"}
    assert (travels["requirements"], travels["dependencies"]) == (["pandas"], [])
    copy = record["published"]
    assert get_tags(world, copy["model"], copy["version"]) == travels["tags"]
    live = world.alice.get(f"/v1/workspaces/dev/models/{copy['model']}/versions/{copy['version']}").json()
    assert live["comment"] == travels["comment"]

    tag(world, model, version, team="other")
    again = world.record(world.publish(model, version))
    assert again["published"] == copy
    assert get_tags(world, copy["model"], copy["version"])["team"] == "other"


def test_an_external_audience_gets_no_real_rows_no_unlisted_tags_and_nothing_unpinned(world: TwoWorkspaces) -> None:
    declared = deepcopy(world.make_configuration())
    outside = {"recipients": [{"workspace": "prod"}], "external": True, "tags": ["team"]}
    declared["projects"]["bikes"]["audiences"]["outside"] = outside
    world.service.configure(declared)
    try:
        model = world.model()
        version = make_version(world, model, "pandas\nmlflow==3.17.2\n")
        tag(world, model, version, team="rides", mail="ada@example.test")
        refused = problem(world.publish(model, version, audience="outside"), 409, "not-for-external")
        vetted = make_version(world, model, "mlflow==3.17.2\n")
        tag(world, model, vetted, team="rides", causeway_input_example="synthetic")
        allowed = plan(world, model, vetted, "outside")
        whole = world.publish(model, vetted, audience="outside", mode="whole-model")
    finally:
        world.service.configure(world.make_configuration())

    reasons = [(one["kind"], one["name"]) for one in refused["reasons"]]
    assert reasons == [("input-example", "input_example.json"), ("tag", "mail"), ("requirement", "pandas")]
    assert problem(whole, 409, "whole-model-refused")["reason"] == "is external"
    assert plan(world, model, version, "azure").status_code == 200
    assert allowed.status_code == 200, allowed.text
    assert allowed.json()["travels"]["tags"] == {"team": "rides"}
