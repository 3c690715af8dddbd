"""The processes behind endpoints: what they can see, and how they come and go with the sandbox."""

import json
from collections.abc import Callable
from pathlib import Path

import mlflow
import psutil
import pytest
from databricks.sdk.errors import NotFound

from tests.sandbox.running import Sandbox
from tests.sandbox.serving.endpoints import (
    create,
    entity,
    make_model,
    put_version,
    query,
    save_model,
    servers_of,
    settled,
    state_of,
)
from tests.sandbox.sharing import mount, share_model, wait_for

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


def test_a_model_server_that_dies_is_started_again(sandbox: Sandbox, model: str, endpoint: str) -> None:
    admin, others = sandbox.client("prod"), servers_of(sandbox)
    create(admin, endpoint, entity(model, 1))
    settled(admin, endpoint)
    [server] = [one for one in servers_of(sandbox) if one not in others]
    server.kill()
    seen = wait_for(lambda: state_of(admin, endpoint) != "DEPLOYMENT_READY" and state_of(admin, endpoint))
    assert seen == "DEPLOYMENT_RECOVERING"
    assert admin.serving_endpoints.get(endpoint).state.ready.value == "NOT_READY"
    wait_for(lambda: state_of(admin, endpoint) == "DEPLOYMENT_READY")
    assert query(admin, endpoint).predictions == pytest.approx([2.0, 4.0])


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


def test_a_version_that_the_provider_withdrew_goes_on_serving_but_no_update_takes_it(
    start_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = start_sandbox("--visibility-seconds", "0.1")
    source = f"{sandbox.schema('dev')}.m"
    put_version(sandbox, "dev", source, save_model(tmp_path / "model", 2.0))
    model, admin = f"{mount(sandbox, share_model(sandbox, source))}.models.m", sandbox.client("prod")
    create(admin, "bikes", entity(model, 1))
    settled(admin, "bikes")
    sandbox.client("dev").model_versions.delete(source, 1)
    assert query(admin, "bikes").predictions == pytest.approx([2.0, 4.0])
    with pytest.raises(NotFound):
        admin.serving_endpoints.update_config("bikes", served_entities=[entity(model, 1)])
    sandbox.stop()
    sandbox.start()
    admin = sandbox.client("prod")
    wait_for(lambda: state_of(admin, "bikes") == "DEPLOYMENT_READY")
    assert query(admin, "bikes").predictions == pytest.approx([2.0, 4.0])
    sandbox.call("prod", "PATCH", "/__sandbox/settings", json={"serve_withdrawn": False})
    with pytest.raises(NotFound):
        query(admin, "bikes")
