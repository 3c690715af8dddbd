"""A program with workflows of its own, which tests start, kill and start again, on one folder."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from app import durable
from app.errors import ModelNotFound, Problem, WorkspaceThrottled

folder = Path(sys.argv[1])
told = folder / "told.jsonl"


def tell(**what: Any) -> bool:
    """Append a line that survives a kill."""
    with told.open("a") as log:
        log.write(json.dumps(what) + "\n")
        log.flush()
        os.fsync(log.fileno())
    return True


def do(name: str) -> str:
    tell(did=name)
    if (folder / f"kill in {name}").exists():
        (folder / f"kill in {name}").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return f"value of {name}"


def throttled_twice() -> int:
    counter = folder / "tries"
    tries = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(tries))
    tell(tried_at=time.time())
    if tries < 3:
        raise WorkspaceThrottled(workspace="dev", action="counting", retry_after_seconds=1)
    return tries


def fail() -> None:
    tell(did="fail")
    raise ModelNotFound(workspace="dev", kind="model", name="main.a.b")


def break_down() -> None:
    tell(did="break down")
    raise ZeroDivisionError("a secret that must not be told")


def look() -> durable.Waiting | str:
    found = "found" if (folder / "arrived").exists() else durable.Waiting("not there yet")
    if isinstance(found, durable.Waiting):
        tell(polled=True)
    return found


@durable.workflow("program.three-steps")
async def three_steps(_argument: str) -> None:
    values = [await durable.step(name, do, name) for name in ("one", "two", "three")]
    tell(ended=values)


@durable.workflow("program.throttled")
async def throttled(_argument: str) -> None:
    tell(ended=await durable.step("count", throttled_twice))


@durable.workflow("program.failing")
async def failing(_argument: str) -> None:
    try:
        await durable.step("fail", fail)
    except Problem as problem:
        caught = problem.as_dict()
    await durable.step("after", do, "after")
    tell(ended=caught)


@durable.workflow("program.breaking")
async def breaking(_argument: str) -> None:
    try:
        await durable.step("break down", break_down)
    except Problem as problem:
        tell(ended=problem.as_dict())


@durable.workflow("program.waiting")
async def waiting(_argument: str) -> None:
    what = {"action": "looking", "workspace": "dev"}
    deadline = 1.0 if (folder / "impatient").exists() else 60.0
    try:
        tell(ended=await durable.wait("look", look, every_seconds=0.05, deadline_seconds=deadline, what=what))
    except Problem as problem:
        tell(ended=problem.as_dict())


@durable.workflow("program.released")
async def released(_argument: str) -> None:
    """What was one step less before the release; `careless` is how the release should not have been made."""
    values = [await durable.step("one", do, "one")]
    is_released = (folder / "released").exists()
    if is_released and ((folder / "careless").exists() or await durable.is_new("a step between")):
        values.append(await durable.step("between", do, "between"))
    values += [await durable.step(name, do, name) for name in ("two", "three")]
    tell(ended=values)


def main() -> None:
    """Run the named workflow once, whatever happened before, until a file called `stop` appears."""
    durable.listen(lambda workflow_id, step, **news: tell(step=step, **news) and not (folder / "unwished").exists())
    url = f"sqlite:///{folder / 'engine.sqlite'}"
    durable.connect(url)
    durable.launch(url, None, 10)
    durable.enqueue("the-one", f"program.{sys.argv[2]}", "argument")
    while not (folder / "stop").exists():
        if (folder / "cancel").exists():
            (folder / "cancel").unlink()
            durable.cancel("the-one")
            tell(cancelled=True)
        states = durable.list_states(["the-one"])
        if states == {"the-one": durable.State.ENDED} and not (folder / "over").exists():
            (folder / "over").touch()
        time.sleep(0.05)
    durable.shutdown(drain_seconds=5)
    durable.disconnect()


if __name__ == "__main__":
    main()
