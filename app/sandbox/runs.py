"""How does a job's run go? From its environment to its end: a thread that watches, and a process that works.

A run is a document in the state; the thread changes it, step by step, and everybody else reads it.
"""

import json
import os
import threading
import traceback
from dataclasses import asdict, dataclass, replace
from multiprocessing.context import ForkServerProcess
from pathlib import PurePosixPath
from typing import Any

from app.sandbox import environments, errors, grants, identity, journal, processes, storage
from app.sandbox.environments import UnmetRequirement
from app.sandbox.job_process import WheelTask
from app.sandbox.state import Document
from app.sandbox.world import Workspace, World, now_ms

# Assumed of the serverless base environment: the SDK is there, everything else has to be declared.
BASE_ENVIRONMENT = ("databricks-sdk",)

_guard = threading.Lock()
# The runs that this process watches, each with its process once it has one.
_watched: dict[int, ForkServerProcess | None] = {}


class RunIsGone(Exception):
    """The sandbox was emptied, or the request that made the run was undone."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended; `code` and `type` are the platform's termination details."""

    result: str
    code: str
    type: str
    message: str
    error: str | None = None
    error_trace: str | None = None
    logs: str | None = None


def add(world: World, workspace: Workspace, submitted: Document) -> int:
    """Notes a new run and starts to watch it; to be called in the transaction that notes its token."""
    number = world.state.next_number("run")
    run_id = 10**12 + 2 * number
    run: Document = {
        **submitted,
        **dict.fromkeys(("execution_time", "end_time")),
        **dict.fromkeys(("result", "code", "type")),
        "run_id": run_id,
        "task_run_id": run_id + 1,
        "job_id": 10**14 + number,
        "state": "PENDING",
        "message": "",
        "start_time": now_ms(),
    }
    world.state.put("run", workspace.name, str(run_id), run)
    with _guard:
        _watched[run_id] = None
    # The thread's first read waits for the end of this transaction, and finds nothing should it be undone.
    threading.Thread(target=_watch, args=(world, workspace, run_id), name=f"run-{run_id}", daemon=True).start()
    return run_id


def find(world: World, workspace: Workspace, run_id: int) -> Document | None:
    """The run with this id, or the one whose task run has it, which is the number behind it."""
    return _get(world, workspace, run_id) or _get(world, workspace, run_id - 1)


def find_output(world: World, workspace: Workspace, run_id: int) -> Document:
    """What the run printed, and how it failed; all None until it has ended."""
    kept = world.state.find("run-output", workspace.name, str(run_id))
    return kept or dict.fromkeys(("logs", "error", "error_trace"))


def cancel(world: World, workspace: Workspace, run_id: int) -> None:
    """Ends the run's process; the run is CANCELED soon after. Does nothing to one that has ended."""
    run = _get(world, workspace, run_id)
    if run is None or run["state"] == "TERMINATED":
        return
    _change(world, workspace, run_id, state="TERMINATING")
    with _guard:
        process = _watched.get(run_id)
    if process is not None:
        processes.end(process)


def take_up(world: World) -> None:
    """After a start: what was under way when the sandbox went down has failed, and its token is revoked [assumed]."""
    lost = Outcome("FAILED", "CLOUD_FAILURE", "CLOUD_FAILURE", "The run was lost: the sandbox was ended under it.")
    for workspace in world.workspaces.values():
        for name, token in world.state.list_all("token", workspace.name):
            if token["kind"] == "job":
                world.state.remove("token", workspace.name, name)
        for _, run in world.state.list_all("run", workspace.name):
            if run["state"] != "TERMINATED":
                _finish(world, workspace, run["run_id"], lost)


def end_all(_: World) -> None:
    """Ends every process of a run; nobody notes how the runs ended."""
    with _guard:
        ended = [process for process in _watched.values() if process is not None]
        _watched.clear()
    for process in ended:
        processes.end(process)
    for thread in threading.enumerate():
        if thread.name.startswith("run-"):
            thread.join(timeout=2)  # it removes the run's folder and token


def _watch(world: World, workspace: Workspace, run_id: int) -> None:
    folder = processes.make_folder()
    try:
        outcome = _carry_out(world, workspace, run_id, folder)
    except RunIsGone:
        return
    except Exception as problem:
        traceback.print_exc()
        outcome = Outcome("FAILED", "INTERNAL_ERROR", "INTERNAL_ERROR", f"The sandbox failed: {problem!r}")
    finally:
        folder.remove()
    with _guard:
        mine = run_id in _watched
        _watched.pop(run_id, None)
    if mine:
        _finish(world, workspace, run_id, outcome)


def _carry_out(world: World, workspace: Workspace, run_id: int, folder: processes.Folder) -> Outcome:
    run = _get(world, workspace, run_id)
    if run is None:
        raise RunIsGone(run_id)
    token = identity.issue_token(
        world, workspace, run["run_as"], kind="job", lifetime_seconds=None, created_by=run["creator"]
    )
    try:
        return _work(world, workspace, run, folder, token[0])
    finally:
        identity.revoke_token(world, workspace, token[1]["token_id"])


