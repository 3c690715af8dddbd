"""Jobs really run: whose token they get, what they may import, how they end, and what is told of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from databricks.sdk.errors import InvalidParameterValue, PermissionDenied, ResourceDoesNotExist
from databricks.sdk.service.catalog import VolumeType
from databricks.sdk.service.compute import Environment
from databricks.sdk.service.iam import GrantRule, RuleSetUpdateRequest
from databricks.sdk.service.jobs import JobEnvironment, JobRunAs, PythonWheelTask, SubmitTask

from tests.sandbox.running import Person, Sandbox, Unique
from tests.sandbox.sharing import build_wheel, wait_for

SOURCE = """
import json, os, subprocess, sys, time

def report():
    from databricks.sdk import WorkspaceClient
    found = {"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}
    found["me"] = WorkspaceClient().current_user.me().user_name
    found["modules"] = {}
    for name in ("pandas", "numpy", "sklearn", "mlflow", "app", "pytest", "sqlite3"):
        try:
            __import__(name)
            found["modules"][name] = True
        except ImportError:
            found["modules"][name] = False
    print(json.dumps(found))

def fail():
    print("so far so good")
    raise ValueError("no rows")

def leave():
    sys.exit(4)

def sleep():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(os.getpid(), child.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def wheel(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a wheel in a volume of A."""
    return upload_wheel(sandbox, tmp_path_factory.mktemp("wheel"))


def upload_wheel(sandbox: Sandbox, folder: Path) -> str:
    names = ("report", "fail", "leave", "sleep")
    built = build_wheel(folder, "errands", SOURCE, {f"run-{name}": f"errands:{name}" for name in names})
    admin, schema = sandbox.client("dev"), sandbox.schema("dev")
    catalog, name = schema.split(".")
    admin.volumes.create(catalog, name, "wheels", VolumeType.MANAGED)
    path = f"/Volumes/{catalog}/{name}/wheels/{built.name}"
    with built.open("rb") as content:
        admin.files.upload(path, content, overwrite=True)
    return path


def submit(client: Any, wheel: str, entry_point: str, *dependencies: str, **options: Any) -> int:
    """The run's id."""
    package = PythonWheelTask("errands", entry_point, named_parameters={"folder": "/Volumes/x"})
    task = SubmitTask(task_key="only", environment_key="own", python_wheel_task=package)
    spec = Environment(environment_version="4", dependencies=[wheel, *dependencies])
    environments = [JobEnvironment("own", spec)]
    return int(client.jobs.submit(run_name="errand", tasks=[task], environments=environments, **options).run_id)


def end_of(client: Any, run_id: int) -> Any:
    return wait_for(lambda: find_ended(client, run_id))


def find_ended(client: Any, run_id: int) -> Any:
    run = client.jobs.get_run(run_id)
    return run if run.status.state.value == "TERMINATED" else None


def output_of(client: Any, run: Any) -> Any:
    return client.jobs.get_run_output(run.tasks[0].run_id)


def let_run_as(sandbox: Sandbox, person: Person, user: str) -> None:
    admin = sandbox.client("dev")
    account = admin.config.account_id
    name = f"accounts/{account}/servicePrincipals/{person.name}/ruleSets/default"
    rule = GrantRule(role="roles/servicePrincipal.user", principals=[user])
    current = admin.account_access_control_proxy.get_rule_set(name, "")
    request = RuleSetUpdateRequest(name=name, etag=current.etag, grant_rules=[rule])
    admin.account_access_control_proxy.update_rule_set(name, request)


def test_a_job_has_the_token_of_its_identity_and_what_it_declares_and_nothing_else(
    sandbox: Sandbox, wheel: str
) -> None:
    admin, runner = sandbox.client("dev"), sandbox.person("dev")
    with pytest.raises(PermissionDenied):
        submit(admin, wheel, "run-report", run_as=JobRunAs(service_principal_name=runner.name))
    let_run_as(sandbox, runner, f"users/{admin.current_user.me().user_name}")
    run_as = JobRunAs(service_principal_name=runner.name)

    forbidden = end_of(admin, submit(admin, wheel, "run-report", run_as=run_as))
    assert forbidden.status.termination_details.code.value == "LIBRARY_INSTALLATION_ERROR"
    assert "USE CATALOG" in forbidden.status.termination_details.message

    catalog = wheel.split("/")[2]
    sandbox.grant("dev", "CATALOG", catalog, runner.name, "USE_CATALOG", "USE_SCHEMA", "READ_VOLUME")
    run = end_of(admin, submit(admin, wheel, "run-report", "pandas", run_as=run_as))
    found = json.loads(output_of(admin, run).logs)
    assert found["me"] == runner.name
    assert found["arguments"] == ["--folder=/Volumes/x"]
    assert set(found["environment"]) == {"DATABRICKS_HOST", "DATABRICKS_TOKEN", "HOME", "PATH", "TMPDIR"}
    assert str(sandbox.folder) not in str(found)
    assert found["modules"] == {
        **dict.fromkeys(("pandas", "numpy", "sqlite3"), True),
        **dict.fromkeys(("sklearn", "mlflow", "app", "pytest"), False),
    }
    assert not Path(found["folder"]).exists()
    revoked = sandbox.call("dev", "GET", "/api/2.0/preview/scim/v2/Me", token=found["environment"]["DATABRICKS_TOKEN"])
    assert revoked.status_code == 403


def test_a_run_goes_from_pending_to_success_and_tells_it_in_both_ways(sandbox: Sandbox, wheel: str) -> None:
    admin = sandbox.client("dev")
    run_id = submit(admin, wheel, "run-report")
    assert admin.jobs.get_run(run_id).state.life_cycle_state.value in ("PENDING", "RUNNING")
    run = end_of(admin, run_id)
    for state in (run.state, run.tasks[0].state):
        assert (state.life_cycle_state.value, state.result_state.value) == ("TERMINATED", "SUCCESS")
    assert run.status.termination_details.type.value == "SUCCESS"
    [started] = [effect for effect in sandbox.effects("job-run-started") if effect["name"] == str(run_id)]
    assert started["details"]["entry_point"] == "run-report"
    assert run_id in [listed.run_id for listed in admin.jobs.list_runs(completed_only=True)]
    with pytest.raises(InvalidParameterValue, match="multiple tasks"):
        admin.jobs.get_run_output(run_id)


@pytest.mark.parametrize(
    ("entry_point", "error"), [("run-fail", "ValueError: no rows"), ("run-leave", "SystemExit: 4")]
)
def test_a_failed_task_makes_its_run_an_internal_error_with_result_failed(
    sandbox: Sandbox, wheel: str, entry_point: str, error: str
) -> None:
    admin = sandbox.client("dev")
    run = end_of(admin, submit(admin, wheel, entry_point))
    assert (run.state.life_cycle_state.value, run.state.result_state.value) == ("INTERNAL_ERROR", "FAILED")
    assert run.state.state_message.startswith("Task only failed with message:")
    task = run.tasks[0]
    assert (task.state.life_cycle_state.value, task.state.result_state.value) == ("TERMINATED", "FAILED")
    assert run.status.termination_details.code.value == "RUN_EXECUTION_ERROR"
    output = output_of(admin, run)
    assert output.error == error
    assert "Traceback" in output.error_trace
    assert error in output.logs


def test_a_pin_that_cannot_be_met_fails_the_installation_as_pip_says_it(sandbox: Sandbox, wheel: str) -> None:
    admin = sandbox.client("dev")
    run = end_of(admin, submit(admin, wheel, "run-report", "pandas==0.1"))
    assert run.status.termination_details.code.value == "LIBRARY_INSTALLATION_ERROR"
    assert "No matching distribution found for pandas==0.1" in output_of(admin, run).error
    missing = end_of(admin, submit(admin, f"{wheel.rpartition('/')[0]}/none-1.0-py3-none-any.whl", "run-report"))
    assert missing.status.termination_details.code.value == "LIBRARY_INSTALLATION_ERROR"


def test_the_same_token_starts_one_run(sandbox: Sandbox, wheel: str, unique: Unique) -> None:
    admin, token = sandbox.client("dev"), unique("token")
    first = submit(admin, wheel, "run-report", idempotency_token=token)
    assert submit(admin, wheel, "run-report", idempotency_token=token) == first
    end_of(admin, first)
    assert submit(admin, wheel, "run-report", idempotency_token=token) == first
    started = sandbox.effects("job-run-started")
    assert len([effect for effect in started if effect["details"]["idempotency_token"] == token]) == 1
    with pytest.raises(InvalidParameterValue):
        submit(admin, wheel, "run-report", idempotency_token="x" * 65)


def test_cancelling_ends_all_processes_of_the_run(sandbox: Sandbox, wheel: str) -> None:
    admin = sandbox.client("dev")
    run_id = submit(admin, wheel, "run-sleep")
    wait_for(lambda: admin.jobs.get_run(run_id).state.life_cycle_state.value == "RUNNING")
    running = wait_for(lambda: sleepers(sandbox))
    admin.jobs.cancel_run(run_id)
    run = end_of(admin, run_id)
    assert (run.state.life_cycle_state.value, run.state.result_state.value) == ("TERMINATED", "CANCELED")
    assert run.status.termination_details.code.value == "USER_CANCELED"
    wait_for(lambda: not any(is_alive(process) for process in running))
    admin.jobs.cancel_run(run_id)
    assert admin.jobs.get_run(run_id).state.result_state.value == "CANCELED"


def test_a_run_that_takes_too_long_is_ended(sandbox: Sandbox, wheel: str) -> None:
    admin = sandbox.client("dev")
    run = end_of(admin, submit(admin, wheel, "run-sleep", timeout_seconds=1))
    assert run.state.result_state.value == "TIMEDOUT"


def test_a_missing_run_is_a_400(sandbox: Sandbox) -> None:
    admin = sandbox.client("dev")
    answer = sandbox.call("dev", "GET", "/api/2.2/jobs/runs/get", params={"run_id": 17})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    with pytest.raises(ResourceDoesNotExist, match="Run 17 does not exist"):
        admin.jobs.get_run(17)
    with pytest.raises(InvalidParameterValue):
        admin.jobs.cancel_run(17)


def test_a_stranger_neither_sees_nor_cancels_a_run(sandbox: Sandbox, wheel: str) -> None:
    admin, stranger = sandbox.client("dev"), sandbox.person("dev").client
    run_id = submit(admin, wheel, "run-report")
    with pytest.raises(PermissionDenied):
        stranger.jobs.get_run(run_id)
    with pytest.raises(PermissionDenied):
        stranger.jobs.cancel_run(run_id)
    assert list(stranger.jobs.list_runs()) == []


def test_no_job_outlives_a_killed_sandbox_and_its_run_is_a_cloud_failure_afterwards(
    start_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = start_sandbox()
    run_id = submit(sandbox.client("dev"), upload_wheel(sandbox, tmp_path), "run-sleep")
    running = wait_for(lambda: sleepers(sandbox))
    sandbox.kill()
    wait_for(lambda: not any(is_alive(process) for process in running))
    sandbox.start()
    run = sandbox.client("dev").jobs.get_run(run_id)
    assert run.state.life_cycle_state.value == "INTERNAL_ERROR"
    assert run.status.termination_details.code.value == "CLOUD_FAILURE"


def sleepers(sandbox: Sandbox) -> list[psutil.Process]:
    """The job's process and its child, once both are there."""
    below = psutil.Process(sandbox.process.pid).children(recursive=True)
    children = [process for process in below if "time.sleep(600)" in " ".join(process.cmdline())]
    parents = [child.parent() for child in children]
    return [*children, *(parent for parent in parents if parent)]


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
