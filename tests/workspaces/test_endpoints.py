"""Serving endpoints: created once, updated once at a time, read back, and their failures explained."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.errors import (
    EndpointNotFound,
    ModelVersionNotFound,
    PredictionRejected,
    WorkspaceConflict,
    WorkspaceRefused,
    WorkspaceThrottled,
    WorkspaceUnavailable,
    WrittenNotVisible,
)
from app.workspaces import build_logs, catalogs, endpoints, invocations, limits
from app.workspaces.endpoints import Endpoint, ServedEntity
from tests.workspaces.conftest import Answer, Asked, Configure, Platform, Stub

BASE = "/api/2.0/serving-endpoints"
# A model as mlflow lays it out, whose loader answers twice what it is given.
MLMODEL = """\
flavors:
  python_function: {loader_module: doubling, code: code, env: {virtualenv: python_env.yaml}, python_version: 3.11.7}
mlflow_version: 3.17.2
signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
"""
DOUBLING = """\
class Doubling:
    def predict(self, model_input, params=None):
        return model_input["x"].to_numpy() * 2.0

def _load_pyfunc(path):
    return Doubling()
"""
FILES = {"MLmodel": MLMODEL, "code/doubling.py": DOUBLING, "requirements.txt": "mlflow==3.17.2\n"}


@dataclass
class Served:
    """A model of prod in two versions, and the name of an endpoint that does not exist yet."""

    model: str
    endpoint: str

    def entity(self, version: int, traffic: int) -> ServedEntity:
        return ServedEntity(f"demand-{version}", self.model, str(version), traffic)


@pytest.fixture
def served(platform: Platform, unique: Callable[[str], str]) -> Iterator[Served]:
    schema, name = unique("schema"), unique("bikes")
    catalogs.ensure_schema("prod", "main", schema, comment="made by a test")
    model = f"main.{schema}.demand"
    for _ in range(2):
        platform.register("prod", model, FILES)
    yield Served(model, name)
    endpoints.remove_endpoint("prod", name)


def until_settled(endpoint: str, seconds: float = 120) -> Endpoint:
    deadline = time.monotonic() + seconds
    while (found := endpoints.get_endpoint("prod", endpoint)).update == "IN_PROGRESS":
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_an_endpoint_is_created_updated_tagged_and_removed_each_once(platform: Platform, served: Served) -> None:
    first, name = [served.entity(1, 100)], served.endpoint
    for _ in range(2):
        made = endpoints.ensure_endpoint("prod", name, first, tags={"causeway": "bikes"})
    assert made.tags == {"causeway": "bikes"}
    ready = until_settled(name)
    assert (ready.ready, ready.update) == (True, "NOT_UPDATING")
    assert [(state.entity, state.state) for state in ready.active] == [(first[0], "DEPLOYMENT_READY")]

    both = [served.entity(1, 100), served.entity(2, 0)]
    for _ in range(2):
        endpoints.ensure_config("prod", name, both)
    until_settled(name)
    assert endpoints.ensure_config("prod", name, list(reversed(both))).update == "NOT_UPDATING"
    assert platform.count("prod", "POST", BASE) >= 1
    assert platform.count("prod", "PUT", f"{BASE}/{name}/config") == 1

    payload = {"dataframe_split": {"columns": ["x"], "data": [[1.5], [2.0]]}}
    answer = invocations.predict("prod", name, payload, served="demand-2")
    assert answer.content == {"predictions": [3.0, 4.0]}
    assert invocations.predict("prod", name, payload).served_by == "demand-1"
    with pytest.raises(PredictionRejected):
        invocations.predict("prod", name, {"dataframe_split": {"columns": ["y"], "data": [[1.5]]}})

    for _ in range(2):
        endpoints.ensure_tags("prod", name, {"causeway_operation": "op_1"})
    assert endpoints.get_endpoint("prod", name).tags == {"causeway": "bikes", "causeway_operation": "op_1"}
    assert platform.count("prod", "PATCH", f"{BASE}/{name}/tags") == 1
    listed = {item.name: item for item in endpoints.list_endpoints("prod")}[name]
    assert ("demand-1", served.model, "1") in listed.serves
    for _ in range(2):
        endpoints.remove_endpoint("prod", name)
    assert endpoints.find_endpoint("prod", name) is None


def test_a_creation_and_an_update_whose_answers_are_lost_happen_once(platform: Platform, served: Served) -> None:
    name, first, second = served.endpoint, [served.entity(1, 100)], [served.entity(2, 100)]
    platform.fault("prod", "lose-answer", "POST", BASE)
    with pytest.raises(WorkspaceUnavailable):
        endpoints.ensure_endpoint("prod", name, first, tags={})
    endpoints.ensure_endpoint("prod", name, first, tags={})
    until_settled(name)
    platform.fault("prod", "lose-answer", "PUT", f"{BASE}/{name}/config")
    with pytest.raises(WorkspaceUnavailable):
        endpoints.ensure_config("prod", name, second)
    endpoints.ensure_config("prod", name, second)
    assert platform.count("prod", "PUT", f"{BASE}/{name}/config") == 1
    assert [state.entity for state in until_settled(name).active] == second
    kinds = [effect["kind"] for effect in platform.sandbox.effects() if effect["name"] == name]
    assert kinds.count("endpoint-created") == 1


def test_another_update_is_waited_out_and_not_run_over(platform: Platform, served: Served) -> None:
    endpoints.ensure_endpoint("prod", served.endpoint, [served.entity(1, 100)], tags={})
    with pytest.raises(WorkspaceConflict) as raised:
        endpoints.ensure_config("prod", served.endpoint, [served.entity(2, 100)])
    assert raised.value.retryable
    until_settled(served.endpoint)
    endpoints.ensure_config("prod", served.endpoint, [served.entity(2, 100)])


def test_a_failed_build_tells_its_last_lines_and_its_cause_and_can_be_tried_again(
    platform: Platform, served: Served
) -> None:
    broken = platform.register("prod", served.model, FILES | {"requirements.txt": "no-such-package-anywhere==9\n"})
    wanted = [served.entity(broken, 100)]
    endpoints.ensure_endpoint("prod", served.endpoint, wanted, tags={})
    failed = until_settled(served.endpoint)
    assert (failed.ready, failed.update) == (False, "UPDATE_FAILED")
    lines = build_logs.list_last_lines("prod", served.endpoint, wanted[0].name, "build")
    assert build_logs.find_cause(lines) == "a required package is not found"
    assert any("no-such-package-anywhere" in line for line in lines)
    assert endpoints.ensure_config("prod", served.endpoint, wanted).update == "IN_PROGRESS"
    until_settled(served.endpoint)


def test_a_version_that_does_not_exist_or_may_not_be_executed_makes_no_endpoint(
    platform: Platform, served: Served
) -> None:
    catalog, schema = platform.sandbox.schema("prod").split(".")
    platform.sandbox.client("prod").registered_models.create(name="demand", catalog_name=catalog, schema_name=schema)
    hidden = ServedEntity("x", f"{catalog}.{schema}.demand", "1", 100)
    with pytest.raises(WorkspaceRefused):
        endpoints.ensure_endpoint("prod", served.endpoint, [hidden], tags={})
    with pytest.raises(ModelVersionNotFound):
        endpoints.ensure_endpoint("prod", served.endpoint, [served.entity(99, 100)], tags={})
    assert endpoints.find_endpoint("prod", served.endpoint) is None


def test_what_is_not_there_is_none_or_not_found(platform: Platform, unique: Callable[[str], str]) -> None:
    name = unique("absent")
    assert endpoints.find_endpoint("prod", name) is None
    assert build_logs.list_last_lines("prod", name, "x", "server") == []
    with pytest.raises(EndpointNotFound):
        endpoints.ensure_config("prod", name, [ServedEntity("a", "c.s.m", "1", 100)])
    with pytest.raises(EndpointNotFound):
        endpoints.ensure_tags("prod", name, {"a": "b"})
    with pytest.raises(EndpointNotFound):
        invocations.predict("prod", name, {})


ENTITY = ServedEntity("a", "c.s.m", "1", 100)
SHOWN: dict[str, Any] = {
    "name": "bikes",
    "state": {"ready": "READY", "config_update": "NOT_UPDATING"},
    "config": {
        "served_entities": [
            {
                "name": "a",
                "entity_name": "c.s.m",
                "entity_version": "1",
                "workload_size": "Small",
                "scale_to_zero_enabled": True,
                "state": {"deployment": "DEPLOYMENT_READY"},
            }
        ],
        "traffic_config": {"routes": [{"served_entity_name": "a", "traffic_percentage": 100}]},
    },
}


def test_an_entity_without_a_route_has_no_traffic_and_every_wanted_one_is_given_a_route(
    stub: Stub, configure: Configure
) -> None:
    configure(prod={"host": stub.host})
    stub.script = lambda _: Answer(200, SHOWN)
    assert [state.entity for state in endpoints.get_endpoint("prod", "bikes").active] == [ENTITY]
    with pytest.raises(WrittenNotVisible):
        endpoints.ensure_config("prod", "bikes", [ENTITY, replace(ENTITY, name="b", traffic=0)])
    sent = json.loads(next(asked.body for asked in stub.asked if asked.method == "PUT"))
    assert sent["traffic_config"]["routes"] == [
        {"served_model_name": "a", "traffic_percentage": 100},
        {"served_model_name": "b", "traffic_percentage": 0},
    ]


def test_more_changes_than_the_platform_takes_in_five_minutes_wait_here(
    stub: Stub, configure: Configure, unique: Callable[[str], str]
) -> None:
    busy, idle = unique("busy"), unique("idle")
    configure(**{busy: {"host": stub.host}, idle: {"host": stub.host}})

    def say(asked: Asked) -> Answer:
        return Answer(404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}) if asked.method == "GET" else Answer(200, SHOWN)

    stub.script = say
    for _ in range(limits.CHANGES):
        with pytest.raises(WrittenNotVisible):
            endpoints.ensure_endpoint(busy, "bikes", [ENTITY], tags={})
    with pytest.raises(WorkspaceThrottled) as raised:
        endpoints.ensure_endpoint(busy, "bikes", [ENTITY], tags={})
    assert 0 < (raised.value.retry_after_seconds or 0) <= limits.WINDOW_SECONDS + 1
    assert stub.count(BASE, "POST") == limits.CHANGES
    with pytest.raises(WrittenNotVisible):  # another workspace has a count of its own
        endpoints.ensure_endpoint(idle, "bikes", [ENTITY], tags={})


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("ERROR: No matching distribution found for foo==9", "a required package is not found"),
        (
            "ERROR: Package 'x' requires a different Python: 3.11 not in '>=3.12'",
            "a required package is for another Python",
        ),
        ("ERROR: ResolutionImpossible: for help visit", "the requirements contradict each other"),
        ("container was OOMKilled", "the model needs more memory than it has"),
        ("OSError: libgomp.so.1: cannot open shared object file", "a system library is missing"),
        (
            "ModuleNotFoundError: No module named 'lightgbm'",
            "the model imports a package that its requirements leave out",
        ),
        ("Successfully built image", None),
    ],
)
def test_the_usual_causes_are_recognised(line: str, cause: str | None) -> None:
    assert build_logs.find_cause(["Building image", line, "build failed"]) == cause