def _work(world: World, workspace: Workspace, run: Document, folder: processes.Folder, bearer: str) -> Outcome:
    try:
        task = _prepare(world, workspace, run, folder, bearer)
    except (UnmetRequirement, errors.PlatformError) as unmet:
        message = f"Library installation failed: {unmet}"
        return Outcome("FAILED", "LIBRARY_INSTALLATION_ERROR", "CLIENT_ERROR", message, error=str(unmet))
    process = processes.start("app.sandbox.job_process", task)
    try:
        if not _note_start(world, workspace, run, process):
            return _cancelled()
        code = processes.wait(process, run["timeout_seconds"])
    finally:
        processes.end(process)  # also what the task started and left behind
    return _judge(code, folder)


def _prepare(world: World, workspace: Workspace, run: Document, folder: processes.Folder, bearer: str) -> WheelTask:
    declared = list(BASE_ENVIRONMENT)
    for dependency in run["environment"].get("dependencies", []):
        if dependency.startswith("/"):
            content = _read_wheel(world, workspace, run["run_as"], dependency)
            declared += environments.unpack_wheel(PurePosixPath(dependency).name, content, folder.site)
        else:
            declared.append(dependency)
    wheel = run["task"]["python_wheel_task"]
    named = [f"--{name}={value}" for name, value in wheel.get("named_parameters", {}).items()]
    return WheelTask(
        folder=folder.path,
        environment={"PATH": os.defpath, "DATABRICKS_HOST": workspace.host, "DATABRICKS_TOKEN": bearer},
        refused=environments.refused_modules(environments.resolve(declared, folder.site)),
        unpacked=environments.modules_of(folder.site),
        package=wheel["package_name"],
        entry_point=wheel["entry_point"],
        arguments=(*wheel.get("parameters", []), *named),
    )


def _read_wheel(world: World, workspace: Workspace, principal: str, path: str) -> bytes:
    """The wheel in a volume, read with the rights of the identity that the job runs as."""
    _, root, *parts = path.split("/")
    if root != "Volumes" or len(parts) < 4 or not path.endswith(".whl"):
        raise UnmetRequirement(f"ERROR: The sandbox installs wheels from volumes only, not '{path}'.")
    metastore, name = workspace.metastore.key, ".".join(parts[:3]).lower()
    volume = world.state.find("volume", metastore, name)
    if volume is None:
        raise errors.not_found("volume", name)
    grants.require(world.state, metastore, principal, "READ_VOLUME", "volume", name)
    folder = storage.volume_folder(world, metastore, volume["id"]).resolve()
    file = folder.joinpath(*parts[3:]).resolve()
    if not file.is_relative_to(folder) or not file.is_file():
        raise UnmetRequirement(f"ERROR: Could not install {path}: no such file in the volume.")
    return file.read_bytes()


def _note_start(world: World, workspace: Workspace, run: Document, process: ForkServerProcess) -> bool:
    """Whether the run may go on: nobody cancelled it, nobody ended the sandbox or emptied it."""
    run_id = run["run_id"]
    with world.state.transaction():
        current = _get(world, workspace, run_id)
        with _guard:
            if current is None or run_id not in _watched or current["state"] != "PENDING":
                return False
            _watched[run_id] = process
        _change(world, workspace, run_id, state="RUNNING", execution_time=now_ms())
        wheel = run["task"]["python_wheel_task"]
        _record(
            *(world, workspace, run, "job-run-started"),
            run_as=run["run_as"],
            package=wheel["package_name"],
            entry_point=wheel["entry_point"],
            idempotency_token=run["token"],
            parameters=wheel.get("named_parameters") or wheel.get("parameters") or [],
        )
    return True


def _cancelled() -> Outcome:
    return Outcome("CANCELED", "USER_CANCELED", "CLIENT_ERROR", "Run cancelled.")


def _judge(code: int | None, folder: processes.Folder) -> Outcome:
    logs = folder.printed()
    if code is None:
        message = "The run exceeded its timeout and was ended."
        return Outcome("TIMEDOUT", "CANCELED", "CLIENT_ERROR", message, error=message, logs=logs)
    if code == 0:
        return Outcome("SUCCESS", "SUCCESS", "SUCCESS", "", logs=logs)
    report = folder.path / "error.json"
    told = json.loads(report.read_text()) if report.exists() else {"error": f"The process ended with {code}."}
    message = "Workload failed, see run output for details"
    return Outcome("FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR", message, logs=logs, **told)


def _finish(world: World, workspace: Workspace, run_id: int, outcome: Outcome) -> None:
    with world.state.transaction():
        run = _get(world, workspace, run_id)
        if run is None:
            return
        if run["state"] == "TERMINATING":
            outcome = replace(_cancelled(), logs=outcome.logs)
        told = asdict(outcome)
        output = {name: told.pop(name) for name in ("logs", "error", "error_trace")}
        world.state.put("run-output", workspace.name, str(run_id), output)
        _change(world, workspace, run_id, **told, state="TERMINATED", end_time=now_ms())
        _record(world, workspace, run, "job-run-ended", result=outcome.result, code=outcome.code)


def _record(world: World, workspace: Workspace, run: Document, kind: str, **details: Any) -> None:
    journal.record(
        *(world, kind, str(run["run_id"])),
        workspace=workspace.name,
        principal=run["creator"],
        run_name=run["run_name"],
        **details,
    )


def _get(world: World, workspace: Workspace, run_id: int) -> Document | None:
    return world.state.find("run", workspace.name, str(run_id))


def _change(world: World, workspace: Workspace, run_id: int, **changes: Any) -> Document:
    with world.state.transaction():
        run = _get(world, workspace, run_id)
        if run is None:
            raise RunIsGone(run_id)
        return world.state.put("run", workspace.name, str(run_id), {**run, **changes})
