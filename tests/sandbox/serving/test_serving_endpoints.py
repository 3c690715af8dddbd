"""Serving endpoints: states, updates, permissions and refusals as the platform has them."""

from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied, ResourceConflict
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.serving import (
    EndpointTag,
    ServedEntityInput,
    ServingEndpointAccessControlRequest,
    ServingEndpointPermissionLevel,
    TrafficConfig,
)

from tests.sandbox.running import Sandbox
from tests.sandbox.serving.endpoints import create, entity, query, query_entity, settled, split
from tests.sandbox.sharing import wait_for


def test_an_endpoint_is_not_ready_until_its_model_is_loaded_and_then_answers(
    sandbox: Sandbox, model: str, endpoint: str
) -> None:
    admin = sandbox.client("prod")
    made = create(admin, endpoint, entity(model, 1, name=None))
    assert (made.state.ready.value, made.state.config_update.value) == ("NOT_READY", "IN_PROGRESS")
    assert made.pending_config.served_entities[0].state.deployment.value == "DEPLOYMENT_CREATING"
    assert made.config is None
    early = sandbox.call("prod", "POST", f"/serving-endpoints/{endpoint}/invocations", json={})
    assert early.status_code == 503

    ready = settled(admin, endpoint)
    assert (ready.state.ready.value, ready.state.config_update.value) == ("READY", "NOT_UPDATING")
    [served] = ready.config.served_entities
    assert (served.name, served.state.deployment.value) == ("bikes-1", "DEPLOYMENT_READY")
    assert ready.config.traffic_config.routes[0].traffic_percentage == 100
    assert ready.pending_config is None
    answer = query(admin, endpoint)
    assert answer.predictions == pytest.approx([2.0, 4.0])
    assert answer.served_model_name == "bikes-1"
    assert endpoint in [listed.name for listed in admin.serving_endpoints.list()]
    assert "Successfully installed" in admin.serving_endpoints.build_logs(endpoint, "bikes-1").logs
    assert "Uvicorn running" in admin.serving_endpoints.logs(endpoint, "bikes-1").logs


def test_an_update_is_in_progress_until_it_was_read_once_and_the_old_config_serves_meanwhile(
    sandbox: Sandbox, model: str, endpoint: str
) -> None:
    admin = sandbox.client("prod")
    create(admin, endpoint, entity(model, 1))
    settled(admin, endpoint)
    started = admin.serving_endpoints.update_config(
        endpoint, served_entities=[entity(model, 1), entity(model, 2)], traffic_config=split(v1=0, v2=100)
    ).response
    assert (started.state.ready.value, started.state.config_update.value) == ("READY", "IN_PROGRESS")
    assert query(admin, endpoint).served_model_name in ("v1", "v2")
    with pytest.raises(ResourceConflict) as busy:
        admin.serving_endpoints.update_config(endpoint, served_entities=[entity(model, 1)])
    assert busy.value.error_code == "RESOURCE_CONFLICT"

    wait_for(lambda: query(admin, endpoint).served_model_name == "v2")
    unread = admin.serving_endpoints.get(endpoint)
    assert unread.state.config_update.value == "IN_PROGRESS"
    assert [served.name for served in unread.config.served_entities] == ["v1"]
    read = admin.serving_endpoints.get(endpoint)
    assert read.state.config_update.value == "NOT_UPDATING"
    assert (read.config.config_version, len(read.config.served_entities)) == (2, 2)
    assert query_entity(sandbox, endpoint, "v1").json()["predictions"] == pytest.approx([2.0, 4.0])
    assert query_entity(sandbox, endpoint, "v1").headers["served-model-name"] == "v1"


@pytest.mark.parametrize(
    ("version", "log", "reason"),
    [(3, "build", "No matching distribution found for scikit-learn==0.1"), (4, "server", "UnpicklingError")],
)
def test_a_failed_update_leaves_the_active_config_and_says_why(
    sandbox: Sandbox, model: str, endpoint: str, version: int, log: str, reason: str
) -> None:
    admin = sandbox.client("prod")
    create(admin, endpoint, entity(model, 1))
    settled(admin, endpoint)
    broken = [entity(model, 1), entity(model, 2), entity(model, version)]
    traffic = split(v1=100, v2=0, **{f"v{version}": 0})
    admin.serving_endpoints.update_config(endpoint, served_entities=broken, traffic_config=traffic)
    failed = settled(admin, endpoint)
    assert (failed.state.ready.value, failed.state.config_update.value) == ("READY", "UPDATE_FAILED")
    assert [served.name for served in failed.config.served_entities] == ["v1"]
    states = {served.name: served.state.deployment.value for served in failed.pending_config.served_entities}
    assert states == {
        "v1": "DEPLOYMENT_READY",
        "v2": "DEPLOYMENT_ABORTED",
        f"v{version}": "DEPLOYMENT_FAILED",
    }
    logs = admin.serving_endpoints.build_logs if log == "build" else admin.serving_endpoints.logs
    assert reason in logs(endpoint, f"v{version}").logs
    assert query(admin, endpoint).predictions == pytest.approx([2.0, 4.0])
    admin.serving_endpoints.update_config(endpoint, served_entities=[entity(model, 2)])
    assert settled(admin, endpoint).state.config_update.value == "NOT_UPDATING"
    assert query(admin, endpoint).predictions == pytest.approx([3.0, 6.0])


