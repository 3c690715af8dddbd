"""The Jobs API, one-time runs of a Python wheel task: submit, get, output, cancel, list. What runs is in runs.py.

The platform's manners are kept: a run has a task run of its own, a missing run is a 400, and a run whose task failed
is an INTERNAL_ERROR with result FAILED.
"""

from typing import Any

from databricks.sdk.service.jobs import (
    BaseRun,
    JobEnvironment,
    JobRunAs,
    PythonWheelTask,
    QueueSettings,
    Run,
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunOutput,
    RunResultState,
    RunState,
    RunStatus,
    RunTask,
    RunType,
    SubmitTask,
    TerminationCodeCode,
    TerminationDetails,
    TerminationTypeType,
    TriggerType,
)

from app.sandbox import errors, identity, runs
from app.sandbox.pages import page
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes
from app.sandbox.world import now_ms

routes = Routes()
BASE = "/api/2.2/jobs/runs"
_TASK_FIELDS = {"task_key", "description", "environment_key", "python_wheel_task", "timeout_seconds", "max_retries"}
_ENVIRONMENT_FIELDS = {"environment_version", "client", "dependencies"}


@routes.post(
    BASE + "/submit",
    body={
        "run_name": str,
        "tasks!": [SubmitTask],
        "environments": [JobEnvironment],
        "idempotency_token": str,
        "timeout_seconds": int,
        "run_as": JobRunAs,
        "queue": QueueSettings,
    },
)
def submit_run(call: Call) -> dict[str, Any]:
    """Starts the one task; the same idempotency token answers the run that it started first [SDK]."""
    token = call.body.get("idempotency_token", "")
    if len(token) > 64:
        raise errors.invalid("idempotency_token must not have more than 64 characters.")
    earlier = call.state.find("run-token", call.workspace.name, token) if token else None
    if earlier:
        return {"run_id": earlier["run_id"]}
    task = _check_task(call)
    run_id = runs.add(
        call.world,
        call.workspace,
        {
            "run_name": call.body.get("run_name", "Untitled"),
            "creator": call.principal,
            "run_as": _check_run_as(call),
            "task": task,
            "environment": _check_environment(call, task),
            "timeout_seconds": task.get("timeout_seconds") or call.body.get("timeout_seconds") or None,
            "token": token,
        },
    )
    if token:
        call.state.put("run-token", call.workspace.name, token, {"run_id": run_id})
    return {"run_id": run_id}


@routes.get(
    BASE + "/get",
    query={"run_id!": int, "include_history": bool, "include_resolved_values": bool, "page_token": str},
)
def get_run(call: Call) -> Run:
    """The run by its own id, or by its task run's."""
    return Run(**_shape(call, _find(call, call.query["run_id"])))


@routes.get(BASE + "/get-output", query={"run_id!": int})
def get_output(call: Call) -> RunOutput:
    """Of a task run: what it printed, once it has ended, and how it failed."""
    run = _find(call, call.query["run_id"])
    if call.query["run_id"] != run["task_run_id"]:
        raise errors.invalid(
            "Retrieving the output of runs with multiple tasks is not supported. Please retrieve the output of each "
            "individual task run instead."
        )
    output = runs.find_output(call.world, call.workspace, run["run_id"])
    truncated = None if output["logs"] is None else False
    return RunOutput(metadata=Run(**_shape(call, run)), logs_truncated=truncated, **output)


@routes.post(BASE + "/cancel", body={"run_id!": int})
def cancel_run(call: Call) -> None:
    """Asked for now, done soon after; a run that has ended stays as it is."""
    run = _find(call, call.body["run_id"])
    runs.cancel(call.world, call.workspace, run["run_id"])


@routes.get(
    BASE + "/list",
    query={
        **dict.fromkeys(("active_only", "completed_only", "expand_tasks"), bool),
        **dict.fromkeys(("job_id", "limit", "start_time_from", "start_time_to"), int),
        "page_token": str,
        "run_type": RunType,
    },
)
def list_runs(call: Call) -> dict[str, Any]:
    """Newest first, at most 24 on a page [SDK]."""
    limit = call.query.setdefault("limit", 20)
    if not 0 <= limit < 25:
        raise errors.invalid("limit must be greater than 0 and less than 25.")
    if call.query.get("active_only") and call.query.get("completed_only"):
        raise errors.invalid("active_only and completed_only cannot both be true.")
    found = [run for _, run in call.state.list_all("run", call.workspace.name) if _is_wanted(call, run)]
    found.sort(key=lambda run: run["start_time"], reverse=True)
    expand = call.query.get("expand_tasks", False)
    answer = page(call, "runs", found, lambda run: BaseRun(**_shape(call, run, expand)), size_name="limit")
    return {**answer, "has_more": "next_page_token" in answer}


def _check_task(call: Call) -> Document:
    if len(call.body["tasks"]) != 1:
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", "The sandbox runs runs of exactly one task.")
    task: Document = call.body["tasks"][0]
    for field in task:
        if field not in _TASK_FIELDS:
            raise errors.PlatformError(501, "NOT_IMPLEMENTED", f"The sandbox does not know a task's '{field}'.")
    wheel = task.get("python_wheel_task") or {}
    for field in ("package_name", "entry_point"):
        if not wheel.get(field):
            raise errors.invalid(f"Missing required field: tasks[0].python_wheel_task.{field}")
    if wheel.get("parameters") and wheel.get("named_parameters"):
        raise errors.invalid("Only one of parameters and named_parameters may be given.")
    if not task.get("task_key"):
        raise errors.invalid("Missing required field: tasks[0].task_key")
    return task


