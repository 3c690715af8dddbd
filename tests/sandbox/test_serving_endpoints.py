"""Endpoints serve the real model in a process of its own; states, updates and refusals as the platform has them."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied, ResourceConflict
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.serving import (
    DataframeSplitInput,
    EndpointCoreConfigInput,
    EndpointTag,
    Route,
    ServedEntityInput,
    ServingEndpointAccessControlRequest,
    ServingEndpointPermissionLevel,
    TrafficConfig,
)

from tests.sandbox.running import Sandbox, Unique
from tests.sandbox.sharing import put_version, save_model, wait_for

# A model that tells what its process can see.
SPY = """
import json, os, sys
import mlflow

def refusal(module):
    try:
        __import__(module)
    except ImportError as error:
        return str(error)

class Spy(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        found = {"environment": dict(os.environ), "process": os.getpid(), "arguments": sys.argv, "path": sys.path}
        found |= {"sandbox": refusal("app"), "undeclared": refusal("lightgbm"), "folder": os.getcwd()}
        return [json.dumps(found)]

mlflow.models.set_model(Spy())
"""
ROWS = DataframeSplitInput(columns=["x"], data=[[1.0], [2.0]])


@pytest.fixture(scope="module")
def model(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of B: version 1 answers twice the x, version 2 three times; 3 needs what is not there, 4 cannot load."""
    return make_model(sandbox, tmp_path_factory.mktemp("models"))


def make_model(sandbox: Sandbox, folder: Path) -> str:
    name = f"{sandbox.schema('prod')}.bikes"
    save_model(folder / "1", 2.0)
    save_model(folder / "2", 3.0)
    save_model(folder / "3", 4.0, requirements=["scikit-learn==0.1"])
    (save_model(folder / "4", 5.0) / "model.pkl").write_bytes(b"no pickle")
    for number in range(1, 5):
        put_version(sandbox, "prod", name, folder / str(number))
    return name


@pytest.fixture
def endpoint(sandbox: Sandbox, unique: Unique) -> Iterator[str]:
    """The name of an endpoint that is gone after the test."""
    name = unique("endpoint")
    yield name
    sandbox.call("prod", "DELETE", f"/api/2.0/serving-endpoints/{name}")


def entity(model: str, version: int, **options: Any) -> ServedEntityInput:
    options = {"name": f"v{version}", "workload_size": "Small", "scale_to_zero_enabled": True, **options}
    return ServedEntityInput(entity_name=model, entity_version=str(version), **options)


def split(**percentages: int) -> TrafficConfig:
    return TrafficConfig(
        routes=[Route(served_model_name=name, traffic_percentage=part) for name, part in percentages.items()]
    )


def create(client: Any, name: str, *entities: ServedEntityInput, traffic: TrafficConfig | None = None) -> Any:
    config = EndpointCoreConfigInput(name=name, served_entities=list(entities), traffic_config=traffic)
    return client.serving_endpoints.create(name, config=config).response


def settled(client: Any, name: str) -> Any:
    """The endpoint once no update is under way."""
    return wait_for(lambda: find_settled(client, name))


def find_settled(client: Any, name: str) -> Any:
    found = client.serving_endpoints.get(name)
    return None if found.state.config_update.value == "IN_PROGRESS" else found


def query(client: Any, name: str) -> Any:
    return client.serving_endpoints.query(name, dataframe_split=ROWS)


def query_entity(sandbox: Sandbox, name: str, served: str) -> Any:
    path = f"/serving-endpoints/{name}/served-models/{served}/invocations"
    return sandbox.call("prod", "POST", path, json={"dataframe_split": ROWS.as_dict()})


def servers_of(sandbox: Sandbox) -> list[psutil.Process]:
    """The model servers: they alone hold a Unix socket of their own."""
    below = psutil.Process(sandbox.process.pid).children(recursive=True)
    return [process for process in below if any(unix.status != "x" and unix.laddr for unix in sockets_of(process))]


def sockets_of(process: psutil.Process) -> list[Any]:
    try:
        return [found for found in process.net_connections("unix") if str(found.laddr).endswith("/socket")]
    except psutil.NoSuchProcess:
        return []


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


def test_traffic_is_split_by_percentage(sandbox: Sandbox, model: str, endpoint: str) -> None:
    admin = sandbox.client("prod")
    create(admin, endpoint, entity(model, 1), entity(model, 2), traffic=split(v1=80, v2=20))
    settled(admin, endpoint)
    counted = Counter(query(admin, endpoint).served_model_name for _ in range(200))
    assert 120 < counted["v1"] < 190
    assert counted["v1"] + counted["v2"] == 200


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


def test_the_scoring_protocol_is_mlflows_own_errors_included(sandbox: Sandbox, model: str, endpoint: str) -> None:
    admin = sandbox.client("prod")
    create(admin, endpoint, entity(model, 1))
    settled(admin, endpoint)
    path = f"/serving-endpoints/{endpoint}/invocations"
    for body in (
        {"dataframe_records": [{"x": 1.0}]},
        {"inputs": {"x": [1.0]}},
        {"instances": [{"x": 1.0}]},
        {"dataframe_split": {"columns": ["x"], "data": [[1.0]]}, "client_request_id": "unit-1"},
    ):
        assert sandbox.call("prod", "POST", path, json=body).json() == {"predictions": [pytest.approx(2.0)]}
    csv = sandbox.call("prod", "POST", path, data="x\n1.0\n", headers={"content-type": "text/csv"})
    assert csv.json() == {"predictions": [pytest.approx(2.0)]}
    for data in ("{", "{}", json.dumps({"dataframe_split": {"columns": ["y"], "data": [[1.0]]}})):
        refused = sandbox.call("prod", "POST", path, data=data, headers={"content-type": "application/json"})
        assert refused.status_code == 400
        assert refused.json()["error_code"] in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")
    big = sandbox.call("prod", "POST", path, data=b"x" * (16 * 1024 * 1024 + 1))
    assert (big.status_code, big.json()["error_code"]) == (400, "BAD_REQUEST")
    assert query_entity(sandbox, endpoint, "v9").status_code == 404
    assert query_entity(sandbox, f"{endpoint}_none", "v1").status_code == 404


def test_a_model_server_knows_no_token_and_no_path_of_the_sandbox(
    sandbox: Sandbox, endpoint: str, tmp_path: Path
) -> None:
    script = tmp_path / "spy.py"
    script.write_text(SPY)
    mlflow.pyfunc.save_model(tmp_path / "spy", python_model=str(script), pip_requirements=["mlflow"])
    name = f"{sandbox.schema('prod')}.spy"
    put_version(sandbox, "prod", name, tmp_path / "spy")
    admin = sandbox.client("prod")
    create(admin, endpoint, entity(name, 1, environment_vars={"COLOUR": "green"}))
    assert settled(admin, endpoint).state.ready.value == "READY"
    found = json.loads(query(admin, endpoint).predictions[0])
    own = {"COLOUR", "HOME", "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "OMP_NUM_THREADS", "PATH", "TMPDIR"}
    assert {name for name in found["environment"] if not name.startswith("_")} <= own | {"MLFLOW_RUN_ENV"}
    assert found["environment"]["OMP_NUM_THREADS"] == "1"
    assert found["sandbox"] == "No module named 'app'"
    assert found["undeclared"] == "No module named 'lightgbm'"
    [server] = [one for one in servers_of(sandbox) if one.pid == found["process"]]
    for secret in (str(sandbox.folder), *(known["token"] for known in sandbox.workspaces.values())):
        assert secret not in json.dumps(found)
        assert secret not in str(server.environ())
        assert secret not in str([opened.path for opened in server.open_files()])


def test_a_model_server_that_dies_is_started_again(start_sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    sandbox = start_sandbox()
    model, admin = make_model(sandbox, tmp_path), sandbox.client("prod")
    create(admin, "bikes", entity(model, 1))
    settled(admin, "bikes")
    [server] = servers_of(sandbox)
    server.kill()
    seen = wait_for(lambda: state_of(admin, "bikes") != "DEPLOYMENT_READY" and state_of(admin, "bikes"))
    assert seen == "DEPLOYMENT_RECOVERING"
    assert admin.serving_endpoints.get("bikes").state.ready.value == "NOT_READY"
    wait_for(lambda: state_of(admin, "bikes") == "DEPLOYMENT_READY")
    assert query(admin, "bikes").predictions == pytest.approx([2.0, 4.0])


def state_of(client: Any, name: str) -> str:
    return str(client.serving_endpoints.get(name).config.served_entities[0].state.deployment.value)


def test_endpoints_come_back_after_the_sandbox_was_killed_and_no_server_outlives_it(
    start_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = start_sandbox()
    model, admin = make_model(sandbox, tmp_path), sandbox.client("prod")
    create(admin, "one", entity(model, 1))
    settled(admin, "one")
    create(admin, "two", entity(model, 2))
    running = psutil.Process(sandbox.process.pid).children(recursive=True)
    sandbox.kill()
    wait_for(lambda: not any(process.is_running() for process in running))
    sandbox.start()
    admin = sandbox.client("prod")
    wait_for(lambda: state_of(admin, "one") == "DEPLOYMENT_READY")
    assert settled(admin, "two").state.ready.value == "READY"
    assert query(admin, "one").predictions == pytest.approx([2.0, 4.0])
    assert query(admin, "two").predictions == pytest.approx([3.0, 6.0])

    admin.serving_endpoints.delete("one")
    with pytest.raises(NotFound):
        query(admin, "one")
    sandbox.call("prod", "POST", "/__sandbox/reset")
    assert list(admin.serving_endpoints.list()) == []
    wait_for(lambda: servers_of(sandbox) == [])
    running = psutil.Process(sandbox.process.pid).children(recursive=True)
    sandbox.stop()
    wait_for(lambda: not any(process.is_running() for process in running))


def test_a_withdrawn_version_goes_on_serving_but_no_update_takes_it(
    start_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = start_sandbox()
    model, admin = make_model(sandbox, tmp_path), sandbox.client("prod")
    create(admin, "bikes", entity(model, 1))
    settled(admin, "bikes")
    admin.model_versions.delete(model, 1)
    assert query(admin, "bikes").predictions == pytest.approx([2.0, 4.0])
    with pytest.raises(NotFound):
        admin.serving_endpoints.update_config("bikes", served_entities=[entity(model, 1)])
    sandbox.stop()
    sandbox.start()
    wait_for(lambda: state_of(sandbox.client("prod"), "bikes") == "DEPLOYMENT_READY")
    sandbox.call("prod", "PATCH", "/__sandbox/settings", json={"serve_withdrawn": False})
    with pytest.raises(NotFound):
        query(sandbox.client("prod"), "bikes")


def test_more_requests_at_once_than_an_entity_has_room_for_are_throttled(
    sandbox: Sandbox, model: str, endpoint: str
) -> None:
    create(sandbox.client("prod"), endpoint, entity(model, 1))
    settled(sandbox.client("prod"), endpoint)
    rows = {"dataframe_split": {"columns": ["x"], "data": [[1.0]] * 50_000}}
    path = f"/serving-endpoints/{endpoint}/invocations"
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: sandbox.call("prod", "POST", path, json=rows), range(24)))
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) == {200, 429}
    throttled = next(answer for answer in answers if answer.status_code == 429)
    assert throttled.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"


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
