"""What is shared beside vetted copies: what a version needs, tables of an audience, a model whole."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from app.domain import audience_shares, publication_requests
from app.domain.access import Caller
from tests.journeys.test_audiences import readers
from tests.sandbox.running import unique
from tests.sandbox.sharing import make_function, make_table
from tests.two_workspaces import ALICE, TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("sharing")
REGISTRY = "/api/2.0/mlflow/unity-catalog"
CHANGE = {"project": "bikes", "workspace": "dev", "audience": "features"}


@pytest.fixture
def declared(world: TwoWorkspaces) -> Iterator[dict[str, Any]]:
    """The configuration with an audience `features`, to be changed by `declare`; afterwards it is as before."""
    configured = deepcopy(world.make_configuration())
    configured["projects"]["bikes"]["audiences"]["features"] = {"recipients": [{"workspace": "prod"}]}
    world.service.configure(configured)
    yield configured
    world.service.configure(world.make_configuration())


def declare(world: TwoWorkspaces, declared: dict[str, Any], *tables: str) -> None:
    """The tables of the audience from now on."""
    declared["projects"]["bikes"]["audiences"]["features"]["tables"] = {"dev": list(tables)}
    world.service.configure(declared)


def make_needed(world: TwoWorkspaces, project: str = "bikes") -> tuple[str, str]:
    """A table and a function that control may share."""
    admin, control = world.sandbox.client("dev"), world.grants["DEV_CONTROL_ID"]
    table, function = f"main.{project}.{unique('t')}", f"main.{project}.{unique('f')}"
    make_table(admin, table)
    make_function(admin, function)
    world.sandbox.grant("dev", "TABLE", table, control, "SELECT")
    world.sandbox.grant("dev", "FUNCTION", function, control, "EXECUTE")
    return table, function


def make_dependent(world: TwoWorkspaces, model: str, table: str, function: str) -> int:
    """A version that needs the two, with the files of any other."""
    world.version(model)
    needs = [{"type": "DATABRICKS_TABLE", "name": table}, {"type": "DATABRICKS_UC_FUNCTION", "name": function}]
    source = {"name": model, "source": "dbfs:/x", "model_version_dependencies": needs}
    made = world.sandbox.call("dev", "POST", f"{REGISTRY}/model-versions/create", json=source).json()
    number, folder = made["model_version"]["version"], f"/api/2.0/fs/files/Models/{model.replace('.', '/')}"
    for name in ("MLmodel", "requirements.txt", "model.bin"):
        content = world.sandbox.call("dev", "GET", f"{folder}/1/{name}").content
        assert world.sandbox.call("dev", "PUT", f"{folder}/{number}/{name}", data=content).status_code == 204
    known = {"name": model, "version": number}
    world.sandbox.call("dev", "POST", f"{REGISTRY}/model-versions/finalize", json=known).raise_for_status()
    return int(number)


def held(world: TwoWorkspaces, audience: str) -> dict[str, str]:
    """What the live share holds: kind by name."""
    share = world.alice.get(f"/v1/workspaces/dev/shares/causeway_bikes_{audience}").json()
    return {entry["name"]: entry["kind"] for entry in share["objects"]}


def test_what_a_version_needs_is_shared_with_it_or_it_is_not_shared(as_the_service: TwoWorkspaces) -> None:
    world = as_the_service
    model, (table, function) = world.model(), make_needed(world)
    version = make_dependent(world, model, table, function)
    strange, others = world.model(), make_needed(world, "trains")
    make_dependent(world, strange, *others)
    world.version(world.model())

    missing = problem(world.publish(model, version, audience="spare_20"), 409, "dependencies-not-shared")
    whose = world.publish(strange, 2, audience="spare_20", include_dependencies=True)
    record = world.record(world.publish(model, version, audience="spare_20", include_dependencies=True))
    beside = held(world, "spare_20")

    assert missing["missing"] == [table, function]
    assert problem(whose, 403, "not-in-project")["name"] == others[0]
    assert beside == {table: "TABLE", function: "FUNCTION", record["published"]["model"]: "MODEL"}
    # It is there by now, and no reason to refuse what is published next.
    again = world.record(world.publish(model, version, audience="spare_20"))
    assert again["published"] == record["published"]
    world.record(world.delete(f"publications/{record['id']}"))
    assert held(world, "spare_20") == {}
    # One that was asked for while all of it was there, and whose turn comes only now.
    asked = publication_requests.make(
        Caller(ALICE), "bikes", "dev", model, version, "spare_20", include_dependencies=True
    )
    needs = [{"kind": "table", "name": table}, {"kind": "function", "name": function}]
    audience_shares.ensure_model(replace(asked, needs=needs))
    assert held(world, "spare_20") == beside


def test_tables_beside_models_come_and_go_by_an_audience_change(world: TwoWorkspaces, declared: dict[str, Any]) -> None:
    model, (table, _) = world.model(), make_needed(world)
    record = world.record(world.publish(model, world.version(model), audience="features"))
    declare(world, declared, table)

    plan = world.alice.post("/v1/audience-changes:plan", json=CHANGE).json()
    added = world.record(world.post("audience-changes", {**CHANGE, "plan_digest": plan["digest"]}))

    assert [(one["recipient"], one["gains"]) for one in plan["gains"]] == [("causeway_prod", [table])]
    assert added["tables_added"] == [table]
    assert held(world, "features")[table] == "TABLE"
    assert world.record(world.publish(model, 1, audience="features"))["published"] == record["published"]

    declare(world, declared)
    found = problem(world.publish(model, 1, audience="features"), 409, "audience-mismatch")
    removed = world.record(world.post("audience-changes", CHANGE))

    assert (found["unexpected_objects"], removed["tables_removed"]) == ([table], [table])
    assert held(world, "features") == {record["published"]["model"]: "MODEL"}
    assert readers(world, "features") == ["causeway_prod"]


def test_a_model_that_is_shared_whole_is_the_model_itself_and_outlives_its_withdrawal(world: TwoWorkspaces) -> None:
    model = world.model()
    version = world.version(model)
    asked = {"project": "bikes", "workspace": "dev", "audience": "spare_21", "model": model, "version": version}
    plan = world.alice.post("/v1/publications:plan", json={**asked, "mode": "whole-model"}).json()
    assert any("every version of it is seen" in change["detail"] for change in plan["changes"])

    # Names are case-insensitive.
    typed = f"main.bikes.{model.rpartition('.')[2].upper()}"
    record = world.record(world.publish(typed, version, audience="spare_21", mode="whole-model"))

    assert (record["mode"], record["published"]) == ("whole-model", {"model": model, "version": version})
    # Nothing was copied, and what is promised is known to the byte all the same.
    assert record["digest"].startswith("sha256:")
    assert {one["path"] for one in record["files"]} == {"MLmodel", "model.bin", "requirements.txt"}
    assert record["signed"] is True
    assert held(world, "spare_21") == {model: "MODEL"}
    problem(world.publish(model, version, audience="spare_21"), 409, "published-name-taken")
    other = world.model()
    world.record(world.publish(other, world.version(other), audience="spare_21"))
    second = world.record(world.publish(model, world.version(model), audience="spare_21", mode="whole-model"))
    impact = world.alice.get(f"/v1/publications/{record['id']}/impact").json()
    assert impact["publications"] == [second["id"]]

    world.record(world.delete(f"publications/{record['id']}"))

    assert model not in held(world, "spare_21")
    assert world.alice.get(f"/v1/publications/{second['id']}").json()["state"] == "WITHDRAWN"
    for number in (version, 2):
        assert world.alice.get(f"/v1/workspaces/dev/models/{model}/versions/{number}").json()["state"] == "READY"