def _check_run_as(call: Call) -> str:
    wanted = call.body.get("run_as") or {}
    if "group_name" in wanted or len(wanted) > 1:
        raise errors.invalid("run_as names one user or one service principal.")
    target = str(next(iter(wanted.values()), call.principal))
    if call.state.find("principal", call.metastore, target) is None:
        raise errors.invalid(f"The principal '{target}' of run_as does not exist.")
    if not identity.may_run_as(call.world, call.workspace, call.principal, target):
        raise errors.denied(f"User {call.principal} does not have the role {identity.RUN_AS_ROLE} on {target}.")
    return target


def _check_environment(call: Call, task: Document) -> Document:
    key = task.get("environment_key")
    known = {entry["environment_key"]: entry.get("spec") or {} for entry in call.body.get("environments", [])}
    if key not in known:
        raise errors.invalid(f"Task {task['task_key']}: the environment_key '{key}' is not among the environments.")
    spec: Document = known[key]
    for field in spec:
        if field not in _ENVIRONMENT_FIELDS:
            raise errors.PlatformError(501, "NOT_IMPLEMENTED", f"The sandbox knows no environment with '{field}'.")
    if not str(spec.get("environment_version") or spec.get("client") or "").isdigit():
        raise errors.invalid(f"Environment '{key}' needs an environment_version, which is an integer as text.")
    return spec


def _find(call: Call, run_id: int) -> Document:
    run = runs.find(call.world, call.workspace, run_id)
    if run is None:
        raise errors.invalid(f"Run {run_id} does not exist.")
    if call.principal not in (run["creator"], run["run_as"]) and not call.is_admin:
        raise errors.denied(f"User {call.principal} does not have View permission on run {run_id}.")
    return run


def _is_wanted(call: Call, run: Document) -> bool:
    query = call.query
    active = run["state"] != "TERMINATED"
    return (
        (call.is_admin or call.principal in (run["creator"], run["run_as"]))
        and not (query.get("active_only") and not active)
        and not (query.get("completed_only") and active)
        and query.get("job_id", run["job_id"]) == run["job_id"]
        and query.get("run_type", RunType.SUBMIT_RUN.value) == RunType.SUBMIT_RUN.value
        and query.get("start_time_from", 0) <= run["start_time"] <= query.get("start_time_to", now_ms())
    )


def _shape(call: Call, run: Document, expand: bool = True) -> dict[str, Any]:
    return {
        **_times(run),
        "run_id": run["run_id"],
        "run_page_url": f"{call.workspace.host}/?o={call.workspace.id}#job/{run['job_id']}/run/{run['run_id']}",
        "attempt_number": 0,
        "state": _state(run, whole=True),
        "status": _status(run),
        "job_id": run["job_id"],
        "run_name": run["run_name"],
        "creator_user_name": run["creator"],
        "run_type": RunType.SUBMIT_RUN,
        "trigger": TriggerType.ONE_TIME,
        "tasks": [_shape_task(run)] if expand else None,
    }


def _shape_task(run: Document) -> RunTask:
    task = run["task"]
    return RunTask(
        task_key=task["task_key"],
        run_id=run["task_run_id"],
        attempt_number=0,
        environment_key=task["environment_key"],
        python_wheel_task=PythonWheelTask.from_dict(task["python_wheel_task"]),
        state=_state(run, whole=False),
        status=_status(run),
        **_times(run),
    )


def _times(run: Document) -> dict[str, Any]:
    started, ended = run["execution_time"] or run["end_time"], run["end_time"]
    return {
        "start_time": run["start_time"],
        "end_time": ended or 0,
        "setup_duration": started - run["start_time"] if started else 0,
        "execution_duration": ended - started if started and ended else 0,
        "cleanup_duration": 0,
    }


def _state(run: Document, *, whole: bool) -> RunState:
    if run["state"] != "TERMINATED":
        return RunState(life_cycle_state=RunLifeCycleState(run["state"]), state_message=run["message"])
    result, message = run["result"], run["message"]
    state = RunLifeCycleState.TERMINATED
    if run["code"] == TerminationCodeCode.CLOUD_FAILURE.value:
        state = RunLifeCycleState.INTERNAL_ERROR
    elif whole and result == RunResultState.FAILED.value:
        # The run of a failed task, as the platform shows it [FAKE].
        state, message = (
            RunLifeCycleState.INTERNAL_ERROR,
            f"Task {run['task']['task_key']} failed with message: {message}",
        )
    return RunState(
        life_cycle_state=state,
        result_state=RunResultState(result),
        state_message=message,
        user_cancelled_or_timedout=result in ("CANCELED", "TIMEDOUT"),
    )


def _status(run: Document) -> RunStatus:
    if run["state"] != "TERMINATED":
        return RunStatus(state=RunLifecycleStateV2State(run["state"]))
    return RunStatus(
        state=RunLifecycleStateV2State.TERMINATED,
        termination_details=TerminationDetails(
            code=TerminationCodeCode(run["code"]), type=TerminationTypeType(run["type"]), message=run["message"]
        ),
    )