def test_an_endpoint_whose_first_config_fails_is_not_ready(sandbox: Sandbox, model: str, endpoint: str) -> None:
    admin = sandbox.client("prod")
    create(admin, endpoint, entity(model, 3))
    failed = settled(admin, endpoint)
    assert (failed.state.ready.value, failed.state.config_update.value) == ("NOT_READY", "UPDATE_FAILED")


def test_configs_that_make_no_sense_are_refused_and_nothing_is_made(
    sandbox: Sandbox, model: str, endpoint: str
) -> None:
    admin = sandbox.client("prod")
    two = (entity(model, 1), entity(model, 2))
    refusals: list[tuple[str, tuple[ServedEntityInput, ...], TrafficConfig | None]] = [
        ("traffic_config is required", two, None),
        ("sum up to 100", two, split(v1=50, v2=40)),
        ("not among the served entities", two, split(v1=50, v3=50)),
        ("no route to v2", two, split(v1=100)),
        ("unique", (entity(model, 1), entity(model, 1)), split(v1=100)),
        ("Invalid served entity name", (entity(model, 1, name="a.b"),), None),
        ("workload_size", (entity(model, 1, workload_size="Tiny"),), None),
        ("between 1 and 10", (), None),
        ("not a version number", (ServedEntityInput(entity_name=model, entity_version="prod"),), None),
    ]
    for message, entities, traffic in refusals:
        with pytest.raises(InvalidParameterValue, match=message):
            create(admin, endpoint, *entities, traffic=traffic)
    for missing in (entity(model, 9), entity(f"{model}_none", 1)):
        with pytest.raises(NotFound):
            create(admin, endpoint, missing)
    for name in ("a b", "databricks-x", "x" * 64, "é"):
        with pytest.raises(InvalidParameterValue, match="Invalid endpoint name"):
            create(admin, name, entity(model, 1))
    with pytest.raises(NotFound) as gone:
        admin.serving_endpoints.get(endpoint)
    assert gone.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    create(admin, endpoint, entity(model, 1))
    with pytest.raises(DatabricksError) as taken:
        create(admin, endpoint, entity(model, 1))
    assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_creator_and_caller_both_need_the_models_of_an_endpoint(sandbox: Sandbox, model: str, endpoint: str) -> None:
    admin, creator, other = sandbox.client("prod"), sandbox.person("prod"), sandbox.person("prod")
    with pytest.raises(PermissionDenied):
        create(creator.client, endpoint, entity(model, 1))
    catalog = model.partition(".")[0]
    for person in (creator, other):
        sandbox.grant("prod", "CATALOG", catalog, person.name, "USE_CATALOG", "USE_SCHEMA")
    sandbox.grant("prod", "FUNCTION", model, creator.name, "EXECUTE")
    made = create(creator.client, endpoint, entity(model, 1))
    assert made.creator == creator.name
    settled(creator.client, endpoint)
    with pytest.raises(PermissionDenied):
        other.client.serving_endpoints.get(endpoint)
    with pytest.raises(PermissionDenied):
        query(other.client, endpoint)
    allow(admin, made.id, other.name, ServingEndpointPermissionLevel.CAN_QUERY)
    assert query(other.client, endpoint).served_model_name == "v1"
    with pytest.raises(PermissionDenied):
        other.client.serving_endpoints.update_config(endpoint, served_entities=[entity(model, 2)])
    allow(admin, made.id, other.name, ServingEndpointPermissionLevel.CAN_MANAGE)
    with pytest.raises(PermissionDenied, match="EXECUTE"):
        other.client.serving_endpoints.update_config(endpoint, served_entities=[entity(model, 2)])
    sandbox.grant("prod", "FUNCTION", model, other.name, "EXECUTE")
    other.client.serving_endpoints.update_config(endpoint, served_entities=[entity(model, 2)])
    assert settled(admin, endpoint).creator == creator.name


def allow(admin: Any, endpoint_id: str, principal: str, level: ServingEndpointPermissionLevel) -> None:
    entry = ServingEndpointAccessControlRequest(service_principal_name=principal, permission_level=level)
    admin.serving_endpoints.update_permissions(endpoint_id, access_control_list=[entry])


def test_tags_are_changed_without_an_update(sandbox: Sandbox, model: str, endpoint: str) -> None:
    admin = sandbox.client("prod")
    create(admin, endpoint, entity(model, 1))
    settled(admin, endpoint)
    tags = [EndpointTag("stage", "prod"), EndpointTag("old", "x")]
    admin.serving_endpoints.patch(endpoint, add_tags=tags)
    admin.serving_endpoints.patch(endpoint, delete_tags=["old"])
    found = admin.serving_endpoints.get(endpoint)
    assert [(tag.key, tag.value) for tag in found.tags] == [("stage", "prod")]
    assert found.state.config_update.value == "NOT_UPDATING"
