"""A Causeway that dies where a test says: before a step's work, or after it and before the engine remembers it.

`main` runs in the forked process in place of the program's own; `Crashes` is the test's hand on it.
"""

from __future__ import annotations

import fcntl
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import cli, durable
from app.domain import acceptances, deployments, jobs
from app.durable import steps

BEFORE, AFTER = "before", "after"
HAND_OVER = "hand over to the engine"
EACH, NONE = "each", ""
PAUSE_SECONDS = 0.05
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

    def points(self, operation_id: str) -> list[Point]:
        """The points that the operation has come by, in order, each once."""
        found = (line.split("\t") for line in self._lines())
        return [(step, moment) for operation, step, moment in found if operation == operation_id]

    def meet(self, operation_id: str, step: str, moment: str) -> None:
        """Called at each point by the process that is to die there, at the first time that the operation gets there."""
        with (self.folder / "points").open("a") as points:
            fcntl.flock(points, fcntl.LOCK_EX)
            line = "\t".join((operation_id, step, moment))
            if line in self._lines():
                return
            points.write(f"{line}\n")
            points.flush()
            if (self.folder / "plan").read_text() in (EACH, f"{step}\t{moment}"):
                os.kill(os.getpid(), signal.SIGKILL)

    def _lines(self) -> list[str]:
        points = self.folder / "points"
        return points.read_text().splitlines() if points.exists() else []


def main() -> None:
    """Be `causeway`, with short pauses, and meet a point at each turn of each operation."""
    crashes = Crashes(Path(os.environ["CRASHES"]))
    steps.FIRST_PAUSE_SECONDS = PAUSE_SECONDS
    jobs.POLL_SECONDS = deployments.POLL_SECONDS = acceptances.LOOK_EVERY_SECONDS = 2 * PAUSE_SECONDS
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
