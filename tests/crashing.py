"""A Causeway that dies where a test says: before a step's work, or after it and before the engine remembers it.

`main` runs in the forked process in place of the program's own; `Crashes` is the test's hand on it. It also has the
sandbox spoil the calls of a step, from the moment at which an operation comes to that step.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from app import cli, durable
from app.domain import acceptances, deployments, jobs, withdrawals
from app.durable import engine, steps
from app.store import steps as told_steps
from app.workspaces import faults

BEFORE, AFTER = "before", "after"
HAND_OVER = "hand over to the engine"
EACH, NONE = "each", ""
PAUSE_SECONDS, POLL_SECONDS = 0.002, 0.05
Point = tuple[str, str]


@dataclass(frozen=True)
class Crashes:
    """Where processes die, told to them by two files: what is planned, and every point that one has come by."""

    folder: Path

    def plan(self, *where: str) -> None:
        """Die at `EACH` point that an operation has not come by before, at one (a step and a moment), or at `NONE`."""
        draft = self.folder / "plan.new"
        draft.write_text("\t".join(where))
        draft.replace(self.folder / "plan")

    def spoil(self, address: str, token: str, rules: dict[str, list[dict[str, Any]]]) -> None:
        """Have the sandbox follow these rules while an operation is for the first time at the step; none: no more."""
        (self.folder / "spoil").write_text(json.dumps({"address": address, "token": token, "rules": rules}))

    def points(self, operation_id: str) -> list[Point]:
        """The points that the operation has come by, in order, each once."""
        return [point for point, _ in self.list_times(operation_id)]

    def list_times(self, operation_id: str) -> list[tuple[Point, int]]:
        """The points, and the milliseconds of the epoch at which the operation first came by."""
        found = (line.split("\t") for line in self._lines())
        return [((step, moment), int(at)) for operation, step, moment, at in found if operation == operation_id]

    def meet(self, operation_id: str, step: str, moment: str) -> None:
        """Called at each point by the process that is to die there, at the first time that the operation gets there."""
        with (self.folder / "points").open("a") as points:
            fcntl.flock(points, fcntl.LOCK_EX)
            if (step, moment) in self.points(operation_id):
                return
            points.write(f"{operation_id}\t{step}\t{moment}\t{time.time_ns() // 1_000_000}\n")
            points.flush()
            self._steer_the_sandbox(step, moment)
            if (self.folder / "plan").read_text() in (EACH, f"{step}\t{moment}"):
                os.kill(os.getpid(), signal.SIGKILL)

    def _steer_the_sandbox(self, step: str, moment: str) -> None:
        spoil = self.folder / "spoil"
        planned = json.loads(spoil.read_text()) if spoil.exists() else {"rules": {}}
        if step not in planned["rules"]:
            return
        address, headers = f"{planned['address']}/__sandbox/faults", {"Authorization": f"Bearer {planned['token']}"}
        requests.delete(address, headers=headers, timeout=20).raise_for_status()
        for rule in planned["rules"][step] if moment == BEFORE else []:
            requests.post(address, headers=headers, json=rule, timeout=20).raise_for_status()

    def _lines(self) -> list[str]:
        points = self.folder / "points"
        return points.read_text().splitlines() if points.exists() else []


def main() -> None:
    """Be `causeway`, with short pauses and no end of tries in all, and meet a point at each turn of each operation."""
    crashes = Crashes(Path(os.environ["CRASHES"]))
    faults.RETRY_AFTER_SECONDS = 0
    steps.FIRST_PAUSE_SECONDS, told_steps.FURTHER_TRIES = PAUSE_SECONDS, 10_000
    jobs.POLL_SECONDS = deployments.POLL_SECONDS = acceptances.LOOK_EVERY_SECONDS = POLL_SECONDS
    engine.DEQUEUE_EVERY_SECONDS = withdrawals.LOOK_EVERY_SECONDS = POLL_SECONDS
    listen, enqueue = durable.listen, durable.enqueue

    def meeting(observer: steps.Observer | None) -> steps.Observer:
        def heard(operation_id: str, step: str, /, **news: Any) -> bool:
            told = observer is None or observer(operation_id, step, **news)
            crashes.meet(operation_id, step, BEFORE if news["state"] == "RUNNING" else AFTER)
            return told

        return heard

    def listen_and_meet(observer: steps.Observer, quiet: steps.Observer | None = None) -> None:
        listen(meeting(observer), meeting(quiet))

    def enqueue_and_meet(workflow_id: str, name: str, argument: str) -> None:
        crashes.meet(argument, f"{HAND_OVER} {name}", BEFORE)
        enqueue(workflow_id, name, argument)
        crashes.meet(argument, f"{HAND_OVER} {name}", AFTER)

    durable.listen, durable.enqueue = listen_and_meet, enqueue_and_meet
    cli.app()
