"""Job runs: our wheel in the control volume, one run a token, and an end that is told as it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from app import configuration
from app.errors import UpstreamNotFound, WorkspaceRefused, WorkspaceUnavailable
from app.workspaces import catalogs, files, jobs, runs
from tests.workspaces.conftest import Answer, Configure, Platform, Stub

VOLUME = "/Volumes/causeway/control/files"
SUBMIT = "/api/2.2/jobs/runs/submit"


def submit(folder: str, token: str, **options: Any) -> int:
    given = {"name": "causeway copy", "run_as": None, "timeout_seconds": 300, "dependencies": ["x.whl"], **options}
    return jobs.ensure_submitted("dev", "causeway-copy", folder=folder, idempotency_token=token, **given)


def until_ended(run_id: int, seconds: float = 120) -> runs.Run:
    deadline = time.monotonic() + seconds
    while (run := runs.get_run("dev", run_id)).state in {"PENDING", "RUNNING"}:
        assert time.monotonic() < deadline, run
        time.sleep(0.2)
    return run


def test_our_wheel_is_written_once_into_the_control_volume(platform: Platform) -> None:
    path = jobs.ensure_wheel("dev")
    written = platform.count("dev", "PUT", f"/api/2.0/fs/files{path}")
    assert jobs.ensure_wheel("dev") == path
    assert path.startswith(f"{VOLUME}/wheels/{jobs.get_wheel().digest}/causeway_jobs-")
    assert files.get_content("dev", path) == jobs.get_wheel().content
    assert platform.count("dev", "PUT", f"/api/2.0/fs/files{path}") == written


def test_a_wheel_that_arrived_in_part_is_written_again(platform: Platform) -> None:
    path = jobs.ensure_wheel("dev")
    files.ensure_content("dev", path, b"half of it")
    jobs.ensure_wheel("dev")
    assert files.get_content("dev", path) == jobs.get_wheel().content


@pytest.mark.parametrize("job", ["train", "copy"])
def test_the_pins_of_a_job_are_exact_and_come_out_of_the_wheel(job: str) -> None:
    pins = jobs.get_pins(job)
    assert pins
    assert all("==" in pin for pin in pins)


def test_a_job_runs_as_its_environment_declares_and_says_why_it_failed(
    platform: Platform, unique: Callable[[str], str]
) -> None:
    token, folder, schema = unique("op"), f"{VOLUME}/operations/{unique('op')}/copy", unique("schema")
    catalogs.ensure_schema("dev", "main", schema, comment="made by a test")
    parameters = {
        "operation_id": token,
        "source": {"model": f"main.{schema}.absent", "version": 7},
        "target": {"model": f"main.{schema}.copy"},
        "comment": "",
        "tags": {},
    }
    files.ensure_content("dev", f"{folder}/parameters.json", json.dumps(parameters).encode())
    run_id = submit(folder, token, dependencies=[jobs.ensure_wheel("dev"), *jobs.get_pins("copy")])
    run = until_ended(run_id)
    assert (run.state, run.ended_as, run.run_id) == ("FAILED", "FAILED", run_id)
    assert run.task_run_id != run_id
    assert run.ended_at
    assert runs.get_error("dev", run)
    result = json.loads(files.get_content("dev", f"{folder}/result.json"))
    assert result["error"]["code"] == "source-missing"


def test_the_same_token_names_the_same_run_also_after_a_lost_answer(
    platform: Platform, unique: Callable[[str], str]
) -> None:
    token, folder = unique("op"), f"{VOLUME}/operations/none/copy"
    before = platform.count("dev", "POST", SUBMIT)
    platform.fault("dev", "lose-answer", "POST", SUBMIT)
    with pytest.raises(WorkspaceUnavailable):
        submit(folder, token)
    assert platform.count("dev", "POST", SUBMIT) - before == 1
    run_id = submit(folder, token)
    assert submit(folder, token) == run_id
    started = [effect for effect in platform.sandbox.effects("job-run-started") if token in str(effect)]
    assert len(started) <= 1
    assert until_ended(run_id).state == "FAILED"


def test_a_run_that_is_cancelled_is_no_success_and_cancelling_it_again_is_none_either(
    platform: Platform, unique: Callable[[str], str]
) -> None:
    folder = f"{VOLUME}/operations/{unique('op')}/copy"
    run_id = submit(folder, unique("op"), dependencies=[jobs.ensure_wheel("dev"), *jobs.get_pins("copy")])
    runs.ensure_cancelled("dev", run_id)
    assert until_ended(run_id).state == "CANCELLED"
    runs.ensure_cancelled("dev", run_id)
    assert runs.get_run("dev", run_id).state == "CANCELLED"


def test_running_as_another_needs_the_role_on_it(platform: Platform, unique: Callable[[str], str]) -> None:
    with pytest.raises(WorkspaceRefused):
        submit(f"{VOLUME}/x", unique("op"), run_as=platform.sandbox.person("dev").name)


def test_a_run_that_the_platform_does_not_know_is_not_found(platform: Platform) -> None:
    with pytest.raises(UpstreamNotFound):
        runs.get_run("dev", 4711)
    with pytest.raises(UpstreamNotFound):
        runs.ensure_cancelled("dev", 4711)


def told(life: str | None, result: str | None = None, task: tuple[str, str | None] | None = None) -> dict[str, Any]:
    state: dict[str, Any] = {"life_cycle_state": life, "result_state": result, "state_message": "the platform's words"}
    run: dict[str, Any] = {"run_id": 1, "state": state, "run_page_url": "https://dev/#job/1/run/1"}
    if task:
        part = {"life_cycle_state": task[0], "result_state": task[1], "state_message": "the task's words"}
        run["tasks"] = [{"task_key": "causeway", "run_id": 2, "state": part}]
    return run


@pytest.mark.parametrize(
    ("answer", "state", "ended_as"),
    [
        (told("QUEUED"), "PENDING", None),
        (told("WAITING_FOR_RETRY"), "PENDING", None),
        (told("RUNNING", task=("RUNNING", None)), "RUNNING", None),
        (told("TERMINATING", task=("TERMINATED", "SUCCESS")), "RUNNING", None),
        (told("A_STATE_OF_NEXT_YEAR"), "RUNNING", None),
        (told("A_STATE_OF_NEXT_YEAR") | {"end_time": 1_700_000_000_000}, "FAILED", "UNKNOWN"),
        (told("TERMINATED", "SUCCESS", ("TERMINATED", "SUCCESS")), "SUCCEEDED", "SUCCESS"),
        (told("TERMINATED", "SUCCESS"), "SUCCEEDED", "SUCCESS"),
        (told("TERMINATED", "SUCCESS_WITH_FAILURES", ("TERMINATED", "FAILED")), "FAILED", "FAILED"),
        (told("INTERNAL_ERROR", "FAILED", ("TERMINATED", "FAILED")), "FAILED", "FAILED"),
        (told("INTERNAL_ERROR", None, ("TERMINATED", "SUCCESS")), "FAILED", "INTERNAL_ERROR"),
        (told("TERMINATED", "FAILED", ("TERMINATED", "SUCCESS")), "FAILED", "FAILED"),
        (told("TERMINATED", "SUCCESS", ("TERMINATED", "FAILED")), "FAILED", "FAILED"),
        (told("SKIPPED"), "FAILED", "SKIPPED"),
        (told("SKIPPED", None, ("SKIPPED", "EXCLUDED")), "FAILED", "EXCLUDED"),
        (told("TERMINATED", "TIMEDOUT", ("TERMINATED", "TIMEDOUT")), "FAILED", "TIMEDOUT"),
        (told("TERMINATED", "CANCELED", ("TERMINATED", "CANCELED")), "CANCELLED", "CANCELED"),
        (told("INTERNAL_ERROR", "FAILED", ("TERMINATED", "CANCELED")), "CANCELLED", "CANCELED"),
    ],
)
def test_a_runs_state_is_told_as_it_is(
    stub: Stub, configure: Configure, answer: dict[str, Any], state: str, ended_as: str | None
) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda _: Answer(200, answer)
    run = runs.get_run("dev", 1)
    assert (run.state, run.ended_as) == (state, ended_as)
    assert run.page_url == "https://dev/#job/1/run/1"
    assert len(stub.asked) == 1


def test_a_failed_run_without_output_speaks_by_its_state_message(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    run = told("INTERNAL_ERROR", "FAILED", ("TERMINATED", "FAILED"))
    stub.script = lambda asked: Answer(200, {} if "get-output" in asked.path else run)
    assert runs.get_error("dev", runs.get_run("dev", 1)) == "the task's words"
    assert stub.asked[-1].path.endswith("run_id=2")


def test_a_described_cluster_takes_the_place_of_serverless_compute(stub: Stub, configure: Configure) -> None:
    cluster = {"spark_version": "17.3.x-scala2.13", "node_type_id": "i3.xlarge"}
    configure(dev={"host": stub.host, "compute": {"job_cluster": cluster}})
    assert configuration.current().workspaces["dev"].compute.job_cluster
    stub.script = lambda _: Answer(200, {"run_id": 5})
    assert submit(f"{VOLUME}/x", "token", dependencies=["/Volumes/a/b/c/j.whl", "x==1"], run_as="runner") == 5
    sent = json.loads(stub.asked[0].body)
    task = sent["tasks"][0]
    assert task["new_cluster"]["spark_version"] == "17.3.x-scala2.13"
    assert task["new_cluster"]["single_user_name"] == "runner"
    assert task["libraries"] == [{"whl": "/Volumes/a/b/c/j.whl"}, {"pypi": {"package": "x==1"}}]
    assert "environments" not in sent
    assert sent["run_as"] == {"service_principal_name": "runner"}
    assert task["python_wheel_task"]["named_parameters"] == {"folder": f"{VOLUME}/x"}
