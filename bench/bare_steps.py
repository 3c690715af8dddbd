"""Two workflows that do nothing, in steps of the engine's own and in ours, to be compared."""

import asyncio

from dbos import DBOS

from app import durable
from app.domain import access
from app.domain.workflows import Outcome, Work, register
from app.store.training_runs import TrainingRun
from tests import replica_program

STEPS = 200
access.ROLES.update(dict.fromkeys(("bare", "ours"), ("publisher",)))


def nothing() -> int:
    """Do nothing."""
    return 1


async def in_thread() -> int:
    """Do nothing, in a thread as ours do."""
    return await asyncio.to_thread(nothing)


@register("bare", TrainingRun)
async def bare(work: Work) -> Outcome:
    """Steps of the engine's own."""
    for number in range(STEPS):
        await DBOS.run_step_async({"name": f"step {number}"}, in_thread)
    return Outcome({"state": "SUCCEEDED"})


@register("ours", TrainingRun)
async def ours(work: Work) -> Outcome:
    """Steps with tries, problems and progress for people."""
    for number in range(STEPS):
        await durable.step(f"step {number}", nothing)
    return Outcome({"state": "SUCCEEDED"})


replica_program.WORKFLOWS.update(bare=bare, ours=ours)
