"""A worker whose operations wait for job runs that never end; `bench/durability.py` counts what that costs.

Polls are as rare from the start as the age that the environment names would make them.
"""

import os

from app import durable
from app.domain import access
from app.domain.workflows import Outcome, Work, register
from app.durable import steps
from app.store.training_runs import TrainingRun
from app.workspaces import runs
from tests import replica_program

KIND = "endless"
access.ROLES[KIND] = ("publisher",)


def poll(run_id: int) -> durable.Waiting:
    """One look at the job run, over HTTP as in every workflow."""
    return durable.Waiting(f"job run {run_id} is {runs.get_run('dev', run_id).state}")


@register(KIND, TrainingRun)
async def endless(work: Work) -> Outcome:
    """Wait for a job run that does not end."""
    what = {"action": "The job", "workspace": "dev"}
    await durable.wait("wait", poll, 1, every_seconds=1, deadline_seconds=36000, what=what)
    return Outcome({"state": "SUCCEEDED"})


replica_program.WORKFLOWS[KIND] = endless


def run() -> None:
    """Work as `tests.replica_program` does, on waits of a given age."""
    age_seconds = float(os.environ["BENCH_AGE_SECONDS"])
    steps.POLL_AT_MOST_SECONDS = min(steps.POLL_SHARE * age_seconds, steps.POLL_AT_MOST_SECONDS)
    steps.POLL_SHARE = 1e9
    replica_program.run()
