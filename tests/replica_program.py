"""A worker with workflows of its own, which tests start in several processes, kill, stop and start again.

`python -m tests.replica_program FOLDER` works as `causeway worker` does, on the database that the environment names.
Workflows leave their effects in the folder: a file for each thing that was done, and a line for each time it was tried.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from app import configuration, durable, main, settings
from app.domain import access, executors, operations
from app.domain.access import Caller
from app.domain.operations import Key, Operation
from app.domain.workflows import Outcome, Work, register
from app.errors import ModelNotFound
from app.store import operations as store
from app.store.training_runs import TrainingRun

CALLER = Caller("person:a@example.test")
PROJECT = "bikes"
CONFIGURATION = {
    "admins": [CALLER.principal],
    "workspaces": {},
    "links": [],
    "projects": {PROJECT: {"roles": {"publisher": [CALLER.principal]}}},
}
STEPS = ("one", "two", "three", "four")


def do(folder: str, operation_id: str, step: str, seconds: float) -> str:
    """Have it done: a file that is made once, however often it is asked for."""
    with (Path(folder) / "tried.txt").open("a") as log:
        log.write(f"{operation_id} {step} {os.getpid()}\n")
    time.sleep(seconds)
    (Path(folder) / f"{operation_id}.{step}").touch()
    return "done"


def look(folder: str, operation_id: str) -> durable.Waiting | str:
    """Wait until somebody opens the gate."""
    return "open" if (Path(folder) / "gate").exists() else durable.Waiting(f"{operation_id} waits at the gate")


def obey(folder: str, operation_id: str) -> None:
    """Fail while the folder says so, and tell the attempt."""
    with (Path(folder) / "attempts.txt").open("a") as log:
        log.write(f"{operation_id} {store.get(operation_id).attempt}\n")
    if (Path(folder) / "refuse").exists():
        raise ModelNotFound(workspace="dev", kind="model", name="main.a.b")


@register("steps", TrainingRun)
async def steps(work: Work) -> Outcome:
    for name in STEPS:
        await durable.step(name, do, work.request["folder"], work.id, name, work.request.get("seconds", 0))
    return Outcome({"state": "SUCCEEDED"})


@register("gate", TrainingRun)
async def gate(work: Work) -> Outcome:
    folder, what = work.request["folder"], {"action": "looking", "workspace": "dev"}
    deadline = work.request.get("deadline_seconds", 60)
    await durable.step("before", do, folder, work.id, "before", 0)
    await durable.wait("wait", look, folder, work.id, every_seconds=0.1, deadline_seconds=deadline, what=what)
    await durable.step("after", do, folder, work.id, "after", 0)
    return Outcome({"state": "SUCCEEDED"})


@register("failing", TrainingRun)
async def failing(work: Work) -> Outcome:
    folder = work.request["folder"]
    await durable.step("prepare", do, folder, work.id, "prepare", 0)
    await durable.step("try", do, folder, work.id, "try", 0)
    await durable.step("obey", obey, folder, work.id, again_from=work.request.get("again_from"))
    return Outcome({"state": "SUCCEEDED"})


access.ROLES.update(dict.fromkeys(("steps", "gate", "failing"), ("publisher",)))
WORKFLOWS = {"steps": steps, "gate": gate, "failing": failing}


def make(kind: str, number: int, request: dict[str, Any]) -> tuple[Key, TrainingRun]:
    """The key and the record of a request; the same number again is the same request."""
    key = operations.make_key(CALLER, "POST", f"/{kind}", str(number), request)
    record = TrainingRun(
        id=key.record_id("trn"),
        project=PROJECT,
        operation_id=key.operation_id,
        created_by=CALLER.principal,
        workspace="dev",
        model=f"main.bikes.m{number}",
    )
    return key, record


def start(kind: str, number: int, folder: Path, lock: str | None = None, **more: Any) -> Operation:
    """Accept an operation as a route does."""
    on_conflict = more.pop("on_conflict", operations.REJECT)
    request = {"folder": str(folder), **more}
    key, record = make(kind, number, request)
    known = operations.find_replay(key)
    if known is not None:
        return known
    made = WORKFLOWS[kind]
    return operations.start(made, key, CALLER, PROJECT, request, record, lock, workspaces=[], on_conflict=on_conflict)


def run() -> None:
    """Work until SIGTERM."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: over.set())
    main.write_logs_as_json("WARNING")
    configuration.use(settings.current().config)
    main.open_stores()
    executor = executors.start()
    Path(sys.argv[1], f"ready.{os.getpid()}").touch()
    over.wait()
    executors.stop(executor)
    main.close_stores()


if __name__ == "__main__":
    run()
